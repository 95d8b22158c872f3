//! Killed processes and cut power: what was acknowledged is there afterwards.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "what a test calls is part of the test"
)]

#[path = "store/fixture.rs"]
mod fixture;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use fixture::{Random, TABLE, index, number, open, payload, seed, writes};
use swabmesh_node::store::Store;
use swabmesh_node::store::frame::{Arrival, FrameKind};
use swabmesh_node::store::recovery::Recovery;

const CHILD: &str = "child_stores_until_it_is_killed";

/// Indexes what opening left over, as every caller of a store does.
fn index_again(store: &Store, recovery: &Recovery) {
    for frame in store.frames(recovery.indexed_through.next()) {
        let frame = frame.unwrap();
        index(store, writes(&frame.payload), frame.arrival).unwrap();
    }
}

/// Stores numbered frames from several threads, indexing, releasing and checkpointing on the way, and writes
/// each acknowledged number to standard output.
#[test]
#[ignore = "the process that the tests below kill"]
fn child_stores_until_it_is_killed() {
    let dir = PathBuf::from(std::env::var_os("STORE_DIR").unwrap());
    let first: u64 = std::env::var("STORE_FIRST").unwrap().parse().unwrap();
    let opened = open(&dir);
    let store = &opened.store;
    println!("open");
    index_again(store, &opened.recovery);
    thread::scope(|scope| {
        for lane in 0..3 {
            scope.spawn(move || {
                // A file system shut down under the store ends this process like a kill.
                for own in (first + lane..).step_by(3) {
                    let bytes = payload(own);
                    let kind = if own % 2 == 0 { FrameKind::Own } else { FrameKind::Foreign };
                    let (told, hear) = sync_channel(1);
                    let done = Box::new(move |arrival: Result<Arrival, _>| told.send(arrival).unwrap());
                    let Ok(()) = store.persist(kind, bytes, done) else { std::process::exit(0) };
                    let Ok(_) = hear.recv().unwrap() else { std::process::exit(0) };
                    writeln!(std::io::stdout(), "ack {own}.").unwrap();
                }
            });
        }
        scope.spawn(|| {
            // One caller indexes in arrival order, behind the others.
            let mut next = store.health().indexed_through.next();
            loop {
                for frame in store.frames(next) {
                    let Ok(frame) = frame else { std::process::exit(0) };
                    let Ok(()) = index(store, writes(&frame.payload), frame.arrival) else { std::process::exit(0) };
                    next = frame.arrival.next();
                    if frame.arrival.0 % 40 == 0 {
                        store.release(Arrival(frame.arrival.0.saturating_sub(20)));
                        let _ = store.checkpoint(Box::new(|_| ()));
                    }
                }
                thread::yield_now();
            }
        });
    });
}

struct Victim {
    child: Child,
    reader: Option<JoinHandle<()>>,
    acks: Receiver<u64>,
    opened: Receiver<()>,
}

impl Drop for Victim {
    /// A failed test leaves no process behind, and nothing that keeps its disk busy.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Victim {
    fn start(dir: &Path, first: u64) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", CHILD])
            .env("STORE_DIR", dir)
            .env("STORE_FIRST", first.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (told_ack, acks) = sync_channel(1 << 20);
        let (told_open, opened) = sync_channel(1);
        let reader = thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // A killed writer's last line may be half, so only one with its full stop counts.
                if let Some(number) = line.strip_prefix("ack ").and_then(|line| line.strip_suffix('.')) {
                    told_ack.send(number.parse().unwrap()).unwrap();
                } else if line.ends_with("open") {
                    told_open.send(()).unwrap();
                }
            }
        });
        Self { child, reader: Some(reader), acks, opened }
    }

    /// Kills it and gives the numbers it acknowledged.
    fn kill(mut self) -> Vec<u64> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        self.acks.iter().collect()
    }
}

/// Opens, indexes again, and compares with everything ever acknowledged.
fn verify(dir: &Path, acked: &BTreeSet<u64>, what: &str) {
    let opened = open(dir);
    assert!(opened.recovery.missing.is_empty(), "{what}: {:?}", opened.recovery);
    assert_eq!(opened.epoch, 77, "{what}");
    let kept: BTreeSet<u64> =
        opened.store.frames(Arrival::NONE).map(|frame| number(&frame.unwrap().payload).expect("whole")).collect();
    index_again(&opened.store, &opened.recovery);
    for own in acked {
        let indexed = opened.store.get(TABLE, &own.to_be_bytes()).unwrap();
        assert!(
            indexed == Some(payload(*own)),
            "{what}: {own} was acknowledged; in the journal: {}, in the index: {}; {:?}",
            kept.contains(own),
            indexed.is_some(),
            opened.recovery
        );
    }
    opened.store.close().unwrap();
}

