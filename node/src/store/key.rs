//! Tables, keys and ranges of the index, and their place in its one tree: table number, then key.

/// Bytes of the longest key. Source: guess; the longest of the core are near 80.
pub const KEY_BYTES_MAX: usize = 256;

/// Table of the store's own records.
pub(super) const OWN_TABLE: u8 = 0;

/// One of a caller's tables, by its number on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Table(u8);

impl Table {
    /// The table of this number, for a constant.
    ///
    /// # Panics
    /// For 0, which is the store's own; a programmer's error that does not compile in a constant.
    #[must_use]
    pub const fn new(id: u8) -> Self {
        assert!(id != OWN_TABLE, "table 0 is the store's own");
        Self(id)
    }
}

/// Keys from one to another of a table, in byte order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyRange {
    from: Vec<u8>,
    before: Option<Vec<u8>>,
}

impl KeyRange {
    /// All keys of the table.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// The keys that begin so.
    #[must_use]
    pub fn prefix(prefix: impl Into<Vec<u8>>) -> Self {
        let from = prefix.into();
        Self { before: successor(from.clone()), from }
    }

    /// The key given and those after it.
    #[must_use]
    pub fn starting_at(mut self, from: impl Into<Vec<u8>>) -> Self {
        self.from = self.from.max(from.into());
        self
    }

    /// Only keys before the one given.
    #[must_use]
    pub fn before(mut self, before: impl Into<Vec<u8>>) -> Self {
        let before = before.into();
        self.before = Some(self.before.map_or(before.clone(), |now| now.min(before)));
        self
    }

    pub(super) fn in_tree(&self, table: Table) -> (Vec<u8>, Option<Vec<u8>>) {
        let from = tree_key(table, &self.from);
        let before = match &self.before {
            Some(before) => Some(tree_key(table, before)),
            None => successor(vec![table.0]),
        };
        (from, before)
    }
}

/// The first key after all that begin with `prefix`; none if there is no such key.
fn successor(mut prefix: Vec<u8>) -> Option<Vec<u8>> {
    while let Some(last) = prefix.pop() {
        if let Some(next) = last.checked_add(1) {
            prefix.push(next);
            return Some(prefix);
        }
    }
    None
}

pub(super) fn tree_key(table: Table, key: &[u8]) -> Vec<u8> {
    let mut tree_key = Vec::with_capacity(1 + key.len());
    tree_key.push(table.0);
    tree_key.extend_from_slice(key);
    tree_key
}

/// Which end of a range comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Smallest key first.
    Ascending,
    /// Largest key first.
    Descending,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_key_that_lacks_it() {
        assert_eq!(successor(vec![1, 2]), Some(vec![1, 3]));
        assert_eq!(successor(vec![1, 255, 255]), Some(vec![2]));
        assert_eq!(successor(vec![255]), None);
        assert_eq!(successor(vec![]), None);
        let last = Table::new(255);
        assert_eq!(KeyRange::prefix([255]).in_tree(last), (vec![255, 255], None));
        assert_eq!(KeyRange::prefix([255]).in_tree(Table::new(3)), (vec![3, 255], Some(vec![4])));
        assert_eq!(KeyRange::prefix([7]).starting_at([7, 1]).before([7, 2]).in_tree(last).1, Some(vec![255, 7, 2]));
    }
}
