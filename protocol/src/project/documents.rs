//! Which entries speak of each tube and box; what they say stands in the pages of the log.
//!
//! Table `Documents`: 0 for a tube or 1 for a box (1 byte), barcode, 0 (1 byte), feed (16), the first seven bytes of
//! numbers (big-endian) → the last bytes of those numbers, ascending. No barcode holds a zero byte, so the documents do
//! not run into each other.

use super::quarantine::{cut, physical};
use super::ranges;
use super::rename;
use super::row::{self, Rest, damaged};
use crate::fact::{Fact, Subject};
use crate::id::{EntryId, FeedId, SeqNo};
use crate::tube::DocumentFact;
use crate::view::{Batch, Row, Table, View, ViewError, after_prefix};

/// Facts of one document that are read. Source: a pool of 20 with its whole history has fewer than 100; guess.
pub const DOCUMENT_FACTS_MAX: usize = 2_000;

/// Facts of one feed in one document that are read when there are more than [`DOCUMENT_FACTS_MAX`] in all, so
/// that one writer cannot push the others out of sight.
const FEED_FACTS_MAX: usize = 200;

/// Entries of one feed that speak of one document, ascending.
type Named = (FeedId, Vec<SeqNo>);

pub(super) fn prefix(subject: &Subject) -> Vec<u8> {
    let (tag, barcode) = match subject {
        Subject::Tube(barcode) => (0, barcode),
        Subject::Box(barcode) => (1, barcode),
    };
    [&[tag], barcode.as_str().as_bytes(), &[0]].concat()
}

/// The document a key belongs to, and what of the key follows.
pub(super) fn named(key: &[u8]) -> Result<(Subject, &[u8]), ViewError> {
    let wrong = || damaged(Table::Documents);
    let (tag, rest) = key.split_first().ok_or_else(wrong)?;
    let mut rest = Rest(rest);
    let barcode = rest.text().and_then(|text| text.parse().ok()).ok_or_else(wrong)?;
    match tag {
        0 => Ok((Subject::Tube(barcode), rest.0)),
        1 => Ok((Subject::Box(barcode), rest.0)),
        _ => Err(wrong()),
    }
}

/// Where an entry is noted: the row's key, and the byte in its value.
fn place(subject: &Subject, id: EntryId) -> (Vec<u8>, u8) {
    let [high @ .., low] = id.seq.0.to_be_bytes();
    ([prefix(subject).as_slice(), &id.feed.0, &high].concat(), low)
}

pub(super) fn write<V: View>(batch: &mut Batch<'_, V>, id: EntryId, fact: &Fact) -> Result<(), ViewError> {
    fact.subjects().iter().try_for_each(|subject| note(batch, subject, id))
}

/// Notes that an entry speaks of a document.
pub(super) fn note<V: View>(batch: &mut Batch<'_, V>, subject: &Subject, id: EntryId) -> Result<(), ViewError> {
    let (key, low) = place(subject, id);
    let mut lows = batch.get(Table::Documents, &key)?.unwrap_or_default();
    if let Err(at) = lows.binary_search(&low) {
        lows.insert(at, low);
        batch.put(Table::Documents, key, lows);
    }
    Ok(())
}

/// Takes a fact out of its documents.
pub(super) fn erase<V: View>(batch: &mut Batch<'_, V>, id: EntryId, fact: &Fact) -> Result<(), ViewError> {
    for subject in fact.subjects() {
        let (key, low) = place(&subject, id);
        let mut lows = batch.get(Table::Documents, &key)?.unwrap_or_default();
        lows.retain(|each| *each != low);
        if lows.is_empty() {
            batch.remove(Table::Documents, key);
        } else {
            batch.put(Table::Documents, key, lows);
        }
    }
    Ok(())
}

