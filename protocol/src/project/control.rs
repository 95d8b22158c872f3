//! Facts that change what a node accepts, to restore it from.
//!
//! Table `Control`; the values of all kinds but receipts are stamp (8 bytes, big-endian), feed (16), number (8,
//! big-endian), fact.
//!
//! | key | kept |
//! |---|---|
//! | 0, feed (16), number (8) | every certificate |
//! | 1, feed, number | every withdrawal |
//! | 2 | the newest trust list |
//! | 3 | the newest policy |
//! | 4, list (4), feed, number | every statement of a status list that revokes something |
//! | 5, list (4) | the newest statement of a list that revokes nothing: its sign of life |
//! | 6, feed (16) | the highest number receipted (8, big-endian) |
//! | 7, feed (16) | the oldest proof of that feed's fork that holds |
//! | 8, day (4), feed, number | every key of the day |
//! | 9, feed, number | every decision on a fork |
//!
//! Newest and oldest are by stamp, then entry.

use std::collections::BTreeMap;

use super::quarantine;
use super::row::{self, Rest, damaged, entry_key};
use crate::entry::Entry;
use crate::fact::{Fact, Receipt, SealKey, Status, in_a_document};
use crate::fork;
use crate::id::{EntryId, FeedId, SeqNo};
use crate::time::Stamp;
use crate::view::{Batch, Table, View, ViewError};

const ENROLLED: u8 = 0;
const WITHDRAWN: u8 = 1;
const TRUST: u8 = 2;
const POLICY: u8 = 3;
const STATUS: u8 = 4;
const STATUS_SIGN: u8 = 5;
const RECEIPT: u8 = 6;
const FORK: u8 = 7;
const SEAL_KEY: u8 = 8;
const DECIDED: u8 = 9;

fn key(kind: u8, rest: &[&[u8]]) -> Vec<u8> {
    [&[kind], rest.concat().as_slice()].concat()
}

fn value(id: EntryId, entry: &Entry) -> Vec<u8> {
    [entry.stamp.0.to_be_bytes().as_slice(), &entry_key(id), &entry.fact].concat()
}

/// Bytes of a value by which two are ordered.
const ORDER_BYTES: usize = 8 + row::ENTRY_BYTES;

fn keep<V: View>(
    batch: &mut Batch<'_, V>,
    key: Vec<u8>,
    value: Vec<u8>,
    replaces: impl FnOnce(&[u8], &[u8]) -> bool,
) -> Result<(), ViewError> {
    let held = batch.get(Table::Control, &key)?;
    let order = |value: &[u8]| value.get(..ORDER_BYTES).unwrap_or_default().to_vec();
    if held.is_none_or(|held| replaces(&order(&value), &order(&held))) {
        batch.put(Table::Control, key, value);
    }
    Ok(())
}

/// Applies a fact, if it is of these kinds.
pub(super) fn apply<V: View>(
    batch: &mut Batch<'_, V>,
    id: EntryId,
    entry: &Entry,
    fact: &Fact,
) -> Result<(), ViewError> {
    let place = entry_key(id);
    let newest = |new: &[u8], held: &[u8]| new > held;
    let oldest = |new: &[u8], held: &[u8]| new < held;
    match fact {
        Fact::Enrolled(_) => batch.put(Table::Control, key(ENROLLED, &[&place]), value(id, entry)),
        Fact::Withdrawn(fact) => {
            batch.put(Table::Control, key(WITHDRAWN, &[&place]), value(id, entry));
            quarantine::withdrawn(batch, fact)?;
        }
        Fact::ForkDecided(fact) => {
            batch.put(Table::Control, key(DECIDED, &[&place]), value(id, entry));
            quarantine::decided(batch, fact);
        }
        Fact::SealKey(SealKey { day, .. }) => {
            batch.put(Table::Control, key(SEAL_KEY, &[&day.to_be_bytes(), &place]), value(id, entry));
        }
        Fact::Status(Status { list, set, .. }) if set.is_empty() => {
            keep(batch, key(STATUS_SIGN, &[&list.to_be_bytes()]), value(id, entry), newest)?;
        }
        Fact::Status(Status { list, .. }) => {
            batch.put(Table::Control, key(STATUS, &[&list.to_be_bytes(), &place]), value(id, entry));
        }
        Fact::Trust(_) => keep(batch, key(TRUST, &[]), value(id, entry), newest)?,
        Fact::Policy(_) => keep(batch, key(POLICY, &[]), value(id, entry), newest)?,
        Fact::Receipt(receipt) => take_receipt(batch, receipt)?,
        Fact::ForkProof(proof) if fork::verify(proof).is_ok() => {
            keep(batch, key(FORK, &[&proof.header().id().0]), value(id, entry), oldest)?;
            quarantine::forked(batch, proof)?;
        }
        Fact::ForkProof(_) | in_a_document!() | Fact::Issued(_) | Fact::Revoked(_) | Fact::Pruned(_) => {}
    }
    Ok(())
}

