//! Refusals as `application/problem+json` (RFC 9457), each with what to do.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use swabmesh_protocol::command::Refusal;
use swabmesh_protocol::document::refusal::Route;
use swabmesh_protocol::io::PersistError;
use swabmesh_protocol::view::ViewError;

use crate::intake::IntakeError;

/// Beginning of every type of problem.
const TYPE: &str = "urn:swabmesh:problem:";

/// Seconds after which a busy node is to be asked again.
const RETRY_AFTER_S: &str = "1";

/// Why a request was not carried out. No state changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `urn:swabmesh:problem:` and a name that never changes.
    #[serde(rename = "type")]
    pub kind: String,
    /// The name in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened, in one sentence.
    pub detail: String,
    /// What the operator does next.
    pub what_to_do: String,
    /// Routes of registration that stay open.
    #[serde(default, skip_serializing_if = "<[String]>::is_empty")]
    pub routes: Box<[String]>,
}

impl Problem {
    /// A problem with a name such as `tube-not-open`.
    #[must_use]
    pub fn new(status: StatusCode, name: &str, detail: impl Into<String>, what_to_do: impl Into<String>) -> Self {
        Self {
            kind: format!("{TYPE}{name}"),
            title: name.replace('-', " "),
            status: status.as_u16(),
            detail: detail.into(),
            what_to_do: what_to_do.into(),
            routes: Box::default(),
        }
    }

    /// Something that was asked for is not there.
    #[must_use]
    pub fn not_found(what: impl Into<String>, what_to_do: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", what, what_to_do)
    }

    /// A request that makes no sense.
    #[must_use]
    pub fn malformed(detail: impl Into<String>, what_to_do: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "malformed", detail, what_to_do)
    }

    /// The name without its beginning.
    #[must_use]
    pub fn name(&self) -> &str {
        self.kind.strip_prefix(TYPE).unwrap_or(&self.kind)
    }

    /// The node's own failure; the cause goes to the log, not to the caller.
    #[must_use]
    pub fn internal(cause: &dyn std::error::Error) -> Self {
        tracing::error!(%cause, "a request failed");
        let detail = "the node could not do this";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail, "Look at the node's log; try again.")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        tracing::debug!(status = self.status, problem = self.name(), "a request was refused");
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
        }
        response
    }
}

/// Status, name and what to do for each refusal of the core.
fn sort(refusal: &Refusal) -> (StatusCode, &'static str, &'static str) {
    const CONFLICT: StatusCode = StatusCode::CONFLICT;
    const WRONG: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;
    const LATER: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
    match refusal {
        Refusal::Disk(PersistError::Full) => (
            LATER,
            "disk-full",
            "Free some space and register at another desk meanwhile; everything shown as accepted is safe.",
        ),
        Refusal::Disk(PersistError::Failed) => (
            LATER,
            "disk-failed",
            "Register at another desk, move to another machine; everything shown as accepted is safe.",
        ),
        Refusal::Disk(PersistError::Busy) => (LATER, "disk-busy", "Try again in a moment."),
        Refusal::Store => {
            (LATER, "store-unreadable", "Restart the node, it repairs itself; everything shown as accepted is safe.")
        }
        Refusal::Busy => (LATER, "busy", "Try again in a moment."),
        Refusal::Withdrawn => (CONFLICT, "withdrawn", "Work at another node, and ask the authority."),
        Refusal::Role { .. } => (CONFLICT, "wrong-role", "Do this at a node of the right role."),
        Refusal::TubeNotOpen { .. } => (CONFLICT, "tube-not-open", "Scan the tube's barcode to open it."),
        Refusal::TubeOpen { .. } => (CONFLICT, "tube-open", "Go on with it, or take another tube."),
        Refusal::TubeSealed { .. } => (CONFLICT, "tube-sealed", "Open another tube."),
        Refusal::TubeFull { .. } => (CONFLICT, "tube-full", "Seal it and open another, or go on with a reason."),
        Refusal::TubeNotFull { .. } => (CONFLICT, "tube-not-full", "Confirm that it is to be sealed all the same."),
        Refusal::TubeStillOpen { .. } => (CONFLICT, "tube-not-sealed", "Go on filling it."),
        Refusal::TubePacked { .. } => (CONFLICT, "tube-packed", "Open another tube."),
        Refusal::TubeNotSealed { .. } => (CONFLICT, "tube-not-sealed", "Seal it first."),
        Refusal::NoSuchRegistration { .. } => {
            (CONFLICT, "no-such-registration", "Look at the tube again: it may have been moved or voided.")
        }
        Refusal::NotReported { .. } => (CONFLICT, "not-reported", "Report the tube first."),
        Refusal::CorrectedWithoutReason { .. } => (WRONG, "corrected-without-reason", "Correct it, with the reason."),
        Refusal::NoSuchCode => (CONFLICT, "no-such-code", "Check person and kind."),
        Refusal::NoIssuerKey => (CONFLICT, "no-issuer-key", "Publish a trust list with an active issuing key."),
        Refusal::NoSuchFork => {
            (CONFLICT, "no-such-fork", "See `swabmesh log forks`; wait until both histories arrived.")
        }
        Refusal::NoSuchNode => (CONFLICT, "no-such-node", "Check the node's key."),
        Refusal::PoolSize => (WRONG, "pool-size", "Choose 1, 5, 10 or 20."),
        Refusal::Issue(_) => (WRONG, "code-fields", "Put the named field right."),
        Refusal::NotOfTheRoot => {
            (WRONG, "not-of-the-root", "Use the newest document that this authority's root signed.")
        }
        Refusal::TooMany => (WRONG, "too-many", "Ask for fewer codes at a time."),
        Refusal::TooLong => (WRONG, "too-long", "Shorten the reason or the remark."),
    }
}

