//! Rows of an older layout become rows of this one, before anything else reads them.
//!
//! Table `Meta`: `layout` → the version of all rows (4 bytes, big-endian), 2. Without it they are of version 1, or
//! there are none. In version 1 a fact had a row in `Documents` for each of its documents, with the fact in it, and
//! each visit a row in `People`:
//!
//! | table | key of version 1 |
//! |---|---|
//! | `Documents` | 0 for a tube or 1 for a box, barcode, 0, feed (16), number (8, big-endian) |
//! | `People` | person (16), stamp (8, big-endian), feed (16), number (8, big-endian) |
//!
//! Their keys say all that is needed, and no key of version 2 is as long: rows that were done already are told apart.

use super::documents::{named, note};
use super::people::visits::{VISIT_BYTES, Visit, held};
use super::row::{ENTRY_BYTES, Rest, damaged};
use crate::view::{Batch, Table, View, ViewError};

/// Version of the rows that this program reads and writes.
const LAYOUT: u32 = 2;
/// Key of that version, in table `Meta`.
const KEY: &[u8] = b"layout";

/// Rows of one step. A row of version 1 becomes two changes, or rarely more when a row of visits is split.
const STEP_ROWS: usize = 64;

/// The way from an older layout to this one.
#[derive(Debug)]
pub struct Relayout {
    /// Where the walk goes on; `None` when all rows are done.
    next: Option<(Table, Vec<u8>)>,
}

/// Why rows cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// Our disk.
    #[error(transparent)]
    View(#[from] ViewError),
    /// A newer program wrote them.
    #[error("the index has layout {found}, this program reads up to {LAYOUT}: use the newer program")]
    Newer {
        /// Their version.
        found: u32,
    },
}

impl Relayout {
    /// Looks which layout the rows have; `None` when it is this one.
    ///
    /// # Errors
    /// [`LayoutError`].
    pub fn begin<V: View>(view: &V) -> Result<Option<Self>, LayoutError> {
        let found = match view.get(Table::Meta, KEY)? {
            Some(value) => u32::from_be_bytes(Rest(&value).array().ok_or_else(|| damaged(Table::Meta))?),
            None => 1,
        };
        match found {
            LAYOUT => Ok(None),
            1 => Ok(Some(Self { next: Some((Table::Documents, Vec::new())) })),
            found => Err(LayoutError::Newer { found }),
        }
    }

    /// Rewrites some rows; tells whether there are more. To be called again on top of this batch once it is committed.
    ///
    /// Each step leaves every visit and every fact's place in one layout or the other: a walk that was cut short begins again.
    ///
    /// # Errors
    /// [`ViewError`]: our disk.
    pub fn step<V: View>(&mut self, batch: &mut Batch<'_, V>) -> Result<bool, ViewError> {
        let Some((table, from)) = self.next.take() else { return Ok(false) };
        let rows = batch.scan(table, &from, &[0xff; 64], STEP_ROWS)?;
        self.next = match (rows.last(), table) {
            (Some((last, _)), _) => Some((table, [last.as_slice(), &[0]].concat())),
            (None, Table::Documents) => Some((Table::People, Vec::new())),
            (None, _) => None,
        };
        for (key, _) in rows {
            if table == Table::Documents {
                let (subject, rest) = named(&key)?;
                if rest.len() == ENTRY_BYTES
                    && let Some(id) = Rest(rest).entry()
                {
                    note(batch, &subject, id)?;
                    batch.remove(table, key);
                }
            } else if let Ok(visit) = <[u8; VISIT_BYTES]>::try_from(key.as_slice()) {
                held(batch, &visit)?.insert(batch, Visit(visit));
                batch.remove(table, key);
            }
        }
        if self.next.is_none() {
            batch.put(Table::Meta, KEY.to_vec(), LAYOUT.to_be_bytes().to_vec());
        }
        Ok(self.next.is_some())
    }
}
