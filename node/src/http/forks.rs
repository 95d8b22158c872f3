//! Forks: which feeds have two histories, what proves it, and what the authority decides (N3).

use axum::Json;
use axum::extract::State;
use swabmesh_protocol::command::Command;
use swabmesh_protocol::fact::Fact;
use swabmesh_protocol::fork::{self, branch};
use swabmesh_protocol::id::{FeedHeader, Hash, hex};
use swabmesh_protocol::project::{self, quarantine};
use swabmesh_protocol::view::{View, ViewError};

use super::body::Body;
use super::problem::Problem;
use super::{Shell, read};
use crate::api::{BranchLine, DecideFork, Done, ForkLine, Keep};

/// The forks that are proved here.
pub(super) async fn list(State(shell): State<Shell>) -> Result<Json<Vec<ForkLine>>, Problem> {
    let view = shell.node.view().clone();
    let mut lines = read(move || forks(&view)).await?;
    let nodes: Vec<_> = lines.iter().map(|line| (line.node, line.found_by)).collect();
    let names = shell
        .look(move |replica| {
            let name = |node| replica.enrolled().find(|known| known.node == node).map(|known| known.name.to_string());
            nodes.into_iter().map(|(node, by)| (name(node), by.and_then(name))).collect::<Vec<_>>()
        })
        .await?;
    for (line, (name, found_by)) in lines.iter_mut().zip(names) {
        (line.name, line.found_by_name) = (name, found_by);
    }
    Ok(Json(lines))
}

fn forks<V: View>(view: &V) -> Result<Vec<ForkLine>, ViewError> {
    let mut lines = Vec::new();
    for (stated, stamp, proof) in project::fork_proofs(view)? {
        let feed = proof.header().id();
        let mut branches = Vec::with_capacity(2);
        for (label, first) in ["A", "B"].into_iter().zip(proof.firsts) {
            let id = branch(&feed, &first);
            let kept = project::entries(view, &id, proof.from, swabmesh_protocol::id::SeqNo(u64::MAX))?;
            let entries = kept.take_while(Result::is_ok).count() as u64;
            let counts = quarantine::is_kept(view, &feed, &first)?;
            branches.push(BranchLine { label: label.to_owned(), branch: id, first, entries, counts });
        }
        lines.push(ForkLine {
            fork: fork::name(&proof),
            node: proof.writer,
            name: None,
            epoch: format!("{:016x}", proof.epoch.0),
            lane: proof.lane,
            feed,
            from: proof.from,
            found_at: stamp.wall(),
            found_by: quarantine::writer(view, &stated.feed)?,
            found_by_name: None,
            branches,
            proof: hex(&Fact::from(proof).to_bytes()),
        });
    }
    Ok(lines)
}

/// The authority decides which history counts.
pub(super) async fn decide(
    State(shell): State<Shell>,
    Body(DecideFork { node, epoch, lane, keep, reason }): Body<DecideFork>,
) -> Result<Json<Done>, Problem> {
    let view = shell.node.view().clone();
    let proofs = read(move || project::fork_proofs(&view)).await?;
    let fits = |header: FeedHeader| {
        header.writer == node
            && format!("{:016x}", header.epoch.0).starts_with(&epoch.to_lowercase())
            && lane.is_none_or(|lane| lane == header.lane)
    };
    let mut found = proofs.into_iter().filter(|(_, _, proof)| fits(proof.header()));
    let (Some((_, _, proof)), None) = (found.next(), found.next()) else {
        return Err(swabmesh_protocol::command::Refusal::NoSuchFork.into());
    };
    let [a, b] = proof.firsts;
    let keep: Vec<Hash> = match keep {
        Keep::A => vec![a],
        Keep::B => vec![b],
        Keep::Both => vec![a, b],
    };
    shell.done(Command::DecideFork { header: proof.header(), keep, reason }).await
}
