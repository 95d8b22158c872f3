//! Registrations: made, listed, corrected. A red or amber verdict is an answer, not an error.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use swabmesh_protocol::command::{Command, Presented, Register};
use swabmesh_protocol::id::{EntryId, FeedHeader};
use swabmesh_protocol::replica::Replica;

use super::body::{Asked, Body, Named};
use super::problem::Problem;
use super::registering::ByDocument;
use super::{Shell, lines, read};
use crate::api::{AmendRegistration, Done, Judged, NewRegistration, RegistrationLine, VoidRegistration};
use crate::reading;

pub(super) async fn register(
    State(shell): State<Shell>,
    Body(body): Body<NewRegistration>,
) -> Result<Json<Judged>, Problem> {
    let NewRegistration { tube, operator, reason, code, document, same_phone } = body;
    Ok(Json(match (code, document) {
        (Some(code), None) => {
            let presented = Presented::Code(code);
            Judged::new(shell.register(Register { tube, presented, operator, reason }).await?, Vec::new())
        }
        (None, Some(document)) => {
            shell.register_document(ByDocument { tube, document, same_phone, operator, reason }).await?
        }
        (Some(_), Some(_)) | (None, None) => {
            let detail = "a registration needs either a code or a document";
            return Err(Problem::malformed(detail, "Send exactly one of `code` and `document`."));
        }
    }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Newest {
    limit: Option<usize>,
}

/// The newest registrations that this node made in this epoch.
pub(super) async fn list(
    State(shell): State<Shell>,
    Asked(Newest { limit }): Asked<Newest>,
) -> Result<Json<Vec<RegistrationLine>>, Problem> {
    let (view, snapshot) = (shell.node.view().clone(), shell.node.snapshot());
    let core = &snapshot.core;
    let own = FeedHeader { writer: core.node, epoch: core.epoch, lane: core.lane }.id();
    let marks = shell.look(Replica::neighbour_marks).await?;
    let neighbour = marks.get(&own).copied().unwrap_or_default();
    Ok(Json(read(move || reading::registrations(&view, own, neighbour, lines(limit))).await?))
}

pub(super) async fn void(
    State(shell): State<Shell>,
    Named(registration): Named<EntryId>,
    Body(VoidRegistration { tube, reason, operator }): Body<VoidRegistration>,
) -> Result<Json<Done>, Problem> {
    shell.done(Command::Void { registration, tube, reason, operator }).await
}

pub(super) async fn amend(
    State(shell): State<Shell>,
    Named(registration): Named<EntryId>,
    Body(body): Body<AmendRegistration>,
) -> Result<Json<Done>, Problem> {
    let AmendRegistration { tube, field, value, reason, operator } = body;
    shell.done(Command::Amend { registration, tube, field, value, reason, operator }).await
}
