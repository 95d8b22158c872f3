//! Reading the log back: chunks for peers, entries for exports.

use std::collections::VecDeque;

use super::heads::HeadRecord;
use super::pages::{Page, key};
use super::quarantine::{begins, lies_in, physical};
use super::row::damaged;
use crate::chunk::{self, SealedChunk};
use crate::entry::{self, Checkpoint, Entry};
use crate::id::{EntryId, FeedId, Hash, SeqNo};
use crate::limits::{CHUNK_BYTES_MAX, CHUNK_ENTRIES_MAX, CHUNK_PLAIN_BYTES_MAX, PAGE_BYTES_MAX};
use crate::time::Stamp;
use crate::view::{Table, View, ViewError, after_prefix};

/// Pages read at a time, at most: 64 KiB.
const PAGES_READ_MAX: usize = 16;

/// The pages of a feed from the one that holds an entry on.
pub(super) struct Pages<'v, V: View> {
    view: &'v V,
    feed: FeedId,
    ahead: VecDeque<Page>,
    /// Where the next page must begin.
    next: SeqNo,
    /// Doubles up to [`PAGES_READ_MAX`], so that one entry costs one page.
    read_next: usize,
}

impl<'v, V: View> Pages<'v, V> {
    pub(super) fn from(view: &'v V, feed: FeedId, from: SeqNo) -> Result<Self, ViewError> {
        let mut pages = Self { view, feed, ahead: VecDeque::new(), next: from, read_next: 1 };
        if let Some((key, value)) = view.last(Table::Pages, &feed.0, &key(&feed, from.next()))? {
            let page = Page::read(&key, &value).ok_or_else(|| damaged(Table::Pages))?;
            if page.end() > from {
                pages.next = page.first;
                pages.ahead.push_back(page);
            }
        }
        Ok(pages)
    }

    pub(super) fn next(&mut self) -> Result<Option<Page>, ViewError> {
        if self.ahead.is_empty() {
            let end = after_prefix(&self.feed.0);
            for (key, value) in self.view.scan(Table::Pages, &key(&self.feed, self.next), &end, self.read_next)? {
                self.ahead.push_back(Page::read(&key, &value).ok_or_else(|| damaged(Table::Pages))?);
            }
            self.read_next = (self.read_next * 2).min(PAGES_READ_MAX);
        }
        match self.ahead.pop_front() {
            Some(page) if page.first == self.next => {
                self.next = page.end();
                Ok(Some(page))
            }
            // Pages were let go of, or there are no more.
            Some(_) | None => Ok(None),
        }
    }
}

fn decoded(page: &Page) -> Result<Vec<(Stamp, &[u8])>, ViewError> {
    let entries = chunk::decode_entries(&page.entries).map_err(|_| damaged(Table::Pages))?;
    if entries.len() == usize::from(page.count) { Ok(entries) } else { Err(damaged(Table::Pages)) }
}

/// The entries of a page, their hashes recomputed.
pub(super) fn entries_of(page: &Page, feed: &FeedId) -> Result<Vec<Entry>, ViewError> {
    let (mut seq, mut hash) = (page.first, page.previous);
    let mut entries = Vec::with_capacity(usize::from(page.count));
    for (stamp, fact) in decoded(page)? {
        hash = entry::link(feed, seq, &hash, stamp, fact);
        entries.push(Entry { seq, stamp, hash, fact: fact.to_vec() });
        seq = seq.next();
    }
    Ok(entries)
}

/// Where a chunk may end.
struct End {
    count: usize,
    plain_bytes: usize,
    checkpoint: Checkpoint,
}

/// A chunk in the making.
struct Range {
    previous: Hash,
    plain: Vec<u8>,
    count: usize,
    before: Option<Stamp>,
    ends: Vec<End>,
}

impl Range {
    /// Adds an entry; `false` if no chunk can go on with it.
    fn push(&mut self, stamp: Stamp, fact: &[u8]) -> bool {
        let steps_back = self.before.is_some_and(|before| stamp.wall() < before.wall());
        if steps_back || self.count == CHUNK_ENTRIES_MAX {
            return false;
        }
        chunk::append_entry(&mut self.plain, self.before.unwrap_or_default(), stamp, fact);
        self.count += 1;
        self.before = Some(stamp);
        self.plain.len() <= CHUNK_PLAIN_BYTES_MAX
    }

    /// The last end within `plain_bytes_max`, else the first there is.
    fn end(&self, plain_bytes_max: usize) -> Option<&End> {
        let within = self.ends.partition_point(|end| end.plain_bytes <= plain_bytes_max);
        self.ends.get(within.saturating_sub(1))
    }
}

/// Puts together the longest chunk that begins at `from` and ends on the first checkpoint kept here at or after `to`.
///
/// Of a branch, `from` is taken for its first own entry when it lies below that.
///
/// At most [`CHUNK_ENTRIES_MAX`] entries and [`CHUNK_PLAIN_BYTES_MAX`]; at most `bytes_max` as it travels unless
/// the first checkpoint lies further on. `None` when the feed does not reach `from` here, or no longer, or when
/// what its writer packed into one chunk cannot be packed by us into [`CHUNK_BYTES_MAX`].
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn read_range<V: View>(
    view: &V,
    feed: &FeedId,
    from: SeqNo,
    to: SeqNo,
    bytes_max: usize,
) -> Result<Option<SealedChunk>, ViewError> {
    let Some((pages, record)) = physical(view, feed)? else { return Ok(None) };
    let from = if from.0 == 0 { from } else { from.max(begins(view, feed, &record.header)?) };
    if from < record.first() || from > record.height {
        return Ok(None);
    }
    let bytes_max = bytes_max.min(CHUNK_BYTES_MAX);
    // Registrations pack to three quarters; what packs worse is cut back below.
    let mut plain_bytes_max = (bytes_max.saturating_mul(4) / 3).min(CHUNK_PLAIN_BYTES_MAX);
    let range = collect(view, &pages, &record.header.id(), (from, to), plain_bytes_max)?;
    while let Some(end) = range.end(plain_bytes_max) {
        let plain = range.plain.get(..end.plain_bytes).unwrap_or_default();
        let sealed = chunk::seal(&record.header, from, &range.previous, end.count, plain, &end.checkpoint);
        let bytes = sealed.as_bytes().len();
        let shortest = range.ends.first().is_some_and(|first| first.count == end.count);
        if bytes <= bytes_max || (shortest && bytes <= CHUNK_BYTES_MAX) {
            return Ok(Some(sealed));
        }
        if shortest {
            return Ok(None);
        }
        plain_bytes_max = (end.plain_bytes * bytes_max / bytes).min(end.plain_bytes - 1) / 16 * 15;
    }
    Ok(None)
}

