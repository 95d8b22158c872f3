//! What a person must decide: each flag with its owner.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use swabmesh_node::http::problem::Problem;
use swabmesh_node::http::read;
use swabmesh_protocol::project::{Flag, FlagState, Owner, flags};

use crate::Pages;
use crate::guard::SignedIn;

/// Flags looked at: settled ones lie between the open ones.
const FLAGS_READ_MAX: usize = 10_000;

/// Flags shown.
const FLAGS_MAX: usize = 200;

/// A flag as the desk shows it.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    #[serde(flatten)]
    flag: Flag,
    /// Whether this node is the one that decides.
    ours: bool,
}

pub(super) async fn list(State(pages): State<Pages>, _who: SignedIn) -> Result<Json<Vec<Line>>, Problem> {
    let view = pages.shell.node().view().clone();
    let own = pages.shell.node().snapshot().core.node;
    let mut found = read(move || flags(&view, None, FLAGS_READ_MAX)).await?;
    found.retain(|flag| flag.state == FlagState::Open);
    found.sort_by_key(|flag| std::cmp::Reverse(flag.parties.iter().map(|party| party.at).max()));
    found.truncate(FLAGS_MAX);
    let line = |flag: Flag| Line { ours: flag.owner == Owner::Node(own), flag };
    Ok(Json(found.into_iter().map(line).collect()))
}
