//! Beginnings of feeds that the authority let go of, among whole nodes (rules P3, N4).

use swabmesh_protocol::command::{Command, Refusal};
use swabmesh_protocol::fact::{Base, Role};
use swabmesh_protocol::id::SeqNo;
use swabmesh_protocol::project::{self, bases_before};
use swabmesh_protocol::time::Wall;
use swabmesh_protocol::view::MemoryTables;

use super::world::*;
use super::{FAR, NEIGHBOUR, SITE, *};

/// An authority, a site and its neighbour that hold tubes of two days; `away` heard of the first day's only.
struct Street {
    world: World,
    /// When the second day began, milliseconds since the world did.
    second_day: u64,
}

/// Tubes of the first day: some pages.
const FIRST_DAY: usize = 300;

const AUTHORITY_AT: usize = 0;
const SITE_AT: usize = 1;
const NEIGHBOUR_AT: usize = 2;
const AWAY_AT: usize = 3;

impl Street {
    fn new() -> Self {
        let mut world = World::new(&[SITE, NEIGHBOUR, FAR]);
        [SITE_AT, NEIGHBOUR_AT, AWAY_AT].into_iter().for_each(|place| world.connect(AUTHORITY_AT, place));
        for n in 0..FIRST_DAY {
            let ms = world.ms;
            world.at(SITE_AT).open(ms, &format!("A{n}"));
            world.run(50);
            if n == 20 {
                world.run(3_000);
                world.disconnect();
                [SITE_AT, NEIGHBOUR_AT].into_iter().for_each(|place| world.connect(AUTHORITY_AT, place));
            }
        }
        world.run(60_000);
        let second_day = world.ms;
        for n in 0..5 {
            let ms = world.ms;
            world.at(SITE_AT).open(ms, &format!("B{n}"));
            world.run(50);
        }
        world.run(10_000);
        Self { world, second_day }
    }

    fn bases(&self, of: usize) -> Vec<Base> {
        let tables = &self.world.machines[of].disk.tables;
        let before = Wall(MORNING + self.second_day);
        bases_before(tables, before, |writer| *writer != node(AUTHORITY)).unwrap()
    }

    /// The authority lets go of the first day.
    fn let_go(&mut self) -> SeqNo {
        let bases = self.bases(AUTHORITY_AT);
        let last = bases.iter().find(|base| base.header.writer == node(SITE)).unwrap().seq();
        let (ms, before) = (self.world.ms, Wall(MORNING + self.second_day));
        self.world.at(AUTHORITY_AT).command(ms, Command::Prune { before, bases }).unwrap();
        self.world.run(10_000);
        last
    }

    fn root(&self, place: usize) -> String {
        format!("{:?}", self.world.machines[place].status(self.world.ms).root)
    }

    /// The site's feed as it lies in a machine's tables: the first entry and how many.
    fn held(&self, place: usize) -> (Option<u64>, usize) {
        let tables = &self.world.machines[place].disk.tables;
        let head = project::heads(tables).unwrap().into_iter().find(|head| head.header.writer == node(SITE)).unwrap();
        let feed = head.header.id();
        let entries = project::entries(tables, &feed, SeqNo(1), SeqNo(u64::MAX)).unwrap().map(Result::unwrap);
        let entries: Vec<_> = entries.collect();
        (entries.first().map(|entry| entry.seq.0), entries.len())
    }
}

fn days(machine: &Machine) -> (usize, usize) {
    let tubes = machine.tubes();
    let of = |day| tubes.iter().filter(|tube| tube.starts_with(day)).count();
    (of("A"), of("B"))
}

#[test]
fn what_was_let_go_of_goes_everywhere_but_at_the_authority_and_the_log_goes_on() {
    let mut street = Street::new();
    assert_eq!(days(&street.world.machines[SITE_AT]), (FIRST_DAY, 5));
    let pages = street.world.machines[SITE_AT].rows(Table::Pages).len();
    let last = street.let_go();
    let kept = FIRST_DAY as u64 - last.0;
    assert!(kept < 120, "a page keeps two checkpoints: {kept} entries of the first day stay");
    for place in [SITE_AT, NEIGHBOUR_AT] {
        assert_eq!(days(&street.world.machines[place]), (FIRST_DAY - usize::try_from(last.0).unwrap(), 5));
        assert_eq!(street.held(place).0, Some(last.0 + 1));
        assert_eq!(street.root(place), street.root(AUTHORITY_AT));
    }
    assert!(street.world.machines[SITE_AT].rows(Table::Pages).len() < pages);
    assert_eq!(days(&street.world.machines[AUTHORITY_AT]), (FIRST_DAY, 5));
    assert_eq!(street.held(AUTHORITY_AT), (Some(1), FIRST_DAY + 5));
    // A machine that starts again from what is left goes on with the same feed.
    street.world.disconnect();
    let disk = street.world.machines[SITE_AT].disk.clone();
    street.world.machines[SITE_AT] = Machine::start(SITE, disk, street.world.ms);
    let ms = street.world.ms;
    street.world.at(SITE_AT).open(ms, "B9");
    [SITE_AT, NEIGHBOUR_AT].into_iter().for_each(|place| street.world.connect(AUTHORITY_AT, place));
    street.world.run(10_000);
    for place in [AUTHORITY_AT, NEIGHBOUR_AT] {
        assert_eq!(days(&street.world.machines[place]).1, 6);
        assert_eq!(street.root(place), street.root(SITE_AT));
        assert!(street.world.machines[place].notices.iter().all(|notice| !matches!(notice, Notice::Fork { .. })));
    }
}

