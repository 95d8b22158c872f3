//! One node on two machines: a directory that was copied, both copies at work out of each other's sight, and what is
//! found, proved, kept and decided when they are heard of in one place (rules N3, R7).

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use swabmesh_tests::place::{Place, agree, carry, text};
use swabmesh_tests::program::swabmesh;
use swabmesh_tests::wait::{eventually, is};

/// Longest wait for anything; generous, because the machine is shared.
const DEADLINE: Duration = Duration::from_secs(90);

/// A site and its clone, which have registered apart; nobody has heard of either since they were one.
struct Split {
    authority: Place,
    original: Place,
    clone: Place,
    /// Registrations of before, of the original's, of the clone's.
    registered: [BTreeSet<String>; 3],
}

const TUBES: [&str; 3] = ["T1", "T2", "T3"];

impl Split {
    /// `apart`: how many people each registered after they were two.
    fn new(dir: &Path, apart: [u32; 2]) -> Self {
        let authority = Place::authority(dir).unwrap();
        let mut original = Place::joined(dir, "site", "gate3", &authority).unwrap();
        original.start(&[]).unwrap();
        let before = original.register(TUBES[0], 2).unwrap();
        original.stop().unwrap();
        let mut clone = original.cloned("gate3-too").unwrap();
        original.start(&[]).unwrap();
        clone.start(&[]).unwrap();
        let of_original = original.register(TUBES[1], apart[0]).unwrap();
        let of_clone = clone.register(TUBES[2], apart[1]).unwrap();
        let registered = [before, of_original, of_clone].map(|all| all.into_iter().collect());
        Self { authority, original, clone, registered }
    }

    /// How many registrations count at a node, of those that were made.
    fn counting(&self, at: &Place) -> [usize; 3] {
        TUBES.map(|tube| at.members(tube).unwrap().len())
    }

    fn made(&self) -> [usize; 3] {
        self.registered.each_ref().map(BTreeSet::len)
    }
}

