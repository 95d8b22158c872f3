//! The carrier over loopback: bytes a second through one link, and what a thousand idle peers cost.
//!
//! `cargo bench -p swabmesh-node --bench network`

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, and looks for one event among all"
)]

#[path = "../tests/network_support/node.rs"]
mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::{TestNode, config, key, linked_pair};
use swabmesh_node::network::{NetworkCommand, NetworkEvent, PeerAddress, PeerKind, start};
use tokio::sync::mpsc;

fn main() {
    if std::env::var_os("SWABMESH_TEST_SERVER").is_some() {
        return role_of_the_server();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        bulk_throughput_over_loopback().await;
        memory_and_processor_of_a_thousand_idle_peers().await;
    });
}

const CLIENTS: u32 = 1_000;
const FRAME_BYTES: usize = 256 * 1024;
const FRAMES: u32 = 4_096;

async fn bulk_throughput_over_loopback() {
    let (mut one, here, mut other, there) = linked_pair().await;
    let (start, (_, ticks)) = (Instant::now(), usage(std::process::id()));
    let sending = async {
        let mut sent = 0;
        while sent < FRAMES {
            match one.handle.send(here, vec![7; FRAME_BYTES]) {
                Ok(()) => sent += 1,
                Err(_) => {
                    one.until("room", |event| matches!(event, NetworkEvent::Writable { .. }).then_some(())).await;
                }
            }
        }
    };
    let receiving = async {
        for _ in 0..FRAMES {
            assert_eq!(other.frame(there).await.len(), FRAME_BYTES);
        }
    };
    tokio::join!(sending, receiving);
    let seconds = start.elapsed().as_secs_f64();
    let bytes = f64::from(FRAMES) * 262_144.0;
    println!(
        "{FRAMES} frames of 256 KiB in {seconds:.2} s: {:.0} MB/s, both ends in one process",
        bytes / seconds / 1e6
    );
    let processor = (usage(std::process::id()).1 - ticks) as f64 / 100.0;
    println!("processor: {:.2} s a GiB, both ends", processor / bytes * 1_073_741_824.0);
}

/// Resident memory in KiB and processor time in ticks of 10 ms of a process.
fn usage(pid: u32) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    (resident.trim().trim_end_matches(" kB").parse().unwrap(), ticks)
}

async fn memory_and_processor_of_a_thousand_idle_peers() {
    let mut server = Command::new(std::env::current_exe().unwrap())
        .env("SWABMESH_TEST_SERVER", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(server.stdout.take().unwrap()).lines().map_while(Result::ok);
    let address = output.find_map(|line| line.split_once('@').map(|(_, address)| address.to_owned())).unwrap();
    let address = PeerAddress { key: Some(key(0)), ..PeerAddress::parse(&address, PeerKind::Authority).unwrap() };
    let (before, _) = usage(server.id());
    let begin = Instant::now();
    let mut clients = Vec::new();
    for number in 1..=CLIENTS {
        let mut config = config(number);
        config.listen.clear();
        let (sender, events) = mpsc::channel(16);
        let handle = start(config, sender).unwrap();
        handle.command(NetworkCommand::Roster(BTreeSet::from([key(0)]))).await.unwrap();
        handle.command(NetworkCommand::Peers(vec![address.clone()])).await.unwrap();
        clients.push((handle, events));
    }
    let mut failed = 0;
    for (_, events) in &mut clients {
        while !matches!(events.recv().await.unwrap(), NetworkEvent::Connected { .. }) {
            failed += 1;
        }
    }
    println!("{CLIENTS} peers connected in {:.1?}, {failed} dials failed", begin.elapsed());
    // Measuring time, not waiting for anything: three heartbeats, then half a minute of idling.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let (after, ticks) = usage(server.id());
    tokio::time::sleep(Duration::from_secs(30)).await;
    let (_, later) = usage(server.id());
    println!(
        "memory: {before} KiB alone, {after} KiB with peers: {:.1} KiB a peer",
        (after - before) as f64 / f64::from(CLIENTS)
    );
    println!("processor: {:.1} % of a core, heartbeats every 3 s both ways", (later - ticks) as f64 / 30.0);
    assert!(clients.iter().all(|(handle, _)| handle.figures().links == 1));
    drop(server.stdin.take());
    server.wait().unwrap();
}

/// The other process of the figure above, which starts it.
fn role_of_the_server() {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut server = TestNode::start(0).await;
        server.command(NetworkCommand::Roster((1..=CLIENTS).map(key).collect())).await;
        println!("@{}", server.address);
        while server.events.recv().await.is_some() {}
    });
}
