//! A few nodes that write about two tubes and a box, and gossip only in part.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use swabmesh_protocol::fact::{
    Amended, Corrected, Fact, Field, HandedOver, Moved, Opened, Outcome, Packed, Received, Registered, Remark,
    Reopened, Reported, Reviewed, Route, Sealed, Stage, Subject, Voided,
};
use swabmesh_protocol::id::{Barcode, EntryId, FeedId, NodeKey, Person, SeqNo};
use swabmesh_protocol::text::Text;
use swabmesh_protocol::time::{Stamp, Wall};
use swabmesh_protocol::tube::summary::Summary;
use swabmesh_protocol::tube::{Document, DocumentFact};

/// Feeds in the world. The last two belong to one laboratory, restored once.
pub(crate) const FEEDS: usize = 5;

/// One thing that happens.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// Node `node` states something; `kind` and `pick` choose what.
    Says { node: usize, kind: u8, pick: u16 },
    /// Node `to` receives up to `count` further entries of `feed` that node `from` holds.
    Gossips { from: usize, to: usize, feed: usize, count: u64 },
}

pub(crate) fn event() -> impl Strategy<Value = Event> {
    let node = 0..FEEDS;
    prop_oneof![
        2 => (node.clone(), 0u8..16, any::<u16>()).prop_map(|(node, kind, pick)| Event::Says { node, kind, pick }),
        3 => (node.clone(), node.clone(), node, 1u64..6)
            .prop_map(|(from, to, feed, count)| Event::Gossips { from, to, feed, count }),
    ]
}

pub(crate) fn barcode(text: &str) -> Barcode {
    text.parse().unwrap()
}

pub(crate) fn tube(text: &str) -> Subject {
    Subject::Tube(barcode(text))
}

/// The documents of the world.
pub(crate) fn subjects() -> [Subject; 3] {
    [tube("T-1"), tube("T-2"), Subject::Box(barcode("BOX-1"))]
}

pub(crate) fn feed(of: usize) -> FeedId {
    FeedId([u8::try_from(of).unwrap() + 1; 16])
}

pub(crate) fn writer(of: usize) -> NodeKey {
    NodeKey([u8::try_from(of.min(FEEDS - 2)).unwrap() + 1; 32])
}

pub(crate) fn entry(of: usize, seq: u64) -> EntryId {
    EntryId { feed: feed(of), seq: SeqNo(seq) }
}

pub(crate) fn registered(tube: &str, person: u8) -> Registered {
    Registered {
        tube: barcode(tube),
        person: Person([person; 16]),
        route: Route::Static,
        document: 1,
        last_four: Text::new("002X").unwrap(),
        name: Text::new("张*三").unwrap(),
        operator: Text::new("op").unwrap(),
        warnings: 0,
        code: None,
        guardian: None,
        reason: None,
        details: None,
        seen: None,
    }
}

/// How far each feed has come, at one node.
pub(crate) type Heights = [u64; FEEDS];

/// All logs, and how far each node holds them.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) log: BTreeMap<EntryId, DocumentFact>,
    pub(crate) held: [Heights; FEEDS],
    clock: u64,
}

pub(crate) fn is_held(heights: &Heights, id: EntryId) -> bool {
    (0..FEEDS).any(|of| feed(of) == id.feed && id.seq.0 <= heights[of])
}

impl World {
    pub(crate) fn after(events: &[Event]) -> Self {
        let mut world = Self::default();
        events.iter().for_each(|event| world.happen(event));
        world
    }

    fn happen(&mut self, event: &Event) {
        match *event {
            Event::Gossips { from, to, feed, count } => {
                let known = self.held[from][feed];
                let at = &mut self.held[to][feed];
                *at = known.min(*at + count).max(*at);
            }
            Event::Says { node, kind, pick } => {
                let fact = self.fact(node, kind, pick);
                self.say(node, fact);
            }
        }
    }

    pub(crate) fn say(&mut self, node: usize, fact: impl Into<Fact>) -> EntryId {
        self.clock += 1_000;
        let id = entry(node, self.held[node][node] + 1);
        let stamp = Stamp::default().next(Wall(self.clock));
        self.log.insert(id, DocumentFact { id, writer: writer(node), stamp, fact: fact.into() });
        self.held[node][node] = id.seq.0;
        id
    }

    pub(crate) fn facts_at(&self, heights: &Heights) -> Vec<DocumentFact> {
        self.log.values().filter(|said| is_held(heights, said.id)).cloned().collect()
    }

    pub(crate) fn everything(&self) -> Heights {
        std::array::from_fn(|of| self.held[of][of])
    }

    pub(crate) fn summary_at(&self, subject: &Subject, heights: &Heights) -> Summary {
        Summary::of(subject, &self.facts_at(heights), &|id| is_held(heights, id))
    }

    pub(crate) fn document_at(&self, subject: &Subject, heights: &Heights) -> Document {
        Document::build(subject.clone(), self.facts_at(heights), &|id| is_held(heights, id))
    }

