//! How much each node did.
//!
//! Table `Counts`: 0 (1 byte), writer (32) → [`Counts`] as a CBOR array; 1 (1 byte), hour since 1970 UTC (4,
//! big-endian), writer (32) → registrations (8, big-endian). The hour is the writer's claim.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};
use serde::Serialize;

use super::row::{self, Rest, damaged};
use crate::fact::{Outcome, Route};
use crate::id::NodeKey;
use crate::time::Stamp;
use crate::view::{Batch, Table, View, ViewError, after_prefix};

const WRITER: u8 = 0;
const HOUR: u8 = 1;
const MS_PER_HOUR: u64 = 3_600_000;

/// What one node did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct Counts {
    /// Registrations, voided ones too.
    #[n(0)]
    pub registered: u64,
    /// Of those, registrations that no longer count, whoever voided them.
    #[n(1)]
    pub voided: u64,
    /// Registrations by [`Route`], in its order.
    #[n(2)]
    pub by_route: [u64; 7],
    /// Tubes opened.
    #[n(3)]
    pub opened: u64,
    /// Seals; a tube that was reopened has one more.
    #[n(4)]
    pub sealed: u64,
    /// Readings stated, corrections too, by [`Outcome`], in its order.
    #[n(5)]
    pub by_outcome: [u64; 4],
}

impl Counts {
    pub(super) fn register(&mut self, route: Route) {
        self.registered += 1;
        if let Some(count) = self.by_route.get_mut(route as usize) {
            *count += 1;
        }
    }

    pub(super) fn unregister(&mut self, route: Route) {
        self.registered -= 1;
        if let Some(count) = self.by_route.get_mut(route as usize) {
            *count -= 1;
        }
    }

    pub(super) fn unread(&mut self, outcome: Outcome) {
        if let Some(count) = self.by_outcome.get_mut(outcome as usize) {
            *count -= 1;
        }
    }

    pub(super) fn read(&mut self, outcome: Outcome) {
        if let Some(count) = self.by_outcome.get_mut(outcome as usize) {
            *count += 1;
        }
    }
}

fn writer_key(writer: &NodeKey) -> Vec<u8> {
    [&[WRITER], writer.0.as_slice()].concat()
}

fn hour_key(hour: u32, writer: &NodeKey) -> Vec<u8> {
    [[HOUR].as_slice(), &hour.to_be_bytes(), &writer.0].concat()
}

/// Counts that change while a chunk is applied; each row is read once and written once.
#[derive(Default)]
pub(super) struct Tally {
    /// Whether somebody said whether an entry of the chunk counts; if not, none has to be asked for.
    pub(super) judged: bool,
    writers: BTreeMap<NodeKey, Counts>,
    hours: BTreeMap<(u32, NodeKey), i64>,
}

impl Tally {
    pub(super) fn new(judged: bool) -> Self {
        Self { judged, ..Self::default() }
    }

    pub(super) fn of<V: View>(&mut self, view: &V, writer: NodeKey) -> Result<&mut Counts, ViewError> {
        Ok(match self.writers.entry(writer) {
            std::collections::btree_map::Entry::Occupied(counts) => counts.into_mut(),
            std::collections::btree_map::Entry::Vacant(counts) => {
                counts.insert(row::read(view, Table::Counts, &writer_key(&writer))?.unwrap_or_default())
            }
        })
    }

    pub(super) fn hour(&mut self, writer: NodeKey, stamp: Stamp) {
        self.hour_change(writer, stamp, 1);
    }

    pub(super) fn hour_less(&mut self, writer: NodeKey, stamp: Stamp) {
        self.hour_change(writer, stamp, -1);
    }

    fn hour_change(&mut self, writer: NodeKey, stamp: Stamp, change: i64) {
        // 48 bits of milliseconds are 78 million hours.
        let hour = u32::try_from(stamp.wall().0 / MS_PER_HOUR).unwrap_or(u32::MAX);
        *self.hours.entry((hour, writer)).or_default() += change;
    }

    pub(super) fn flush<V: View>(&mut self, batch: &mut Batch<'_, V>) -> Result<(), ViewError> {
        for (writer, counts) in std::mem::take(&mut self.writers) {
            if counts == Counts::default() {
                batch.remove(Table::Counts, writer_key(&writer));
            } else {
                batch.put(Table::Counts, writer_key(&writer), row::encode(&counts));
            }
        }
        for ((hour, writer), more) in std::mem::take(&mut self.hours) {
            let key = hour_key(hour, &writer);
            let stored = match batch.get(Table::Counts, &key)? {
                Some(value) => Rest(&value).number().ok_or_else(|| damaged(Table::Counts))?,
                None => 0,
            };
            match stored.saturating_add_signed(more) {
                0 => batch.remove(Table::Counts, key),
                count => batch.put(Table::Counts, key, count.to_be_bytes().to_vec()),
            }
        }
        Ok(())
    }
}

/// Reads what every node did, in the order of keys.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn counts<V: View>(view: &V) -> Result<Vec<(NodeKey, Counts)>, ViewError> {
    let mut all = Vec::new();
    row::for_each(view, Table::Counts, &[WRITER], |key, value| {
        let writer = key.get(1..).and_then(|key| key.try_into().ok()).ok_or_else(|| damaged(Table::Counts))?;
        all.push((NodeKey(writer), row::decode(Table::Counts, &value)?));
        Ok(())
    })?;
    Ok(all)
}

/// Registrations of one node in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct HourCount {
    /// Hours since 1970 UTC, as the writer claims.
    pub hour: u32,
    /// Who registered.
    pub writer: NodeKey,
    /// How many.
    pub registered: u64,
}

/// Reads registrations by hour and node for the hours `from..to`, at most `limit` rows.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn hours<V: View>(view: &V, from: u32, to: u32, limit: usize) -> Result<Vec<HourCount>, ViewError> {
    let at = |hour: u32| [[HOUR].as_slice(), &hour.to_be_bytes()].concat();
    let end = if to == u32::MAX { after_prefix(&[HOUR]) } else { at(to) };
    let read = |(key, value): (Vec<u8>, Vec<u8>)| {
        let mut rest = Rest(key.get(1..)?);
        let (hour, writer) = (u32::from_be_bytes(rest.array()?), NodeKey(rest.array()?));
        Some(HourCount { hour, writer, registered: Rest(&value).number()? })
    };
    let rows = view.scan(Table::Counts, &at(from), &end, limit)?;
    rows.into_iter().map(|row| read(row).ok_or_else(|| damaged(Table::Counts))).collect()
}
