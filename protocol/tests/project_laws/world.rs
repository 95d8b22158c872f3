//! A handful of nodes that say anything, and replicas that hear it in any order.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what the tests build is what they expect")]

use ed25519_dalek::SigningKey;
use minicbor::bytes::ByteVec;
use proptest::prelude::*;
use proptest::sample::Index;
use swabmesh_protocol::chunk::OpenedChunk;
use swabmesh_protocol::entry::node_key;
use swabmesh_protocol::fact::*;
use swabmesh_protocol::id::{Barcode, CodeId, EntryId, Epoch, FeedHeader, FeedId, Hash, Lane, NodeKey, Person, SeqNo};
use swabmesh_protocol::io::Arrival;
use swabmesh_protocol::project::{self, HeadRecord, Placed, Projected, Rules, bases_before, head};
use swabmesh_protocol::text::Text;
use swabmesh_protocol::time::{Stamp, Wall};
use swabmesh_protocol::view::{Batch, MemoryTables, Row, Table, View};

/// 8 April 2022, 16:00 UTC.
pub(crate) const MORNING: u64 = 1_649_433_600_000;
pub(crate) const MINUTE: u64 = 60_000;
pub(crate) const WINDOW_MS: u64 = 60 * MINUTE;

pub(crate) const AUTHORITY: usize = 0;
pub(crate) const REGISTRY: usize = 1;
pub(crate) const SITE: usize = 2;
pub(crate) const SITE_AGAIN: usize = 3;
pub(crate) const OTHER_SITE: usize = 4;
pub(crate) const LAB: usize = 5;
pub(crate) const OTHER_LAB: usize = 6;
pub(crate) const STRANGER: usize = 7;
pub(crate) const REGISTRY_AGAIN: usize = 8;
pub(crate) const FEEDS: usize = 9;

pub(crate) fn signing_key(feed: usize) -> SigningKey {
    let node = match feed {
        AUTHORITY | REGISTRY | REGISTRY_AGAIN => 1,
        SITE | SITE_AGAIN => 2,
        other => u8::try_from(other).unwrap(),
    };
    SigningKey::from_bytes(&[node; 32])
}

pub(crate) fn header(feed: usize) -> FeedHeader {
    let lane = if matches!(feed, REGISTRY | REGISTRY_AGAIN) { Lane::PRIVATE } else { Lane(3) };
    FeedHeader { writer: node_key(&signing_key(feed)), epoch: Epoch(feed as u64), lane }
}

pub(crate) fn feed(feed: usize) -> FeedId {
    header(feed).id()
}

pub(crate) fn entry_of(of: usize, seq: u64) -> EntryId {
    EntryId { feed: feed(of), seq: SeqNo(seq) }
}

pub(crate) fn role_of(writer: &NodeKey) -> Option<Role> {
    let is = |feed: usize| header(feed).writer == *writer;
    match () {
        () if is(AUTHORITY) => Some(Role::Authority),
        () if is(SITE) || is(OTHER_SITE) => Some(Role::Site),
        () if is(LAB) || is(OTHER_LAB) => Some(Role::Lab),
        () => None,
    }
}

pub(crate) fn person(person: u8) -> Person {
    Person([person; 16])
}

pub(crate) fn tube(tube: u8) -> Barcode {
    format!("TUBE-{tube}").parse().unwrap()
}

pub(crate) fn text<const MAX: usize>(text: &str) -> Text<MAX> {
    Text::new(text).unwrap()
}

pub(crate) fn registered(person_: u8, tube_: u8) -> Registered {
    Registered {
        tube: tube(tube_),
        person: person(person_),
        route: Route::Static,
        document: 1,
        last_four: text("002X"),
        name: text("张*"),
        operator: text("desk 1"),
        warnings: 0,
        code: None,
        guardian: None,
        reason: None,
        details: None,
        seen: None,
    }
}

/// One feed while it is written.
pub(crate) struct Writer {
    of: usize,
    pub(crate) stamp: Stamp,
    head: (SeqNo, Hash),
    facts: Vec<(Stamp, Vec<u8>)>,
    pub(crate) chunks: Vec<OpenedChunk>,
}

