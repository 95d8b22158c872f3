//! What is left of personal details once their time is over: nothing that opens, and a report that proves it.

use swabmesh_authority::city::day::Day;
use swabmesh_authority::city::purge::{NotProved, PurgeError, SignedReport, purge, sign};
use swabmesh_node::clock;
use swabmesh_node::config::Config;
use swabmesh_node::enrolment::Membership;
use swabmesh_node::enrolment::found::found;
use swabmesh_node::home::Home;
use swabmesh_node::keys::Daily;
use swabmesh_protocol::document::DocumentType;
use swabmesh_protocol::fact::{Fact, Opened, Registered, Role, Route, SealKey};
use swabmesh_protocol::id::{Lane, Person, SeqNo};
use swabmesh_protocol::policy::Policy;
use swabmesh_protocol::project::{entries, heads};
use swabmesh_protocol::seal::details::{self, Details};
use swabmesh_protocol::sensitive::Sensitive;
use swabmesh_protocol::text::Text;
use swabmesh_protocol::time::Wall;
use swabmesh_protocol::view::MemoryTables;

use crate::world::{AUTHORITY, DAY, SITES, World, registered, roles, tube};

fn sealed_in(tables: &MemoryTables) -> Vec<Vec<u8>> {
    let mut sealed = Vec::new();
    for head in heads(tables).unwrap() {
        for entry in entries(tables, &head.header.id(), SeqNo(1), head.height).unwrap() {
            if let Ok(Fact::Registered(fact)) = Fact::from_bytes(&entry.unwrap().fact) {
                sealed.extend(fact.details.map(|bytes| bytes.to_vec()));
            }
        }
    }
    sealed
}

#[test]
fn after_a_purge_no_copy_of_the_log_opens_and_the_report_holds_with_nothing_but_the_roots_key() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::at(dir.path().join("city"));
    let config = Config::new(Role::Authority, Text::new("city").unwrap(), Lane::CITY);
    found(&home, &config, &Policy::default(), clock::wall().seconds()).unwrap();
    let member = Membership::open(&home).unwrap();
    let keys = home.keys();

    // Two days, each with its key; somebody typed on the first.
    let (first, second) = (keys.details(DAY).unwrap(), keys.details(DAY + 1).unwrap());
    let typed = |name: &str, day: u32, to| {
        let details = Details {
            name: Sensitive::new(name.to_owned()),
            document: DocumentType::Other,
            number: Sensitive::new("X1".to_owned()),
            telephone: None,
            address: None,
            remark: Some(Sensitive::new("no papers".to_owned())),
            born: None,
            state: None,
        };
        details::seal(to, Day(day).date(), [5; 32], &details).unwrap()
    };
    let mut world = World::default();
    let (site, lane) = SITES[0];
    for (day, public) in [(DAY, first), (DAY + 1, second)] {
        world.say(AUTHORITY, 0, SealKey { day, public: public.0 });
    }
    world.say(site, lane, Opened { tube: tube("T1"), pool: 10, operator: Text::default(), seen: None });
    let register = |details: Vec<u8>| Registered {
        route: Route::ByHand,
        details: Some(details.into()),
        ..registered(Person([1; 16]), "T1")
    };
    world.say(site, lane, register(typed("Somebody", DAY, &first)));
    let tables = world.tables();
    let copies = sealed_in(&tables);
    let (secret, _) = keys.open_details(DAY).unwrap();
    assert_eq!(details::open(&secret, Day(DAY).date(), &copies[0]).unwrap().name.expose(), "Somebody");

    let tomorrow = Day(clock::day(clock::wall()) + 1);
    let early = purge(&tables, &roles(), &home, &member.root, tomorrow, clock::wall());
    assert!(matches!(early, Err(PurgeError::NotOver { .. })), "{early:?}");
    let report = purge(&tables, &roles(), &home, &member.root, Day(DAY + 1), Wall(Day(DAY + 1).start_ms())).unwrap();
    assert_eq!((report.sealed, report.tried, report.opened), (1, 1, 0));
    assert_eq!((report.keys.len(), report.kept.as_slice()), (1, ["2022-04-10".to_owned()].as_slice()));
    assert!(report.keys[0].now && report.keys[0].public == swabmesh_protocol::id::hex(&first.0));

    // The store, a neighbour's copy and a bundle hold the same sealed bytes: no key on this machine opens them.
    for day in keys.days(Daily::Details).unwrap() {
        let (secret, _) = keys.open_details(day).unwrap();
        assert!(copies.iter().all(|copy| details::open(&secret, Day(day).date(), copy).is_err()));
    }
    assert!(keys.open_details(DAY).is_err());
    // Again: the key was gone before, and the digest over what lies sealed is the same.
    let again = purge(&tables, &roles(), &home, &member.root, Day(DAY + 1), Wall(Day(DAY + 1).start_ms())).unwrap();
    assert!(!again.keys[0].now && again.sealed_digest == report.sealed_digest);

    let signed = sign(&report, &keys, &member.certificate_bytes).unwrap();
    assert_eq!(signed.check(&member.root).unwrap(), report);
    let changed = SignedReport { report: signed.report.replace("\"opened\":0", "\"opened\":1"), ..signed.clone() };
    assert!(matches!(changed.check(&member.root), Err(NotProved::Signature)));
    let other = ed25519_dalek::SigningKey::from_bytes(&[3; 32]).verifying_key();
    assert!(matches!(signed.check(&other), Err(NotProved::Certificate(_))));
}
