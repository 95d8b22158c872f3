//! Residents over HTTP: registered by channels and operators, looked at by operators only.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use swabmesh_node::api::DocumentEntry;
use swabmesh_node::clock;
use swabmesh_node::http::body::{Asked, Body, Named as InPath};
use swabmesh_node::http::problem::Problem;
use swabmesh_protocol::id::Person;
use swabmesh_protocol::telephone::Telephone;

use super::{Registered, ResidentError};
use crate::office::visit::Visit;
use crate::office::{Office, ProblemOf};

/// Residents in one request of an operator.
pub const RESIDENTS_MAX: usize = 1_000;

/// `POST /residents`, an operator's.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterMany {
    /// At most [`RESIDENTS_MAX`].
    pub documents: Vec<DocumentEntry>,
}

/// How many were registered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RegisteredMany {
    /// In the order given.
    pub registered: Vec<Registered>,
}

/// Who looks at details, and why.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookAt {
    /// The operator.
    pub who: String,
    /// The reason.
    pub why: String,
}

/// A resident's details in the clear.
#[derive(Clone, Serialize, Deserialize)]
pub struct InTheClear {
    /// Full name.
    pub name: String,
    /// Type of document.
    #[serde(rename = "type")]
    pub document: u8,
    /// Its number.
    pub number: String,
    /// Telephone.
    pub phone: Option<String>,
    /// Address.
    pub address: Option<String>,
    /// Remark.
    pub remark: Option<String>,
    /// Date of birth.
    pub born: Option<String>,
    /// Issuing state of a passport.
    pub state: Option<String>,
}

pub(crate) fn routes(office: Office) -> Router {
    Router::new()
        .route("/api/v1/issuing/residents", post(register))
        .route("/api/v1/residents", post(register_many))
        .route("/api/v1/residents/{person}", get(look))
        .with_state(office)
}

async fn register(State(office): State<Office>, headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Response {
    let visit = match Visit::enter(&office, &headers, "/residents", 1) {
        Ok(visit) => visit,
        Err(problem) => return problem.into_response(),
    };
    let inside = office.clone();
    let work = |_, entry: DocumentEntry| async move {
        let (row, registered) = inside.residents.judge(&inside.shell.member().person_key, &entry, clock::wall())?;
        inside.residents.register(vec![row]).await?;
        Ok(registered)
    };
    visit.answer(&office, &headers, body, work).await
}

async fn register_many(
    State(office): State<Office>,
    headers: HeaderMap,
    Body(RegisterMany { documents }): Body<RegisterMany>,
) -> Result<Json<RegisteredMany>, ProblemOf> {
    office.operator(&headers)?;
    if documents.len() > RESIDENTS_MAX {
        let detail = format!("at most {RESIDENTS_MAX} residents are registered at once");
        return Err(Problem::malformed(detail, "Send fewer at a time.").into());
    }
    let inside = office.clone();
    let judged = tokio::task::spawn_blocking(move || {
        let persons = &inside.shell.member().person_key;
        let judged = documents.iter().map(|entry| inside.residents.judge(persons, entry, clock::wall()));
        judged.collect::<Result<Vec<_>, ResidentError>>()
    });
    let judged = judged.await.map_err(|panicked| Problem::internal(&panicked))??;
    let (rows, registered) = judged.into_iter().unzip();
    office.residents.register(rows).await?;
    Ok(Json(RegisteredMany { registered }))
}

async fn look(
    State(office): State<Office>,
    headers: HeaderMap,
    InPath(person): InPath<Person>,
    Asked(LookAt { who, why }): Asked<LookAt>,
) -> Result<Json<InTheClear>, ProblemOf> {
    office.operator(&headers)?;
    if who.trim().is_empty() || why.trim().is_empty() {
        let detail = "a look at personal details names who looks and why";
        return Err(Problem::malformed(detail, "Send `who` and `why`: both go on record.").into());
    }
    let residents = office.residents.clone();
    let details = tokio::task::spawn_blocking(move || residents.look(person, &who, &why));
    let details = details.await.map_err(|panicked| Problem::internal(&panicked))??;
    let text = |text: &Option<swabmesh_protocol::sensitive::Sensitive<String>>| {
        text.as_ref().map(|text| text.expose().clone())
    };
    Ok(Json(InTheClear {
        name: details.name.expose().clone(),
        document: details.document.number(),
        number: details.number.expose().clone(),
        phone: text(&details.telephone.as_ref().and_then(Telephone::number).cloned()),
        address: text(&details.address),
        remark: text(&details.remark),
        born: text(&details.born),
        state: text(&details.state),
    }))
}