impl Writer {
    pub(crate) fn new(of: usize) -> Self {
        let head = (SeqNo(0), Hash::ZERO);
        Self { of, stamp: Stamp::default(), head, facts: Vec::new(), chunks: Vec::new() }
    }

    pub(crate) fn say_bytes(&mut self, at_ms: u64, fact: Vec<u8>) -> EntryId {
        self.stamp = self.stamp.next(Wall(at_ms));
        self.facts.push((self.stamp, fact));
        entry_of(self.of, self.head.0.0 + self.facts.len() as u64)
    }

    pub(crate) fn say(&mut self, at_ms: u64, fact: impl Into<Fact>) -> EntryId {
        self.say_bytes(at_ms, fact.into().to_bytes())
    }

    pub(crate) fn close(&mut self) {
        if !self.facts.is_empty() {
            let facts = std::mem::take(&mut self.facts);
            let chunk = OpenedChunk::write(&signing_key(self.of), header(self.of), self.head, facts);
            self.head = (chunk.checkpoint.seq, chunk.checkpoint.head);
            self.chunks.push(chunk);
        }
    }

    /// Says one thing in a chunk of its own.
    pub(crate) fn chunk(&mut self, at_ms: u64, fact: impl Into<Fact>) -> OpenedChunk {
        self.say(at_ms, fact);
        self.close();
        self.chunks.last().unwrap().clone()
    }
}

/// A replica: tables, and the count of chunks it heard.
#[derive(Default, Clone)]
pub(crate) struct Replica {
    pub(crate) tables: MemoryTables,
    pub(crate) arrival: Arrival,
}

impl Replica {
    /// Hears a chunk, committing whenever a batch has `keys_max` keys.
    pub(crate) fn hear_in_parts(&mut self, chunk: &OpenedChunk, keys_max: usize) -> Projected {
        self.arrival.0 += 1;
        loop {
            let projected = step(&mut self.tables, chunk, self.arrival, keys_max);
            if !matches!(projected.placed, Placed::Partly { .. }) {
                return projected;
            }
        }
    }

    pub(crate) fn hear(&mut self, chunk: &OpenedChunk) -> Projected {
        self.hear_in_parts(chunk, usize::MAX)
    }
}

/// Applies a chunk, or the first part of it, and commits.
pub(crate) fn step(tables: &mut MemoryTables, chunk: &OpenedChunk, arrival: Arrival, keys_max: usize) -> Projected {
    let rules = Rules { window_ms: WINDOW_MS, role_of: &role_of, keys_max, prunes: true };
    let mut batch = Batch::new(tables);
    let projected = project::apply(&mut batch, chunk, arrival, &rules).unwrap();
    let writes = batch.into_writes();
    tables.apply(writes);
    projected
}

pub(crate) fn rows(tables: &MemoryTables, table: Table) -> Vec<Row> {
    tables.scan(table, &[], &[0xff; 128], usize::MAX).unwrap()
}

/// Everything that must not depend on the order of arrival.
pub(crate) fn contents(tables: &MemoryTables) -> Vec<(Table, Vec<Row>)> {
    let mut heads = project::heads(tables).unwrap();
    heads.iter_mut().for_each(|head| head.arrival = Arrival(0));
    let heads = heads.iter().map(|head| (head.header.id().0.to_vec(), minicbor::to_vec(head).unwrap())).collect();
    let independent = Table::ALL.into_iter().filter(|table| !matches!(table, Table::Heads | Table::Meta));
    std::iter::once((Table::Heads, heads)).chain(independent.map(|table| (table, rows(tables, table)))).collect()
}

/// The authority signs for everything heard, and lets go of what was said before a moment.
pub(crate) fn let_go(replica: &mut Replica, before_ms: u64) -> (OpenedChunk, OpenedChunk) {
    let before = Wall(before_ms);
    let marks = |record: HeadRecord| Mark { feed: record.header.id(), seq: record.height };
    let marks = project::heads(&replica.tables).unwrap().into_iter().map(marks).collect();
    let receipts = authority_says(replica, Receipt { marks });
    let of = |writer: &NodeKey| role_of(writer).is_some_and(|role| role != Role::Authority);
    let bases = bases_before(&replica.tables, before, of).unwrap();
    (receipts, authority_says(replica, Pruned { before, bases }))
}

