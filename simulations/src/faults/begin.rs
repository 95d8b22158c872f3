//! A scenario's faults, put on the calendar.

use std::collections::BTreeSet;

use super::{Again, ClockFault, Strike, ways};
use crate::adversary::Adversary;
use crate::city::NodeId;
use crate::network::Garble;
use crate::queue::At;
use crate::scenario::{Fault, ScenarioError};
use crate::world::World;

const MINUTE_MS: u64 = 60_000;

const fn again(every_s: u64, for_s_max: u64) -> Again {
    Again { every_ms: every_s * 1_000, for_ms_max: for_s_max * 1_000 }
}

impl World {
    pub(crate) fn begin_faults(&mut self) -> Result<(), ScenarioError> {
        let faults = self.scenario.fault.clone();
        faults.into_iter().enumerate().try_for_each(|(number, fault)| self.begin(number, fault))
    }

    /// The pairs of two groups that are ever connected.
    fn pairs(&self, between: &str, and: &str) -> Result<Vec<(NodeId, NodeId)>, ScenarioError> {
        let (between, and): (Vec<NodeId>, BTreeSet<NodeId>) =
            (self.city.select(between)?, self.city.select(and)?.into_iter().collect());
        let mut pairs = Vec::new();
        let mut seen = BTreeSet::new();
        for one in &between {
            for other in self.city.acquaintances(*one).into_iter().filter(|other| and.contains(other)) {
                if seen.insert((*one.min(&other), *one.max(&other))) {
                    pairs.push((*one, other));
                }
            }
        }
        Ok(pairs)
    }

    /// Something that comes around for each node of a group.
    fn each(&mut self, fault: usize, nodes: &str, again: Again, strike: fn(NodeId, Again) -> Strike) -> Begun {
        for id in self.city.select(nodes)? {
            let at = self.around(again.every_ms);
            self.strike_at(fault, at, strike(id, again));
        }
        Ok(())
    }

    /// Something that comes around for each pair of two groups.
    fn each_pair(
        &mut self,
        fault: usize,
        (between, and): (&str, &str),
        again: Again,
        strike: impl Fn(NodeId, NodeId) -> Strike,
    ) -> Begun {
        for (one, other) in self.pairs(between, and)? {
            let at = self.around(again.every_ms);
            self.strike_at(fault, at, strike(one, other));
        }
        Ok(())
    }

    fn begin(&mut self, number: usize, fault: Fault) -> Begun {
        match fault {
            Fault::Cut { between, and, way, from_min, until_min } => {
                for (from, to) in self.pairs(&between, &and)?.into_iter().flat_map(|(from, to)| ways(way, from, to)) {
                    self.strike_at(number, At(from_min * MINUTE_MS), Strike::Cut(from, to));
                    self.strike_at(number, At(until_min * MINUTE_MS), Strike::Heal(from, to));
                }
            }
            Fault::Down { nodes, from_min, until_min } => {
                for id in self.city.select(&nodes)? {
                    let until = At(until_min * MINUTE_MS);
                    self.strike_at(number, At(from_min * MINUTE_MS), Strike::Down(id, until));
                }
            }
            Fault::PowerCut { nodes, every_s, off_s_max } => {
                self.each(number, &nodes, again(every_s, off_s_max), Strike::PowerCut)?;
            }
            Fault::Flap { between, and, way, every_s, off_s_max } => {
                let again = again(every_s, off_s_max);
                self.each_pair(number, (&between, &and), again, |one, other| Strike::Flap(one, other, way, again))?;
            }
            Fault::Reset { between, and, every_s } => {
                let again = again(every_s, 0);
                self.each_pair(number, (&between, &and), again, |one, other| Strike::Reset(one, other, again))?;
            }
            Fault::Clog { between, and, every_s, for_s_max } => {
                let again = again(every_s, for_s_max);
                self.each_pair(number, (&between, &and), again, |one, other| Strike::Clog(one, other, again))?;
            }
            Fault::Swizzle { nodes, every_s, for_s_max } => {
                let (nodes, again) = (self.city.select(&nodes)?, again(every_s, for_s_max));
                let at = self.around(again.every_ms);
                self.strike_at(number, at, Strike::Swizzle(nodes, again));
            }
            Fault::Garble { between, and, corrupt, duplicate, reorder, from_min, until_min } => {
                let garble = Garble { corrupt, duplicate, reorder };
                for (one, other) in self.pairs(&between, &and)? {
                    for (from, to) in [(one, other), (other, one)] {
                        self.strike_at(number, At(from_min * MINUTE_MS), Strike::Garble(from, to, Some(garble)));
                        self.strike_at(number, At(until_min * MINUTE_MS), Strike::Garble(from, to, None));
                    }
                    let (from, until) = (At(from_min * MINUTE_MS), At(until_min * MINUTE_MS));
                    self.history.episodes.begin(number, &[one.max(other)], from, until);
                }
            }
            Fault::FullDisk { nodes, every_s, for_s_max } => {
                self.each(number, &nodes, again(every_s, for_s_max), Strike::FullDisk)?;
            }
            Fault::RestoredDisk { nodes, copied_min, at_min, off_min } => {
                for id in self.city.select(&nodes)? {
                    self.strike_at(number, At(copied_min * MINUTE_MS), Strike::CopyDisk(id));
                    let until = At((at_min + off_min) * MINUTE_MS);
                    self.strike_at(number, At(at_min * MINUTE_MS), Strike::RestoreDisk(id, until));
                }
            }
            Fault::Cloned { nodes, copied_min, at_min } => {
                for of in self.city.select(&nodes)? {
                    let Some(clone) = self.city.twin(of).filter(|clone| *clone > of) else { continue };
                    self.faults.down.insert(clone);
                    self.strike_at(number, At(copied_min * MINUTE_MS), Strike::CopyDisk(of));
                    self.strike_at(number, At(at_min * MINUTE_MS), Strike::BeginClone { of, clone });
                }
            }
            Fault::Clock { nodes, at_min, jump_s_max, year, drift_ppm_max, frozen } => {
                for id in self.city.select(&nodes)? {
                    let clock = ClockFault { jump_s_max, year, drift_ppm_max, frozen };
                    self.strike_at(number, At(at_min * MINUTE_MS), Strike::Clock(id, clock));
                }
            }
            Fault::Withdrawn { nodes, at_min } => {
                for id in self.city.select(&nodes)? {
                    self.strike_at(number, At(at_min * MINUTE_MS), Strike::Withdraw(id));
                }
            }
            Fault::LetGo { at_min, kept_min } => {
                self.strike_at(number, At(at_min * MINUTE_MS), Strike::LetGo(kept_min * MINUTE_MS));
            }
            Fault::Hostile { nodes, does, from_min, every_s } => {
                for id in self.city.select(&nodes)? {
                    if let Some(adversary) = Adversary::new(&self.city, id, &does, self.seed) {
                        self.adversaries.insert(id, adversary);
                    }
                    self.strike_at(number, At(from_min * MINUTE_MS), Strike::Trick(id, again(every_s, 0)));
                }
            }
        }
        Ok(())
    }
}

type Begun = Result<(), ScenarioError>;
