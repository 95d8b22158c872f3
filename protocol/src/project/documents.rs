//! The facts of each tube and box.
//!
//! Table `Documents`: 0 for a tube or 1 for a box (1 byte), barcode, 0 (1 byte), feed (16), number (8, big-endian)
//! → stamp (8, big-endian), fact. No barcode holds a zero byte, so the documents do not run into each other.

use std::collections::BTreeMap;

use super::quarantine::physical;
use super::row::{Rest, damaged, entry_key};
use crate::entry::Entry;
use crate::fact::{Fact, Subject};
use crate::id::{EntryId, FeedId, NodeKey};
use crate::tube::DocumentFact;
use crate::view::{Batch, Row, Table, View, ViewError, after_prefix};

/// Facts of one document that are read. Source: a pool of 20 with its whole history has fewer than 100; guess.
pub const DOCUMENT_FACTS_MAX: usize = 2_000;

/// Facts of one feed in one document that are read when there are more than [`DOCUMENT_FACTS_MAX`] in all, so
/// that one writer cannot push the others out of sight.
const FEED_FACTS_MAX: usize = 200;

pub(super) fn prefix(subject: &Subject) -> Vec<u8> {
    let (tag, barcode) = match subject {
        Subject::Tube(barcode) => (0, barcode),
        Subject::Box(barcode) => (1, barcode),
    };
    [&[tag], barcode.as_str().as_bytes(), &[0]].concat()
}

/// The document a key belongs to.
pub(super) fn named(key: &[u8]) -> Result<Subject, ViewError> {
    let wrong = || damaged(Table::Documents);
    let (tag, rest) = key.split_first().ok_or_else(wrong)?;
    let barcode = Rest(rest).text().and_then(|text| text.parse().ok()).ok_or_else(wrong)?;
    match tag {
        0 => Ok(Subject::Tube(barcode)),
        1 => Ok(Subject::Box(barcode)),
        _ => Err(wrong()),
    }
}

pub(super) fn write<V: View>(batch: &mut Batch<'_, V>, id: EntryId, entry: &Entry, fact: &Fact) {
    for subject in fact.subjects() {
        let mut key = prefix(&subject);
        key.extend_from_slice(&entry_key(id));
        batch.put(Table::Documents, key, [entry.stamp.0.to_be_bytes().as_slice(), &entry.fact].concat());
    }
}

/// Takes a fact out of its documents.
pub(super) fn erase<V: View>(batch: &mut Batch<'_, V>, id: EntryId, fact: &Fact) {
    for subject in fact.subjects() {
        let mut key = prefix(&subject);
        key.extend_from_slice(&entry_key(id));
        batch.remove(Table::Documents, key);
    }
}

/// Reads the facts of a document, in the order of feeds and numbers; at most [`DOCUMENT_FACTS_MAX`].
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn document_facts<V: View>(view: &V, subject: &Subject) -> Result<Vec<DocumentFact>, ViewError> {
    let prefix = prefix(subject);
    let rows = view.scan_prefix(Table::Documents, &prefix, DOCUMENT_FACTS_MAX + 1)?;
    let rows = if rows.len() > DOCUMENT_FACTS_MAX { some_of_each_feed(view, &prefix)? } else { rows };
    let mut writers: BTreeMap<FeedId, NodeKey> = BTreeMap::new();
    let mut facts = Vec::with_capacity(rows.len());
    for (key, value) in rows {
        let id = key.get(prefix.len()..).and_then(|key| Rest(key).entry());
        let mut rest = Rest(&value);
        let (Some(id), Some(stamp)) = (id, rest.stamp()) else { return Err(damaged(Table::Documents)) };
        let writer = match writers.get(&id.feed) {
            Some(writer) => *writer,
            None => {
                let (_, record) = physical(view, &id.feed)?.ok_or_else(|| damaged(Table::Documents))?;
                writers.insert(id.feed, record.header.writer);
                record.header.writer
            }
        };
        let fact = Fact::from_bytes(rest.0).map_err(|_| damaged(Table::Documents))?;
        facts.push(DocumentFact { id, writer, stamp, fact });
    }
    Ok(facts)
}

fn some_of_each_feed<V: View>(view: &V, prefix: &[u8]) -> Result<Vec<Row>, ViewError> {
    let end = after_prefix(prefix);
    let mut from = prefix.to_vec();
    let mut rows = Vec::new();
    while rows.len() < DOCUMENT_FACTS_MAX {
        let Some((first, _)) = view.scan(Table::Documents, &from, &end, 1)?.pop() else { break };
        let Some(feed) = first.get(..prefix.len() + 16) else { return Err(damaged(Table::Documents)) };
        let limit = FEED_FACTS_MAX.min(DOCUMENT_FACTS_MAX - rows.len());
        rows.extend(view.scan_prefix(Table::Documents, feed, limit)?);
        from = after_prefix(feed);
    }
    Ok(rows)
}
