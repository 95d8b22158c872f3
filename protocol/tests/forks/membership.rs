//! Withdrawn nodes and renewed certificates (rule N2).

use swabmesh_protocol::certificate::{Certificate, RENEWED_BEFORE_S};
use swabmesh_protocol::chunk::OpenedChunk;
use swabmesh_protocol::command::{Published, Refusal};
use swabmesh_protocol::fact::{Mark, Opened, Role, Withdrawn};
use swabmesh_protocol::id::{Epoch, FeedHeader, Hash, Lane, NodeKey, SeqNo};
use swabmesh_protocol::io::{Arrival, Carried, Input, RequestId};
use swabmesh_protocol::roster::Standing;
use swabmesh_protocol::text::Text;
use swabmesh_protocol::time::Stamp;

use super::*;

#[test]
fn what_a_withdrawn_node_wrote_above_the_mark_is_kept_and_counts_nowhere() {
    let mut world = World::new(&[SITE, NEIGHBOUR]);
    let (authority, site, neighbour) = (0, 1, 2);
    world.connect(authority, site);
    let ms = world.ms;
    world.at(site).open(ms, "S1");
    world.run(3_000);
    world.disconnect();
    // The authority withdraws it; the neighbour has not heard, and takes more from it.
    let withdraw = Command::Withdraw { node: node(SITE), reason: Remark::truncated("stolen") };
    let ms = world.ms;
    world.at(authority).command(ms, withdraw).unwrap();
    world.connect(site, neighbour);
    let ms = world.ms;
    ["S2", "S3"].into_iter().for_each(|tube| world.at(site).open(ms, tube));
    world.run(3_000);
    world.disconnect();
    world.connect(neighbour, authority);
    world.run(20_000);
    for place in [authority, neighbour] {
        assert_eq!(world.machines[place].tubes(), ["S1"], "what lies below the mark stands");
        assert_eq!(world.machines[place].status(world.ms).quarantined, 2, "the rest is kept");
    }
    assert_eq!(world.differ(neighbour, authority), None);
    assert!(world.machines[neighbour].withdrawn.contains(&node(SITE)));
    world.connect(site, neighbour);
    world.run(100);
    let peers = world.machines[neighbour].status(world.ms).peers;
    assert!(peers.iter().all(|peer| peer.node != node(SITE)), "and nobody talks to it");
}

#[test]
fn a_node_that_is_connected_when_it_is_withdrawn_hears_so_and_nothing_more() {
    let mut world = World::new(&[SITE, NEIGHBOUR]);
    let [authority, site, neighbour] = [0, 1, 2];
    world.connect(authority, site);
    world.connect(authority, neighbour);
    world.run(3_000);
    let ms = world.ms;
    world.at(authority).command(ms, Command::Withdraw { node: node(SITE), reason: Remark::truncated("lost") }).unwrap();
    assert_eq!(world.machines[authority].withdrawn, [node(SITE)], "its connections are to be closed");
    world.deliver();
    assert!(world.machines[site].status(ms).withdrawn);
    assert!(!world.machines[neighbour].status(ms).withdrawn);
}

/// What an authority that never heard of anything the site wrote says of it.
fn withdrawal() -> Vec<Vec<u8>> {
    let mut world = World::new(&[SITE]);
    let before = world.machines[0].disk.journal.len();
    let ms = world.ms;
    world.at(0).command(ms, Command::Withdraw { node: node(SITE), reason: Remark::truncated("lost") }).unwrap();
    world.machines[0].disk.journal.split_off(before)
}

/// Its tables are brought in line with the cut step by step; whichever of them the power cut leaves, all is found.
#[test]
fn a_start_in_the_middle_of_a_cut_finds_what_lies_above_it() {
    const TUBES: u64 = 40;
    let mut site = Machine::start(SITE, Disk::default(), 0);
    (0..TUBES).for_each(|n| site.open(n, &format!("S{n}")));
    let [withdrawal] = withdrawal().try_into().unwrap();
    site.disk.journal.push(withdrawal.clone());
    let (disk, arrival) = (site.disk.clone(), Arrival(site.disk.journal.len() as u64));
    let mut steps = 0;
    site.index_in_steps(withdrawal, arrival, |tables| {
        steps += 1;
        let again = Machine::start(SITE, Disk { tables: tables.clone(), ..disk.clone() }, 50);
        assert_eq!((again.status(50).entries, again.status(50).quarantined), (TUBES + 1, TUBES), "step {steps}");
    });
    assert!(steps > 2, "{steps}");
}

