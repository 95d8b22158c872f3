//! A thousand sites that dial one authority at the same moment: a whole authority in a process of its own, and real carriers.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, and looks for one event among all"
)]

#[path = "network_support/city.rs"]
mod city;
#[path = "network_support/light.rs"]
mod light;
#[path = "network_support/node.rs"]
mod support;

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use city::{City, address};
use light::Light;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use swabmesh_node::network::NetworkEvent;
use swabmesh_node::runtime::NodeHandle;
use swabmesh_protocol::entry::node_key;
use swabmesh_protocol::exchange::frame::{Frame, SYNC_ROOT_BYTES};
use swabmesh_protocol::fact::Role;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Sites that dial.
const SITES: u32 = 1_000;
/// Those of them that the authority has not heard of when they dial: they show their certificates.
const STRANGERS: u32 = 100;
/// Memory that a peer may cost the authority, all of it: connection, session, and what is shown of it.
const PEER_BYTES_MAX: u64 = 64 * 1024;
/// Longest wait for the last site. Strangers are heard 64 at a time and come again after 2 to 15 s.
const DEADLINE: Duration = Duration::from_secs(120);
/// File descriptors of a process: two for each site.
const DESCRIPTORS: u64 = 4 * SITES as u64;

/// Tells the process of the authority where its store is.
const STORE: &str = "SWABMESH_TEST_STORE";
/// What the authority tells starts with this; the test harness writes to the same stream.
const MARK: char = '@';

/// The authority's number among the test keys.
const AUTHORITY: u32 = 0;

fn certificate(number: u32) -> Vec<u8> {
    let (role, lane) = if number == AUTHORITY { (Role::Authority, 0) } else { (Role::Site, 1) };
    City::new().certificate(&support::config(number).key, role, &format!("node {number}"), lane)
}

/// The authority's process.
struct Authority {
    child: Child,
    address: String,
}

impl Authority {
    fn start(store: PathBuf) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "role_of_the_authority", "--nocapture"])
            .env(STORE, store)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let address = said.find_map(|line| line.split_once(MARK).map(|(_, address)| address.to_owned()));
        Self { child, address: address.unwrap() }
    }

    /// Bytes of its memory that are resident.
    fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        resident.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Dials with all others, introduces itself, and asks what is new, until the authority has answered that.
async fn site(number: u32, address: String, all: Arc<Barrier>) -> Light {
    let mut config = support::config(number);
    config.listen.clear();
    let node = support::key(AUTHORITY);
    let mut site = Light::start(config, node, certificate(number), 16).await;
    all.wait().await;
    site.dial(&address, node).await;
    loop {
        match site.events.recv().await.unwrap() {
            NetworkEvent::Connected { link, .. } => site.greet(link),
            NetworkEvent::Frame { link, bytes } => match Frame::from_bytes(&bytes).unwrap() {
                Frame::Hello(_) => {
                    let root = vec![0; SYNC_ROOT_BYTES].into();
                    assert!(site.send(link, &Frame::Sync { root, through: 0, after: None }));
                }
                Frame::Differ { .. } => return site,
                _ => {}
            },
            // Full for the moment, or not heard yet: the carrier dials again.
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_sites_that_dial_one_authority_at_once_all_get_in() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(DESCRIPTORS, |maximum| maximum.min(DESCRIPTORS));
    if limit.current.is_some_and(|current| current < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit }).unwrap();
    }
    let store = tempfile::tempdir().unwrap();
    let authority = Authority::start(store.path().join("authority"));
    let before = authority.resident();
    let all = Arc::new(Barrier::new(SITES as usize));
    let mut dialling = JoinSet::new();
    for number in 1..=SITES {
        dialling.spawn(site(number, authority.address.clone(), Arc::clone(&all)));
    }
    let (began, mut sites) = (Instant::now(), Vec::new());
    let all_in = async {
        while let Some(site) = dialling.join_next().await {
            sites.push(site.unwrap());
        }
    };
    let in_time = timeout(DEADLINE, all_in).await.is_ok();
    assert!(in_time, "{} of {SITES} got in within {DEADLINE:?}", sites.len());
    let each = authority.resident().saturating_sub(before) / u64::from(SITES);
    println!("{SITES} sites got in after {:.1?}; {each} bytes of memory a peer", began.elapsed());
    assert!(each <= PEER_BYTES_MAX, "{each} bytes a peer");
    assert!(sites.iter().all(|site| site.handle.figures().links == 1), "nobody was put out again");
}

/// The authority: a whole node that has enrolled most of the sites. Ends with its standard input.
#[test]
#[ignore = "the role of the authority in the test above, which starts it"]
fn role_of_the_authority() {
    let store = PathBuf::from(std::env::var_os(STORE).expect("started by the test above"));
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let key = support::config(AUTHORITY).key;
        assert_eq!(node_key(&key), support::key(AUTHORITY));
        let mut setup = City::new().setup(&store, key, Role::Authority, "Authority", 0, &[]);
        setup.signed.certificates = (1..=SITES - STRANGERS).map(certificate).collect();
        let node = NodeHandle::start(setup).await.unwrap();
        println!("{MARK}{}", address(&node).await);
        std::future::pending::<()>().await;
    });
}
