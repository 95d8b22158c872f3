//! Links between carriers of one process over loopback: frames, bounds, duplicates, redials.

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

use std::collections::BTreeSet;
use std::time::Duration;

use support::{DEADLINE, TestNode, config, key, linked_pair};
use swabmesh_node::network::{Disconnect, LinkId, NetworkCommand, NetworkEvent, NetworkHandle, UnsentReason};
use swabmesh_protocol::limits::FRAME_BYTES_MAX;
use tokio::time::{Instant, timeout, timeout_at};

/// A frame that says its own number; every hundredth is large.
fn numbered(number: u32) -> Vec<u8> {
    let mut frame = number.to_be_bytes().to_vec();
    frame.resize(if number.is_multiple_of(100) { 100_000 } else { 4 + number as usize % 300 }, 0xA5);
    frame
}

/// Sends numbered frames from `next` until all are queued or the link is busy.
fn send_some(handle: &NetworkHandle, link: LinkId, next: &mut u32, count: u32) {
    while *next < count {
        match handle.send(link, numbered(*next)) {
            Ok(()) => *next += 1,
            Err(unsent) => {
                assert_eq!(unsent.reason, UnsentReason::Busy);
                assert_eq!(unsent.frame, numbered(*next), "an unsent frame comes back unchanged");
                return;
            }
        }
    }
}

