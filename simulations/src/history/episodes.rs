//! When each fault was at work, whom it hit, and what came of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::city::NodeId;
use crate::queue::At;

/// A registration that took longer than this was held up by something. Milliseconds. Source: ten times what a
/// registration takes over a slow line.
const LATE_MS: u64 = 10_000;

/// One time that a fault was at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Episode {
    /// From when.
    pub from: At,
    /// Until when.
    pub until: At,
}

/// What one fault of the scenario did.
#[derive(Debug, Clone, Default)]
pub struct Hit {
    /// When it was at work, in the order it began.
    pub episodes: Vec<Episode>,
    /// Whom it hit.
    pub nodes: BTreeSet<NodeId>,
    /// Connections that broke at once because of it.
    pub broken_links: u64,
    /// Registrations that reached the authority late while it was at work on their way.
    pub late: u64,
    /// The worst of those. Milliseconds.
    pub worst_ms: u64,
}

/// All faults of a scenario, in its order.
#[derive(Debug, Clone, Default)]
pub struct Episodes {
    faults: Vec<Hit>,
    /// Of each node: fault and episode.
    by_node: BTreeMap<NodeId, Vec<(usize, usize)>>,
}

impl Episodes {
    /// A fault is at work at some nodes for a time; it will end at `until` at the latest.
    pub fn begin(&mut self, fault: usize, nodes: &[NodeId], from: At, until: At) {
        if self.faults.len() <= fault {
            self.faults.resize(fault + 1, Hit::default());
        }
        let Some(hit) = self.faults.get_mut(fault) else { return };
        // What begins at one moment is one episode: a cut between two groups is many pairs.
        match hit.episodes.last_mut().filter(|last| last.from == from && last.until == until) {
            Some(_) => {}
            None => hit.episodes.push(Episode { from, until }),
        }
        let number = hit.episodes.len() - 1;
        for node in nodes {
            hit.nodes.insert(*node);
            let of_node = self.by_node.entry(*node).or_default();
            if of_node.last() != Some(&(fault, number)) {
                of_node.push((fault, number));
            }
        }
    }

    /// Connections broke because of a fault.
    pub fn broke(&mut self, fault: usize, links: u64) {
        if let Some(hit) = self.faults.get_mut(fault) {
            hit.broken_links += links;
        }
    }

    /// Everything is healed: no episode lasts longer; one that had not begun is over before it begins.
    pub fn healed(&mut self, at: At) {
        let episodes = self.faults.iter_mut().flat_map(|hit| hit.episodes.iter_mut());
        episodes.for_each(|episode| episode.until = episode.until.min(at));
    }

    /// A registration of a node was on its way from one moment to another.
    pub(super) fn arrived(&mut self, node: NodeId, since: At, at: At) {
        let ms = at.since_ms(since);
        if ms <= LATE_MS {
            return;
        }
        let mut blamed = BTreeSet::new();
        for (fault, number) in self.by_node.get(&node).into_iter().flatten() {
            let Some(hit) = self.faults.get_mut(*fault) else { continue };
            let overlaps =
                hit.episodes.get(*number).is_some_and(|episode| episode.from <= at && episode.until >= since);
            if overlaps && blamed.insert(*fault) {
                hit.late += 1;
                hit.worst_ms = hit.worst_ms.max(ms);
            }
        }
    }

    /// What a fault did, by its place in the scenario.
    #[must_use]
    pub fn of(&self, fault: usize) -> Option<&Hit> {
        self.faults.get(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_registration_is_laid_at_the_door_of_what_was_at_work_on_its_way() {
        let mut episodes = Episodes::default();
        episodes.begin(0, &[NodeId(1), NodeId(2)], At(100), At(60_000));
        episodes.begin(1, &[NodeId(1)], At(80_000), At(90_000));
        episodes.arrived(NodeId(1), At(50_000), At(70_000));
        episodes.arrived(NodeId(1), At(50_000), At(51_000));
        episodes.arrived(NodeId(3), At(50_000), At(70_000));
        let late = |fault| episodes.of(fault).map(|hit| (hit.late, hit.worst_ms));
        assert_eq!((late(0), late(1)), (Some((1, 20_000)), Some((0, 0))));
    }

    #[test]
    fn what_begins_together_is_one_episode_and_ends_with_healing() {
        let mut episodes = Episodes::default();
        (1..4).for_each(|node| episodes.begin(0, &[NodeId(node)], At(5), At(500)));
        episodes.healed(At(50));
        assert_eq!(episodes.of(0).unwrap().episodes, [Episode { from: At(5), until: At(50) }]);
        assert_eq!(episodes.of(0).unwrap().nodes.len(), 3);
    }
}
