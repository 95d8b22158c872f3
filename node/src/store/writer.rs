//! Writing the journal: everything that waits becomes durable with one sync, then its callers hear of it.
//!
//! One thread does it for all that is queued. A caller that finds nothing queued and nobody writing may write itself.

use super::directory::is_full;
use super::error::StoreError;
use super::frame::{Arrival, FrameKind, HEADER_BYTES};
use super::health::{count, raise};
use super::queue::ClosesOnExit;
use super::shared::{Pending, Shared};

/// Runs until the queue of frames is closed and empty.
pub(super) fn run(shared: &Shared) {
    let _closes = ClosesOnExit(&shared.frames);
    let mut group = Vec::new();
    while let Some(_turn) = shared.frames.take_all(&mut group) {
        let frames = group.iter().map(|pending: &Pending| (pending.kind, pending.payload.as_slice()));
        let outcome = persist(shared, frames);
        let mut arrival = outcome.clone().unwrap_or(Arrival::NONE);
        for pending in group.drain(..) {
            (pending.done)(outcome.clone().map(|_| arrival));
            arrival = arrival.next();
        }
    }
}

/// Makes a group durable with one sync, and gives the number of its first frame. The caller has the queue's turn.
pub(super) fn persist<'a>(
    shared: &Shared,
    group: impl Iterator<Item = (FrameKind, &'a [u8])> + Clone,
) -> Result<Arrival, StoreError> {
    let frames = u64::try_from(group.clone().count()).unwrap_or(u64::MAX);
    let bytes: usize = group.clone().map(|(_, payload)| HEADER_BYTES + payload.len()).sum();
    let written = shared.check_room(u64::try_from(bytes).unwrap_or(u64::MAX)).and_then(|()| append(shared, group));
    match &written {
        Ok(first) => {
            raise(&shared.meters.last, Arrival(first.0.saturating_add(frames).saturating_sub(1)));
            count(&shared.meters.frames_persisted, frames);
            count(&shared.meters.groups_persisted, 1);
        }
        Err(StoreError::Full { .. }) => count(&shared.meters.refused_full, frames),
        Err(_) => count(&shared.meters.frames_failed, frames),
    }
    shared.journal_trouble.set(written.as_ref().err().cloned());
    written
}

fn append<'a>(shared: &Shared, group: impl Iterator<Item = (FrameKind, &'a [u8])>) -> Result<Arrival, StoreError> {
    // Poisoned, it may have half a group in hand: nothing can be said of what it would write.
    let mut journal = shared.journal.lock().map_err(|_| StoreError::Closed)?;
    let written = journal.append(&shared.catalogue, group);
    written.map_err(|error| if is_full(&error) { shared.full() } else { StoreError::journal(error) })
}
