//! Retention: the beginning of a feed that the authority let go of is taken out of the tables.
//!
//! Its entries are taken back as if they had never been applied, then their pages go; of the last page what lies
//! above stays with it. What is left is what a node holds that heard of the feed only now. The authority keeps its
//! pages: it is the one place where everything can be looked up and counted again.
//!
//! Table `Pruned`; numbers are big-endian:
//!
//! | key | value |
//! |---|---|
//! | 0, feed (16 bytes) | the last entry that the authority let go of (8) |
//! | 1, feed | the next entry to take back (8), the last one to (8): there while that is under way |

use super::counts::Tally;
use super::heads::{HeadRecord, head};
use super::pages::{self, Page};
use super::ranges::{Pages, entries_of};
use super::retract::retract;
use super::row::{Rest, damaged};
use super::{Rules, quarantine, receipt_mark, row};
use crate::entry::{Entry, Strict};
use crate::fact::{Base, Pruned, Signed};
use crate::id::{EntryId, FeedId, NodeKey, SeqNo};
use crate::io::Arrival;
use crate::time::Wall;
use crate::view::{Batch, Table, View, ViewError, after_prefix};

const STATED: u8 = 0;
const UNDER_WAY: u8 = 1;

fn key(kind: u8, feed: &FeedId) -> Vec<u8> {
    [&[kind], feed.0.as_slice()].concat()
}

/// Reads the last entry of a feed that the authority let go of; 0 before it did.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn let_go<V: View>(view: &V, feed: &FeedId) -> Result<SeqNo, ViewError> {
    let value = view.get(Table::Pruned, &key(STATED, feed))?;
    let stated =
        value.map(|value| Rest(&value).number().map(SeqNo).ok_or_else(|| damaged(Table::Pruned))).transpose()?;
    Ok(stated.unwrap_or_default())
}

/// What is being taken back of a feed.
#[derive(Debug, Clone, Copy)]
struct UnderWay {
    next: SeqNo,
    last: SeqNo,
}

impl UnderWay {
    fn read(value: &[u8]) -> Result<Self, ViewError> {
        let mut rest = Rest(value);
        let both = rest.number().zip(rest.number());
        both.map(|(next, last)| Self { next: SeqNo(next), last: SeqNo(last) }).ok_or_else(|| damaged(Table::Pruned))
    }

    fn write<V: View>(self, batch: &mut Batch<'_, V>, feed: &FeedId) {
        let value = [self.next.0.to_be_bytes(), self.last.0.to_be_bytes()].concat();
        batch.put(Table::Pruned, key(UNDER_WAY, feed), value);
    }
}

/// The authority let go of the beginnings of feeds: what is missing of them is missing for good, and what is here goes.
///
/// A base that no receipt covers, of a feed with two histories, or of another history than the one held, is passed over.
pub(super) fn state<V: View>(
    batch: &mut Batch<'_, V>,
    fact: &Pruned,
    (by, arrival): (NodeKey, Arrival),
    prunes: bool,
) -> Result<(), ViewError> {
    for base in &fact.bases {
        let feed = base.feed();
        let receipted = receipt_mark(batch, &feed)?.unwrap_or_default();
        let stands = base.header.writer != by && base.holds(receipted, &Strict);
        if stands && let_go(batch, &feed)? < base.seq() && quarantine::cut(batch, &feed)?.is_none() {
            begin_at(batch, base, arrival, prunes)?;
        }
    }
    Ok(())
}

fn begin_at<V: View>(batch: &mut Batch<'_, V>, base: &Base, arrival: Arrival, prunes: bool) -> Result<(), ViewError> {
    let (feed, Signed { seq, head: hash, .. }) = (base.feed(), base.signed);
    let held = head(batch, &feed)?.unwrap_or_else(|| HeadRecord::new(base.header));
    let first = held.first();
    let last = held.height.min(seq);
    let mut record = held;
    if record.height < seq {
        (record.height, record.head, record.stamp, record.arrival) = (seq, hash, base.stamp, arrival);
        (record.signed, record.page_first, record.base) = (Some(base.signed), seq.next(), Some(seq));
    } else if super::entry(batch, EntryId { feed, seq })?.is_none_or(|entry| entry.hash != hash) {
        return Ok(());
    } else if prunes {
        record.base = Some(seq);
    }
    batch.put(Table::Pruned, key(STATED, &feed), seq.0.to_be_bytes().to_vec());
    batch.put(Table::Heads, feed.0.to_vec(), row::encode(&record));
    if prunes && first <= last {
        let under_way = batch.get(Table::Pruned, &key(UNDER_WAY, &feed))?;
        let next = under_way.map(|value| UnderWay::read(&value)).transpose()?.map_or(first, |earlier| earlier.next);
        UnderWay { next, last }.write(batch, &feed);
    }
    Ok(())
}

