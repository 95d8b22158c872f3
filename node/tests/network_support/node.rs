//! A carrier in a test: started on loopback, its events awaited within a deadline.

#![allow(dead_code, reason = "each test binary uses a part of this")]

use std::collections::BTreeSet;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use swabmesh_node::network::{
    LinkId, Multiaddr, NetworkCommand, NetworkConfig, NetworkEvent, NetworkHandle, PeerAddress, PeerKind, start,
};
use swabmesh_protocol::id::NodeKey;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// Longest wait for anything in these tests; generous, because the machine is shared.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct TestNode {
    pub(crate) handle: NetworkHandle,
    pub(crate) events: mpsc::Receiver<NetworkEvent>,
    pub(crate) address: Multiaddr,
}

/// The configuration of test node `number`, listening on a loopback port of its own.
pub(crate) fn config(number: u32) -> NetworkConfig {
    let mut secret = [7; 32];
    secret[..4].copy_from_slice(&number.to_be_bytes());
    let mut config = NetworkConfig::new(SigningKey::from_bytes(&secret));
    config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    config
}

pub(crate) fn key(number: u32) -> NodeKey {
    NodeKey(config(number).key.verifying_key().to_bytes())
}

impl TestNode {
    pub(crate) async fn start(number: u32) -> Self {
        Self::start_with(config(number), 64).await
    }

    /// Starts a carrier and waits for its first listening address.
    pub(crate) async fn start_with(config: NetworkConfig, events_max: usize) -> Self {
        let (sender, events) = mpsc::channel(events_max);
        let handle = start(config, sender).unwrap();
        let mut node = Self { handle, events, address: Multiaddr::empty() };
        node.address = node
            .until("listening", |event| match event {
                NetworkEvent::Listening(address) => Some(address.clone()),
                _ => None,
            })
            .await;
        node
    }

    pub(crate) async fn command(&self, command: NetworkCommand) {
        self.handle.command(command).await.unwrap();
    }

    pub(crate) async fn roster<const N: usize>(&self, keys: [NodeKey; N]) {
        self.command(NetworkCommand::Roster(BTreeSet::from(keys))).await;
    }

    pub(crate) async fn dial(&self, other: &Self) {
        self.command(NetworkCommand::Peers(vec![other.peer()])).await;
    }

    pub(crate) fn peer(&self) -> PeerAddress {
        PeerAddress { key: Some(self.handle.key()), addresses: vec![self.address.clone()], kind: PeerKind::Lan }
    }

    /// Waits for an event that `pick` takes; what it passes over is shown when time runs out.
    pub(crate) async fn until<T>(&mut self, what: &str, mut pick: impl FnMut(&NetworkEvent) -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        let mut seen = Vec::new();
        loop {
            match timeout_at(deadline, self.events.recv()).await {
                Ok(Some(event)) => match pick(&event) {
                    Some(picked) => return picked,
                    None => seen.push(event),
                },
                ended => panic!("no {what}: {ended:?} after {seen:?}, {:?}", self.handle.figures()),
            }
        }
    }

    pub(crate) async fn connected(&mut self) -> LinkId {
        self.until("link", |event| match event {
            NetworkEvent::Connected { link, .. } => Some(*link),
            _ => None,
        })
        .await
    }

    pub(crate) async fn frame(&mut self, on: LinkId) -> Vec<u8> {
        self.until("frame", |event| match event {
            NetworkEvent::Frame { link, bytes } if *link == on => Some(bytes.clone()),
            _ => None,
        })
        .await
    }

    pub(crate) async fn disconnected(&mut self, of: LinkId) -> swabmesh_node::network::Disconnect {
        self.until("end of the link", |event| match event {
            NetworkEvent::Disconnected { link, reason } if *link == of => Some(*reason),
            _ => None,
        })
        .await
    }
}

/// Starts two nodes that know each other and links them, the first dialling.
pub(crate) async fn linked_pair() -> (TestNode, LinkId, TestNode, LinkId) {
    let (mut one, mut other) = (TestNode::start(1).await, TestNode::start(2).await);
    one.roster([key(2)]).await;
    other.roster([key(1)]).await;
    one.dial(&other).await;
    let (here, there) = (one.connected().await, other.connected().await);
    (one, here, other, there)
}