    pub(crate) fn seen(&self, node: usize, of: &[Subject]) -> Option<Vec<EntryId>> {
        let next = |subject| self.summary_at(subject, &self.held[node]).next_seen(feed(node));
        let seen: BTreeSet<EntryId> = of.iter().flat_map(next).collect();
        (!seen.is_empty()).then(|| seen.into_iter().collect())
    }

    /// A registration the node knows, or one nobody ever made.
    fn registration(&self, node: usize, pick: u16) -> EntryId {
        let facts = self.facts_at(&self.held[node]);
        let known: Vec<EntryId> =
            facts.iter().filter(|said| matches!(said.fact, Fact::Registered(_))).map(|said| said.id).collect();
        known.get(usize::from(pick) % (known.len() + 1)).copied().unwrap_or(entry(0, 99_999))
    }

    fn fact(&self, node: usize, kind: u8, pick: u16) -> Fact {
        let [this, other, transport] = subjects();
        let in_this = !pick.is_multiple_of(4);
        let (subject, name) = if in_this { (this.clone(), "T-1") } else { (other.clone(), "T-2") };
        let tube = barcode(name);
        let seen = self.seen(node, std::slice::from_ref(&subject));
        let operator = Text::new(format!("op{node}")).unwrap();
        let reason = Remark::new("because").unwrap();
        let small = u8::try_from(pick % 23).unwrap();
        let registration = self.registration(node, pick / 4);
        let outcome = [Outcome::Negative, Outcome::Positive, Outcome::Invalid][usize::from(pick % 3)];
        match kind {
            0 => Opened { tube, pool: small, operator, seen }.into(),
            1..=5 => Registered { operator, seen, ..registered(name, small) }.into(),
            6 => Voided { tube, registration, reason, operator, seen }.into(),
            7 => {
                let value = Text::new(pick.to_string()).unwrap();
                Amended { tube, registration, field: Field::Name, value, reason, operator, seen }.into()
            }
            8 | 9 => {
                let ends = [barcode("T-1"), barcode("T-2")];
                let [from, to] = if in_this { ends } else { [ends[1].clone(), ends[0].clone()] };
                let seen = self.seen(node, &[this, other]);
                Moved { registrations: vec![registration, registration], from, to, reason, operator, seen }.into()
            }
            10 if pick.is_multiple_of(3) => Reopened { tube, reason, operator, seen }.into(),
            10 => Sealed { tube, count: small, operator, seen }.into(),
            11 => {
                let seen = self.seen(node, &[subject, transport]);
                Packed { tube, transport: barcode("BOX-1"), operator, seen }.into()
            }
            12 => {
                let seen = self.seen(node, std::slice::from_ref(&transport));
                HandedOver {
                    transport: barcode("BOX-1"),
                    to: Text::new("courier").unwrap(),
                    count: pick,
                    operator,
                    seen,
                }
                .into()
            }
            13 if in_this => Reported { tube, outcome, stage: Stage::Final, operator, seen }.into(),
            13 => Corrected { tube, outcome, reason, operator, seen }.into(),
            14 => Received { subject, count: 1, operator, seen }.into(),
            _ => {
                let registers = [
                    ("seal".to_owned(), "7"),
                    ("open".to_owned(), "10"),
                    ("result".to_owned(), "negative final"),
                    (format!("result/{}", writer(3)), "positive corrected"),
                    (format!("void/{registration}"), ""),
                    (format!("moved/{registration}"), "T-2>T-1"),
                    (format!("reg/{registration}"), "nonsense"),
                    ("seal".to_owned(), "nonsense"),
                ];
                let (register, value) = &registers[usize::from(pick / 4) % registers.len()];
                let (register, value) = (Text::new(register.as_str()).unwrap(), Text::new(*value).unwrap());
                Reviewed { subject, register, value, reason, operator, seen }.into()
            }
        }
    }

    /// Feeds a replica with everything, each feed in its order, interleaved and batched as `choices` say.
    pub(crate) fn replica(&self, subject: &Subject, choices: &[u8]) -> Document {
        let end = self.everything();
        let mut at = Heights::default();
        let mut document = Document::build(subject.clone(), Vec::new(), &|_| false);
        let mut choices = choices.iter().copied().cycle();
        while at != end {
            let choice = usize::from(choices.next().unwrap_or(0));
            let batch = choices.next().unwrap_or(0) % 4;
            let mut new = Vec::new();
            for turn in 0..=usize::from(batch) {
                let open: Vec<usize> = (0..FEEDS).filter(|of| at[*of] < end[*of]).collect();
                let Some(&of) = open.get((choice + turn) % open.len().max(1)) else { break };
                at[of] += 1;
                new.push(self.log[&entry(of, at[of])].clone());
            }
            document.apply(new, &|id| is_held(&at, id));
        }
        document
    }
}
