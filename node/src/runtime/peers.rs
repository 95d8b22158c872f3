//! Everything the node knows of its peers, put together for the operator.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use swabmesh_protocol::id::NodeKey;
use swabmesh_protocol::io::{CloseReason, LinkId};
use swabmesh_protocol::replica::{LastAgreed, Replica, Status};
use swabmesh_protocol::time::Wall;

use crate::contact::{Contact, Dialled, Known, Trouble};
use crate::network::{self, ContactStage, Disconnect, Hours, NetworkHandle};

/// Peers whose last trouble is remembered; more than a city has nodes.
const TROUBLES_MAX: usize = 20_000;

/// Who is at the other end of each link, and why the core closed the last one of each peer.
#[derive(Debug, Default)]
pub(super) struct Peers {
    links: BTreeMap<LinkId, NodeKey>,
    troubles: BTreeMap<NodeKey, Trouble>,
    /// Why the last connection of each peer ended, when the carrier noticed it.
    ended: BTreeMap<NodeKey, (Disconnect, Wall)>,
    hours: Hours,
    /// Bytes of hellos, both ways, with their lengths.
    hello_bytes: u64,
}

impl Peers {
    pub(super) fn new(hours: Hours) -> Self {
        Self { hours, ..Self::default() }
    }

    pub(super) fn connected(&mut self, link: LinkId, peer: NodeKey) {
        self.links.insert(link, peer);
    }

    /// The core closed a link.
    pub(super) fn closed(&mut self, link: LinkId, why: CloseReason, at: Wall) {
        if let Some(peer) = self.links.get(&link).filter(|_| self.troubles.len() < TROUBLES_MAX) {
            self.troubles.insert(*peer, Trouble { why, at });
        }
    }

    pub(super) fn disconnected(&mut self, link: LinkId, why: Disconnect, at: Wall) {
        if let Some(peer) = self.links.remove(&link).filter(|_| self.ended.len() < TROUBLES_MAX) {
            self.ended.insert(peer, (why, at));
        }
    }

    /// Takes note of a frame sent or received: the cost of agreeing is told apart from that of introducing oneself.
    pub(super) fn frame(&mut self, link: LinkId, bytes: &[u8]) {
        // Two elements, of which the first is the number of the hello.
        if bytes.starts_with(&[0x82, 0x00]) && self.links.contains_key(&link) {
            self.hello_bytes += 4 + bytes.len() as u64;
        }
    }

    pub(super) const fn hello_bytes(&self) -> u64 {
        self.hello_bytes
    }

    /// A peer has shown that it takes part: what was wrong is over.
    fn forgive(&mut self, status: &Status) {
        for peer in status.peers.iter().filter(|peer| peer.role.is_some()) {
            self.troubles.remove(&peer.node);
        }
    }

    /// One line for each peer that is connected, configured, or was here; the authority first, then by name.
    pub(super) fn contacts(
        &mut self,
        replica: &Replica,
        status: &Status,
        carrier: &NetworkHandle,
        disk_full: bool,
    ) -> Vec<Contact> {
        self.forgive(status);
        let absent = replica.absent();
        let dialled: Vec<Dialled> = carrier.contacts().iter().map(|contact| self.dialled(contact)).collect();
        let by_key: BTreeMap<NodeKey, &Dialled> = dialled.iter().filter_map(|peer| Some((peer.node?, peer))).collect();
        let agreed: BTreeMap<NodeKey, &LastAgreed> = absent.iter().map(|agreed| (agreed.node, agreed)).collect();
        let mut told = BTreeSet::new();
        let mut contacts = Vec::new();
        let name = |node: &NodeKey| replica.certificate(node).map(|certificate| certificate.name.to_string());
        for session in &status.peers {
            told.insert(session.node);
            let dialled = by_key.get(&session.node).copied();
            let bytes = carrier.bytes(network::LinkId(session.link.0));
            let known = Known { session: Some(session), bytes, dialled, ..Known::default() };
            contacts.push(known.contact(Some(session.name.clone()), disk_full));
        }
        for dialled in dialled.iter().filter(|peer| peer.node.is_none_or(|node| !told.contains(&node))) {
            let agreed = dialled.node.and_then(|node| agreed.get(&node).copied());
            let trouble = dialled.node.and_then(|node| self.troubles.get(&node).copied());
            let ended = dialled.node.and_then(|node| self.ended.get(&node).copied());
            let known = Known { agreed, dialled: Some(dialled), trouble, ended, ..Known::default() };
            contacts.push(known.contact(dialled.node.as_ref().and_then(name), disk_full));
        }
        let met = absent.iter().filter(|agreed| !by_key.contains_key(&agreed.node));
        contacts.extend(met.map(|agreed| {
            let trouble = self.troubles.get(&agreed.node).copied();
            let ended = self.ended.get(&agreed.node).copied();
            let known = Known { agreed: Some(agreed), trouble, ended, ..Known::default() };
            known.contact(name(&agreed.node), disk_full)
        }));
        contacts.sort_by(|one, other| (one.role, &one.name).cmp(&(other.role, &other.name)));
        contacts
    }

    fn dialled(&self, contact: &network::Contact) -> Dialled {
        let (paused, next_attempt_s) = match contact.stage {
            ContactStage::Waiting { until } => (false, Some(until.saturating_duration_since(Instant::now()).as_secs())),
            ContactStage::Paused => (true, Some(self.hours.opens_in_s(wall(SystemTime::now())))),
            ContactStage::Linked | ContactStage::Dialling => (false, None),
        };
        Dialled {
            node: contact.key,
            addresses: contact.addresses.iter().map(network::plain).collect(),
            kind: contact.kind,
            paused,
            next_attempt_s,
            failures: contact.failures,
            failure: contact.failure.as_ref().map(|failure| (failure.why.clone(), wall(failure.at))),
            since: contact.linked_until.or(contact.failing_since).map(wall),
        }
    }
}

fn wall(at: SystemTime) -> Wall {
    let since_1970 = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
}