#[test]
fn thirty_kills_at_random_moments_lose_nothing_acknowledged() {
    let mut random = Random(seed("thirty_kills_at_random_moments_lose_nothing_acknowledged"));
    let dir = tempfile::tempdir().unwrap();
    let mut acked = BTreeSet::new();
    let mut killed_while_opening = 0;
    for round in 0..30 {
        let victim = Victim::start(dir.path(), 1 + round * 1_000_000);
        // The time until the kill is the random variable of this test; every third hits the start.
        if round % 3 == 0 {
            killed_while_opening += u32::from(victim.opened.recv_timeout(random_time(&mut random, 15_000)).is_err());
        } else {
            victim.opened.recv_timeout(Duration::from_secs(30)).expect("it opens");
            thread::sleep(random_time(&mut random, 120_000));
        }
        acked.extend(victim.kill());
        // Not every round: a store may be killed again before anybody looked.
        if random.below(2) == 0 {
            verify(dir.path(), &acked, &format!("round {round}"));
        }
    }
    verify(dir.path(), &acked, "at the end");
    println!("{} acknowledged, {killed_while_opening} kills before it was open", acked.len());
    assert!(acked.len() > 100, "it worked between the kills");
}

fn random_time(random: &mut Random, us_max: u64) -> Duration {
    Duration::from_micros(random.below(us_max))
}

/// A file system of its own in a file, and the tools to pull its plug.
struct Disk {
    home: tempfile::TempDir,
}

impl Disk {
    /// None, with the reason printed, where this needs rights or tools that are not there.
    fn new() -> Option<Self> {
        let disk = Self { home: tempfile::tempdir().unwrap() };
        std::fs::create_dir(disk.mount_point()).unwrap();
        let image = disk.home.path().join("image");
        std::fs::File::create(&image).unwrap().set_len(96 << 20).unwrap();
        let made =
            run("mkfs.ext4", &["-q".as_ref(), image.as_os_str()]) && disk.mount() && run("python3", &["-V".as_ref()]);
        if !made {
            println!("skipped: needs root, loop devices, mkfs.ext4 and python3");
        }
        made.then_some(disk)
    }

    fn mount_point(&self) -> PathBuf {
        self.home.path().join("disk")
    }

    fn mount(&self) -> bool {
        let image = self.home.path().join("image");
        run("mount", &["-o".as_ref(), "loop".as_ref(), image.as_os_str(), self.mount_point().as_os_str()])
    }

    fn unmount(&self) -> bool {
        run("umount", &[self.mount_point().as_os_str()])
    }

    /// A hand on the plug: `EXT4_IOC_SHUTDOWN` without flushing its log, so that nothing reaches the disk after.
    fn plug(&self) -> Plug {
        let script = "import fcntl,os,struct,sys; f=os.open(sys.argv[1],os.O_RDONLY); print('ready',flush=True); \
                      sys.stdin.readline(); fcntl.ioctl(f,0x8004587D,struct.pack('I',2))";
        let mut hand = Command::new("python3")
            .args(["-c".as_ref(), script.as_ref(), self.mount_point().as_os_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(hand.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        Plug(hand)
    }
}

struct Plug(Child);

impl Plug {
    fn pull(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success(), "the power is cut");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Also while something still uses it, so that no failure leaves it mounted.
        run("umount", &["-l".as_ref(), self.mount_point().as_os_str()]);
    }
}

fn run(tool: &str, arguments: &[&std::ffi::OsStr]) -> bool {
    Command::new(tool).args(arguments).output().is_ok_and(|output| output.status.success())
}

#[test]
fn cutting_the_power_loses_nothing_acknowledged() {
    let mut random = Random(seed("cutting_the_power_loses_nothing_acknowledged"));
    let Some(disk) = Disk::new() else { return };
    let dir = disk.mount_point().join("store");
    let mut acked = BTreeSet::new();
    for round in 0..10 {
        let victim = Victim::start(&dir, 1 + round * 1_000_000);
        victim.opened.recv_timeout(Duration::from_secs(30)).expect("it opens");
        thread::sleep(random_time(&mut random, 400_000));
        let plug = disk.plug();
        thread::sleep(random_time(&mut random, 50_000));
        // The fdatasync in flight at the cut may be answered with a wrong success, to a bare append as well.
        acked.extend(victim.acks.try_iter());
        plug.pull();
        victim.kill();
        assert!(disk.unmount() && disk.mount(), "the disk comes back");
        verify(&dir, &acked, &format!("round {round}"));
    }
    println!("{} acknowledged over 10 power cuts", acked.len());
    assert!(acked.len() > 100, "it worked between the cuts");
}
