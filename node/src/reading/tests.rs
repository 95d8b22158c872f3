use ed25519_dalek::SigningKey;
use swabmesh_protocol::chunk::OpenedChunk;
use swabmesh_protocol::entry::node_key;
use swabmesh_protocol::fact::{
    Fact, Moved, Opened, Outcome, Registered, Reported, Role, Route, Sealed, Stage, Subject, Voided,
};
use swabmesh_protocol::id::{Epoch, FeedHeader, Hash, Lane, NodeKey};
use swabmesh_protocol::io::Arrival;
use swabmesh_protocol::project::{Rules, apply};
use swabmesh_protocol::text::Text;
use swabmesh_protocol::time::Wall;
use swabmesh_protocol::view::{Batch, MemoryTables};

use super::*;

const SITE: u8 = 1;
const LAB: u8 = 2;

fn header(node: u8) -> FeedHeader {
    let writer = node_key(&SigningKey::from_bytes(&[node; 32]));
    FeedHeader { writer, epoch: Epoch(1), lane: Lane(3) }
}

fn barcode(text: &str) -> Barcode {
    text.parse().unwrap()
}

/// Chunks as two nodes wrote them, and the tables of whoever heard them.
#[derive(Default)]
struct World {
    tables: MemoryTables,
    heads: std::collections::BTreeMap<u8, (SeqNo, Hash)>,
    said: u64,
    chunks: Vec<OpenedChunk>,
}

impl World {
    fn say(&mut self, node: u8, fact: impl Into<Fact>) -> EntryId {
        self.said += 1;
        let after = self.heads.get(&node).copied().unwrap_or((SeqNo(0), Hash::ZERO));
        let stamp = Stamp::default().next(Wall(1_649_433_600_000 + self.said * 60_000));
        let key = SigningKey::from_bytes(&[node; 32]);
        let chunk = OpenedChunk::write(&key, header(node), after, [(stamp, fact.into().to_bytes())]);
        self.heads.insert(node, (chunk.checkpoint.seq, chunk.checkpoint.head));
        hear(&mut self.tables, &chunk, self.said);
        let id = EntryId { feed: header(node).id(), seq: chunk.checkpoint.seq };
        self.chunks.push(chunk);
        id
    }

    fn open(&mut self, tube: &str, pool: u8) {
        self.say(SITE, Opened { tube: barcode(tube), pool, operator: Text::default(), seen: None });
    }

    fn register(&mut self, person: u8, tube: &str) -> EntryId {
        self.say(
            SITE,
            Registered {
                tube: barcode(tube),
                person: Person([person; 16]),
                route: Route::Static,
                document: 1,
                last_four: Text::new("002X").unwrap(),
                name: Text::new("张*").unwrap(),
                operator: Text::default(),
                warnings: 0,
                code: None,
                guardian: None,
                reason: None,
                details: None,
                seen: None,
            },
        )
    }

    fn report(&mut self, tube: &str, outcome: Outcome) {
        let seen = Some(vec![EntryId { feed: header(SITE).id(), seq: SeqNo(1) }]);
        let (tube, operator) = (barcode(tube), Text::default());
        self.say(LAB, Reported { tube, outcome, stage: Stage::Final, operator, seen });
    }
}

fn hear(tables: &mut MemoryTables, chunk: &OpenedChunk, arrival: u64) {
    let role_of = |writer: &NodeKey| Some(if *writer == header(LAB).writer { Role::Lab } else { Role::Site });
    let rules = Rules { window_ms: 3_600_000, role_of: &role_of, keys_max: 64, prunes: true };
    let mut batch = Batch::new(tables);
    apply(&mut batch, chunk, Arrival(arrival), &rules).unwrap();
    let writes = batch.into_writes();
    tables.apply(writes);
}