fn authority_says(replica: &mut Replica, fact: impl Into<Fact>) -> OpenedChunk {
    let held = head(&replica.tables, &feed(AUTHORITY)).unwrap();
    let (after, stamp) = held.map_or(((SeqNo(0), Hash::ZERO), Stamp(0)), |held| ((held.height, held.head), held.stamp));
    let facts = [(stamp.next(Wall(MORNING)), fact.into().to_bytes())];
    let chunk = OpenedChunk::write(&signing_key(AUTHORITY), header(AUTHORITY), after, facts);
    assert_eq!(replica.hear(&chunk).placed, Placed::Applied);
    chunk
}

/// Everything but how the rest of a feed lies in pages, and what is told of entries that are here no more.
pub(crate) fn but_pages_and_pasts(replica: &Replica) -> Vec<(Table, Vec<Row>)> {
    let mut heads = project::heads(&replica.tables).unwrap();
    heads
        .iter_mut()
        .for_each(|head| (head.arrival, head.page_first, head.registered, head.role) = (Arrival(0), SeqNo(0), 0, None));
    let heads = heads.iter().map(|head| (head.header.id().0.to_vec(), minicbor::to_vec(head).unwrap())).collect();
    let others =
        contents(&replica.tables).into_iter().filter(|(table, _)| !matches!(table, Table::Pages | Table::Heads));
    std::iter::once((Table::Heads, heads)).chain(others).collect()
}

/// One thing some node says.
#[derive(Debug, Clone)]
pub(crate) struct Saying {
    feed: usize,
    kind: u8,
    at_ms: u64,
    person: u8,
    tube: u8,
    /// Another entry it speaks of, which need not exist.
    other: (usize, u64),
    seen: Vec<(usize, u64)>,
    choice: u8,
    /// Ends the chunk; the next one may begin at an earlier time.
    last: bool,
    clock_reset: bool,
}

