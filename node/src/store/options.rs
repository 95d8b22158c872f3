//! What an operator may set about a store.

const MIB: u64 = 1024 * 1024;

/// Sizes and bounds of one store.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Epoch written when the store is created, or when the stored one cannot be read. Random, never used before.
    pub new_epoch: u64,
    /// Memory for the index's pages. Bytes, default 16 MiB: a site's desk computer; an authority wants gigabytes.
    pub cache_bytes: u64,
    /// Bytes that stay free on the file system; below it nothing new is taken. Default 64 MiB.
    ///
    /// Leaves room for the index to follow what the journal already took. Source: guess, some 100 sled segments.
    pub floor_bytes: u64,
    /// Bytes after which a journal segment is closed and the next begun. Default 16 MiB.
    ///
    /// Smaller ones free disk earlier, larger ones pay the new file's two syncs less often.
    pub segment_bytes_max: u64,
    /// Frames waiting to be made durable before callers are told to come back. Default 1,024.
    pub queue_frames_max: usize,
    /// Bytes of frames waiting, which is also the most that one sync covers. Default 8 MiB.
    pub queue_bytes_max: usize,
    /// Calls waiting for the index before callers are told to come back. Default 1,024.
    pub index_queue_max: usize,
    /// Bytes of index writes waiting. Default 8 MiB.
    pub index_queue_bytes_max: usize,
}

impl StoreOptions {
    /// The defaults, with the epoch a new store gets.
    #[must_use]
    pub const fn new(new_epoch: u64) -> Self {
        Self {
            new_epoch,
            cache_bytes: 16 * MIB,
            floor_bytes: 64 * MIB,
            segment_bytes_max: 16 * MIB,
            queue_frames_max: 1_024,
            queue_bytes_max: 8 * 1024 * 1024,
            index_queue_max: 1_024,
            index_queue_bytes_max: 8 * 1024 * 1024,
        }
    }
}
