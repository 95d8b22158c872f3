//! The index follows the log: chunks in order of arrival, through the core's step `project`, into the tables.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use swabmesh_protocol::chunk::{ChunkError, OpenedChunk, SealedChunk};
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::io::Arrival;
use swabmesh_protocol::project::{self, Placed, Projected, Rules};
use swabmesh_protocol::view::{Batch, Changes, ViewError, Write};
use tokio::sync::watch;

use super::tables::{Tables, store_write};
use crate::store::error::{Refused, StoreError};
use crate::store::frame;
use crate::store::index::BATCH_KEYS_MAX;

/// Chunks that may wait for the index; then the driver waits.
const JOBS_QUEUE: usize = 256;
/// Keys gathered before they go to the store as one atomic batch; a step adds at most eight entries more.
///
/// Each batch writes the end of a feed's pages, its head and its counts again.
const KEYS_MAX: usize = BATCH_KEYS_MAX * 3 / 4;
/// Keys kept in memory until the store has taken them.
const AHEAD_KEYS_MAX: usize = 16_384;
/// Batches handed over whose completions were not looked at. As many completions have room, so none is ever dropped.
const OUTSTANDING_MAX: usize = 4_096;

/// Work for the index, in order of arrival.
#[derive(Debug)]
pub(super) enum Job {
    /// A durable chunk.
    Chunk {
        /// Its place.
        arrival: Arrival,
        /// Its bytes.
        bytes: Vec<u8>,
        /// Its writer's role.
        role: Option<Role>,
        /// The policy's window for duplicates.
        window_ms: u64,
    },
    /// A durable frame that is not a chunk.
    Other {
        /// Its place.
        arrival: Arrival,
    },
    /// A small thing that may be lost.
    Remember(Write),
    /// Finish and end.
    Stop,
}

/// Why a chunk could not be applied.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApplyError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    View(#[from] ViewError),
    #[error("a chunk that was verified before: {0}")]
    Chunk(#[from] ChunkError),
}

/// Applies chunks to the tables. What the store has not taken yet is kept in memory and read first.
#[derive(Debug)]
pub(super) struct Applier {
    tables: Tables,
    prunes: bool,
    done: SyncSender<Result<(), StoreError>>,
    taken: Receiver<Result<(), StoreError>>,
    outstanding: usize,
    /// Handed over and perhaps not in the store yet.
    ahead: Changes,
    /// Not handed over yet: small chunks share a batch.
    gathered: Changes,
    /// The last chunk that is whole in what was gathered.
    gathered_through: Arrival,
}

impl Applier {
    /// An applier of these tables; `prunes` says whether what the authority lets go of goes from them.
    pub(super) fn new(tables: Tables, prunes: bool) -> Self {
        let (done, taken) = sync_channel(OUTSTANDING_MAX);
        Self {
            tables,
            prunes,
            done,
            taken,
            outstanding: 0,
            ahead: Changes::new(),
            gathered: Changes::new(),
            gathered_through: Arrival(0),
        }
    }

    /// Applies one chunk.
    pub(super) fn chunk(
        &mut self,
        arrival: Arrival,
        bytes: Vec<u8>,
        role: Option<Role>,
        window_ms: u64,
    ) -> Result<Projected, ApplyError> {
        let chunk = SealedChunk::parse(bytes)?.reopen()?;
        loop {
            let projected = self.step(&chunk, arrival, role, window_ms)?;
            let whole = !matches!(projected.placed, Placed::Partly { .. });
            if whole {
                self.gathered_through = self.gathered_through.max(arrival);
            }
            if !whole || self.gathered.len() >= KEYS_MAX {
                self.flush()?;
            }
            if whole {
                return Ok(projected);
            }
        }
    }

    fn step(
        &mut self,
        chunk: &OpenedChunk,
        arrival: Arrival,
        role: Option<Role>,
        window_ms: u64,
    ) -> Result<Projected, ViewError> {
        let ahead = Batch::over(&self.tables, std::mem::take(&mut self.ahead));
        let writer = chunk.header.writer;
        let role_of = |node: &swabmesh_protocol::id::NodeKey| role.filter(|_| *node == writer);
        let mut batch = Batch::over(&ahead, std::mem::take(&mut self.gathered));
        let rules = Rules { window_ms, role_of: &role_of, keys_max: KEYS_MAX, prunes: self.prunes };
        let projected = project::apply(&mut batch, chunk, arrival, &rules)?;
        self.gathered = batch.into_changes();
        self.ahead = ahead.into_changes();
        Ok(projected)
    }

    /// Adds rows that are not of a chunk, and says that frames up to `through` are reflected.
    pub(super) fn hand_over(&mut self, writes: Vec<Write>, through: Arrival) -> Result<(), StoreError> {
        self.gathered.extend(writes.into_iter().map(|write| ((write.table, write.key), write.value)));
        self.gathered_through = self.gathered_through.max(through);
        if self.gathered.len() >= KEYS_MAX { self.flush() } else { Ok(()) }
    }

