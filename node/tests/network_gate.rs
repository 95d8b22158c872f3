//! Who gets a link: roster, probation, withdrawal, and dials that meet somebody else.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, and looks for one event among all"
)]

#[path = "network_support/node.rs"]
mod support;

use std::time::Duration;

use support::{TestNode, config, key, linked_pair};
use swabmesh_node::network::{
    DialFailure, Disconnect, LinkId, NetworkCommand, NetworkEvent, PROBATION_FRAME_BYTES_MAX, PeerAddress, PeerKind,
    Refusal,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

async fn refused(node: &mut TestNode) -> (Option<swabmesh_protocol::id::NodeKey>, Refusal) {
    node.until("refusal", |event| match event {
        NetworkEvent::Refused { peer, reason, .. } => Some((*peer, *reason)),
        _ => None,
    })
    .await
}

async fn dial_failure(node: &mut TestNode) -> DialFailure {
    node.until("failed dial", |event| match event {
        NetworkEvent::DialFailed { failure, .. } => Some(failure.clone()),
        _ => None,
    })
    .await
}

/// A node that hears strangers, and a stranger that knows it and dials it; then the link at either end.
async fn stranger(probation: Duration) -> (TestNode, LinkId, TestNode, LinkId) {
    let mut config = config(1);
    config.times.probation = probation;
    let (mut host, mut stranger) = (TestNode::start_with(config, 64).await, TestNode::start(2).await);
    stranger.roster([key(1)]).await;
    stranger.dial(&host).await;
    let link = host
        .until("stranger", |event| match event {
            NetworkEvent::Connected { link, admitted, peer, .. } => {
                assert_eq!((*admitted, *peer), (false, key(2)));
                Some(*link)
            }
            _ => None,
        })
        .await;
    let there = stranger.connected().await;
    (host, link, stranger, there)
}

#[tokio::test]
async fn an_unknown_key_is_refused_when_strangers_are_not_heard() {
    let mut closed = config(1);
    closed.open_probation = false;
    let (mut host, mut stranger) = (TestNode::start_with(closed, 64).await, TestNode::start(2).await);
    stranger.roster([key(1)]).await;
    stranger.dial(&host).await;
    assert_eq!(refused(&mut host).await, (Some(key(2)), Refusal::Unknown));
    assert_eq!(dial_failure(&mut stranger).await, DialFailure::RefusedThere);
    assert_eq!((host.handle.figures().links_total, stranger.handle.figures().links_total), (0, 0));
}

#[tokio::test]
async fn a_stranger_that_is_not_admitted_in_time_is_closed() {
    let (mut host, link, stranger, there) = stranger(Duration::from_millis(500)).await;
    stranger.handle.send(there, b"certificate".to_vec()).unwrap();
    assert_eq!(host.frame(link).await, b"certificate");
    assert_eq!(host.disconnected(link).await, Disconnect::Probation);
}

#[tokio::test]
async fn a_stranger_is_heard_with_one_frame_and_the_rest_waits_for_its_admission() {
    let (mut host, link, mut stranger, there) = stranger(Duration::from_secs(5)).await;
    for frame in [b"certificate".as_slice(), b"second", b"third"] {
        stranger.handle.send(there, frame.to_vec()).unwrap();
    }
    assert_eq!(host.frame(link).await, b"certificate");
    // An answer goes out during probation, and its arrival gives the second frame time to arrive here.
    host.handle.send(link, b"answer".to_vec()).unwrap();
    assert_eq!(stranger.frame(there).await, b"answer");
    let early = timeout(Duration::from_millis(200), host.events.recv()).await;
    assert!(early.is_err(), "handed up before admission: {early:?}");
    host.command(NetworkCommand::Admit(link)).await;
    assert_eq!(host.frame(link).await, b"second");
    assert_eq!(host.frame(link).await, b"third");
    assert_eq!(host.handle.figures().links, 1);
}

#[tokio::test]
async fn an_admitted_key_is_no_stranger_the_next_time() {
    let (mut host, link, mut stranger, there) = stranger(Duration::from_secs(5)).await;
    host.command(NetworkCommand::Admit(link)).await;
    host.command(NetworkCommand::Close(link)).await;
    stranger.disconnected(there).await;
    let admitted = host
        .until("second link", |event| match event {
            NetworkEvent::Connected { admitted, .. } => Some(*admitted),
            _ => None,
        })
        .await;
    assert!(admitted);
    assert_eq!(host.handle.figures().reconnects, 1);
}

#[tokio::test]
async fn a_frame_above_the_bound_closes_the_link() {
    let (mut host, link, stranger, there) = stranger(Duration::from_secs(5)).await;
    stranger.handle.send(there, vec![1; PROBATION_FRAME_BYTES_MAX + 1]).unwrap();
    assert_eq!(host.disconnected(link).await, Disconnect::Oversize);
    assert_eq!(host.handle.figures().frames_in, 0);
    assert_eq!(host.handle.figures().disconnected.get(&Disconnect::Oversize), Some(&1));
}

#[tokio::test]
async fn a_withdrawn_peer_is_cut_and_not_let_in_again() {
    let (mut one, here, mut other, there) = linked_pair().await;
    other.command(NetworkCommand::Withdraw(key(1))).await;
    assert_eq!(other.disconnected(there).await, Disconnect::Withdrawn);
    let lost = one.disconnected(here).await;
    assert!(matches!(lost, Disconnect::Peer | Disconnect::Lost), "{lost:?}");
    assert_eq!(refused(&mut other).await, (Some(key(1)), Refusal::Withdrawn));
    assert_eq!(dial_failure(&mut one).await, DialFailure::RefusedThere);
    other.roster([key(1)]).await;
    other.connected().await;
}

#[tokio::test]
async fn an_address_without_a_key_meets_whoever_answers() {
    let (mut one, mut other) = (TestNode::start(1).await, TestNode::start(2).await);
    one.roster([key(2)]).await;
    other.roster([key(1)]).await;
    let text = other.address.to_string();
    one.command(NetworkCommand::Peers(vec![PeerAddress::parse(&text, PeerKind::Authority).unwrap()])).await;
    let met = one
        .until("link", |event| match event {
            NetworkEvent::Connected { peer, outbound: true, .. } => Some(*peer),
            _ => None,
        })
        .await;
    assert_eq!(met, key(2));
    other.connected().await;
}

#[tokio::test]
async fn another_node_at_a_peers_address_is_not_linked() {
    let (mut one, other) = (TestNode::start(1).await, TestNode::start(2).await);
    one.roster([key(2), key(3)]).await;
    one.command(NetworkCommand::Peers(vec![PeerAddress { key: Some(key(3)), ..other.peer() }])).await;
    assert_eq!(dial_failure(&mut one).await, DialFailure::OtherKey(Some(key(2))));
    assert_eq!(one.handle.figures().links_total, 0);
}

#[tokio::test]
async fn another_protocol_on_the_port_is_refused_and_counted() {
    let mut brief = config(1);
    brief.times.handshake_max = Duration::from_secs(1);
    let mut node = TestNode::start_with(brief, 64).await;
    let port = node.address.to_string().rsplit('/').next().unwrap().parse::<u16>().unwrap();
    let mut scan = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    scan.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert_eq!(refused(&mut node).await, (None, Refusal::Handshake));
    assert_eq!(node.handle.figures().refused.get(&Refusal::Handshake), Some(&1));
}
