//! Codes of whoever is signed in: the static one, its sheet, the live credential of their phone.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use swabmesh_node::clock;
use swabmesh_node::http::body::Body;
use swabmesh_node::http::problem::Problem;
use swabmesh_node::picture::sheet::{Sheet, SheetKind};
use swabmesh_protocol::code::OfKind;
use swabmesh_protocol::document::DocumentType;
use swabmesh_protocol::id::{Person, unhex};
use swabmesh_protocol::time::Wall;

use super::Page;
use super::guard::SignedIn;
use crate::issuing::{Issued, Order};
use crate::office::{Office, ProblemOf};

/// A code as a phone keeps and shows it.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    /// What goes into the QR symbol.
    text: String,
    /// Masked name.
    name: String,
    /// Last four characters of the document.
    last_four: String,
    /// Since when.
    issued_at: Wall,
    /// Until when.
    expires_at: Wall,
    /// Whether it is the one they had before.
    again: bool,
    /// The authority's time; a phone's clock may be wrong.
    now: Wall,
}

impl From<Issued> for Shown {
    fn from(issued: Issued) -> Self {
        let Issued { text, name, last_four, issued_at, expires_at, again, .. } = issued;
        Self { text, name, last_four, issued_at, expires_at, again, now: clock::wall() }
    }
}

/// What is asked of a code.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Ask {
    /// Replace the valid one, which dies: it was lost, or somebody else has it.
    pub(super) renew: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Phone {
    /// Its Ed25519 public key in hexadecimal; the private one never leaves it.
    device: String,
}

async fn order(page: &Page, person: Person, of_kind: OfKind, renew: bool) -> Result<Issued, ProblemOf> {
    Ok(page.office.counter.ask(Order { person, of_kind, renew }).await?)
}

pub(super) async fn own(
    State(page): State<Page>,
    SignedIn(person): SignedIn,
    Body(Ask { renew }): Body<Ask>,
) -> Result<Json<Shown>, ProblemOf> {
    Ok(Json(order(&page, person, OfKind::Static, renew).await?.into()))
}

pub(super) async fn own_sheet(State(page): State<Page>, SignedIn(person): SignedIn) -> Result<Response, ProblemOf> {
    let issued = order(&page, person, OfKind::Static, false).await?;
    sheet(&page.office, SheetKind::Static, &issued).await
}

pub(super) async fn live(
    State(page): State<Page>,
    SignedIn(person): SignedIn,
    Body(Phone { device }): Body<Phone>,
) -> Result<Json<Shown>, ProblemOf> {
    let what_to_do = "Send `device`: 64 hexadecimal digits.";
    let device = unhex(&device).map_err(|error| Problem::malformed(error.to_string(), what_to_do))?;
    Ok(Json(order(&page, person, OfKind::Live { device }, false).await?.into()))
}

/// Draws the sheet of a code that was issued.
pub(super) async fn sheet(office: &Office, kind: SheetKind, issued: &Issued) -> Result<Response, ProblemOf> {
    let (residents, person) = (office.residents.clone(), issued.person);
    let resident = tokio::task::spawn_blocking(move || residents.get(person));
    let resident = resident.await.map_err(|panicked| Problem::internal(&panicked))??;
    let document = resident.and_then(|resident| DocumentType::try_from(resident.document).ok());
    let sheet = Sheet {
        kind,
        text: &issued.text,
        masked_name: &issued.name,
        document: document.unwrap_or(DocumentType::Other),
        last_four: &issued.last_four,
        expires: issued.expires_at,
        serial: None,
    };
    let svg = sheet.svg().map_err(|error| Problem::internal(&error))?;
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], svg).into_response())
}
