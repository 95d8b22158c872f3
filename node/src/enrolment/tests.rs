use swabmesh_protocol::command::Published;
use swabmesh_protocol::id::Lane;
use swabmesh_protocol::roster::Roster;
use swabmesh_protocol::text::Text;

use super::admit::admit;
use super::found::{Founded, found};
use super::join::{Change, join};
use super::request::ask;
use super::*;
use crate::config::Config;

const NOW_S: u64 = 1_649_433_600;

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn home(&self, name: &str) -> Home {
        Home::at(self.dir.path().join(name))
    }

    fn authority(&self, name: &str) -> (Home, Founded) {
        let home = self.home(name);
        let mut config = Config::new(Role::Authority, Text::new(name).unwrap(), Lane::CITY);
        config.authority_addresses = vec!["/ip4/192.0.2.1/tcp/4001".to_owned()];
        let founded = found(&home, &config, &Policy::default(), NOW_S).unwrap();
        (home, founded)
    }

    fn member(&self, name: &str, role: Role) -> (Home, String) {
        let home = self.home(name);
        let asked = ask(&home, &Config::new(role, Text::new(name).unwrap(), Lane(3))).unwrap();
        (home, asked.text)
    }
}

#[test]
fn a_site_and_a_laboratory_join_offline_and_share_the_person_key() {
    let place = Place::new();
    let (authority, founded) = place.authority("city");
    let own = Membership::open(&authority).unwrap();
    for role in [Role::Site, Role::Lab] {
        let (home, request) = place.member(&format!("{role:?}"), role);
        let admitted = admit(&authority, &request, 400, NOW_S).unwrap();
        let joined = join(&home, &admitted.answer, Some(founded.fingerprint)).unwrap();
        assert_eq!((joined.change, joined.certificate.role), (Change::Joined, role));
        let held = Membership::open(&home).unwrap();
        assert_eq!(held.person_key, own.person_key);
        assert_eq!(held.addresses, ["/ip4/192.0.2.1/tcp/4001"]);
        assert_eq!(held.certificate.until, NOW_S + 400 * 86_400);
        assert!(held.certificate.check_at(NOW_S).is_ok());
    }
    assert_eq!(own.certificate.role, Role::Authority);
    assert_eq!(own.fingerprint(), founded.fingerprint);
}

#[test]
fn what_the_root_signed_waits_until_it_is_published() {
    let place = Place::new();
    let (authority, _) = place.authority("city");
    let (_, request) = place.member("site", Role::Site);
    let admitted = admit(&authority, &request, 1, NOW_S).unwrap();
    let root = Membership::open(&authority).unwrap().root;
    let mut roster = Roster::new(root);
    let waiting = pending::all(&authority).unwrap();
    assert_eq!(waiting.len(), 4);
    for waiting in &waiting {
        match &waiting.published {
            Published::Certificate(bytes) => drop(roster.enrol(bytes).unwrap()),
            Published::Trust(bytes) => drop(TrustList::open(bytes, &root).unwrap()),
            Published::Policy(bytes) => drop(Policy::open(bytes, &root).unwrap()),
        }
    }
    assert_eq!(roster.certificates().count(), 2);

    // A renewal that came meanwhile is not forgotten with the certificate it replaces.
    let renewed = admit(&authority, &request, 2, NOW_S).unwrap();
    pending::done(&authority, &admitted.pending).unwrap();
    assert_eq!(pending::all(&authority).unwrap().len(), 4);
    pending::done(&authority, &renewed.pending).unwrap();
    assert_eq!(pending::all(&authority).unwrap().len(), 3);
}

#[test]
fn a_second_answer_renews_an_older_one_is_refused_and_the_same_changes_nothing() {
    let place = Place::new();
    let (authority, _) = place.authority("city");
    let (home, request) = place.member("site", Role::Site);
    let first = admit(&authority, &request, 1, NOW_S).unwrap();
    let second = admit(&authority, &request, 2, NOW_S).unwrap();
    assert_eq!((first.certificate.serial, second.certificate.serial), (1, 2));
    assert_eq!(join(&home, &first.answer, None).unwrap().change, Change::Joined);
    assert_eq!(join(&home, &first.answer, None).unwrap().change, Change::Nothing);
    assert_eq!(join(&home, &second.answer, None).unwrap().change, Change::Renewed);
    let error = join(&home, &first.answer, None).unwrap_err();
    assert!(matches!(error, EnrolError::Older { held: 2, offered: 1 }));
    assert_eq!(Membership::open(&home).unwrap().certificate.serial, 2);
}

