//! The index: an ordered map in sled, disposable, guarded against everything sled is known to do.
//!
//! One tree holds all tables, so that a batch over several of them is one atomic write. Sled 0.34.7 panics on
//! one flipped bit in 34 of 40 trials, stays poisoned after a full disk, and keeps no acknowledged write
//! through a power cut without an fsync of our own (store-crdt study, §3): every call runs guarded, the
//! handle can be replaced while readers wait, and a checkpoint syncs the file itself.

mod opening;

use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use swabmesh_protocol::limits::PAGE_BYTES_MAX;

use super::directory::{replace_file, sync_directory};
use super::error::StoreError;
use super::frame::Arrival;
use super::key::{KEY_BYTES_MAX, KeyRange, OWN_TABLE, Order, Table, tree_key};

pub(super) use opening::open;

/// Bytes of the longest value. Larger ones go to files that sled never syncs.
pub const VALUE_BYTES_MAX: usize = PAGE_BYTES_MAX;

/// Keys written between two syncs of sled's file.
///
/// Sled takes its own flush, which is no fsync, as proof that a segment of its log may be written over; so its file is
/// synced at least once for each segment's worth of log. Source: a key costs 0.4 to 0.6 KB on average (store-crdt
/// study, §2b) and some 10 KB when it is a page, a fifth of ours: 2.6 MB for this many keys, a third of
/// a segment of sled's log. The worst case, every key splitting a leaf of full pages, would be 225 KB a key: a sync every
/// 32 keys was built first, and made the index follow the log at 30 registrations for each fsync of the disk.
const UNSYNCED_KEYS_MAX: usize = 1_024;

/// Keys of one batch, its own record apart.
///
/// A registration's rows cost sled 37 µs of processor in batches of 64 keys, 27 in batches of 250 and 25 in batches of
/// 1,000, which took 640 MB of memory (store-crdt study, §2b).
pub(crate) const BATCH_KEYS_MAX: usize = 255;

/// Keys that a caller hands over at once and that are applied at once, so that rows that belong together are never apart.
///
/// The core aims at [`BATCH_KEYS_MAX`]; eight entries of a hostile writer change some 400 more.
pub(super) const WHOLE_KEYS_MAX: usize = UNSYNCED_KEYS_MAX - 1;

/// Own record: arrival up to which frames are indexed, u64 big-endian.
const THROUGH_KEY: [u8; 2] = [OWN_TABLE, b't'];

/// One change of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    table: Table,
    key: Vec<u8>,
    value: Option<Vec<u8>>,
}

impl Write {
    /// Sets a key's value. Key ≤ [`KEY_BYTES_MAX`], value ≤ [`VALUE_BYTES_MAX`], or the call that takes it refuses.
    #[must_use]
    pub fn put(table: Table, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        Self { table, key: key.into(), value: Some(value.into()) }
    }

    /// Removes a key, if it is there.
    #[must_use]
    pub fn delete(table: Table, key: impl Into<Vec<u8>>) -> Self {
        Self { table, key: key.into(), value: None }
    }

    pub(super) fn bytes(&self) -> usize {
        1 + self.key.len() + self.value.as_ref().map_or(0, Vec::len)
    }

    pub(super) fn check(&self) -> Result<(), StoreError> {
        let value_bytes = self.value.as_ref().map_or(0, Vec::len);
        if self.key.len() > KEY_BYTES_MAX {
            Err(StoreError::KeySize { bytes: self.key.len() })
        } else if value_bytes > VALUE_BYTES_MAX {
            Err(StoreError::ValueSize { bytes: value_bytes })
        } else {
            Ok(())
        }
    }
}

/// A key and its value.
pub type Record = (Vec<u8>, Vec<u8>);

/// Why sled did not do something.
#[derive(Debug)]
pub(super) enum Fault {
    /// A file could not be read or written; another handle may do better.
    Io(io::Error),
    /// It broke, or found its own files broken.
    Broken(String),
}

/// Runs a call of sled, taking a panic for damage.
fn guarded<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, Fault> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(error))) => Err(Fault::Io(error)),
        Ok(Err(other)) => Err(Fault::Broken(other.to_string())),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
            Err(Fault::Broken(text.lines().next().unwrap_or_default().to_owned()))
        }
    }
}

/// The index. Reads come from any thread, writes from one.
#[derive(Debug)]
pub(super) struct Index {
    dir: PathBuf,
    cache_bytes: u64,
    /// None while it is being opened again, and after closing.
    db: RwLock<Option<sled::Db>>,
    /// Keys written since the last sync; only the writing thread looks.
    unsynced_keys: AtomicUsize,
    /// Why it is not used any more.
    damage: OnceLock<Arc<str>>,
}

