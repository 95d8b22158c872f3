//! Changes that are not in the tables yet.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::{Table, Write};

/// Keys of a table and what they change to; `None` removes the key.
type Rows = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Changes by table and key.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    tables: BTreeMap<Table, Rows>,
    len: usize,
}

impl Changes {
    /// No change.
    #[must_use]
    pub const fn new() -> Self {
        Self { tables: BTreeMap::new(), len: 0 }
    }

    /// Changes a key, in place of an earlier change of it.
    pub fn insert(&mut self, Write { table, key, value }: Write) {
        if self.tables.entry(table).or_default().insert(key, value).is_none() {
            self.len += 1;
        }
    }

    /// How many keys change.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing changes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The changes in table and key order.
    #[must_use]
    pub fn into_writes(self) -> Vec<Write> {
        let rows = |(table, rows): (Table, Rows)| rows.into_iter().map(move |(key, value)| Write { table, key, value });
        self.tables.into_iter().flat_map(rows).collect()
    }

    /// What a key changes to, if it does.
    pub(super) fn get(&self, table: Table, key: &[u8]) -> Option<&Option<Vec<u8>>> {
        self.tables.get(&table)?.get(key)
    }

    /// The changes of a table with `from <= key < to`, in key order.
    pub(super) fn between(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
    ) -> impl DoubleEndedIterator<Item = (&[u8], Option<&[u8]>)> {
        let between = (Bound::Included(from), Bound::Excluded(to));
        let rows = self.tables.get(&table).filter(|_| from < to).map(|rows| rows.range::<[u8], _>(between));
        rows.into_iter().flatten().map(|(key, value)| (key.as_slice(), value.as_deref()))
    }
}
