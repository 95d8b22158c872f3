//! The entries of each feed, in pages that fit a value of the store.
//!
//! Table `Pages`: feed (16 bytes), number of the page's first entry (8) → previous hash (32), entries in the
//! page (2), checkpoints kept (1), each as number (8), head (32), signature (64), then the entries as
//! [`chunk::append_entry`] lays them out, the first stamp absolute. Numbers are big-endian.
//!
//! Of the checkpoints inside a page the first and the last are kept. The first is needed: a chunk as large as
//! chunks may be can end there, and a range that had to run on to a later one would be too large to travel.

use super::heads::HeadRecord;
use super::row::Rest;
use crate::chunk;
use crate::entry::{Checkpoint, Entry};
use crate::fact::Signed;
use crate::id::{FeedId, Hash, SeqNo};
use crate::limits::{FACT_BYTES_MAX, PAGE_BYTES_MAX};
use crate::time::Stamp;
use crate::view::{Batch, Table, View, ViewError};

const CHECKPOINT_BYTES: usize = 8 + 32 + 64;
const CHECKPOINTS_MAX: usize = 2;

/// Bytes for entries. Room for both checkpoints is always set aside, so where a page ends follows from the entries alone.
const ENTRIES_BYTES_MAX: usize = PAGE_BYTES_MAX - 32 - 2 - 1 - CHECKPOINTS_MAX * CHECKPOINT_BYTES;

/// Bytes around a fact: two numbers for its stamp, its length.
const ENTRY_FRAME_BYTES_MAX: usize = 9 + 3 + 3;

const _: () = assert!(FACT_BYTES_MAX + ENTRY_FRAME_BYTES_MAX <= ENTRIES_BYTES_MAX, "an entry fits an empty page");

/// A stretch of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) first: SeqNo,
    pub(super) previous: Hash,
    pub(super) count: u16,
    /// Rising; at most [`CHECKPOINTS_MAX`].
    pub(super) checkpoints: Vec<Checkpoint>,
    pub(super) entries: Vec<u8>,
}

pub(super) fn key(feed: &FeedId, first: SeqNo) -> Vec<u8> {
    [feed.0.as_slice(), &first.0.to_be_bytes()].concat()
}

impl Page {
    const fn empty(first: SeqNo, previous: Hash) -> Self {
        Self { first, previous, count: 0, checkpoints: Vec::new(), entries: Vec::new() }
    }

    /// The number after its last entry.
    pub(super) fn end(&self) -> SeqNo {
        SeqNo(self.first.0.saturating_add(u64::from(self.count)))
    }

    pub(super) fn read(key: &[u8], value: &[u8]) -> Option<Self> {
        let first = SeqNo(Rest(key.get(16..)?).number()?);
        let mut rest = Rest(value);
        let previous = Hash(rest.array()?);
        let count = u16::from_be_bytes(rest.array()?);
        let [kept] = rest.array()?;
        let mut checkpoints = Vec::with_capacity(CHECKPOINTS_MAX);
        for _ in 0..kept {
            let seq = SeqNo(rest.number()?);
            checkpoints.push(Checkpoint { seq, head: Hash(rest.array()?), signature: rest.array()? });
        }
        let mut entries = Vec::with_capacity(PAGE_BYTES_MAX);
        entries.extend_from_slice(rest.0);
        Some(Self { first, previous, count, checkpoints, entries })
    }

    fn write(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(35 + self.checkpoints.len() * CHECKPOINT_BYTES + self.entries.len());
        value.extend_from_slice(&self.previous.0);
        value.extend_from_slice(&self.count.to_be_bytes());
        value.push(u8::try_from(self.checkpoints.len()).unwrap_or(u8::MAX));
        for Checkpoint { seq, head, signature } in &self.checkpoints {
            value.extend_from_slice(&seq.0.to_be_bytes());
            value.extend_from_slice(&head.0);
            value.extend_from_slice(signature);
        }
        value.extend_from_slice(&self.entries);
        value
    }

    /// Adds an entry; `false` and no change if it belongs on a new page.
    fn push(&mut self, before: Stamp, entry: &Entry) -> bool {
        let first = self.count == 0;
        if !first && entry.stamp.wall() < before.wall() {
            // Only between two chunks; a step back has no form within one page.
            return false;
        }
        let bytes = self.entries.len();
        chunk::append_entry(&mut self.entries, if first { Stamp::default() } else { before }, entry.stamp, &entry.fact);
        if self.entries.len() > ENTRIES_BYTES_MAX {
            self.entries.truncate(bytes);
            return false;
        }
        self.count += 1;
        true
    }

    fn close(&mut self, checkpoint: Checkpoint) {
        self.checkpoints.truncate(CHECKPOINTS_MAX - 1);
        self.checkpoints.push(checkpoint);
    }
}

/// The end of a feed while entries are added to it.
pub(super) struct Tail {
    pub(super) feed: FeedId,
    pub(super) record: HeadRecord,
    page: Page,
}

impl Tail {
    pub(super) fn open<V: View>(view: &V, feed: FeedId, record: HeadRecord) -> Result<Self, ViewError> {
        let key = key(&feed, record.page_first);
        let page = match view.get(Table::Pages, &key)? {
            Some(value) => Page::read(&key, &value).ok_or_else(|| super::row::damaged(Table::Pages))?,
            None if record.height.next() == record.page_first => Page::empty(record.page_first, record.head),
            None => return Err(ViewError(format!("the last page of feed {feed} is missing"))),
        };
        Ok(Self { feed, record, page })
    }

    pub(super) fn push<V: View>(&mut self, batch: &mut Batch<'_, V>, entry: &Entry) {
        if !self.page.push(self.record.stamp, entry) {
            let full = std::mem::replace(&mut self.page, Page::empty(entry.seq, self.record.head));
            batch.put(Table::Pages, key(&self.feed, full.first), full.write());
            let fits = self.page.push(self.record.stamp, entry);
            debug_assert!(fits, "an entry fits an empty page");
            self.record.page_first = entry.seq;
        }
        self.record.height = entry.seq;
        self.record.head = entry.hash;
        self.record.stamp = entry.stamp;
    }

    pub(super) fn close(&mut self, checkpoint: &Checkpoint) {
        let Checkpoint { seq, head, signature } = *checkpoint;
        self.page.close(*checkpoint);
        self.record.signed = Some(Signed { seq, head, signature });
    }

    pub(super) fn write_page<V: View>(&self, batch: &mut Batch<'_, V>) {
        batch.put(Table::Pages, key(&self.feed, self.page.first), self.page.write());
    }

    pub(super) fn write_head<V: View>(&self, batch: &mut Batch<'_, V>) {
        batch.put(Table::Heads, self.feed.0.to_vec(), super::row::encode(&self.record));
    }
}