/// Takes out what the authority let go of. Returns whether that is done; if not, the batch is full.
pub(super) fn settle<V: View>(batch: &mut Batch<'_, V>, rules: &Rules<'_>) -> Result<bool, ViewError> {
    while let Some((row, value)) = batch.scan_prefix(Table::Pruned, &[UNDER_WAY], 1)?.pop() {
        let feed = row.get(1..).and_then(|id| id.try_into().ok()).map(FeedId);
        let feed = feed.ok_or_else(|| damaged(Table::Pruned))?;
        if !take_out(batch, rules, &feed, UnderWay::read(&value)?)? {
            return Ok(false);
        }
        batch.remove(Table::Pruned, row);
    }
    Ok(true)
}

fn take_out<V: View>(
    batch: &mut Batch<'_, V>,
    rules: &Rules<'_>,
    feed: &FeedId,
    mut under_way: UnderWay,
) -> Result<bool, ViewError> {
    let Some(record) = head(batch, feed)? else { return Ok(true) };
    let by = (record.header.writer, record.role);
    let (from, to) = (pages::key(feed, SeqNo(0)), after_prefix(&feed.0));
    while let Some((key, value)) = batch.scan(Table::Pages, &from, &to, 1)?.pop() {
        let page = Page::read(&key, &value).ok_or_else(|| damaged(Table::Pages))?;
        let wanted = under_way.next..=under_way.last;
        for entry in entries_of(&page, feed)?.iter().filter(|entry| wanted.contains(&entry.seq)) {
            if batch.len() >= rules.keys_max {
                under_way.write(batch, feed);
                return Ok(false);
            }
            let mut tally = Tally::default();
            retract(batch, &mut tally, rules, by, EntryId { feed: *feed, seq: entry.seq }, entry)?;
            tally.flush(batch)?;
            under_way.next = entry.seq.next();
        }
        if page.end() > under_way.last.next() {
            break;
        }
        batch.remove(Table::Pages, key);
        if page.first == record.page_first {
            let record = HeadRecord { page_first: record.height.next(), ..record };
            batch.put(Table::Heads, feed.0.to_vec(), row::encode(&record));
            break;
        }
    }
    Ok(true)
}

/// Finds how much may be let go of, feed by feed of the writers asked for: up to the last signed entry that was made
/// before a moment, and that the authority's receipts cover. Feeds of which that is nothing new, and those with two
/// histories, are left out.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn bases_before<V: View>(view: &V, before: Wall, of: impl Fn(&NodeKey) -> bool) -> Result<Vec<Base>, ViewError> {
    let mut bases = Vec::new();
    for (feed, record) in quarantine::named_heads(view)? {
        if of(&record.header.writer) && quarantine::cut(view, &record.header.id())?.is_none() {
            bases.extend(base_before(view, &feed, &record, before)?);
        }
    }
    Ok(bases)
}

fn base_before<V: View>(view: &V, feed: &FeedId, record: &HeadRecord, before: Wall) -> Result<Option<Base>, ViewError> {
    let receipted = receipt_mark(view, feed)?.unwrap_or_default();
    let (stated, mut base) = (let_go(view, feed)?, None);
    let mut pages = Pages::from(view, *feed, stated.next().max(record.first()))?;
    while let Some(page) = pages.next()? {
        let entries = entries_of(&page, feed)?;
        let past = |entry: &&Entry| entry.stamp.wall() < before && entry.seq <= receipted;
        let past: Vec<&Entry> = entries.iter().take_while(past).collect();
        for signed in &page.checkpoints {
            if let Some(entry) = past.iter().find(|entry| entry.seq == signed.seq) {
                let signed = Signed { seq: signed.seq, head: signed.head, signature: signed.signature };
                base = Some(Base { header: record.header, signed, stamp: entry.stamp });
            }
        }
        if past.len() < entries.len() {
            break;
        }
    }
    // A page that lies across the last base still has the checkpoint that the base was made of.
    Ok(base.filter(|base| base.seq() > stated))
}
