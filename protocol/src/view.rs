//! What is stored, as the core reads and writes it: ordered tables of small values.
//!
//! The tables are an index: everything in them can be rebuilt from the chunks of the log.

use std::collections::BTreeMap;
use std::ops::Bound;

mod changes;

pub use changes::Changes;

/// The tables. The number is stable on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Feed → header, height, head, checkpoint, arrival.
    Heads = 1,
    /// Feed and first number → a page of entries, at most [`crate::limits::PAGE_BYTES_MAX`].
    Pages = 2,
    /// Subject and feed → the numbers of the entries that speak of a tube or a box.
    Documents = 3,
    /// The beginnings of persons → when they were registered, and in which entries.
    People = 4,
    /// What needs a person's decision.
    Flags = 5,
    /// Facts that change what a node accepts: certificates, keys, policy, status, receipts.
    Control = 6,
    /// The authority's registry of issued codes.
    Codes = 7,
    /// Counts by writer.
    Counts = 8,
    /// Cursors and other small things that may be lost.
    Meta = 9,
    /// What is kept and does not count, and where it begins.
    Quarantine = 10,
    /// What retention lets go of, and how far that has come.
    Pruned = 11,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Heads,
        Self::Pages,
        Self::Documents,
        Self::People,
        Self::Flags,
        Self::Control,
        Self::Codes,
        Self::Counts,
        Self::Meta,
        Self::Quarantine,
        Self::Pruned,
    ];
}

/// The index could not be read: our disk is at fault; stop and keep the data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the index cannot be read: {0}")]
pub struct ViewError(pub String);

/// A row: key and value.
pub type Row = (Vec<u8>, Vec<u8>);

/// Read access to the tables.
pub trait View {
    /// The value of a key.
    ///
    /// # Errors
    /// [`ViewError`] when the disk fails.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError>;

    /// At most `limit` rows with `from <= key < to`, in key order.
    ///
    /// # Errors
    /// [`ViewError`] when the disk fails.
    fn scan(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, ViewError>;

    /// The last row with `from <= key < to`.
    ///
    /// # Errors
    /// [`ViewError`] when the disk fails.
    fn last(&self, table: Table, from: &[u8], to: &[u8]) -> Result<Option<Row>, ViewError>;

    /// At most `limit` rows whose key begins with `prefix`, in key order.
    ///
    /// # Errors
    /// [`ViewError`] when the disk fails.
    fn scan_prefix(&self, table: Table, prefix: &[u8], limit: usize) -> Result<Vec<Row>, ViewError> {
        self.scan(table, prefix, &after_prefix(prefix), limit)
    }
}

/// The first key that is greater than every key with this prefix.
#[must_use]
pub fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return end;
        }
    }
    vec![0xff; prefix.len() + 33]
}

/// One change of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Which table.
    pub table: Table,
    /// Which key.
    pub key: Vec<u8>,
    /// The new value; `None` removes the key.
    pub value: Option<Vec<u8>>,
}

/// Writes not yet applied, laid over what is stored: readers see both.
#[derive(Debug)]
pub struct Batch<'v, V: View> {
    base: &'v V,
    changes: Changes,
}

impl<'v, V: View> Batch<'v, V> {
    /// An empty batch over `base`.
    pub const fn new(base: &'v V) -> Self {
        Self { base, changes: Changes::new() }
    }

    /// A batch that already holds changes.
    pub const fn over(base: &'v V, changes: Changes) -> Self {
        Self { base, changes }
    }

    /// The changes, to be laid over again later.
    #[must_use]
    pub fn into_changes(self) -> Changes {
        self.changes
    }

    /// Sets a key.
    pub fn put(&mut self, table: Table, key: Vec<u8>, value: Vec<u8>) {
        self.changes.insert(Write { table, key, value: Some(value) });
    }

    /// Removes a key.
    pub fn remove(&mut self, table: Table, key: Vec<u8>) {
        self.changes.insert(Write { table, key, value: None });
    }

    /// How many keys change.
    #[must_use]
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The changes in table and key order.
    #[must_use]
    pub fn into_writes(self) -> Vec<Write> {
        self.changes.into_writes()
    }
}

