//! The store's directory: who may use it, what format it has, and files written all or nothing.
//!
//! ```text
//! format      `swabmesh store 1`         lock       held while a process uses the store
//! identity    epoch, checksum            journal/   segments, and `start`
//! index/      sled                       index.damaged/, index.suspect   after damage
//! ```

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::error::OpenError;
use super::frame::Arrival;
use super::journal::write_start;

/// Newest store format this program reads and the one it writes.
const FORMAT: u32 = 1;
const FORMAT_NAME: &str = "swabmesh store ";

/// Entries of a directory whose store was never completely created.
const BEFORE_FORMAT: [&str; 5] = ["lock", "identity.new", "identity", "journal", "format.new"];

/// The store's directory, locked for this process.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    lock: File,
}

/// What [`Directory::open`] found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) directory: Directory,
    pub(super) epoch: u64,
    /// The stored epoch could not be read; `epoch` is the new one.
    pub(super) epoch_renewed: bool,
}

impl Directory {
    /// Locks the directory, creates a store in an empty one, checks the format.
    pub(super) fn open(path: &Path, new_epoch: u64) -> Result<Found, OpenError> {
        create_directory(path).map_err(OpenError::at(path))?;
        let lock = lock(path)?;
        let directory = Self { path: path.to_owned(), lock };
        let created = directory.check_format()?;
        create_directory(&directory.journal()).map_err(OpenError::at(directory.journal()))?;
        let stored = if created { None } else { directory.read_epoch() };
        if stored.is_none() {
            directory.write_epoch(new_epoch).map_err(OpenError::at(directory.identity()))?;
        }
        // The format comes last: with it, the store is complete.
        if created {
            write_start(&directory.journal(), Arrival::NONE.next()).map_err(OpenError::at(directory.journal()))?;
            let format = path.join("format");
            replace_file(&format, format!("{FORMAT_NAME}{FORMAT}\n").as_bytes()).map_err(OpenError::at(format))?;
        }
        let epoch_renewed = stored.is_none() && !created;
        Ok(Found { directory, epoch: stored.unwrap_or(new_epoch), epoch_renewed })
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    fn identity(&self) -> PathBuf {
        self.path.join("identity")
    }

    fn read_epoch(&self) -> Option<u64> {
        let line = read_checked(&self.identity())?;
        u64::from_str_radix(line.strip_prefix("epoch ")?, 16).ok()
    }

    /// Makes `epoch` the store's epoch, durably.
    pub(super) fn write_epoch(&self, epoch: u64) -> io::Result<()> {
        write_checked(&self.identity(), &format!("epoch {epoch:016x}"))
    }

    /// True if the directory is to become a store, false if it is one.
    fn check_format(&self) -> Result<bool, OpenError> {
        let foreign = || OpenError::Foreign { dir: self.path.clone() };
        match fs::read_to_string(self.path.join("format")) {
            Ok(text) => {
                let version = text.trim_end().strip_prefix(FORMAT_NAME).and_then(|version| version.parse().ok());
                match version.ok_or_else(foreign)? {
                    FORMAT => Ok(false),
                    found if found > FORMAT => Err(OpenError::Newer { dir: self.path.clone(), found, known: FORMAT }),
                    _ => Err(foreign()),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let entries = fs::read_dir(&self.path).map_err(OpenError::at(&self.path))?;
                for entry in entries {
                    let name = entry.map_err(OpenError::at(&self.path))?.file_name();
                    if !BEFORE_FORMAT.iter().any(|known| name == *known) {
                        return Err(foreign());
                    }
                }
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(foreign()),
            Err(error) => Err(OpenError::at(self.path.join("format"))(error)),
        }
    }
}

impl Drop for Directory {
    /// Unlocks, rather than only closing the file: a process being started by another thread has a copy of
    /// the handle for a moment, and with it the lock.
    fn drop(&mut self) {
        if let Err(error) = flock(&self.lock, FlockOperation::Unlock) {
            tracing::warn!(%error, path = %self.path.display(), "the store is locked until its handles are closed");
        }
    }
}

/// Creates a directory whose own name is durable.
fn create_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path)?;
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync_directory)
}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join("lock");
    let file = File::options().create(true).write(true).truncate(false).open(&path).map_err(OpenError::at(&path))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::InUse { dir: dir.to_owned() }),
        Err(error) => Err(OpenError::at(path)(error.into())),
    }
}

