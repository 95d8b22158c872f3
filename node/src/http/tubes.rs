//! Tubes: opened, filled, sealed, mixed up, received.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use swabmesh_protocol::command::Command;
use swabmesh_protocol::fact::Subject;
use swabmesh_protocol::id::Barcode;
use swabmesh_protocol::tube::view::TubeView;

use super::body::{Asked, Body, Named};
use super::problem::Problem;
use super::{Shell, lines, read};
use crate::api::{Done, MoveRegistrations, OpenTube, Receive, ReopenTube, SealTube, TubeLine};
use crate::reading;

pub(super) async fn open(State(shell): State<Shell>, Body(body): Body<OpenTube>) -> Result<Json<Done>, Problem> {
    let OpenTube { tube, pool, operator } = body;
    shell.done(Command::Open { tube, pool, operator }).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    limit: Option<usize>,
    after: Option<Barcode>,
}

pub(super) async fn list(State(shell): State<Shell>, Asked(page): Asked<Page>) -> Result<Json<Vec<TubeLine>>, Problem> {
    let view = shell.node.view().clone();
    let lines = read(move || reading::tubes(&view, page.after, lines(page.limit))).await?;
    Ok(Json(lines))
}

pub(super) async fn show(
    State(shell): State<Shell>,
    Named(barcode): Named<Barcode>,
) -> Result<Json<TubeView>, Problem> {
    let view = shell.node.view().clone();
    let missing = unknown(&barcode);
    let shown = read(move || reading::tube(&view, &barcode)).await?;
    shown.map(Json).ok_or(missing)
}

/// Nobody spoke of a tube.
#[must_use]
pub fn unknown(barcode: &Barcode) -> Problem {
    let what_to_do = "Check the barcode; if it was used elsewhere, connect this node.";
    Problem::not_found(format!("nobody this node heard of spoke of tube {barcode}"), what_to_do)
}

pub(super) async fn seal(
    State(shell): State<Shell>,
    Named(tube): Named<Barcode>,
    Body(SealTube { operator, not_full }): Body<SealTube>,
) -> Result<Json<Done>, Problem> {
    shell.done(Command::Seal { tube, operator, not_full }).await
}

pub(super) async fn reopen(
    State(shell): State<Shell>,
    Named(tube): Named<Barcode>,
    Body(ReopenTube { reason, operator }): Body<ReopenTube>,
) -> Result<Json<Done>, Problem> {
    shell.done(Command::Reopen { tube, reason, operator }).await
}

pub(super) async fn relocate(
    State(shell): State<Shell>,
    Named(from): Named<Barcode>,
    Body(body): Body<MoveRegistrations>,
) -> Result<Json<Done>, Problem> {
    let MoveRegistrations { registrations, to, reason, operator } = body;
    shell.done(Command::Move { registrations, from, to, reason, operator }).await
}

pub(super) async fn receive(
    State(shell): State<Shell>,
    Named(tube): Named<Barcode>,
    Body(Receive { count, operator }): Body<Receive>,
) -> Result<Json<Done>, Problem> {
    shell.done(Command::Receive { subject: Subject::Tube(tube), count, operator }).await
}
