//! A healed city agrees: equal frontier roots over common lanes, equal heads of every document.
//!
//! Feeds of hostile nodes are left out of both: their writers tell each neighbour another history. Of a withdrawn
//! node counts what stands.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use swabmesh_protocol::fact::Subject;
use swabmesh_protocol::frontier::{Frontier, Head, Lanes};
use swabmesh_protocol::id::{EntryId, FeedId, Hash, Lane, NodeKey, SeqNo};
use swabmesh_protocol::project;
use swabmesh_protocol::tube::{Document, DocumentFact, Health};
use swabmesh_protocol::view::ViewError;

use crate::disk::Disk;

/// Its name in reports.
pub const RULE: &str = "healed-nodes-agree";

/// The frontier of a disk's tables, without the feeds of some writers. A feed of two histories ends where they part,
/// and each goes on under a name of its own.
///
/// # Errors
/// [`ViewError`]: the tables cannot be read.
pub fn frontier(disk: &Disk, without: &BTreeSet<NodeKey>) -> Result<Frontier, ViewError> {
    let mut frontier = Frontier::default();
    for (name, record) in project::quarantine::named_heads(disk.tables())? {
        if without.contains(&record.header.writer) {
            continue;
        }
        let head = Head {
            header: record.header,
            seq: record.height,
            hash: record.head,
            stamp: record.stamp,
            signature: [0; 64],
            arrival: record.arrival,
        };
        frontier.set_as(name, head);
    }
    Ok(frontier)
}

/// What a disk holds of some lanes' feeds and documents.
#[derive(Debug)]
pub struct Held {
    frontier: Frontier,
    /// The last entry of each feed that the authority let go of.
    let_go: BTreeMap<FeedId, SeqNo>,
    /// The documents that facts of a lane are in.
    subjects: BTreeMap<Lane, BTreeSet<Subject>>,
}

impl Held {
    /// Reads a disk's tables.
    ///
    /// # Errors
    /// [`ViewError`]: the tables cannot be read.
    pub fn read(disk: &Disk, without: &BTreeSet<NodeKey>) -> Result<Self, ViewError> {
        let frontier = frontier(disk, without)?;
        let past = |feed: &FeedId| Ok((*feed, project::let_go(disk.tables(), feed)?));
        let let_go = frontier.heads().map(|(feed, _)| past(feed)).collect::<Result<_, ViewError>>()?;
        let mut subjects: BTreeMap<Lane, BTreeSet<Subject>> = BTreeMap::new();
        for (subject, feed) in project::speakers(disk.tables())? {
            if let Some(head) = frontier.get(&feed) {
                subjects.entry(head.header.lane).or_default().insert(subject);
            }
        }
        Ok(Self { frontier, let_go, subjects })
    }

    /// Entries that the authority let go of.
    #[must_use]
    pub fn let_go(&self) -> u64 {
        self.let_go.values().map(|past| past.0).sum()
    }

    /// The root over some lanes.
    #[must_use]
    pub fn root(&self, lanes: &Lanes) -> Hash {
        self.frontier.root(lanes)
    }

    /// The first feed of some lanes that this and another end at different entries.
    #[must_use]
    pub fn differing(&self, authority: &Self, lanes: &Lanes) -> String {
        let both = authority.frontier.heads().chain(self.frontier.heads());
        let feeds = both.filter(|(_, head)| lanes.contains(head.header.lane));
        let seq = |held: &Self, feed| held.frontier.get(feed).map_or(0, |head| head.seq.0);
        let differ = feeds.map(|(feed, _)| (feed, seq(self, feed), seq(authority, feed)));
        differ.into_iter().find(|(_, own, held)| own != held).map_or_else(
            || "a feed has two histories".to_owned(),
            |(feed, own, held)| format!("feed {feed} ends at {own}, at the authority at {held}"),
        )
    }

