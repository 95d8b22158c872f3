//! Addresses of peers, and the two names of one key.

use std::net::{IpAddr, SocketAddr};

use libp2p::PeerId;
use libp2p::multiaddr::{Multiaddr, Protocol};
use swabmesh_protocol::id::NodeKey;

/// What a peer id of an Ed25519 key starts with: identity multihash of 36 bytes, protobuf of a key of type 1, 32 bytes.
///
/// Source: libp2p specification "peer ids". The key itself follows, so both directions are lossless.
const PEER_ID_PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/// Why a text names no peer this carrier can dial. The text's writer is at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Neither `HOST:PORT` nor a multiaddress.
    #[error("'{0}' is neither HOST:PORT, ws://HOST:PORT nor /ip4/IP/tcp/PORT")]
    Syntax(String),
    /// A multiaddress of another transport; this carrier speaks TCP, plain or in a websocket.
    #[error("'{0}' is not an address of TCP or of a websocket")]
    Transport(Multiaddr),
    /// The `/p2p/` part names a key that is not Ed25519.
    #[error("'{0}' names a key that is not Ed25519")]
    Key(Multiaddr),
}

/// How far away a peer is: decides how patiently it is redialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeerKind {
    /// A neighbour on the local network.
    Lan,
    /// The authority (市大数据中心), across the city.
    Authority,
}

/// A peer to keep a link to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAddress {
    /// The key that must answer; without it whoever answers is met, and the gate decides.
    pub key: Option<NodeKey>,
    /// Where to try: all at once with a key, in turn without one.
    pub addresses: Vec<Multiaddr>,
    /// How far away.
    pub kind: PeerKind,
}

impl PeerAddress {
    /// Reads `192.0.2.1:4001`, `[2001:db8::1]:4001`, `authority.example:4001`, any of them after `ws://` for a websocket, or
    /// `/ip4/192.0.2.1/tcp/4001`, the last with or without `/ws` and `/p2p/ID`.
    ///
    /// # Errors
    /// [`AddressError`] says what the text is instead.
    pub fn parse(text: &str, kind: PeerKind) -> Result<Self, AddressError> {
        let (socket, websocket) = match text.strip_prefix("ws://") {
            Some(rest) => (rest.strip_suffix('/').unwrap_or(rest), true),
            None => (text, false),
        };
        let address = match host_and_port(socket) {
            Some((host, port)) => {
                let address = Multiaddr::from(host).with(Protocol::Tcp(port));
                if websocket { address.with(Protocol::Ws("/".into())) } else { address }
            }
            None => text.parse().map_err(|_| AddressError::Syntax(text.to_owned()))?,
        };
        let (address, key) = without_key(address)?;
        Ok(Self { key, addresses: vec![address], kind })
    }
}

/// The host and the port of `HOST:PORT`.
fn host_and_port(text: &str) -> Option<(Protocol<'_>, u16)> {
    if let Ok(socket) = text.parse::<SocketAddr>() {
        let host = match socket.ip() {
            IpAddr::V4(ip) => Protocol::Ip4(ip),
            IpAddr::V6(ip) => Protocol::Ip6(ip),
        };
        return Some((host, socket.port()));
    }
    let (name, port) = text.split_once(':')?;
    let labels = name.split('.').all(|label| {
        let inside = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        !label.is_empty() && label.len() <= 63 && label.chars().all(inside) && !label.starts_with('-')
    });
    // A name ends in letters: `192.0.2` is a slip, not a name.
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_name = labels && name.len() <= 253 && last.chars().any(|letter| letter.is_ascii_alphabetic());
    port.parse().ok().filter(|_| is_name).map(|port| (Protocol::Dns(name.into()), port))
}

/// Splits an address of TCP, plain or in a websocket, from the key it may name.
pub(super) fn without_key(address: Multiaddr) -> Result<(Multiaddr, Option<NodeKey>), AddressError> {
    let wrong = || AddressError::Transport(address.clone());
    let mut parts = address.iter().peekable();
    let (Some(host), Some(port @ Protocol::Tcp(_))) = (parts.next(), parts.next()) else { return Err(wrong()) };
    let names =
        matches!(host, Protocol::Ip4(_) | Protocol::Ip6(_) | Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_));
    let mut plain = Multiaddr::from(host).with(port);
    if let Some(websocket) = parts.next_if(|part| matches!(part, Protocol::Ws(_))) {
        plain.push(websocket);
    }
    let key = match (names, parts.next(), parts.next()) {
        (true, None, None) => None,
        (true, Some(Protocol::P2p(peer)), None) => {
            Some(node_key(&peer).ok_or_else(|| AddressError::Key(address.clone()))?)
        }
        _ => return Err(wrong()),
    };
    drop(parts);
    Ok((plain, key))
}

