//! What the authority's own office keeps of people whose time is over: nothing, in no copy of its files.

use std::path::Path;
use std::sync::Arc;

use swabmesh_authority::city::database::connect;
use swabmesh_authority::city::database::follow::Follower;
use swabmesh_authority::city::day::Day;
use swabmesh_authority::city::purge::in_use;
use swabmesh_authority::city::row::SHAPES;
use swabmesh_authority::office::retention::{OfficeReport, Retention};
use swabmesh_authority::registry::Registry;
use swabmesh_authority::relatives::{Application, Link, LinkError, Links, Register, State};
use swabmesh_authority::residents::vault::Vault;
use swabmesh_authority::residents::{ResidentError, Residents};
use swabmesh_node::api::DocumentEntry;
use swabmesh_node::audit::Audit;
use swabmesh_node::clock;
use swabmesh_node::keys::Keys;
use swabmesh_protocol::fact::{Issued, Revoked};
use swabmesh_protocol::id::{CodeId, Lane, Person};
use swabmesh_protocol::person::PersonKey;
use swabmesh_protocol::text::Text;
use swabmesh_protocol::time::Wall;
use swabmesh_protocol::view::MemoryTables;

use crate::postgres::Postgres;
use crate::world::{AUTHORITY, DAY, MORNING_MS, SITES, World, registered, roles};

const HOUR_MS: u64 = 3_600_000;
const PHOTO: &[u8] = b"\x89PNG\r\n\x1a\n a page of the household register";

struct Office {
    registry: Registry,
    residents: Residents,
    links: Arc<Links>,
}

impl Office {
    fn open(place: &Path) -> Self {
        let registry = Registry::open(&place.join("registry"), 1).unwrap();
        let vault = Arc::new(Vault::new(Keys::at(place.join("secrets"))));
        let audit = Arc::new(Audit::open(&place.join("audit.log")).unwrap());
        let residents = Residents::new(registry.clone(), Arc::clone(&vault), audit);
        let evidence = place.join("evidence");
        std::fs::create_dir_all(&evidence).unwrap();
        let register = Register::of(&place.join("register.json"));
        let links = Links::new(registry.clone(), residents.clone(), vault, evidence, register);
        Self { registry, residents, links: Arc::new(links) }
    }

    async fn register(&self, number: u32, at: Wall) -> Person {
        let text = |text: String| Some(text);
        let entry = DocumentEntry {
            document: 2,
            number: text(format!("E1234567{number}")),
            name: text(format!("Nobody Else {number}")),
            phone: text("13800000000".to_owned()),
            ..DocumentEntry::default()
        };
        let (row, registered) = self.residents.judge(&PersonKey::new([9; 32]), &entry, at).unwrap();
        self.residents.register(vec![row]).await.unwrap();
        registered.person
    }

    fn knows(&self, person: Person) -> bool {
        let looked = self.residents.look(person, "a test", "whether it opens");
        !matches!(looked, Err(ResidentError::Unknown)) && looked.unwrap().name.expose().starts_with("Nobody Else")
    }

    async fn end(&self, before: u32, now: Wall, tables: &MemoryTables) -> OfficeReport {
        let retention = Retention::new(self.residents.clone(), Arc::clone(&self.links));
        retention.end(Day(before), now, |person| in_use(tables, person, Day(before), now)).await.unwrap()
    }

    fn close(self) {
        drop((self.residents, self.links));
        self.registry.close().unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to)
        } else {
            assert!(std::fs::copy(entry.path(), to).is_ok())
        }
    }
}

fn issue(world: &mut World, person: Person, code: u8, expires_at: u64) {
    let issued = Issued {
        person,
        kind: 0,
        code: CodeId([code; 8]),
        list: 1,
        index: u32::from(code),
        issued_at: Wall(MORNING_MS),
        expires_at: Wall(expires_at),
        guardian: None,
    };
    world.say(AUTHORITY, Lane::PRIVATE.0, issued);
}