    /// Every document over the facts of some lanes.
    ///
    /// `known` are those of a node that holds the same of these lanes: what it derived from the same facts is not derived
    /// again, as a document follows from its facts and from what is held.
    ///
    /// # Errors
    /// [`ViewError`]: the tables cannot be read.
    pub fn documents(
        &self,
        disk: &Disk,
        lanes: &Lanes,
        known: &BTreeMap<Subject, Derived>,
    ) -> Result<BTreeMap<Subject, Derived>, ViewError> {
        let held = |id: EntryId| {
            let head = self.frontier.get(&id.feed).filter(|head| lanes.contains(head.header.lane));
            head.is_some_and(|head| head.seq >= id.seq)
        };
        let of_lanes = self.subjects.iter().filter(|(lane, _)| lanes.contains(**lane));
        let subjects: BTreeSet<&Subject> = of_lanes.flat_map(|(_, subjects)| subjects).collect();
        let mut documents = BTreeMap::new();
        for subject in subjects {
            let facts = project::document_facts(disk.tables(), subject)?;
            // The authority alone keeps what it let go of.
            let is_kept = |fact: &DocumentFact| self.let_go.get(&fact.id.feed).is_none_or(|past| fact.id.seq > *past);
            let facts: Vec<DocumentFact> = facts.into_iter().filter(|fact| held(fact.id) && is_kept(fact)).collect();
            if facts.is_empty() {
                continue;
            }
            let from = digest(&facts);
            let known = known.get(subject).filter(|known| known.from == from);
            let derived = known.copied().unwrap_or_else(|| {
                let document = Document::build(subject.clone(), facts, &held);
                Derived { from, heads: (document.health() == Health::Whole).then(|| document.heads_digest()) }
            });
            documents.insert(subject.clone(), derived);
        }
        Ok(documents)
    }
}

/// A document: the digest of the facts that it was derived from, and of its heads unless it was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Derived {
    from: Hash,
    heads: Option<Hash>,
}

impl Derived {
    /// Whether both came to the same heads.
    #[must_use]
    pub fn agrees(&self, other: &Self) -> bool {
        self.heads == other.heads
    }
}

fn digest(facts: &[DocumentFact]) -> Hash {
    let mut hash = Sha256::new();
    for DocumentFact { id, writer, stamp, fact } in facts {
        hash.update(id.feed.0);
        hash.update(id.seq.0.to_be_bytes());
        hash.update(writer.0);
        hash.update(stamp.0.to_be_bytes());
        let bytes = fact.to_bytes();
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    }
    Hash(hash.finalize().into())
}

/// What the authority's disk holds of each lane: enough to see quickly that a node is still behind.
#[derive(Debug, Default)]
pub struct Heights(BTreeMap<Lane, Vec<(FeedId, SeqNo)>>);

impl Heights {
    /// Reads a disk.
    #[must_use]
    pub fn of(disk: &Disk, without: &BTreeSet<FeedId>) -> Self {
        let mut lanes: BTreeMap<Lane, Vec<(FeedId, SeqNo)>> = BTreeMap::new();
        for (feed, lane, seq) in disk.heights().filter(|(feed, ..)| !without.contains(feed)) {
            lanes.entry(lane).or_default().push((feed, seq));
        }
        Self(lanes)
    }

    /// A feed of some lanes that a disk does not hold as far.
    #[must_use]
    pub fn lacking(&self, disk: &Disk, lanes: &Lanes) -> Option<String> {
        let behind = |(feed, seq): &&(FeedId, SeqNo)| disk.height(feed) < *seq;
        let mut feeds = match lanes {
            Lanes::All => feeds_of(self.0.iter().filter(|(lane, _)| lanes.contains(**lane)).map(|(_, feeds)| feeds)),
            Lanes::Of(lanes) => feeds_of(lanes.iter().filter_map(|lane| self.0.get(lane))),
        };
        let (feed, seq) = feeds.find(behind)?;
        Some(format!("feed {feed} ends at {}, at the authority at {}", disk.height(feed).0, seq.0))
    }
}

fn feeds_of<'a>(
    lanes: impl Iterator<Item = &'a Vec<(FeedId, SeqNo)>> + 'a,
) -> Box<dyn Iterator<Item = &'a (FeedId, SeqNo)> + 'a> {
    Box::new(lanes.flatten())
}
