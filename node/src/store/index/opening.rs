//! Opening the index, or putting a damaged one aside and beginning an empty one.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::{OnceLock, RwLock};
use std::thread;
use std::time::Duration;

use super::{Fault, Index, THROUGH_KEY, guarded, remove_if_there};
use crate::store::directory::{free_bytes, is_full, sync_directory};
use crate::store::error::OpenError;
use crate::store::frame::Arrival;
use crate::store::recovery::IndexFound;

/// Records read to see whether an index can be read, 0.4 s at the slowest rate measured.
///
/// Damage further on is found by whoever meets it, and repaired at the next start.
const PROBE_RECORDS_MAX: usize = 200_000;

/// Bytes of one segment of sled's log, 16 times its default.
///
/// Sled overwrites a segment once its pages were written again elsewhere, and takes `sync_file_range` for proof
/// of that, which does not survive a power cut. The overwriting begins a whole segment later at the earliest,
/// so one sync of the file a segment makes it safe. Source: sled 0.34.7, `pagecache/segment.rs`; by reading
/// only: 75 power cuts with sled's default and no such syncs lost nothing.
pub(super) const LOG_SEGMENT_BYTES: usize = 8 * 1024 * 1024;

/// How often a locked index is tried again; its last handle's threads may still be letting go.
const LOCK_TRIES: u32 = 40;
const LOCK_WAIT: Duration = Duration::from_millis(50);

/// What [`open`] found.
#[derive(Debug)]
pub(in crate::store) struct Found {
    pub(in crate::store) index: Index,
    pub(in crate::store) found: IndexFound,
    pub(in crate::store) through: Arrival,
    pub(in crate::store) half_snapshots: usize,
}

/// Opens the index of the store in `store`; a damaged one is put aside for an empty one.
pub(in crate::store) fn open(store: &Path, cache_bytes: u64, floor: u64) -> Result<Found, OpenError> {
    let dir = store.join("index");
    let existed = dir.exists();
    let half_snapshots = if existed { remove_half_snapshots(&dir).map_err(OpenError::at(&dir))? } else { 0 };
    let (db, found) = match open_unless_suspect(&dir, cache_bytes) {
        Ok(db) => (db, if existed { IndexFound::Intact } else { IndexFound::Created }),
        Err(Fault::Broken(reason)) => {
            let kept_at = put_aside(&dir).map_err(OpenError::at(&dir))?;
            let db = open_readable(&dir, cache_bytes).map_err(|fault| not_opened(fault, store, &dir, floor))?;
            (db, IndexFound::Rebuilt { kept_at, reason })
        }
        Err(fault @ Fault::Io(_)) => return Err(not_opened(fault, store, &dir, floor)),
    };
    sync_directory(&dir).and_then(|()| sync_directory(store)).map_err(OpenError::at(&dir))?;
    let through = read_through(&db).map_err(|fault| not_opened(fault, store, &dir, floor))?;
    let index = Index {
        dir,
        cache_bytes,
        db: RwLock::new(Some(db)),
        unsynced_keys: AtomicUsize::new(0),
        damage: OnceLock::new(),
    };
    Ok(Found { index, found, through, half_snapshots })
}

/// Opens sled and reads through its first records.
pub(super) fn open_readable(dir: &Path, cache_bytes: u64) -> Result<sled::Db, Fault> {
    make_durable(dir).map_err(Fault::Io)?;
    let config = sled::Config::new()
        .path(dir)
        .cache_capacity(cache_bytes)
        .segment_size(LOG_SEGMENT_BYTES)
        .use_compression(false)
        .flush_every_ms(None);
    let mut tries = 1;
    let db = loop {
        match guarded(|| config.open()) {
            Ok(db) => break db,
            Err(Fault::Io(error)) if is_locked(&error) && tries < LOCK_TRIES => {
                tries += 1;
                thread::sleep(LOCK_WAIT);
            }
            Err(Fault::Io(error)) if is_damage(&error) => return Err(Fault::Broken(error.to_string())),
            Err(fault) => return Err(fault),
        }
    };
    guarded(|| db.iter().take(PROBE_RECORDS_MAX).try_for_each(|record| record.map(drop)))?;
    Ok(db)
}

/// Syncs what a killed process left in the page cache: sled reuses the space of what that replaced.
fn make_durable(dir: &Path) -> io::Result<()> {
    match File::open(dir.join("db")) {
        Ok(file) => file.sync_all(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Where a running store notes that the next start has to rebuild the index.
pub(super) fn suspect_path(dir: &Path) -> PathBuf {
    dir.with_extension("suspect")
}

fn open_unless_suspect(dir: &Path, cache_bytes: u64) -> Result<sled::Db, Fault> {
    if let Ok(reason) = fs::read(suspect_path(dir)) {
        return Err(Fault::Broken(String::from_utf8_lossy(&reason).into_owned()));
    }
    open_readable(dir, cache_bytes)
}

/// Sled takes a half-written snapshot for a whole one and then refuses to open (1 in 330 kills).
fn remove_half_snapshots(dir: &Path) -> io::Result<usize> {
    let mut removed = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Renames the damaged index, in place of an earlier one, and forgets the suspicion.
fn put_aside(dir: &Path) -> io::Result<PathBuf> {
    let kept_at = dir.with_extension("damaged");
    if kept_at.exists() {
        fs::remove_dir_all(&kept_at)?;
    }
    if dir.exists() {
        fs::rename(dir, &kept_at)?;
    }
    remove_if_there(&suspect_path(dir))?;
    Ok(kept_at)
}

fn read_through(db: &sled::Db) -> Result<Arrival, Fault> {
    let stored = guarded(|| db.get(THROUGH_KEY))?;
    Ok(stored.and_then(|bytes| Some(Arrival(u64::from_be_bytes(bytes.as_ref().try_into().ok()?)))).unwrap_or_default())
}

fn is_locked(error: &io::Error) -> bool {
    error.to_string().contains("could not acquire lock")
}

/// Errors of the file's content, rather than of its place, its owner or the room left.
fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput)
        || error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}

fn not_opened(fault: Fault, store: &Path, dir: &Path, floor: u64) -> OpenError {
    let source = match fault {
        Fault::Io(error) => error,
        Fault::Broken(reason) => io::Error::other(reason),
    };
    if is_full(&source) {
        OpenError::Full { free: free_bytes(store).unwrap_or(0), floor }
    } else {
        OpenError::Io { path: dir.to_owned(), source }
    }
}
