//! Small files that must be whole after a power cut: written aside, synced, renamed, directory synced.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Its owner: mode 0600.
    Secret,
    /// Everybody: mode 0644.
    Public,
}

/// A file could not be written; what was there before still is.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be written: check free space, owner and permissions")]
pub struct WriteError {
    /// Which file or directory.
    pub path: PathBuf,
    /// What the system says.
    #[source]
    pub source: io::Error,
}

/// Replaces a file, or makes it, as a whole; durable when it returns.
///
/// # Errors
/// [`WriteError`].
pub fn replace(path: &Path, bytes: &[u8], access: Access) -> Result<(), WriteError> {
    let aside = beside(path);
    let write = || {
        let mode = match access {
            Access::Secret => 0o600,
            Access::Public => 0o644,
        };
        // A left-over from a crash may have another mode.
        match std::fs::remove_file(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&aside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&aside, path)?;
        path.parent().map_or(Ok(()), sync_directory)
    };
    write().map_err(|source| WriteError { path: path.to_owned(), source })
}

/// Moves a file within one file system; durable when it returns.
///
/// # Errors
/// [`WriteError`].
pub fn rename(from: &Path, to: &Path) -> Result<(), WriteError> {
    let write = || {
        std::fs::rename(from, to)?;
        [from, to].into_iter().filter_map(Path::parent).try_for_each(sync_directory)
    };
    write().map_err(|source| WriteError { path: to.to_owned(), source })
}

/// Removes a file; durable when it returns.
///
/// # Errors
/// [`WriteError`].
pub fn remove(path: &Path) -> Result<(), WriteError> {
    let remove = || {
        std::fs::remove_file(path)?;
        path.parent().map_or(Ok(()), sync_directory)
    };
    remove().map_err(|source| WriteError { path: path.to_owned(), source })
}

/// Makes a directory, and those above it, for its owner only unless they exist.
///
/// # Errors
/// [`WriteError`].
pub fn make_directory(path: &Path) -> Result<(), WriteError> {
    let make = || {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        path.parent().map_or(Ok(()), sync_directory)
    };
    make().map_err(|source| WriteError { path: path.to_owned(), source })
}

/// Where a file is written before it takes its place.
fn beside(path: &Path) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    PathBuf::from(beside)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    // The parent of a bare file name is the empty path: where we are.
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_is_for_its_owner_only_even_after_a_crash_left_something() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("inner/node.key");
        make_directory(path.parent().unwrap()).unwrap();
        std::fs::write(beside(&path), "left over").unwrap();
        replace(&path, b"one", Access::Secret).unwrap();
        replace(&path, b"two", Access::Secret).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn the_directory_of_a_bare_name_is_where_we_are() {
        assert_eq!(Path::new("answer").parent(), Some(Path::new("")));
        sync_directory(Path::new("")).unwrap();
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let error = replace(Path::new("/proc/nowhere/x"), b"", Access::Public).unwrap_err();
        assert!(error.to_string().starts_with("/proc/nowhere/x cannot be written"), "{error}");
    }
}
