//! Where the registrations of two machines with one disk are, and that both machines end with everything.

use super::*;
use swabmesh_protocol::command::{Presented, Register, Reply};
use swabmesh_protocol::copies::Counts;
use swabmesh_protocol::fact::Route;
use swabmesh_protocol::id::Person;
use swabmesh_protocol::io::{Input, RequestId};
use swabmesh_protocol::text::Text;

/// How soon two nodes that are connected have caught up. Source: a comparison after calm, or two that were put off.
const SOON_MS: u64 = 10_000;

/// Opens a tube and registers so many people into it.
fn work(world: &mut World, at: usize, tube: &str, people: u8) {
    let ms = world.ms;
    world.at(at).open(ms, tube);
    for number in 0..people {
        world.at(at).command(ms, register(tube, number)).unwrap();
    }
}

fn register(tube: &str, number: u8) -> Command {
    let (last_four, name) = (Text::truncated("002X"), Text::truncated("张*"));
    let person = Person([number.wrapping_add(tube.as_bytes()[0]); 16]);
    let (route, document, guardian, details) = (Route::Document, 1, None, None);
    let presented = Presented::Document { person, route, document, last_four, name, guardian, details };
    let (tube, operator) = (tube.parse().unwrap(), Text::truncated("desk"));
    Command::Register(Box::new(Register { tube, presented, operator, reason: None }))
}

fn own(world: &World, at: usize) -> Counts {
    world.machines[at].status(world.ms).own
}

/// Switches all machines off and on again.
fn restart(world: &mut World) {
    world.disconnect();
    let ms = world.ms;
    for machine in &mut world.machines {
        *machine = Machine::start(machine.n, machine.disk.clone(), ms);
    }
}

/// A site and its clone register apart, meet a neighbour one after the other, and the neighbour meets the authority.
fn meet(a: u8, b: u8, leave: fn(&mut World)) {
    let mut world = World::new(&[SITE, NEIGHBOUR]);
    let [authority, site, neighbour] = [0, 1, 2];
    work(&mut world, site, "S1", 2);
    let clone = world.machines[site].disk.clone();
    let clone = world.add(SITE, clone);
    work(&mut world, site, "A1", a);
    work(&mut world, clone, "B1", b);
    work(&mut world, neighbour, "N1", 1);
    world.connect(site, neighbour);
    world.run(SOON_MS);
    assert_eq!(world.differ(site, neighbour), None, "{a}/{b}: before the clone comes");
    assert_eq!(own(&world, site).only_here, 0);
    leave(&mut world);
    world.connect(clone, neighbour);
    world.run(SOON_MS);
    let apart = u64::from(a) + u64::from(b) + 2;
    assert_eq!(world.machines[neighbour].status(world.ms).quarantined, apart, "{a}/{b}: at the neighbour");
    assert_eq!(world.differ(clone, neighbour), None, "{a}/{b}: clone and neighbour");
    leave(&mut world);

    // As a disk does that others use as well: what leads to the fork and its proof come while each is being written.
    world.at(authority).slow_disk = true;
    world.connect(neighbour, authority);
    world.run(SOON_MS);
    world.at(authority).slow_disk = false;
    assert_eq!(world.machines[authority].status(world.ms).quarantined, apart, "{a}/{b}: at the authority");
    assert_eq!(world.differ(authority, neighbour), None, "{a}/{b}: authority and neighbour");
    let proof = project::fork_proofs(&world.machines[authority].disk.tables).unwrap().pop().unwrap().2;
    let reason = Remark::truncated("two laptops from one image");
    let decide = Command::DecideFork { header: proof.header(), keep: proof.firsts.to_vec(), reason };
    let ms = world.ms;
    world.at(authority).command(ms, decide).unwrap();
    for (machine, made) in [(clone, b), (site, a)] {
        world.connect(machine, neighbour);
        world.run(2 * SOON_MS);
        assert_eq!(world.differ(machine, authority), None, "{a}/{b}: machine {machine}");
        let made = u64::from(made) + 2;
        let expected = Counts { registrations: made, only_here: 0, at_neighbour: 0, at_authority: made };
        assert_eq!(own(&world, machine), expected, "{a}/{b}: machine {machine}");
        assert_eq!(world.machines[machine].tubes(), ["A1", "B1", "N1", "S1"]);
        leave(&mut world);
        world.connect(neighbour, authority);
    }
}

