//! A full disk: new work is refused with a reason, nothing acknowledged is lost, and it goes on by itself.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "what a test calls is part of the test"
)]

#[path = "store/fixture.rs"]
mod fixture;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use fixture::{TABLE, options, payload, persist, writes};
use swabmesh_node::store::Store;
use swabmesh_node::store::error::{OpenError, StoreError};
use swabmesh_node::store::frame::{Arrival, FrameKind};
use swabmesh_node::store::options::StoreOptions;

const MIB: u64 = 1 << 20;

/// A file system of 24 MB in memory.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// None, with the reason printed, without the right to mount.
    fn new() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"]).arg(dir.path()).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(dir));
        }
        println!("skipped: needs the right to mount a tmpfs");
        None
    }

    fn store(&self) -> PathBuf {
        self.0.path().join("store")
    }

    fn free(&self) -> u64 {
        let facts = rustix::fs::statvfs(self.0.path()).unwrap();
        facts.f_bavail * facts.f_frsize
    }

    /// Somebody else's file, until so many bytes are free.
    fn fill(&self, leave: u64) {
        let mut file = File::options().create(true).append(true).open(self.ballast()).unwrap();
        while let Some(more) = self.free().checked_sub(leave).filter(|more| *more > 0) {
            let piece = vec![0; usize::try_from(more.min(MIB)).unwrap()];
            if file.write_all(&piece).is_err() {
                break;
            }
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.0.path().join("somebody-elses-file")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

/// Queues the index writes of a frame; the answer does not matter.
fn index_later(store: &Store, number: u64, arrival: Arrival) {
    let _ = store.index(writes(&payload(number)), arrival, Box::new(|_| ()));
}

fn eventually(what: &str, store: &Store, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "not within 20 s: {what}; {:#?}", store.health());
        std::thread::yield_now();
    }
}

/// Every acknowledged frame is in the journal or in the index, also after reopening.
fn verify(dir: &Path, options: &StoreOptions, acked: &[(u64, Arrival)]) {
    let opened = Store::open(dir, options).unwrap();
    assert!(opened.recovery.missing.is_empty(), "{:?}", opened.recovery);
    let kept: Vec<_> = opened.store.frames(Arrival::NONE).map(|frame| frame.unwrap()).collect();
    for (number, arrival) in acked {
        let in_journal = kept.iter().any(|frame| frame.arrival == *arrival && frame.payload == payload(*number));
        let in_index = opened.store.get(TABLE, &number.to_be_bytes()).unwrap() == Some(payload(*number));
        assert!(in_journal, "{number} is own and not released: {:?}", opened.recovery);
        assert!(in_index || *arrival > opened.recovery.indexed_through, "{number}: {:?}", opened.recovery);
    }
}

#[test]
fn below_the_floor_frames_are_refused_and_taken_again_once_there_is_room() {
    let Some(disk) = SmallDisk::new() else { return };
    let options = StoreOptions { floor_bytes: 4 * MIB, ..options() };
    let store = Store::open(&disk.store(), &options).unwrap().store;
    let mut acked = Vec::new();
    disk.fill(6 * MIB);
    let refused = loop {
        let number = u64::try_from(acked.len()).unwrap() + 1;
        match persist(&store, FrameKind::Own, &payload(number)) {
            Ok(arrival) => {
                acked.push((number, arrival));
                index_later(&store, number, arrival);
            }
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StoreError::Full { floor, .. } if floor == 4 * MIB), "{refused:?}");
    assert!(refused.to_string().contains("make room"), "{refused}");
    assert!(matches!(store.health().journal_trouble, Some(StoreError::Full { .. })));
    assert!(matches!(persist(&store, FrameKind::Own, b"x"), Err(StoreError::Full { .. })), "at once, without a queue");
    eventually("the index follows what was taken", &store, || {
        store.health().indexed_through == acked[acked.len() - 1].1
    });
    assert!(acked.len() > 100, "there was room for some: {}", acked.len());

    disk.make_room();
    let number = u64::try_from(acked.len()).unwrap() + 1;
    acked.push((number, persist(&store, FrameKind::Own, &payload(number)).unwrap()));
    assert!(store.health().journal_trouble.is_none());
    store.close().unwrap();
    verify(&disk.store(), &options, &acked);
}

#[test]
fn a_disk_filled_to_the_last_byte_poisons_nothing_for_good() {
    let Some(disk) = SmallDisk::new() else { return };
    // Without a floor, so that journal and index really meet the end of the disk.
    let options = options();
    let store = Store::open(&disk.store(), &options).unwrap().store;
    let mut acked = Vec::new();
    let mut number = 0;
    for round in 0..3 {
        disk.fill(MIB);
        let mut refused = 0;
        while refused < 50 {
            number += 1;
            match persist(&store, FrameKind::Own, &payload(number)) {
                Ok(arrival) => {
                    acked.push((number, arrival));
                    index_later(&store, number, arrival);
                }
                Err(StoreError::Full { .. } | StoreError::Busy) => refused += 1,
                Err(other) => panic!("{other}"),
            }
        }
        disk.fill(0);
        eventually("the index notices", &store, || {
            let health = store.health();
            health.index_trouble.is_some() || health.queued_index_jobs == 0
        });
        println!("round {round}: {} acknowledged, {:?}", acked.len(), store.health().index_trouble);

        disk.make_room();
        for _ in 0..20 {
            number += 1;
            let arrival = persist(&store, FrameKind::Own, &payload(number)).expect("there is room again");
            acked.push((number, arrival));
            eventually("the index takes jobs", &store, || {
                store.index(writes(&payload(number)), arrival, Box::new(|_| ())).is_ok()
            });
        }
        eventually("the index works again", &store, || {
            let health = store.health();
            health.index_trouble.is_none() && health.indexed_through == health.last
        });
    }
    let health = store.health();
    println!("{} acknowledged, index opened again {} times", acked.len(), health.index_reopened);
    store.close().unwrap();
    verify(&disk.store(), &options, &acked);
}

#[test]
fn a_store_on_a_full_disk_opens_or_says_why_not() {
    let Some(disk) = SmallDisk::new() else { return };
    let options = StoreOptions { floor_bytes: MIB, ..options() };
    let store = Store::open(&disk.store(), &options).unwrap().store;
    let mut acked = Vec::new();
    for number in 1..=300 {
        let arrival = persist(&store, FrameKind::Own, &payload(number)).unwrap();
        acked.push((number, arrival));
        index_later(&store, number, arrival);
    }
    store.close().unwrap();
    disk.fill(0);
    match Store::open(&disk.store(), &options) {
        Ok(opened) => {
            println!("it opened: {:?}", opened.recovery);
            assert!(matches!(persist(&opened.store, FrameKind::Own, b"x"), Err(StoreError::Full { .. })));
        }
        Err(OpenError::Full { free, floor }) => {
            println!("it said: {}", OpenError::Full { free, floor });
            assert!(free < floor);
        }
        Err(other) => panic!("{other}"),
    }
    disk.make_room();
    verify(&disk.store(), &options, &acked);
}
