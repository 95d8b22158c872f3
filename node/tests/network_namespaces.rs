//! Two carriers in two processes on two hosts: sighted by multicast, cut without a word, healed, unplugged.
//!
//! Needs root, `ip` and `nft`; without them the test says so and passes. Takes a minute or two: it waits for real timeouts.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, and looks for one event among all"
)]

#[path = "network_support/namespaces.rs"]
mod namespaces;
#[path = "network_support/node.rs"]
mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use namespaces::Lab;
use support::{TestNode, config, key};
use swabmesh_node::network::{NetworkCommand, NetworkEvent, PeerAddress, PeerKind};

/// Tells the process of a host which it is.
const HOST: &str = "SWABMESH_TEST_HOST";

/// What a host tells starts with this; the test harness writes to the same stream.
const MARK: char = '@';

const NOTICED_MAX: Duration = Duration::from_secs(15);
const HEALED_MAX: Duration = Duration::from_secs(20);

/// One process on one host, and what it says.
struct Host {
    child: Child,
    said: Receiver<String>,
}

impl Host {
    fn start(lab: &Lab, number: u32) -> Self {
        let mut child = lab
            .on(number)
            .arg(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "role_of_a_host", "--nocapture"])
            .env(HOST, number.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, said) = sync_channel(10_000);
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if let Some((_, said)) = line.split_once(MARK) {
                    let _ = sender.send(said.to_owned());
                }
            }
        });
        Self { child, said }
    }

    /// Makes the host send as much as its link takes.
    fn load(&self) {
        self.child.stdin.as_ref().unwrap().write_all(b"load\n").unwrap();
    }

    /// Waits until the host says `what`, and returns how long that took.
    fn says(&self, what: &str, since: Instant, within: Duration) -> Duration {
        self.says_all(&[what], since, within)
    }

    /// Waits until the host has said all of these, in any order, and returns how long that took.
    fn says_all(&self, all: &[&str], since: Instant, within: Duration) -> Duration {
        let (mut missing, mut heard) = (all.to_vec(), Vec::new());
        while !missing.is_empty() {
            let Ok(said) = self.said.recv_timeout((since + within).saturating_duration_since(Instant::now())) else {
                panic!("not {missing:?} within {within:?}, but {heard:?}")
            };
            missing.retain(|what| !said.starts_with(what));
            heard.push(said);
        }
        since.elapsed()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn hosts_find_each_other_notice_a_silent_cut_and_use_the_healed_link() {
    if let Some(reason) = namespaces::missing() {
        println!("skipped: {reason}");
        return;
    }
    let lab = Lab::new();
    let hosts = [1, 2].map(|number| Host::start(&lab, number));
    let both = |what: &str, since, within| hosts.each_ref().map(|host| host.says(what, since, within));
    let start = Instant::now();
    // Whoever is dialled before it has sighted the other is connected first.
    let met = hosts.each_ref().map(|host| host.says_all(&["sighted", "connected"], start, Duration::from_secs(60)));
    println!("sighted by multicast and connected after {met:?}");

    lab.cut();
    println!("silent cut noticed after {:?}", both("disconnected silent", Instant::now(), NOTICED_MAX));
    // Long enough for the waits between dials to have reached their cap.
    for _ in 0..5 {
        both("dial failed", Instant::now(), Duration::from_secs(30));
    }
    lab.heal();
    println!("healed link used after {:?}", both("connected", Instant::now(), HEALED_MAX));

    lab.cut();
    hosts.iter().for_each(Host::load);
    println!("cut under load noticed after {:?}", both("disconnected silent", Instant::now(), NOTICED_MAX));
    lab.heal();
    println!("healed link used after {:?}", both("connected", Instant::now(), HEALED_MAX));

    lab.cable(1, false);
    println!("pulled cable noticed after {:?}", both("disconnected", Instant::now(), NOTICED_MAX));
    lab.cable(1, true);
    println!("plugged cable used after {:?}", both("connected", Instant::now(), HEALED_MAX));
}

/// A host: dials whom it sights, and says what it sees. Ends with its standard input.
#[test]
#[ignore = "the role of a host in the test above, which starts it"]
fn role_of_a_host() {
    let number: u32 = std::env::var(HOST).expect("started by the test above").parse().unwrap();
    let (order, mut orders) = tokio::sync::mpsc::channel(1);
    thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            let _ = order.blocking_send(line);
        }
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut config = config(number);
        config.listen = vec!["/ip4/0.0.0.0/tcp/4001".parse().unwrap()];
        config.mdns = true;
        config.open_probation = false;
        let mut node = TestNode::start_with(config, 64).await;
        node.roster([key(1), key(2)]).await;
        let mut last = None;
        loop {
            let event = tokio::select! {
                Some(event) = node.events.recv() => event,
                Some(_) = orders.recv() => {
                    // The writer takes some, so a full queue is not yet a full socket; a thousand times is.
                    for link in std::iter::repeat_n(last, 1_000).flatten() {
                        let _ = node.handle.send(link, vec![7; 65_536]);
                        tokio::task::yield_now().await;
                    }
                    continue;
                }
            };
            match event {
                NetworkEvent::Sighted { peer, address } => {
                    println!("{MARK}sighted {peer} {address}");
                    let peer = PeerAddress { key: Some(peer), addresses: vec![address], kind: PeerKind::Lan };
                    node.command(NetworkCommand::Peers(vec![peer])).await;
                }
                NetworkEvent::Connected { link, .. } => {
                    last = Some(link);
                    println!("{MARK}connected {}", link.0);
                }
                NetworkEvent::Disconnected { reason, .. } => println!("{MARK}disconnected {reason}"),
                NetworkEvent::DialFailed { failure, .. } => println!("{MARK}dial failed {failure}"),
                NetworkEvent::Frame { .. } | NetworkEvent::Writable { .. } => {}
                event => println!("{MARK}other {event:?}"),
            }
        }
    });
}