/// The disk has it and has not said so yet, and the tables show it already: then the proof comes.
#[test]
fn a_registration_on_its_way_to_the_disk_while_its_feed_is_cut_is_answered_and_receipted() {
    const UNDER_WAY: RequestId = RequestId(1_000);
    let mut world = World::new(&[SITE, NEIGHBOUR]);
    let [authority, site, neighbour] = [0, 1, 2];
    work(&mut world, site, "S1", 1);
    let clone = world.machines[site].disk.clone();
    let clone = world.add(SITE, clone);
    work(&mut world, site, "A1", 2);
    work(&mut world, clone, "B1", 1);
    for machine in [site, clone] {
        world.connect(machine, neighbour);
        world.run(SOON_MS);
        world.disconnect();
    }
    assert_eq!((proofs(&world.machines[neighbour]), proofs(&world.machines[site])), (1, 0));
    let ms = world.ms;
    world.at(site).slow_disk = true;
    let command = Box::new(register("A1", 200));
    world.at(site).handle(ms, Input::Command { request: UNDER_WAY, command });
    world.at(site).slow_disk = false;
    world.connect(site, neighbour);
    world.deliver();
    assert_eq!(proofs(&world.machines[site]), 1, "known before the disk has said anything");
    assert_eq!(world.machines[site].replies.get(&UNDER_WAY), None, "nor answered");
    world.run(SOON_MS);
    let said = world.machines[site].replies.remove(&UNDER_WAY);
    assert!(matches!(said, Some(Ok(Reply::Verdict(_)))), "{said:?}");
    world.connect(neighbour, authority);
    world.run(2 * SOON_MS);
    let counts = Counts { registrations: 4, only_here: 0, at_neighbour: 0, at_authority: 4 };
    assert_eq!(own(&world, site), counts);
}

/// As after a power cut with an index that was saved long ago: the journal has what the tables have not.
#[test]
fn what_the_other_machine_wrote_is_not_counted_as_ones_own_before_the_tables_know_whose_it_is() {
    let mut world = World::new(&[SITE]);
    let [authority, site] = [0, 1];
    let clone = world.machines[site].disk.clone();
    let clone = world.add(SITE, clone);
    work(&mut world, site, "A1", 3);
    work(&mut world, clone, "B1", 5);
    let mut saved = Vec::new();
    for machine in [clone, site, clone, site] {
        world.connect(machine, authority);
        for _ in 0..200 {
            world.run(SOON_MS / 100);
            saved.push(world.machines[site].disk.tables.clone());
        }
        world.disconnect();
    }
    assert_eq!(world.differ(site, authority), None);
    let expected = own(&world, site);
    assert_eq!((expected.registrations, expected.at_authority), (3, 3));
    let held = world.machines[site].disk.clone();
    for tables in saved {
        let mut again = Machine::start(SITE, Disk { tables, ..held.clone() }, world.ms);
        let Counts { registrations, only_here, .. } = again.status(world.ms).own;
        assert!((registrations, only_here) == (3, 0) || only_here == 3, "{only_here} before the tables caught up");
        again.catch_up(world.ms);
        assert_eq!(again.status(world.ms).own, expected);
    }
}

/// What a peer passes on is signed at the ends of long chunks only; histories that go on for days part all the same.
#[test]
fn histories_that_go_on_for_long_after_they_part_are_proved_by_what_their_writer_signed_in_between() {
    for (a, b) in [(300, 900), (900, 300), (400, 401)] {
        let mut world = World::new(&[SITE]);
        let [authority, site] = [0, 1];
        work(&mut world, site, "S1", 2);
        let clone = world.machines[site].disk.clone();
        let clone = world.add(SITE, clone);
        let ms = world.ms;
        (0..a).for_each(|number| world.at(site).open(ms, &format!("A{number}")));
        (0..b).for_each(|number| world.at(clone).open(ms, &format!("B{number}")));
        for machine in [site, clone, site, clone] {
            world.connect(machine, authority);
            world.run(4 * SOON_MS);
            world.disconnect();
        }
        assert_eq!(project::fork_proofs(&world.machines[authority].disk.tables).unwrap().len(), 1, "{a}/{b}");
        assert_eq!(world.machines[authority].status(world.ms).quarantined, a + b, "{a}/{b}");
        assert_eq!((own(&world, site).only_here, own(&world, clone).only_here), (0, 0), "{a}/{b}");
    }
}

const APART: [(u8, u8); 5] = [(3, 1), (1, 3), (2, 2), (0, 1), (9, 9)];

#[test]
fn what_either_machine_registered_is_at_the_authority_and_each_counts_its_own() {
    APART.into_iter().for_each(|(a, b)| meet(a, b, World::disconnect));
}

#[test]
fn machines_that_are_switched_off_between_meetings_know_where_their_registrations_are() {
    APART.into_iter().for_each(|(a, b)| meet(a, b, restart));
}
