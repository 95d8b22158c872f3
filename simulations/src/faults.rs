//! What goes wrong, and when.

use std::collections::BTreeSet;

use crate::chance::Chance;
use crate::city::NodeId;
use crate::node::Broken;
use crate::queue::At;
use crate::scenario::{Fault, ScenarioError, Way};
use crate::world::{Event, World};

const MINUTE_MS: u64 = 60_000;

/// A fault that begins, ends, or comes around again.
#[derive(Debug, Clone)]
pub(crate) enum FaultEvent {
    On(NodeId),
    /// Off until the second moment, whatever else would switch it on.
    Down(NodeId, At),
    Cut(NodeId, NodeId),
    Heal(NodeId, NodeId),
    PowerCut(NodeId, Again),
    Flap(NodeId, NodeId, Way, Again),
    Reset(NodeId, NodeId, Again),
    Clog(NodeId, NodeId, Again),
    FullDisk(NodeId, Again),
    RoomAgain(NodeId),
    Clock(NodeId, ClockFault),
}

/// How often something comes around, and how long it lasts. Milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Again {
    every_ms: u64,
    for_ms_max: u64,
}

/// What happens to a clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClockFault {
    jump_s_max: u64,
    drift_ppm_max: u64,
    frozen: bool,
}

/// The state of what goes wrong.
#[derive(Debug)]
pub(crate) struct Faults {
    chance: Chance,
    calm: bool,
    down: BTreeSet<NodeId>,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self { chance: Chance::new(seed, "faults"), calm: false, down: BTreeSet::new() }
    }

    /// Nothing goes wrong from here on.
    pub(crate) fn calm(&mut self) {
        self.calm = true;
        self.down.clear();
    }

    /// A number from `-max` to `max`.
    fn either_way(&mut self, max: u64) -> i64 {
        let max = i64::try_from(max).unwrap_or(i64::MAX / 4);
        self.chance.below(2 * max.unsigned_abs() + 1).cast_signed() - max
    }
}

fn ways(way: Way, from: NodeId, to: NodeId) -> Vec<(NodeId, NodeId)> {
    match way {
        Way::Both => vec![(from, to), (to, from)],
        Way::There => vec![(from, to)],
        Way::Back => vec![(to, from)],
    }
}

impl World {
    pub(crate) fn begin_faults(&mut self) -> Result<(), ScenarioError> {
        for fault in self.scenario.fault.clone() {
            self.begin(fault)?;
        }
        Ok(())
    }

    /// The pairs of two groups that are ever connected.
    fn pairs(&self, between: &str, and: &str) -> Result<Vec<(NodeId, NodeId)>, ScenarioError> {
        let (between, and) = (self.city.select(between)?, self.city.select(and)?);
        let dials = |from: NodeId, to: NodeId| self.city.citizen(from).is_some_and(|from| from.dials.contains(&to));
        let mut pairs = Vec::new();
        let mut seen = BTreeSet::new();
        for one in &between {
            for other in and.iter().filter(|other| dials(*one, **other) || dials(**other, *one)) {
                if seen.insert((one.min(other), one.max(other))) {
                    pairs.push((*one, *other));
                }
            }
        }
        Ok(pairs)
    }

    fn around(&mut self, every_ms: u64) -> At {
        self.at.after_ms(self.faults.chance.around(every_ms))
    }

    fn begin(&mut self, fault: Fault) -> Result<(), ScenarioError> {
        match fault {
            Fault::Cut { between, and, way, from_min, until_min } => {
                for (from, to) in self.pairs(&between, &and)?.into_iter().flat_map(|(from, to)| ways(way, from, to)) {
                    self.schedule(At(from_min * MINUTE_MS), Event::Fault(FaultEvent::Cut(from, to)));
                    self.schedule(At(until_min * MINUTE_MS), Event::Fault(FaultEvent::Heal(from, to)));
                }
            }
            Fault::Down { nodes, from_min, until_min } => {
                for id in self.city.select(&nodes)? {
                    let until = At(until_min * MINUTE_MS);
                    self.schedule(At(from_min * MINUTE_MS), Event::Fault(FaultEvent::Down(id, until)));
                }
            }
            Fault::PowerCut { nodes, every_s, off_s_max } => {
                let again = Again { every_ms: every_s * 1_000, for_ms_max: off_s_max * 1_000 };
                for id in self.city.select(&nodes)? {
                    let at = self.around(again.every_ms);
                    self.schedule(at, Event::Fault(FaultEvent::PowerCut(id, again)));
                }
            }
            Fault::Flap { between, and, way, every_s, off_s_max } => {
                let again = Again { every_ms: every_s * 1_000, for_ms_max: off_s_max * 1_000 };
                for (one, other) in self.pairs(&between, &and)? {
                    let at = self.around(again.every_ms);
                    self.schedule(at, Event::Fault(FaultEvent::Flap(one, other, way, again)));
                }
            }
            Fault::Reset { between, and, every_s } => {
                let again = Again { every_ms: every_s * 1_000, for_ms_max: 0 };
                for (one, other) in self.pairs(&between, &and)? {
                    let at = self.around(again.every_ms);
                    self.schedule(at, Event::Fault(FaultEvent::Reset(one, other, again)));
                }
            }
            Fault::Clog { between, and, every_s, for_s_max } => {
                let again = Again { every_ms: every_s * 1_000, for_ms_max: for_s_max * 1_000 };
                for (one, other) in self.pairs(&between, &and)? {
                    let at = self.around(again.every_ms);
                    self.schedule(at, Event::Fault(FaultEvent::Clog(one, other, again)));
                }
            }
            Fault::FullDisk { nodes, every_s, for_s_max } => {
                let again = Again { every_ms: every_s * 1_000, for_ms_max: for_s_max * 1_000 };
                for id in self.city.select(&nodes)? {
                    let at = self.around(again.every_ms);
                    self.schedule(at, Event::Fault(FaultEvent::FullDisk(id, again)));
                }
            }
            Fault::Clock { nodes, at_min, jump_s_max, drift_ppm_max, frozen } => {
                for id in self.city.select(&nodes)? {
                    let fault = ClockFault { jump_s_max, drift_ppm_max, frozen };
                    self.schedule(At(at_min * MINUTE_MS), Event::Fault(FaultEvent::Clock(id, fault)));
                }
            }
        }
        Ok(())
    }

