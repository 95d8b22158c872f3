//! The store: frames made durable in a journal, and an index over them that can be thrown away.
//!
//! It knows nothing of what it stores. **Frames** are opaque bytes, durable once their completion is called.
//! The **index** is an ordered map of opaque keys and values, rebuilt by its caller from the frames:
//!
//! ```text
//! persist ─→ queue ─→ journal thread: write, fdatasync ─→ completion ─→ (caller) index ─→ queue ─→ index thread: sled
//! persist_alone ─→ the same write and fdatasync on the caller's thread, when nothing is queued or being written
//! ```
//! A frame stays in the journal until the index holds it safely, and an own frame also until it is released,
//! so what exists nowhere else is on the disk twice. Damage never stops a store from opening: what was lost is in
//! its [`Recovery`].

mod catalogue;
mod directory;
pub mod error;
pub mod frame;
pub mod health;
pub mod index;
mod indexer;
mod journal;
pub mod key;
pub mod options;
mod queue;
pub mod recovery;
pub mod replay;
mod segment;
mod shared;
mod writer;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use directory::Directory;
use error::{OpenError, Refused, StoreError};
use frame::{Arrival, FrameKind, is_frame_size};
use health::{Meters, StoreHealth, count, raise};
use index::{Record, Write};
use indexer::Job;
use journal::Journal;
use key::{KeyRange, Order, Table};
use options::StoreOptions;
use queue::{Depth, Queue, Turned};
use recovery::Recovery;
use replay::Frames;
use shared::{Pending, Shared, Trouble};

/// Told once a frame is durable, or why it is not.
///
/// Called on the journal thread: the next group waits for it, so it hands over and returns. If the store is
/// dropped or its thread dies it may be dropped uncalled.
pub type Done = Box<dyn FnOnce(Result<Arrival, StoreError>) + Send>;

/// Told once the index took the writes or the checkpoint. Called on the index thread, otherwise as [`Done`].
pub type IndexDone = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// An open store, and what opening it found.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Store,
    /// Number of this store's life: new when it was created, or could not be read.
    pub epoch: u64,
    /// What was found, repaired and missed.
    pub recovery: Recovery,
}

/// A handle on an open store. Clones are handles on the same one.
///
/// The store closes with [`close`](Self::close), or with its last handle.
#[derive(Debug, Clone)]
pub struct Store {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
    running: Mutex<Option<Running>>,
}

struct Running {
    directory: Arc<Directory>,
    journal: JoinHandle<()>,
    index: JoinHandle<()>,
}

impl Store {
    /// Opens the store in a directory, or creates one in an empty directory.
    ///
    /// Repairs what a crash or a failing disk left, see [`Recovery`]. Takes as long as reading the journal and
    /// the first 200,000 records of the index.
    ///
    /// # Errors
    /// The directory is in use, is something else, or cannot be read or written; see [`OpenError`].
    pub fn open(dir: &Path, options: &StoreOptions) -> Result<Opened, OpenError> {
        let directory::Found { directory, epoch, epoch_renewed, .. } = Directory::open(dir, options.new_epoch)?;
        let index = index::open(dir, options.cache_bytes, options.floor_bytes)?;
        let through = index.through;
        let journal = Journal::open(&directory.journal(), options.segment_bytes_max, through)?;
        let (missing, only_indexed) = recovery::judge(&journal.lost, journal.start, through);
        let recovery = Recovery {
            index: index.found,
            indexed_through: through,
            last: journal.journal.last(),
            missing,
            only_indexed,
            torn_bytes: journal.torn_bytes,
            half_snapshots: index.half_snapshots,
            epoch_renewed,
        };
        let meters = Meters::default();
        raise(&meters.last, recovery.last);
        raise(&meters.indexed, through);
        let shared = Arc::new(Shared {
            dir: dir.to_owned(),
            options: options.clone(),
            frames: Queue::new(Depth { items: options.queue_frames_max, bytes: options.queue_bytes_max }),
            jobs: Queue::new(Depth { items: options.index_queue_max, bytes: options.index_queue_bytes_max }),
            journal: Mutex::new(journal.journal),
            catalogue: journal.catalogue,
            index: index.index,
            meters,
            journal_trouble: Trouble::default(),
            index_trouble: Trouble::default(),
        });
        let running = Running::start(&shared, directory).map_err(OpenError::at(dir))?;
        let store = Self { handle: Arc::new(Handle { shared, running: Mutex::new(Some(running)) }) };
        Ok(Opened { store, epoch, recovery })
    }

