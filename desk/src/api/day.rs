//! The end of the day: what was done, tube by tube, and what is still only here; and what goes on a stick.

use axum::Json;
use axum::body::Body as Bytes;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::Serialize;
use swabmesh_node::api::ImportReport;
use swabmesh_node::clock;
use swabmesh_node::http::problem::Problem;
use swabmesh_node::http::{bundles, read};
use swabmesh_protocol::copies::Counts;
use swabmesh_protocol::replica::Replica;
use swabmesh_protocol::time::Wall;

use crate::Pages;
use crate::day::{Tally, TubeOfDay, tally, tubes};
use crate::guard::SignedIn;

/// A node's day.
#[derive(Debug, Serialize)]
pub(super) struct Day {
    now: Wall,
    #[serde(flatten)]
    tally: Tally,
    tubes: Vec<TubeOfDay>,
    /// All registrations of this node, of whatever day.
    own: Counts,
}

pub(super) async fn show(State(pages): State<Pages>, _who: SignedIn) -> Result<Json<Day>, Problem> {
    let (view, own) = (pages.shell.node().view().clone(), pages.own_feed());
    let marks = pages.shell.look(Replica::neighbour_marks).await?;
    let neighbour = marks.get(&own).copied().unwrap_or_default();
    let counted = read(move || {
        let tally = tally(&view, own, neighbour)?;
        let tubes = tubes(&view, &tally)?;
        Ok((tally, tubes))
    });
    let (tally, tubes) = counted.await?;
    Ok(Json(Day { now: clock::wall(), tally, tubes, own: pages.shell.node().snapshot().core.own }))
}

/// Sends a bundle for the authority as a file to keep.
pub(super) async fn export(State(pages): State<Pages>, who: SignedIn) -> Result<Response, Problem> {
    tracing::info!(operator = %who.operator, "a bundle was exported");
    let mut response = bundles::plain(State(pages.shell.clone())).await?;
    let name = format!("attachment; filename=\"swabmesh-{}.swab\"", clock::wall().seconds());
    if let Ok(name) = HeaderValue::from_str(&name) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// Takes in a bundle, such as receipts that came back on a stick.
pub(super) async fn import(
    State(pages): State<Pages>,
    who: SignedIn,
    body: Bytes,
) -> Result<Json<ImportReport>, Problem> {
    tracing::info!(operator = %who.operator, "a bundle is imported");
    bundles::import(State(pages.shell.clone()), body).await
}
