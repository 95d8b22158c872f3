//! A machine whose disk was rolled back, copied, or lost.

use super::*;

#[test]
fn a_restored_machine_notices_at_the_first_hello_before_it_appends() {
    let mut world = World::new(&[SITE, NEIGHBOUR]);
    let (authority, site, neighbour) = (0, 1, 2);
    world.connect(authority, neighbour);
    world.connect(site, neighbour);
    world.run(1_000);
    let ms = world.ms;
    world.at(site).open(ms, "S1");
    world.run(3_000);
    let backup = world.machines[site].disk.clone();
    for n in 2..9 {
        let ms = world.ms;
        world.at(site).open(ms, &format!("S{n}"));
        world.run(100);
    }
    world.run(3_000);
    world.disconnect();
    world.machines[site] = Machine::start(SITE, backup, world.ms);
    let old = world.machines[site].status(world.ms).epoch;
    world.connect(site, neighbour);
    world.connect(authority, neighbour);
    world.run(100);
    assert!(world.machines[site].notices.iter().any(|notice| matches!(notice, Notice::Restored { .. })));
    assert_ne!(world.machines[site].status(world.ms).epoch, old);
    let ms = world.ms;
    world.at(site).open(ms, "NEW");
    world.run(10_000);
    for place in [authority, site, neighbour] {
        let mut tubes = world.machines[place].tubes();
        tubes.sort();
        assert_eq!(tubes, ["NEW", "S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8"], "its own lost entries came back");
        assert_eq!(world.machines[place].status(world.ms).forks, 0);
    }
    assert_eq!(world.differ(site, neighbour), None);
}

#[test]
fn a_restored_machine_that_meets_nobody_registers_and_is_caught_later_with_nothing_lost() {
    let (mut world, [authority, neighbour, far, clone]) = cloned(0, 3);
    let ms = world.ms;
    world.at(1).open(ms, "OFFLINE");
    world.connect(1, far);
    world.connect(far, authority);
    world.connect(neighbour, authority);
    world.run(20_000);
    let status = world.machines[authority].status(world.ms);
    assert_eq!((status.forks, status.quarantined), (1, 4), "three of the clone's, one of its own");
    assert_eq!(world.differ(far, authority), None);
    let _ = clone;
}
