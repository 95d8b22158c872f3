//! Real processes on hosts of their own: cut without a word, carried by a neighbour, away for long, restored from an older copy.
//!
//! Needs root, `ip` and `nft`; without them it says so and passes. Waits for real timeouts, so it takes minutes.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, and says what it waits for"
)]

#[path = "../node/tests/network_support/namespaces.rs"]
mod namespaces;

use std::time::Duration;

use namespaces::Lab;
use serde_json::Value;
use swabmesh_tests::place::{Place, agree, copy};
use swabmesh_tests::wait::{eventually, is};

/// Longest wait for what has no bound of its own; generous, because the machine is shared.
const DEADLINE: Duration = Duration::from_secs(90);
const NOTICED_MAX: Duration = Duration::from_secs(15);
const USED_AGAIN_MAX: Duration = Duration::from_secs(20);

const AUTHORITY: u32 = 1;
const LATE: u32 = 2;
const NEIGHBOUR: u32 = 3;

/// How the node with this role is, as seen from another.
fn contact(place: &Place, role: &str) -> Result<Value, String> {
    let status = place.json(&["status"]).map_err(|error| error.to_string())?;
    let contacts = status["contacts"].as_array().ok_or("no contacts")?;
    let contact = contacts.iter().find(|contact| contact["role"] == role);
    contact.cloned().ok_or_else(|| format!("no {role} in {contacts:?}"))
}

fn is_connected(place: &Place, role: &str) -> Result<bool, String> {
    let state = contact(place, role)?["state"].to_string();
    Ok(!["\"unreachable\"", "\"dialling\"", "\"absent\"", "\"refused\""].contains(&state.as_str()))
}

#[test]
fn a_street_that_was_cut_carried_absent_and_restored_ends_with_equal_roots_and_heads() {
    if let Some(missing) = namespaces::missing() {
        println!("SKIPPED 1 test: {missing}");
        return;
    }
    let lab = Lab::with_hosts(3);
    let dir = tempfile::tempdir().unwrap();
    let mut city = Place::authority_at(dir.path(), "10.77.0.1:4001", &[]).unwrap().on(&lab.on(AUTHORITY));
    let site = |name, host| Place::joined(dir.path(), "site", name, &city).unwrap().on(&lab.on(host));
    let (mut late, mut neighbour) = (site("late", LATE), site("neighbour", NEIGHBOUR));
    city.start(&[]).unwrap();
    late.start(&["--peer", "10.77.0.3:4001"]).unwrap();
    neighbour.start(&[]).unwrap();
    late.register("T1", 2).unwrap();
    neighbour.register("T2", 1).unwrap();
    agree(DEADLINE, &[&city, &late, &neighbour]);
    // All may have gone by the neighbour.
    eventually("the uplink is there", USED_AGAIN_MAX, || is(is_connected(&late, "authority")?, "not connected"));

    // A cable that carries nothing and tells nobody, and is plugged in again.
    lab.cut_pair(LATE, AUTHORITY);
    eventually("the cut is noticed", NOTICED_MAX, || is(!is_connected(&late, "authority")?, "connected"));
    let away = contact(&late, "authority").unwrap();
    assert!(away["last_error"].is_string(), "why it is away is shown: {away}");

    // No uplink of its own: what it registers is at the authority as soon as the neighbour is.
    late.register("T3", 3).unwrap();
    agree(DEADLINE, &[&city, &late]);
    assert!(!is_connected(&late, "authority").unwrap(), "the uplink is still cut");
    lab.heal();
    eventually("the healed uplink is used", USED_AGAIN_MAX, || is(is_connected(&late, "authority")?, "not connected"));

    // One is away; the other's disk is later restored from a copy made before that.
    late.stop().unwrap();
    neighbour.stop().unwrap();
    let backup = dir.path().join("backup");
    copy(&neighbour.data, &backup).unwrap();
    neighbour.start(&[]).unwrap();
    neighbour.register("T4", 2).unwrap();
    agree(DEADLINE, &[&city, &neighbour]);
    neighbour.stop().unwrap();
    neighbour.restore(&backup).unwrap();
    neighbour.start(&[]).unwrap();
    agree(DEADLINE, &[&city, &neighbour]);
    late.start(&["--peer", "10.77.0.3:4001"]).unwrap();
    late.register("T5", 1).unwrap();
    agree(DEADLINE, &[&city, &late, &neighbour]);
    eventually("in sync is said", DEADLINE, || {
        let contact = contact(&late, "authority")?;
        is(contact["state"] == "in_sync" && contact["roots_equal_at"].is_u64(), &contact)
    });
}
