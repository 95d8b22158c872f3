//! Chunks on their way to the disk, and what follows once they are there, or are not.

use super::Replica;
use crate::chunk::{OpenedChunk, SealedChunk};
use crate::cuts::Placed;
use crate::fact::{Fact, Role};
use crate::frontier::Head;
use crate::id::{FeedId, Lane, SeqNo};
use crate::io::{Arrival, CloseReason, Imported, LinkId, Output, PersistError, RequestId};
use crate::time::{Now, Stamp};

/// A chunk handed to the store and not yet on disk.
#[derive(Debug)]
pub(super) struct Writing {
    pub(super) chunk: OpenedChunk,
    /// Whether it is a group that this node is writing, not what a peer sent, of whichever feed that is.
    ours: bool,
    /// Where it belongs, if its feed was cut when it came.
    pub(super) placed: Option<Placed>,
    /// Who sent it; more than one if another sent the same before it was on disk. Each is told when it is.
    pub(super) from: Vec<LinkId>,
    /// Imports that wait for it.
    pub(super) imports: Vec<RequestId>,
}

impl Writing {
    /// A group of this node's.
    const fn group(chunk: OpenedChunk) -> Self {
        Self { chunk, ours: true, placed: None, from: Vec::new(), imports: Vec::new() }
    }

    /// What a peer sent, or a bundle brought.
    pub(super) fn received(chunk: OpenedChunk, from: Option<LinkId>) -> Self {
        Self { chunk, ours: false, placed: None, from: from.into_iter().collect(), imports: Vec::new() }
    }

    /// The same, of a feed that is cut.
    pub(super) fn above_cut(placed: Placed, from: Option<LinkId>) -> Self {
        Self { placed: Some(placed.clone()), ..Self::received(placed.chunk, from) }
    }
}

impl Replica {
    pub(super) fn persist(&mut self, sealed: SealedChunk, writing: Writing) {
        let request = self.request();
        self.outputs.push_back(Output::Persist { request, chunk: sealed.into_bytes(), own: writing.ours });
        self.writing.insert(request, writing);
    }

    pub(super) fn write_groups(&mut self) {
        while let Some(chunk) = self.append.next_group() {
            self.tips.ahead.insert(chunk.header.id(), (chunk.checkpoint.seq, chunk.checkpoint.head));
            self.persist(chunk.seal(), Writing::group(chunk));
        }
    }

    pub(super) fn persisted(&mut self, now: Now, request: RequestId, result: Result<Arrival, PersistError>) {
        let Some(mut writing) = self.writing.remove(&request) else { return };
        if writing.placed.is_none() && !writing.chunk.entries.is_empty() {
            // Perhaps its feed was cut while it was on the way.
            writing.placed = self.place_on_disk(&writing.chunk.seal());
        }
        let result = match &writing.placed {
            Some(placed) => self.persisted_above(now, &writing, placed, result),
            None => self.persisted_plain(now, &writing, result),
        };
        for request in writing.imports {
            self.imported(Some(request), result.map(|_| Imported::Taken).map_err(Into::into));
        }
    }

    fn persisted_above(
        &mut self,
        now: Now,
        writing: &Writing,
        placed: &Placed,
        result: Result<Arrival, PersistError>,
    ) -> Result<Arrival, PersistError> {
        let Writing { chunk, ours, from, .. } = writing;
        let id = chunk.header.id();
        match result {
            Ok(arrival) => {
                self.ahead(placed);
                self.durable_above(now, placed, from, arrival);
                if *ours {
                    self.count_copies(chunk, placed.branch.unwrap_or(id), SeqNo(0), arrival);
                    self.finish_group(now, chunk, arrival);
                }
                self.learn(now, chunk, id);
            }
            Err(error) => {
                placed.branch.into_iter().for_each(|id| {
                    self.tips.ahead.remove(&id);
                });
                self.not_durable(now, writing, error);
            }
        }
        result
    }

    fn persisted_plain(
        &mut self,
        now: Now,
        writing: &Writing,
        result: Result<Arrival, PersistError>,
    ) -> Result<Arrival, PersistError> {
        // What came before it is not on disk: then neither is this, for anybody who reads the log.
        let result = result
            .and_then(|arrival| if self.follows_durable(writing) { Ok(arrival) } else { Err(PersistError::Failed) });
        match result {
            Ok(arrival) => self.durable(now, writing, arrival),
            Err(error) => self.not_durable(now, writing, error),
        }
        result
    }

