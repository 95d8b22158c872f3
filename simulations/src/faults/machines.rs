//! What happens to machines: power, disks, clocks, standing.

use swabmesh_protocol::command::Command;
use swabmesh_protocol::fact::Remark;
use swabmesh_protocol::io::{Input, RequestId};
use swabmesh_protocol::project;
use swabmesh_protocol::time::Wall;

use super::{Again, ClockFault, FaultEvent, Strike};
use crate::city::{AUTHORITY, NodeId};
use crate::clock::{self, Clock};
use crate::node::Broken;
use crate::queue::At;
use crate::world::{Event, World};

/// Requests that no workload numbers.
const WITHDRAWALS_FROM: u64 = 1 << 60;
/// Numbers of the orders to let go of the past.
const LETTING_GO_FROM: u64 = 1 << 61;

impl World {
    pub(super) fn down(&mut self, fault: usize, id: NodeId, until: At) -> Result<(), Broken> {
        if self.at >= until {
            self.faults.down.remove(&id);
            return self.switch_on(id);
        }
        self.faults.down.insert(id);
        self.switch_off(id);
        self.at_work(fault, &[id], until);
        self.strike_at(fault, until, Strike::Down(id, until));
        Ok(())
    }

    pub(super) fn power_cut(&mut self, fault: usize, id: NodeId, again: Again) {
        let back = self.at.after_ms(self.faults.chance.between(1, again.for_ms_max));
        self.history.episodes.broke(fault, self.network.links_of(id).len() as u64);
        self.switch_off(id);
        self.at_work(fault, &[id], back);
        self.schedule(back, Event::Fault(FaultEvent::On(id)));
        let next = self.around(again.every_ms).max(back);
        self.strike_at(fault, next, Strike::PowerCut(id, again));
    }

    pub(super) fn full_disk(&mut self, fault: usize, id: NodeId, again: Again) {
        let back = self.at.after_ms(self.faults.chance.between(1, again.for_ms_max));
        self.line(id, format_args!("disk full"));
        self.set_full(id, true);
        self.at_work(fault, &[id], back);
        self.strike_at(fault, back, Strike::RoomAgain(id));
        let next = self.around(again.every_ms).max(back);
        self.strike_at(fault, next, Strike::FullDisk(id, again));
    }

    pub(super) fn set_full(&mut self, id: NodeId, full: bool) {
        if let Some(node) = self.node_mut(id) {
            node.disk.full = full;
        }
    }

    pub(super) fn copy_disk(&mut self, fault: usize, id: NodeId) {
        self.line(id, format_args!("disk copied"));
        if let Some(node) = self.nodes.get(id.0) {
            self.faults.copies.insert((fault, id), (node.disk.image(), node.epoch()));
        }
    }

    /// A copy of a disk is switched on in a second machine, which knows nothing of the first.
    pub(super) fn begin_clone(&mut self, fault: usize, of: NodeId, clone: NodeId) -> Result<(), Broken> {
        let Some((image, epoch)) = self.faults.copies.remove(&(fault, of)) else { return Ok(()) };
        self.at_work(fault, &[of, clone], At(u64::MAX));
        self.line(clone, format_args!("begins with the copy, in epoch {:016x}", epoch.0));
        if let Some(node) = self.node_mut(clone) {
            node.disk = image;
            node.epoch = Some(epoch);
        }
        self.faults.down.remove(&clone);
        self.switch_on(clone)
    }

    /// The disk dies; the machine comes back with the copy and a new epoch.
    pub(super) fn restore_disk(&mut self, fault: usize, id: NodeId, until: At) {
        let Some((image, _)) = self.faults.copies.remove(&(fault, id)) else { return };
        self.history.episodes.broke(fault, self.network.links_of(id).len() as u64);
        self.switch_off(id);
        self.at_work(fault, &[id], until);
        let elsewhere = |feed: &_| {
            let others = self.nodes.iter().filter(|node| node.id != id);
            others.map(|node| node.disk.height(feed)).max().unwrap_or_default()
        };
        let died = self.accepted.disk_died(id, elsewhere);
        self.line(id, format_args!("disk died, {died} registrations were nowhere else"));
        self.workload.disk_died(self.at, id);
        if let Some(node) = self.node_mut(id) {
            node.disk = image;
            node.epochs += 1;
            // Also if the lost disk had gone on in another one by itself: nobody comes back to that.
            node.epoch = None;
        }
        self.schedule(until, Event::Fault(FaultEvent::On(id)));
    }

    pub(super) fn set_clock(&mut self, fault: usize, id: NodeId, set: ClockFault) {
        let at = self.at;
        let jump_ms = self.faults.either_way(set.jump_s_max).saturating_mul(1_000);
        let drift_ppm = self.faults.either_way(set.drift_ppm_max);
        self.at_work(fault, &[id], At(u64::MAX));
        let Some(node) = self.node_mut(id) else { return };
        let year_ms = set.year.map_or(0, clock::years_off_ms);
        node.clock = Clock {
            offset_ms: node.clock.offset_ms.saturating_add(jump_ms).saturating_add(year_ms),
            drift_ppm,
            frozen: set.frozen.then_some(at),
        };
        let jump_ms = jump_ms.saturating_add(year_ms);
        self.line(id, format_args!("clock {jump_ms} ms, {drift_ppm} ppm, frozen {}", set.frozen));
    }

    /// A hostile node's next trick.
    pub(crate) fn trick_again(&mut self, fault: usize, id: NodeId, again: Again) {
        let next = self.around(again.every_ms);
        self.strike_at(fault, next, Strike::Trick(id, again));
    }

    /// The authority is asked to withdraw a node.
    pub(super) fn withdraw_node(&mut self, fault: usize, id: NodeId) {
        let Some(node) = self.city.citizen(id).map(|citizen| citizen.node) else { return };
        self.faults.withdrawn.insert(id);
        self.at_work(fault, &[id], At(u64::MAX));
        let name = self.city.name(id).to_owned();
        self.line(AUTHORITY, format_args!("withdraws {name}"));
        let request = RequestId(WITHDRAWALS_FROM + id.0 as u64);
        let command = Command::Withdraw { node, reason: Remark::truncated("machine stolen") };
        self.schedule(self.at, Event::Order(request, Box::new(command)));
    }

    /// The authority lets go of what is older than this, as its tables show it.
    pub(super) fn let_go(&mut self, fault: usize, kept_ms: u64) -> Result<(), Broken> {
        let Some(node) = self.nodes.get(AUTHORITY.0) else { return Ok(()) };
        let before = Wall(node.clock.wall(self.at).0.saturating_sub(kept_ms));
        let own = self.city.citizen(AUTHORITY).map(|citizen| citizen.node);
        let bases = project::bases_before(node.disk.tables(), before, |writer| Some(*writer) != own)?;
        self.line(AUTHORITY, format_args!("lets go of the beginnings of {} feeds", bases.len()));
        let request = RequestId(LETTING_GO_FROM + fault as u64);
        self.schedule(self.at, Event::Order(request, Box::new(Command::Prune { before, bases })));
        Ok(())
    }

    /// An order of the authority that is not part of its daily work; it waits until the authority runs.
    pub(crate) fn order(&mut self, request: RequestId, command: Box<Command>) -> Result<(), Broken> {
        if self.runs(AUTHORITY) {
            return self.input(AUTHORITY, Input::Command { request, command });
        }
        self.schedule(self.at.after_ms(1_000), Event::Order(request, command));
        Ok(())
    }
}
