//! Where registrations are, and a policy that wants them at a neighbour before they are green (R2, N4).

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::Duration;

use serde_json::{Value, json};
use swabmesh_tests::place::Place;
use swabmesh_tests::wait::eventually;

const WITHIN: Duration = Duration::from_secs(30);

fn register(site: &Place, number: &str) -> Value {
    let into = ["site", "register", "--tube", "T1", "--operator", "wang"];
    let who = ["--document", "--type", "3", "--number", number, "--name", "Invented Person"];
    site.json(&[into.as_slice(), &who].concat()).unwrap()
}

fn newest(site: &Place) -> Value {
    site.json(&["site", "list"]).unwrap()["held"].clone()
}

#[test]
fn green_waits_for_a_neighbour_and_without_one_the_verdict_is_amber_and_nobody_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let policy = json!({ "version": 1, "acknowledge": "neighbour", "neighbour_wait_ms": 5_000 });
    let authority = Place::authority_with(dir.path(), &policy).unwrap();
    let mut neighbour = Place::joined(dir.path(), "site", "gate4", &authority).unwrap();
    let mut site = Place::joined(dir.path(), "site", "gate3", &authority).unwrap();
    neighbour.start(&[]).unwrap();
    let address = eventually("an address", WITHIN, || neighbour.address().map_err(|error| error.to_string()));
    site.start(&["--peer", &address]).unwrap();
    site.done(&["site", "tube", "open", "T1", "--pool", "10", "--operator", "wang"]).unwrap();
    eventually("a session", WITHIN, || {
        let status = site.json(&["status"]).unwrap();
        if status["peers"][0]["role"] == "site" { Ok(()) } else { Err(status["peers"].to_string()) }
    });

    let judged = register(&site, "E00000007");
    assert_eq!((&judged["verdict"], &judged["reason"]), (&json!("green"), &json!("ok")), "{judged}");
    assert_eq!(newest(&site), "at-neighbour");

    neighbour.kill();
    eventually("nobody is connected", WITHIN, || {
        let peers = site.json(&["status"]).unwrap()["peers"].clone();
        if peers == json!([]) { Ok(()) } else { Err(peers.to_string()) }
    });
    let judged = register(&site, "E00000014");
    assert_eq!((&judged["verdict"], &judged["reason"]), (&json!("amber"), &json!("only-here")), "{judged}");
    assert!(judged["registration"].is_string(), "it is registered all the same: {judged}");
    assert_eq!(newest(&site), "only-here");

    // The neighbour is back, and nobody has to register again.
    neighbour.start(&[]).unwrap();
    let address = eventually("an address", WITHIN, || neighbour.address().map_err(|error| error.to_string()));
    site.kill();
    site.start(&["--peer", &address]).unwrap();
    eventually("the second registration is at the neighbour", WITHIN, || {
        let held = newest(&site);
        if held == "at-neighbour" { Ok(()) } else { Err(held.to_string()) }
    });
}
