//! What a store promises its caller, on real files.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "what a test calls is part of the test"
)]

#[path = "store/fixture.rs"]
mod fixture;

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::mpsc::sync_channel;

use fixture::{TABLE, checkpoint, frames, index, open, options, payload, persist, writes};
use proptest::prelude::*;
use swabmesh_node::store::Store;
use swabmesh_node::store::error::{OpenError, StoreError};
use swabmesh_node::store::frame::{Arrival, FrameKind, PAYLOAD_BYTES_MAX};
use swabmesh_node::store::index::{VALUE_BYTES_MAX, Write};
use swabmesh_node::store::key::{KEY_BYTES_MAX, KeyRange, Order, Table};
use swabmesh_node::store::options::StoreOptions;
use swabmesh_node::store::recovery::IndexFound;

#[test]
fn everything_acknowledged_is_there_after_reopening_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open(dir.path());
    assert_eq!((opened.epoch, &opened.recovery.index), (77, &IndexFound::Created));
    assert!(opened.recovery.is_clean());
    for number in 1..=200 {
        assert_eq!(persist(&opened.store, FrameKind::Own, &payload(number)).unwrap(), Arrival(number));
    }
    assert!(opened.store.health().journal_segments > 3, "several segments");
    opened.store.close().unwrap();

    let opened = open(dir.path());
    assert!(opened.recovery.is_clean(), "{:?}", opened.recovery);
    assert_eq!((opened.epoch, opened.recovery.last), (77, Arrival(200)));
    assert_eq!(frames(&opened.store), (1..=200).map(|number| (number, payload(number))).collect::<Vec<_>>());
    let later: Vec<_> = opened.store.frames(Arrival(150)).map(|frame| frame.unwrap().arrival.0).collect();
    assert_eq!(later, (150..=200).collect::<Vec<_>>());
    assert_eq!(persist(&opened.store, FrameKind::Foreign, b"next").unwrap(), Arrival(201));
}

/// Holds the journal thread inside a completion until the gate is dropped.
fn hold_journal_thread(store: &Store) -> std::sync::mpsc::SyncSender<()> {
    let (gate, wait) = sync_channel::<()>(0);
    let (entered, inside) = sync_channel(0);
    let done = Box::new(move |_| {
        entered.send(()).unwrap();
        let _ = wait.recv();
    });
    store.persist(FrameKind::Own, vec![0], done).map_err(|refused| refused.why).unwrap();
    inside.recv().unwrap();
    gate
}

#[test]
fn who_is_alone_writes_at_once_and_who_is_not_has_to_queue() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let alone = |number: u64| store.persist_alone(FrameKind::Own, &payload(number)).map(|outcome| outcome.unwrap().0);
    assert_eq!((alone(1), alone(2)), (Some(1), Some(2)));
    let gate = hold_journal_thread(&store);
    assert_eq!(alone(4), None, "somebody writes");
    let (told, hear) = sync_channel(1);
    let done = Box::new(move |outcome: Result<Arrival, _>| told.send(outcome.unwrap().0).unwrap());
    store.persist(FrameKind::Own, payload(4), done).map_err(|refused| refused.why).unwrap();
    assert_eq!(alone(5), None, "somebody waits");
    drop(gate);
    assert_eq!(hear.recv().unwrap(), 4);
    // The journal thread is done with its callers a moment after it told the last one.
    let fifth = std::iter::repeat_with(|| alone(5)).flatten().next();
    assert_eq!(fifth, Some(5));
    store.close().unwrap();

    let store = open(dir.path()).store;
    let expected = [1, 2, 3, 4, 5].map(|number| (number, if number == 3 { vec![0] } else { payload(number) }));
    assert_eq!(frames(&store), expected);
    let other = store.clone();
    store.close().unwrap();
    assert!(other.persist_alone(FrameKind::Own, &payload(6)).is_none(), "closed: persist says so");
}

#[test]
fn all_that_waits_becomes_durable_with_one_sync_and_is_acknowledged_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let gate = hold_journal_thread(&store);
    let (told, hear) = sync_channel(50);
    for number in 0..50 {
        let told = told.clone();
        let done = Box::new(move |arrival| told.send((number, arrival)).unwrap());
        store.persist(FrameKind::Own, payload(number), done).map_err(|refused| refused.why).unwrap();
    }
    assert_eq!(hear.try_recv().ok().map(|(number, _)| number), None, "nothing is acknowledged before it is durable");
    drop((gate, told));
    let heard: Vec<_> = hear.iter().map(|(number, arrival)| (number, arrival.unwrap().0)).collect();
    assert_eq!(heard, (0..50).map(|number| (number, number + 2)).collect::<Vec<_>>());
    let health = store.health();
    assert_eq!((health.groups_persisted, health.frames_persisted), (2, 51));
}