    /// Gives what was gathered to the store as one atomic batch.
    fn flush(&mut self) -> Result<(), StoreError> {
        if self.outstanding == OUTSTANDING_MAX {
            self.wait_for_one()?;
        }
        let through = self.gathered_through;
        let gathered = std::mem::take(&mut self.gathered);
        self.ahead.extend(gathered.iter().map(|(key, value)| (key.clone(), value.clone())));
        let write = |((table, key), value)| store_write(Write { table, key, value });
        let mut writes: Vec<_> = gathered.into_iter().map(write).collect();
        loop {
            let done = self.done.clone();
            let told = Box::new(move |result| {
                let _ = done.try_send(result);
            });
            match self.tables.store().index(writes, frame::Arrival(through.0), told) {
                Ok(()) => break,
                Err(Refused { why: StoreError::Busy, given: (back, _) }) if self.outstanding > 0 => {
                    self.wait_for_one()?;
                    writes = back;
                }
                Err(Refused { why, .. }) => return Err(why),
            }
        }
        self.outstanding += 1;
        Ok(())
    }

    fn wait_for_one(&mut self) -> Result<(), StoreError> {
        self.outstanding -= 1;
        self.taken.recv().map_err(|_| StoreError::Closed)?
    }

    /// Waits until the store has taken everything handed over.
    pub(super) fn settle(&mut self) -> Result<(), StoreError> {
        self.flush()?;
        while self.outstanding > 0 {
            self.wait_for_one()?;
        }
        self.ahead.clear();
        Ok(())
    }

    /// Whether so much is kept in memory that the store should be waited for.
    pub(super) fn is_far_ahead(&self) -> bool {
        self.ahead.len() >= AHEAD_KEYS_MAX
    }
}

/// Runs an applier on a thread of its own. The watch tells up to where the tables reflect the log.
pub(super) fn start(mut applier: Applier, from: Arrival) -> io::Result<(SyncSender<Job>, watch::Receiver<Arrival>)> {
    let (jobs, queue) = sync_channel(JOBS_QUEUE);
    let (told, through) = watch::channel(from);
    thread::Builder::new().name("indexer".to_owned()).spawn(move || {
        if let Err(error) = run(&mut applier, &queue, &told) {
            // The log goes on without the tables; the next start applies what is missing.
            tracing::error!(%error, "the index does not follow the log any more: restart the node");
        }
    })?;
    Ok((jobs, through))
}

fn run(applier: &mut Applier, queue: &Receiver<Job>, told: &watch::Sender<Arrival>) -> Result<(), ApplyError> {
    let mut reached = *told.borrow();
    while let Ok(first) = queue.recv() {
        let mut next = Some(first);
        // Takes what is there, then lets the store catch up and tells how far it came.
        while let Some(job) = next {
            match job {
                Job::Chunk { arrival, bytes, role, window_ms } => {
                    let projected = applier.chunk(arrival, bytes, role, window_ms)?;
                    if !matches!(projected.placed, Placed::Applied | Placed::Contained) {
                        tracing::error!(?arrival, placed = ?projected.placed, "a durable chunk does not fit the tables");
                    }
                    reached = reached.max(arrival);
                }
                Job::Other { arrival } => {
                    applier.hand_over(Vec::new(), arrival)?;
                    reached = reached.max(arrival);
                }
                Job::Remember(write) => applier.hand_over(vec![write], reached)?,
                Job::Stop => {
                    applier.settle()?;
                    told.send_replace(reached);
                    return Ok(());
                }
            }
            next = if applier.is_far_ahead() { None } else { queue.try_recv().ok() };
        }
        applier.settle()?;
        told.send_replace(reached);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use swabmesh_protocol::view::{Table, View};

    use super::*;
    use crate::store::Store;
    use crate::store::options::StoreOptions;

    /// Far beyond what a start takes that does not wait for itself.
    const WITHIN: Duration = Duration::from_secs(120);
    const ROUNDS: u64 = OUTSTANDING_MAX as u64 + 16;

    #[test]
    fn more_batches_than_completions_have_room_for_are_all_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), &StoreOptions::new(1)).unwrap().store;
        let mut applier = Applier::new(Tables::new(store), true);
        let (told, settled) = sync_channel(1);
        thread::spawn(move || {
            for round in 0..=ROUNDS {
                // The same rows over and over: never far ahead in keys.
                let row = |n: usize| Write {
                    table: Table::Meta,
                    key: n.to_be_bytes().to_vec(),
                    value: Some(round.to_be_bytes().to_vec()),
                };
                applier.hand_over((0..KEYS_MAX).map(row).collect(), Arrival(round)).unwrap();
                // An index faster than its applier turns nothing away, so nobody looks at completions meanwhile.
                while applier.tables.store().health().queued_index_jobs > 0 {
                    thread::yield_now();
                }
            }
            applier.settle().unwrap();
            told.send(applier.tables.get(Table::Meta, &0_usize.to_be_bytes()).unwrap()).unwrap();
        });
        let last = ROUNDS.to_be_bytes().to_vec();
        assert_eq!(settled.recv_timeout(WITHIN), Ok(Some(last)));
    }
}
