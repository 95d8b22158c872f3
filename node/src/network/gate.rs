//! Who may connect. First in the list of behaviours, so that nothing of the others reaches a key it refuses.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::task::{Context, Poll};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::behaviour::ConnectionEstablished;
use libp2p::swarm::{
    ConnectionClosed, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, ToSwarm,
    dummy,
};
use libp2p::{Multiaddr, PeerId};
use swabmesh_protocol::id::NodeKey;

use super::address::node_key;
use super::figures::Refusal;

/// The roster, the withdrawn, and how many strangers are being heard.
#[derive(Debug)]
pub(super) struct Gate {
    roster: BTreeSet<NodeKey>,
    withdrawn: BTreeSet<NodeKey>,
    open_probation: bool,
    probation_max: usize,
    on_probation: HashMap<ConnectionId, NodeKey>,
}

impl Gate {
    pub(super) fn new(open_probation: bool, probation_max: usize) -> Self {
        let (roster, withdrawn) = (BTreeSet::new(), BTreeSet::new());
        Self { roster, withdrawn, open_probation, probation_max, on_probation: HashMap::new() }
    }

    pub(super) fn is_admitted(&self, key: &NodeKey) -> bool {
        self.roster.contains(key)
    }

    pub(super) fn is_withdrawn(&self, key: &NodeKey) -> bool {
        self.withdrawn.contains(key)
    }

    pub(super) fn set_roster(&mut self, roster: BTreeSet<NodeKey>) {
        self.withdrawn.retain(|key| !roster.contains(key));
        self.on_probation.retain(|_, key| !roster.contains(key));
        self.roster = roster;
    }

    /// Adds the key of a stranger that proved itself.
    pub(super) fn admit(&mut self, key: NodeKey) {
        self.roster.insert(key);
        self.on_probation.retain(|_, stranger| *stranger != key);
    }

    pub(super) fn withdraw(&mut self, key: NodeKey) {
        self.roster.remove(&key);
        self.withdrawn.insert(key);
    }

    fn check(&self, peer: &PeerId) -> Result<(), Refusal> {
        let key = node_key(peer).ok_or(Refusal::ForeignKey)?;
        if self.is_withdrawn(&key) {
            Err(Refusal::Withdrawn)
        } else if self.is_admitted(&key) {
            Ok(())
        } else if !self.open_probation {
            Err(Refusal::Unknown)
        } else if self.on_probation.len() >= self.probation_max {
            Err(Refusal::ProbationFull)
        } else {
            Ok(())
        }
    }
}

impl NetworkBehaviour for Gate {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.check(&peer).map(|()| dummy::ConnectionHandler).map_err(ConnectionDenied::new)
    }

    /// A key that would be refused is not even dialled.
    fn handle_pending_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: Option<PeerId>,
        _: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        peer.map_or(Ok(()), |peer| self.check(&peer)).map(|()| Vec::new()).map_err(ConnectionDenied::new)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.check(&peer).map(|()| dummy::ConnectionHandler).map_err(ConnectionDenied::new)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        if let FromSwarm::ConnectionEstablished(ConnectionEstablished { peer_id, connection_id, .. }) = event {
            if let Some(stranger) = node_key(&peer_id).filter(|key| !self.is_admitted(key)) {
                self.on_probation.insert(connection_id, stranger);
            }
        } else if let FromSwarm::ConnectionClosed(ConnectionClosed { connection_id, .. }) = event {
            self.on_probation.remove(&connection_id);
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: Infallible) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::address::peer_id;

    const KNOWN: NodeKey = NodeKey([1; 32]);
    const STRANGER: NodeKey = NodeKey([2; 32]);
    const OTHER: NodeKey = NodeKey([3; 32]);

    fn check(gate: &Gate, key: NodeKey) -> Result<(), Refusal> {
        gate.check(&peer_id(&key).unwrap())
    }

    #[test]
    fn a_stranger_is_heard_only_when_probation_is_open_and_not_full() {
        let mut gate = Gate::new(false, 1);
        gate.set_roster(BTreeSet::from([KNOWN]));
        assert_eq!(check(&gate, KNOWN), Ok(()));
        assert_eq!(check(&gate, STRANGER), Err(Refusal::Unknown));
        gate.open_probation = true;
        assert_eq!(check(&gate, STRANGER), Ok(()));
        gate.on_probation.insert(ConnectionId::new_unchecked(7), OTHER);
        assert_eq!(check(&gate, STRANGER), Err(Refusal::ProbationFull));
        assert_eq!(check(&gate, KNOWN), Ok(()), "strangers do not take the place of admitted nodes");
        gate.admit(OTHER);
        assert_eq!(check(&gate, STRANGER), Ok(()), "an admitted stranger makes room for the next");
    }

    #[test]
    fn a_withdrawn_key_is_refused_until_a_roster_names_it_again() {
        let mut gate = Gate::new(true, 1);
        gate.set_roster(BTreeSet::from([KNOWN]));
        gate.withdraw(KNOWN);
        assert_eq!(check(&gate, KNOWN), Err(Refusal::Withdrawn));
        gate.set_roster(BTreeSet::new());
        assert_eq!(check(&gate, KNOWN), Err(Refusal::Withdrawn));
        gate.set_roster(BTreeSet::from([KNOWN]));
        assert_eq!(check(&gate, KNOWN), Ok(()));
    }

    #[test]
    fn a_key_of_another_kind_is_no_node() {
        assert_eq!(Gate::new(true, 1).check(&PeerId::random()), Err(Refusal::ForeignKey));
    }
}
