//! A failing disk: every start succeeds, and says what is gone.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "what a test calls is part of the test"
)]

#[path = "store/fixture.rs"]
mod fixture;

use std::fs;
use std::path::{Path, PathBuf};

use fixture::{Random, TABLE, checkpoint, frames, index, open, payload, persist, seed, writes};
use swabmesh_node::store::frame::{Arrival, FrameKind};
use swabmesh_node::store::index::Write;
use swabmesh_node::store::recovery::{ArrivalRange, IndexFound};

/// A closed store of own frames 1 to `frames`, the first `indexed` of them indexed.
fn filled(frames: u64, indexed: u64) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    for number in 1..=frames {
        persist(&store, FrameKind::Own, &payload(number)).unwrap();
    }
    for number in 1..=indexed {
        index(&store, writes(&payload(number)), Arrival(number)).unwrap();
    }
    store.close().unwrap();
    dir
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(dir.join("journal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "seg"));
    paths.sort();
    paths
}

fn flip_bit(path: &Path, random: &mut Random) -> u64 {
    let mut bytes = fs::read(path).unwrap();
    let bit = random.below(u64::try_from(bytes.len()).unwrap() * 8);
    bytes[usize::try_from(bit / 8).unwrap()] ^= 1 << (bit % 8);
    fs::write(path, bytes).unwrap();
    bit
}

fn range(first: u64, last: u64) -> ArrivalRange {
    ArrivalRange { first: Arrival(first), last: Arrival(last) }
}

#[test]
fn a_flipped_bit_in_the_index_costs_nothing_but_the_index() {
    const FRAMES: u64 = 600;
    let mut random = Random(seed("a_flipped_bit_in_the_index_costs_nothing_but_the_index"));
    let intact = filled(FRAMES, FRAMES);
    // Opening writes a snapshot. Without one sled takes all damage for a write cut short and rolls back.
    open(intact.path()).store.close().unwrap();
    let (mut rebuilt, mut rolled_back) = (0, 0);
    for trial in 0..40 {
        let dir = tempfile::tempdir().unwrap();
        copy(intact.path(), dir.path());
        let bit = flip_bit(&dir.path().join("index/db"), &mut random);
        let opened = open(dir.path());
        let at = format!("trial {trial}, bit {bit}, {:?}", opened.recovery);
        if let IndexFound::Rebuilt { kept_at, reason } = &opened.recovery.index {
            rebuilt += 1;
            assert!(kept_at.is_dir() && !reason.is_empty(), "{at}");
            assert_eq!(opened.recovery.indexed_through, Arrival::NONE, "{at}");
        }
        rolled_back += u32::from(opened.recovery.indexed_through < Arrival(FRAMES));
        assert_eq!(opened.recovery.missing, [], "{at}");
        let again = opened.store.frames(opened.recovery.indexed_through.next());
        let again: Vec<Write> = again.flat_map(|frame| writes(&frame.unwrap().payload)).collect();
        index(&opened.store, again, Arrival(FRAMES)).unwrap();
        for number in 1..=FRAMES {
            let found = opened.store.get(TABLE, &u64::to_be_bytes(number)).unwrap();
            assert_eq!(found, Some(payload(number)), "{at}: {number}");
        }
        opened.store.close().unwrap();
        assert_eq!(open(dir.path()).recovery.index, IndexFound::Intact, "{at}: rebuilt once");
    }
    println!("of 40: {rebuilt} rebuilt, {} rolled back by sled", rolled_back - rebuilt);
    assert!(rebuilt > 0, "some of the bits matter");
}

#[test]
fn a_flipped_bit_in_the_journal_costs_at_most_its_frame_and_is_named() {
    let mut random = Random(seed("a_flipped_bit_in_the_journal_costs_at_most_its_frame_and_is_named"));
    let intact = filled(120, 0);
    for trial in 0..40 {
        let dir = tempfile::tempdir().unwrap();
        copy(intact.path(), dir.path());
        let paths = segments(dir.path());
        let path = &paths[usize::try_from(random.below(u64::try_from(paths.len()).unwrap())).unwrap()];
        let bit = flip_bit(path, &mut random);
        let opened = open(dir.path());
        let at = format!("trial {trial}, {path:?}, bit {bit}, {:?}", opened.recovery);
        let kept = frames(&opened.store);
        let lost: Vec<u64> = (1..=120).filter(|number| !kept.iter().any(|(arrival, _)| arrival == number)).collect();
        assert!(kept.iter().all(|(arrival, bytes)| *bytes == payload(*arrival)), "{at}");
        match lost.as_slice() {
            // A segment's header.
            [] => assert_eq!(opened.recovery.missing, [], "{at}"),
            // The last frame of all cannot be told from a write cut short.
            [120] => assert!(opened.recovery.torn_bytes > 0, "{at}"),
            [one] => assert_eq!(opened.recovery.missing, [range(*one, *one)], "{at}"),
            more => panic!("{at}: lost {more:?}"),
        }
        let next = persist(&opened.store, FrameKind::Own, b"goes on").unwrap();
        assert!(next > Arrival(120), "{at}: no number is given twice, {next}");
    }
}

#[test]
fn damage_of_frames_that_the_index_holds_is_told_apart_from_a_loss() {
    let dir = filled(120, 120);
    let path = segments(dir.path()).remove(1);
    let first: u64 = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[40] ^= 1;
    fs::write(&path, bytes).unwrap();
    let recovery = open(dir.path()).recovery;
    assert_eq!((recovery.missing, recovery.only_indexed), (vec![], vec![range(first, first)]));
}

#[test]
fn a_vanished_segment_is_named_and_the_rest_is_read() {
    let dir = filled(120, 0);
    let paths = segments(dir.path());
    let start = |path: &Path| path.file_stem().unwrap().to_str().unwrap().parse::<u64>().unwrap();
    fs::remove_file(&paths[0]).unwrap();
    let opened = open(dir.path());
    assert_eq!(opened.recovery.missing, [range(1, start(&paths[1]) - 1)]);
    assert_eq!(frames(&opened.store).len(), usize::try_from(121 - start(&paths[1])).unwrap());
}

#[test]
fn an_index_lost_after_segments_went_names_what_only_peers_have() {
    let dir = filled(120, 120);
    let store = open(dir.path()).store;
    store.release(Arrival(120));
    checkpoint(&store).unwrap();
    let kept = frames(&store)[0].0;
    assert!(kept > 1);
    store.close().unwrap();
    fs::write(dir.path().join("index/db"), vec![0x5A; 1 << 20]).unwrap();
    let recovery = open(dir.path()).recovery;
    assert!(matches!(recovery.index, IndexFound::Rebuilt { .. }), "{recovery:?}");
    assert_eq!(recovery.missing, [range(1, kept - 1)]);
    assert_eq!(recovery.last, Arrival(120));
}

#[test]
fn a_tail_torn_at_any_length_costs_only_what_was_cut() {
    let intact = filled(4, 0);
    let length = fs::metadata(&segments(intact.path())[0]).unwrap().len();
    let mut random = Random(seed("a_tail_torn_at_any_length_costs_only_what_was_cut"));
    for _ in 0..40 {
        let dir = tempfile::tempdir().unwrap();
        copy(intact.path(), dir.path());
        let cut = random.below(length + 1);
        let file = fs::File::options().write(true).open(&segments(dir.path())[0]).unwrap();
        file.set_len(cut).unwrap();
        let opened = open(dir.path());
        let kept = frames(&opened.store);
        let whole: Vec<(u64, Vec<u8>)> = (1..).map(|n| (n, payload(n))).take(kept.len()).collect();
        assert_eq!(kept, whole, "cut at {cut}");
        assert_eq!(opened.recovery.missing, [], "cut at {cut}: a torn write is no loss");
        let next = persist(&opened.store, FrameKind::Own, b"next").unwrap().0;
        opened.store.close().unwrap();
        let opened = open(dir.path());
        assert_eq!(frames(&opened.store).last(), Some(&(next, b"next".to_vec())), "cut at {cut}");
        assert!(opened.recovery.is_clean(), "cut at {cut}: {:?}", opened.recovery);
    }
}

#[test]
fn a_half_written_index_snapshot_does_not_stop_a_start() {
    let dir = filled(50, 50);
    let half = dir.path().join("index/snap.FFFFFFFFFFFFFF00.generating");
    fs::write(&half, [1, 2, 3]).unwrap();
    let opened = open(dir.path());
    assert_eq!((opened.recovery.half_snapshots, &opened.recovery.index), (1, &IndexFound::Intact));
    assert_eq!(opened.recovery.indexed_through, Arrival(50));
    assert!(!half.exists());
}

#[test]
fn an_index_found_broken_while_running_is_rebuilt_by_the_next_start() {
    let dir = filled(50, 50);
    fs::write(dir.path().join("index.suspect"), "a page could not be read").unwrap();
    let opened = open(dir.path());
    let IndexFound::Rebuilt { reason, .. } = opened.recovery.index else { panic!("{:?}", opened.recovery) };
    assert_eq!(reason, "a page could not be read");
    opened.store.close().unwrap();
    assert_eq!(open(dir.path()).recovery.index, IndexFound::Intact);
}
