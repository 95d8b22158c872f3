//! A machine whose disk was rolled back, copied, or lost.

use minicbor::bytes::ByteVec;
use swabmesh_protocol::exchange::frame::{Frame, Hello, ToldHead, encode_heads};
use swabmesh_protocol::id::{Epoch, FeedHeader, SeqNo};
use swabmesh_protocol::io::{Input, LinkId};
use swabmesh_protocol::limits::HINTED_EPOCHS_MAX;

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

/// The hello of a liar: it holds a hundred entries more than there are of the listener's present feed.
fn lie(world: &mut World, liar: u8, listener: usize) {
    let status = world.machines[listener].status(world.ms);
    let header = FeedHeader { writer: status.node, epoch: status.epoch, lane: status.lane };
    let told = ToldHead { feed: header.id().short(), seq: SeqNo(1_000), hash: [7; 4] };
    let yours = Some(ByteVec::from(encode_heads([told])));
    let certificate = certificate(liar, 1, u64::MAX).into();
    let hello = Hello { version_min: 1, version_max: 2, certificate, epoch: Epoch(9), arrivals: 0, wall: 0, yours };
    let (link, ms) = (LinkId(world.ms + 1_000_000), world.ms);
    world.at(listener).handle(ms, Input::Connected { link, peer: node(liar), dialled: false });
    world.at(listener).handle(ms, Input::Frame { link, bytes: Frame::Hello(hello).to_bytes() });
    world.at(listener).handle(ms, Input::Disconnected { link });
    world.run(100);
}

#[test]
fn a_liar_costs_a_few_epochs_a_day_and_what_a_clone_signed_is_still_noticed() {
    let mut world = World::new(&[SITE, NEIGHBOUR]);
    let (site, neighbour) = (1, 2);
    let ms = world.ms;
    world.at(site).open(ms, "S1");
    let mut epochs = std::collections::BTreeSet::new();
    for day in 1..=2 {
        world.ms += 86_400_000;
        for _ in 0..20 {
            lie(&mut world, NEIGHBOUR, site);
            epochs.insert(world.machines[site].status(world.ms).epoch);
        }
        assert_eq!(epochs.len(), (HINTED_EPOCHS_MAX * day) as usize);
    }
    let unbelieved = |notice: &&Notice| matches!(notice, Notice::Unproved { .. });
    let told = world.machines[site].notices.iter().filter(unbelieved).count();
    assert_eq!(told, 40 - epochs.len(), "each is told");

    // A copy of its disk goes on elsewhere, in the epoch that it is in, on the day that the liar has used up.
    let (ms, disk) = (world.ms, world.machines[site].disk.clone());
    let clone = world.add(SITE, disk);
    world.at(clone).open(ms, "C1");
    world.connect(clone, neighbour);
    world.run(3_000);
    world.disconnect();
    let before = world.machines[site].status(world.ms).epoch;
    assert_eq!(world.machines[clone].status(world.ms).epoch, before);
    world.connect(site, neighbour);
    world.run(3_000);
    assert!(world.machines[site].notices.iter().filter(unbelieved).count() > told, "the hello alone is not believed");
    assert_ne!(world.machines[site].status(world.ms).epoch, before, "an entry that it signed itself is");
    let ms = world.ms;
    world.at(site).open(ms, "S2");
    world.run(10_000);
    let mut tubes = world.machines[neighbour].tubes();
    tubes.sort();
    assert_eq!(tubes, ["C1", "S1", "S2"]);
    assert_eq!((world.machines[neighbour].status(world.ms).forks, world.differ(site, neighbour)), (0, None));
}
