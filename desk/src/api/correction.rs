//! Corrections: undone at once, voided or amended later. Nothing is erased by any of them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use swabmesh_node::api::Done;
use swabmesh_node::http::body::Body;
use swabmesh_node::http::problem::Problem;
use swabmesh_node::http::read;
use swabmesh_node::{clock, reading};
use swabmesh_protocol::command::Command;
use swabmesh_protocol::fact::{Field, Remark};
use swabmesh_protocol::id::{Barcode, EntryId};
use swabmesh_protocol::text::Text;

use crate::Pages;
use crate::guard::SignedIn;
use crate::recent::find;

/// Seconds within which whoever registered somebody takes it back without saying why.
const UNDO_WITHIN_S: u64 = 300;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Undo {
    registration: EntryId,
    tube: Barcode,
}

pub(super) async fn undo(
    State(pages): State<Pages>,
    who: SignedIn,
    Body(Undo { registration, tube }): Body<Undo>,
) -> Result<Json<Done>, Problem> {
    let (view, of) = (pages.shell.node().view().clone(), tube.clone());
    let shown = read(move || reading::tube(&view, &of)).await?;
    let member = shown.as_ref().and_then(|shown| find(shown, registration));
    let by = member.and_then(|member| member.registered.as_ref()).map(|registered| &registered.by);
    let own = by.is_none_or(|by| by.operator == who.operator);
    let at_s = by.map_or(u64::MAX, |by| by.stamp.wall().seconds());
    if !own || clock::wall().seconds().saturating_sub(at_s) > UNDO_WITHIN_S {
        let detail = "only whoever registered it undoes it, and within five minutes";
        return Err(Problem::new(StatusCode::CONFLICT, "undo-too-late", detail, "Void it with a reason."));
    }
    let reason = Text::truncated("undone within five minutes");
    pages.shell.done(Command::Void { registration, tube, reason, operator: who.operator }).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Void {
    registration: EntryId,
    tube: Barcode,
    reason: Remark,
}

pub(super) async fn void(
    State(pages): State<Pages>,
    who: SignedIn,
    Body(Void { registration, tube, reason }): Body<Void>,
) -> Result<Json<Done>, Problem> {
    pages.shell.done(Command::Void { registration, tube, reason, operator: who.operator }).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Amend {
    registration: EntryId,
    tube: Barcode,
    field: Field,
    value: Text<64>,
    reason: Remark,
}

pub(super) async fn amend(
    State(pages): State<Pages>,
    who: SignedIn,
    Body(Amend { registration, tube, field, value, reason }): Body<Amend>,
) -> Result<Json<Done>, Problem> {
    pages.shell.done(Command::Amend { registration, tube, field, value, reason, operator: who.operator }).await
}
