//! What happens to links.

use super::{Again, Strike, ways};
use crate::city::NodeId;
use crate::node::Broken;
use crate::scenario::Way;
use crate::world::World;

impl World {
    fn far_ends(one: NodeId, other: NodeId) -> [NodeId; 2] {
        [one.max(other), one.min(other)]
    }

    pub(super) fn cut(&mut self, fault: usize, from: NodeId, to: NodeId) {
        self.line(from, format_args!("cut to {}", to.0));
        self.at_work(fault, &Self::far_ends(from, to), self.next_heal(fault));
        let later = self.network.cut(self.at, from, to);
        self.schedule_all(later);
    }

    /// When a fault that lasts ends: the scenario says.
    fn next_heal(&self, fault: usize) -> crate::queue::At {
        let until = self.scenario.fault.get(fault).and_then(crate::scenario::Fault::until_min);
        until.map_or(self.at, |minutes| crate::queue::At(minutes * 60_000))
    }

    pub(super) fn heal_pair(&mut self, from: NodeId, to: NodeId) {
        self.line(from, format_args!("heal to {}", to.0));
        let later = self.network.heal(self.at, from, to);
        self.schedule_all(later);
    }

    pub(super) fn flap(&mut self, fault: usize, one: NodeId, other: NodeId, way: Way, again: Again) {
        let back = self.at.after_ms(self.faults.chance.between(1, again.for_ms_max));
        self.at_work(fault, &Self::far_ends(one, other), back);
        for (from, to) in ways(way, one, other) {
            self.line(from, format_args!("cut to {}", to.0));
            let later = self.network.cut(self.at, from, to);
            self.schedule_all(later);
            self.strike_at(fault, back, Strike::Heal(from, to));
        }
        let next = self.around(again.every_ms).max(back);
        self.strike_at(fault, next, Strike::Flap(one, other, way, again));
    }

    pub(super) fn reset(&mut self, fault: usize, one: NodeId, other: NodeId, again: Again) -> Result<(), Broken> {
        let between = self.network.links_between(one, other);
        self.at_work(fault, &Self::far_ends(one, other), self.at.after_ms(1));
        self.history.episodes.broke(fault, between.len() as u64);
        for link in between {
            self.line(one, format_args!("reset link {}", link.0));
            self.drop_link(one, link)?;
        }
        let next = self.around(again.every_ms);
        self.strike_at(fault, next, Strike::Reset(one, other, again));
        Ok(())
    }

    pub(super) fn clog(&mut self, fault: usize, one: NodeId, other: NodeId, again: Again) {
        let for_ms = self.faults.chance.between(1, again.for_ms_max);
        self.line(one, format_args!("clog to {} for {for_ms} ms", other.0));
        self.at_work(fault, &Self::far_ends(one, other), self.at.after_ms(for_ms));
        self.network.clog(self.at, one, other, for_ms);
        let next = self.around(again.every_ms);
        self.strike_at(fault, next, Strike::Clog(one, other, again));
    }

    /// Nodes stand still one by one, and go on in another order.
    pub(super) fn swizzle(&mut self, fault: usize, nodes: Vec<NodeId>, again: Again) {
        let half = again.for_ms_max / 2;
        for id in nodes.iter().copied() {
            if self.faults.chance.happens(500) {
                let (from, until) = (self.faults.chance.below(half), half + self.faults.chance.below(half));
                self.strike_at(fault, self.at.after_ms(from), Strike::StandStill(id, until - from));
            }
        }
        let next = self.around(again.every_ms).max(self.at.after_ms(again.for_ms_max));
        self.strike_at(fault, next, Strike::Swizzle(nodes, again));
    }

    pub(super) fn stand_still(&mut self, fault: usize, id: NodeId, for_ms: u64) {
        self.line(id, format_args!("clog to everybody for {for_ms} ms"));
        self.at_work(fault, &[id], self.at.after_ms(for_ms));
        for link in self.network.links_of(id) {
            if let Some(peer) = self.network.peer(link, id) {
                self.network.clog(self.at, id, peer, for_ms);
            }
        }
    }
}
