//! A peer with a carrier and no more: it says what it is told to, and keeps nothing.

#![allow(dead_code, reason = "each test binary uses a part of this")]

use std::collections::BTreeSet;

use swabmesh_node::network::{
    LinkId, NetworkCommand, NetworkConfig, NetworkEvent, NetworkHandle, PeerAddress, PeerKind, start,
};
use swabmesh_protocol::exchange::frame::{Frame, Hello, VERSION, VERSION_MIN};
use swabmesh_protocol::id::{Epoch, NodeKey};
use swabmesh_protocol::limits::FRAME_BYTES_MAX;
use tokio::sync::mpsc;

/// A peer that dials one node.
pub(crate) struct Light {
    pub(crate) handle: NetworkHandle,
    pub(crate) events: mpsc::Receiver<NetworkEvent>,
    certificate: Vec<u8>,
}

impl Light {
    /// Starts a carrier that knows nobody but `node`; it has room for `events_max` events that nobody took.
    pub(crate) async fn start(config: NetworkConfig, node: NodeKey, certificate: Vec<u8>, events_max: usize) -> Self {
        let (sender, events) = mpsc::channel(events_max);
        let handle = start(config, sender).unwrap();
        handle.command(NetworkCommand::Roster(BTreeSet::from([node]))).await.unwrap();
        Self { handle, events, certificate }
    }

    pub(crate) async fn dial(&self, address: &str, node: NodeKey) {
        let address = PeerAddress { key: Some(node), ..PeerAddress::parse(address, PeerKind::Authority).unwrap() };
        self.handle.command(NetworkCommand::Peers(vec![address])).await.unwrap();
    }

    /// Introduces itself on a link.
    pub(crate) fn greet(&self, link: LinkId) {
        let hello = Hello {
            version_min: VERSION_MIN,
            version_max: VERSION,
            certificate: self.certificate.clone().into(),
            epoch: Epoch(1),
            arrivals: 0,
            wall: 0,
            yours: None,
        };
        self.send(link, &Frame::Hello(hello));
    }

    /// Sends a frame, if the carrier takes it; tells whether it did.
    pub(crate) fn send(&self, link: LinkId, frame: &Frame) -> bool {
        let bytes = frame.to_bytes();
        assert!(bytes.len() <= FRAME_BYTES_MAX);
        self.handle.send(link, bytes).is_ok()
    }

    /// Takes events until a link is up.
    pub(crate) async fn linked(&mut self) -> LinkId {
        loop {
            if let NetworkEvent::Connected { link, .. } = self.events.recv().await.unwrap() {
                return link;
            }
        }
    }
}
