//! Which registrations of this site hold a telephone: one bit each, only this site's own memory, in `desk/telephones`.
//!
//! The number itself is sealed and cannot be read here again (P2). A person who comes again need not state it again:
//! the later registration says where it was typed, see [`swabmesh_protocol::telephone::Telephone`]. Whoever loses the
//! file loses the offer, and nothing else.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use swabmesh_protocol::id::{EntryId, NodeKey, Person};
use swabmesh_protocol::project::prior;
use swabmesh_protocol::time::{Stamp, Wall};
use swabmesh_protocol::view::{View, ViewError};

use crate::durable::{self, Access, WriteError};

/// Registrations remembered; more are not remembered before a restart, which forgets the older half.
///
/// Source: 1,700 a day for the 60 days that a policy keeps details by default; some 6 MB of memory.
const HELD_MAX: usize = 120_000;

/// Visits of one person that are looked through for a telephone. Source: guess; one a day for a month.
const VISITS_MAX: usize = 32;

/// The registrations whose sealed details hold a number. What the log says of them decides.
#[derive(Debug)]
pub struct Telephones {
    path: PathBuf,
    held: Mutex<BTreeSet<EntryId>>,
}

/// An earlier visit of a person here at which a telephone was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit {
    /// The registration that holds it.
    pub registration: EntryId,
    /// When it was.
    pub at: Wall,
}

impl Telephones {
    /// What a directory remembers. Lines that cannot be read remember nothing.
    ///
    /// # Errors
    /// [`WriteError`]: the directory is not there and cannot be made.
    pub fn at(directory: &Path) -> Result<Self, WriteError> {
        durable::make_directory(directory)?;
        let path = directory.join("telephones");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        // A line that a power cut tore may still read as another registration: a line ends before it counts.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let mut lines: Vec<EntryId> = whole.lines().filter_map(|line| line.parse().ok()).collect();
        if lines.len() >= HELD_MAX || whole.len() + 1 < text.len() {
            lines = lines.split_off(if lines.len() >= HELD_MAX { lines.len() - HELD_MAX / 2 } else { 0 });
            let kept: String = lines.iter().map(|entry| format!("{entry}\n")).collect();
            durable::replace(&path, kept.as_bytes(), Access::Secret)?;
        }
        Ok(Self { path, held: Mutex::new(lines.into_iter().collect()) })
    }

    /// Remembers that a registration's sealed details hold a number.
    ///
    /// # Errors
    /// [`WriteError`]: the next visit is offered nothing.
    pub fn remember(&self, registration: EntryId) -> Result<(), WriteError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= HELD_MAX || held.contains(&registration) {
            return Ok(());
        }
        let append = || -> io::Result<()> {
            let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.path)?;
            file.write_all(format!("{registration}\n").as_bytes())
        };
        append().map_err(|source| WriteError { path: self.path.clone(), source })?;
        held.insert(registration);
        Ok(())
    }

    /// Finds the newest visit of a person since a moment, registered by this node and not voided, that holds a number.
    ///
    /// # Errors
    /// [`ViewError`]: our disk.
    pub fn newest<V: View>(
        &self,
        view: &V,
        (person, own): (&Person, NodeKey),
        since: Wall,
    ) -> Result<Option<Visit>, ViewError> {
        let visits = prior(view, person, Stamp::default().next(since), VISITS_MAX)?;
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = visits.into_iter().rev().find(|visit| visit.site == own && held.contains(&visit.registration));
        Ok(newest.map(|visit| Visit { registration: visit.registration, at: visit.stamp.wall() }))
    }
}

#[cfg(test)]
mod tests {
    use swabmesh_protocol::id::{FeedId, SeqNo};

    use super::*;

    fn entry(seq: u64) -> EntryId {
        EntryId { feed: FeedId([7; 16]), seq: SeqNo(seq) }
    }

    fn held(telephones: &Telephones) -> usize {
        telephones.held.lock().unwrap().len()
    }

    #[test]
    fn what_was_remembered_is_there_after_a_restart_and_a_torn_or_foreign_line_is_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let telephones = Telephones::at(dir.path()).unwrap();
        (1..=3).chain([2]).for_each(|seq| telephones.remember(entry(seq)).unwrap());
        let path = dir.path().join("telephones");
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 3);
        std::fs::write(&path, format!("not a line\n{text}{}:4", FeedId([7; 16]))).unwrap();
        let telephones = Telephones::at(dir.path()).unwrap();
        assert_eq!(held(&telephones), 3);
        telephones.remember(entry(45)).unwrap();
        assert_eq!(held(&Telephones::at(dir.path()).unwrap()), 4, "the torn line is not glued to the next one");
    }

    #[test]
    fn of_too_many_the_older_half_is_forgotten_at_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        let text: String = (1..=HELD_MAX).map(|seq| format!("{}\n", entry(u64::try_from(seq).unwrap()))).collect();
        std::fs::write(dir.path().join("telephones"), text).unwrap();
        let telephones = Telephones::at(dir.path()).unwrap();
        assert_eq!(held(&telephones), HELD_MAX / 2);
        assert!(telephones.held.lock().unwrap().contains(&entry(u64::try_from(HELD_MAX).unwrap())));
    }
}
