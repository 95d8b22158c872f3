//! The journal thread: everything that waits becomes durable with one sync, then its callers hear of it.

use super::directory::is_full;
use super::error::StoreError;
use super::frame::{Arrival, HEADER_BYTES};
use super::health::{count, raise};
use super::journal::Journal;
use super::queue::ClosesOnExit;
use super::shared::{Pending, Shared};

/// Runs until the queue of frames is closed and empty.
pub(super) fn run(shared: &Shared, mut journal: Journal) {
    let _closes = ClosesOnExit(&shared.frames);
    let mut group = Vec::new();
    while shared.frames.take_all(&mut group) {
        let outcome = persist(shared, &mut journal, &group);
        shared.journal_trouble.set(outcome.as_ref().err().cloned());
        let mut arrival = outcome.clone().unwrap_or(Arrival::NONE);
        for pending in group.drain(..) {
            (pending.done)(outcome.clone().map(|_| arrival));
            arrival = arrival.next();
        }
    }
}

fn persist(shared: &Shared, journal: &mut Journal, group: &[Pending]) -> Result<Arrival, StoreError> {
    let frames = u64::try_from(group.len()).unwrap_or(u64::MAX);
    let bytes: usize = group.iter().map(|pending| HEADER_BYTES + pending.payload.len()).sum();
    let written = shared.check_room(u64::try_from(bytes).unwrap_or(u64::MAX)).and_then(|()| {
        let frames = group.iter().map(|pending| (pending.kind, pending.payload.as_slice()));
        journal
            .append(&shared.catalogue, frames)
            .map_err(|error| if is_full(&error) { shared.full() } else { StoreError::journal(error) })
    });
    match &written {
        Ok(_) => {
            raise(&shared.meters.last, journal.last());
            count(&shared.meters.frames_persisted, frames);
            count(&shared.meters.groups_persisted, 1);
        }
        Err(StoreError::Full { .. }) => count(&shared.meters.refused_full, frames),
        Err(_) => count(&shared.meters.frames_failed, frames),
    }
    written
}