#[test]
fn a_full_queue_gives_the_frame_back_and_takes_it_later() {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions { queue_frames_max: 2, queue_bytes_max: 1_000, ..options() };
    let store = Store::open(dir.path(), &options).unwrap().store;
    let gate = hold_journal_thread(&store);
    let send = |bytes: usize| {
        let taken = store.persist(FrameKind::Own, vec![1; bytes], Box::new(|_| ()));
        taken.map_err(|refused| (refused.why, refused.given.0.len()))
    };
    assert!(send(600).is_ok());
    assert!(matches!(send(401), Err((StoreError::Busy, 401))), "bytes");
    assert!(send(1).is_ok());
    assert!(matches!(send(1), Err((StoreError::Busy, 1))), "frames");
    assert_eq!((store.health().refused_busy, store.health().queued_frames, store.health().queued_bytes), (2, 2, 601));
    drop(gate);
    // The bound holds for what waits, so after one completion there is room.
    while matches!(persist(&store, FrameKind::Own, &[1]), Err(StoreError::Busy)) {
        std::thread::yield_now();
    }
    store.close().unwrap();
}

#[test]
fn sizes_beyond_the_bounds_are_refused_before_anything_is_queued() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    assert!(matches!(persist(&store, FrameKind::Own, &[]), Err(StoreError::FrameSize { bytes: 0 })));
    let long = vec![0; PAYLOAD_BYTES_MAX + 1];
    assert!(matches!(persist(&store, FrameKind::Own, &long), Err(StoreError::FrameSize { .. })));
    assert_eq!(persist(&store, FrameKind::Own, &long[1..]).unwrap(), Arrival(1));
    let fits = || Write::put(TABLE, vec![1; KEY_BYTES_MAX], vec![2; VALUE_BYTES_MAX]);
    let value = Write::put(TABLE, [9], vec![0; VALUE_BYTES_MAX + 1]);
    let key = Write::delete(TABLE, vec![0; KEY_BYTES_MAX + 1]);
    assert!(matches!(index(&store, vec![fits(), value], Arrival(1)), Err(StoreError::ValueSize { bytes: 4_097 })));
    assert!(matches!(index(&store, vec![fits(), key], Arrival(1)), Err(StoreError::KeySize { bytes: 257 })));
    assert_eq!(store.scan(TABLE, &KeyRange::all(), Order::Ascending, 9).unwrap(), []);
    index(&store, vec![fits()], Arrival(1)).unwrap();
    assert_eq!(store.get(TABLE, &[1; KEY_BYTES_MAX]).unwrap(), Some(vec![2; VALUE_BYTES_MAX]));
}

#[test]
fn a_segment_goes_only_when_indexed_checkpointed_and_its_own_frames_released() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    for number in 1..=300 {
        let kind = if number <= 100 { FrameKind::Own } else { FrameKind::Foreign };
        persist(&store, kind, &payload(number)).unwrap();
    }
    let first = || frames(&store).first().map(|(arrival, _)| *arrival).unwrap();
    store.release(Arrival(50));
    checkpoint(&store).unwrap();
    assert_eq!(first(), 1, "nothing is indexed");
    for number in 1..=250 {
        index(&store, writes(&payload(number)), Arrival(number)).unwrap();
    }
    assert_eq!(first(), 1, "nothing is checkpointed");
    checkpoint(&store).unwrap();
    let after_release_of_50 = first();
    assert!(
        (2..=51).contains(&after_release_of_50),
        "own frames after 50 stay, and all behind them: {after_release_of_50}"
    );
    store.release(Arrival(100));
    checkpoint(&store).unwrap();
    let after_release_of_all = first();
    assert!((52..=251).contains(&after_release_of_all), "frames not indexed stay: {after_release_of_all}");
    assert_eq!(frames(&store).last().unwrap().0, 300);
    store.close().unwrap();

    let opened = open(dir.path());
    assert!(opened.recovery.is_clean(), "{:?}", opened.recovery);
    assert_eq!(opened.recovery.indexed_through, Arrival(250));
    assert_eq!(frames(&opened.store).first().unwrap().0, after_release_of_all);
}

#[test]
fn a_directory_in_use_is_refused_until_its_store_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let other = store.clone();
    assert!(matches!(Store::open(dir.path(), &options()), Err(OpenError::InUse { .. })));
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "child_opens_the_store"])
        .env("STORE_DIR", dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&child.stdout).into_owned();
    assert!(text.contains("is in use by another running node"), "{text}");
    store.close().unwrap();
    assert!(matches!(persist(&other, FrameKind::Own, b"late"), Err(StoreError::Closed)));
    assert!(matches!(checkpoint(&other), Err(StoreError::Closed)));
    open(dir.path()).store.close().unwrap();
}

#[test]
#[ignore = "the second process of a test above"]
fn child_opens_the_store() {
    let dir = std::env::var_os("STORE_DIR").unwrap();
    println!("{}", Store::open(dir.as_ref(), &options()).unwrap_err());
}

