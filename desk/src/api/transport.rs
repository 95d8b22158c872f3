//! Boxes at the site: sealed tubes go in, are counted by hand, and leave with a courier (R5).

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use swabmesh_node::api::TubeLine;
use swabmesh_node::http::body::{Body, Named};
use swabmesh_node::http::problem::Problem;
use swabmesh_node::http::read;
use swabmesh_node::reading;
use swabmesh_protocol::command::Command;
use swabmesh_protocol::id::Barcode;
use swabmesh_protocol::text::Text;
use swabmesh_protocol::tube::transport::BoxView;
use swabmesh_protocol::view::{View, ViewError};

use crate::Pages;
use crate::day::tubes_of_today;
use crate::guard::SignedIn;
use crate::label::code128;

/// A box as the desk shows it.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    barcode: Barcode,
    /// Absent until a tube is in it.
    shown: Option<BoxView>,
    /// People in its tubes.
    people: u32,
    /// This barcode is on a tube already.
    is_tube: bool,
    /// Sealed tubes of today that are in no box.
    waiting: Vec<TubeLine>,
}

fn find<V: View>(view: &V, barcode: Barcode) -> Result<Shown, ViewError> {
    let shown = reading::transport(view, &barcode)?;
    let is_tube = shown.is_none() && reading::tube(view, &barcode)?.is_some();
    let mut people = 0_u32;
    for packed in shown.iter().flat_map(|shown| &shown.tubes) {
        people = people.saturating_add(reading::tube(view, &packed.tube)?.map_or(0, |tube| tube.count));
    }
    Ok(Shown { barcode, shown, people, is_tube, waiting: Vec::new() })
}

async fn look(pages: &Pages, barcode: Barcode) -> Result<Json<Shown>, Problem> {
    let (view, own) = (pages.shell.node().view().clone(), pages.own_feed());
    let found = read(move || {
        let mut found = find(&view, barcode)?;
        found.waiting = tubes_of_today(&view, own)?
            .into_iter()
            .filter(|tube| !tube.seals.is_empty() && tube.boxes.is_empty() && tube.count > 0)
            .map(|tube| TubeLine {
                pool: tube.pool,
                count: tube.count,
                sealed: true,
                result: tube.verdict.map(|verdict| verdict.reading),
                conflicts: tube.conflicts.len(),
                tube: tube.barcode,
            })
            .collect();
        Ok(found)
    });
    Ok(Json(found.await?))
}

pub(super) async fn show(
    State(pages): State<Pages>,
    _who: SignedIn,
    Named(barcode): Named<Barcode>,
) -> Result<Json<Shown>, Problem> {
    look(&pages, barcode).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pack {
    tube: Barcode,
}

pub(super) async fn pack(
    State(pages): State<Pages>,
    who: SignedIn,
    Named(transport): Named<Barcode>,
    Body(Pack { tube }): Body<Pack>,
) -> Result<Json<Shown>, Problem> {
    pages.shell.command(Command::Pack { tube, transport: transport.clone(), operator: who.operator }).await?;
    pages.settle().await;
    look(&pages, transport).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HandOver {
    to: Text<32>,
    count: u16,
}

pub(super) async fn hand_over(
    State(pages): State<Pages>,
    who: SignedIn,
    Named(transport): Named<Barcode>,
    Body(HandOver { to, count }): Body<HandOver>,
) -> Result<Json<Shown>, Problem> {
    if to.is_empty() {
        return Err(Problem::malformed("nobody is named as courier", "Type who takes the box."));
    }
    let command = Command::HandOver { transport: transport.clone(), to, count, operator: who.operator };
    pages.shell.command(command).await?;
    pages.settle().await;
    look(&pages, transport).await
}

/// Draws a barcode as Code 128, SVG; nothing about the tube or box is told.
pub(super) async fn label(_who: SignedIn, Named(barcode): Named<Barcode>) -> Response {
    ([(header::CONTENT_TYPE, "image/svg+xml")], code128(&barcode)).into_response()
}
