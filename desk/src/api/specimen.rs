//! What a barcode stands for at a laboratory, and what the laboratory says of it: arrivals, readings, corrections.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use swabmesh_node::api::{Done, RecallList, TubeLine};
use swabmesh_node::clock;
use swabmesh_node::http::body::{Body, Named};
use swabmesh_node::http::problem::Problem;
use swabmesh_node::http::read;
use swabmesh_node::http::tubes::unknown;
use swabmesh_node::reading;
use swabmesh_protocol::command::Command;
use swabmesh_protocol::fact::{Outcome, Remark, Stage, Subject};
use swabmesh_protocol::id::{Barcode, NodeKey};
use swabmesh_protocol::results::Reading;
use swabmesh_protocol::tube::transport::BoxView;
use swabmesh_protocol::tube::view::TubeView;
use swabmesh_protocol::view::{View, ViewError};

use crate::Pages;
use crate::guard::SignedIn;

/// What a barcode stands for.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(super) enum Specimen {
    /// A box, and how its tubes stand.
    Box {
        /// The box.
        shown: Box<BoxView>,
        /// Its tubes, by barcode.
        tubes: Vec<BoxedTube>,
    },
    /// A tube, and what this laboratory said of it last.
    Tube {
        /// The tube.
        shown: Box<TubeView>,
        /// This laboratory's own reading.
        own: Option<Reading>,
    },
    /// Nobody this node heard of spoke of it: the people at hand know what it is.
    Unknown {
        /// As it was scanned.
        barcode: Barcode,
    },
}

/// A tube of a box; without a line nobody but the packer has spoken of it.
#[derive(Debug, Serialize)]
pub(super) struct BoxedTube {
    tube: Barcode,
    line: Option<TubeLine>,
    /// What this laboratory read.
    own: Option<Reading>,
}

/// What this laboratory said of a tube last.
pub(super) fn own_reading(shown: &TubeView, own: NodeKey) -> Option<Reading> {
    let ours = shown.results.iter().filter(|result| result.lab == own);
    ours.flat_map(|result| &result.reports).max_by_key(|report| report.by.stamp).map(|report| report.reading)
}

fn boxed<V: View>(view: &V, tube: Barcode, own: NodeKey) -> Result<BoxedTube, ViewError> {
    let shown = reading::tube(view, &tube)?;
    Ok(BoxedTube {
        own: shown.as_ref().and_then(|shown| own_reading(shown, own)),
        line: shown.map(|shown| TubeLine {
            tube: shown.barcode,
            pool: shown.pool,
            count: shown.count,
            sealed: !shown.seals.is_empty(),
            result: shown.verdict.map(|verdict| verdict.reading),
            conflicts: shown.conflicts.len(),
        }),
        tube,
    })
}

fn find<V: View>(view: &V, barcode: Barcode, own: NodeKey) -> Result<Specimen, ViewError> {
    if let Some(shown) = reading::transport(view, &barcode)? {
        let tubes: Result<Vec<BoxedTube>, ViewError> =
            shown.tubes.iter().map(|packed| boxed(view, packed.tube.clone(), own)).collect();
        return Ok(Specimen::Box { tubes: tubes?, shown: Box::new(shown) });
    }
    Ok(match reading::tube(view, &barcode)? {
        Some(shown) => Specimen::Tube { own: own_reading(&shown, own), shown: Box::new(shown) },
        None => Specimen::Unknown { barcode },
    })
}

async fn look(pages: &Pages, barcode: Barcode) -> Result<Json<Specimen>, Problem> {
    let (view, own) = (pages.shell.node().view().clone(), pages.shell.node().snapshot().core.node);
    Ok(Json(read(move || find(&view, barcode, own)).await?))
}