#[test]
fn a_renewed_epoch_is_the_one_found_later() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    store.renew_epoch(5).unwrap();
    store.close().unwrap();
    assert_eq!(open(dir.path()).epoch, 5);
}

#[test]
fn the_last_handle_may_be_dropped_inside_a_completion() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let (told, hear) = sync_channel(1);
    let inside = store.clone();
    let done = Box::new(move |arrival| {
        told.send(arrival).unwrap();
        drop(inside);
    });
    store.persist(FrameKind::Own, payload(1), done).map_err(|refused| refused.why).unwrap();
    drop(store);
    assert_eq!(hear.recv().unwrap().unwrap(), Arrival(1));
    let reopened = loop {
        match Store::open(dir.path(), &options()) {
            Ok(opened) => break opened,
            Err(OpenError::InUse { .. }) => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(frames(&reopened.store), [(1, payload(1))]);
}

#[derive(Debug, Clone)]
enum Step {
    Persist(FrameKind),
    Index(Vec<(u8, Vec<u8>, Option<Vec<u8>>)>),
    Scan(u8, Vec<u8>, bool, usize),
    Checkpoint,
    Release,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let key = || prop::collection::vec(prop_oneof![Just(0_u8), Just(255), any::<u8>()], 0..4);
    let write = (1..4_u8, key(), prop::option::of(prop::collection::vec(any::<u8>(), 0..300)));
    prop_oneof![
        4 => prop_oneof![Just(FrameKind::Own), Just(FrameKind::Foreign)].prop_map(Step::Persist),
        4 => prop::collection::vec(write, 0..150).prop_map(Step::Index),
        2 => (1..4_u8, key(), any::<bool>(), 0..40_usize)
            .prop_map(|(table, prefix, down, limit)| Step::Scan(table, prefix, down, limit)),
        1 => Just(Step::Checkpoint),
        1 => Just(Step::Release),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_store_behaves_like_a_map_and_a_list_however_often_it_is_reopened(steps in prop::collection::vec(step(), 1..60)) {
        let dir = tempfile::tempdir().unwrap();
        let options = StoreOptions { segment_bytes_max: 2_000, ..options() };
        let mut store = Store::open(dir.path(), &options).unwrap().store;
        let mut map: BTreeMap<(u8, Vec<u8>), Vec<u8>> = BTreeMap::new();
        let mut persisted = 0;
        let mut indexed = 0;
        for step in steps {
            match step {
                Step::Persist(kind) => {
                    persisted += 1;
                    prop_assert_eq!(persist(&store, kind, &payload(persisted)).unwrap().0, persisted);
                }
                Step::Index(changes) => {
                    let write = |(table, key, value): &(u8, Vec<u8>, Option<Vec<u8>>)| match value {
                        Some(value) => Write::put(Table::new(*table), key.clone(), value.clone()),
                        None => Write::delete(Table::new(*table), key.clone()),
                    };
                    index(&store, changes.iter().map(write).collect(), Arrival(persisted)).unwrap();
                    indexed = persisted;
                    for (table, key, value) in changes {
                        match value {
                            Some(value) => map.insert((table, key), value),
                            None => map.remove(&(table, key)),
                        };
                    }
                }
                Step::Scan(table, prefix, down, limit) => {
                    let order = if down { Order::Descending } else { Order::Ascending };
                    let found = store.scan(Table::new(table), &KeyRange::prefix(prefix.clone()), order, limit).unwrap();
                    let mut expected: Vec<_> = map
                        .iter()
                        .filter(|((in_table, key), _)| *in_table == table && key.starts_with(&prefix))
                        .map(|((_, key), value)| (key.clone(), value.clone()))
                        .collect();
                    if down {
                        expected.reverse();
                    }
                    expected.truncate(limit);
                    prop_assert_eq!(found, expected);
                }
                Step::Checkpoint => checkpoint(&store).unwrap(),
                Step::Release => store.release(Arrival(persisted)),
                Step::Reopen => {
                    store.close().unwrap();
                    let opened = Store::open(dir.path(), &options).unwrap();
                    prop_assert!(opened.recovery.is_clean(), "{:?}", opened.recovery);
                    prop_assert_eq!(opened.recovery.indexed_through, Arrival(indexed));
                    prop_assert_eq!(opened.recovery.last, Arrival(persisted));
                    store = opened.store;
                }
            }
            for ((table, key), value) in &map {
                let found = store.get(Table::new(*table), key).unwrap();
                prop_assert_eq!(found.as_ref(), Some(value));
            }
            let kept = frames(&store);
            let first = kept.first().map_or(persisted + 1, |(arrival, _)| *arrival);
            prop_assert!(first <= indexed + 1, "a frame that is not indexed is kept");
            let expected: Vec<_> = (first..=persisted).map(|number| (number, payload(number))).collect();
            prop_assert_eq!(kept, expected);
        }
    }
}
