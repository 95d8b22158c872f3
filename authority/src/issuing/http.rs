//! Codes over HTTP: one, many, lost.

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::HeaderMap;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::{Deserialize, Serialize};
use swabmesh_node::api::IssuedKind;
use swabmesh_node::clock;
use swabmesh_node::http::problem::Problem;
use swabmesh_node::keys::draw;
use swabmesh_protocol::code::{Category, Kind, OfKind};
use swabmesh_protocol::command::{Command, Refusal};
use swabmesh_protocol::document::age::AgeCategory;
use swabmesh_protocol::fact::Remark;
use swabmesh_protocol::id::{Person, unhex};

use super::{Issued, NotIssued, Order};
use crate::office::visit::Visit;
use crate::office::{Office, ProblemOf, crowd};
use crate::registry::{Row, Rows};
use crate::residents::{Named, whose};

/// Orders in one batch; the core issues as many at once.
pub const BATCH_MAX: usize = swabmesh_protocol::limits::ISSUE_MANY_MAX;

/// Bytes of a body.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// Requests for codes that are being read or answered at a time; more are shed before they are read.
const IN_HAND_MAX: usize = 8_192;

/// `POST /issuing/codes`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskForCode {
    /// For whom.
    pub resident: Named,
    /// Which kind; a relative's code is asked for at the link.
    pub kind: IssuedKind,
    /// Replace a valid code: the one before dies.
    #[serde(default)]
    pub renew: bool,
    /// The phone's Ed25519 public key in hexadecimal, for a live credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

/// `POST /issuing/codes/batch`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskForCodes {
    /// At most [`BATCH_MAX`].
    pub orders: Vec<AskForCode>,
}

/// What came of one order of a batch: exactly one of both.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OneOfMany {
    /// The code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued: Option<Issued>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// The answer to a batch, in the order asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Codes {
    /// One for each order.
    pub codes: Vec<OneOfMany>,
}

/// `POST /issuing/codes/lost`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportLost {
    /// Whose code.
    pub resident: Named,
    /// Which kind.
    pub kind: IssuedKind,
    /// What happened.
    #[serde(default)]
    pub reason: Remark,
}

/// What became of a lost code.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lost {
    /// Whose.
    pub person: Person,
    /// Whether there was a valid one, which is dead now.
    pub revoked: bool,
}

pub(crate) fn routes(office: Office) -> Router {
    let in_hand = std::sync::Arc::new(tokio::sync::Semaphore::new(IN_HAND_MAX));
    Router::new()
        .route("/api/v1/issuing/codes", post(one))
        .route("/api/v1/issuing/codes/batch", post(many))
        .layer(from_fn_with_state((office.clone(), in_hand), shed))
        .route("/api/v1/issuing/codes/lost", post(lost))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(office)
}

/// Turns away who would be turned away anyway, before anything is read.
async fn shed(
    State((office, in_hand)): State<(Office, std::sync::Arc<tokio::sync::Semaphore>)>,
    request: Request,
    next: Next,
) -> Response {
    let Ok(_place) = in_hand.try_acquire() else {
        office.counter.shed();
        return crowd().into_response();
    };
    if office.counter.is_crowded() {
        office.counter.shed();
        return crowd().into_response();
    }
    next.run(request).await
}