/// The part of a sentence before its advice, which the problem gives by itself.
fn what_happened(sentence: &str) -> &str {
    sentence.rsplit_once(": ").map_or(sentence, |(what, _)| what)
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (status, name, what_to_do) = sort(&refusal);
        Self::new(status, name, what_happened(&refusal.to_string()), what_to_do)
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        if let IntakeError::Random(cause) = &error {
            return Self::internal(cause);
        }
        let routes: Box<[String]> = error.routes().iter().map(Route::to_string).collect();
        let what_to_do = format!("Offer another way: {}.", routes.join(", "));
        Self {
            routes,
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "document", what_happened(&error.to_string()), what_to_do)
        }
    }
}

impl From<ViewError> for Problem {
    fn from(error: ViewError) -> Self {
        tracing::error!(%error, "the tables cannot be read");
        Refusal::Store.into()
    }
}

const SEE_API: &str = "Put the request right: see the API in the documentation.";

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                let detail = "the body is larger than one mebibyte";
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail, "Send less at a time.")
            }
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not-json",
                "the body is not JSON",
                "Send `content-type: application/json`.",
            ),
            _ => Self::malformed(rejection.body_text(), SEE_API),
        }
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::malformed(rejection.body_text(), SEE_API)
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::malformed(rejection.body_text(), SEE_API)
    }
}

#[cfg(test)]
mod tests {
    use swabmesh_protocol::document::DocumentType;
    use swabmesh_protocol::document::refusal;

    use super::*;

    async fn body(response: Response) -> serde_json::Value {
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[tokio::test]
    async fn a_refusal_is_problem_json_with_what_to_do() {
        let refusal = Refusal::TubeNotOpen { tube: "T1".parse().unwrap() };
        let response = Problem::from(refusal).into_response();
        assert_eq!(response.status(), StatusCode::CONFLICT);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        let body = body(response).await;
        assert_eq!(body["type"], "urn:swabmesh:problem:tube-not-open");
        assert_eq!(body["title"], "tube not open");
        assert_eq!(body["status"], 409);
        assert_eq!(body["detail"], "tube T1 is not open");
        assert!(body["what_to_do"].as_str().unwrap().contains("Scan"));
        assert!(body.get("routes").is_none());
    }

    #[tokio::test]
    async fn a_failed_document_keeps_its_routes_open() {
        let document = DocumentType::IdentityCard;
        let error = refusal::DocumentError { document, problem: refusal::Problem::CheckDigit };
        let response = Problem::from(IntakeError::from(error)).into_response();
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(body(response).await["routes"].as_array().unwrap().len(), 3);
    }

    #[tokio::test]
    async fn a_busy_node_says_when_to_come_back() {
        let response = Problem::from(Refusal::Busy).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    }
}
