//! Transport boxes: packed, handed over, received.

use axum::Json;
use axum::extract::State;
use swabmesh_protocol::command::Command;
use swabmesh_protocol::fact::Subject;
use swabmesh_protocol::id::Barcode;
use swabmesh_protocol::tube::transport::BoxView;

use super::body::{Body, Named};
use super::problem::Problem;
use super::{Shell, read};
use crate::api::{Done, HandOverBox, PackTube, Receive};
use crate::reading;

pub(super) async fn show(State(shell): State<Shell>, Named(barcode): Named<Barcode>) -> Result<Json<BoxView>, Problem> {
    let view = shell.node.view().clone();
    let what_to_do = "Check the barcode; if it was packed elsewhere, connect this node.";
    let missing = Problem::not_found(format!("nobody this node heard of spoke of box {barcode}"), what_to_do);
    let shown = read(move || reading::transport(&view, &barcode)).await?;
    shown.map(Json).ok_or(missing)
}

pub(super) async fn pack(
    State(shell): State<Shell>,
    Named(transport): Named<Barcode>,
    Body(PackTube { tube, operator }): Body<PackTube>,
) -> Result<Json<Done>, Problem> {
    shell.done(Command::Pack { tube, transport, operator }).await
}

pub(super) async fn hand_over(
    State(shell): State<Shell>,
    Named(transport): Named<Barcode>,
    Body(HandOverBox { to, count, operator }): Body<HandOverBox>,
) -> Result<Json<Done>, Problem> {
    shell.done(Command::HandOver { transport, to, count, operator }).await
}

pub(super) async fn receive(
    State(shell): State<Shell>,
    Named(transport): Named<Barcode>,
    Body(Receive { count, operator }): Body<Receive>,
) -> Result<Json<Done>, Problem> {
    shell.done(Command::Receive { subject: Subject::Box(transport), count, operator }).await
}
