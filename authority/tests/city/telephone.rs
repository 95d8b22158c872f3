//! A telephone that a registration says was typed earlier: followed for the same person only, never in vain, and each
//! registration opened is told before.

use std::cell::RefCell;

use swabmesh_authority::city::day::Day;
use swabmesh_authority::city::sealed::{Closed, Looked, Reached, VISITS_MAX, look};
use swabmesh_node::keys::{Daily, Keys};
use swabmesh_protocol::document::DocumentType;
use swabmesh_protocol::fact::Registered;
use swabmesh_protocol::id::{EntryId, Person, SeqNo};
use swabmesh_protocol::seal::SealPublic;
use swabmesh_protocol::seal::details::{self, Details};
use swabmesh_protocol::sensitive::Sensitive;
use swabmesh_protocol::telephone::Telephone;

use crate::world::{DAY, SITES, World, registered};

const SITE: (u8, u16) = SITES[0];

struct City {
    _dir: tempfile::TempDir,
    keys: Keys,
    public: SealPublic,
    world: World,
}

impl City {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::at(dir.path().to_owned());
        let public = keys.details(DAY).unwrap();
        let mut world = World::default();
        world.open(SITE, "T1", 20);
        Self { _dir: dir, keys, public, world }
    }

    /// The entry that the site's next registration will be.
    fn next(&self) -> EntryId {
        let last = self.world.chunks.last().unwrap();
        EntryId { feed: last.header.id(), seq: SeqNo(last.checkpoint.seq.0 + 1) }
    }

    fn seal(&self, day: u32, telephone: Option<Telephone>) -> Vec<u8> {
        let text = |text: &str| Sensitive::new(text.to_owned());
        let details = Details {
            name: text("张三"),
            document: DocumentType::Other,
            number: text("X1"),
            telephone,
            address: None,
            remark: None,
            born: None,
            state: None,
        };
        details::seal(&self.public, Day(day).date(), [5; 32], &details).unwrap()
    }

    fn register(&mut self, person: u8, details: Option<Vec<u8>>) -> EntryId {
        let registered = registered(Person([person; 16]), "T1");
        self.world.say(SITE.0, SITE.1, Registered { details: details.map(Into::into), ..registered })
    }

    fn typed(&mut self, person: u8, telephone: Option<Telephone>) -> EntryId {
        let sealed = self.seal(DAY, telephone);
        self.register(person, Some(sealed))
    }

    fn look(&self, registration: EntryId) -> (Looked, Vec<EntryId>) {
        let told = RefCell::new(Vec::new());
        let record = |entry, _| {
            told.borrow_mut().push(entry);
            Ok(())
        };
        let looked = look(&self.world.tables(), &self.keys, registration, record).unwrap().unwrap();
        (looked, told.into_inner())
    }

    fn reached(&self, registration: EntryId) -> Reached {
        self.look(registration).0.telephone
    }
}

fn number() -> Sensitive<String> {
    Sensitive::new("13800000000".to_owned())
}

#[test]
fn a_telephone_is_found_where_it_was_typed_and_every_registration_opened_is_told_first() {
    let mut city = City::new();
    let first = city.typed(1, Some(Telephone::Number(number())));
    let second = city.typed(1, Some(Telephone::AsIn(first)));
    let third = city.typed(1, Some(Telephone::AsIn(second)));
    assert_eq!(city.reached(first), Reached::Here(number()));
    let (looked, told) = city.look(third);
    assert!(matches!(looked.telephone, Reached::Earlier { number: found, .. } if found == number()));
    assert_eq!((looked.details.unwrap().name.expose().as_str(), told), ("张三", vec![third, second, first]));
}

#[test]
fn what_is_not_on_record_is_not_opened() {
    use swabmesh_node::audit::{Audit, AuditError};
    let mut city = City::new();
    let first = city.typed(1, Some(Telephone::Number(number())));
    let later = city.typed(1, Some(Telephone::AsIn(first)));
    let dir = tempfile::tempdir().unwrap();
    let broken = || Audit::open(dir.path()).map(drop).unwrap_err();
    let fails_at =
        |bad: EntryId| move |entry, _| -> Result<(), AuditError> { if entry == bad { Err(broken()) } else { Ok(()) } };
    let tables = city.world.tables();
    assert!(look(&tables, &city.keys, later, fails_at(later)).is_err());
    assert!(look(&tables, &city.keys, later, fails_at(first)).is_err(), "nor the visit it refers to");
}

#[test]
fn a_visit_that_is_purged_holds_none_or_was_a_scan_is_told_apart_and_nothing_fails() {
    let mut city = City::new();
    let silent = city.typed(1, None);
    let scanned = city.register(1, None);
    let yesterday = city.keys.details(DAY - 1).unwrap();
    let today = std::mem::replace(&mut city.public, yesterday);
    let old = city.seal(DAY - 1, Some(Telephone::Number(number())));
    city.public = today;
    let old = city.register(1, Some(old));
    let refer = |city: &mut City, to| city.typed(1, Some(Telephone::AsIn(to)));
    let (to_silent, to_scanned, to_old) = (refer(&mut city, silent), refer(&mut city, scanned), refer(&mut city, old));
    let why = |city: &City, entry| {
        let Reached::Gone { why, .. } = city.reached(entry) else { return None };
        Some(why)
    };
    assert_eq!((why(&city, to_silent), why(&city, to_scanned)), (Some(None), Some(Some(Closed::None))));
    assert!(matches!(city.reached(to_old), Reached::Earlier { .. }));
    city.keys.destroy(Daily::Details, DAY - 1).unwrap();
    assert_eq!(why(&city, to_old), Some(Some(Closed::Destroyed)));
    assert!(city.look(to_old).0.details.is_ok(), "the later visit's own details stay");
}

#[test]
fn a_hostile_reference_opens_nobody_elses_details_and_comes_to_an_end() {
    let mut city = City::new();
    let victim = city.typed(2, Some(Telephone::Number(number())));
    let thief = city.typed(1, Some(Telephone::AsIn(victim)));
    let (looked, told) = city.look(thief);
    assert_eq!((looked.telephone, told), (Reached::Astray, vec![thief]), "the victim's details stayed closed");
    let itself = city.next();
    assert_eq!(city.typed(1, Some(Telephone::AsIn(itself))), itself);
    let (looked, told) = city.look(itself);
    assert_eq!((looked.telephone, told.len()), (Reached::Astray, VISITS_MAX + 1));
    let nowhere = EntryId { seq: SeqNo(9_999), ..itself };
    let nowhere = city.typed(1, Some(Telephone::AsIn(nowhere)));
    assert_eq!(city.reached(nowhere), Reached::Astray);
    let noise = swabmesh_protocol::seal::seal_bytes(
        &city.public,
        &swabmesh_protocol::seal::Purpose::Details(Day(DAY).date()),
        [6; 32],
        b"\xa0",
    );
    let noise = city.register(1, Some(noise.unwrap()));
    assert_eq!(city.look(noise).0.details, Err(Closed::Malformed));
}