    fn follows_durable(&self, Writing { chunk, ours, .. }: &Writing) -> bool {
        let height = self.tips.durable.get(&chunk.header.id()).map_or(SeqNo(0), |head| head.seq);
        // What we wrote ourselves and others let go of long ago never was: it is said again, in another epoch.
        let past = *ours && chunk.checkpoint.seq <= height;
        chunk.first() <= height.next() && !past
    }

    fn durable(&mut self, now: Now, writing: &Writing, arrival: Arrival) {
        let Writing { chunk, ours, from, .. } = writing;
        let (id, seq, hash) = (chunk.header.id(), chunk.checkpoint.seq, chunk.checkpoint.head);
        let held = self.height(&id);
        if self.tips.ahead.get(&id).is_some_and(|(ahead, _)| *ahead <= seq) {
            self.tips.ahead.remove(&id);
        }
        let stamp = chunk.entries.last().map_or(Stamp::default(), |entry| entry.stamp);
        let signature = chunk.checkpoint.signature;
        if !self.is_past(&id, seq) {
            self.tips.durable.set(Head { header: chunk.header, seq, hash, stamp, signature, arrival });
        }
        if chunk.header.lane != Lane::PRIVATE {
            self.exchange.durable(now, from.first().copied(), id.short(), chunk.header.lane, seq);
            from.iter().skip(1).for_each(|link| self.exchange.acknowledge(*link, id.short(), seq));
        }
        if *ours {
            self.count_copies(chunk, id, held, arrival);
            self.finish_group(now, chunk, arrival);
        } else if chunk.header.writer == self.own.node && self.receipting.is_none() {
            // Lost here once, and kept by others.
            self.count_copies(chunk, id, held, arrival);
            if !from.is_empty() {
                self.copies.held_by_peer(id.short(), seq);
            }
            self.release_receipted();
        } else if let Some(receipting) = &mut self.receipting {
            receipting.durable(now.mono, chunk.header.lane, id, seq);
        }
        self.learn(now, chunk, id);
    }

    /// A group of ours is on disk: whoever waits for it is answered.
    fn finish_group(&mut self, now: Now, chunk: &OpenedChunk, arrival: Arrival) {
        let finished = self.append.persisted(chunk, arrival);
        self.finish(now, finished);
    }

    /// Own chunks are kept twice until the authority signs for them; the authority's own are its own receipt.
    fn count_copies(&mut self, chunk: &OpenedChunk, id: FeedId, held: SeqNo, arrival: Arrival) {
        if self.own.role == Role::Authority {
            self.outputs.push_back(Output::Release { through: arrival });
            return;
        }
        let new = chunk.entries.iter().filter(|entry| entry.seq > held);
        let facts = new.filter_map(|entry| Fact::from_bytes(&entry.fact).ok());
        let registrations = facts.filter(|fact| matches!(fact, Fact::Registered(_))).count() as u64;
        self.copies.written(id, chunk.checkpoint.seq, registrations, arrival);
    }

    /// Lets go of what the authority has signed for.
    pub(super) fn release_receipted(&mut self) {
        if let Some(through) = self.copies.receipted(&self.control.receipts) {
            self.outputs.push_back(Output::Release { through });
        }
    }

    fn not_durable(&mut self, now: Now, Writing { chunk, ours, from, .. }: &Writing, error: PersistError) {
        self.tips.ahead.remove(&chunk.header.id());
        if *ours {
            let failed = self.append.failed(&chunk.header);
            failed.facts.iter().for_each(|fact| self.take_back(now, chunk.header.lane, fact));
            self.fail(&failed.commands, error);
        }
        for link in from {
            self.outputs.push_back(Output::Close { link: *link, reason: CloseReason::OurDisk });
            self.exchange.disconnected(now, *link);
        }
    }

    /// A fact of ours that never was: what was counted on it is counted again when it is.
    fn take_back(&mut self, now: Now, lane: Lane, fact: &Fact) {
        if let (Fact::Receipt(receipt), Some(receipting)) = (fact, &mut self.receipting) {
            receipt.marks.iter().for_each(|mark| receipting.durable(now.mono, lane, mark.feed, mark.seq));
        }
        if let (Fact::Issued(_), Some(issuer)) = (fact, &mut self.issuer) {
            issuer.take_back();
        }
    }
}