/// Sends `count` frames and receives as many, in whatever order the link allows.
async fn exchange(node: &mut TestNode, link: LinkId, count: u32) {
    let (mut sent, mut received) = (0, 0);
    send_some(&node.handle, link, &mut sent, count);
    while sent < count || received < count {
        let event = timeout(DEADLINE, node.events.recv()).await;
        match event.unwrap_or_else(|_| panic!("nothing after {sent} sent, {received} received")).unwrap() {
            NetworkEvent::Frame { link: on, bytes } if on == link => {
                assert!(bytes == numbered(received), "frame {received} is another: {:?}", bytes.get(..4));
                received += 1;
            }
            NetworkEvent::Writable { link: on } if on == link => send_some(&node.handle, link, &mut sent, count),
            event => panic!("{event:?} after {sent} sent, {received} received"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_frames_cross_both_ways_at_once_in_order() {
    const COUNT: u32 = 10_000;
    let (mut one, here, mut other, there) = linked_pair().await;
    tokio::join!(exchange(&mut one, here, COUNT), exchange(&mut other, there, COUNT));
    let (figures, bytes) = (one.handle.figures(), (0..COUNT).map(|number| numbered(number).len() as u64).sum::<u64>());
    assert_eq!((figures.frames_in, figures.bytes_in), (u64::from(COUNT), bytes));
    assert_eq!((figures.frames_out, figures.bytes_out), (u64::from(COUNT), bytes));
    assert!(figures.busy > 0, "the queue was never full, so this did not test it");
}

#[tokio::test]
async fn the_longest_frame_crosses_and_a_longer_one_stays_here() {
    let (one, here, mut other, there) = linked_pair().await;
    let reason = one.handle.send(here, vec![1; FRAME_BYTES_MAX + 1]).unwrap_err().reason;
    assert_eq!(reason, UnsentReason::Length);
    one.handle.send(here, vec![1; FRAME_BYTES_MAX]).unwrap();
    assert!(other.frame(there).await == vec![1; FRAME_BYTES_MAX]);
}

#[tokio::test]
async fn a_closed_link_delivers_what_was_queued_before() {
    let (mut one, here, mut other, there) = linked_pair().await;
    for number in 0..20 {
        one.handle.send(here, numbered(number)).unwrap();
    }
    one.command(NetworkCommand::Close(here)).await;
    for number in 0..20 {
        assert!(other.frame(there).await == numbered(number), "frame {number}");
    }
    assert_eq!(other.disconnected(there).await, Disconnect::Peer);
    assert_eq!(one.disconnected(here).await, Disconnect::Here);
    assert_eq!(one.handle.send(here, vec![1]).unwrap_err().reason, UnsentReason::Gone);
}

#[tokio::test]
async fn a_node_that_stops_delivers_what_was_queued_before() {
    let (one, here, mut other, there) = linked_pair().await;
    for _ in 0..8 {
        one.handle.send(here, vec![3; 100_000]).unwrap();
    }
    let TestNode { handle, mut events, .. } = one;
    timeout(Duration::from_secs(8), handle.shutdown()).await.unwrap();
    for number in 0..8 {
        assert!(other.frame(there).await == vec![3; 100_000], "frame {number}");
    }
    assert_eq!(other.disconnected(there).await, Disconnect::Peer);
    let ended = NetworkEvent::Disconnected { link: here, reason: Disconnect::Shutdown };
    assert_eq!(events.recv().await, Some(ended));
    assert_eq!(events.recv().await, None, "nothing runs on");
}

/// The bytes a link may hold for a peer that takes none: our queue, its receive window, and the kernel's two buffers.
const HELD_BYTES_MAX: usize = (1 + 4 + 6 + 6) * 1024 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_takes_nothing_holds_a_bounded_number_of_bytes_and_is_closed() {
    let mut impatient = config(1);
    impatient.times.stall_max = Duration::from_secs(3);
    let mut one = TestNode::start_with(impatient, 64).await;
    let mut slow = TestNode::start_with(config(2), 2).await;
    one.roster([key(2)]).await;
    slow.roster([key(1)]).await;
    one.dial(&slow).await;
    let here = one.connected().await;
    let mut taken = 0;
    let reason = loop {
        match one.handle.send(here, vec![9; 65_536]) {
            Ok(()) => taken += 65_536,
            Err(unsent) if unsent.reason == UnsentReason::Gone => break one.disconnected(here).await,
            Err(_) => {
                // Nobody takes the slow node's events, so either there is room again or the link is given up.
                let ended = one.until("room or end", |event| match event {
                    NetworkEvent::Writable { .. } => Some(None),
                    NetworkEvent::Disconnected { reason, .. } => Some(Some(*reason)),
                    _ => None,
                });
                if let Some(reason) = ended.await {
                    break reason;
                }
            }
        }
        assert!(taken <= HELD_BYTES_MAX, "{taken} bytes are held for a peer that takes none");
    };
    assert_eq!(reason, Disconnect::SlowPeer);
    let there = slow.connected().await;
    assert!(slow.frame(there).await == vec![9; 65_536], "what it had received is still good");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_that_dial_each_other_at_once_keep_the_same_one_link() {
    let (mut one, mut other) = (TestNode::start(1).await, TestNode::start(2).await);
    one.roster([key(2)]).await;
    other.roster([key(1)]).await;
    for round in 0..20_u8 {
        tokio::join!(one.dial(&other), other.dial(&one));
        let (here, outbound_here) = settled(&mut one, round).await;
        let (there, outbound_there) = settled(&mut other, round).await;
        assert_ne!(outbound_here, outbound_there, "round {round}: the two ends are of one connection");
        one.handle.send(here, vec![round, 1]).unwrap();
        assert_eq!(other.frame(there).await, [round, 1]);
        other.handle.send(there, vec![round, 2]).unwrap();
        assert_eq!(one.frame(here).await, [round, 2]);
        for node in [&one, &other] {
            node.command(NetworkCommand::Peers(Vec::new())).await;
            assert_eq!(node.handle.figures().links, 1, "round {round}");
        }
        one.command(NetworkCommand::Close(here)).await;
        tokio::join!(one.disconnected(here), other.disconnected(there));
    }
    let settled = |node: &TestNode| node.handle.figures().disconnected.get(&Disconnect::Duplicate).copied();
    let refused: u64 = [&one, &other].map(|node| node.handle.figures().refused.values().sum::<u64>()).iter().sum();
    assert!(settled(&one).is_some() || settled(&other).is_some() || refused > 0, "no round made two connections");
}

/// Waits until the dials of a round are over on this side and one link is left, and returns it and whether we dialled it.
async fn settled(node: &mut TestNode, round: u8) -> (LinkId, bool) {
    let deadline = Instant::now() + DEADLINE;
    let mut up: Vec<(LinkId, bool)> = Vec::new();
    // A second connection is only known by waiting for it; a quarter of a second without any event is long on loopback.
    let quiet = Duration::from_millis(250);
    loop {
        let wait = if up.len() == 1 { deadline.min(Instant::now() + quiet) } else { deadline };
        match timeout_at(wait, node.events.recv()).await {
            Ok(Some(NetworkEvent::Connected { link, outbound, .. })) => up.push((link, outbound)),
            Ok(Some(NetworkEvent::Disconnected { link, .. })) => up.retain(|(of, _)| *of != link),
            Ok(Some(_)) => {}
            Ok(None) => panic!("round {round}: the node stopped"),
            Err(_) if up.len() == 1 => return up[0],
            Err(_) => panic!("round {round}: links {up:?}, {:?}", node.handle.figures()),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_nodes_that_connect_at_once_all_get_in() {
    const CLIENTS: u32 = 200;
    let mut server = TestNode::start(0).await;
    server.command(NetworkCommand::Roster((1..=CLIENTS).map(key).collect())).await;
    let mut clients = Vec::new();
    for number in 1..=CLIENTS {
        let mut config = config(number);
        config.listen.clear();
        let (sender, events) = tokio::sync::mpsc::channel(64);
        let handle = swabmesh_node::network::start(config, sender).unwrap();
        handle.command(NetworkCommand::Roster(BTreeSet::from([key(0)]))).await.unwrap();
        clients.push((handle, events));
    }
    for (handle, _) in &clients {
        handle.command(NetworkCommand::Peers(vec![server.peer()])).await.unwrap();
    }
    for (number, (handle, events)) in (0_u32..).zip(&mut clients) {
        match timeout(DEADLINE, events.recv()).await.unwrap().unwrap() {
            NetworkEvent::Connected { link, .. } => handle.send(link, number.to_be_bytes().to_vec()).unwrap(),
            event => panic!("client {number}: {event:?}"),
        }
    }
    let mut heard = BTreeSet::new();
    while heard.len() < CLIENTS as usize {
        heard.extend(
            server
                .until("frame of another client", |event| match event {
                    NetworkEvent::Frame { bytes, .. } => Some(bytes.clone()),
                    _ => None,
                })
                .await
                .try_into()
                .map(u32::from_be_bytes),
        );
    }
    assert_eq!(server.handle.figures().links, u64::from(CLIENTS));
    assert_eq!(server.handle.figures().disconnected.len(), 0);
}
