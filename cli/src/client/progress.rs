//! How far something long has come, on standard error, once a second.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(1);
const MIB: u64 = 1024 * 1024;

/// Bytes done so far.
pub(super) struct Progress {
    done: &'static str,
    bytes: u64,
    told: Instant,
}

impl Progress {
    /// Begins; `done` completes "12 MiB …".
    pub(super) fn new(done: &'static str) -> Self {
        Self { done, bytes: 0, told: Instant::now() }
    }

    /// So many bytes more.
    pub(super) fn more(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        if self.told.elapsed() >= EVERY {
            self.told = Instant::now();
            // Whoever closed the terminal does not stop the work.
            let _ = writeln!(io::stderr(), "{} MiB {} ...", self.bytes / MIB, self.done);
        }
    }
}

/// A reader that tells how far it is.
pub(super) struct Counted<R> {
    pub(super) from: R,
    pub(super) progress: Progress,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        self.progress.more(read);
        Ok(read)
    }
}
