//! What durability costs above a bare append and fdatasync of the same bytes on the same disk.
//!
//! Both sides take turns in one run, so that a busy machine slows both; the ratios are the
//! result. Where a figure is a whole scheduler tick (4 ms) it measures the neighbours: repeat on an idle machine.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark stops at the first surprise and prints"
)]

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use swabmesh_node::store::Store;
use swabmesh_node::store::error::StoreError;
use swabmesh_node::store::frame::{Arrival, FrameKind};
use swabmesh_node::store::index::Write;
use swabmesh_node::store::key::Table;
use swabmesh_node::store::options::StoreOptions;

const ENTRY_BYTES: usize = 256;
const ROUNDS: usize = 3_000;
const THREADS: usize = 16;
const GROUP: usize = 64;

fn main() {
    let here = std::env::var_os("STORE_BENCH_DIR").unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into());
    let dir = tempfile::tempdir_in(here).unwrap();
    println!("frames of {ENTRY_BYTES} bytes, {ROUNDS} rounds; p10, p50 and p95 in µs");
    one_by_one(dir.path(), false);
    one_by_one(dir.path(), true);
    groups(dir.path());
    threads(dir.path());
}

fn open(dir: &Path, name: &str) -> Store {
    Store::open(&dir.join(name), &StoreOptions::new(1)).unwrap().store
}

/// The completion of a frame, as a channel.
type Told = (SyncSender<Result<Arrival, StoreError>>, Receiver<Result<Arrival, StoreError>>);

fn persist(store: &Store, payload: Vec<u8>, told: &SyncSender<Result<Arrival, StoreError>>) {
    let told = told.clone();
    store
        .persist(FrameKind::Own, payload, Box::new(move |arrival| told.send(arrival).unwrap()))
        .map_err(|refused| refused.why)
        .unwrap();
}

/// The bare side: the same number of bytes, appended and synced.
struct Bare(File);

impl Bare {
    fn new(dir: &Path, name: &str) -> Self {
        Self(File::options().create(true).append(true).open(dir.join(name)).unwrap())
    }

    fn append(&mut self, bytes: &[u8]) -> Duration {
        let started = Instant::now();
        self.0.write_all(bytes).unwrap();
        self.0.sync_data().unwrap();
        started.elapsed()
    }
}

fn one_by_one(dir: &Path, indexing: bool) {
    let store = open(dir, if indexing { "one-indexed" } else { "one" });
    let mut bare = Bare::new(dir, if indexing { "bare-indexed" } else { "bare" });
    let (told, hear): Told = sync_channel(1);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let framed = vec![7; ENTRY_BYTES + 21];
    for round in 0..ROUNDS {
        theirs.push(bare.append(&framed));
        let payload = vec![7; ENTRY_BYTES];
        let started = Instant::now();
        persist(&store, payload, &told);
        let arrival = hear.recv().unwrap().unwrap();
        ours.push(started.elapsed());
        if indexing {
            let key = u64::try_from(round).unwrap().to_be_bytes();
            let write = Write::put(Table::new(1), key, vec![7; ENTRY_BYTES]);
            store.index(vec![write], arrival, Box::new(|_| ())).map_err(|refused| refused.why).unwrap();
        }
    }
    report(if indexing { "one frame, indexed behind" } else { "one frame" }, ours, theirs);
    store.close().unwrap();
}

fn groups(dir: &Path) {
    let store = open(dir, "groups");
    let mut bare = Bare::new(dir, "bare-groups");
    let (told, hear): Told = sync_channel(GROUP);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let framed = vec![7; (ENTRY_BYTES + 21) * GROUP];
    for _ in 0..ROUNDS / 4 {
        theirs.push(bare.append(&framed));
        let payloads: Vec<_> = (0..GROUP).map(|_| vec![7; ENTRY_BYTES]).collect();
        let started = Instant::now();
        for payload in payloads {
            persist(&store, payload, &told);
        }
        for _ in 0..GROUP {
            hear.recv().unwrap().unwrap();
        }
        ours.push(started.elapsed());
    }
    let health = store.health();
    let total: Duration = ours.iter().sum();
    report("64 frames queued at once", ours, theirs);
    rate("64 frames queued at once", health.frames_persisted, health.groups_persisted, total);
    store.close().unwrap();
}

fn threads(dir: &Path) {
    let store = Arc::new(open(dir, "threads"));
    let started = Instant::now();
    let waits: Vec<Vec<Duration>> = thread::scope(|scope| {
        let caller = || {
            let (told, hear): Told = sync_channel(1);
            let one = |_| {
                let started = Instant::now();
                persist(&store, vec![7; ENTRY_BYTES], &told);
                hear.recv().unwrap().unwrap();
                started.elapsed()
            };
            (0..ROUNDS / 4).map(one).collect()
        };
        let callers: Vec<_> = (0..THREADS).map(|_| scope.spawn(caller)).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    let total = started.elapsed();
    let health = store.health();
    let mut bare = Bare::new(dir, "bare-threads");
    let framed = vec![7; (ENTRY_BYTES + 21) * THREADS];
    let theirs = (0..ROUNDS / 4).map(|_| bare.append(&framed)).collect();
    report("16 threads, one frame each (bare: 16 frames at once)", waits.concat(), theirs);
    rate("16 threads", health.frames_persisted, health.groups_persisted, total);
}

fn report(what: &str, ours: Vec<Duration>, theirs: Vec<Duration>) {
    let [ours, theirs] = [ours, theirs].map(|mut times| {
        times.sort_unstable();
        [10, 50, 95].map(|percent| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e6)
    });
    let ratios = [ours[0] / theirs[0], ours[1] / theirs[1]];
    println!("{what}: {ours:.0?}, bare {theirs:.0?}, ratio of p10 {:.2}, of p50 {:.2}", ratios[0], ratios[1]);
}

fn rate(what: &str, frames: u64, groups: u64, total: Duration) {
    let frames = f64::from(u32::try_from(frames).unwrap());
    let groups = f64::from(u32::try_from(groups).unwrap());
    println!("{what}: {:.0} frames/s, {:.1} frames a sync", frames / total.as_secs_f64(), frames / groups);
}