/// An address as people write it: `192.0.2.1:4001`, `ws://authority.example:443`; as it is when there is no such form.
#[must_use]
pub fn plain(address: &Multiaddr) -> String {
    let mut parts = address.iter();
    let host = match parts.next() {
        Some(Protocol::Ip4(ip)) => ip.to_string(),
        Some(Protocol::Ip6(ip)) => format!("[{ip}]"),
        Some(Protocol::Dns(name) | Protocol::Dns4(name) | Protocol::Dns6(name)) => name.into_owned(),
        _ => return address.to_string(),
    };
    match (parts.next(), parts.next()) {
        (Some(Protocol::Tcp(port)), None) => format!("{host}:{port}"),
        (Some(Protocol::Tcp(port)), Some(Protocol::Ws(_))) => format!("ws://{host}:{port}"),
        _ => address.to_string(),
    }
}

/// Returns the key a peer id carries, or `None` when it is not an Ed25519 key.
#[must_use]
pub fn node_key(peer: &PeerId) -> Option<NodeKey> {
    let bytes = peer.to_bytes();
    let key = bytes.strip_prefix(&PEER_ID_PREFIX)?;
    key.try_into().ok().map(NodeKey)
}

/// Returns the peer id of a key. The key's bytes are not checked: one that is no curve point cannot complete a handshake.
pub(super) fn peer_id(key: &NodeKey) -> Option<PeerId> {
    PeerId::from_bytes(&[PEER_ID_PREFIX.as_slice(), key.0.as_slice()].concat()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_and_its_peer_id_name_each_other() {
        let pair = libp2p::identity::Keypair::ed25519_from_bytes([7; 32]).unwrap();
        let key = NodeKey(pair.public().try_into_ed25519().unwrap().to_bytes());
        let peer = pair.public().to_peer_id();
        assert_eq!(node_key(&peer), Some(key));
        assert_eq!(peer_id(&key), Some(peer));
        assert_eq!(node_key(&PeerId::random()), None, "a random peer id is a hash, no key");
    }

    #[test]
    fn the_three_ways_to_write_an_address_mean_the_same() {
        let plain = PeerAddress::parse("192.0.2.1:4001", PeerKind::Lan).unwrap();
        assert_eq!(plain.addresses, ["/ip4/192.0.2.1/tcp/4001".parse().unwrap()]);
        assert_eq!(PeerAddress::parse("/ip4/192.0.2.1/tcp/4001", PeerKind::Lan).unwrap(), plain);
        let key = NodeKey([9; 32]);
        let named = format!("/ip4/192.0.2.1/tcp/4001/p2p/{}", peer_id(&key).unwrap());
        assert_eq!(PeerAddress::parse(&named, PeerKind::Lan).unwrap(), PeerAddress { key: Some(key), ..plain });
        let six = PeerAddress::parse("[2001:db8::1]:4001", PeerKind::Authority).unwrap();
        assert_eq!(six.addresses, ["/ip6/2001:db8::1/tcp/4001".parse().unwrap()]);
    }

    #[test]
    fn names_and_websockets_are_addresses_too() {
        for (text, address) in [
            ("authority.example:4001", "/dns/authority.example/tcp/4001"),
            ("ws://authority.example:443/", "/dns/authority.example/tcp/443/ws"),
            ("ws://192.0.2.1:443", "/ip4/192.0.2.1/tcp/443/ws"),
            ("/dns4/authority.example/tcp/443/ws", "/dns4/authority.example/tcp/443/ws"),
        ] {
            let parsed = PeerAddress::parse(text, PeerKind::Authority).unwrap();
            assert_eq!(parsed.addresses, [address.parse().unwrap()], "{text}");
            let again = PeerAddress::parse(&plain(&parsed.addresses[0]), PeerKind::Authority).unwrap();
            assert_eq!(again.addresses[0].iter().count(), parsed.addresses[0].iter().count());
        }
    }

    #[test]
    fn an_address_of_another_transport_is_refused_with_its_reason() {
        for text in ["/ip4/192.0.2.1/udp/4001/quic-v1", "/unix/x", "/ip4/192.0.2.1/tcp/4001/wss"] {
            assert!(matches!(PeerAddress::parse(text, PeerKind::Lan), Err(AddressError::Transport(_))), "{text}");
        }
        for text in
            ["192.0.2.1", "example.org", "192.0.2:4001", "a..b:4001", "example.org:70000", "wss://a.b:1", "4001"]
        {
            assert!(matches!(PeerAddress::parse(text, PeerKind::Lan), Err(AddressError::Syntax(_))), "{text}");
        }
        let hashed = format!("/ip4/192.0.2.1/tcp/4001/p2p/{}", PeerId::random());
        assert!(matches!(PeerAddress::parse(&hashed, PeerKind::Lan), Err(AddressError::Key(_))));
    }
}