impl<V: View> View for Batch<'_, V> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError> {
        match self.changes.get(table, key) {
            Some(value) => Ok(value.clone()),
            None => self.base.get(table, key),
        }
    }

    fn scan(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, ViewError> {
        let hidden = self.changes.between(table, from, to).filter(|(_, value)| value.is_none()).count();
        let stored = self.base.scan(table, from, to, limit.saturating_add(hidden))?;
        let mut rows: BTreeMap<Vec<u8>, Vec<u8>> = stored.into_iter().collect();
        for (key, value) in self.changes.between(table, from, to) {
            match value {
                Some(value) => rows.insert(key.to_vec(), value.to_vec()),
                None => rows.remove(key),
            };
        }
        Ok(rows.into_iter().take(limit).collect())
    }

    fn last(&self, table: Table, from: &[u8], to: &[u8]) -> Result<Option<Row>, ViewError> {
        let mut end = to.to_vec();
        let stored = loop {
            match self.base.last(table, from, &end)? {
                Some((key, _)) if matches!(self.changes.get(table, &key), Some(None)) => end = key,
                found => break found,
            }
        };
        let newest =
            self.changes.between(table, from, to).rev().find_map(|(key, value)| Some((key.to_vec(), value?.to_vec())));
        Ok(match (stored, newest) {
            (Some(stored), Some(newest)) => Some(if newest.0 >= stored.0 { newest } else { stored }),
            (stored, newest) => newest.or(stored),
        })
    }
}

/// Tables in memory: the simulator's index, and the model the real store is compared with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryTables(BTreeMap<Table, BTreeMap<Vec<u8>, Vec<u8>>>);

impl MemoryTables {
    /// Applies changes.
    pub fn apply(&mut self, writes: Vec<Write>) {
        for Write { table, key, value } in writes {
            let rows = self.0.entry(table).or_default();
            match value {
                Some(value) => rows.insert(key, value),
                None => rows.remove(&key),
            };
            // Equal rows, equal tables.
            if rows.is_empty() {
                self.0.remove(&table);
            }
        }
    }

    fn rows(&self, table: Table, from: &[u8], to: &[u8]) -> impl DoubleEndedIterator<Item = Row> {
        let between = (Bound::Included(from), Bound::Excluded(to));
        let rows = self.0.get(&table).filter(|_| from < to).map(|rows| rows.range::<[u8], _>(between));
        rows.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone()))
    }
}

impl View for MemoryTables {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError> {
        Ok(self.0.get(&table).and_then(|rows| rows.get(key)).cloned())
    }

    fn scan(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, ViewError> {
        Ok(self.rows(table, from, to).take(limit).collect())
    }

    fn last(&self, table: Table, from: &[u8], to: &[u8]) -> Result<Option<Row>, ViewError> {
        Ok(self.rows(table, from, to).next_back())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_reads_as_if_it_were_already_applied() {
        let mut base = MemoryTables::default();
        let put =
            |key: &[u8], value: &[u8]| Write { table: Table::Meta, key: key.to_vec(), value: Some(value.to_vec()) };
        base.apply(vec![put(b"a", b"1"), put(b"b", b"2"), put(b"c", b"3")]);
        let mut batch = Batch::new(&base);
        batch.remove(Table::Meta, b"c".to_vec());
        batch.put(Table::Meta, b"aa".to_vec(), b"4".to_vec());
        let keys = |rows: Vec<Row>| rows.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
        assert_eq!(
            keys(batch.scan(Table::Meta, b"a", b"z", 9).unwrap()),
            [b"a".to_vec(), b"aa".to_vec(), b"b".to_vec()]
        );
        assert_eq!(batch.last(Table::Meta, b"a", b"z").unwrap().unwrap().0, b"b");
        assert_eq!(batch.get(Table::Meta, b"c").unwrap(), None);
        let expected = keys(batch.scan(Table::Meta, b"", b"z", 9).unwrap());
        let writes = batch.into_writes();
        base.apply(writes);
        assert_eq!(keys(base.scan(Table::Meta, b"", b"z", 9).unwrap()), expected);
    }

    #[test]
    fn the_key_after_a_prefix_skips_exactly_that_prefix() {
        assert_eq!(after_prefix(b"ab"), b"ac");
        assert_eq!(after_prefix(&[1, 0xff]), [2]);
    }
}
