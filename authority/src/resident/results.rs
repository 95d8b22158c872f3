//! Results: one's own, and those of approved relatives; nobody else's (T4).

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use swabmesh_node::api::PersonResult;
use swabmesh_node::clock;
use swabmesh_node::http::read;
use swabmesh_node::reading;
use swabmesh_protocol::fact::Outcome;
use swabmesh_protocol::results::Reading;
use swabmesh_protocol::time::Wall;

use super::Page;
use super::guard::SignedIn;
use crate::office::ProblemOf;
use crate::registry::Rows;
use crate::relatives::http::{ByApplicant, blocking, results_of};
use crate::relatives::{LinkId, State as LinkState};
use crate::residents::Named;

/// What a person is told of one test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Told {
    /// The laboratory has not reported.
    Waiting,
    /// A pool was positive: only a test of one's own tells.
    Retest,
    /// Not detected.
    Negative,
    /// Detected.
    Positive,
    /// To be sampled again.
    Again,
}

impl Told {
    fn of(result: Option<Reading>, retest: bool) -> Self {
        match result.map(|reading| reading.outcome) {
            None => Self::Waiting,
            Some(_) if retest => Self::Retest,
            Some(Outcome::Negative) => Self::Negative,
            Some(Outcome::Positive) => Self::Positive,
            Some(Outcome::Inconclusive | Outcome::Invalid) => Self::Again,
        }
    }
}

#[derive(Debug, Serialize)]
struct Line {
    /// When the sample was taken.
    at: Wall,
    told: Told,
    /// Laboratories differ; the safer reading is shown.
    disputed: bool,
    /// The first reading, which may still change.
    preliminary: bool,
}

#[derive(Debug, Serialize)]
struct OfRelative {
    link: LinkId,
    relation: String,
    name: String,
    last_four: String,
    results: Vec<Line>,
}

#[derive(Debug, Serialize)]
pub(super) struct Results {
    own: Vec<Line>,
    relatives: Vec<OfRelative>,
    now: Wall,
}

/// Newest first.
fn lines(results: &[PersonResult]) -> Vec<Line> {
    let line = |one: &PersonResult| Line {
        at: one.registered_at,
        told: Told::of(one.result, one.retest),
        disputed: one.disputed,
        preliminary: one.result.is_some_and(|reading| reading.stage == swabmesh_protocol::fact::Stage::Preliminary),
    };
    results.iter().rev().map(line).collect()
}

pub(super) async fn show(State(page): State<Page>, SignedIn(person): SignedIn) -> Result<Json<Results>, ProblemOf> {
    let view = page.office.shell.node().view().clone();
    let own = lines(&read(move || reading::results_of(&view, &person)).await?);
    let links = page.office.links.clone();
    let links = blocking(move || links.of(Rows::ByGuardian, person)).await?;
    let mut relatives = Vec::new();
    for link in links.into_iter().filter(|link| link.state == LinkState::Approved) {
        let applicant = Named { person: Some(person), document: None, number: None };
        let asked = ByApplicant { applicant, renew: false };
        let found = results_of(&page.office, link.link, "the resident's page".to_owned(), asked).await?;
        let (name, last_four, results) = (found.name, found.last_four, lines(&found.results));
        relatives.push(OfRelative { link: link.link, relation: link.relation, name, last_four, results });
    }
    Ok(Json(Results { own, relatives, now: clock::wall() }))
}

#[cfg(test)]
mod tests {
    use swabmesh_protocol::fact::Stage;

    use super::*;

    #[test]
    fn whoever_was_in_a_positive_pool_is_not_told_to_be_positive() {
        let positive = Some(Reading { outcome: Outcome::Positive, stage: Stage::Final });
        assert_eq!(Told::of(positive, true), Told::Retest);
        assert_eq!(Told::of(positive, false), Told::Positive);
        assert_eq!(Told::of(None, false), Told::Waiting);
    }
}
