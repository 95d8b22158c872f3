//! Registrations: by scan, by document, and the newest ones.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use swabmesh_node::api::{DocumentEntry, Judged};
use swabmesh_node::clock;
use swabmesh_node::http::body::{Asked, Body};
use swabmesh_node::http::problem::Problem;
use swabmesh_node::http::read;
use swabmesh_node::http::registering;
use swabmesh_node::intake::Identified;
use swabmesh_protocol::command::{Presented, Register};
use swabmesh_protocol::document::age::day_in_shanghai;
use swabmesh_protocol::fact::Remark;
use swabmesh_protocol::id::Barcode;
use swabmesh_protocol::replica::Replica;
use swabmesh_protocol::time::Wall;

use super::tube::{Taken, take};
use crate::Pages;
use crate::guard::SignedIn;
use crate::recent::{Recent, recent};
use crate::scan::{Sorted, sort};

/// Lines of the list of newest registrations at most.
const RECENT_MAX: usize = 200;

/// Lines when nobody says how many.
const RECENT_DEFAULT: usize = 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scan {
    /// As the scanner typed it.
    text: String,
    /// The tube this desk fills; none before the first was scanned.
    #[serde(default)]
    tube: Option<Barcode>,
    /// What a tube that nobody opened yet is opened for.
    pool: u8,
    /// Goes on despite a warning.
    #[serde(default)]
    reason: Option<Remark>,
}

/// What came of a scan.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(super) enum Scanned {
    /// A person.
    Verdict(Box<Judged>),
    /// A tube: this desk fills it from now on.
    Tube(Taken),
    /// A document that a reader typed: a name is still wanted.
    Document {
        /// Its type.
        document: u8,
    },
}

pub(super) async fn scan(
    State(pages): State<Pages>,
    who: SignedIn,
    Body(Scan { text, tube, pool, reason }): Body<Scan>,
) -> Result<Json<Scanned>, Problem> {
    match sort(&text, day_in_shanghai(clock::wall())) {
        Sorted::Tube(barcode) => Ok(Json(Scanned::Tube(take(&pages, &who, barcode, pool, tube).await?))),
        Sorted::Document(document) => Ok(Json(Scanned::Document { document: document.number() })),
        Sorted::Code => {
            let tube = tube.ok_or_else(no_tube)?;
            let presented = Presented::Code(text);
            let verdict = pages.shell.register(Register { tube, presented, operator: who.operator, reason }).await?;
            Ok(Json(Scanned::Verdict(Box::new(Judged::new(verdict, Vec::new())))))
        }
    }
}

fn no_tube() -> Problem {
    use axum::http::StatusCode;
    Problem::new(StatusCode::CONFLICT, "no-tube", "this desk has no tube yet", "Scan a tube's barcode first.")
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ByDocument {
    tube: Barcode,
    document: DocumentEntry,
    /// Without a telephone: it is the one of the person's last visit here.
    #[serde(default)]
    same_phone: bool,
    #[serde(default)]
    reason: Option<Remark>,
}

pub(super) async fn by_document(
    State(pages): State<Pages>,
    who: SignedIn,
    Body(ByDocument { tube, document, same_phone, reason }): Body<ByDocument>,
) -> Result<Json<Judged>, Problem> {
    let asked = registering::ByDocument { tube, document, same_phone, operator: who.operator, reason };
    Ok(Json(pages.shell.register_document(asked).await?))
}

/// What is known of a document before it is registered.
#[derive(Debug, Serialize)]
pub(super) struct Checked {
    /// Masked name, as it will be shown.
    name: String,
    last_four: String,
    /// Soft rules that do not hold, in words.
    warnings: Vec<String>,
    /// When its holder last gave a telephone here.
    phone_given_at: Option<Wall>,
}

/// Judges what was typed so far; nothing is kept.
pub(super) async fn check_document(
    State(pages): State<Pages>,
    _who: SignedIn,
    Body(document): Body<DocumentEntry>,
) -> Result<Json<Checked>, Problem> {
    let (Identified { name, last_four, warnings, .. }, visit) = pages.shell.check_document(&document).await?;
    Ok(Json(Checked { name, last_four, warnings, phone_given_at: visit.map(|visit| visit.at) }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Newest {
    limit: Option<usize>,
}

pub(super) async fn list(
    State(pages): State<Pages>,
    _who: SignedIn,
    Asked(Newest { limit }): Asked<Newest>,
) -> Result<Json<Vec<Recent>>, Problem> {
    let (view, own) = (pages.shell.node().view().clone(), pages.own_feed());
    let limit = limit.unwrap_or(RECENT_DEFAULT).clamp(1, RECENT_MAX);
    let marks = pages.shell.look(Replica::neighbour_marks).await?;
    let neighbour = marks.get(&own).copied().unwrap_or_default();
    Ok(Json(read(move || recent(&view, own, neighbour, limit)).await?))
}
