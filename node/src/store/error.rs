//! What the store refuses, and whose fault it is.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::frame::PAYLOAD_BYTES_MAX;
use super::index::VALUE_BYTES_MAX;
use super::key::KEY_BYTES_MAX;

/// Why a store does not open. Nothing on the disk was changed, and the text tells the operator what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another handle of this one, has the store open.
    #[error("{} is in use by another running node; stop that node first, or give this one a directory of its own", dir.display())]
    InUse {
        /// The store's directory.
        dir: PathBuf,
    },
    /// The directory holds something that is not a store.
    #[error(
        "{} is not a store: it has no readable file `format`; give an empty directory, or bring that file back from a backup",
        dir.display()
    )]
    Foreign {
        /// The directory given.
        dir: PathBuf,
    },
    /// A later version of this program wrote the store.
    #[error("{} has store format {found}, this program reads up to {known}; update the program", dir.display())]
    Newer {
        /// The store's directory.
        dir: PathBuf,
        /// Format version found.
        found: u32,
        /// Newest format version this program reads.
        known: u32,
    },
    /// The index needs room to open and there is none.
    #[error(
        "the disk is too full to open the store: {free} bytes free, {floor} must stay free; make room and start again"
    )]
    Full {
        /// Bytes free on the store's file system.
        free: u64,
        /// Bytes that must stay free.
        floor: u64,
    },
    /// The operating system refused a file.
    #[error("{}: {source}; check the disk and the directory's owner", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl OpenError {
    /// Names the file an operating system error is about.
    pub(super) fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

/// Why the store did not do what was asked. What was durable before stays durable.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The queue is full: the disk is slower than its callers. Nothing was queued; ask again later.
    #[error("too much is waiting for the disk; try again when it has caught up")]
    Busy,
    /// Too little room is left on the disk. Nothing was stored; work goes on by itself once there is room.
    #[error("the disk is too full: {free} bytes free, {floor} must stay free; make room and work goes on by itself")]
    Full {
        /// Bytes free on the store's file system.
        free: u64,
        /// Bytes that must stay free.
        floor: u64,
    },
    /// The caller's frame is empty or too long. Nothing was stored.
    #[error("a frame has 1 to {PAYLOAD_BYTES_MAX} bytes, not {bytes}")]
    FrameSize {
        /// Bytes of the frame refused.
        bytes: usize,
    },
    /// The caller's index key is too long. None of the writes were queued.
    #[error("a key of the index has at most {KEY_BYTES_MAX} bytes, not {bytes}")]
    KeySize {
        /// Bytes of the key refused.
        bytes: usize,
    },
    /// The caller's index value is too long. None of the writes were queued.
    #[error("a value of the index has at most {VALUE_BYTES_MAX} bytes, not {bytes}")]
    ValueSize {
        /// Bytes of the value refused.
        bytes: usize,
    },
    /// The disk did not take the journal, or could not give it back. Frames of this call are not durable.
    #[error("the journal cannot be used: {0}; check the disk")]
    Journal(#[source] Arc<io::Error>),
    /// The disk did not take the index, or could not give it back. The journal is not affected.
    #[error("the index cannot be used: {0}; check the disk")]
    Index(#[source] Arc<io::Error>),
    /// The index is damaged. The journal goes on; opening the store again rebuilds the index.
    #[error("the index is damaged ({reason}); restart the node, which rebuilds it")]
    IndexDamaged {
        /// What was found.
        reason: Arc<str>,
    },
    /// The store was closed before this was done.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    pub(super) fn journal(source: io::Error) -> Self {
        Self::Journal(Arc::new(source))
    }

    pub(super) fn index(source: io::Error) -> Self {
        Self::Index(Arc::new(source))
    }
}

/// A call the store did not take, with everything given to it, like [`std::sync::mpsc::TrySendError`].
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct Refused<T> {
    /// Why.
    #[source]
    pub why: StoreError,
    /// The caller's arguments, untouched.
    pub given: T,
}
