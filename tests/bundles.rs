//! The log on a stick: nodes without any network, and files carried between them.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::Duration;

use serde_json::Value;
use swabmesh_tests::place::{Place, text};
use swabmesh_tests::program::swabmesh;
use swabmesh_tests::wait::{eventually, is};

fn own(site: &Place) -> [u64; 4] {
    let status = site.json(&["status"]).unwrap();
    ["registrations", "only_here", "at_neighbour", "at_authority"].map(|name| status["own"][name].as_u64().unwrap())
}

/// Waits until the counts are these: a status is up to a quarter of a second old.
#[track_caller]
fn becomes(site: &Place, expected: [u64; 4]) {
    eventually(&format!("{expected:?}"), Duration::from_secs(20), || is(own(site) == expected, own(site)));
}

#[expect(clippy::panic, reason = "a test fails by panicking")]
/// What `bundle import` reports, whether everything was taken or not.
fn import(place: &Place, file: &str) -> (Option<i32>, Value) {
    let answer = place.run(&["bundle", "import", file, "--json"]).unwrap();
    (answer.code, serde_json::from_str(answer.out.trim()).unwrap_or_else(|error| panic!("{error}: {answer:?}")))
}

#[test]
fn a_site_that_never_sees_a_network_is_at_the_authority_and_hears_its_results_by_courier() {
    let dir = tempfile::tempdir().unwrap();
    let stick = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let authority = Place::authority(dir.path()).unwrap();
    let mut site = Place::joined(dir.path(), "site", "gate3", &authority).unwrap();
    let mut lab = Place::joined(dir.path(), "lab", "lab-east", &authority).unwrap();
    site.start(&[]).unwrap();
    site.register("T1", 3).unwrap();
    site.done(&["site", "tube", "seal", "T1", "--operator", "wang", "--not-full"]).unwrap();
    becomes(&site, [3, 3, 0, 0]);

    // There: the authority does not even run when the stick comes.
    let day = stick("day.swab");
    let made = site.json(&["bundle", "export", "--out", &day]).unwrap();
    assert_eq!(made["registrations"], 3, "{made}");
    let (code, report) = import(&authority, &day);
    assert_eq!((code, report["registrations"].as_u64()), (Some(0), Some(3)), "{report}");
    let (code, again) = import(&authority, &day);
    assert_eq!((code, again["chunks"].as_u64()), (Some(0), Some(0)), "twice changes nothing: {again}");

    // Back: receipts.
    let answer = stick("answer.swab");
    authority.done(&["bundle", "export", "--answer", &day, "--out", &answer]).unwrap();
    assert_eq!(own(&site), [3, 3, 0, 0], "an export moves nothing");
    assert_eq!(import(&site, &answer).0, Some(0));
    becomes(&site, [3, 0, 0, 3]);
    let left = site.json(&["bundle", "export", "--out", &stick("left.swab")]).unwrap();
    assert_eq!(left["registrations"], 0, "everything is receipted: {left}");

    // The laboratory, which has no network either.
    let all = stick("all.swab");
    authority.done(&["bundle", "export", "--out", &all]).unwrap();
    lab.start(&[]).unwrap();
    assert_eq!(import(&lab, &all).0, Some(0));
    lab.done(&["lab", "report", "T1", "negative", "--operator", "liu"]).unwrap();
    let results = stick("results.swab");
    lab.done(&["bundle", "export", "--out", &results]).unwrap();
    assert_eq!(import(&authority, &results).0, Some(0));
    let second = stick("second.swab");
    authority.done(&["bundle", "export", "--answer", &stick("left.swab"), "--out", &second]).unwrap();
    assert_eq!(import(&site, &second).0, Some(0));
    let tube = site.json(&["site", "tube", "show", "T1"]).unwrap();
    assert!(tube["verdict"].to_string().contains("negative"), "{tube}");
}

