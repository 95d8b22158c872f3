//! The screen that everybody may see: the queue, the opening hours, how many so far. No names, and no sign-in.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use swabmesh_node::clock;
use swabmesh_node::http::body::Body;
use swabmesh_node::http::problem::Problem;
use swabmesh_node::http::read;
use swabmesh_protocol::id::SeqNo;
use swabmesh_protocol::text::Text;
use swabmesh_protocol::time::Wall;

use crate::Pages;
use crate::board::{Band, Notice};
use crate::day::{Figures, figures};
use crate::guard::SignedIn;

/// How long figures are shown before they are counted again: whoever asks more often costs nothing.
const COUNTED_EVERY: Duration = Duration::from_secs(5);

/// What the screen shows.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Screen {
    site: String,
    now: Wall,
    #[serde(flatten)]
    notice: Notice,
    #[serde(flatten)]
    figures: Figures,
}

pub(super) async fn show(State(pages): State<Pages>) -> Result<Json<Screen>, Problem> {
    // One counts, the others wait for what comes of it.
    let mut counted = pages.counted.lock().await;
    let fresh = counted.as_ref().filter(|(at, _)| at.elapsed() < COUNTED_EVERY).map(|(_, figures)| figures.clone());
    let figures = match fresh {
        Some(figures) => figures,
        None => {
            let (view, own) = (pages.shell.node().view().clone(), pages.own_feed());
            let found = read(move || figures(&view, own, SeqNo::default())).await?;
            *counted = Some((Instant::now(), found.clone()));
            found
        }
    };
    drop(counted);
    let site = pages.shell.node().snapshot().core.name.clone();
    Ok(Json(Screen { site, now: clock::wall(), notice: pages.board.notice(), figures }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    band: Band,
    hours: Text<64>,
}

pub(super) async fn set(
    State(pages): State<Pages>,
    who: SignedIn,
    Body(Change { band, hours }): Body<Change>,
) -> Result<Json<Notice>, Problem> {
    who.supervisor()?;
    let notice = Notice { band, hours, since: clock::wall() };
    pages.board.set(notice.clone()).map_err(|error| Problem::internal(&error))?;
    tracing::info!(operator = %who.operator, band = ?notice.band, "the board was changed");
    Ok(Json(notice))
}
