//! A simulated disk: a journal that is synced in groups, and an index behind it that a power cut sets back.
//!
//! What was answered is never lost. A sync that a power cut interrupts keeps any part of its group, from the
//! front; the index falls back to any state since its last checkpoint.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ed25519_dalek::VerifyingKey;
use swabmesh_protocol::certificate::Certificate;
use swabmesh_protocol::chunk::{OpenedChunk, SealedChunk};
use swabmesh_protocol::fact::Fact;
use swabmesh_protocol::id::{FeedHeader, FeedId, FeedShort, Lane, NodeKey, SeqNo};
use swabmesh_protocol::io::{Arrival, RequestId};
use swabmesh_protocol::project::{self, Placed, Projected, Rules};
use swabmesh_protocol::restore;
use swabmesh_protocol::view::{Batch, MemoryTables, View, ViewError, Write};

use crate::chance::Chance;
use crate::scenario::Scenario;

pub mod histories;

use histories::Histories;

/// Keys of one batch of the index. Source: design §6.
pub const BATCH_KEYS_MAX: usize = 64;

/// A feed and its last entry on a disk.
type Height = (FeedHeader, SeqNo);

/// A frame of the journal.
#[derive(Debug, Clone)]
struct Stored {
    arrival: Arrival,
    own: bool,
    /// Of a chunk: its feed and last number.
    last: Option<(FeedId, SeqNo)>,
    bytes: Vec<u8>,
}

/// The entries of a chunk that the core verified before it wrote it.
pub fn opened(chunk: &[u8]) -> Option<OpenedChunk> {
    SealedChunk::parse(chunk.to_vec()).and_then(|chunk| chunk.reopen()).ok()
}

/// What a chunk says about itself.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Whose feed.
    pub header: FeedHeader,
    /// That feed's name.
    pub feed: FeedId,
    /// Its first entry.
    pub first: SeqNo,
    /// Its last.
    pub last: SeqNo,
}

/// A frame on its way there. Certificates have no request: nobody waits for them.
#[derive(Debug)]
pub struct Pending {
    request: Option<RequestId>,
    own: bool,
    span: Option<Span>,
    bytes: Vec<u8>,
}

impl Pending {
    /// A frame that this node wrote or not, and what its answer goes to.
    #[must_use]
    pub fn new(request: Option<RequestId>, own: bool, bytes: Vec<u8>) -> Self {
        let span = SealedChunk::parse(bytes.clone()).ok().map(|chunk| Span {
            header: *chunk.header(),
            feed: chunk.header().id(),
            first: chunk.first(),
            last: chunk.last(),
        });
        Self { request, own, span, bytes }
    }

    /// What it says about itself, if it is a chunk.
    #[must_use]
    pub const fn span(&self) -> Option<Span> {
        self.span
    }

    /// The frame.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// What a sync came to for one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// What it goes to, if anybody waits for it.
    pub request: Option<RequestId>,
    /// Its place in the arrival order; `None` if it found no room.
    pub arrival: Option<Arrival>,
    /// Of a chunk that found room: its feed, who writes that, and up to where this disk holds it now.
    pub feed: Option<(FeedId, NodeKey, SeqNo)>,
}

/// What one batch of the index came to.
#[derive(Debug)]
pub struct Indexed {
    /// The last frame that is whole in the tables.
    pub through: Arrival,
    /// How many chunks' entries were applied, and what was found in them.
    pub projected: Vec<Projected>,
}

/// One node's disk.
#[derive(Debug, Default)]
pub struct Disk {
    journal: VecDeque<Stored>,
    last: Arrival,
    waiting: Vec<Pending>,
    syncing: Vec<Pending>,
    busy: bool,
    tables: MemoryTables,
    /// How to take back each batch since the last checkpoint, oldest first, and how far the index was before it.
    undo: VecDeque<(Arrival, Vec<Write>)>,
    indexed: Arrival,
    released: Arrival,
    /// Last entry of each feed that is on this disk without a gap below.
    heights: BTreeMap<FeedId, Height>,
    /// Its power never goes: how to take a batch back is not kept.
    is_steady: bool,
    /// Of each feed, where somebody may sign two.
    histories: Option<Histories>,
    /// The authority may let go of the past: then feeds are held up to where it says, too.
    may_let_go: bool,
    /// Nearly no room: some frames find none.
    pub full: bool,
}

impl Disk {
    /// An empty disk, with the books that the scenario's faults call for.
    #[must_use]
    pub fn of(scenario: &Scenario) -> Self {
        let histories = scenario.may_fork().then(Histories::default);
        let (is_steady, may_let_go) = (!scenario.may_lose_power(), scenario.may_let_go());
        Self { histories, is_steady, may_let_go, ..Self::default() }
    }

    /// Queues a frame. Returns whether a sync is to be started.
    pub fn persist(&mut self, pending: Pending) -> bool {
        self.waiting.push(pending);
        !self.busy
    }

    /// Starts a sync of all that waits, once the answers of the one before are given. Returns whether there is anything.
    pub fn start_sync(&mut self) -> bool {
        self.syncing = std::mem::take(&mut self.waiting);
        self.busy = !self.syncing.is_empty();
        self.busy
    }