/// Bytes a caller without privileges may still write to the file system of `path`.
pub(super) fn free_bytes(path: &Path) -> io::Result<u64> {
    let facts = rustix::fs::statvfs(path)?;
    Ok(facts.f_bavail.saturating_mul(facts.f_frsize))
}

/// Whether an error says that the file system, or its owner's share of it, has no room left.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Replaces a file so that after any crash it has the old bytes or the new.
pub(super) fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    path.parent().map_or(Ok(()), sync_directory)
}

/// Replaces a file with one line and its checksum.
pub(super) fn write_checked(path: &Path, line: &str) -> io::Result<()> {
    replace_file(path, format!("{line} {:08x}\n", crc32fast::hash(line.as_bytes())).as_bytes())
}

/// Reads a line written by [`write_checked`]; none if there is no such file or its checksum is wrong.
pub(super) fn read_checked(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let (line, crc) = text.trim_end().rsplit_once(' ')?;
    (crc == format!("{:08x}", crc32fast::hash(line.as_bytes()))).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_keeps_its_epoch_and_a_damaged_identity_gets_the_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let found = Directory::open(dir.path(), 7).unwrap();
        assert!((found.epoch, found.epoch_renewed) == (7, false));
        drop(found);
        let found = Directory::open(dir.path(), 8).unwrap();
        assert!((found.epoch, found.epoch_renewed) == (7, false));
        let identity = found.directory.identity();
        drop(found);
        let text = fs::read_to_string(&identity).unwrap();
        fs::write(&identity, text.replace("0007", "0017")).unwrap();
        let found = Directory::open(dir.path(), 9).unwrap();
        assert!((found.epoch, found.epoch_renewed) == (9, true));
    }

    #[test]
    fn a_copy_of_the_lock_in_a_starting_process_does_not_keep_the_store_locked() {
        let dir = tempfile::tempdir().unwrap();
        let directory = Directory::open(dir.path(), 1).unwrap().directory;
        let copy = directory.lock.try_clone().unwrap();
        assert!(matches!(Directory::open(dir.path(), 1), Err(OpenError::InUse { .. })));
        drop(directory);
        assert!(Directory::open(dir.path(), 1).is_ok());
        drop(copy);
    }

    #[test]
    fn a_directory_of_other_files_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("thesis.odt"), "x").unwrap();
        assert!(matches!(Directory::open(dir.path(), 1), Err(OpenError::Foreign { .. })));
        assert!(!dir.path().join("format").exists());
    }

    #[test]
    fn a_store_whose_creation_was_cut_short_at_any_step_is_completed() {
        for steps in 0..=BEFORE_FORMAT.len() {
            let dir = tempfile::tempdir().unwrap();
            for name in BEFORE_FORMAT.iter().take(steps) {
                match *name {
                    "journal" => fs::create_dir(dir.path().join(name)).unwrap(),
                    _ => fs::write(dir.path().join(name), "").unwrap(),
                }
            }
            assert_eq!(Directory::open(dir.path(), 2).unwrap().epoch, 2, "after {steps} steps");
            let found = Directory::open(dir.path(), 3).unwrap();
            assert!((found.epoch, found.epoch_renewed) == (2, false), "after {steps} steps");
        }
    }

    #[test]
    fn a_newer_format_is_refused_with_both_numbers() {
        let dir = tempfile::tempdir().unwrap();
        drop(Directory::open(dir.path(), 1).unwrap());
        fs::write(dir.path().join("format"), "swabmesh store 2\n").unwrap();
        assert!(matches!(Directory::open(dir.path(), 1), Err(OpenError::Newer { found: 2, known: 1, .. })));
        fs::write(dir.path().join("format"), [0xFF]).unwrap();
        assert!(matches!(Directory::open(dir.path(), 1), Err(OpenError::Foreign { .. })));
    }
}
