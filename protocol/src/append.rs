//! Append: this node's own feeds. Facts are chained, signed in groups, and count only once they are on disk.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ed25519_dalek::SigningKey;

use crate::chunk::OpenedChunk;
use crate::entry::{Checkpoint, node_key};
use crate::fact::Fact;
use crate::id::{EntryId, Epoch, FeedHeader, FeedId, Hash, Lane, NodeKey, SeqNo};
use crate::io::{Arrival, RequestId};
use crate::limits::GROUP_ENTRIES_MAX;
use crate::time::{Stamp, Wall};
use crate::tube::DocumentFact;

/// A fact on its way to the disk.
#[derive(Debug)]
struct Staged {
    for_command: Option<RequestId>,
    stamp: Stamp,
    fact: Fact,
}

#[derive(Debug)]
struct OwnFeed {
    header: FeedHeader,
    id: FeedId,
    /// The last entry on disk.
    durable: (SeqNo, Hash),
    /// Entries in the group being written: their stamps, and for whom.
    writing: Vec<(Stamp, Option<RequestId>)>,
    waiting: VecDeque<Staged>,
}

/// A group that came to its end: for each of its entries, in order, the command that asked for it.
#[derive(Debug)]
pub struct Finished {
    /// Which entries, and for whom; `None` is the node's own doing.
    pub entries: Vec<(EntryId, Option<RequestId>)>,
}

/// What was queued for a lane and will not be written.
#[derive(Debug, PartialEq, Eq)]
pub struct Failed {
    /// The commands that asked for it.
    pub commands: Vec<RequestId>,
    /// The facts, oldest first.
    pub facts: Vec<Fact>,
}

/// This node's own feeds, one a lane, all of one epoch.
#[derive(Debug)]
pub struct Append {
    key: SigningKey,
    epoch: Epoch,
    feeds: BTreeMap<Lane, OwnFeed>,
    /// Feeds of earlier epochs with a group still on its way to the disk.
    leaving: Vec<OwnFeed>,
    stamp: Stamp,
    /// Lanes with facts that wait and no group being written.
    ready: BTreeSet<Lane>,
    /// Facts of ours that the tables do not show yet; no two have one stamp.
    recent: BTreeMap<Stamp, DocumentFact>,
    /// Of those, the ones on disk, and where.
    written: BTreeSet<(Arrival, Stamp)>,
}

impl Append {
    /// No entries yet; [`Append::resume`] tells what the store holds.
    #[must_use]
    pub const fn new(key: SigningKey, epoch: Epoch) -> Self {
        Self {
            key,
            epoch,
            feeds: BTreeMap::new(),
            leaving: Vec::new(),
            stamp: Stamp(0),
            ready: BTreeSet::new(),
            recent: BTreeMap::new(),
            written: BTreeSet::new(),
        }
    }

    /// This node's key.
    #[must_use]
    pub fn node(&self) -> NodeKey {
        node_key(&self.key)
    }

    /// The lifetime of this node's store.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Signs an entry of a history that a machine with this key wrote.
    #[must_use]
    pub fn sign(&self, feed: &FeedId, seq: SeqNo, head: Hash) -> Checkpoint {
        Checkpoint::sign(&self.key, feed, seq, head)
    }

    /// The id of our feed in a lane, whether or not anything was written to it.
    #[must_use]
    pub fn feed(&self, lane: Lane) -> FeedId {
        self.header(lane).id()
    }

    fn header(&self, lane: Lane) -> FeedHeader {
        FeedHeader { writer: self.node(), epoch: self.epoch, lane }
    }

    /// Whether a feed is one of ours, of this epoch.
    #[must_use]
    pub fn is_own(&self, header: &FeedHeader) -> bool {
        self.is_current(header) || self.leaving.iter().any(|feed| feed.header == *header)
    }

    /// Whether facts written from now on may go to this feed.
    #[must_use]
    pub fn is_current(&self, header: &FeedHeader) -> bool {
        header.epoch == self.epoch && header.writer == self.node()
    }

