//! Safety at a glance: where every registration is, how fresh this node's knowledge is, and why it is not in sync.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use swabmesh_node::advice::{Advice, advice};
use swabmesh_node::clock;
use swabmesh_node::http::problem::Problem;
use swabmesh_node::runtime::Disk;
use swabmesh_protocol::copies::Counts;
use swabmesh_protocol::replica::{ListAge, PeerStatus};
use swabmesh_protocol::time::Wall;

use crate::Pages;
use crate::guard::SignedIn;
use crate::tablet::{Invitation, invitations};

#[derive(Debug, Serialize)]
pub(super) struct Safety {
    now: Wall,
    own: Counts,
    peers: Vec<PeerStatus>,
    lists: Vec<ListAge>,
    clock_offset_ms: i64,
    clock_doubtful: bool,
    disk: Disk,
    advice: Vec<Advice>,
    /// Whether what is typed can be sealed to the authority yet.
    seals: bool,
}

pub(super) async fn show(State(pages): State<Pages>, _who: SignedIn) -> Json<Safety> {
    let snapshot = pages.shell.node().snapshot();
    let core = &snapshot.core;
    Json(Safety {
        now: clock::wall(),
        own: core.own,
        peers: core.peers.clone(),
        lists: core.lists.clone(),
        clock_offset_ms: core.clock_offset_ms,
        clock_doubtful: core.clock_doubtful,
        disk: snapshot.disk.clone(),
        advice: advice(&snapshot),
        seals: snapshot.seal_key().is_some(),
    })
}

pub(super) async fn tablets(State(pages): State<Pages>, _who: SignedIn) -> Result<Json<Vec<Invitation>>, Problem> {
    Ok(Json(invitations(pages.encrypted.as_deref())?))
}

/// What a tablet has to trust; nothing in it is secret.
pub(super) async fn certificate(State(pages): State<Pages>) -> Result<Response, Problem> {
    let missing = || Problem::not_found("pages are not served over TLS", "Start the node with --https-listen.");
    let encrypted = pages.encrypted.as_ref().ok_or_else(missing)?;
    let kind = [(header::CONTENT_TYPE, "application/x-x509-ca-cert")];
    Ok((kind, encrypted.certificate.pem.clone()).into_response())
}
