//! Where the visits of a person lie: rows of many, because what sled charges for is rows.
//!
//! A visit (48 bytes) is person (16), stamp (8, big-endian), feed (16), number (8, big-endian) of a registration.
//!
//! | key in table `People` | value |
//! |---|---|
//! | half bytes, 5 to 8 (1 byte), so many of the person's first half bytes, filled up with a zero | the visits of all persons that begin so, ascending, at most 80; nothing: they are more, and lie in rows of one half byte more |
//! | 9, visit | nothing: what is beyond the first 80 visits of a row of 8 half bytes |
//!
//! Which rows there are follows from the visits alone, and one visit more or less changes 20 rows at most. A person is a
//! keyed hash, so rows fill evenly: some ten visits at ten million.

use crate::id::{EntryId, Person};
use crate::limits::PAGE_BYTES_MAX;
use crate::project::row::{Rest, damaged, entry_key};
use crate::time::Stamp;
use crate::view::{Batch, Table, View, ViewError, after_prefix};

/// Half bytes of a person in the key of the widest rows: a million of them.
const FIRST_DEPTH: u8 = 5;
/// Half bytes in the key of the narrowest.
const LAST_DEPTH: u8 = 8;
/// Begins the key of a visit that has a row to itself.
const ALONE: u8 = LAST_DEPTH + 1;

/// Bytes of a visit.
pub(in crate::project) const VISIT_BYTES: usize = 48;
/// Visits of one row.
const ROW_VISITS_MAX: usize = 80;

const _: () = assert!(ROW_VISITS_MAX * VISIT_BYTES <= PAGE_BYTES_MAX, "a row fits a value of the store");

/// A registration of a person: whose, when, in which entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::project) struct Visit(pub(in crate::project) [u8; VISIT_BYTES]);

impl Visit {
    pub(super) fn new(person: &Person, stamp: Stamp, id: EntryId) -> Self {
        let mut bytes = [0; VISIT_BYTES];
        let (of, at) = bytes.split_at_mut(16);
        let (when, entry) = at.split_at_mut(8);
        of.copy_from_slice(&person.0);
        when.copy_from_slice(&stamp.0.to_be_bytes());
        entry.copy_from_slice(&entry_key(id));
        Self(bytes)
    }

    pub(super) fn told(&self) -> Option<(Person, Stamp, EntryId)> {
        let mut rest = Rest(&self.0);
        Some((rest.person()?, rest.stamp()?, rest.entry()?))
    }

    fn alone(&self) -> Vec<u8> {
        [[ALONE].as_slice(), &self.0].concat()
    }
}

/// The key of a row of this depth, for what begins with these bytes.
fn row_key(bytes: &[u8], depth: u8) -> Vec<u8> {
    let halves = usize::from(depth);
    let mut key = Vec::with_capacity(1 + halves.div_ceil(2));
    key.push(depth);
    key.extend(bytes.iter().take(halves.div_ceil(2)));
    if halves % 2 == 1
        && let Some(last) = key.last_mut()
    {
        *last &= 0xf0;
    }
    key
}

/// The row in which the visits of a person lie, others' among them.
pub(in crate::project) struct Held {
    depth: u8,
    /// Visits side by side, ascending.
    row: Vec<u8>,
}

/// Reads the row in which the visits of a person lie, or would.
pub(in crate::project) fn held<V: View>(view: &V, person: &[u8]) -> Result<Held, ViewError> {
    let mut depth = FIRST_DEPTH;
    loop {
        match view.get(Table::People, &row_key(person, depth))? {
            Some(row) if row.is_empty() && depth < LAST_DEPTH => depth += 1,
            Some(row) if row.len().is_multiple_of(VISIT_BYTES) => return Ok(Held { depth, row }),
            Some(_) => return Err(damaged(Table::People)),
            None => return Ok(Held { depth, row: Vec::new() }),
        }
    }
}

impl Held {
    fn visits(&self) -> &[[u8; VISIT_BYTES]] {
        self.row.as_chunks().0
    }

    /// Whether visits may follow that have rows to themselves.
    fn is_full(&self) -> bool {
        self.depth == LAST_DEPTH && self.visits().len() >= ROW_VISITS_MAX
    }

    fn between(&self, from: &[u8], to: &[u8]) -> impl DoubleEndedIterator<Item = Visit> {
        let visits = self.visits();
        let first = visits.partition_point(|visit| visit.as_slice() < from);
        let past = visits.partition_point(|visit| visit.as_slice() < to);
        visits.get(first..past).unwrap_or_default().iter().copied().map(Visit)
    }

    pub(super) fn contains<V: View>(&self, view: &V, visit: &Visit) -> Result<bool, ViewError> {
        let here = self.visits().binary_search(&visit.0).is_ok();
        Ok(here || (self.is_full() && view.get(Table::People, &visit.alone())?.is_some()))
    }

    /// At most `limit` visits from one key to before another, the first of them, ascending.
    pub(super) fn first<V: View>(
        &self,
        view: &V,
        (from, to): (&[u8], &[u8]),
        limit: usize,
    ) -> Result<Vec<Visit>, ViewError> {
        let mut found: Vec<Visit> = self.between(from, to).take(limit).collect();
        if self.is_full() && found.len() < limit {
            let (from, to) = ([&[ALONE], from].concat(), [&[ALONE], to].concat());
            for (key, _) in view.scan(Table::People, &from, &to, limit - found.len())? {
                found.push(visit(&key)?);
            }
        }
        Ok(found)
    }