/// Reads the facts of a document, in the order of feeds and numbers; at most [`DOCUMENT_FACTS_MAX`].
///
/// Entries whose pages are here no longer are left out.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn document_facts<V: View>(view: &V, subject: &Subject) -> Result<Vec<DocumentFact>, ViewError> {
    let mut facts = Vec::new();
    for (feed, numbers) in spoken(view, subject)? {
        let (pages, record) = physical(view, &feed)?.ok_or_else(|| damaged(Table::Documents))?;
        let (writer, of) = (record.header.writer, record.header.id());
        // Entries of a branch speak of each other by the name of the feed.
        let above = if feed == of { None } else { cut(view, &of)?.map(|cut| cut.from) };
        for (seq, stamp, bytes) in ranges::facts(view, &pages, record.page_first, &numbers)? {
            let bytes = above.map_or_else(|| bytes.clone(), |from| rename::above(&bytes, &of, from, &feed));
            let fact = Fact::from_bytes(&bytes).map_err(|_| damaged(Table::Documents))?;
            facts.push(DocumentFact { id: EntryId { feed, seq }, writer, stamp, fact });
        }
    }
    Ok(facts)
}

/// Reads which feeds speak of which documents, in the order of documents.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn speakers<V: View>(view: &V) -> Result<Vec<(Subject, FeedId)>, ViewError> {
    let mut speakers = Vec::new();
    row::for_each(view, Table::Documents, &[], |key, _| {
        let (subject, rest) = named(key)?;
        let feed = Rest(rest).array().map(FeedId).ok_or_else(|| damaged(Table::Documents))?;
        speakers.push((subject, feed));
        Ok(())
    })?;
    speakers.dedup();
    Ok(speakers)
}

/// The entries that speak of a document, by feed.
fn spoken<V: View>(view: &V, subject: &Subject) -> Result<Vec<Named>, ViewError> {
    let prefix = prefix(subject);
    let rows = view.scan_prefix(Table::Documents, &prefix, DOCUMENT_FACTS_MAX + 1)?;
    let mut spoken = Vec::new();
    rows.iter().try_for_each(|row| add(&mut spoken, row))?;
    if spoken.iter().map(|(_, numbers)| numbers.len()).sum::<usize>() > DOCUMENT_FACTS_MAX {
        some_of_each_feed(view, &prefix)
    } else {
        Ok(spoken)
    }
}

fn some_of_each_feed<V: View>(view: &V, prefix: &[u8]) -> Result<Vec<Named>, ViewError> {
    let end = after_prefix(prefix);
    let mut from = prefix.to_vec();
    let (mut spoken, mut room) = (Vec::new(), DOCUMENT_FACTS_MAX);
    while room > 0 {
        let Some((first, _)) = view.scan(Table::Documents, &from, &end, 1)?.pop() else { break };
        let Some(feed) = first.get(..prefix.len() + 16) else { return Err(damaged(Table::Documents)) };
        let limit = FEED_FACTS_MAX.min(room);
        let mut of_feed = Vec::new();
        for row in view.scan_prefix(Table::Documents, feed, limit)? {
            add(&mut of_feed, &row)?;
        }
        of_feed.iter_mut().for_each(|(_, numbers)| numbers.truncate(limit));
        room -= of_feed.iter().map(|(_, numbers)| numbers.len()).sum::<usize>();
        spoken.append(&mut of_feed);
        from = after_prefix(feed);
    }
    Ok(spoken)
}

/// Adds the entries of a row to those of the rows before it.
fn add(spoken: &mut Vec<Named>, (key, lows): &Row) -> Result<(), ViewError> {
    let mut rest = Rest(named(key)?.1);
    let (Some(feed), Some(high)) = (rest.array().map(FeedId), rest.array::<7>()) else {
        return Err(damaged(Table::Documents));
    };
    let high = high.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)) << 8;
    let numbers = lows.iter().map(|low| SeqNo(high | u64::from(*low)));
    match spoken.last_mut() {
        Some((last, held)) if *last == feed => held.extend(numbers),
        Some(_) | None => spoken.push((feed, numbers.collect())),
    }
    Ok(())
}
