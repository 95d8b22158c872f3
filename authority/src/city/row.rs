//! The rows of the city's projection: which tables, which columns, and one digest for each table.
//!
//! Statements are one row for each thing a log entry says, keyed by the entry, and never change. States are one row
//! for each tube, and for each registration whose place there needs saying, as the core derives them from the
//! tube's document. A database that spreads tables over machines spreads statements by `feed`, states by `tube`.

use sha2::{Digest as _, Sha256};
use swabmesh_protocol::id::hex;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Raw bytes.
    Bytes,
    /// Text.
    Text,
    /// A signed number of 64 bits.
    Number,
    /// True or false.
    Flag,
}

/// A column: its name and what it holds. Everything but keys may be null.
pub type Column = (&'static str, Kind);

/// A table: its columns, of which the first few are the key.
#[derive(Debug, PartialEq, Eq)]
pub struct Shape {
    /// Its name.
    pub name: &'static str,
    /// Its columns.
    pub columns: &'static [Column],
    /// How many of them are the key; the first is what the table is spread by.
    pub key: usize,
}

use Kind::{Bytes, Flag, Number, Text};

/// Registrations as they were made.
pub static REGISTRATION: Shape = Shape {
    name: "swabmesh_registration",
    columns: &[
        ("feed", Bytes),
        ("seq", Number),
        ("at_ms", Number),
        ("day", Number),
        ("cell", Number),
        ("site", Bytes),
        ("tube", Text),
        ("person", Bytes),
        ("route", Text),
        ("document", Number),
        ("last_four", Text),
        ("name", Text),
        ("operator", Text),
        ("warnings", Number),
        ("code", Bytes),
        ("guardian", Bytes),
        ("reason", Text),
    ],
    key: 2,
};

/// What was said of tubes, boxes and registrations besides.
pub static STATEMENT: Shape = Shape {
    name: "swabmesh_statement",
    columns: &[
        ("feed", Bytes),
        ("seq", Number),
        ("part", Number),
        ("at_ms", Number),
        ("day", Number),
        ("cell", Number),
        ("writer", Bytes),
        ("kind", Text),
        ("tube", Text),
        ("box", Text),
        ("registration", Text),
        ("value", Text),
        ("operator", Text),
        ("reason", Text),
    ],
    key: 3,
};

/// Codes issued and revoked.
pub static CODE: Shape = Shape {
    name: "swabmesh_code",
    columns: &[
        ("feed", Bytes),
        ("seq", Number),
        ("at_ms", Number),
        ("day", Number),
        ("kind", Text),
        ("code", Bytes),
        ("code_kind", Number),
        ("person", Bytes),
        ("expires_ms", Number),
        ("reason", Text),
    ],
    key: 2,
};

/// Tubes as they stand.
pub static TUBE: Shape = Shape {
    name: "swabmesh_tube",
    columns: &[
        ("tube", Text),
        ("cell", Number),
        ("site", Bytes),
        ("opened_ms", Number),
        ("pool", Number),
        ("members", Number),
        ("sealed", Flag),
        ("box", Text),
        ("received", Flag),
        ("outcome", Text),
        ("stage", Text),
        ("disputed", Flag),
        ("reviewed", Flag),
        ("conflicts", Number),
        ("seen", Number),
        ("facts", Number),
    ],
    key: 1,
};

/// Registrations whose place in a tube is not simply that they were made in it.
pub static STANDING: Shape = Shape {
    name: "swabmesh_standing",
    columns: &[
        ("tube", Text),
        ("feed", Bytes),
        ("seq", Number),
        ("counts", Flag),
        ("late", Flag),
        ("moved_from", Text),
        ("moved_to", Text),
        ("seen", Number),
    ],
    key: 3,
};

/// All of them, statements before states.
pub static SHAPES: [&Shape; 5] = [&REGISTRATION, &STATEMENT, &CODE, &TUBE, &STANDING];

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing is said.
    Null,
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// Text.
    Text(String),
    /// A number.
    Number(i64),
    /// True or false.
    Flag(bool),
}

impl Value {
    /// A number that is never negative; one beyond 63 bits is shown as the largest.
    #[must_use]
    pub fn count(number: impl TryInto<i64>) -> Self {
        Self::Number(number.try_into().unwrap_or(i64::MAX))
    }

    /// A text, or nothing when it is empty.
    #[must_use]
    pub fn said(text: &str) -> Self {
        if text.is_empty() { Self::Null } else { Self::Text(text.to_owned()) }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(bytes: [u8; N]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One row, in the order of its table's columns.
pub type Row = Vec<Value>;

/// What a table holds, as one number: the same rows in any order give the same.
///
/// The sum modulo 2^256 of the SHA-256 of every row. A row is its values in order, each a tag byte and, unless it is
/// null, its length (8 bytes, big-endian) and its bytes; numbers are 8 bytes, big-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TableDigest {
    /// Rows in it.
    pub rows: u64,
    sum: [u64; 4],
}

impl TableDigest {
    /// Takes a row in.
    pub fn add(&mut self, row: &[Value]) {
        let mut hash = Sha256::new();
        for value in row {
            let number;
            let (tag, bytes): (u8, &[u8]) = match value {
                Value::Null => {
                    hash.update([0]);
                    continue;
                }
                Value::Bytes(bytes) => (1, bytes),
                Value::Text(text) => (2, text.as_bytes()),
                Value::Number(value) => {
                    number = value.to_be_bytes();
                    (3, &number)
                }
                Value::Flag(true) => (4, &[1]),
                Value::Flag(false) => (4, &[0]),
            };
            hash.update([tag]);
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        }
        self.rows += 1;
        let digest: [u8; 32] = hash.finalize().into();
        let mut carry = false;
        for (sum, word) in self.sum.iter_mut().rev().zip(digest.rchunks_exact(8)) {
            let word = word.try_into().map_or(0, u64::from_be_bytes);
            let (added, one) = sum.overflowing_add(word);
            let (added, other) = added.overflowing_add(u64::from(carry));
            (*sum, carry) = (added, one || other);
        }
    }

    /// The sum, 64 hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> String {
        self.sum.iter().map(|word| hex(&word.to_be_bytes())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_knows_rows_and_not_their_order() {
        let rows: Vec<Row> = (0..50).map(|n| vec![Value::Number(n), Value::from("x"), Value::Null]).collect();
        let digest = |rows: &mut dyn Iterator<Item = &Row>| {
            let mut digest = TableDigest::default();
            rows.for_each(|row| digest.add(row));
            digest
        };
        let all = digest(&mut rows.iter());
        assert_eq!(all, digest(&mut rows.iter().rev()));
        assert_ne!(all, digest(&mut rows.iter().skip(1)));
        assert_ne!(all, digest(&mut rows.iter().chain(rows.first())), "a row twice is not a row once");
        let empty_text = digest(&mut [vec![Value::from("")]].iter());
        assert_ne!(empty_text, digest(&mut [vec![Value::Null]].iter()));
    }
}
