//! Which segments exist and how far each is durable, shared between writing, replaying and deleting.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::frame::Arrival;
use super::journal::write_start;

/// One segment, as far as it is durable.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) first: Arrival,
    /// Its last frame; below `first` as long as it has none.
    pub(super) last: Arrival,
    /// Its last frame of kind own, or [`Arrival::NONE`].
    pub(super) own_last: Arrival,
    /// Length of its durable part.
    pub(super) bytes: u64,
}

/// The segments in order; the last is the one written to.
#[derive(Debug)]
pub(super) struct Catalogue(Mutex<VecDeque<Segment>>);

impl Catalogue {
    pub(super) fn new(segments: Vec<Segment>) -> Self {
        Self(Mutex::new(segments.into()))
    }

    /// Adds the segment written to from now on.
    pub(super) fn begin(&self, segment: Segment) {
        self.lock().push_back(segment);
    }

    /// Notes a durable group at the end of the last segment.
    pub(super) fn grow(&self, last: Arrival, own_last: Arrival, bytes: u64) {
        if let Some(segment) = self.lock().back_mut() {
            segment.last = last;
            segment.own_last = segment.own_last.max(own_last);
            segment.bytes = bytes;
        }
    }

    /// Takes the last segment out if it has no frame, and gives its path.
    pub(super) fn forget_empty_last(&self) -> Option<PathBuf> {
        let mut segments = self.lock();
        let empty = segments.back().is_some_and(|segment| segment.last < segment.first);
        if empty { segments.pop_back().map(|segment| segment.path) } else { None }
    }

    /// The segments that may hold frames from `from` on.
    pub(super) fn from(&self, from: Arrival) -> VecDeque<Segment> {
        self.lock().iter().filter(|segment| segment.last >= from).cloned().collect()
    }

    /// Number of segments, and their bytes.
    pub(super) fn size(&self) -> (usize, u64) {
        let segments = self.lock();
        (segments.len(), segments.iter().map(|segment| segment.bytes).sum())
    }

    /// Deletes segments from the front that nobody needs: all frames safely indexed, own ones released too.
    ///
    /// Gives the number deleted. The last segment stays. Only from the front, so that a hole in the
    /// numbers always means damage.
    pub(super) fn retire(&self, journal: &Path, indexed: Arrival, released: Arrival) -> io::Result<u64> {
        let go: Vec<Segment> = {
            let segments = self.lock();
            let free = |segment: &&Segment| segment.last <= indexed && segment.own_last <= released;
            segments.iter().take(segments.len().saturating_sub(1)).take_while(free).cloned().collect()
        };
        // Not the first number kept: those between the two were skipped and belong to no frame.
        let Some(start) = go.last().map(|segment| segment.last.next()) else { return Ok(0) };
        write_start(journal, start)?;
        for segment in &go {
            match fs::remove_file(&segment.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => self.lock().pop_front(),
            };
        }
        Ok(u64::try_from(go.len()).unwrap_or(u64::MAX))
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Segment>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