#[test]
fn a_node_that_hears_of_its_own_withdrawal_says_so_and_writes_nothing_more() {
    const UNDER_WAY: RequestId = RequestId(1_000);
    let mut site = Machine::start(SITE, Disk::default(), 0);
    site.open(1, "S1");
    // One more is on its way to the disk when it hears, from a stick.
    site.slow_disk = true;
    let open = Command::Open { tube: "S2".parse().unwrap(), pool: 10, operator: Text::truncated("desk") };
    site.handle(2, Input::Command { request: UNDER_WAY, command: Box::new(open.clone()) });
    site.slow_disk = false;
    for carried in withdrawal() {
        site.handle(3, Input::Import { request: None, carried: Carried::Chunk(carried) });
    }
    assert!(site.status(3).withdrawn);
    assert_eq!(site.command(4, open.clone()), Err(Refusal::Withdrawn));
    site.answer_late(5);
    assert!(site.replies.remove(&UNDER_WAY).unwrap().is_ok(), "it is on disk");
    let held = site.disk.journal.len();
    for ms in [6, 7] {
        assert_eq!((site.tubes(), site.status(ms).quarantined), (Vec::<String>::new(), 2), "kept, and counts nowhere");
        assert_eq!(site.command(ms, open.clone()), Err(Refusal::Withdrawn));
        site = Machine::start(SITE, site.disk, ms);
    }
    assert_eq!(site.disk.journal.len(), held);
}

#[test]
fn parts_of_a_withdrawal_that_come_before_and_after_a_restart_take_effect_together() {
    const OTHER_LANE: Lane = Lane(30);
    let feed = |lane: Lane| FeedHeader { writer: node(SITE), epoch: Epoch(1), lane };
    let chunk = |of: u8, header, facts: &[Fact], tip| {
        let facts = facts.iter().map(|fact| (Stamp(1), fact.to_bytes()));
        let chunk = OpenedChunk::write(&key(of), header, tip, facts);
        let tip = (chunk.checkpoint.seq, chunk.checkpoint.head);
        (Carried::Chunk(chunk.seal().into_bytes()), tip)
    };
    let opened = |tube: &str| {
        Fact::from(Opened { tube: tube.parse().unwrap(), pool: 10, operator: Text::truncated("desk"), seen: None })
    };
    let tubes = chunk(SITE, feed(CELL), &[opened("S1"), opened("S2")], (SeqNo(0), Hash::ZERO)).0;
    let mark = |lane| Mark { feed: feed(Lane(lane)).id(), seq: SeqNo(1) };
    let marks: Vec<Mark> = (0..40).map(mark).collect();
    for order in [[0, 1], [1, 0]] {
        let parts = Withdrawn::in_parts(node(SITE), &marks, &Remark::truncated("stolen"));
        assert_eq!(parts.len(), 2);
        let header = FeedHeader { writer: node(AUTHORITY), epoch: Epoch(1), lane: Lane::CITY };
        let mut tip = (SeqNo(0), Hash::ZERO);
        let parts = order.map(|number| {
            let (carried, after) = chunk(AUTHORITY, header, &[parts[number].clone().into()], tip);
            tip = after;
            carried
        });
        let mut machine = Machine::start(NEIGHBOUR, Disk::default(), 0);
        let import = |machine: &mut Machine, carried| machine.handle(1, Input::Import { request: None, carried });
        let standing = |machine: &Machine, lane| machine.replica.standing(&node(SITE), &feed(lane).id());
        import(&mut machine, Carried::Certificate(certificate(SITE, 1, u64::MAX)));
        import(&mut machine, tubes.clone());
        let [one, other] = parts;
        import(&mut machine, one);
        machine = Machine::start(NEIGHBOUR, machine.disk, 2);
        assert_eq!(standing(&machine, CELL), Standing::Enrolled(Role::Site), "not all of it is known");
        import(&mut machine, other);
        for _ in 0..2 {
            for lane in [CELL, OTHER_LANE] {
                assert_eq!(standing(&machine, lane), Standing::WithdrawnAbove(SeqNo(1), Role::Site), "{order:?}");
            }
            assert_eq!((machine.tubes(), machine.status(3).quarantined), (vec!["S1".to_owned()], 1), "{order:?}");
            machine = Machine::start(NEIGHBOUR, machine.disk, 4);
        }
    }
}

#[test]
fn a_renewed_certificate_reaches_its_node_through_others_and_is_kept() {
    let mut world = World::new(&[SITE, NEIGHBOUR]);
    world.connect(0, 2);
    world.connect(2, 1);
    world.run(1_000);
    let renewed = certificate(SITE, 2, u64::MAX);
    let ms = world.ms;
    world.at(0).command(ms, Command::Publish(Published::Certificate(renewed.clone()))).unwrap();
    world.run(3_000);
    assert_eq!(world.machines[1].renewed, [renewed]);
    world.run(3_000);
    assert_eq!(world.machines[1].renewed.len(), 1, "once");
}