pub(crate) fn sayings(count: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<Saying>> {
    let entry = || (0..FEEDS, 1..10u64);
    // Mostly what the writer may say; else most of it would be flagged and applied to nothing.
    let feed_and_kind = prop_oneof![
        8 => (prop::sample::select(vec![SITE, SITE_AGAIN, OTHER_SITE]), 0..8u8),
        4 => (prop::sample::select(vec![LAB, OTHER_LAB]), 8..11u8),
        3 => (Just(AUTHORITY), prop_oneof![5..8u8, Just(11), 11..16u8]),
        2 => (prop::sample::select(vec![REGISTRY, REGISTRY_AGAIN]), Just(14u8)),
        1 => (0..FEEDS, 0..16u8),
    ];
    let what = (feed_and_kind, 0..300u64, 0..3u8, 0..3u8);
    let saying = (what, entry(), prop::collection::vec(entry(), 0..4), 0..4u8, any::<bool>(), any::<bool>());
    let saying = saying.prop_map(|(((feed, kind), minute, person, tube), other, seen, choice, last, clock_reset)| {
        let at_ms = MORNING + minute * MINUTE;
        Saying { feed, kind, at_ms, person, tube, other, seen, choice, last, clock_reset }
    });
    prop::collection::vec(saying, count)
}

/// Registrations of one person at all sites within a few windows.
pub(crate) fn crowds() -> impl Strategy<Value = Vec<Saying>> {
    sayings(1..60).prop_map(|mut sayings| {
        for saying in &mut sayings {
            let site = matches!(saying.feed, SITE | SITE_AGAIN | OTHER_SITE);
            saying.feed = if site { saying.feed } else { OTHER_SITE };
            saying.kind = if saying.kind == 5 { 5 } else { 0 };
            saying.person = 0;
        }
        sayings
    })
}

impl Saying {
    fn fact(&self) -> Vec<u8> {
        let (operator, reason) = (text("desk 1"), text("reason"));
        let seen = Some(self.seen.iter().map(|(feed, seq)| entry_of(*feed, *seq)).collect());
        let registration = entry_of(self.other.0, self.other.1);
        let tube_ = tube(self.tube);
        let outcomes = [Outcome::Negative, Outcome::Positive, Outcome::Inconclusive, Outcome::Invalid];
        let outcome = outcomes[usize::from(self.choice)];
        let fact: Fact = match self.kind {
            0..=2 => {
                let reason = (self.choice == 0).then(|| text("twins"));
                Registered { reason, warnings: u8::from(self.choice == 1), ..registered(self.person, self.tube) }.into()
            }
            3 => Opened { tube: tube_, pool: 10, operator, seen }.into(),
            4 if self.choice == 0 => Reopened { tube: tube_, reason, operator, seen }.into(),
            4 => Sealed { tube: tube_, count: 1, operator, seen }.into(),
            5 | 6 => Voided { tube: tube_, registration, reason, operator, seen }.into(),
            7 => Moved { registrations: vec![registration], from: tube_, to: tube(9), reason, operator, seen }.into(),
            8 | 9 => Reported { tube: tube_, outcome, stage: Stage::Final, operator, seen }.into(),
            10 => Corrected { tube: tube_, outcome, reason, operator, seen }.into(),
            11 => {
                let names = ["open", "seal", "result", "void"];
                let mut register = names[usize::from(self.choice)].to_owned();
                if self.choice == 3 {
                    register = format!("void/{registration}");
                }
                let value = text(if self.person == 0 { "" } else { "x" });
                Reviewed { subject: Subject::Tube(tube_), register: text(&register), value, reason, operator, seen }
                    .into()
            }
            12 => {
                let revoked = if self.choice == 0 { Vec::new() } else { vec![u32::from(self.choice)] };
                Status { list: u32::from(self.tube), bits: 1_000, issued_at_s: self.at_ms / 1_000, set: revoked }.into()
            }
            13 => Receipt { marks: vec![Mark { feed: feed(self.other.0), seq: SeqNo(self.other.1) }] }.into(),
            14 if self.choice == 0 => {
                let code = CodeId([self.tube; 8]);
                Revoked { code, person: person(self.person), reason }.into()
            }
            14 => Issued {
                person: person(self.person),
                kind: self.choice,
                code: CodeId([self.tube; 8]),
                list: 1,
                index: u32::from(self.tube),
                issued_at: Wall(self.at_ms),
                expires_at: Wall(self.at_ms + WINDOW_MS),
                guardian: None,
            }
            .into(),
            15 if self.choice == 0 => return vec![0x82, self.person],
            15 if self.choice == 1 => Trust { list: ByteVec::from(vec![self.person]) }.into(),
            15 if self.choice == 2 => Policy { policy: ByteVec::from(vec![self.tube]) }.into(),
            _ => Enrolled { certificate: ByteVec::from(vec![self.tube; 200]) }.into(),
        };
        fact.to_bytes()
    }
}

/// The chunks of each feed, in its order.
pub(crate) fn written(sayings: &[Saying]) -> Vec<Vec<OpenedChunk>> {
    let mut writers: Vec<Writer> = (0..FEEDS).map(Writer::new).collect();
    for saying in sayings {
        let writer = &mut writers[saying.feed];
        writer.say_bytes(saying.at_ms, saying.fact());
        if saying.last {
            writer.close();
            if saying.clock_reset {
                writer.stamp = Stamp::default();
            }
        }
    }
    writers.iter_mut().for_each(Writer::close);
    writers.into_iter().map(|writer| writer.chunks).collect()
}

/// The chunks in an order that keeps each feed's own.
pub(crate) fn interleaved(feeds: &[Vec<OpenedChunk>], picks: &[Index]) -> Vec<OpenedChunk> {
    let mut ahead: Vec<_> = feeds.iter().map(|chunks| chunks.iter().peekable()).collect();
    let mut order = Vec::new();
    let mut picks = picks.iter().cycle();
    loop {
        ahead.retain_mut(|chunks| chunks.peek().is_some());
        if ahead.is_empty() {
            return order;
        }
        let pick = picks.next().unwrap().index(ahead.len());
        order.push(ahead[pick].next().unwrap().clone());
    }
}