/// Shows a box or a tube.
pub(super) async fn show(
    State(pages): State<Pages>,
    _who: SignedIn,
    Named(barcode): Named<Barcode>,
) -> Result<Json<Specimen>, Problem> {
    look(&pages, barcode).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arrived {
    subject: Subject,
    /// Tubes counted by hand; 1 for a tube.
    count: u16,
}

/// Takes a box or a tube in, and shows how it stands then.
pub(super) async fn receive(
    State(pages): State<Pages>,
    who: SignedIn,
    Body(Arrived { subject, count }): Body<Arrived>,
) -> Result<Json<Specimen>, Problem> {
    let barcode = match &subject {
        Subject::Box(barcode) | Subject::Tube(barcode) => barcode.clone(),
    };
    pages.shell.command(Command::Receive { subject, count, operator: who.operator }).await?;
    pages.settle().await;
    look(&pages, barcode).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Read {
    outcome: Outcome,
    stage: Stage,
}

/// What came of one key.
#[derive(Debug, Serialize)]
pub(super) struct Reported {
    tube: Barcode,
    outcome: Outcome,
    stage: Stage,
    /// The same was said before: nothing was written.
    already: bool,
    /// E.g. `tube-unknown-here`.
    warnings: Vec<String>,
}

/// How a reading relates to what this laboratory said before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Against {
    /// Nothing settled was said: it is reported.
    Fresh,
    /// The same was said.
    Same,
    /// Something else was said, and counts until it is corrected with a reason.
    Differs(Reading),
}

/// Sets a reading against what this laboratory said before.
pub(super) fn against(said: Option<Reading>, outcome: Outcome, stage: Stage) -> Against {
    match said {
        None => Against::Fresh,
        Some(said) if said.outcome == outcome && (said.stage == stage || said.stage != Stage::Preliminary) => {
            Against::Same
        }
        Some(said) if said.stage == Stage::Preliminary => Against::Fresh,
        Some(said) => Against::Differs(said),
    }
}

pub(super) fn differs(tube: &Barcode, said: Reading) -> Problem {
    let detail = format!("tube {tube} was reported as {said} already");
    Problem::new(StatusCode::CONFLICT, "reported-already", detail, "Correct it, with the reason.")
}

/// What this laboratory said of a tube last, from the tables.
pub(super) async fn said(pages: &Pages, tube: &Barcode) -> Result<Option<Reading>, Problem> {
    let (view, own, tube) = (pages.shell.node().view().clone(), pages.shell.node().snapshot().core.node, tube.clone());
    let shown = read(move || reading::tube(&view, &tube)).await?;
    Ok(shown.and_then(|shown| own_reading(&shown, own)))
}

/// Reports a reading. One that differs from a settled reading needs a correction with a reason instead.
pub(super) async fn report(
    State(pages): State<Pages>,
    who: SignedIn,
    Named(tube): Named<Barcode>,
    Body(Read { outcome, stage }): Body<Read>,
) -> Result<Json<Reported>, Problem> {
    pages.settle().await;
    let (already, warnings) = match against(said(&pages, &tube).await?, outcome, stage) {
        Against::Differs(said) => return Err(differs(&tube, said)),
        Against::Same => (true, Vec::new()),
        Against::Fresh => {
            let command = Command::Report { tube: tube.clone(), outcome, stage, operator: who.operator };
            (false, pages.shell.done(command).await?.0.warnings)
        }
    };
    Ok(Json(Reported { tube, outcome, stage, already, warnings }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Correct {
    outcome: Outcome,
    reason: Remark,
}

/// Takes a reading back, and says what holds.
pub(super) async fn correct(
    State(pages): State<Pages>,
    who: SignedIn,
    Named(tube): Named<Barcode>,
    Body(Correct { outcome, reason }): Body<Correct>,
) -> Result<Json<Done>, Problem> {
    let done = pages.shell.done(Command::Correct { tube, outcome, reason, operator: who.operator }).await?;
    pages.settle().await;
    Ok(done)
}

/// Lists everyone in a positive pool, masked. Each look is on record first (P4).
pub(super) async fn pool(
    State(pages): State<Pages>,
    who: SignedIn,
    Named(tube): Named<Barcode>,
) -> Result<Json<RecallList>, Problem> {
    let (looks, of) = (pages.looks.clone(), tube.clone());
    let recorded = tokio::task::spawn_blocking(move || looks.at_pool(&of, &who.operator, clock::wall())).await;
    recorded.map_err(|panicked| Problem::internal(&panicked))?.map_err(|error| Problem::internal(&error))?;
    let (view, of) = (pages.shell.node().view().clone(), tube.clone());
    let listed = read(move || reading::recall(&view, &of)).await?;
    listed.map(Json).ok_or_else(|| unknown(&tube))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_settled_reading_changes_only_by_a_correction() {
        let (negative, positive) = (Outcome::Negative, Outcome::Positive);
        let said = |outcome, stage| Some(Reading { outcome, stage });
        assert_eq!(against(None, negative, Stage::Final), Against::Fresh);
        assert_eq!(against(said(negative, Stage::Preliminary), negative, Stage::Final), Against::Fresh);
        assert_eq!(against(said(negative, Stage::Preliminary), positive, Stage::Final), Against::Fresh);
        assert_eq!(against(said(negative, Stage::Preliminary), negative, Stage::Preliminary), Against::Same);
        assert_eq!(against(said(negative, Stage::Corrected), negative, Stage::Final), Against::Same);
        let settled = Reading { outcome: negative, stage: Stage::Final };
        assert_eq!(against(Some(settled), positive, Stage::Final), Against::Differs(settled));
        assert_eq!(against(Some(settled), positive, Stage::Preliminary), Against::Differs(settled));
    }
}
