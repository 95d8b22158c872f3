//! A site that was down for long, its neighbour whose disk died and was restored from an old copy, and an authority that
//! only a courier reaches: real processes on hosts of their own, and files carried between them.
//!
//! Needs root, `ip` and `nft`; without them it says so and passes.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, and says what it could not do"
)]

#[path = "../node/tests/network_support/namespaces.rs"]
mod namespaces;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use namespaces::Lab;
use serde_json::Value;
use swabmesh_tests::place::{Place, agree, carry, copy};
use swabmesh_tests::wait::{eventually, is};

/// Longest wait for anything; generous, because the machine is shared.
const DEADLINE: Duration = Duration::from_secs(60);

const AUTHORITY: u32 = 1;
const LATE: u32 = 2;
const RESTORED: u32 = 3;

/// Carries sticks, each written once.
struct Courier {
    bag: PathBuf,
    sticks: u32,
}

impl Courier {
    fn carry(&mut self, from: &Place, to: &Place, more: &[&str]) -> String {
        self.sticks += 1;
        let (stick, report) = carry(&self.bag, &format!("stick-{}.swab", self.sticks), from, to, more).unwrap();
        assert_eq!(report["refused"], 0, "{report}");
        stick
    }

    /// There with what the authority has not signed for, and back with what the site lacks.
    fn round(&mut self, site: &Place, city: &Place) {
        let stick = self.carry(site, city, &[]);
        self.carry(city, site, &["--answer", &stick]);
    }
}

fn own(site: &Place) -> Value {
    site.json(&["status"]).unwrap()["own"].clone()
}

fn epoch(site: &Place) -> Value {
    site.json(&["status"]).unwrap()["epoch"].clone()
}

/// The registrations in these tubes that a node shows.
fn shown(place: &Place, tubes: &[&str]) -> BTreeSet<String> {
    tubes.iter().flat_map(|tube| place.members(tube).unwrap()).collect()
}

#[test]
fn a_week_away_a_disk_from_last_month_and_a_courier_end_with_equal_roots_and_only_the_dead_disks_own_is_gone() {
    if let Some(missing) = namespaces::missing() {
        println!("SKIPPED 1 test: {missing}");
        return;
    }
    let lab = Lab::with_hosts(3);
    lab.cable(AUTHORITY, false);
    let dir = tempfile::tempdir().unwrap();
    let mut city = Place::authority_at(dir.path(), "10.77.0.1:4001", &[]).unwrap().on(&lab.on(AUTHORITY));
    let site = |name, host| Place::joined(dir.path(), "site", name, &city).unwrap().on(&lab.on(host));
    let (mut late, mut restored) = (site("late", LATE), site("restored", RESTORED));
    let to_restored = ["--peer", "10.77.0.3:4001"];
    let mut courier = Courier { bag: dir.path().to_owned(), sticks: 0 };
    city.start(&[]).unwrap();
    late.start(&to_restored).unwrap();
    restored.start(&[]).unwrap();

    // A month ago: everybody holds everything, and the backup is made.
    let mut alive: BTreeSet<String> = late.register("T1", 2).unwrap().into_iter().collect();
    alive.extend(restored.register("T2", 3).unwrap());
    agree(DEADLINE, &[&late, &restored]);
    courier.round(&restored, &city);
    agree(DEADLINE, &[&city, &late, &restored]);
    restored.stop().unwrap();
    let backup = dir.path().join("backup");
    copy(&restored.data, &backup).unwrap();
    restored.start(&[]).unwrap();

    // Since then: some is at the neighbour, which goes down for a week; some at the authority; some nowhere else.
    alive.extend(restored.register("T3", 2).unwrap());
    agree(DEADLINE, &[&late, &restored]);
    alive.extend(late.register("T4", 1).unwrap());
    agree(DEADLINE, &[&late, &restored]);
    late.stop().unwrap();
    alive.extend(restored.register("T5", 4).unwrap());
    courier.round(&restored, &city);
    let dead: BTreeSet<String> = restored.register("T6", 2).unwrap().into_iter().collect();
    eventually("what is nowhere else is counted", DEADLINE, || {
        let own = own(&restored);
        is(own["registrations"] == 11 && own["only_here"] == dead.len() && own["at_authority"] == 9, own)
    });

    // The disk dies. On the old copy the machine meets its neighbour, which knows more of it than it does itself.
    restored.kill();
    restored.restore(&backup).unwrap();
    restored.start(&[]).unwrap();
    let before = epoch(&restored);
    late.start(&to_restored).unwrap();
    eventually("it goes on in a new epoch", DEADLINE, || is(epoch(&restored) != before, &before));
    agree(DEADLINE, &[&late, &restored]);
    assert_eq!(shown(&restored, &["T3", "T4"]).len(), 3, "what the neighbour holds of it is back");
    assert_eq!(shown(&restored, &["T5"]).len(), 0, "what only the authority holds is not");
    alive.extend(restored.register("T7", 2).unwrap());
    alive.extend(late.register("T8", 1).unwrap());
    agree(DEADLINE, &[&late, &restored]);

    // The courier comes twice: with the first answer the site has what the authority had of it.
    courier.round(&restored, &city);
    courier.round(&restored, &city);
    agree(DEADLINE, &[&city, &late, &restored]);
    for place in [&city, &late, &restored] {
        assert_eq!(shown(place, &["T1", "T2", "T3", "T4", "T5", "T7", "T8"]), alive, "{:?}", place.data);
        let status = place.json(&["status"]).unwrap();
        assert_eq!((&status["forks"], &status["quarantined"]), (&Value::from(0), &Value::from(0)), "{status}");
    }
    assert!(alive.is_disjoint(&dead));
    eventually("all of it is at the authority", DEADLINE, || {
        let own = own(&restored);
        is(own["registrations"] == 11 && own["at_authority"] == 11, own)
    });
}
