//! What goes wrong, and when.

use std::collections::{BTreeMap, BTreeSet};

use swabmesh_protocol::id::Epoch;

use crate::chance::Chance;
use crate::city::{AUTHORITY, NodeId};
use crate::disk::Disk;
use crate::network::Garble;
use crate::node::Broken;
use crate::queue::At;
use crate::scenario::Way;
use crate::world::{Event, World};

mod begin;
mod links;
mod machines;

/// Something that a fault does at its time; the number is the fault's place in the scenario.
#[derive(Debug, Clone)]
pub(crate) enum FaultEvent {
    On(NodeId),
    Strike(usize, Strike),
}

/// A fault that begins, ends, or comes around again.
#[derive(Debug, Clone)]
pub(crate) enum Strike {
    /// Off until the second moment, whatever else would switch it on.
    Down(NodeId, At),
    Cut(NodeId, NodeId),
    Heal(NodeId, NodeId),
    PowerCut(NodeId, Again),
    Flap(NodeId, NodeId, Way, Again),
    Reset(NodeId, NodeId, Again),
    Clog(NodeId, NodeId, Again),
    Swizzle(Vec<NodeId>, Again),
    StandStill(NodeId, u64),
    Garble(NodeId, NodeId, Option<Garble>),
    FullDisk(NodeId, Again),
    RoomAgain(NodeId),
    CopyDisk(NodeId),
    RestoreDisk(NodeId, At),
    /// The second machine begins, with the copy of the first one's disk.
    BeginClone {
        of: NodeId,
        clone: NodeId,
    },
    Clock(NodeId, ClockFault),
    Withdraw(NodeId),
    /// Of what is older than this. Milliseconds.
    LetGo(u64),
    Trick(NodeId, Again),
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
    year: Option<u16>,
    drift_ppm_max: u64,
    frozen: bool,
}

/// The state of what goes wrong.
#[derive(Debug)]
pub(crate) struct Faults {
    chance: Chance,
    calm: bool,
    down: BTreeSet<NodeId>,
    /// Copies of disks and the epochs they were in, for a fault.
    copies: BTreeMap<(usize, NodeId), (Disk, Epoch)>,
    /// Nodes the authority has withdrawn, or was asked to.
    pub(crate) withdrawn: BTreeSet<NodeId>,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            chance: Chance::new(seed, "faults"),
            calm: false,
            down: BTreeSet::new(),
            copies: BTreeMap::new(),
            withdrawn: BTreeSet::new(),
        }
    }

    /// Nothing goes wrong from here on.
    pub(crate) fn calm(&mut self) {
        self.calm = true;
        self.down.clear();
    }

    pub(crate) const fn is_calm(&self) -> bool {
        self.calm
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
    fn around(&mut self, every_ms: u64) -> At {
        self.at.after_ms(self.faults.chance.around(every_ms))
    }

    fn strike_at(&mut self, fault: usize, at: At, strike: Strike) {
        self.schedule(at, Event::Fault(FaultEvent::Strike(fault, strike)));
    }

    /// A fault is at work at these nodes until then: for the report.
    fn at_work(&mut self, fault: usize, nodes: &[NodeId], until: At) {
        let from = self.at;
        if nodes.contains(&AUTHORITY) && nodes.len() == 1 {
            let everybody: Vec<NodeId> = self.city.ids().collect();
            self.history.episodes.begin(fault, &everybody, from, until);
        } else {
            let nodes: Vec<NodeId> = nodes.iter().copied().filter(|node| *node != AUTHORITY).collect();
            self.history.episodes.begin(fault, &nodes, from, until);
        }
    }

    pub(crate) fn fault(&mut self, event: FaultEvent) -> Result<(), Broken> {
        let (fault, strike) = match event {
            FaultEvent::On(id) if self.faults.down.contains(&id) => return Ok(()),
            FaultEvent::On(id) => return self.switch_on(id),
            FaultEvent::Strike(fault, strike) => (fault, strike),
        };
        // Who is hostile or withdrawn stays so; everything else ends with healing.
        if let Strike::Trick(id, again) = strike {
            return self.trick(fault, id, again);
        }
        if self.faults.calm {
            return Ok(());
        }
        match strike {
            Strike::Cut(from, to) => self.cut(fault, from, to),
            Strike::Heal(from, to) => self.heal_pair(from, to),
            Strike::Flap(one, other, way, again) => self.flap(fault, one, other, way, again),
            Strike::Reset(one, other, again) => self.reset(fault, one, other, again)?,
            Strike::Clog(one, other, again) => self.clog(fault, one, other, again),
            Strike::Swizzle(nodes, again) => self.swizzle(fault, nodes, again),
            Strike::StandStill(id, for_ms) => self.stand_still(fault, id, for_ms),
            Strike::Garble(from, to, garble) => self.network.garble(from, to, garble),
            Strike::Down(id, until) => self.down(fault, id, until)?,
            Strike::PowerCut(id, again) => self.power_cut(fault, id, again),
            Strike::FullDisk(id, again) => self.full_disk(fault, id, again),
            Strike::RoomAgain(id) => self.set_full(id, false),
            Strike::CopyDisk(id) => self.copy_disk(fault, id),
            Strike::RestoreDisk(id, until) => self.restore_disk(fault, id, until),
            Strike::BeginClone { of, clone } => self.begin_clone(fault, of, clone)?,
            Strike::Clock(id, clock) => self.set_clock(fault, id, clock),
            Strike::Withdraw(id) => self.withdraw_node(fault, id),
            Strike::LetGo(kept_ms) => self.let_go(fault, kept_ms)?,
            Strike::Trick(..) => {}
        }
        Ok(())
    }
}