    pub(crate) fn fault(&mut self, fault: FaultEvent) -> Result<(), Broken> {
        if let FaultEvent::On(id) = fault {
            return if self.faults.down.contains(&id) { Ok(()) } else { self.switch_on(id) };
        }
        if self.faults.calm {
            return Ok(());
        }
        match fault {
            FaultEvent::On(_) => {}
            FaultEvent::Down(id, until) => {
                if self.at < until {
                    self.faults.down.insert(id);
                    self.switch_off(id);
                    self.schedule(until, Event::Fault(FaultEvent::Down(id, until)));
                } else {
                    self.faults.down.remove(&id);
                    self.switch_on(id)?;
                }
            }
            FaultEvent::Cut(from, to) => {
                self.line(from, format_args!("cut to {}", to.0));
                let later = self.network.cut(self.at, from, to);
                later.into_iter().for_each(|(at, later)| self.schedule(at, Event::Network(later)));
            }
            FaultEvent::Heal(from, to) => {
                self.line(from, format_args!("heal to {}", to.0));
                let later = self.network.heal(self.at, from, to);
                later.into_iter().for_each(|(at, later)| self.schedule(at, Event::Network(later)));
            }
            FaultEvent::PowerCut(id, again) => {
                let back = self.at.after_ms(self.faults.chance.between(1, again.for_ms_max));
                self.switch_off(id);
                self.schedule(back, Event::Fault(FaultEvent::On(id)));
                let next = self.around(again.every_ms).max(back);
                self.schedule(next, Event::Fault(FaultEvent::PowerCut(id, again)));
            }
            FaultEvent::Flap(one, other, way, again) => {
                let back = self.at.after_ms(self.faults.chance.between(1, again.for_ms_max));
                for (from, to) in ways(way, one, other) {
                    self.schedule(self.at, Event::Fault(FaultEvent::Cut(from, to)));
                    self.schedule(back, Event::Fault(FaultEvent::Heal(from, to)));
                }
                let next = self.around(again.every_ms).max(back);
                self.schedule(next, Event::Fault(FaultEvent::Flap(one, other, way, again)));
            }
            FaultEvent::Reset(one, other, again) => {
                let between = self.network.links_of(one);
                let between: Vec<_> =
                    between.into_iter().filter(|link| self.network.peer(*link, one) == Some(other)).collect();
                for link in between {
                    self.line(one, format_args!("reset link {}", link.0));
                    self.drop_link(one, link)?;
                }
                let next = self.around(again.every_ms);
                self.schedule(next, Event::Fault(FaultEvent::Reset(one, other, again)));
            }
            FaultEvent::Clog(one, other, again) => {
                let for_ms = self.faults.chance.between(1, again.for_ms_max);
                self.line(one, format_args!("clog to {} for {for_ms} ms", other.0));
                self.network.clog(self.at, one, other, for_ms);
                let next = self.around(again.every_ms);
                self.schedule(next, Event::Fault(FaultEvent::Clog(one, other, again)));
            }
            FaultEvent::FullDisk(id, again) => {
                let back = self.at.after_ms(self.faults.chance.between(1, again.for_ms_max));
                self.line(id, format_args!("disk full"));
                self.set_full(id, true);
                self.schedule(back, Event::Fault(FaultEvent::RoomAgain(id)));
                let next = self.around(again.every_ms).max(back);
                self.schedule(next, Event::Fault(FaultEvent::FullDisk(id, again)));
            }
            FaultEvent::RoomAgain(id) => self.set_full(id, false),
            FaultEvent::Clock(id, fault) => self.set_clock(id, fault),
        }
        Ok(())
    }

    fn set_full(&mut self, id: NodeId, full: bool) {
        if let Some(node) = self.node_mut(id) {
            node.disk.full = full;
        }
    }

    fn set_clock(&mut self, id: NodeId, fault: ClockFault) {
        let at = self.at;
        let jump_ms = self.faults.either_way(fault.jump_s_max).saturating_mul(1_000);
        let drift_ppm = self.faults.either_way(fault.drift_ppm_max);
        let Some(node) = self.node_mut(id) else { return };
        node.clock.offset_ms += jump_ms;
        node.clock.drift_ppm = drift_ppm;
        node.clock.frozen = fault.frozen.then_some(at);
        self.line(id, format_args!("clock {jump_ms} ms, {drift_ppm} ppm, frozen {}", fault.frozen));
    }
}
