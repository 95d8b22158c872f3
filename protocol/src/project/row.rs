//! Keys and values as bytes, and the walk over many rows.

use minicbor::{Decode, Encode, Encoder};

use crate::id::{EntryId, FeedId, Person, SeqNo};
use crate::time::Stamp;
use crate::view::{Row, Table, View, ViewError, after_prefix};

/// Bytes of an entry's id in a key: feed (16), number (8, big-endian).
pub(super) const ENTRY_BYTES: usize = 24;

/// Rows read at a time by a walk over a whole table.
const WALK_ROWS: usize = 512;

/// A row does not have the layout this version writes: our disk is at fault, the tables must be rebuilt.
pub(super) fn damaged(table: Table) -> ViewError {
    ViewError(format!("a row of {table:?} does not have the layout of this version"))
}

pub(super) fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut e = Encoder::new(Vec::with_capacity(96));
    // Writing to a vector cannot fail.
    let _ = e.encode(value);
    e.into_writer()
}

pub(super) fn decode<'b, T: Decode<'b, ()>>(table: Table, bytes: &'b [u8]) -> Result<T, ViewError> {
    minicbor::decode(bytes).map_err(|_| damaged(table))
}

/// Reads the value of a key that holds CBOR.
pub(super) fn read<T: for<'b> Decode<'b, ()>>(
    view: &impl View,
    table: Table,
    key: &[u8],
) -> Result<Option<T>, ViewError> {
    view.get(table, key)?.map(|bytes| decode(table, &bytes)).transpose()
}

pub(super) fn entry_key(id: EntryId) -> [u8; ENTRY_BYTES] {
    let mut key = [0; ENTRY_BYTES];
    let (feed, seq) = key.split_at_mut(16);
    feed.copy_from_slice(&id.feed.0);
    seq.copy_from_slice(&id.seq.0.to_be_bytes());
    key
}

/// What is left of a key or value while it is read from the front.
pub(super) struct Rest<'b>(pub(super) &'b [u8]);

impl<'b> Rest<'b> {
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn stamp(&mut self) -> Option<Stamp> {
        self.number().map(Stamp)
    }

    pub(super) fn person(&mut self) -> Option<Person> {
        self.array().map(Person)
    }

    pub(super) fn entry(&mut self) -> Option<EntryId> {
        Some(EntryId { feed: FeedId(self.array()?), seq: SeqNo(self.number()?) })
    }

    /// The bytes before the next zero, which is skipped.
    pub(super) fn text(&mut self) -> Option<&'b str> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let (text, rest) = self.0.split_at_checked(end)?;
        self.0 = rest.get(1..)?;
        std::str::from_utf8(text).ok()
    }
}

/// Visits every row whose key begins with `prefix`, in key order, a bounded number at a time.
pub(super) fn for_each<V: View>(
    view: &V,
    table: Table,
    prefix: &[u8],
    mut visit: impl FnMut(&[u8], Vec<u8>) -> Result<(), ViewError>,
) -> Result<(), ViewError> {
    let end = after_prefix(prefix);
    let mut from = prefix.to_vec();
    loop {
        let rows: Vec<Row> = view.scan(table, &from, &end, WALK_ROWS)?;
        let full = rows.len() == WALK_ROWS;
        for (key, value) in rows {
            visit(&key, value)?;
            from = key;
        }
        if !full {
            return Ok(());
        }
        // The smallest key after the last one seen.
        from.push(0);
    }
}