const DAY_S: u64 = 86_400;

/// Now, in seconds, and what each node's certificate says of its end.
fn now_s(world: &World) -> u64 {
    (MORNING + world.ms) / 1_000
}

/// A certificate of 350 days, of which these are left.
fn ends_in(days: u64, n: u8) -> Vec<u8> {
    let until = MORNING / 1_000 + days * DAY_S;
    certificate_from(n, 1, until - 350 * DAY_S, until)
}

/// What the running authority does: who is due gets a year more. Returns who.
fn renew(world: &mut World) -> Vec<NodeKey> {
    let (ms, now_s) = (world.ms, now_s(world));
    let due = world.machines[0].replica.due(now_s, RENEWED_BEFORE_S);
    for held in &due {
        let renewed = Certificate { serial: held.serial + 1, until: now_s + 365 * DAY_S, ..held.clone() };
        world.at(0).command(ms, Command::Publish(Published::Certificate(renewed.sign(&key(ROOT))))).unwrap();
    }
    due.into_iter().map(|held| held.node).collect()
}

#[test]
fn who_was_heard_of_is_renewed_and_who_is_withdrawn_silent_or_has_time_left_is_not() {
    const GONE: u8 = 6;
    const SILENT: u8 = 7;
    const LONG: u8 = 8;
    let mut world = World::new(&[]);
    let places = [SITE, GONE, SILENT].map(|n| world.join(n, ends_in(20, n)));
    let [site, gone, _] = places;
    let long = world.join(LONG, ends_in(31, LONG));
    for (place, tube) in [(site, "S1"), (gone, "G1"), (long, "L1")] {
        let ms = world.ms;
        world.at(place).open(ms, tube);
        world.connect(0, place);
    }
    world.run(3_000);
    let ms = world.ms;
    world.at(0).command(ms, Command::Withdraw { node: node(GONE), reason: Remark::truncated("stolen") }).unwrap();
    world.disconnect();
    assert_eq!(renew(&mut world), [node(SITE)]);
    assert_eq!(renew(&mut world), [], "once is enough");
    // Two days later the other has less than thirty left.
    world.ms += 2 * DAY_S * 1_000;
    assert_eq!(renew(&mut world), [node(LONG)]);
    assert_eq!(world.machines[0].status(world.ms).renewals_late, 0);
}

#[test]
fn a_site_behind_a_neighbour_stays_a_member_past_the_end_of_the_certificate_it_joined_with() {
    let mut world = World::new(&[NEIGHBOUR]);
    let (authority, neighbour) = (0, 1);
    let site = world.join(SITE, ends_in(20, SITE));
    let ms = world.ms;
    world.at(site).open(ms, "S1");
    world.connect(authority, neighbour);
    world.connect(neighbour, site);
    world.run(3_000);
    world.disconnect();
    assert_eq!(renew(&mut world), [node(SITE)]);
    assert!(world.machines[site].renewed.is_empty());
    let old = world.machines[site].status(world.ms).certificate;
    assert!(!old.late && old.left_s > 19 * DAY_S, "{old:?}");

    // The old one ends; the neighbour hears of the day from the authority, and of the new one, and only then meets the site.
    world.ms += 25 * DAY_S * 1_000;
    world.run(3_000);
    world.connect(authority, neighbour);
    world.run(3_000);
    world.disconnect();
    let ended = world.machines[site].status(world.ms).certificate;
    assert!(ended.late && ended.left_s == 0, "{ended:?}");
    world.connect(neighbour, site);
    let ms = world.ms;
    world.at(site).open(ms, "S2");
    world.run(3_000);
    assert_eq!(world.machines[site].renewed.len(), 1);
    assert!(world.machines[site].status(world.ms).certificate.left_s > 300 * DAY_S);
    assert!(world.machines[neighbour].tubes().contains(&"S2".to_owned()), "and it is let in as ever");
    // What it joined with is what its directory may still say; the log says it again at the next start.
    world.disconnect();
    let disk = world.machines[site].disk.clone();
    world.machines[site] = Machine::start_with(SITE, disk, world.ms, ends_in(20, SITE));
    assert_eq!(world.machines[site].renewed.len(), 1);
    world.connect(neighbour, site);
    world.run(3_000);
    assert_eq!(world.differ(site, neighbour), None);
}