#[test]
fn a_newcomer_and_one_who_was_away_catch_up_from_a_neighbour_that_let_go() {
    let mut street = Street::new();
    street.let_go();
    street.world.disconnect();
    let newcomer = street.world.join(9, certificate(9, 1, u64::MAX));
    street.world.connect(AUTHORITY_AT, NEIGHBOUR_AT);
    street.world.run(5_000);
    street.world.disconnect();
    for place in [newcomer, AWAY_AT] {
        street.world.connect(NEIGHBOUR_AT, place);
        street.world.run(10_000);
        assert_eq!(street.root(place), street.root(NEIGHBOUR_AT));
        assert_eq!(street.world.differ(place, NEIGHBOUR_AT), None);
        assert_eq!(street.held(place), street.held(NEIGHBOUR_AT));
        let status = street.world.machines[place].status(street.world.ms);
        assert!(status.peers.iter().all(|peer| peer.missing_here.entries == 0), "{:?}", status.peers);
        street.world.disconnect();
    }
}

#[test]
fn a_journal_read_without_its_tables_begins_where_the_authority_let_go() {
    let mut street = Street::new();
    street.let_go();
    street.world.disconnect();
    street.world.connect(NEIGHBOUR_AT, AWAY_AT);
    street.world.run(10_000);
    let (root, ms) = (street.root(AWAY_AT), street.world.ms);
    let mut disk = street.world.machines[AWAY_AT].disk.clone();
    disk.tables = MemoryTables::default();
    let again = Machine::start(FAR, disk, ms);
    assert_eq!(format!("{:?}", again.status(ms).root), root);
}

#[test]
fn nothing_goes_that_no_receipt_covers_and_nobody_but_the_authority_lets_go() {
    let mut street = Street::new();
    street.world.disconnect();
    let ms = street.world.ms;
    (0..40).for_each(|n| street.world.at(SITE_AT).open(ms + n, &format!("C{n}")));
    street.second_day = ms + 1_000;
    let told = street.bases(SITE_AT);
    assert!(
        told.iter().all(|base| base.seq() <= SeqNo(FIRST_DAY as u64 + 5)),
        "its own tables know how far receipts go"
    );
    let feed = told[0].feed();
    let record = project::head(&street.world.machines[SITE_AT].disk.tables, &feed).unwrap().unwrap();
    assert_eq!(record.height, SeqNo(FIRST_DAY as u64 + 45));
    // The authority says so all the same: it never signed for these.
    let above = Base { signed: record.signed.unwrap(), stamp: record.stamp, ..told[0] };
    let before = Wall(MORNING + street.second_day);
    let refused = street.world.at(SITE_AT).command(ms, Command::Prune { before, bases: vec![above] });
    assert_eq!(refused.unwrap_err(), Refusal::Role { role: Role::Site });
    street.world.at(AUTHORITY_AT).command(ms, Command::Prune { before, bases: vec![above] }).unwrap();
    street.world.connect(AUTHORITY_AT, SITE_AT);
    street.world.run(10_000);
    assert_eq!(street.held(SITE_AT), (Some(1), FIRST_DAY + 45));
    assert_eq!(street.root(SITE_AT), street.root(AUTHORITY_AT));
}

#[test]
fn a_machine_that_never_heard_of_a_feed_takes_no_base_above_the_receipts_before_a_start_or_after() {
    let street = Street::new();
    let told = street.bases(SITE_AT);
    let tables = &street.world.machines[SITE_AT].disk.tables;
    let record = project::head(tables, &told[0].feed()).unwrap().unwrap();
    let above = Base { signed: record.signed.unwrap(), stamp: record.stamp, ..told[0] };
    // The authority alone says it, with the feed itself out of reach and no receipt that goes so far.
    let mut world = World::new(&[SITE]);
    let ms = world.ms;
    world.at(0).command(ms, Command::Prune { before: Wall(MORNING + ms), bases: vec![above] }).unwrap();
    world.connect(0, 1);
    world.run(3_000);
    world.disconnect();
    let ms = world.ms;
    let before = world.at(1).status(ms).root;
    let with_tables = world.machines[1].disk.clone();
    let mut alone = with_tables.clone();
    alone.tables = MemoryTables::default();
    for disk in [with_tables, alone] {
        assert_eq!(Machine::start(SITE, disk, ms).status(ms).root, before);
    }
}