    /// At most `limit` visits from one key to before another, the last of them, descending.
    pub(super) fn last<V: View>(
        &self,
        view: &V,
        (from, to): (&[u8], &[u8]),
        limit: usize,
    ) -> Result<Vec<Visit>, ViewError> {
        let mut found = Vec::new();
        if self.is_full() {
            let (from, mut to) = ([&[ALONE], from].concat(), [&[ALONE], to].concat());
            while found.len() < limit
                && let Some((key, _)) = view.last(Table::People, &from, &to)?
            {
                found.push(visit(&key)?);
                to = key;
            }
        }
        found.extend(self.between(from, to).rev().take(limit - found.len()));
        Ok(found)
    }

    /// Adds a visit to the row, or to more rows.
    pub(in crate::project) fn insert<V: View>(mut self, batch: &mut Batch<'_, V>, new: Visit) {
        if let Err(at) = self.visits().binary_search(&new.0) {
            if self.is_full() && at == self.visits().len() {
                batch.put(Table::People, new.alone(), Vec::new());
            } else {
                self.row.splice(at * VISIT_BYTES..at * VISIT_BYTES, new.0);
                self.spread(batch);
            }
        }
    }

    /// Writes the visits into their row, or into more rows.
    fn spread<V: View>(mut self, batch: &mut Batch<'_, V>) {
        let Some(first) = self.visits().first().copied() else { return };
        let (depth, key) = (self.depth, row_key(&first, self.depth));
        if self.visits().len() <= ROW_VISITS_MAX {
            batch.put(Table::People, key, self.row);
        } else if depth == LAST_DEPTH {
            for visit in self.visits().iter().skip(ROW_VISITS_MAX) {
                batch.put(Table::People, Visit(*visit).alone(), Vec::new());
            }
            self.row.truncate(ROW_VISITS_MAX * VISIT_BYTES);
            batch.put(Table::People, key, self.row);
        } else {
            batch.put(Table::People, key, Vec::new());
            for part in self.visits().chunk_by(|one, next| row_key(one, depth + 1) == row_key(next, depth + 1)) {
                Self { depth: depth + 1, row: part.as_flattened().to_vec() }.spread(batch);
            }
        }
    }
}

fn visit(key: &[u8]) -> Result<Visit, ViewError> {
    let bytes = key.get(1..).and_then(|visit| visit.try_into().ok());
    bytes.map(Visit).ok_or_else(|| damaged(Table::People))
}

/// Takes a visit away; rows that are no longer needed go with it.
pub(super) fn remove<V: View>(batch: &mut Batch<'_, V>, gone: &Visit) -> Result<(), ViewError> {
    let mut held = held(batch, &gone.0)?;
    let was_full = held.is_full();
    match held.visits().binary_search(&gone.0) {
        Ok(at) => drop(held.row.drain(at * VISIT_BYTES..(at + 1) * VISIT_BYTES)),
        Err(_) => {
            batch.remove(Table::People, gone.alone());
            return Ok(());
        }
    }
    if was_full && let Some(next) = alone(batch, gone)? {
        batch.remove(Table::People, next.alone());
        held.row.extend_from_slice(&next.0);
    }
    let mut depth = held.depth;
    if held.row.is_empty() {
        batch.remove(Table::People, row_key(&gone.0, depth));
    } else {
        batch.put(Table::People, row_key(&gone.0, depth), held.row);
    }
    while depth > FIRST_DEPTH {
        depth -= 1;
        let Some((rows, row)) = below(batch, gone, depth)? else { break };
        rows.into_iter().for_each(|key| batch.remove(Table::People, key));
        batch.put(Table::People, row_key(&gone.0, depth), row);
    }
    Ok(())
}

/// The first visit beyond a full row of the last depth.
fn alone<V: View>(view: &V, of: &Visit) -> Result<Option<Visit>, ViewError> {
    let row = row_key(&of.0, LAST_DEPTH);
    let prefix = [[ALONE].as_slice(), row.get(1..).unwrap_or_default()].concat();
    view.scan_prefix(Table::People, &prefix, 1)?.first().map(|(key, _)| visit(key)).transpose()
}

/// Keys of rows, and their visits side by side.
type Rows = (Vec<Vec<u8>>, Vec<u8>);

/// The rows one half byte below a row, and their visits; `None` when those are more than fit a row.
fn below<V: View>(view: &V, of: &Visit, depth: u8) -> Result<Option<Rows>, ViewError> {
    let (mut rows, mut row) = (Vec::new(), Vec::new());
    let from = [[depth + 1].as_slice(), row_key(&of.0, depth).get(1..).unwrap_or_default()].concat();
    // The half byte that follows an odd number of them is the lower of the last byte.
    let to = match from.split_last() {
        Some((last, head)) if depth % 2 == 1 => after_prefix(&[head, &[last | 0x0f]].concat()),
        _ => after_prefix(&from),
    };
    for (key, value) in view.scan(Table::People, &from, &to, 16)? {
        let held = Held { depth: depth + 1, row: value };
        let more = match held.visits().first() {
            Some(first) => held.is_full() && alone(view, &Visit(*first))?.is_some(),
            None => true,
        };
        row.extend_from_slice(&held.row);
        if more || row.len() > ROW_VISITS_MAX * VISIT_BYTES {
            return Ok(None);
        }
        rows.push(key);
    }
    Ok(Some((rows, row)))
}

#[cfg(test)]
mod tests;
