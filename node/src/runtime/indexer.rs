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
/// Keys handed over together: while the store takes those, as many more are made.
const GENERATION_KEYS_MAX: usize = 8_192;
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
    /// Handed over and perhaps not in the store yet, in two parts: what came first is let go of as a whole.
    older: Generation,
    younger: Generation,
    /// Not handed over yet: small chunks share a batch.
    gathered: Changes,
    /// The last chunk that is whole in what was gathered.
    gathered_through: Arrival,
}

/// Batches that are read from memory until the store has taken all of them.
#[derive(Debug, Default)]
struct Generation {
    rows: Changes,
    /// Batches whose completion was not seen.
    outstanding: usize,
    /// The last chunk that is whole in them.
    through: Arrival,
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
            older: Generation::default(),
            younger: Generation::default(),
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
        let older = Batch::over(&self.tables, std::mem::take(&mut self.older.rows));
        let ahead = Batch::over(&older, std::mem::take(&mut self.younger.rows));
        let writer = chunk.header.writer;
        let role_of = |node: &swabmesh_protocol::id::NodeKey| role.filter(|_| *node == writer);
        let mut batch = Batch::over(&ahead, std::mem::take(&mut self.gathered));
        let rules = Rules { window_ms, role_of: &role_of, keys_max: KEYS_MAX, prunes: self.prunes };
        let projected = project::apply(&mut batch, chunk, arrival, &rules)?;
        self.gathered = batch.into_changes();
        self.younger.rows = ahead.into_changes();
        self.older.rows = older.into_changes();
        Ok(projected)
    }

    /// Adds rows that are not of a chunk, and says that frames up to `through` are reflected.
    pub(super) fn hand_over(&mut self, writes: Vec<Write>, through: Arrival) -> Result<(), StoreError> {
        writes.into_iter().for_each(|write| self.gathered.insert(write));
        self.gathered_through = self.gathered_through.max(through);
        if self.gathered.len() >= KEYS_MAX { self.flush() } else { Ok(()) }
    }

    /// Gives what was gathered to the store as one atomic batch.
    fn flush(&mut self) -> Result<(), StoreError> {
        if self.outstanding() == OUTSTANDING_MAX {
            self.wait_for_one()?;
        }
        let through = self.gathered_through;
        let handed_over = std::mem::take(&mut self.gathered).into_writes();
        handed_over.iter().for_each(|write| self.younger.rows.insert(write.clone()));
        let mut writes: Vec<_> = handed_over.into_iter().map(store_write).collect();
        loop {
            let done = self.done.clone();
            let told = Box::new(move |result| {
                let _ = done.try_send(result);
            });
            match self.tables.store().index(writes, frame::Arrival(through.0), told) {
                Ok(()) => break,
                Err(Refused { why: StoreError::Busy, given: (back, _) }) if self.outstanding() > 0 => {
                    self.wait_for_one()?;
                    writes = back;
                }
                Err(Refused { why, .. }) => return Err(why),
            }
        }
        self.younger.outstanding += 1;
        self.younger.through = through;
        Ok(())
    }

    const fn outstanding(&self) -> usize {
        self.older.outstanding + self.younger.outstanding
    }

    /// Batches are taken in the order in which they were handed over.
    fn wait_for_one(&mut self) -> Result<(), StoreError> {
        let first = if self.older.outstanding > 0 { &mut self.older } else { &mut self.younger };
        first.outstanding -= 1;
        self.taken.recv().map_err(|_| StoreError::Closed)?
    }

    /// Waits until the store has taken everything handed over.
    pub(super) fn settle(&mut self) -> Result<(), StoreError> {
        self.flush()?;
        while self.outstanding() > 0 {
            self.wait_for_one()?;
        }
        (self.older, self.younger) = Default::default();
        Ok(())
    }

    /// Lets go of what the store has taken when enough more was made; up to where the tables reflect the log then.
    pub(super) fn make_room(&mut self) -> Result<Option<Arrival>, StoreError> {
        if self.younger.rows.len() < GENERATION_KEYS_MAX {
            return Ok(None);
        }
        while self.older.outstanding > 0 {
            self.wait_for_one()?;
        }
        let taken = std::mem::replace(&mut self.older, std::mem::take(&mut self.younger));
        Ok(Some(taken.through))
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
        // Takes what is there, tells how far the store came meanwhile, and in the end waits for it.
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
            if let Some(through) = applier.make_room()? {
                told.send_modify(|at| *at = through.max(*at));
            }
            next = queue.try_recv().ok();
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

    #[test]
    fn what_was_let_go_of_from_memory_is_in_the_store() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), &StoreOptions::new(1)).unwrap().store;
        let mut applier = Applier::new(Tables::new(store), true);
        let newest =
            |round: u64| Write { table: Table::Meta, key: Vec::new(), value: Some(round.to_be_bytes().into()) };
        let mut let_go = 0;
        for round in 1..=(5 * GENERATION_KEYS_MAX / KEYS_MAX) as u64 {
            let row = |n: usize| Write {
                table: Table::Documents,
                key: [round.to_be_bytes(), n.to_be_bytes()].concat(),
                value: Some(Vec::new()),
            };
            let rows = (0..KEYS_MAX).map(row).chain([newest(round)]).collect();
            applier.hand_over(rows, Arrival(round)).unwrap();
            let Some(through) = applier.make_room().unwrap() else { continue };
            let stored = applier.tables.get(Table::Meta, &[]).unwrap();
            let stored = stored.map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().unwrap()));
            assert!(stored >= through.0, "{stored} is stored, and up to {} should be", through.0);
            assert!(applier.older.rows.len() + applier.younger.rows.len() <= 2 * (GENERATION_KEYS_MAX + KEYS_MAX));
            let_go += 1;
        }
        assert!(let_go >= 4, "{let_go}");
        applier.settle().unwrap();
    }
}
