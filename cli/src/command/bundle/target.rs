//! A bundle on its way to its file: written aside, read back in passing, synced, and never over another file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use swabmesh_protocol::bundle::Scanner;

/// A bundle in the making.
pub(super) struct Target {
    file: Aside,
    scanner: Scanner,
}

impl Target {
    /// Begins; what is at `path` already stays.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        Ok(Self { file: Aside::create(path)?, scanner: Scanner::default() })
    }

    /// Adds bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.scanner.push(bytes);
        while self.scanner.next_piece().is_some() {}
        self.file.write_all(bytes)
    }

    /// Gives the file its name, once all of it is on the disk. Returns its bytes.
    pub(super) fn finish(mut self) -> anyhow::Result<u64> {
        self.scanner.close();
        while self.scanner.next_piece().is_some() {}
        let condition = self.scanner.condition();
        if !condition.whole {
            bail!("the node broke off while it made the bundle: look at its log, and export again");
        }
        self.file.finish()?;
        Ok(condition.bytes)
    }
}

/// A file in the making, under another name until it is finished.
pub(super) struct Aside {
    path: PathBuf,
    aside: PathBuf,
    file: BufWriter<File>,
}

impl Aside {
    /// Begins; what is at `path` already stays.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        if path.exists() {
            bail!("{} exists, and a bundle is written once: name another file with --out", path.display());
        }
        let mut aside = path.as_os_str().to_owned();
        aside.push(".part");
        let aside = PathBuf::from(aside);
        let file = File::create(&aside);
        let file = file.with_context(|| format!("cannot write {}: check the stick and the path", path.display()))?;
        Ok(Self { path: path.to_owned(), aside, file: BufWriter::new(file) })
    }

    /// Gives the file its name, once all of it is on the disk.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        let kept = || format!("{} could not be finished: check the stick", self.path.display());
        self.file.flush().with_context(kept)?;
        self.file.get_ref().sync_all().with_context(kept)?;
        rename(&self.aside, &self.path).with_context(kept)?;
        let directory = self.path.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(directory).and_then(|directory| directory.sync_all()).with_context(kept)
    }
}

impl Write for Aside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // One that was finished has its name by now; of any other nothing is left behind.
        let _ = std::fs::remove_file(&self.aside);
    }
}

/// Renames unless something is there; on file systems that cannot say so in one step, after a look.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) if !to.exists() => std::fs::rename(from, to),
        renamed => Ok(renamed?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_that_broke_off_never_gets_its_name_and_a_file_that_is_there_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("day.swab");
        let mut target = Target::create(&path).unwrap();
        target.write(b"swabmesh bundle 1\n").unwrap();
        assert!(target.finish().unwrap_err().to_string().contains("broke off"));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        std::fs::write(&path, "kept").unwrap();
        assert!(Target::create(&path).err().unwrap().to_string().contains("written once"));
        assert!(rename(&dir.path().join("nothing"), &path).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"kept");
    }
}