#[tokio::test(flavor = "multi_thread")]
async fn residents_nobody_needs_are_gone_from_every_copy_and_whoever_is_needed_is_sealed_anew() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("office");
    let office = Office::open(&place);
    let yesterday = Wall(MORNING_MS - 24 * HOUR_MS);
    let mut people = Vec::new();
    for number in 1..=5 {
        people.push(office.register(number, yesterday).await);
    }
    let (idle, holder, revoked, expired, swabbed) = (people[0], people[1], people[2], people[3], people[4]);
    let fresh = office.register(6, Wall(MORNING_MS)).await;

    let mut world = World::default();
    let later = MORNING_MS + 20 * 24 * HOUR_MS;
    for (person, code, expires_at) in [(holder, 1, later), (revoked, 2, later), (expired, 3, MORNING_MS + 1)] {
        issue(&mut world, person, code, expires_at);
    }
    let lost = Revoked { code: CodeId([2; 8]), person: revoked, reason: Text::new("lost").unwrap() };
    world.say(AUTHORITY, Lane::PRIVATE.0, lost);
    world.open(SITES[0], "T1", 10);
    world.say(SITES[0].0, SITES[0].1, registered(swabbed, "T1"));
    let (tables, now) = (world.tables(), Wall(MORNING_MS + 10 * HOUR_MS));

    let before = office.end(DAY - 1, now, &tables).await;
    assert_eq!(
        (before.residents_removed, before.residents_left, before.keys.len()),
        (0, 6, 0),
        "nobody's time is over"
    );
    office.close();
    // A backup of the files, without the keys of days, as the operations ask for.
    let backup = dir.path().join("backup");
    copy(&place, &backup);
    std::fs::remove_dir_all(backup.join("secrets")).unwrap();

    let office = Office::open(&place);
    let report = office.end(DAY, now, &tables).await;
    assert_eq!((report.residents_removed, report.residents_sealed_anew, report.residents_left), (3, 2, 1));
    assert_eq!(report.keys.iter().map(|key| key.day.clone().unwrap()).collect::<Vec<_>>(), ["2022-04-08"]);
    assert_eq!(report.kept, ["2022-04-09"]);
    assert_eq!(
        (report.sealed, report.tried, report.opened),
        (5, 5, 0),
        "the journal holds them, and nothing opens them"
    );
    let known = |office: &Office| people.iter().chain([&fresh]).map(|person| office.knows(*person)).collect::<Vec<_>>();
    assert_eq!(known(&office), [false, true, false, false, true, true], "{idle}");
    let again = office.end(DAY, now, &tables).await;
    assert_eq!((again.residents_removed, again.residents_sealed_anew, again.keys.len()), (0, 0, 0));
    // The index made again from the journal says the same.
    office.close();
    std::fs::remove_dir_all(place.join("registry/index")).unwrap();
    let office = Office::open(&place);
    assert_eq!(known(&office), [false, true, false, false, true, true]);
    office.close();
    // The backup with every key that is left opens nothing of that day, not even of those who are still needed.
    copy(&place.join("secrets"), &backup.join("secrets"));
    let office = Office::open(&backup);
    for person in &people {
        let looked = office.residents.look(*person, "a test", "whether it opens");
        assert!(matches!(looked, Err(ResidentError::Vault(_))), "{looked:?}");
    }
    assert!(office.knows(fresh));
    office.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn photographs_end_with_the_decision_and_one_that_waits_for_it_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let office = Office::open(dir.path());
    let (today, tables) = (clock::day(clock::wall()), MemoryTables::default());
    let guardian = office.register(1, clock::wall()).await;
    let mut links: Vec<Link> = Vec::new();
    for number in 2..=4 {
        let relative = office.register(number, clock::wall()).await;
        let application = Application {
            guardian,
            relative,
            relation: "mother".to_owned(),
            unable_to_apply: true,
            photo: Some(PHOTO.to_vec()),
        };
        links.push(office.links.apply(application).await.unwrap());
    }
    office.links.decide(links[0].link, State::Approved, "li", "seen").await.unwrap();
    office.links.decide(links[1].link, State::Refused, "li", "another family").await.unwrap();
    let photo = |at: usize| office.links.photo(links[at].link, "li", "a test");
    assert!((0..3).all(|at| photo(at).is_ok()));

    let tomorrow = Wall(Day(today + 1).start_ms() + HOUR_MS);
    let report = office.end(today + 1, tomorrow, &tables).await;
    assert_eq!((report.links_removed, report.photos_removed, report.photos_sealed_anew), (1, 2, 1));
    assert!(matches!(photo(0), Err(LinkError::Gone)));
    assert!(matches!(photo(1), Err(LinkError::Unknown)));
    assert_eq!(&**photo(2).unwrap(), PHOTO);
    let files = std::fs::read_dir(dir.path().join("evidence")).unwrap();
    assert_eq!(files.count(), 1);
    // Both sides of a link that stands or waits are still needed; who was refused is not.
    assert_eq!((report.residents_removed, report.residents_sealed_anew), (1, 3));
    assert!(office.knows(guardian) && !office.knows(links[1].relative));
    office.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_table_of_the_database_ever_holds_what_was_sealed() {
    let Some(postgres) = Postgres::start() else { return };
    let mut world = World::day();
    world.register(SITES[0], 50, "T1");
    let client = connect::open(&postgres.address()).await.unwrap();
    connect::prepare(&client, &[9; 32]).await.unwrap();
    let mut follower = Follower::new(Arc::new(world.tables()), Arc::new(roles()), client, "one".to_owned());
    follower.claim().await.unwrap();
    assert!(follower.catch_up().await.unwrap().entries > 0);
    // Every registration of the world carries 64 sealed bytes 07.
    let sealed = "07".repeat(64);
    let mut rows = 0;
    for shape in SHAPES {
        let all = format!("SELECT row_to_json(t)::text FROM {} t", shape.name);
        for row in follower.client().query(&all, &[]).await.unwrap() {
            rows += 1;
            let text: String = row.get(0);
            assert!(!text.contains(&sealed), "{}: {text}", shape.name);
        }
    }
    assert!(rows > 30, "{rows}");
}