    /// The sync is done: what is answered to whom.
    pub fn synced(&mut self, chance: &mut Chance) -> Vec<Answered> {
        let mut answers = Vec::new();
        for pending in std::mem::take(&mut self.syncing) {
            let request = pending.request;
            let fits = !self.full || chance.happens(500);
            let stored = fits.then(|| self.store(pending));
            let (arrival, feed) = stored.map_or((None, None), |(arrival, feed)| (Some(arrival), feed));
            answers.push(Answered { request, arrival, feed });
        }
        answers
    }

    /// What a chunk says that nobody need hold any more counts as held.
    fn begin_after(&mut self, chunk: &[u8]) {
        for entry in opened(chunk).iter().flat_map(|chunk| &chunk.entries) {
            let Ok(Fact::Pruned(pruned)) = Fact::from_bytes(&entry.fact) else { continue };
            for base in pruned.bases {
                let (_, height) = self.heights.entry(base.feed()).or_insert((base.header, SeqNo(0)));
                *height = (*height).max(base.seq());
            }
        }
    }

    fn store(&mut self, pending: Pending) -> (Arrival, Option<(FeedId, NodeKey, SeqNo)>) {
        self.last = Arrival(self.last.0 + 1);
        let (mut feed, mut last) = (None, None);
        if let Some(span) = pending.span {
            if self.may_let_go {
                self.begin_after(&pending.bytes);
            }
            let (_, height) = self.heights.entry(span.feed).or_insert((span.header, SeqNo(0)));
            if span.first <= height.next() {
                *height = (*height).max(span.last);
            }
            feed = Some((span.feed, span.header.writer, *height));
            last = Some((span.feed, span.last));
            if let Some(histories) = &mut self.histories
                && let Some(chunk) = opened(&pending.bytes)
            {
                histories.add(&chunk);
            }
        }
        self.journal.push_back(Stored { arrival: self.last, own: pending.own, last, bytes: pending.bytes });
        (self.last, feed)
    }

    /// The power is cut.
    pub fn power_cut(&mut self, chance: &mut Chance) {
        self.waiting.clear();
        self.busy = false;
        let survives = chance.index(self.syncing.len() + 1).unwrap_or(0);
        let survivors: Vec<Pending> = std::mem::take(&mut self.syncing).into_iter().take(survives).collect();
        survivors.into_iter().for_each(|pending| {
            self.store(pending);
        });
        let lost = chance.index(self.undo.len() + 1).unwrap_or(0);
        for _ in 0..lost {
            if let Some((indexed, undo)) = self.undo.pop_back() {
                self.tables.apply(undo);
                self.indexed = indexed;
            }
        }
    }

