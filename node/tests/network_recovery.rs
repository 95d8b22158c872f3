//! Links that break and come back, in one process: a wire that goes dead without a word, and a node that restarts.

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

use support::{DEADLINE, TestNode, config, key};
use swabmesh_node::network::{
    Disconnect, LinkId, NetworkCommand, NetworkConfig, NetworkEvent, PeerAddress, RedialWaits,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;

/// A wire with a switch: while it is cut, bytes and new connections vanish and nobody is told.
struct Wire {
    intact: watch::Sender<bool>,
}

impl Wire {
    /// Puts a wire before `far` and makes `near` dial it.
    async fn to(near: &TestNode, far: &TestNode) -> Self {
        let port: u16 = far.address.to_string().rsplit('/').next().unwrap().parse().unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let (intact, switch) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                tokio::spawn(copy(near_in, far_out, switch.clone()));
                tokio::spawn(copy(far_in, near_out, switch.clone()));
            }
        });
        let addresses = vec![format!("/ip4/127.0.0.1/tcp/{own}").parse().unwrap()];
        near.command(NetworkCommand::Peers(vec![PeerAddress { addresses, ..far.peer() }])).await;
        Self { intact }
    }
}

/// Copies until either end closes; a byte that meets a cut wire is lost, and the stream it was of with it.
async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut intact: watch::Receiver<bool>) {
    let mut space = vec![0; 65_536];
    while let Ok(bytes @ 1..) = from.read(&mut space).await {
        if !*intact.borrow_and_update() {
            // Held open and silent, as a pulled cable leaves it.
            std::future::pending::<()>().await;
        }
        if to.write_all(&space[..bytes]).await.is_err() {
            return;
        }
    }
}

fn quick(number: u32) -> NetworkConfig {
    let mut config = config(number);
    let waits = RedialWaits { first: Duration::from_millis(100), cap: Duration::from_millis(500) };
    config.times.heartbeat = Duration::from_millis(200);
    config.times.silence_max = Duration::from_millis(700);
    config.times.handshake_max = Duration::from_secs(1);
    (config.times.redial_lan, config.times.redial_authority) = (waits, waits);
    config
}

async fn ended(node: &mut TestNode, of: LinkId) -> (Disconnect, Duration) {
    let since = Instant::now();
    (node.disconnected(of).await, since.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_wire_is_noticed_on_both_sides_and_used_again_when_it_heals() {
    let (mut one, mut other) = (TestNode::start_with(quick(1), 64).await, TestNode::start_with(quick(2), 64).await);
    one.roster([key(2)]).await;
    other.roster([key(1)]).await;
    let wire = Wire::to(&one, &other).await;
    let (here, there) = (one.connected().await, other.connected().await);
    wire.intact.send_replace(false);
    let ((why_here, took_here), (why_there, took_there)) =
        tokio::join!(ended(&mut one, here), ended(&mut other, there));
    assert_eq!((why_here, why_there), (Disconnect::Silent, Disconnect::Silent));
    let longest = Duration::from_secs(3);
    assert!(took_here < longest && took_there < longest, "{took_here:?}, {took_there:?}");
    wire.intact.send_replace(true);
    let (here, there) = (one.connected().await, other.connected().await);
    one.handle.send(here, b"again".to_vec()).unwrap();
    assert_eq!(other.frame(there).await, b"again");
    assert_eq!((one.handle.figures().reconnects, other.handle.figures().reconnects), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_cut_under_load_is_replaced_each_time_it_is_cut() {
    let (mut one, mut other) = (TestNode::start_with(quick(1), 64).await, TestNode::start_with(quick(2), 64).await);
    one.roster([key(2)]).await;
    other.roster([key(1)]).await;
    let wire = Wire::to(&one, &other).await;
    for _ in 0..4 {
        let (here, there) = (one.connected().await, other.connected().await);
        wire.intact.send_replace(false);
        let reason = loop {
            while one.handle.send(here, vec![5; 262_144]).is_ok() {}
            let ended = one.until("room or end", |event| match event {
                NetworkEvent::Writable { .. } => Some(None),
                NetworkEvent::Disconnected { reason, .. } => Some(Some(*reason)),
                _ => None,
            });
            if let Some(reason) = ended.await {
                break reason;
            }
        };
        assert_eq!(reason, Disconnect::Silent);
        assert_eq!(other.disconnected(there).await, Disconnect::Silent);
        wire.intact.send_replace(true);
    }
}

#[tokio::test]
async fn a_node_that_restarts_is_dialled_again() {
    let (mut one, mut other) = (TestNode::start_with(quick(1), 64).await, TestNode::start_with(quick(2), 64).await);
    one.roster([key(2)]).await;
    other.roster([key(1)]).await;
    one.dial(&other).await;
    let here = one.connected().await;
    other.connected().await;
    let address = other.address.clone();
    tokio::time::timeout(DEADLINE, other.handle.shutdown()).await.unwrap();
    assert_eq!(one.disconnected(here).await, Disconnect::Peer);
    one.until("failed dial", |event| matches!(event, NetworkEvent::DialFailed { .. }).then_some(())).await;
    let mut config = quick(2);
    config.listen = vec![address];
    let mut other = TestNode::start_with(config, 64).await;
    other.roster([key(1)]).await;
    let here = one.connected().await;
    one.handle.send(here, b"welcome back".to_vec()).unwrap();
    let there = other.connected().await;
    assert_eq!(other.frame(there).await, b"welcome back");
}