/// The forks a node knows of; each is a line.
fn forks(at: &Place) -> Vec<Value> {
    let printed = at.done(&["log", "forks", "--json"]).unwrap();
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Starts a node that keeps a link to a running one.
fn start_with_peer(node: &mut Place, peer: &Place) {
    let address = eventually("an address", DEADLINE, || peer.address().map_err(|error| error.to_string()));
    node.stop().unwrap();
    node.start(&["--peer", &address]).unwrap();
}

/// Waits until a node knows of the one fork and keeps both histories whole.
fn kept(split: &Split, at: &Place) -> Value {
    eventually("both histories are kept", DEADLINE, || {
        let (known, status) = (forks(at), at.json(&["status"]).unwrap());
        let [fork] = known.as_slice() else { return Err(format!("{} forks", known.len())) };
        let branches = fork["branches"].as_array().unwrap().iter();
        let entries: u64 = branches.filter_map(|branch| branch["entries"].as_u64()).sum();
        // Each history opened a tube, and then registered.
        let apart = split.made()[1] + split.made()[2] + 2;
        let whole = entries == apart as u64 && status["quarantined"] == entries && status["forks"] == 1;
        is(whole && split.counting(at) == [2, 0, 0], (entries, &status["quarantined"], split.counting(at)))?;
        Ok(fork.clone())
    })
}

/// The proof holds for whoever has nothing but the file.
fn proved(dir: &Path, at: &Place, fork: &Value) {
    let file = dir.join("fork.proof");
    at.done(&["log", "forks", "--proof", text(&file).unwrap()]).unwrap();
    let checked = swabmesh(&["log", "check-proof", text(&file).unwrap(), "--json"], "").unwrap();
    let checked: Value = serde_json::from_str(checked.out.trim()).unwrap();
    assert_eq!((&checked["holds"], &checked["fork"]), (&Value::Bool(true), &fork["fork"]), "{checked}");
}

/// The authority counts both histories; then every node shows every registration.
fn decide_both(split: &Split, fork: &Value) {
    let feed = format!("{}/{}", fork["node"].as_str().unwrap(), fork["epoch"].as_str().unwrap());
    let why = "two laptops from one image";
    split.authority.done(&["authority", "fork", "decide", &feed, "--keep", "both", "--reason", why]).unwrap();
}

/// Every registration that anybody made counts here.
fn nobody_is_lost(split: &Split, at: &Place) {
    eventually("everybody counts", DEADLINE, || is(split.counting(at) == split.made(), split.counting(at)));
}

/// What the authority signed for: nothing of either is nowhere else.
fn receipted(site: &Place) {
    eventually("all of it is at the authority", DEADLINE, || {
        let own = site.json(&["status"]).unwrap()["own"].clone();
        is(own["only_here"] == 0 && own["at_neighbour"] == 0, own)
    });
}

/// Both copies meet a neighbour, one after the other; the neighbour meets the authority.
fn meet(apart: [u32; 2]) {
    let dir = tempfile::tempdir().unwrap();
    let mut split = Split::new(dir.path(), apart);
    let mut neighbour = Place::joined(dir.path(), "site", "gate4", &split.authority).unwrap();
    neighbour.start(&[]).unwrap();
    neighbour.register("N1", 1).unwrap();
    start_with_peer(&mut split.original, &neighbour);
    agree(DEADLINE, &[&split.original, &neighbour]);
    split.original.stop().unwrap();
    start_with_peer(&mut split.clone, &neighbour);
    let fork = kept(&split, &neighbour);
    proved(dir.path(), &neighbour, &fork);
    agree(DEADLINE, &[&split.clone, &neighbour]);

    // Everything else goes on, on both sides of the fork.
    neighbour.register("N2", 1).unwrap();
    split.clone.register("C1", 1).unwrap();
    split.authority.start(&[]).unwrap();
    start_with_peer(&mut neighbour, &split.authority);
    let at_authority = kept(&split, &split.authority);
    assert_eq!(at_authority["fork"], fork["fork"]);
    assert_eq!(at_authority["branches"], fork["branches"]);
    split.clone.stop().unwrap();
    start_with_peer(&mut split.clone, &neighbour);
    decide_both(&split, &fork);
    nobody_is_lost(&split, &split.authority);
    nobody_is_lost(&split, &neighbour);
    agree(DEADLINE, &[&split.authority, &neighbour, &split.clone]);
    receipted(&split.clone);
    split.clone.stop().unwrap();
    start_with_peer(&mut split.original, &neighbour);
    agree(DEADLINE, &[&split.authority, &neighbour, &split.original]);
    receipted(&split.original);
    nobody_is_lost(&split, &split.original);
}

#[test]
fn a_clone_with_less_is_found_at_first_contact_and_nobody_is_lost() {
    meet([3, 1]);
}

#[test]
fn a_clone_with_more_is_found_at_first_contact_and_nobody_is_lost() {
    meet([1, 3]);
}

#[test]
fn a_clone_of_equal_length_is_found_at_first_contact_and_nobody_is_lost() {
    meet([2, 2]);
}

/// Both copies are heard of by courier only.
fn courier(apart: [u32; 2]) {
    let dir = tempfile::tempdir().unwrap();
    let mut split = Split::new(dir.path(), apart);
    split.authority.start(&[]).unwrap();
    let (one, first) = carry(dir.path(), "one.swab", &split.original, &split.authority, &[]).unwrap();
    assert_eq!(first["refused"], 0, "{first}");
    let (two, second) = carry(dir.path(), "two.swab", &split.clone, &split.authority, &[]).unwrap();
    assert_eq!((&second["refused"], &second["missing"]), (&Value::from(0), &Value::Array(Vec::new())), "{second}");
    let fork = kept(&split, &split.authority);
    proved(dir.path(), &split.authority, &fork);
    decide_both(&split, &fork);
    nobody_is_lost(&split, &split.authority);

    // The answer has the proof, both histories, the decision, and receipts for what was brought.
    for (number, stick) in [(1, &one), (2, &two)] {
        let site = if number == 1 { &split.original } else { &split.clone };
        let name = format!("answer-{number}.swab");
        let (_, report) = carry(dir.path(), &name, &split.authority, site, &["--answer", stick]).unwrap();
        assert_eq!((&report["refused"], &report["missing"]), (&Value::from(0), &Value::Array(Vec::new())), "{report}");
        nobody_is_lost(&split, site);
        receipted(site);
    }
    // Each goes on in an epoch of its own.
    let epochs = [&split.original, &split.clone].map(|site| {
        site.register(if std::ptr::eq(site, &split.original) { "O9" } else { "C9" }, 1).unwrap();
        site.json(&["status"]).unwrap()["epoch"].clone()
    });
    assert!(epochs[0] != epochs[1] && !epochs.contains(&fork["epoch"]), "{epochs:?}");
    carry(dir.path(), "three.swab", &split.original, &split.authority, &[]).unwrap();
    carry(dir.path(), "four.swab", &split.clone, &split.authority, &[]).unwrap();
    eventually("no more forks", DEADLINE, || {
        let members = [split.authority.members("O9").unwrap(), split.authority.members("C9").unwrap()];
        is(members.iter().all(|of| of.len() == 1) && forks(&split.authority).len() == 1, &members)
    });
}

#[test]
fn a_clone_with_less_that_only_a_courier_reaches_is_found_and_nobody_is_lost() {
    courier([3, 1]);
}

#[test]
fn a_clone_with_more_that_only_a_courier_reaches_is_found_and_nobody_is_lost() {
    courier([1, 3]);
}

#[test]
fn a_disk_restored_where_only_a_courier_comes_goes_on_in_a_new_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let mut authority = Place::authority(dir.path()).unwrap();
    let mut site = Place::joined(dir.path(), "site", "gate3", &authority).unwrap();
    authority.start(&[]).unwrap();
    site.start(&[]).unwrap();
    site.register("T1", 2).unwrap();
    site.stop().unwrap();
    let backup = dir.path().join("backup");
    swabmesh_tests::place::copy(&site.data, &backup).unwrap();
    site.start(&[]).unwrap();
    site.register("T2", 2).unwrap();
    carry(dir.path(), "day.swab", &site, &authority, &[]).unwrap();
    site.kill();
    site.restore(&backup).unwrap();
    site.start(&[]).unwrap();
    let before = site.json(&["status"]).unwrap()["epoch"].clone();
    // What the authority holds of it comes back with the answer to an errand that had nothing new.
    let (stick, _) = carry(dir.path(), "again.swab", &site, &authority, &[]).unwrap();
    let (_, report) = carry(dir.path(), "answer.swab", &authority, &site, &["--answer", &stick]).unwrap();
    assert_eq!(report["refused"], 0, "{report}");
    eventually("a new epoch", DEADLINE, || {
        let epoch = site.json(&["status"]).unwrap()["epoch"].clone();
        is(epoch != before, &epoch)
    });
    assert_eq!(site.members("T2").unwrap().len(), 2, "what the authority held is back");
    site.register("T3", 2).unwrap();
    let (stick, report) = carry(dir.path(), "after.swab", &site, &authority, &[]).unwrap();
    assert_eq!((&report["refused"], &report["registrations"]), (&Value::from(0), &Value::from(2)), "{report}");
    carry(dir.path(), "receipts.swab", &authority, &site, &["--answer", &stick]).unwrap();
    agree(DEADLINE, &[&authority, &site]);
    assert_eq!(forks(&authority).len(), 0);
    receipted(&site);
}
