//! The index thread: applies writes after their frames are durable, checkpoints, lets segments go.
//!
//! An index that fails is opened again, and everything since its last checkpoint is applied again from
//! memory, so a job is late but never skipped: a later one would otherwise claim it was done.

use std::io;
use std::mem;
use std::time::Duration;

use super::IndexDone;
use super::directory::is_full;
use super::error::StoreError;
use super::frame::Arrival;
use super::health::{count, mark, raise};
use super::index::{BATCH_KEYS_MAX, Fault, WHOLE_KEYS_MAX, Write};
use super::queue::ClosesOnExit;
use super::shared::Shared;

/// Bytes of writes kept to be applied again, after which the index is checkpointed by itself.
///
/// Source: guess; a checkpoint takes milliseconds, these bytes some tenths of a second to index.
const REDO_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Wait between attempts to get a failed index going.
const RETRY_WAIT: Duration = Duration::from_millis(250);

/// What the index thread is asked for.
pub(super) enum Job {
    /// Apply these, and note that frames up to `through` are indexed.
    Apply { writes: Vec<Write>, through: Arrival, done: IndexDone },
    /// Make the index safe from power cuts.
    Checkpoint(IndexDone),
    /// Delete the segments nobody needs.
    Retire,
}

/// Consecutive jobs applied as one batch.
#[derive(Default)]
struct Batch {
    writes: Vec<Write>,
    through: Arrival,
    dones: Vec<IndexDone>,
}

struct Indexer<'a> {
    shared: &'a Shared,
    /// Everything applied since the last checkpoint, in the batches in which it was.
    redo: Vec<Vec<Write>>,
    redo_bytes: usize,
    through: Arrival,
    checkpointed: Arrival,
}

/// Runs until the queue of jobs is closed and empty, then checkpoints and closes the index.
pub(super) fn run(shared: &Shared) {
    let _closes = ClosesOnExit(&shared.jobs);
    let through = mark(&shared.meters.indexed);
    let checkpointed = Arrival::NONE;
    let mut indexer = Indexer { shared, redo: Vec::new(), redo_bytes: 0, through, checkpointed };
    let mut jobs = Vec::new();
    while let Some(_turn) = shared.jobs.take_all(&mut jobs) {
        indexer.work(jobs.drain(..));
    }
    if let Err(error) = indexer.checkpoint() {
        tracing::warn!(%error, "the index was closed without a checkpoint; the next start indexes again");
    }
    shared.index.close();
}

impl Indexer<'_> {
    fn work(&mut self, jobs: impl Iterator<Item = Job>) {
        let mut batch = Batch::default();
        for job in jobs {
            match job {
                Job::Apply { mut writes, through, done } => {
                    if batch.writes.len() + writes.len() > BATCH_KEYS_MAX {
                        self.settle(mem::take(&mut batch));
                    }
                    batch.writes.append(&mut writes);
                    batch.through = batch.through.max(through);
                    batch.dones.push(done);
                }
                Job::Checkpoint(done) => {
                    self.settle(mem::take(&mut batch));
                    done(self.checkpoint());
                }
                Job::Retire => self.retire(),
            }
        }
        self.settle(batch);
    }

    /// Applies a batch and tells its callers.
    fn settle(&mut self, batch: Batch) {
        if batch.dones.is_empty() {
            return;
        }
        let outcome = self.apply(batch.writes, batch.through);
        for done in batch.dones {
            done(outcome.clone());
        }
        if self.redo_bytes > REDO_BYTES_MAX
            && let Err(error) = self.checkpoint()
        {
            tracing::warn!(%error, "no checkpoint");
        }
    }

    fn apply(&mut self, writes: Vec<Write>, through: Arrival) -> Result<(), StoreError> {
        if let Some(damage) = self.shared.index.damage() {
            return Err(damage);
        }
        let fresh = self.redo.len();
        self.redo_bytes += writes.iter().map(Write::bytes).sum::<usize>();
        self.redo.push(writes);
        let before = self.through;
        self.through = before.max(through);
        if let Err(fault) = self.apply_from(fresh, (self.through > before).then_some(self.through)) {
            self.revive(fault, 0)?;
        }
        raise(&self.shared.meters.indexed, self.through);
        Ok(())
    }

    /// Applies what is kept from a batch on; the last carries the watermark.
    fn apply_from(&self, fresh: usize, through: Option<Arrival>) -> Result<(), Fault> {
        let batches = self.redo.get(fresh..).unwrap_or_default();
        let parts: Vec<&[Write]> = batches.iter().flat_map(|batch| batch.chunks(WHOLE_KEYS_MAX)).collect();
        let (last, parts) = parts.split_last().map_or((&[][..], &[][..]), |(last, parts)| (*last, parts));
        parts.iter().try_for_each(|part| self.shared.index.apply(part, None))?;
        self.shared.index.apply(last, through)
    }

    fn checkpoint(&mut self) -> Result<(), StoreError> {
        if let Some(damage) = self.shared.index.damage() {
            return Err(damage);
        }
        let mut failures = 0;
        while let Err(fault) = self.shared.index.checkpoint() {
            self.revive(fault, failures)?;
            failures += 1;
        }
        self.redo = Vec::new();
        self.redo_bytes = 0;
        self.checkpointed = self.through;
        raise(&self.shared.meters.checkpointed, self.checkpointed);
        count(&self.shared.meters.checkpoints, 1);
        self.retire();
        Ok(())
    }

    fn retire(&self) {
        let released = mark(&self.shared.meters.released);
        match self.shared.catalogue.retire(&self.shared.dir.join("journal"), self.checkpointed, released) {
            Ok(retired) => count(&self.shared.meters.segments_retired, retired),
            Err(error) => tracing::warn!(%error, "segments of the journal could not be deleted; tried again later"),
        }
    }

    /// Opens the index again and applies what it may have lost, as often as it takes.
    ///
    /// Ends with an error when the store is closing, or when what it finds is damage.
    fn revive(&self, fault: Fault, failures: u32) -> Result<(), StoreError> {
        let mut fault = fault;
        let mut wait = failures > 0;
        loop {
            tracing::debug!(?fault, "the index failed");
            let room = self.shared.check_room(0);
            self.shared.index_trouble.set(Some(room.clone().err().unwrap_or_else(|| self.explain(&fault))));
            if (wait || room.is_err()) && self.shared.jobs.wait_closed(RETRY_WAIT) {
                return Err(StoreError::Closed);
            }
            if room.is_ok() {
                match self.shared.index.reopen().and_then(|()| self.apply_from(0, Some(self.through))) {
                    Ok(()) => break,
                    Err(Fault::Broken(reason)) => return Err(self.shared.index.condemn(&reason)),
                    Err(again) => fault = again,
                }
                wait = true;
            }
        }
        self.shared.index_trouble.set(None);
        count(&self.shared.meters.index_reopened, 1);
        Ok(())
    }

    fn explain(&self, fault: &Fault) -> StoreError {
        match fault {
            Fault::Io(error) if is_full(error) => self.shared.full(),
            Fault::Io(error) => StoreError::index(io::Error::new(error.kind(), error.to_string())),
            Fault::Broken(reason) => StoreError::index(io::Error::other(reason.clone())),
        }
    }
}
