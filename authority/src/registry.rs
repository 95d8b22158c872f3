//! The registry: what the authority keeps of residents beside its log.
//!
//! A change is a set of rows. It is one frame of a journal of its own, and done once it is on disk and in the index;
//! the journal keeps every frame, so a damaged index is built again from it. Rows that can be made again (texts of
//! codes, remembered answers) go to the index only.
//!
//! Frame: CBOR array of rows, each array(3): table uint, key bstr, value bstr or null.

use std::path::Path;
use std::sync::Arc;

use minicbor::{Decode, Encode};
use swabmesh_node::store::error::{OpenError, StoreError};
use swabmesh_node::store::frame::{Arrival, FrameKind};
use swabmesh_node::store::index::{Record, Write};
use swabmesh_node::store::key::{KeyRange, Order, Table};
use swabmesh_node::store::options::StoreOptions;
use swabmesh_node::store::{Opened, Store};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Changes under way; more wait in their callers. Half of what the store's queues take, so that it never turns one away.
const UNDER_WAY_MAX: usize = 512;

/// Memory for the index. Source: guess; 25 M residents have some 10 GB of rows.
const CACHE_BYTES: u64 = 128 * 1024 * 1024;

/// A table of the registry, with its number on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Rows {
    /// Person (16 bytes) → [`crate::residents::Resident`].
    Residents = 1,
    /// Number of the link (8) → [`crate::relatives::Link`].
    Links = 2,
    /// Guardian (16), number of the link (8) → nothing.
    ByGuardian = 3,
    /// Relative (16), number of the link (8) → nothing.
    ByRelative = 4,
    /// Person (16), kind (1) → [`crate::issuing::shelf::Shelved`]. Not in the journal.
    Texts = 5,
    /// Hash of channel and key (32), part (2) → a part of the answer. Not in the journal.
    Answers = 6,
    /// Place in the ring (8) → the answer's hash and parts. Not in the journal.
    Ring = 7,
}

impl Rows {
    const ALL: [Self; 7] =
        [Self::Residents, Self::Links, Self::ByGuardian, Self::ByRelative, Self::Texts, Self::Answers, Self::Ring];

    const fn table(self) -> Table {
        Table::new(self as u8)
    }
}

/// One row to be set, or removed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Row {
    #[n(0)]
    table: u8,
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    key: Vec<u8>,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    value: Option<Vec<u8>>,
}

impl Row {
    /// Sets a row.
    #[must_use]
    pub fn put(rows: Rows, key: impl Into<Vec<u8>>, value: &impl Encode<()>) -> Self {
        Self::put_bytes(rows, key, minicbor::to_vec(value).unwrap_or_default())
    }

    /// Sets a row to bytes that are not CBOR.
    #[must_use]
    pub fn put_bytes(rows: Rows, key: impl Into<Vec<u8>>, value: Vec<u8>) -> Self {
        Self { table: rows as u8, key: key.into(), value: Some(value) }
    }

    /// Removes a row.
    #[must_use]
    pub fn remove(rows: Rows, key: impl Into<Vec<u8>>) -> Self {
        Self { table: rows as u8, key: key.into(), value: None }
    }

    fn write(self) -> Option<Write> {
        let table = Rows::ALL.into_iter().find(|rows| *rows as u8 == self.table)?.table();
        Some(match self.value {
            Some(value) => Write::put(table, self.key, value),
            None => Write::delete(table, self.key),
        })
    }
}

/// Why the registry did not answer. Nothing was changed, unless a change is named as not known.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row cannot be read.
    #[error("a row of the registry cannot be read: restart the authority, it repairs itself")]
    Damaged,
    /// The authority is stopping.
    #[error("the registry is closed: the authority is stopping")]
    Closed,
}

