//! How a store is doing, for the operator and for metrics.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::error::StoreError;
use super::frame::Arrival;

/// A store's state at one moment. Counters count since it was opened.
#[derive(Debug, Clone)]
pub struct StoreHealth {
    /// Bytes free on its file system; none if the system does not say.
    pub free_bytes: Option<u64>,
    /// Bytes that must stay free.
    pub floor_bytes: u64,
    /// Why frames are refused, until a group is durable again.
    pub journal_trouble: Option<StoreError>,
    /// Why the index does not follow, until it does again. Damage stays until the store is opened again.
    pub index_trouble: Option<StoreError>,
    /// Frames waiting to be durable.
    pub queued_frames: usize,
    /// Bytes of these frames.
    pub queued_bytes: usize,
    /// Calls waiting for the index.
    pub queued_index_jobs: usize,
    /// Segments of the journal.
    pub journal_segments: usize,
    /// Their bytes.
    pub journal_bytes: u64,
    /// Newest durable frame.
    pub last: Arrival,
    /// Frames up to this one are indexed.
    pub indexed_through: Arrival,
    /// Frames up to this one are indexed and safe from power cuts.
    pub checkpointed_through: Arrival,
    /// Own frames up to this one may go, as far as callers said since the store was opened.
    pub released_through: Arrival,
    /// Frames made durable.
    pub frames_persisted: u64,
    /// Syncs it took.
    pub groups_persisted: u64,
    /// Frames whose group failed.
    pub frames_failed: u64,
    /// Frames and index calls turned away because too much was waiting.
    pub refused_busy: u64,
    /// Frames turned away because the disk is too full.
    pub refused_full: u64,
    /// Checkpoints of the index.
    pub checkpoints: u64,
    /// Times the index was opened again after an error.
    pub index_reopened: u64,
    /// Journal segments deleted.
    pub segments_retired: u64,
}

/// The counters behind [`StoreHealth`].
#[derive(Debug, Default)]
pub(super) struct Meters {
    pub(super) last: AtomicU64,
    pub(super) indexed: AtomicU64,
    pub(super) checkpointed: AtomicU64,
    pub(super) released: AtomicU64,
    pub(super) frames_persisted: AtomicU64,
    pub(super) groups_persisted: AtomicU64,
    pub(super) frames_failed: AtomicU64,
    pub(super) refused_busy: AtomicU64,
    pub(super) refused_full: AtomicU64,
    pub(super) checkpoints: AtomicU64,
    pub(super) index_reopened: AtomicU64,
    pub(super) segments_retired: AtomicU64,
}

/// Adds to a counter.
pub(super) fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Relaxed);
}

/// Raises a watermark.
pub(super) fn raise(mark: &AtomicU64, to: Arrival) {
    mark.fetch_max(to.0, Relaxed);
}

/// Reads a watermark.
pub(super) fn mark(mark: &AtomicU64) -> Arrival {
    Arrival(mark.load(Relaxed))
}

/// Reads a counter.
pub(super) fn reading(counter: &AtomicU64) -> u64 {
    counter.load(Relaxed)
}