fn take_receipt<V: View>(batch: &mut Batch<'_, V>, receipt: &Receipt) -> Result<(), ViewError> {
    for mark in &receipt.marks {
        if receipt_mark(batch, &mark.feed)?.is_none_or(|held| held < mark.seq) {
            batch.put(Table::Control, key(RECEIPT, &[&mark.feed.0]), mark.seq.0.to_be_bytes().to_vec());
        }
    }
    Ok(())
}

/// Reads the facts a node must know to go on as before, in the order of stamps, then entries.
///
/// Certificates, trust list and policy are signed by the root besides: whoever takes them up checks that again.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn control<V: View>(view: &V) -> Result<Vec<(EntryId, Fact)>, ViewError> {
    let mut facts: Vec<((Stamp, EntryId), Fact)> = Vec::new();
    for kind in [ENROLLED, WITHDRAWN, TRUST, POLICY, STATUS, STATUS_SIGN, FORK, SEAL_KEY, DECIDED] {
        row::for_each(view, Table::Control, &[kind], |_, value| {
            let mut rest = Rest(&value);
            let place = rest.stamp().zip(rest.entry()).ok_or_else(|| damaged(Table::Control))?;
            facts.push((place, Fact::from_bytes(rest.0).map_err(|_| damaged(Table::Control))?));
            Ok(())
        })?;
    }
    facts.sort_by_key(|(place, _)| *place);
    Ok(facts.into_iter().map(|((_, id), fact)| (id, fact)).collect())
}

/// Reads up to which entry the authority holds a feed durably; `None` before its first receipt.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn receipt_mark<V: View>(view: &V, feed: &FeedId) -> Result<Option<SeqNo>, ViewError> {
    let value = view.get(Table::Control, &key(RECEIPT, &[&feed.0]))?;
    value.map(|value| Rest(&value).number().map(SeqNo).ok_or_else(|| damaged(Table::Control))).transpose()
}

/// Reads up to which entry the authority holds each feed durably, heard of here or not.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn receipts<V: View>(view: &V) -> Result<BTreeMap<FeedId, SeqNo>, ViewError> {
    let mut receipts = BTreeMap::new();
    row::for_each(view, Table::Control, &[RECEIPT], |key, value| {
        let feed = Rest(key.get(1..).unwrap_or_default()).array().map(FeedId);
        let (feed, mark) = feed.zip(Rest(&value).number()).ok_or_else(|| damaged(Table::Control))?;
        receipts.insert(feed, SeqNo(mark));
        Ok(())
    })?;
    Ok(receipts)
}

/// Reads up to which entry the authority holds what is held here under a name, the last of which is `height`.
///
/// A receipt for more than is held here was given for another history, unless the feed is cut: below the cut all
/// histories are the same.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn receipted<V: View>(view: &V, name: &FeedId, height: SeqNo) -> Result<SeqNo, ViewError> {
    let mark = receipt_mark(view, name)?.unwrap_or_default();
    if mark <= height || quarantine::cut(view, name)?.is_some() { Ok(mark.min(height)) } else { Ok(SeqNo(0)) }
}

/// Reads the proofs of forks that hold, one a feed, with the entry that states each.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn fork_proofs<V: View>(view: &V) -> Result<Vec<(EntryId, Stamp, crate::fact::ForkProof)>, ViewError> {
    let mut proofs = Vec::new();
    row::for_each(view, Table::Control, &[FORK], |_, value| {
        let mut rest = Rest(&value);
        let (stamp, id) = rest.stamp().zip(rest.entry()).ok_or_else(|| damaged(Table::Control))?;
        match Fact::from_bytes(rest.0) {
            Ok(Fact::ForkProof(proof)) => proofs.push((id, stamp, proof)),
            Ok(_) | Err(_) => return Err(damaged(Table::Control)),
        }
        Ok(())
    })?;
    Ok(proofs)
}