    /// Goes on in a new epoch, with new feeds. Facts that wait get new places there, and new stamps' order stays.
    pub fn renew(&mut self, epoch: Epoch) {
        self.epoch = epoch;
        self.ready.clear();
        for (lane, mut feed) in std::mem::take(&mut self.feeds) {
            let staged = std::mem::take(&mut feed.waiting);
            if !feed.writing.is_empty() {
                self.leaving.push(feed);
            }
            for Staged { for_command, stamp, fact } in staged {
                self.place(lane, stamp, fact, for_command);
            }
        }
    }

    /// Takes up a feed where the store says it ends.
    pub fn resume(&mut self, header: FeedHeader, last: (SeqNo, Hash), stamp: Stamp) {
        self.stamp = self.stamp.max(stamp);
        let id = header.id();
        let feed = OwnFeed { header, id, durable: last, writing: Vec::new(), waiting: VecDeque::new() };
        self.feeds.insert(header.lane, feed);
    }

    /// Queues a fact. It is nothing yet: see [`Append::next_group`] and [`Append::persisted`].
    pub fn stage(&mut self, wall: Wall, lane: Lane, fact: Fact, for_command: Option<RequestId>) {
        self.stamp = self.stamp.next(wall);
        self.place(lane, self.stamp, fact, for_command);
    }

    fn place(&mut self, lane: Lane, stamp: Stamp, fact: Fact, for_command: Option<RequestId>) {
        let header = self.header(lane);
        let feed = self.feeds.entry(lane).or_insert_with(|| OwnFeed {
            header,
            id: header.id(),
            durable: (SeqNo(0), Hash::ZERO),
            writing: Vec::new(),
            waiting: VecDeque::new(),
        });
        let ahead = feed.writing.len() + feed.waiting.len() + 1;
        let id = EntryId { feed: feed.id, seq: SeqNo(feed.durable.0.0 + ahead as u64) };
        self.recent.insert(stamp, DocumentFact { id, writer: header.writer, stamp, fact: fact.clone() });
        feed.waiting.push_back(Staged { for_command, stamp, fact });
        if feed.writing.is_empty() {
            self.ready.insert(lane);
        }
    }