impl Index {
    /// The value of a key.
    pub(super) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let key = tree_key(table, key);
        self.read(|db| Ok(db.get(&key)?.map(|value| value.to_vec())))
    }

    /// At most `limit` records of a range.
    pub(super) fn scan(
        &self,
        table: Table,
        range: &KeyRange,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let (from, before) = range.in_tree(table);
        if before.as_ref().is_some_and(|before| *before <= from) {
            return Ok(Vec::new());
        }
        self.read(|db| {
            let mut records = match before {
                Some(before) => db.range(from..before),
                None => db.range(from..),
            };
            let mut found = Vec::new();
            while found.len() < limit {
                let record = match order {
                    Order::Ascending => records.next(),
                    Order::Descending => records.next_back(),
                };
                let Some(record) = record else { break };
                let (key, value) = record?;
                found.push((key.get(1..).unwrap_or_default().to_vec(), value.to_vec()));
            }
            Ok(found)
        })
    }

    /// Applies up to [`WHOLE_KEYS_MAX`] writes at once, and notes that frames up to `through` are indexed.
    pub(super) fn apply(&self, writes: &[Write], through: Option<Arrival>) -> Result<(), Fault> {
        assert!(writes.len() <= WHOLE_KEYS_MAX, "the index thread splits batches");
        let mut batch = sled::Batch::default();
        for write in writes {
            assert!(write.check().is_ok(), "the store checks sizes before it queues");
            let key = tree_key(write.table, &write.key);
            match &write.value {
                Some(value) => batch.insert(key, value.as_slice()),
                None => batch.remove(key),
            }
        }
        if let Some(through) = through {
            batch.insert(&THROUGH_KEY, &through.0.to_be_bytes());
        }
        let keys = writes.len() + usize::from(through.is_some());
        if self.unsynced_keys.load(Relaxed) + keys > UNSYNCED_KEYS_MAX {
            self.sync()?;
        }
        self.unsynced_keys.fetch_add(keys, Relaxed);
        let db = self.lock();
        let db = db.as_ref().ok_or_else(|| Fault::Io(closed()))?;
        guarded(|| db.apply_batch(batch))
    }

    /// Makes everything applied so far safe from power cuts.
    pub(super) fn checkpoint(&self) -> Result<(), Fault> {
        self.sync()?;
        sync_directory(&self.dir).map_err(Fault::Io)
    }

    /// Flushes sled and syncs its file, because sled's own flush does not reach the disk.
    fn sync(&self) -> Result<(), Fault> {
        let db = self.lock();
        let db = db.as_ref().ok_or_else(|| Fault::Io(closed()))?;
        guarded(|| db.flush())?;
        File::open(self.dir.join("db")).and_then(|file| file.sync_all()).map_err(Fault::Io)?;
        self.unsynced_keys.store(0, Relaxed);
        Ok(())
    }

    /// Replaces a poisoned handle. What was applied since the last checkpoint may be gone.
    pub(super) fn reopen(&self) -> Result<(), Fault> {
        let mut db = self.db.write().unwrap_or_else(PoisonError::into_inner);
        drop_guarded(db.take());
        *db = Some(opening::open_readable(&self.dir, self.cache_bytes)?);
        self.unsynced_keys.store(0, Relaxed);
        Ok(())
    }

    /// Closes sled. Reads are refused from now on.
    pub(super) fn close(&self) {
        drop_guarded(self.db.write().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Stops using the index, and has the next start rebuild it.
    pub(super) fn condemn(&self, reason: &str) -> StoreError {
        let reason = self.damage.get_or_init(|| {
            tracing::error!(reason, "the index is damaged; the next start rebuilds it");
            let suspect = opening::suspect_path(&self.dir);
            if let Err(error) = replace_file(&suspect, reason.as_bytes()) {
                tracing::error!(%error, path = %suspect.display(), "the damage could not be noted");
            }
            reason.into()
        });
        StoreError::IndexDamaged { reason: reason.clone() }
    }

    /// The error of every call once the index is damaged.
    pub(super) fn damage(&self) -> Option<StoreError> {
        self.damage.get().map(|reason| StoreError::IndexDamaged { reason: reason.clone() })
    }

    fn read<T>(&self, call: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T, StoreError> {
        if let Some(damage) = self.damage() {
            return Err(damage);
        }
        let db = self.lock();
        let db = db.as_ref().ok_or_else(|| StoreError::index(closed()))?;
        guarded(|| call(db)).map_err(|fault| match fault {
            Fault::Io(error) => StoreError::index(error),
            Fault::Broken(reason) => self.condemn(&reason),
        })
    }

    fn lock(&self) -> RwLockReadGuard<'_, Option<sled::Db>> {
        self.db.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn closed() -> io::Error {
    io::Error::other("the index is not open")
}

/// Dropping a handle flushes, and sled unwraps the result.
fn drop_guarded(db: Option<sled::Db>) {
    if catch_unwind(AssertUnwindSafe(|| drop(db))).is_err() {
        tracing::warn!("the index could not be flushed while closing; its last writes come from the journal");
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_inside_becomes_a_fault_with_its_text() {
        let fault = guarded(|| -> sled::Result<()> { panic!("page {} is gone", 3) });
        assert!(matches!(fault, Err(Fault::Broken(text)) if text == "page 3 is gone"));
    }
}
