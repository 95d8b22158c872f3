//! A queue bounded by number and by bytes, from many callers to one thread.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Why an item was not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turned {
    /// One of the bounds is reached.
    Busy,
    /// The taking thread is gone or going.
    Closed,
}

/// What waits: items, and the bytes their callers gave for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Depth {
    pub(super) items: usize,
    pub(super) bytes: usize,
}

#[derive(Debug)]
struct Waiting<T> {
    items: VecDeque<T>,
    bytes: usize,
    closed: bool,
}

/// The queue. An item larger than the byte bound passes when nothing else waits.
#[derive(Debug)]
pub(super) struct Queue<T> {
    waiting: Mutex<Waiting<T>>,
    changed: Condvar,
    max: Depth,
}

impl<T> Queue<T> {
    pub(super) fn new(max: Depth) -> Self {
        let waiting = Waiting { items: VecDeque::new(), bytes: 0, closed: false };
        Self { waiting: Mutex::new(waiting), changed: Condvar::new(), max }
    }

    /// Room for an item that counts for so many bytes, held until it is filled.
    pub(super) fn slot(&self, bytes: usize) -> Result<Slot<'_, T>, Turned> {
        let waiting = self.lock();
        if waiting.closed {
            return Err(Turned::Closed);
        }
        let crowded = waiting.items.len() >= self.max.items || waiting.bytes.saturating_add(bytes) > self.max.bytes;
        if crowded && !waiting.items.is_empty() {
            return Err(Turned::Busy);
        }
        Ok(Slot { waiting, changed: &self.changed, bytes })
    }

    /// Waits for items and moves all of them to `out`. False once the queue is closed and empty.
    pub(super) fn take_all(&self, out: &mut Vec<T>) -> bool {
        let mut waiting = self.lock();
        while waiting.items.is_empty() && !waiting.closed {
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let any = !waiting.items.is_empty();
        out.extend(waiting.items.drain(..));
        waiting.bytes = 0;
        any
    }

    /// Waits until the queue is closed, at most so long. True if it is closed.
    pub(super) fn wait_closed(&self, at_most: Duration) -> bool {
        let (waiting, _) = self
            .changed
            .wait_timeout_while(self.lock(), at_most, |waiting| !waiting.closed)
            .unwrap_or_else(PoisonError::into_inner);
        waiting.closed
    }

    /// Takes no more items; those waiting can still be taken.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    pub(super) fn depth(&self) -> Depth {
        let waiting = self.lock();
        Depth { items: waiting.items.len(), bytes: waiting.bytes }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room in a queue. Others wait while it is held, so it is filled at once.
pub(super) struct Slot<'a, T> {
    waiting: MutexGuard<'a, Waiting<T>>,
    changed: &'a Condvar,
    bytes: usize,
}

impl<T> Slot<'_, T> {
    pub(super) fn fill(mut self, item: T) {
        self.waiting.items.push_back(item);
        self.waiting.bytes = self.waiting.bytes.saturating_add(self.bytes);
        drop(self.waiting);
        self.changed.notify_one();
    }
}

/// Closes a queue when its taking thread ends, however it ends, and drops what nobody will take.
pub(super) struct ClosesOnExit<'a, T>(pub(super) &'a Queue<T>);

impl<T> Drop for ClosesOnExit<'_, T> {
    fn drop(&mut self) {
        self.0.close();
        let left = std::mem::take(&mut self.0.lock().items);
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(items: usize, bytes: usize) -> Queue<u8> {
        Queue::new(Depth { items, bytes })
    }

    fn push(queue: &Queue<u8>, item: u8, bytes: usize) -> Result<(), Turned> {
        queue.slot(bytes).map(|slot| slot.fill(item))
    }

    #[test]
    fn both_bounds_turn_items_away_and_taking_makes_room() {
        let queue = queue(2, 10);
        assert_eq!(push(&queue, 1, 4), Ok(()));
        assert_eq!(push(&queue, 2, 7), Err(Turned::Busy), "bytes");
        assert_eq!(push(&queue, 3, 6), Ok(()));
        assert_eq!(push(&queue, 4, 0), Err(Turned::Busy), "items");
        assert_eq!(queue.depth(), Depth { items: 2, bytes: 10 });
        let mut taken = Vec::new();
        assert!(queue.take_all(&mut taken));
        assert_eq!(taken, [1, 3]);
        assert_eq!(push(&queue, 5, 11), Ok(()), "larger than the bound, but alone");
    }

    #[test]
    fn a_closed_queue_gives_what_it_has_and_then_ends() {
        let queue = queue(2, 10);
        assert_eq!(push(&queue, 1, 1), Ok(()));
        queue.close();
        assert_eq!(push(&queue, 2, 1), Err(Turned::Closed));
        let mut taken = Vec::new();
        assert!(queue.take_all(&mut taken));
        assert!(!queue.take_all(&mut taken));
        assert_eq!(taken, [1]);
        assert!(queue.wait_closed(Duration::ZERO));
    }
}