async fn one(State(office): State<Office>, headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Response {
    let visit = match Visit::enter(&office, &headers, "/codes", 1) {
        Ok(visit) => visit,
        Err(problem) => return problem.into_response(),
    };
    let inside = office.clone();
    visit.answer(&office, &headers, body, |_, asked: AskForCode| async move { issue(&inside, asked).await }).await
}

async fn issue(office: &Office, asked: AskForCode) -> Result<Issued, ProblemOf> {
    let order = order(office, asked).await?;
    Ok(office.counter.ask(order).await?)
}

async fn order(office: &Office, asked: AskForCode) -> Result<Order, ProblemOf> {
    let AskForCode { resident, kind, renew, device } = asked;
    let person = whose(&office.shell, &resident)?;
    let of_kind = match kind {
        IssuedKind::Static => OfKind::Static,
        IssuedKind::Relative => {
            let detail = "a relative's code is asked for at the link to the relative";
            return Err(Problem::malformed(detail, "Ask at /api/v1/issuing/relatives/{link}/code.").into());
        }
        IssuedKind::Live => {
            let device = device.ok_or_else(|| {
                Problem::malformed(
                    "a live credential needs the phone's public key",
                    "Send `device`: 64 hexadecimal digits.",
                )
            })?;
            let device = unhex(&device);
            OfKind::Live {
                device: device.map_err(|error| Problem::malformed(error.to_string(), "Send the phone's key."))?,
            }
        }
        IssuedKind::Paper => paper(office, person).await?,
    };
    Ok(Order { person, of_kind, renew })
}

/// A paper code says why its holder has one.
async fn paper(office: &Office, person: Person) -> Result<OfKind, ProblemOf> {
    let residents = office.residents.clone();
    let age =
        move || residents.age_category(person, clock::wall(), "a paper code says minor, elder or unable to apply");
    let age = tokio::task::spawn_blocking(age).await.map_err(|panicked| Problem::internal(&panicked))??;
    let category = match age {
        Some(AgeCategory::Minor) => Category::Minor,
        Some(AgeCategory::Elder) => Category::Elder,
        Some(AgeCategory::None) | None => Category::UnableToApply,
    };
    let serial = draw().map_err(|error| Problem::internal(&error))?;
    Ok(OfKind::Paper { category, serial: u64::from(u32::from_be_bytes(serial)) })
}

async fn many(State(office): State<Office>, headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Response {
    // The quota is counted by people; how many they are is known once the body is read.
    let visit = match Visit::enter(&office, &headers, "/codes/batch", 1) {
        Ok(visit) => visit,
        Err(problem) => return problem.into_response(),
    };
    let inside = office.clone();
    let work = |_, AskForCodes { orders }: AskForCodes| async move {
        if orders.is_empty() || orders.len() > BATCH_MAX {
            let detail = format!("a batch has 1 to {BATCH_MAX} orders");
            return Err(Problem::malformed(detail, "Send as many at a time.").into());
        }
        // A batch that is shed is shed as a whole: its channel asks again with the same.
        if inside.counter.is_crowded() {
            return Err(crowd().into());
        }
        let asked = orders.into_iter().map(|asked| {
            let office = inside.clone();
            async move { issue(&office, asked).await }
        });
        let mut codes = Vec::new();
        for result in futures::future::join_all(asked).await {
            codes.push(match result {
                Ok(issued) => OneOfMany { issued: Some(issued), problem: None },
                Err(ProblemOf(problem)) => OneOfMany { issued: None, problem: Some(problem) },
            });
        }
        Ok(Codes { codes })
    };
    visit.answer(&office, &headers, body, work).await
}

async fn lost(State(office): State<Office>, headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Response {
    let visit = match Visit::enter(&office, &headers, "/codes/lost", 1) {
        Ok(visit) => visit,
        Err(problem) => return problem.into_response(),
    };
    let inside = office.clone();
    let work = |_, ReportLost { resident, kind, reason }: ReportLost| async move {
        let person = whose(&inside.shell, &resident)?;
        let revoked = revoke(&inside, person, kind.into(), reason).await?;
        Ok(Lost { person, revoked })
    };
    visit.answer(&office, &headers, body, work).await
}

/// Revokes a person's code of a kind; tells whether there was a valid one.
pub(crate) async fn revoke(office: &Office, person: Person, kind: Kind, reason: Remark) -> Result<bool, ProblemOf> {
    let known = {
        let residents = office.residents.clone();
        let known = tokio::task::spawn_blocking(move || residents.get(person));
        known.await.map_err(|panicked| Problem::internal(&panicked))??
    };
    if known.is_none() {
        return Err(NotIssued::Unknown.into());
    }
    // Off the shelf first: whoever asks meanwhile gets a new one, not the lost one.
    office.links.registry().note(vec![Row::remove(Rows::Texts, super::shelf::key(person, kind.number()))]).await?;
    match office.shell.node().command(Command::Revoke { person, kind, reason }).await {
        Ok(_) => Ok(true),
        Err(Refusal::NoSuchCode) => Ok(false),
        Err(refusal) => Err(Problem::from(refusal).into()),
    }
}