fn collect<V: View>(
    view: &V,
    pages: &FeedId,
    feed: &FeedId,
    (from, to): (SeqNo, SeqNo),
    plain_bytes_max: usize,
) -> Result<Range, ViewError> {
    let plain = Vec::with_capacity(PAGE_BYTES_MAX);
    let mut range = Range { previous: Hash::ZERO, plain, count: 0, before: None, ends: Vec::new() };
    let mut pages = Pages::from(view, *pages, from)?;
    while let Some(page) = pages.next()? {
        let mut seq = page.first;
        if seq <= from {
            range.previous = page.previous;
        }
        for (stamp, fact) in decoded(&page)? {
            if seq < from {
                range.previous = entry::link(feed, seq, &range.previous, stamp, fact);
            } else if !range.push(stamp, fact) {
                return Ok(range);
            }
            if seq >= from
                && let Some(checkpoint) = page.checkpoints.iter().find(|kept| kept.seq == seq)
            {
                let (count, plain_bytes) = (range.count, range.plain.len());
                range.ends.push(End { count, plain_bytes, checkpoint: *checkpoint });
                if seq >= to {
                    return Ok(range);
                }
            }
            seq = seq.next();
        }
        if range.plain.len() >= plain_bytes_max && !range.ends.is_empty() {
            break;
        }
    }
    Ok(range)
}

/// Entries of a feed in order, their hashes recomputed; stops at the first error.
pub struct Entries<'v, V: View> {
    pages: Pages<'v, V>,
    /// What hashes are made with: the feed, also of a branch's entries.
    feed: FeedId,
    read: std::vec::IntoIter<Entry>,
    from: SeqNo,
    to: SeqNo,
    done: bool,
}

impl<V: View> Entries<'_, V> {
    fn refill(&mut self) -> Result<bool, ViewError> {
        let Some(page) = self.pages.next()? else { return Ok(false) };
        let mut entries = entries_of(&page, &self.feed)?;
        entries.retain(|entry| entry.seq >= self.from && entry.seq <= self.to);
        self.read = entries.into_iter();
        Ok(page.end() <= self.to)
    }
}

impl<V: View> Iterator for Entries<'_, V> {
    type Item = Result<Entry, ViewError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.read.next() {
                return Some(Ok(entry));
            }
            if self.done {
                return None;
            }
            match self.refill() {
                Ok(more) => self.done = !more,
                Err(error) => {
                    self.done = true;
                    return Some(Err(error));
                }
            }
        }
    }
}

/// Reads the entries `from..=to` of a feed, as far as they are here and not let go of; a page at a time.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn entries<'v, V: View>(view: &'v V, feed: &FeedId, from: SeqNo, to: SeqNo) -> Result<Entries<'v, V>, ViewError> {
    let (pages, feed, first) = match physical(view, feed)? {
        Some((pages, record)) => (pages, record.header.id(), record.first()),
        None => (*feed, *feed, SeqNo(1)),
    };
    let from = from.max(first);
    let pages = Pages::from(view, pages, from)?;
    Ok(Entries { pages, feed, read: Vec::new().into_iter(), from, to, done: to < from })
}

/// Reads one entry; `None` when it is not here.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn entry<V: View>(view: &V, id: EntryId) -> Result<Option<Entry>, ViewError> {
    entries(view, &id.feed, id.seq, id.seq)?.next().transpose()
}

/// Reads the hash of the entry before the first one that is here of a feed.
pub(super) fn base_hash<V: View>(view: &V, feed: &FeedId, record: &HeadRecord) -> Result<Option<Hash>, ViewError> {
    let Some(base) = record.base else { return Ok(Some(Hash::ZERO)) };
    if record.height == base {
        return Ok(Some(record.head));
    }
    let Some(page) = Pages::from(view, *feed, base.next())?.next()? else { return Ok(None) };
    let before = entries_of(&page, &record.header.id())?.into_iter().find(|entry| entry.seq == base);
    Ok(Some(before.map_or(page.previous, |entry| entry.hash)))
}

/// Reads one entry's stamp and fact without recomputing hashes.
pub(super) fn fact_bytes<V: View>(view: &V, id: EntryId) -> Result<Option<(Stamp, Vec<u8>)>, ViewError> {
    if id.seq.0 == 0 {
        return Ok(None);
    }
    let pages = lies_in(view, &id.feed)?;
    let Some(page) = Pages::from(view, pages, id.seq)?.next()? else { return Ok(None) };
    let Some(place) = id.seq.0.checked_sub(page.first.0) else { return Ok(None) };
    let place = usize::try_from(place).unwrap_or(usize::MAX);
    Ok(decoded(&page)?.get(place).map(|(stamp, fact)| (*stamp, fact.to_vec())))
}
