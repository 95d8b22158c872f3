//! A small city in memory: sites in two cells and two laboratories, and the tables of whoever heard them.

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use swabmesh_protocol::chunk::OpenedChunk;
use swabmesh_protocol::entry::node_key;
use swabmesh_protocol::fact::{
    Fact, Issued, Moved, Opened, Outcome, Packed, Registered, Reported, Reviewed, Role, Route, Sealed, Stage, Subject,
    Voided,
};
use swabmesh_protocol::id::{Barcode, CodeId, EntryId, Epoch, FeedHeader, Hash, Lane, NodeKey, Person, SeqNo};
use swabmesh_protocol::io::Arrival;
use swabmesh_protocol::project::{Rules, apply};
use swabmesh_protocol::text::Text;
use swabmesh_protocol::time::{Stamp, Wall};
use swabmesh_protocol::view::{Batch, MemoryTables};

/// A moment of 9 April 2022 in Shanghai, 08:00.
pub(crate) const MORNING_MS: u64 = 1_649_462_400_000;
/// The day of it, counted from 1970 in Asia/Shanghai.
pub(crate) const DAY: u32 = 19_091;

pub(crate) const SITES: [(u8, u16); 3] = [(1, 1), (2, 1), (3, 2)];
pub(crate) const LABS: [u8; 2] = [11, 12];
pub(crate) const AUTHORITY: u8 = 21;

pub(crate) fn key(node: u8) -> SigningKey {
    SigningKey::from_bytes(&[node; 32])
}

pub(crate) fn header(node: u8, lane: u16) -> FeedHeader {
    FeedHeader { writer: node_key(&key(node)), epoch: Epoch(1), lane: Lane(lane) }
}

pub(crate) fn roles() -> BTreeMap<NodeKey, Role> {
    let sites = SITES.iter().map(|(site, _)| (*site, Role::Site));
    let labs = LABS.iter().map(|lab| (*lab, Role::Lab));
    let all = sites.chain(labs).chain([(AUTHORITY, Role::Authority)]);
    all.map(|(node, role)| (node_key(&key(node)), role)).collect()
}

pub(crate) fn tube(text: &str) -> Barcode {
    text.parse().unwrap()
}

/// What was said, in order, and where each feed stands.
#[derive(Default)]
pub(crate) struct World {
    heads: BTreeMap<(u8, u16), (SeqNo, Hash)>,
    said: u64,
    pub(crate) chunks: Vec<OpenedChunk>,
}

impl World {
    pub(crate) fn say(&mut self, node: u8, lane: u16, fact: impl Into<Fact>) -> EntryId {
        self.said += 1;
        let after = self.heads.get(&(node, lane)).copied().unwrap_or((SeqNo(0), Hash::ZERO));
        let stamp = Stamp::default().next(Wall(MORNING_MS + self.said * 60_000));
        let chunk = OpenedChunk::write(&key(node), header(node, lane), after, [(stamp, fact.into().to_bytes())]);
        self.heads.insert((node, lane), (chunk.checkpoint.seq, chunk.checkpoint.head));
        let id = EntryId { feed: header(node, lane).id(), seq: chunk.checkpoint.seq };
        self.chunks.push(chunk);
        id
    }

    /// A head of a feed, as a fact names what it had seen.
    fn seen(&self, node: u8, lane: u16) -> Option<Vec<EntryId>> {
        let (seq, _) = self.heads.get(&(node, lane))?;
        Some(vec![EntryId { feed: header(node, lane).id(), seq: *seq }])
    }

    pub(crate) fn open(&mut self, (site, lane): (u8, u16), name: &str, pool: u8) {
        self.say(site, lane, Opened { tube: tube(name), pool, operator: Text::new("op1").unwrap(), seen: None });
    }

    pub(crate) fn register(&mut self, (site, lane): (u8, u16), person: u8, name: &str) -> EntryId {
        self.say(
            site,
            lane,
            Registered {
                route: Route::Static,
                document: 1,
                last_four: Text::new("002X").unwrap(),
                name: Text::new("张*三").unwrap(),
                operator: Text::new("op1").unwrap(),
                code: Some(CodeId([person; 8])),
                details: Some(vec![7; 64].into()),
                ..registered(Person([person; 16]), name)
            },
        )
    }

    pub(crate) fn seal_and_pack(&mut self, (site, lane): (u8, u16), name: &str, count: u8) {
        let operator = Text::new("op1").unwrap();
        self.say(site, lane, Sealed { tube: tube(name), count, operator: operator.clone(), seen: None });
        self.say(site, lane, Packed { tube: tube(name), transport: tube("BOX-1"), operator, seen: None });
    }

