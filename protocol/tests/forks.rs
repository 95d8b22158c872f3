//! Two histories of one feed, among whole nodes: found, proved, spread, kept, decided (rules N2, N3, N5).

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what the tests build is what they expect")]

use swabmesh_protocol::command::Command;
use swabmesh_protocol::fact::{Fact, Remark};
use swabmesh_protocol::fork;
use swabmesh_protocol::io::Notice;
use swabmesh_protocol::project::{self, quarantine};
use swabmesh_protocol::view::Table;

#[path = "forks/custody.rs"]
mod custody;
#[path = "forks/membership.rs"]
mod membership;
#[path = "forks/pruned.rs"]
mod pruned;
#[path = "forks/restored.rs"]
mod restored;
#[path = "forks/world.rs"]
mod world;

use world::*;

const SITE: u8 = 3;
const NEIGHBOUR: u8 = 4;
const FAR: u8 = 5;

/// A site, two neighbours and an authority that all hold three tubes of the site; then its disk is cloned, and each of
/// the two machines goes on alone: one with `a` tubes, told to the first neighbour; the clone with `b`, told to the second.
fn cloned(a: usize, b: usize) -> (World, [usize; 4]) {
    let mut world = World::new(&[SITE, NEIGHBOUR, FAR]);
    let [authority, site, neighbour, far] = [0, 1, 2, 3];
    [site, neighbour, far].into_iter().for_each(|place| world.connect(authority, place));
    for tube in ["S1", "S2", "S3"] {
        let ms = world.ms;
        world.at(site).open(ms, tube);
        world.run(100);
    }
    world.run(3_000);
    world.disconnect();
    let clone = world.machines[site].disk.clone();
    let clone = world.add(SITE, clone);
    let ms = world.ms;
    (0..a).for_each(|n| world.at(site).open(ms + n as u64, &format!("A{n}")));
    (0..b).for_each(|n| world.at(clone).open(ms + n as u64, &format!("B{n}")));
    world.connect(site, neighbour);
    world.connect(clone, far);
    world.run(3_000);
    world.disconnect();
    (world, [authority, neighbour, far, clone])
}

fn proofs(machine: &Machine) -> usize {
    machine.facts(|fact| matches!(fact, Fact::ForkProof(_)))
}

#[test]
fn a_fork_is_found_at_first_contact_and_both_histories_are_kept_everywhere() {
    for (a, b) in [(1, 1), (2, 5), (5, 2), (40, 3)] {
        let (mut world, [authority, neighbour, far, _]) = cloned(a, b);
        assert_eq!(proofs(&world.machines[neighbour]) + proofs(&world.machines[far]), 0);
        world.connect(neighbour, far);
        world.run(20_000);
        assert!(proofs(&world.machines[far]) > 0 && proofs(&world.machines[neighbour]) > 0, "{a}/{b}: no proof");
        world.connect(neighbour, authority);
        world.run(20_000);
        for place in [authority, neighbour, far] {
            let machine = &world.machines[place];
            assert_eq!(machine.tubes(), ["S1", "S2", "S3"], "{a}/{b}: what lies below the fork stands, nothing else");
            let proof = project::fork_proofs(&machine.disk.tables).unwrap().pop().unwrap().2;
            assert_eq!((fork::verify(&proof), proof.from.0), (Ok(()), 4));
            let feed = proof.header().id();
            let branches = quarantine::branches(&machine.disk.tables, &feed).unwrap();
            let heights: Vec<usize> = branches
                .iter()
                .map(|(id, _)| {
                    project::entries(&machine.disk.tables, id, proof.from, swabmesh_protocol::id::SeqNo(u64::MAX))
                        .unwrap()
                        .count()
                })
                .collect();
            assert_eq!(heights.iter().sum::<usize>(), a + b, "{a}/{b} at {place}: {heights:?}");
            assert_eq!((machine.status(world.ms).forks, machine.status(world.ms).quarantined), (1, (a + b) as u64));
        }
        assert_eq!(world.differ(neighbour, far), None, "{a}/{b}");
        assert_eq!(world.differ(neighbour, authority), None, "{a}/{b}");
    }
}