#[test]
fn a_person_learns_their_own_results_and_follows_their_swab_to_another_tube() {
    let mut world = World::default();
    world.open("T1", 10);
    world.open("T2", 10);
    let mine = world.register(1, "T1");
    world.register(2, "T1");
    let (from, to) = (barcode("T1"), barcode("T2"));
    let reason = Text::new("wrong tube").unwrap();
    world.say(SITE, Moved { registrations: vec![mine], from, to, reason, operator: Text::default(), seen: None });
    world.report("T2", Outcome::Negative);
    let results = results_of(&world.tables, &Person([1; 16])).unwrap();
    assert_eq!(results.len(), 1);
    assert_eq!((results[0].tube.as_str(), results[0].registration), ("T2", mine));
    assert_eq!(results[0].result.unwrap().outcome, Outcome::Negative);
    let other = results_of(&world.tables, &Person([2; 16])).unwrap();
    assert_eq!((other[0].tube.as_str(), other[0].result), ("T1", None));
    assert_eq!(results_of(&world.tables, &Person([3; 16])).unwrap(), []);
}

#[test]
fn a_positive_pool_recalls_everyone_in_it_and_nobody_who_was_voided() {
    let mut world = World::default();
    world.open("T1", 10);
    world.register(1, "T1");
    let void = world.register(2, "T1");
    let (tube, reason) = (barcode("T1"), Text::new("left").unwrap());
    world.say(SITE, Voided { tube, registration: void, reason, operator: Text::default(), seen: None });
    world.say(SITE, Sealed { tube: barcode("T1"), count: 1, operator: Text::default(), seen: None });
    world.report("T1", Outcome::Positive);
    let list = recall(&world.tables, &barcode("T1")).unwrap().unwrap();
    assert_eq!(list.people.len(), 1);
    assert_eq!(list.people[0].last_four.as_deref(), Some("002X"));
    assert!(results_of(&world.tables, &Person([1; 16])).unwrap()[0].retest);

    world.open("T9", 1);
    world.register(1, "T9");
    world.report("T9", Outcome::Negative);
    let list = recall(&world.tables, &barcode("T1")).unwrap().unwrap();
    assert_eq!(list.people[0].recall.retest, Retest::Cleared { tube: barcode("T9") });
    assert_eq!(recall(&world.tables, &barcode("T404")).unwrap(), None);
}

#[test]
fn tubes_and_own_registrations_are_listed_a_page_at_a_time() {
    let mut world = World::default();
    for tube in ["T3", "T1", "T2"] {
        world.open(tube, 1);
    }
    let first = world.register(1, "T3");
    let second = world.register(2, "T1");
    let page = |after, limit| {
        let lines = tubes(&world.tables, after, limit).unwrap();
        lines.iter().map(|line| (line.tube.to_string(), line.count)).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 2), [("T1".to_owned(), 1), ("T2".to_owned(), 0)]);
    assert_eq!(page(Some(barcode("T2")), 2), [("T3".to_owned(), 1)]);
    let newest = registrations(&world.tables, header(SITE).id(), SeqNo(0), 9).unwrap();
    assert_eq!(newest.iter().map(|line| line.registration).collect::<Vec<_>>(), [second, first]);
    assert_eq!(registrations(&world.tables, header(SITE).id(), SeqNo(0), 1).unwrap().len(), 1);
    assert_eq!(registrations(&world.tables, header(LAB).id(), SeqNo(0), 1).unwrap(), []);
}

#[test]
fn two_nodes_agree_on_the_digest_when_and_only_when_they_hold_the_same() {
    let mut world = World::default();
    world.open("T1", 10);
    world.register(1, "T1");
    world.report("T1", Outcome::Negative);
    let mut other = MemoryTables::default();
    let lab_first = [2, 0, 1];
    for (arrival, index) in lab_first.into_iter().enumerate() {
        let (own, theirs) = (heads(&world.tables).unwrap(), heads(&other).unwrap());
        assert_ne!(own.digest, theirs.digest, "after {arrival} chunks");
        hear(&mut other, &world.chunks[index], arrival as u64 + 1);
    }
    assert_eq!(heads(&world.tables).unwrap(), heads(&other).unwrap());
    assert_eq!(heads(&other).unwrap().each[0].subject, Subject::Tube(barcode("T1")));
    assert_eq!((heads(&other).unwrap().documents, heads(&other).unwrap().held_back), (1, 0));
}
