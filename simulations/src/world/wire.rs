//! Frames and connections: from a node to the network and back.

use std::collections::BTreeSet;

use swabmesh_protocol::id::{FeedId, NodeKey, SeqNo};
use swabmesh_protocol::io::{Input, LinkId};

use super::World;
use crate::checks::bounds;
use crate::city::NodeId;
use crate::network::Later;
use crate::node::Broken;
use crate::trace::frame_name;

impl World {
    /// A node hands a frame to a connection; a hostile one may say something else instead.
    pub(super) fn send(&mut self, id: NodeId, link: LinkId, bytes: Vec<u8>) {
        let peer = self.network.peer(link, id);
        if let Some((adversary, peer)) = self.adversaries.get_mut(&id).zip(peer) {
            let said = adversary.tampered(peer, bytes);
            said.into_iter().for_each(|bytes| self.transmit(id, link, bytes));
            return;
        }
        // A frame that was changed on its way may speak of anything, and is answered all the same.
        let honest = self.adversaries.is_empty() && !self.network.is_garbled();
        let gone = self.nodes.get(id.0).and_then(|node| {
            // Who sends a clone's history hears that it is not taken under that name, before anybody knows why.
            let cut = |feed: &FeedId| match node.replica() {
                Some(replica) if !self.is_of_clones(&node.disk, feed) => replica.cut_at(feed),
                _ => Some(SeqNo(0)),
            };
            bounds::held_and_gone(&bytes, &node.disk, cut)
        });
        if let Some(what) = gone.filter(|_| honest) {
            self.violated(bounds::GONE_RULE, id, what);
        }
        if let Some(what) = self.nodes.get(id.0).and_then(|node| bounds::acknowledged_too_early(&bytes, &node.disk)) {
            self.violated(bounds::ACK_RULE, id, what);
        }
        self.transmit(id, link, bytes);
        if self.network.traffic.under_way_max > bounds::UNDER_WAY_BYTES_MAX && honest {
            let what = format!("{} bytes under way on link {}", self.network.traffic.under_way_max, link.0);
            self.violated(bounds::RULE, id, what);
        }
    }

    pub(crate) fn transmit(&mut self, id: NodeId, link: LinkId, bytes: Vec<u8>) {
        let (name, size) = (frame_name(&bytes), bytes.len());
        let sent = self.network.send(self.at, link, id, bytes);
        if !sent.is_empty() {
            self.line(id, format_args!("send {name} {size} B, link {}", link.0));
        }
        self.schedule_all(sent);
    }

    pub(super) fn network_event(&mut self, later: Later) -> Result<(), Broken> {
        match later {
            Later::Deliver(link, to, bytes) => {
                if let Some(bytes) = self.network.deliver(link, to, bytes) {
                    self.line(to, format_args!("frame {} {} B, link {}", frame_name(&bytes), bytes.len(), link.0));
                    self.heard(to, link, &bytes);
                    self.input(to, Input::Frame { link, bytes })?;
                }
            }
            Later::Lost(link, node) => {
                if self.network.peer(link, node).is_some() {
                    self.line(node, format_args!("lost link {}", link.0));
                    self.drop_link(node, link)?;
                }
            }
            Later::Silent(link, node, cut) => {
                if self.network.is_silent(link, node, cut) {
                    self.line(node, format_args!("silence on link {}", link.0));
                    self.drop_link(node, link)?;
                }
            }
            Later::Dial(from, to) => {
                let runs = [self.runs(from), self.runs(to)];
                let later = self.network.dial(self.at, &self.city, (from, to), runs);
                self.schedule_all(later);
            }
            Later::Connected(link, node) => self.connected(link, node)?,
        }
        Ok(())
    }

    fn connected(&mut self, link: LinkId, node: NodeId) -> Result<(), Broken> {
        let Some(peer) = self.network.peer(link, node) else { return Ok(()) };
        if !self.runs(node) {
            self.network.close(self.at, link, node);
            return Ok(());
        }
        let Some(key) = self.city.citizen(peer).map(|citizen| citizen.node) else { return Ok(()) };
        let dialled = self.network.dialled(link, node);
        let name = self.city.name(peer).to_owned();
        self.line(node, format_args!("connected to {name}, link {}", link.0));
        self.input(node, Input::Connected { link, peer: key, dialled })?;
        // Both dialled: the lower place keeps the connection it dialled (design §5).
        if let Some(other) = self.network.other(link, node) {
            let lower = node.min(peer);
            let gone = if self.network.dialled(link, lower) { other } else { link };
            self.drop_link(node, gone)?;
        }
        self.settle_twins(link, node, peer)
    }

    /// Of two machines with one key a node keeps one connection: to its carrier they are one that dialled again.
    fn settle_twins(&mut self, link: LinkId, node: NodeId, peer: NodeId) -> Result<(), Broken> {
        let key = |id| self.city.citizen(id).map(|citizen| citizen.node);
        // Only the node of the lower key does; the other machine has but one.
        if key(node) > key(peer) {
            return Ok(());
        }
        let twin = self.city.twin(peer);
        for older in twin.map(|twin| self.network.links_between(node, twin)).unwrap_or_default() {
            let newer_is_better = self.network.dialled(link, node) || !self.network.dialled(older, node);
            self.drop_link(node, if newer_is_better { older } else { link })?;
        }
        Ok(())
    }

    /// A node's end of a connection is gone: the core is told, the other end hears of it, and it is dialled again.
    pub(crate) fn drop_link(&mut self, id: NodeId, link: LinkId) -> Result<(), Broken> {
        let Some(peer) = self.network.peer(link, id) else { return Ok(()) };
        let later = self.network.close(self.at, link, id);
        self.schedule_all(later);
        if self.city.citizen(id).is_some_and(|citizen| citizen.dials.contains(&peer)) {
            let dial = self.network.redial(self.at, &self.city, id, peer);
            self.schedule_all(dial);
        }
        self.input(id, Input::Disconnected { link })
    }

    pub(super) fn withdraw(&mut self, id: NodeId, peer: NodeKey) -> Result<(), Broken> {
        let gone: Vec<NodeId> =
            self.city.ids().filter(|id| self.city.citizen(*id).is_some_and(|citizen| citizen.node == peer)).collect();
        let links: BTreeSet<LinkId> = gone.iter().flat_map(|peer| self.network.links_between(id, *peer)).collect();
        links.into_iter().try_for_each(|link| self.drop_link(id, link))
    }
}
