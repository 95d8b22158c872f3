//! Tubes: taken by a scan, filled, sealed, reopened, mixed up.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use swabmesh_node::api::{Done, TubeLine};
use swabmesh_node::http::body::{Asked, Body, Named};
use swabmesh_node::http::problem::Problem;
use swabmesh_node::http::read;
use swabmesh_node::http::tubes::unknown;
use swabmesh_node::reading;
use swabmesh_protocol::command::{Command, Refusal, Reply};
use swabmesh_protocol::fact::Remark;
use swabmesh_protocol::id::{Barcode, EntryId};
use swabmesh_protocol::tube::view::TubeView;

use crate::Pages;
use crate::guard::SignedIn;

/// Tubes of one answer at most.
const TUBES_MAX: usize = 1_000;

/// A tube that a desk fills from now on.
#[derive(Debug, Serialize)]
pub(super) struct Taken {
    tube: Barcode,
    count: u32,
    pool: u8,
    /// Nobody at this site had opened it before.
    opened: bool,
    /// The tube before, sealed because it was full.
    sealed: Option<Barcode>,
    /// The tube before, left open because it was not full.
    left: Option<Left>,
    /// E.g. `opened-elsewhere`.
    warnings: Vec<&'static str>,
}

/// A tube that somebody must come back to.
#[derive(Debug, Serialize)]
pub(super) struct Left {
    tube: Barcode,
    count: u32,
    pool: u8,
}

async fn view(pages: &Pages, barcode: Barcode) -> Result<Option<TubeView>, Problem> {
    let tables = pages.shell.node().view().clone();
    read(move || reading::tube(&tables, &barcode)).await
}

/// Opens a tube, or goes on with one that this site opened, and puts the one before in order.
pub(super) async fn take(
    pages: &Pages,
    who: &SignedIn,
    tube: Barcode,
    pool: u8,
    before: Option<Barcode>,
) -> Result<Taken, Problem> {
    let command = Command::Open { tube: tube.clone(), pool, operator: who.operator.clone() };
    let (opened, warnings) = match pages.shell.node().command(command).await {
        Ok(Reply::Done { warnings, .. }) => (true, warnings),
        Ok(Reply::Verdict(_) | Reply::Issued { .. } | Reply::IssuedMany(_)) | Err(Refusal::TubeOpen { .. }) => {
            (false, Vec::new())
        }
        Err(refusal) => return Err(refusal.into()),
    };
    let (mut sealed, mut left) = (None, None);
    if let Some(before) = before.filter(|before| *before != tube) {
        match view(pages, before.clone()).await? {
            Some(shown) if shown.seals.is_empty() && shown.count > 0 => {
                if shown.full {
                    let (operator, tube) = (who.operator.clone(), before.clone());
                    pages.shell.command(Command::Seal { tube, operator, not_full: true }).await?;
                    sealed = Some(before);
                } else {
                    left = Some(Left { tube: before, count: shown.count, pool: shown.pool.unwrap_or_default() });
                }
            }
            Some(_) | None => {}
        }
    }
    let shown = if opened { None } else { view(pages, tube.clone()).await? };
    let (count, pool) = shown.map_or((0, pool), |shown| (shown.count, shown.pool.unwrap_or(pool)));
    Ok(Taken { tube, count, pool, opened, sealed, left, warnings })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Open {
    tube: Barcode,
    pool: u8,
    #[serde(default)]
    before: Option<Barcode>,
}

/// Takes a tube whose barcode was typed.
pub(super) async fn open(
    State(pages): State<Pages>,
    who: SignedIn,
    Body(Open { tube, pool, before }): Body<Open>,
) -> Result<Json<Taken>, Problem> {
    Ok(Json(take(&pages, &who, tube, pool, before).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    limit: Option<usize>,
    after: Option<Barcode>,
}

pub(super) async fn list(
    State(pages): State<Pages>,
    _who: SignedIn,
    Asked(Page { limit, after }): Asked<Page>,
) -> Result<Json<Vec<TubeLine>>, Problem> {
    let tables = pages.shell.node().view().clone();
    let limit = limit.unwrap_or(TUBES_MAX).clamp(1, TUBES_MAX);
    Ok(Json(read(move || reading::tubes(&tables, after, limit)).await?))
}

pub(super) async fn show(
    State(pages): State<Pages>,
    _who: SignedIn,
    Named(barcode): Named<Barcode>,
) -> Result<Json<TubeView>, Problem> {
    let missing = unknown(&barcode);
    view(&pages, barcode).await?.map(Json).ok_or(missing)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seal {
    #[serde(default)]
    not_full: bool,
}

pub(super) async fn seal(
    State(pages): State<Pages>,
    who: SignedIn,
    Named(tube): Named<Barcode>,
    Body(Seal { not_full }): Body<Seal>,
) -> Result<Json<Done>, Problem> {
    pages.shell.done(Command::Seal { tube, operator: who.operator, not_full }).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reopen {
    reason: Remark,
}

/// Fills a sealed tube again: only a supervisor may, and says why.
pub(super) async fn reopen(
    State(pages): State<Pages>,
    who: SignedIn,
    Named(tube): Named<Barcode>,
    Body(Reopen { reason }): Body<Reopen>,
) -> Result<Json<Done>, Problem> {
    who.supervisor()?;
    pages.shell.done(Command::Reopen { tube, reason, operator: who.operator }).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Move {
    to: Barcode,
    #[serde(default)]
    registrations: Vec<EntryId>,
    reason: Remark,
}

pub(super) async fn relocate(
    State(pages): State<Pages>,
    who: SignedIn,
    Named(from): Named<Barcode>,
    Body(Move { to, registrations, reason }): Body<Move>,
) -> Result<Json<Done>, Problem> {
    pages.shell.done(Command::Move { registrations, from, to, reason, operator: who.operator }).await
}
