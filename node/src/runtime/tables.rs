//! The store's index, as the core reads it.

use swabmesh_protocol::io::Arrival;
use swabmesh_protocol::view::{Row, Table, View, ViewError, Write};

use crate::store::error::StoreError;
use crate::store::key::{self, KeyRange, Order};
use crate::store::{Store, frame, index};

/// The core's tables in a store's index.
#[derive(Debug, Clone)]
pub struct Tables(Store);

impl Tables {
    /// Those of this store.
    #[must_use]
    pub const fn new(store: Store) -> Self {
        Self(store)
    }

    /// The store they lie in.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.0
    }
}

const fn place(table: Table) -> key::Table {
    key::Table::new(table as u8)
}

fn failed(error: &StoreError) -> ViewError {
    ViewError(error.to_string())
}

/// A change in the store's own terms.
#[must_use]
pub fn store_write(write: Write) -> index::Write {
    match write.value {
        Some(value) => index::Write::put(place(write.table), write.key, value),
        None => index::Write::delete(place(write.table), write.key),
    }
}

/// A place in the arrival order, in the core's terms.
pub(super) const fn arrival(of: frame::Arrival) -> Arrival {
    Arrival(of.0)
}

impl View for Tables {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError> {
        self.0.get(place(table), key).map_err(|error| failed(&error))
    }

    fn scan(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, ViewError> {
        let range = KeyRange::all().starting_at(from).before(to);
        self.0.scan(place(table), &range, Order::Ascending, limit).map_err(|error| failed(&error))
    }

    fn last(&self, table: Table, from: &[u8], to: &[u8]) -> Result<Option<Row>, ViewError> {
        let range = KeyRange::all().starting_at(from).before(to);
        let rows = self.0.scan(place(table), &range, Order::Descending, 1).map_err(|error| failed(&error))?;
        Ok(rows.into_iter().next())
    }
}
