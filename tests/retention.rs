//! What the policy's days have passed goes: from every node but the authority, for good, and with a report (P3, N4).

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use swabmesh_tests::place::{Place, agree, carry, text};
use swabmesh_tests::wait::{eventually, is};

/// Longest wait for what neighbours on one machine do among themselves.
const WITHIN: Duration = Duration::from_secs(60);
/// Tubes of the first day, with twenty people each: some pages of the log.
const TUBES: usize = 12;

/// A day in Asia/Shanghai, so many after today.
fn day(ahead: u32) -> String {
    let told = Command::new("date").env("TZ", "Asia/Shanghai").args(["-d", &format!("+{ahead} days"), "+%F"]).output();
    String::from_utf8(told.unwrap().stdout).unwrap().trim().to_owned()
}

fn root(place: &Place) -> String {
    place.holds().unwrap().0
}

fn registrations(place: &Place) -> u64 {
    place.json(&["status"]).unwrap()["entries"].as_u64().unwrap()
}

fn people(place: &Place) -> usize {
    (0..TUBES).map(|n| place.members(&format!("T{n}")).unwrap().len()).sum()
}

#[test]
fn after_the_days_of_the_policy_only_the_authority_has_what_was_said_and_everybody_agrees_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let mut authority = Place::authority_with(dir.path(), &serde_json::json!({ "retention_days": 1 })).unwrap();
    let mut site = Place::joined(dir.path(), "site", "gate3", &authority).unwrap();
    let mut neighbour = Place::joined(dir.path(), "site", "gate4", &authority).unwrap();
    authority.start(&[]).unwrap();
    authority.done(&["authority", "seed", "--residents", "7", "--seed", "1"]).unwrap();
    let dial = |authority: &Place| ["--peer".to_owned(), authority.address().unwrap()];
    let to = dial(&authority);
    for node in [&mut site, &mut neighbour] {
        node.start(&[&to[0], &to[1]]).unwrap();
    }
    for n in 0..TUBES {
        assert_eq!(site.register(&format!("T{n}"), 20).unwrap().len(), 20);
    }
    agree(WITHIN, &[&authority, &site, &neighbour]);
    eventually("everything is receipted", WITHIN, || {
        let status = site.json(&["status"]).unwrap();
        is(status["own"]["only_here"] == 0, &status["own"])
    });
    for node in [&mut authority, &mut site, &mut neighbour] {
        node.stop().unwrap();
        node.days_pass(3);
    }

    authority.start(&[]).unwrap();
    let to = dial(&authority);
    for node in [&mut site, &mut neighbour] {
        node.start(&[&to[0], &to[1]]).unwrap();
    }
    site.register("N1", 3).unwrap();
    agree(WITHIN, &[&authority, &site, &neighbour]);
    assert_eq!((people(&site), people(&neighbour)), (20 * TUBES, 20 * TUBES));
    let entries = registrations(&site);

    let report = dir.path().join("purge.json");
    let told = ["authority", "purge", "--before", &day(3), "--operator", "li", "--out", text(&report).unwrap()];
    let purged = authority.json(&told).unwrap();
    assert_eq!(purged["office"]["residents_removed"], 7);
    assert_eq!((&purged["log"]["before"], &purged["log"]["feeds"]), (&Value::from(day(2)), &Value::from(1)));
    let gone = purged["log"]["entries"].as_u64().unwrap();
    assert!(gone > 100, "{purged}");
    assert!(authority.done(&["authority", "purge", "--check", text(&report).unwrap()]).unwrap().contains("feeds"));

    // Both let go of the same, the log is one, and new registrations go on.
    agree(WITHIN, &[&site, &neighbour]);
    eventually("the first day is gone", WITHIN, || is(people(&neighbour) < 20 * TUBES, people(&neighbour)));
    let left = people(&neighbour);
    assert_eq!(left, people(&site));
    assert!(20 * TUBES - left > 100, "{left} of {} are left", 20 * TUBES);
    assert_eq!(people(&authority), 20 * TUBES);
    site.register("N2", 2).unwrap();
    agree(WITHIN, &[&site, &neighbour]);
    eventually("equal roots", WITHIN, || is(root(&site) == root(&authority), ()));
    assert!(registrations(&site) > entries);
    let again = authority.json(&told).unwrap();
    assert_eq!((&again["log"]["feeds"], &again["log"]["entries"]), (&Value::from(0), &Value::from(0)));

    // Whoever joins now hears of the rest from a neighbour, by cable or on a stick, with the authority away.
    let mut newcomer = Place::joined(dir.path(), "site", "gate5", &authority).unwrap();
    let mut far = Place::joined(dir.path(), "site", "gate6", &authority).unwrap();
    eventually("both are enrolled", WITHIN, || is(root(&neighbour) == root(&authority), ()));
    authority.stop().unwrap();
    site.kill();
    let to = dial(&neighbour);
    newcomer.days_pass(3);
    newcomer.start(&[&to[0], &to[1]]).unwrap();
    agree(WITHIN, &[&newcomer, &neighbour]);
    assert_eq!(newcomer.members("N2").unwrap().len(), 2);
    far.days_pass(3);
    far.start(&[]).unwrap();
    let all = ["--to", "all"];
    assert_eq!(carry(dir.path(), "far.swab", &neighbour, &far, &all).unwrap().1["refused"], 0);
    agree(WITHIN, &[&far, &neighbour]);
    // The machine whose power went in between has lost nothing, and says nothing again.
    site.start(&[]).unwrap();
    assert_eq!((people(&site), site.members("N1").unwrap().len()), (left, 3));
    assert_eq!(carry(dir.path(), "site.swab", &neighbour, &site, &all).unwrap().1["refused"], 0);
    agree(WITHIN, &[&site, &neighbour]);
}