    /// Queues a frame to be made durable; `done` hears its number only after the sync.
    ///
    /// Everything that waits when a sync ends goes into the next one. Frames become durable, and are
    /// numbered and completed, in the order of these calls.
    ///
    /// # Errors
    /// [`StoreError::FrameSize`], [`StoreError::Busy`], [`StoreError::Full`], [`StoreError::Closed`]: the
    /// arguments come back and nothing was queued.
    pub fn persist(&self, kind: FrameKind, payload: Vec<u8>, done: Done) -> Result<(), Refused<(Vec<u8>, Done)>> {
        let shared = &self.handle.shared;
        if let Err(why) = self.admit(&payload) {
            return Err(Refused { why, given: (payload, done) });
        }
        match shared.frames.slot(payload.len()) {
            Ok(slot) => {
                slot.fill(Pending { kind, payload, done });
                Ok(())
            }
            Err(turned) => Err(Refused { why: self.turned(turned), given: (payload, done) }),
        }
    }

    /// Makes a frame durable on this thread, if nothing waits and nobody is writing; `None` says to queue it.
    ///
    /// Spares one caller alone the way to the journal thread and back; several at once share syncs only when they
    /// queue. Numbers and order are those of [`Store::persist`].
    ///
    /// # Errors
    /// As the completion of [`Store::persist`], and as that call itself: nothing was written.
    pub fn persist_alone(&self, kind: FrameKind, payload: &[u8]) -> Option<Result<Arrival, StoreError>> {
        let shared = &self.handle.shared;
        let _turn = shared.frames.turn()?;
        Some(self.admit(payload).and_then(|()| writer::persist(shared, std::iter::once((kind, payload)))))
    }

    /// Queues writes to the index, and notes that all frames up to `through` are indexed by them and earlier ones.
    ///
    /// Applied in order; up to 1,023 keys all or none, more in parts of so many. `through` never goes back;
    /// [`Arrival::NONE`] leaves it, for records that no frame holds and that may be lost.
    ///
    /// # Errors
    /// [`StoreError::KeySize`], [`StoreError::ValueSize`], [`StoreError::Busy`], [`StoreError::Closed`]: the
    /// arguments come back and nothing was queued.
    pub fn index(
        &self,
        writes: Vec<Write>,
        through: Arrival,
        done: IndexDone,
    ) -> Result<(), Refused<(Vec<Write>, IndexDone)>> {
        if let Err(why) = writes.iter().try_for_each(Write::check) {
            return Err(Refused { why, given: (writes, done) });
        }
        match self.handle.shared.jobs.slot(writes.iter().map(Write::bytes).sum()) {
            Ok(slot) => {
                slot.fill(Job::Apply { writes, through, done });
                Ok(())
            }
            Err(turned) => Err(Refused { why: self.turned(turned), given: (writes, done) }),
        }
    }

