//! What the handles and the two threads of a store share.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::catalogue::Catalogue;
use super::directory::free_bytes;
use super::error::StoreError;
use super::frame::FrameKind;
use super::health::Meters;
use super::index::Index;
use super::indexer::Job;
use super::journal::Journal;
use super::options::StoreOptions;
use super::queue::Queue;
use super::{Done, StoreHealth, health};

/// A frame on its way to the journal.
pub(super) struct Pending {
    pub(super) kind: FrameKind,
    pub(super) payload: Vec<u8>,
    pub(super) done: Done,
}

/// Everything but the threads.
pub(super) struct Shared {
    pub(super) dir: PathBuf,
    pub(super) options: StoreOptions,
    pub(super) frames: Queue<Pending>,
    /// Written by whoever has the turn of `frames`.
    pub(super) journal: Mutex<Journal>,
    pub(super) jobs: Queue<Job>,
    pub(super) catalogue: Catalogue,
    pub(super) index: Index,
    pub(super) meters: Meters,
    pub(super) journal_trouble: Trouble,
    pub(super) index_trouble: Trouble,
}

/// Why one half of the store does not work at the moment.
#[derive(Debug, Default)]
pub(super) struct Trouble(Mutex<Option<StoreError>>);

impl Trouble {
    pub(super) fn set(&self, trouble: Option<StoreError>) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*now, &trouble) {
            (None, Some(error)) => tracing::error!(%error, "the store is in trouble"),
            (Some(_), None) => tracing::info!("the store works again"),
            (None, None) | (Some(_), Some(_)) => {}
        }
        *now = trouble;
    }

    pub(super) fn get(&self) -> Option<StoreError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shared {
    /// Refuses if `more` bytes would leave too little room. A file system that does not say has room.
    pub(super) fn check_room(&self, more: u64) -> Result<(), StoreError> {
        let floor = self.options.floor_bytes;
        match free_bytes(&self.dir) {
            Ok(free) if free < floor.saturating_add(more) => Err(StoreError::Full { free, floor }),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// What to tell callers after the system said that there is no room, whatever it said before.
    pub(super) fn full(&self) -> StoreError {
        StoreError::Full { free: free_bytes(&self.dir).unwrap_or(0), floor: self.options.floor_bytes }
    }

    pub(super) fn health(&self) -> StoreHealth {
        let (journal_segments, journal_bytes) = self.catalogue.size();
        let frames = self.frames.depth();
        let meters = &self.meters;
        StoreHealth {
            free_bytes: free_bytes(&self.dir).ok(),
            floor_bytes: self.options.floor_bytes,
            journal_trouble: self.journal_trouble.get(),
            index_trouble: self.index.damage().or_else(|| self.index_trouble.get()),
            queued_frames: frames.items,
            queued_bytes: frames.bytes,
            queued_index_jobs: self.jobs.depth().items,
            journal_segments,
            journal_bytes,
            last: health::mark(&meters.last),
            indexed_through: health::mark(&meters.indexed),
            checkpointed_through: health::mark(&meters.checkpointed),
            released_through: health::mark(&meters.released),
            frames_persisted: health::reading(&meters.frames_persisted),
            groups_persisted: health::reading(&meters.groups_persisted),
            frames_failed: health::reading(&meters.frames_failed),
            refused_busy: health::reading(&meters.refused_busy),
            refused_full: health::reading(&meters.refused_full),
            checkpoints: health::reading(&meters.checkpoints),
            index_reopened: health::reading(&meters.index_reopened),
            segments_retired: health::reading(&meters.segments_retired),
        }
    }
}
