//! Machines go on and off, and in the end everything is whole.

use swabmesh_protocol::restore::Found;

use super::World;
use crate::checks::accepted;
use crate::city::{AUTHORITY, NodeId};
use crate::node::Broken;

impl World {
    /// Switches a node on.
    pub(crate) fn switch_on(&mut self, id: NodeId) -> Result<(), Broken> {
        let (at, seed, checked) = (self.at, self.seed, self.checked.clone());
        let Some(node) = self.nodes.get_mut(id.0).filter(|node| !node.runs()) else { return Ok(()) };
        let Some(Found { held, skipped }) = node.start(at, &self.city, seed, checked)? else { return Ok(()) };
        let outputs = node.first_outputs();
        self.line(id, format_args!("on: {} feeds, {} frames passed over", held.heads.len(), skipped.len()));
        let branches = held.branches.iter().map(|(_, head)| head);
        if let Some(what) = self.accepted.restored(id, held.heads.iter().chain(branches)) {
            self.violated(accepted::RULE, id, what);
        }
        if id == AUTHORITY {
            // What a power cut caught in the middle of a sync may have made it.
            held.heads.iter().for_each(|head| self.history.held(at, &head.header.id(), head.seq));
        }
        self.carry_out(id, outputs)?;
        let dials = self.city.citizen(id).map(|citizen| citizen.dials.clone()).unwrap_or_default();
        for peer in dials {
            let dial = self.network.redial(at, &self.city, id, peer);
            self.schedule_all(dial);
        }
        self.start_index(id);
        Ok(())
    }

    /// Cuts a node's power.
    pub(crate) fn switch_off(&mut self, id: NodeId) {
        let at = self.at;
        let Some(node) = self.nodes.get_mut(id.0).filter(|node| node.runs()) else { return };
        node.stop();
        node.disk.power_cut(&mut self.disk_chance);
        self.line(id, format_args!("off"));
        for link in self.network.links_of(id) {
            let later = self.network.close(at, link, id);
            self.schedule_all(later);
        }
        self.network.forget_redials(id);
        self.readings_interrupted(id);
        self.workload.interrupted(at, id);
    }

    /// Everything that was broken is whole, and stays so; people finish what they began.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn heal(&mut self) -> Result<(), Broken> {
        self.line(AUTHORITY, format_args!("healed"));
        self.history.healed = Some(self.at);
        self.history.episodes.healed(self.at);
        self.faults.calm();
        self.nodes.iter_mut().for_each(|node| node.disk.full = false);
        let later = self.network.heal_all(self.at);
        self.schedule_all(later);
        self.city.ids().try_for_each(|id| self.switch_on(id))?;
        self.workload.close();
        Ok(())
    }
}