    pub(crate) fn report(&mut self, lab: u8, (site, lane): (u8, u16), name: &str, outcome: Outcome) {
        let seen = self.seen(site, lane);
        let (tube, operator) = (tube(name), Text::new("lab").unwrap());
        self.say(lab, lane, Reported { tube, outcome, stage: Stage::Final, operator, seen });
    }

    pub(crate) fn void(&mut self, (site, lane): (u8, u16), name: &str, registration: EntryId) {
        let reason = Text::new("wrong person").unwrap();
        self.say(site, lane, Voided { tube: tube(name), registration, reason, operator: Text::default(), seen: None });
    }

    pub(crate) fn relocate(&mut self, (site, lane): (u8, u16), registration: EntryId, from: &str, to: &str) {
        let (from, to, reason) = (tube(from), tube(to), Text::new("wrong tube").unwrap());
        let registrations = vec![registration];
        self.say(site, lane, Moved { registrations, from, to, reason, operator: Text::default(), seen: None });
    }

    pub(crate) fn review(&mut self, lane: u16, name: &str, value: &str) {
        let mut seen: Vec<EntryId> = Vec::new();
        for ((node, of), (seq, _)) in &self.heads {
            if *of == lane && *node != AUTHORITY {
                seen.push(EntryId { feed: header(*node, *of).id(), seq: *seq });
            }
        }
        seen.sort();
        let (subject, register) = (Subject::Tube(tube(name)), Text::new("result").unwrap());
        let (value, reason) = (Text::new(value).unwrap(), Text::new("third test").unwrap());
        self.say(
            AUTHORITY,
            lane,
            Reviewed { subject, register, value, reason, operator: Text::default(), seen: Some(seen) },
        );
    }

    pub(crate) fn issue(&mut self, person: u8) {
        let issued = Issued {
            person: Person([person; 16]),
            kind: 0,
            code: CodeId([person; 8]),
            list: 1,
            index: u32::from(person),
            issued_at: Wall(MORNING_MS),
            expires_at: Wall(MORNING_MS + 1),
            guardian: None,
        };
        self.say(AUTHORITY, Lane::PRIVATE.0, issued);
    }

    /// A day with everything that happens on one: pools, a move, a void, two laboratories that differ, a review.
    pub(crate) fn day() -> Self {
        let mut world = Self::default();
        let [one, two, three] = SITES;
        for (site, name, base) in [(one, "T1", 10), (two, "T2", 20), (three, "T3", 30)] {
            world.open(site, name, 10);
            for person in 0..5 {
                world.issue(base + person);
                world.register(site, base + person, name);
            }
        }
        let wrong = world.register(one, 40, "T1");
        world.void(one, "T1", wrong);
        world.open(one, "T4", 1);
        let moved = world.register(one, 41, "T1");
        world.relocate(one, moved, "T1", "T4");
        for (site, name) in [(one, "T1"), (two, "T2"), (three, "T3")] {
            world.seal_and_pack(site, name, 5);
        }
        world.report(LABS[0], one, "T1", Outcome::Negative);
        world.report(LABS[0], two, "T2", Outcome::Positive);
        world.report(LABS[0], three, "T3", Outcome::Negative);
        world.report(LABS[1], three, "T3", Outcome::Positive);
        world.review(2, "T3", "negative final");
        // Somebody who was in the tube all along.
        world.register(two, 42, "T2");
        world
    }

    /// The tables of a node that heard all of it.
    pub(crate) fn tables(&self) -> MemoryTables {
        hear(MemoryTables::default(), &self.chunks)
    }
}

/// Somebody in a tube, of whom nothing else is said: registered by a document of another kind.
pub(crate) fn registered(person: Person, name: &str) -> Registered {
    Registered {
        tube: tube(name),
        person,
        route: Route::Document,
        document: 9,
        last_four: Text::default(),
        name: Text::default(),
        operator: Text::default(),
        warnings: 0,
        code: None,
        guardian: None,
        reason: None,
        details: None,
        seen: None,
    }
}

/// Tables after these chunks.
pub(crate) fn hear(mut tables: MemoryTables, chunks: &[OpenedChunk]) -> MemoryTables {
    let roles = roles();
    let role_of = |writer: &NodeKey| roles.get(writer).copied();
    let rules = Rules { window_ms: 3_600_000, role_of: &role_of, keys_max: 64, prunes: false };
    for (arrival, chunk) in (1..).zip(chunks) {
        let mut batch = Batch::new(&tables);
        apply(&mut batch, chunk, Arrival(arrival), &rules).unwrap();
        let writes = batch.into_writes();
        tables.apply(writes);
    }
    tables
}