#[test]
fn an_answer_for_another_node_or_from_another_authority_is_refused() {
    let place = Place::new();
    let (authority, _) = place.authority("city");
    let (other_authority, other) = place.authority("elsewhere");
    let (home, request) = place.member("site", Role::Site);
    let (_, other_request) = place.member("site-2", Role::Site);

    let foreign = admit(&authority, &other_request, 1, NOW_S).unwrap();
    let error = join(&home, &foreign.answer, None).unwrap_err();
    assert!(matches!(error, EnrolError::OtherNode { .. }) && error.to_string().contains("give it to that node"));

    let answer = admit(&authority, &request, 1, NOW_S).unwrap().answer;
    let error = join(&home, &answer, Some(other.fingerprint)).unwrap_err();
    assert!(matches!(error, EnrolError::Pin { .. }) && error.to_string().contains("do not join"));
    assert!(matches!(Membership::open(&home), Err(EnrolError::NotJoined { .. })));

    join(&home, &answer, None).unwrap();
    let moved = admit(&other_authority, &request, 1, NOW_S).unwrap();
    assert!(matches!(join(&home, &moved.answer, None), Err(EnrolError::OtherRoot { .. })));
}

#[test]
fn texts_that_are_no_request_or_answer_are_refused() {
    let place = Place::new();
    let (authority, _) = place.authority("city");
    let (home, request) = place.member("site", Role::Site);
    assert!(matches!(admit(&authority, "hello", 1, NOW_S), Err(EnrolError::Request(_))));
    assert!(matches!(admit(&authority, &request.replace("SMQ1:", "SMQ1:A"), 1, NOW_S), Err(EnrolError::Request(_))));
    assert!(matches!(join(&home, &request, None), Err(EnrolError::Answer(_))));
    let answer = admit(&authority, &request, 1, NOW_S).unwrap().answer;
    let cut = answer.get(..answer.len() / 2).unwrap();
    assert!(matches!(join(&home, cut, None), Err(EnrolError::Answer(_))));
}

#[test]
fn only_an_authority_admits_and_only_a_node_joins() {
    let place = Place::new();
    let (home, request) = place.member("site", Role::Site);
    let error = admit(&home, &request, 1, NOW_S).unwrap_err();
    assert!(matches!(error, EnrolError::NotTheAuthority { role: Role::Site }));
    let error = join(&place.home("nowhere"), "SMA1:", None).unwrap_err().to_string();
    assert!(error.contains("does not exist") && error.contains("init"), "{error}");
    let error = Membership::open(&home).unwrap_err().to_string();
    assert!(error.contains("has not joined yet") && error.contains("authority enrol"), "{error}");
    assert!(matches!(ask(&home, &Config::new(Role::Site, Text::default(), Lane(1))), Err(EnrolError::Home(_))));
}

#[test]
fn a_renewed_certificate_says_the_same_for_as_long_again_and_is_kept_instead_of_the_one_before() {
    let place = Place::new();
    let (authority, _) = place.authority("city");
    let (home, request) = place.member("site", Role::Site);
    let admitted = admit(&authority, &request, 90, NOW_S).unwrap();
    join(&home, &admitted.answer, None).unwrap();
    let root = authority.keys().signing(Signing::Root).unwrap();
    let later_s = NOW_S + 80 * 86_400;
    let (pending, renewed) = renew::renew(&authority, &root, &admitted.certificate, later_s).unwrap();
    let until = later_s + 90 * 86_400;
    assert_eq!(renewed, Certificate { serial: 2, from: later_s - DATED_BACK_S, until, ..admitted.certificate });
    assert!(pending::all(&authority).unwrap().contains(&pending) && pending.is_of(&renewed.node));

    let Published::Certificate(signed) = &pending.published else { panic!("{pending:?}") };
    assert!(renew::take_up(&home, signed).unwrap());
    assert!(!renew::take_up(&home, signed).unwrap(), "once");
    let member = Membership::open(&home).unwrap();
    assert_eq!((member.certificate, &member.certificate_bytes), (renewed, signed));
    // An answer that was on its way meanwhile is older.
    assert!(matches!(join(&home, &admitted.answer, None), Err(EnrolError::Older { held: 2, offered: 1 })));
    // Another node's is not this one's, and what another root signed is nothing.
    let (_, other_request) = place.member("site-2", Role::Site);
    let other = admit(&authority, &other_request, 90, NOW_S).unwrap();
    let Published::Certificate(other) = &other.pending.published else { panic!("{other:?}") };
    assert!(!renew::take_up(&home, other).unwrap());
    let (elsewhere, _) = place.authority("elsewhere");
    let foreign = elsewhere.keys().signing(Signing::Root).unwrap();
    let member = Membership::open(&home).unwrap().certificate;
    assert!(renew::take_up(&home, &Certificate { serial: 9, ..member }.sign(&foreign)).is_err());
}