    /// Whether no fact is queued that was not handed to the store.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.feeds.values().all(|feed| feed.waiting.is_empty())
    }

    /// The next group of a lane to be written: one at a time, so that while one is synced the next one gathers.
    pub fn next_group(&mut self) -> Option<OpenedChunk> {
        let feed = self.feeds.get_mut(&self.ready.pop_first()?)?;
        let group: Vec<Staged> = feed.waiting.drain(..feed.waiting.len().min(GROUP_ENTRIES_MAX)).collect();
        feed.writing = group.iter().map(|staged| (staged.stamp, staged.for_command)).collect();
        let facts = group.iter().map(|staged| (staged.stamp, staged.fact.to_bytes()));
        Some(OpenedChunk::write(&self.key, feed.header, feed.durable, facts))
    }

    /// The group of a lane is on disk.
    pub fn persisted(&mut self, chunk: &OpenedChunk, arrival: Arrival) -> Finished {
        let id = chunk.header.id();
        let leaving = self.leaving.iter().position(|feed| feed.id == id).map(|place| self.leaving.swap_remove(place));
        let writing = if let Some(feed) = leaving {
            feed.writing
        } else if let Some(feed) = self.feeds.get_mut(&chunk.header.lane) {
            feed.durable = (chunk.checkpoint.seq, chunk.checkpoint.head);
            if !feed.waiting.is_empty() {
                self.ready.insert(chunk.header.lane);
            }
            std::mem::take(&mut feed.writing)
        } else {
            return Finished { entries: Vec::new() };
        };
        self.written.extend(writing.iter().map(|(stamp, _)| (arrival, *stamp)));
        let ids = chunk.entries.iter().map(|entry| EntryId { feed: id, seq: entry.seq });
        Finished { entries: ids.zip(writing.into_iter().map(|(_, command)| command)).collect() }
    }

    /// The group of a lane is not on disk, and nothing behind it will be: their numbers are free again.
    pub fn failed(&mut self, header: &FeedHeader) -> Failed {
        let mut failed = Failed { commands: Vec::new(), facts: Vec::new() };
        let id = header.id();
        let mut leaving = self.leaving.extract_if(.., |feed| feed.id == id).next();
        let Some(feed) = leaving.as_mut().or_else(|| self.feeds.get_mut(&header.lane)) else { return failed };
        let waiting = std::mem::take(&mut feed.waiting).into_iter().map(|staged| (staged.stamp, staged.for_command));
        for (stamp, command) in std::mem::take(&mut feed.writing).into_iter().chain(waiting) {
            failed.facts.extend(self.recent.remove(&stamp).map(|recent| recent.fact));
            failed.commands.extend(command);
        }
        if leaving.is_none() {
            self.ready.remove(&header.lane);
        }
        failed
    }

    /// The tables show everything up to here.
    pub fn indexed(&mut self, through: Arrival) {
        while let Some((_, stamp)) = self.written.first().copied().filter(|(arrival, _)| *arrival <= through) {
            self.written.pop_first();
            self.recent.remove(&stamp);
        }
    }

    /// Facts of ours that tables reflecting `through` do not show, oldest first.
    pub fn recent(&self, through: Arrival) -> impl Iterator<Item = &DocumentFact> {
        let shown = self.written.range(..=(through, Stamp(u64::MAX))).map(|(_, stamp)| *stamp);
        let shown: BTreeSet<Stamp> = shown.collect();
        self.recent.iter().filter(move |(stamp, _)| !shown.contains(*stamp)).map(|(_, fact)| fact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::{Sealed, Subject};

    fn append() -> Append {
        Append::new(SigningKey::from_bytes(&[3; 32]), Epoch(1))
    }

    fn fact() -> Fact {
        Sealed { tube: "T1".parse().unwrap(), count: 1, operator: "op".parse().unwrap(), seen: None }.into()
    }

    #[test]
    fn what_gathers_while_a_group_is_written_is_the_next_group() {
        let mut append = append();
        append.stage(Wall(5), Lane(1), fact(), Some(RequestId(1)));
        let first = append.next_group().unwrap();
        append.stage(Wall(6), Lane(1), fact(), Some(RequestId(2)));
        append.stage(Wall(6), Lane(1), fact(), None);
        assert!(append.next_group().is_none());
        assert_eq!(append.persisted(&first, Arrival(1)).entries.len(), 1);
        let second = append.next_group().unwrap();
        assert_eq!((second.first(), second.previous), (SeqNo(2), first.checkpoint.head));
        let finished = append.persisted(&second, Arrival(2));
        assert_eq!(finished.entries.last().map(|(id, command)| (id.seq, *command)), Some((SeqNo(3), None)));
    }

    #[test]
    fn a_failed_group_gives_its_numbers_back() {
        let mut append = append();
        append.stage(Wall(5), Lane(1), fact(), Some(RequestId(1)));
        let failed = append.next_group().unwrap();
        append.stage(Wall(5), Lane(1), fact(), Some(RequestId(2)));
        let both = Failed { commands: vec![RequestId(1), RequestId(2)], facts: vec![fact(), fact()] };
        assert_eq!(append.failed(&append.header(Lane(1))), both);
        assert_eq!(append.recent(Arrival(0)).count(), 0);
        append.stage(Wall(6), Lane(1), fact(), None);
        assert_eq!(append.next_group().unwrap().first(), failed.first());
    }

    #[test]
    fn facts_are_visible_to_the_desk_until_the_tables_show_them() {
        let mut append = append();
        append.stage(Wall(5), Lane(1), fact(), None);
        let group = append.next_group().unwrap();
        assert_eq!(append.recent(Arrival(9)).count(), 1, "not even on disk");
        append.persisted(&group, Arrival(10));
        assert_eq!(append.recent(Arrival(9)).count(), 1);
        assert_eq!(append.recent(Arrival(10)).count(), 0);
        append.indexed(Arrival(10));
        assert_eq!(append.recent(Arrival(0)).count(), 0);
        let subject = Subject::Tube("T1".parse().unwrap());
        assert_eq!(fact().subjects(), [subject]);
    }
}