    /// Frames the index has not taken up.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.indexed < self.last
    }

    /// Applies one batch of what the journal is ahead.
    ///
    /// # Errors
    /// [`ViewError`]: the tables hold rows that were never written, which is a bug.
    pub fn index(
        &mut self,
        root: &VerifyingKey,
        rules: &Rules<'_>,
        checkpoint_batches: usize,
    ) -> Result<Indexed, ViewError> {
        let mut batch = Batch::new(&self.tables);
        let (mut through, mut projected) = (self.indexed, Vec::new());
        let from = self.journal.partition_point(|stored| stored.arrival <= self.indexed);
        for stored in self.journal.range(from..) {
            if stored.last.is_some() {
                if let Some(chunk) = opened(&stored.bytes) {
                    let outcome = project::apply(&mut batch, &chunk, stored.arrival, rules)?;
                    let partly = matches!(outcome.placed, Placed::Partly { .. });
                    projected.push(outcome);
                    if partly {
                        break;
                    }
                }
            } else if let Ok(certificate) = Certificate::open(&stored.bytes, root) {
                let Write { table, key, value } = restore::kept(&certificate.node, stored.bytes.clone());
                batch.put(table, key, value.unwrap_or_default());
            }
            through = stored.arrival;
            if batch.len() >= rules.keys_max {
                break;
            }
        }
        let writes = batch.into_writes();
        self.write(writes)?;
        self.indexed = through;
        if self.undo.len() >= checkpoint_batches {
            self.checkpoint();
        }
        Ok(Indexed { through, projected })
    }

    /// Applies writes as one batch.
    ///
    /// # Errors
    /// [`ViewError`] never happens with tables in memory.
    pub fn write(&mut self, writes: Vec<Write>) -> Result<(), ViewError> {
        let old = |write: &Write| {
            let value = self.tables.get(write.table, &write.key)?;
            Ok(Write { table: write.table, key: write.key.clone(), value })
        };
        let undo =
            if self.is_steady { Vec::new() } else { writes.iter().map(old).collect::<Result<_, ViewError>>()? };
        self.undo.push_back((self.indexed, undo));
        self.tables.apply(writes);
        Ok(())
    }

    /// The index is safe from power cuts: frames that nobody needs any more go.
    fn checkpoint(&mut self) {
        self.undo.clear();
        let (indexed, released) = (self.indexed, self.released);
        self.journal.retain(|stored| stored.arrival > indexed || (stored.own && stored.arrival > released));
    }

    /// Own frames up to here are receipted.
    pub fn release(&mut self, through: Arrival) {
        self.released = self.released.max(through);
    }

    /// Own chunks of the journal up to an arrival: feed and last number.
    pub fn own_chunks(&self, through: Arrival) -> impl Iterator<Item = (FeedId, SeqNo)> {
        let own = self.journal.iter().take_while(move |stored| stored.arrival <= through).filter(|stored| stored.own);
        own.filter_map(|stored| stored.last)
    }

    /// What a copy of this disk holds that somebody made now: what was synced, nothing under way.
    #[must_use]
    pub fn image(&self) -> Self {
        Self {
            journal: self.journal.clone(),
            last: self.last,
            tables: self.tables.clone(),
            undo: self.undo.clone(),
            indexed: self.indexed,
            released: self.released,
            heights: self.heights.clone(),
            is_steady: self.is_steady,
            may_let_go: self.may_let_go,
            histories: self.histories.clone(),
            ..Self::default()
        }
    }

    /// The tables.
    #[must_use]
    pub const fn tables(&self) -> &MemoryTables {
        &self.tables
    }

    /// The journal, oldest first.
    pub fn frames(&self) -> impl Iterator<Item = (Arrival, Vec<u8>)> {
        self.journal.iter().map(|stored| (stored.arrival, stored.bytes.clone()))
    }

    /// The last entry of a feed that is on this disk without a gap below.
    #[must_use]
    pub fn height(&self, feed: &FeedId) -> SeqNo {
        self.heights.get(feed).map(|(_, seq)| *seq).unwrap_or_default()
    }

    /// The last entry of a feed, or of the history above a cut that has this name, without a gap below.
    #[must_use]
    pub fn height_under(&self, name: &FeedId) -> SeqNo {
        let feed = self.heights.get(name).map(|(_, seq)| *seq);
        feed.or_else(|| self.histories.as_ref()?.branch(name)).unwrap_or_default()
    }

    /// The same by a short name.
    #[must_use]
    pub fn height_under_short(&self, name: FeedShort) -> SeqNo {
        let feed = self.named(name).map(|(_, seq)| seq).max();
        feed.or_else(|| self.histories.as_ref()?.branch_named(name)).unwrap_or_default()
    }

    /// The histories on it, where somebody may sign two.
    #[must_use]
    pub const fn histories(&self) -> Option<&Histories> {
        self.histories.as_ref()
    }

    /// The last entry of the feeds of a short name.
    pub fn named(&self, short: FeedShort) -> impl Iterator<Item = (FeedId, SeqNo)> {
        let (mut from, mut to) = ([0; 16], [0xff; 16]);
        from.iter_mut().zip(short.0).for_each(|(to, from)| *to = from);
        to.iter_mut().zip(short.0).for_each(|(to, from)| *to = from);
        self.heights.range(FeedId(from)..=FeedId(to)).map(|(feed, (_, seq))| (*feed, *seq))
    }

    /// Each feed, its lane, and its last entry.
    pub fn heights(&self) -> impl Iterator<Item = (FeedId, Lane, SeqNo)> {
        self.heights.iter().map(|(feed, (header, seq))| (*feed, header.lane, *seq))
    }

    /// A feed's header.
    #[must_use]
    pub fn header(&self, feed: &FeedId) -> Option<&FeedHeader> {
        self.heights.get(feed).map(|(header, _)| header)
    }

    /// Each feed and its header.
    pub fn headers(&self) -> impl Iterator<Item = (FeedId, &FeedHeader)> {
        self.heights.iter().map(|(feed, (header, _))| (*feed, header))
    }

    /// The feeds of some writers, and their last entries.
    pub fn feeds_of<'a>(&'a self, writers: &'a BTreeSet<NodeKey>) -> impl Iterator<Item = (FeedId, SeqNo)> + 'a {
        let of_writers = self.heights.iter().filter(|(_, (header, _))| writers.contains(&header.writer));
        of_writers.map(|(feed, (_, seq))| (*feed, *seq))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(request: u64) -> Pending {
        Pending::new(Some(RequestId(request)), false, vec![7])
    }

    #[test]
    fn a_power_cut_loses_what_was_not_answered_and_nothing_else() {
        let outcomes = (0..40).map(|seed| {
            let (mut disk, mut chance) = (Disk::default(), Chance::new(seed, "test"));
            assert!(disk.persist(pending(1)) && disk.start_sync());
            assert!(!disk.persist(pending(2)), "it gathers while the first is synced");
            let answered = Answered { request: Some(RequestId(1)), arrival: Some(Arrival(1)), feed: None };
            assert_eq!(disk.synced(&mut chance), [answered]);
            assert!(disk.start_sync());
            disk.persist(pending(3));
            disk.power_cut(&mut chance);
            disk.frames().count()
        });
        let outcomes: BTreeSet<usize> = outcomes.collect();
        assert_eq!(outcomes, [1, 2].into(), "the second may have made it, the third never began");
    }
}
