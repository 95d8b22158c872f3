//! Certificates that end: renewed by the authority, carried by whoever comes by, and kept.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ed25519_dalek::SigningKey;
use serde_json::Value;
use swabmesh_protocol::certificate::Certificate;
use swabmesh_protocol::enrolment::JoinAnswer;
use swabmesh_protocol::entry::node_key;
use swabmesh_protocol::id::hex;
use swabmesh_protocol::time::DAY_S;
use swabmesh_tests::place::{Place, carry, text};
use swabmesh_tests::wait::{eventually, is};

/// Longest wait for what an authority does every few seconds.
const WITHIN: Duration = Duration::from_secs(60);

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A secret key in a node's directory.
fn secret(place: &Place, name: &str) -> SigningKey {
    let digits = std::fs::read_to_string(place.data.join(format!("secrets/{name}.key"))).unwrap();
    let seed = data_encoding::HEXLOWER_PERMISSIVE.decode(digits.trim().as_bytes()).unwrap();
    SigningKey::from_bytes(seed.as_slice().try_into().unwrap())
}

/// Has the root say that a node joined long ago, and that its certificate ends in so many seconds.
fn ends_in(authority: &Place, member: &Place, seconds: u64) {
    let root = secret(authority, "root");
    let path = member.data.join("enrolment/answer");
    let told = std::fs::read_to_string(&path).unwrap();
    let (mut answer, certificate) = JoinAnswer::from_text(&told, &node_key(&secret(member, "node"))).unwrap();
    let until = now_s() + seconds;
    let ending = Certificate { serial: certificate.serial + 1, from: until - 90 * DAY_S, until, ..certificate };
    let signed = ending.sign(&root);
    answer.certificate = signed.clone().into();
    std::fs::write(&path, answer.to_text()).unwrap();
    // The authority hears of it as of any other that its root signed while it did not run.
    let pending = authority.data.join("enrolment/pending").join(format!("certificate-{}", hex(&ending.node.0)));
    std::fs::write(pending, signed).unwrap();
}

fn until(place: &Place) -> u64 {
    place.json(&["status"]).unwrap()["certificate"]["until"].as_u64().unwrap()
}

#[test]
fn a_site_that_only_a_courier_reaches_gets_its_new_certificate_on_the_stick_and_keeps_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut authority = Place::authority(dir.path()).unwrap();
    let mut site = Place::joined(dir.path(), "site", "gate3", &authority).unwrap();
    let mut stolen = Place::joined(dir.path(), "site", "gate4", &authority).unwrap();
    let ends = now_s() + 5 * DAY_S;
    for member in [&site, &stolen] {
        ends_in(&authority, member, 5 * DAY_S);
    }
    authority.start(&[]).unwrap();
    for (member, name) in [(&mut site, "site.swab"), (&mut stolen, "stolen.swab")] {
        member.start(&[]).unwrap();
        member.register("T1", 1).unwrap();
        assert!(until(member) <= ends + 60);
        if name == "stolen.swab" {
            authority.done(&["authority", "withdraw", "gate4", "--reason", "stolen"]).unwrap();
        }
        assert_eq!(carry(dir.path(), name, member, &authority, &[]).unwrap().1["refused"], 0);
    }
    let told = site.done(&["status"]).unwrap();
    assert!(told.contains("this node's certificate ends in"), "{told}");

    // Nobody asks for it: who was heard of is renewed, who was withdrawn is not.
    let nodes = || -> Vec<(String, u64)> {
        let nodes = authority.get("/nodes").unwrap();
        let line = |node: &Value| (node["name"].as_str().unwrap().to_owned(), node["until"].as_u64().unwrap());
        nodes.as_array().unwrap().iter().map(line).collect()
    };
    let of = |name: &str| nodes().iter().find(|(of, _)| of == name).unwrap().1;
    eventually("renewed", WITHIN, || is(of("gate3") > ends + 80 * DAY_S, nodes()));

    let day = dir.path().join("site.swab");
    let told = carry(dir.path(), "answer.swab", &authority, &site, &["--answer", text(&day).unwrap()]).unwrap().1;
    assert_eq!(told["refused"], 0);
    eventually("taken into use", WITHIN, || is(until(&site) == of("gate3"), until(&site)));
    assert!(!site.done(&["status"]).unwrap().contains("certificate ends in"));
    let answer = site.data.join("enrolment/answer");
    let joined = std::fs::read_to_string(&answer).unwrap();
    site.kill();
    site.start(&[]).unwrap();
    assert_eq!((until(&site), std::fs::read_to_string(&answer).unwrap()), (of("gate3"), joined));
    assert!(of("gate4") <= ends + 60, "{:?}", nodes());

    // It hears so on a stick, and says it to whoever stands before it, also after a restart.
    stolen.register("T2", 1).unwrap();
    let day = dir.path().join("stolen.swab");
    carry(dir.path(), "end.swab", &authority, &stolen, &["--answer", text(&day).unwrap()]).unwrap();
    for _ in 0..2 {
        let refused = stolen.register("T3", 1).unwrap_err().to_string();
        assert!(refused.contains("the authority withdrew this node"), "{refused}");
        // A status is some moments old.
        eventually("its status says so", WITHIN, || {
            let told = stolen.done(&["status"]).unwrap();
            is(told.contains("registrations are refused: the authority withdrew this node"), told)
        });
        stolen.kill();
        stolen.start(&[]).unwrap();
    }
}
