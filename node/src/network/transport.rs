//! The libp2p stack: TCP or websocket, noise, the muxer, and the behaviours in their order.

use std::error::Error;
use std::time::Duration;

use libp2p::core::upgrade::Version;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::{self, NetworkBehaviour, Swarm};
use libp2p::{Transport, connection_limits, identity, mdns, noise, tcp};
use libp2p_websocket as websocket;

use super::gate::Gate;
use super::muxer::Yamux;
use super::names::Named;
use super::streams::Streams;
use super::{NetworkConfig, NetworkError};

/// Connections of one peer: two, because two nodes that dial each other at once make two, and the better one is kept.
const CONNECTIONS_PER_PEER_MAX: u32 = 2;

/// Bytes of one websocket frame; what noise writes at once is shorter. A stranger can make us set this much aside.
const WEBSOCKET_FRAME_BYTES_MAX: usize = 128 * 1024;

/// How often neighbours are asked for, and how long an answer holds. Source: guess; half a minute is soon for a new laptop on the desk.
const MULTICAST_QUERY: Duration = Duration::from_secs(30);
const MULTICAST_TTL: Duration = Duration::from_secs(120);

/// The behaviours. The derived code asks them in this order: a key the gate refuses reaches none of the others.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviours {
    pub(super) gate: Gate,
    pub(super) limits: connection_limits::Behaviour,
    pub(super) streams: Streams,
    pub(super) mdns: Toggle<mdns::tokio::Behaviour>,
}

/// Builds the stack and begins to listen.
pub(super) fn swarm(config: &NetworkConfig) -> Result<Swarm<Behaviours>, NetworkError> {
    let key_error = |error| NetworkError::Key(error);
    let key = identity::Keypair::ed25519_from_bytes(config.key.to_bytes()).map_err(|error| key_error(error.into()))?;
    let peer = key.public().to_peer_id();
    let noise = noise::Config::new(&key).map_err(|error| key_error(error.into()))?;
    let tcp = || tcp::tokio::Transport::new(tcp::Config::default());
    let mut websocket = websocket::Config::new(tcp());
    websocket.set_max_data_size(WEBSOCKET_FRAME_BYTES_MAX);
    let transport = Named::new(websocket.or_transport(tcp()))
        .upgrade(Version::V1Lazy)
        .authenticate(noise)
        .multiplex(Yamux)
        .timeout(config.times.handshake_max)
        .boxed();
    let limits = connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(config.limits.pending_inbound_max))
        .with_max_established(Some(config.limits.connections_max))
        .with_max_established_per_peer(Some(CONNECTIONS_PER_PEER_MAX));
    let multicast = mdns::Config { ttl: MULTICAST_TTL, query_interval: MULTICAST_QUERY, enable_ipv6: false };
    let mdns = config
        .mdns
        .then(|| mdns::tokio::Behaviour::new(multicast, peer).map_err(NetworkError::Multicast))
        .transpose()?;
    let behaviours = Behaviours {
        gate: Gate::new(config.open_probation, config.limits.probation_max),
        limits: connection_limits::Behaviour::new(limits),
        streams: Streams::new(config.times.probation),
        mdns: mdns.into(),
    };
    let mut swarm = Swarm::new(transport, behaviours, peer, swarm::Config::with_tokio_executor());
    for address in &config.listen {
        let listening = swarm.listen_on(address.clone());
        listening.map_err(|error| NetworkError::Listen { address: address.clone(), reason: root_cause(&error) })?;
    }
    Ok(swarm)
}

/// What the system said in the end: the layers in between only repeat it.
pub(super) fn root_cause(error: &dyn Error) -> String {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root.to_string()
}