    /// Reads a value of the index. Sees every write whose completion was called.
    ///
    /// # Errors
    /// [`StoreError::Index`] and [`StoreError::IndexDamaged`]: the disk is at fault.
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.handle.shared.index.get(table, key)
    }

    /// Reads at most `limit` records of a range of keys.
    ///
    /// Not a snapshot: writes made meanwhile may or may not be in it.
    ///
    /// # Errors
    /// [`StoreError::Index`] and [`StoreError::IndexDamaged`]: the disk is at fault.
    pub fn scan(&self, table: Table, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.handle.shared.index.scan(table, range, order, limit)
    }

    /// Reads durable frames back from the journal, from a number on.
    ///
    /// Frames that were indexed, and released if own, may be gone from it.
    #[must_use]
    pub fn frames(&self, from: Arrival) -> Frames {
        Frames::new(from, self.handle.shared.catalogue.from(from))
    }

    /// Says that own frames up to here are receipted, so that the journal need not keep them for that.
    ///
    /// Not remembered: said again after opening.
    pub fn release(&self, through: Arrival) {
        raise(&self.handle.shared.meters.released, through);
        // Turned away only when there is other work; the next checkpoint retires too.
        if let Ok(slot) = self.handle.shared.jobs.slot(0) {
            slot.fill(Job::Retire);
        }
    }

    /// Makes the index safe from power cuts, and lets go of the segments that nobody needs any more.
    ///
    /// Also happens by itself after some megabytes of writes, and on closing.
    ///
    /// # Errors
    /// [`StoreError::Busy`], [`StoreError::Closed`]: nothing was queued.
    pub fn checkpoint(&self, done: IndexDone) -> Result<(), StoreError> {
        let slot = self.handle.shared.jobs.slot(0).map_err(|turned| self.turned(turned))?;
        slot.fill(Job::Checkpoint(done));
        Ok(())
    }

    /// Replaces the store's epoch, durably, after frames of its own were lost.
    ///
    /// # Errors
    /// [`StoreError::Closed`]; [`StoreError::Journal`] when the disk refuses, and the old epoch stays.
    pub fn renew_epoch(&self, epoch: u64) -> Result<(), StoreError> {
        let running = self.handle.running.lock().unwrap_or_else(PoisonError::into_inner);
        let running = running.as_ref().ok_or(StoreError::Closed)?;
        running.directory.write_epoch(epoch).map_err(StoreError::journal)
    }

    /// How the store is doing.
    #[must_use]
    pub fn health(&self) -> StoreHealth {
        self.handle.shared.health()
    }

    /// Finishes what is queued, checkpoints, and unlocks the directory. Other handles get [`StoreError::Closed`].
    ///
    /// # Errors
    /// A half of the store that was in trouble: what had been acknowledged is safe, the next start has work to do.
    pub fn close(self) -> Result<(), StoreError> {
        self.handle.stop();
        let health = self.health();
        health.journal_trouble.or(health.index_trouble).map_or(Ok(()), Err)
    }

    /// Checks what can be checked before a frame is queued.
    fn admit(&self, payload: &[u8]) -> Result<(), StoreError> {
        let shared = &self.handle.shared;
        if !is_frame_size(payload.len()) {
            return Err(StoreError::FrameSize { bytes: payload.len() });
        }
        if matches!(shared.journal_trouble.get(), Some(StoreError::Full { .. })) {
            let room = shared.check_room(0);
            count(&shared.meters.refused_full, u64::from(room.is_err()));
            return room;
        }
        Ok(())
    }

    fn turned(&self, turned: Turned) -> StoreError {
        match turned {
            Turned::Busy => {
                count(&self.handle.shared.meters.refused_busy, 1);
                StoreError::Busy
            }
            Turned::Closed => StoreError::Closed,
        }
    }
}

impl Running {
    /// Starts both threads. Each holds the directory, so that it stays locked until the last one ends.
    fn start(shared: &Arc<Shared>, directory: Directory) -> io::Result<Self> {
        let directory = Arc::new(directory);
        let index = {
            let (shared, locked) = (Arc::clone(shared), Arc::clone(&directory));
            thread::Builder::new().name("store-index".into()).spawn(move || {
                indexer::run(&shared);
                drop(locked);
            })?
        };
        let spawned = {
            let (shared, locked) = (Arc::clone(shared), Arc::clone(&directory));
            thread::Builder::new().name("store-journal".into()).spawn(move || {
                writer::run(&shared);
                drop(locked);
            })
        };
        let journal = spawned.inspect_err(|_| shared.jobs.close())?;
        Ok(Self { directory, journal, index })
    }
}

impl Handle {
    /// Ends both threads, the journal first: its completions may still queue index writes.
    fn stop(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Running { directory, journal, index }) = running else { return };
        self.shared.frames.close();
        join(journal);
        self.shared.jobs.close();
        join(index);
        drop(directory);
    }
}

/// Waits for a thread of the store, unless a completion dropped the last handle on that very thread.
fn join(thread: JoinHandle<()>) {
    if thread.thread().id() != thread::current().id() && thread.join().is_err() {
        tracing::error!("a thread of the store panicked");
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("dir", &self.shared.dir).finish_non_exhaustive()
    }
}
