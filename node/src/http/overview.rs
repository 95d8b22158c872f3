//! How the node is, and what needs a person: status, health, digests, flags.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use swabmesh_protocol::project::{Flag, FlagState, flags as read_flags};

use super::body::Asked;
use super::problem::Problem;
use super::{Shell, lines, read};
use crate::advice::{Advice, advice};
use crate::api::HeadsDigest;
use crate::reading;
use crate::runtime::Snapshot;

/// The snapshot, and what it means for the operator.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    snapshot: &'a Snapshot,
    advice: Vec<Advice>,
}

pub(super) async fn status(State(shell): State<Shell>) -> Response {
    let snapshot = shell.node.snapshot();
    Json(Told { snapshot: &snapshot, advice: advice(&snapshot) }).into_response()
}

/// 200 while registrations are taken, 503 with the reason while they are not.
pub(super) async fn healthz(State(shell): State<Shell>) -> Response {
    let snapshot = shell.node.snapshot();
    let (status, word) = match &snapshot.disk.trouble {
        None => (StatusCode::OK, "ok"),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, "degraded"),
    };
    let core = &snapshot.core;
    let body = json!({
        "status": word, "why": snapshot.disk.trouble, "node": core.node, "name": core.name, "role": core.role,
    });
    (status, Json(body)).into_response()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichHeads {
    #[serde(default)]
    each: bool,
}

pub(super) async fn heads(
    State(shell): State<Shell>,
    Asked(WhichHeads { each }): Asked<WhichHeads>,
) -> Result<Json<HeadsDigest>, Problem> {
    let view = shell.node.view().clone();
    let mut digest = read(move || reading::heads(&view)).await?;
    if !each {
        digest.each.clear();
    }
    Ok(Json(digest))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichFlags {
    limit: Option<usize>,
    #[serde(default)]
    all: bool,
}

/// What a person must decide: open flags, or all of them.
pub(super) async fn flags(
    State(shell): State<Shell>,
    Asked(WhichFlags { limit, all }): Asked<WhichFlags>,
) -> Result<Json<Vec<Flag>>, Problem> {
    let view = shell.node.view().clone();
    // Settled flags lie between the open ones, so more are read than shown.
    let mut flags = read(move || read_flags(&view, None, super::LINES_MAX * 10)).await?;
    flags.retain(|flag| all || flag.state == FlagState::Open);
    flags.truncate(lines(limit));
    Ok(Json(flags))
}