/// Why the registry does not open.
#[derive(Debug, thiserror::Error)]
pub enum RegistryOpenError {
    /// The store.
    #[error("the registry: {0}")]
    Open(#[from] OpenError),
    /// The journal cannot be applied to the index.
    #[error(transparent)]
    Replay(#[from] RegistryError),
}

/// The registry of one authority. Clones share it.
#[derive(Debug, Clone)]
pub struct Registry {
    store: Store,
    room: Arc<Semaphore>,
}

type Told = oneshot::Sender<Result<(), RegistryError>>;

impl Registry {
    /// Opens the registry in a directory, or makes one; applies what the index lacks.
    ///
    /// `epoch` is random; it only tells stores apart.
    ///
    /// # Errors
    /// [`RegistryOpenError`].
    pub fn open(directory: &Path, epoch: u64) -> Result<Self, RegistryOpenError> {
        let options = StoreOptions { cache_bytes: CACHE_BYTES, ..StoreOptions::new(epoch) };
        let Opened { store, recovery, .. } = Store::open(directory, &options)?;
        if !recovery.is_clean() {
            tracing::warn!(?recovery, "the registry was repaired");
        }
        for frame in store.frames(recovery.indexed_through.next()) {
            let frame = frame.map_err(RegistryError::Store)?;
            let rows: Vec<Row> = minicbor::decode(&frame.payload).map_err(|_| RegistryError::Damaged)?;
            let (told, done) = std::sync::mpsc::sync_channel(1);
            let writes = rows.into_iter().filter_map(Row::write).collect();
            let tell = Box::new(move |result| {
                let _ = told.send(result);
            });
            store.index(writes, frame.arrival, tell).map_err(|refused| RegistryError::Store(refused.why))?;
            done.recv().map_err(|_| RegistryError::Closed)?.map_err(RegistryError::Store)?;
        }
        Ok(Self { store, room: Arc::new(Semaphore::new(UNDER_WAY_MAX)) })
    }

    /// Changes rows; returns when that is on disk and can be read.
    ///
    /// # Errors
    /// [`RegistryError`]; after [`RegistryError::Closed`] the change may be on disk or not.
    pub async fn change(&self, rows: Vec<Row>) -> Result<(), RegistryError> {
        let room = self.room().await?;
        let (told, done) = oneshot::channel();
        let (store, frame) = (self.store.clone(), minicbor::to_vec(&rows).map_err(|_| RegistryError::Damaged)?);
        let durable = move |result: Result<Arrival, StoreError>| match result {
            Ok(arrival) => index(&store, rows, arrival, (told, room)),
            Err(error) => drop(told.send(Err(error.into()))),
        };
        self.store.persist(FrameKind::Own, frame, Box::new(durable)).map_err(|refused| refused.why)?;
        done.await.map_err(|_| RegistryError::Closed)?
    }

    /// Changes rows that can be made again; returns when they can be read. A power cut may take them.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn note(&self, rows: Vec<Row>) -> Result<(), RegistryError> {
        let room = self.room().await?;
        let (told, done) = oneshot::channel();
        index(&self.store, rows, Arrival::NONE, (told, room));
        done.await.map_err(|_| RegistryError::Closed)?
    }

    async fn room(&self) -> Result<OwnedSemaphorePermit, RegistryError> {
        Arc::clone(&self.room).acquire_owned().await.map_err(|_| RegistryError::Closed)
    }

    /// Reads a row. May wait for the disk.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn get<T: for<'b> Decode<'b, ()>>(&self, rows: Rows, key: &[u8]) -> Result<Option<T>, RegistryError> {
        let bytes = self.bytes(rows, key)?;
        bytes.map(|bytes| minicbor::decode(&bytes).map_err(|_| RegistryError::Damaged)).transpose()
    }

    /// Reads the bytes of a row. May wait for the disk.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn bytes(&self, rows: Rows, key: &[u8]) -> Result<Option<Vec<u8>>, RegistryError> {
        Ok(self.store.get(rows.table(), key)?)
    }

    /// The keys of a table that begin so, after `after`, and their values. May wait for the disk.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn scan(
        &self,
        rows: Rows,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Record>, RegistryError> {
        let mut range = KeyRange::prefix(prefix);
        if let Some(after) = after {
            range = range.starting_at([after, &[0]].concat());
        }
        Ok(self.store.scan(rows.table(), &range, Order::Ascending, limit)?)
    }

    /// The last row of a table.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn last(&self, rows: Rows) -> Result<Option<Record>, RegistryError> {
        Ok(self.store.scan(rows.table(), &KeyRange::all(), Order::Descending, 1)?.into_iter().next())
    }

    /// Tells of every value that a table was ever given, removed ones included: as the journal holds them.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn history(&self, rows: Rows, mut each: impl FnMut(&[u8], &[u8])) -> Result<(), RegistryError> {
        for frame in self.store.frames(Arrival::NONE.next()) {
            let told: Vec<Row> = minicbor::decode(&frame?.payload).map_err(|_| RegistryError::Damaged)?;
            for row in told.iter().filter(|row| row.table == rows as u8) {
                if let Some(value) = &row.value {
                    each(&row.key, value);
                }
            }
        }
        Ok(())
    }

    /// Finishes what is under way and closes the files.
    ///
    /// # Errors
    /// [`RegistryError`]: what was answered is safe all the same.
    pub fn close(self) -> Result<(), RegistryError> {
        Ok(self.store.close()?)
    }
}

/// Hands rows to the index. The room is given back when they can be read.
fn index(store: &Store, rows: Vec<Row>, through: Arrival, (told, room): (Told, OwnedSemaphorePermit)) {
    let writes: Vec<Write> = rows.into_iter().filter_map(Row::write).collect();
    let told = Arc::new(std::sync::Mutex::new(Some(told)));
    let tell = |told: &std::sync::Mutex<Option<Told>>, result| {
        let told = told.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        // Whoever asked may have gone; what was done stays done.
        told.map(|told| told.send(result))
    };
    let later = Arc::clone(&told);
    let done = Box::new(move |result: Result<(), StoreError>| {
        let _ = tell(&later, result.map_err(RegistryError::Store));
        drop(room);
    });
    if let Err(refused) = store.index(writes, through, done) {
        let _ = tell(&told, Err(refused.why.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_changed_is_there_after_a_restart_and_after_the_index_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let registry = Registry::open(dir.path(), 1).unwrap();
        registry
            .change(vec![Row::put(Rows::Links, [1; 8], &7_u8), Row::put(Rows::Links, [2; 8], &8_u8)])
            .await
            .unwrap();
        registry.change(vec![Row::remove(Rows::Links, [2; 8])]).await.unwrap();
        assert_eq!(registry.get::<u8>(Rows::Links, &[1; 8]).unwrap(), Some(7));
        registry.close().unwrap();
        std::fs::remove_dir_all(dir.path().join("index")).unwrap();
        let registry = Registry::open(dir.path(), 2).unwrap();
        assert_eq!(registry.get::<u8>(Rows::Links, &[1; 8]).unwrap(), Some(7));
        assert_eq!(registry.scan(Rows::Links, &[], None, 9).unwrap().len(), 1);
    }
}
