//! What a person must decide: each flag with its owner, and the note that somebody here looked at it.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use swabmesh_node::clock;
use swabmesh_node::http::body::Body;
use swabmesh_node::http::problem::Problem;
use swabmesh_node::http::read;
use swabmesh_protocol::id::NodeKey;

use crate::Pages;
use crate::guard::SignedIn;
use crate::inbox::{Line, Reader};

/// Characters of a node's key where nobody told its name yet.
const KEY_CHARS: usize = 8;

async fn lines(pages: &Pages) -> Result<Json<Vec<Line>>, Problem> {
    let names: BTreeMap<NodeKey, String> = pages
        .shell
        .look(|replica| replica.enrolled().map(|paper| (paper.node, paper.name.to_string())).collect())
        .await?;
    let own = pages.shell.node().snapshot().core.node;
    let (view, seen) = (pages.shell.node().view().clone(), pages.seen.clone());
    let look = move || {
        let name_of = |node: &NodeKey| {
            names.get(node).cloned().unwrap_or_else(|| node.to_string().chars().take(KEY_CHARS).collect())
        };
        Reader { own, name_of: &name_of, seen: &seen }.read(&view)
    };
    Ok(Json(read(look).await?))
}

pub(super) async fn list(State(pages): State<Pages>, _who: SignedIn) -> Result<Json<Vec<Line>>, Problem> {
    lines(&pages).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Looked {
    id: String,
}

/// Notes that somebody looked at a flag; it stays open, below those that nobody looked at.
pub(super) async fn seen(
    State(pages): State<Pages>,
    who: SignedIn,
    Body(Looked { id }): Body<Looked>,
) -> Result<Json<Vec<Line>>, Problem> {
    let Json(before) = lines(&pages).await?;
    if !before.iter().any(|line| line.id() == id) {
        return Err(Problem::not_found("there is no such flag any more", "Look at the inbox again."));
    }
    pages.seen.mark(id, who.operator, clock::wall()).map_err(|error| Problem::internal(&error))?;
    lines(&pages).await
}