#[test]
fn a_stick_pulled_too_early_delivers_what_is_whole_and_says_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let authority = Place::authority(dir.path()).unwrap();
    let mut site = Place::joined(dir.path(), "site", "gate3", &authority).unwrap();
    let mut neighbour = Place::joined(dir.path(), "site", "gate4", &authority).unwrap();
    // Two feeds, so that one is whole when the file ends in the other.
    neighbour.start(&[]).unwrap();
    neighbour.register("N1", 2).unwrap();
    let of_neighbour = path("neighbour.swab");
    neighbour.done(&["bundle", "export", "--out", text(&of_neighbour).unwrap()]).unwrap();
    site.start(&[]).unwrap();
    site.register("T1", 4).unwrap();
    assert_eq!(import(&site, text(&of_neighbour).unwrap()).1["registrations"], 2, "neighbours carry for each other");
    let day = path("day.swab");
    site.done(&["bundle", "export", "--out", text(&day).unwrap()]).unwrap();

    let bytes = std::fs::read(&day).unwrap();
    let cut = path("cut.swab");
    // The end record has 57 bytes; with ten more the last chunk is cut.
    std::fs::write(&cut, &bytes[..bytes.len() - 67]).unwrap();
    let shown = swabmesh(&["bundle", "show", text(&cut).unwrap()], "").unwrap();
    assert!(shown.code == Some(1) && shown.out.contains("DAMAGED"), "{shown:?}");
    let (code, report) = import(&authority, text(&cut).unwrap());
    assert_eq!((code, &report["whole"]), (Some(1), &Value::Bool(false)), "{report}");
    assert_eq!(report["chunks"], 1, "{report}");
    assert_eq!(report["missing"].as_array().unwrap().len(), 1, "{report}");
    let (code, report) = import(&authority, text(&day).unwrap());
    assert_eq!((code, &report["chunks"], &report["known"]), (Some(0), &Value::from(1), &Value::from(1)), "{report}");

    // One byte in the middle of a signature: nothing of that chunk is taken, and it is said so.
    let mut forged = bytes.clone();
    let at = bytes.len() - 57 - 20;
    forged[at] ^= 1;
    std::fs::write(&cut, &forged).unwrap();
    assert_eq!(swabmesh(&["bundle", "show", text(&cut).unwrap()], "").unwrap().code, Some(1));

    let elsewhere = dir.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let other = Place::authority(&elsewhere).unwrap();
    let refused = other.run(&["bundle", "import", text(&day).unwrap()]).unwrap();
    assert!(refused.code == Some(1) && refused.err.contains("fingerprint"), "{refused:?}");
    let over = site.run(&["bundle", "export", "--out", text(&day).unwrap()]).unwrap();
    assert!(over.code == Some(1) && over.err.contains("written once"), "{over:?}");
    assert_eq!(std::fs::read(&day).unwrap(), bytes);
}

#[test]
fn a_directory_is_wiped_only_when_nothing_is_lost_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let authority = Place::authority(dir.path()).unwrap();
    let mut site = Place::joined(dir.path(), "site", "gate3", &authority).unwrap();
    site.start(&[]).unwrap();
    site.register("T1", 2).unwrap();
    assert_eq!(site.run(&["wipe", "--yes"]).unwrap().code, Some(1), "it runs");
    let (early, late) = (path("early.swab"), path("late.swab"));
    site.done(&["bundle", "export", "--out", &early]).unwrap();
    site.register("T2", 1).unwrap();
    site.done(&["bundle", "export", "--out", &late]).unwrap();
    site.kill();

    let lost = |more: &[&str]| {
        let answer = site.run(&[&["wipe", "--json"], more].concat()).unwrap();
        let said: Value = serde_json::from_str(answer.out.trim()).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
        (answer.code, said["losses"][0]["registrations"].as_u64(), said["wiped"].as_bool().unwrap())
    };
    assert_eq!(lost(&["--yes"]), (Some(1), Some(3), false));
    assert_eq!(lost(&["--yes", "--exported", &early]), (Some(1), Some(3), false), "it lacks the last one");
    let bytes = std::fs::read(&late).unwrap();
    let damaged = path("damaged.swab");
    std::fs::write(&damaged, [&bytes[..bytes.len() - 100], &[0; 100]].concat()).unwrap();
    assert_eq!(lost(&["--yes", "--exported", &damaged]), (Some(1), Some(3), false));
    assert_eq!(lost(&["--exported", &late]), (Some(0), None, false), "only said what it would do");
    assert!(site.data.join("secrets").exists());
    assert_eq!(lost(&["--yes", "--exported", &late]), (Some(0), None, true));
    assert!(!site.data.join("secrets").exists() && !site.data.join("store").exists());
    assert_eq!(import(&authority, &late).1["registrations"], 3, "and the bundle has everything");
    assert_eq!(authority.run(&["wipe", "--yes"]).unwrap().code, Some(1), "an authority never");
}