#[test]
fn the_authority_decides_and_the_kept_history_counts_everywhere() {
    for both in [false, true] {
        let (mut world, [authority, neighbour, far, _]) = cloned(3, 4);
        world.connect(neighbour, far);
        world.connect(neighbour, authority);
        world.run(20_000);
        let proof = project::fork_proofs(&world.machines[authority].disk.tables).unwrap().pop().unwrap().2;
        let keep = if both { proof.firsts.to_vec() } else { vec![proof.firsts[0]] };
        let header = proof.header();
        let decide =
            Command::DecideFork { header, keep, reason: Remark::truncated("the laptop that stayed at the gate") };
        let ms = world.ms;
        world.at(authority).command(ms, decide).unwrap();
        world.run(20_000);
        let tubes = world.machines[authority].tubes();
        let (a, b) = (
            tubes.iter().filter(|tube| tube.starts_with('A')).count(),
            tubes.iter().filter(|tube| tube.starts_with('B')).count(),
        );
        assert!(if both { (a, b) == (3, 4) } else { (a, b) == (3, 0) || (a, b) == (0, 4) }, "{tubes:?}");
        for place in [neighbour, far] {
            assert_eq!(world.machines[place].tubes(), tubes);
            assert_eq!(world.differ(place, authority), None);
        }
    }
}

#[test]
fn honest_feeds_go_on_while_a_fork_is_sorted_out() {
    let (mut world, [authority, neighbour, far, _]) = cloned(2, 2);
    world.connect(neighbour, far);
    world.connect(neighbour, authority);
    for n in 0..10 {
        let ms = world.ms;
        world.at(neighbour).open(ms, &format!("N{n}"));
        world.at(far).open(ms, &format!("F{n}"));
        world.run(200);
    }
    world.run(5_000);
    let tubes = world.machines[authority].tubes();
    assert_eq!(tubes.iter().filter(|tube| tube.starts_with('N') || tube.starts_with('F')).count(), 20, "{tubes:?}");
}

#[test]
fn one_fork_has_one_name_whoever_proves_it() {
    let (mut world, [authority, neighbour, far, _]) = cloned(3, 6);
    let other = cloned(3, 6).0;
    world.connect(neighbour, far);
    world.run(20_000);
    world.connect(neighbour, authority);
    world.run(20_000);
    drop(other);
    let names: Vec<_> = [authority, neighbour, far]
        .into_iter()
        .map(|place| fork::name(&project::fork_proofs(&world.machines[place].disk.tables).unwrap()[0].2))
        .collect();
    assert!(names.iter().all(|name| *name == names[0]));
    let stated = proofs(&world.machines[authority]);
    assert!((1..=2).contains(&stated), "each finder states it once: {stated}");
}

#[test]
fn a_node_restarted_after_a_fork_knows_what_it_kept() {
    let (mut world, [_, neighbour, far, _]) = cloned(3, 6);
    world.connect(neighbour, far);
    world.run(20_000);
    world.disconnect();
    let before = world.machines[far].status(world.ms);
    let disk = world.machines[far].disk.clone();
    world.machines[far] = Machine::start(FAR, disk, world.ms);
    let after = world.machines[far].status(world.ms);
    assert_eq!((after.root, after.forks, after.quarantined), (before.root, before.forks, before.quarantined));
    world.connect(neighbour, far);
    world.run(3_000);
    assert_eq!(world.differ(neighbour, far), None);
    assert!(world.machines[far].rows(Table::Quarantine).len() > 2);
}

#[test]
fn a_writer_that_learns_of_its_own_fork_goes_on_in_a_new_epoch() {
    let (mut world, [_, _, far, clone]) = cloned(2, 3);
    let epoch = world.machines[1].status(world.ms).epoch;
    world.connect(1, far);
    world.run(20_000);
    assert_ne!(world.machines[1].status(world.ms).epoch, epoch);
    assert!(
        world.machines[1].notices.iter().any(|notice| matches!(notice, Notice::Fork { .. } | Notice::Restored { .. }))
    );
    let ms = world.ms;
    world.at(1).open(ms, "AFTER");
    world.run(5_000);
    assert!(world.machines[far].tubes().contains(&"AFTER".to_owned()), "what it writes from now on counts");
    let _ = clone;
}
