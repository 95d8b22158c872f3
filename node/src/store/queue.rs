//! A queue bounded by number and by bytes, from many callers to whoever has the turn to take from it.

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
    /// Somebody works on what they took, or in the place of what could be taken.
    turn_taken: bool,
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
        let waiting = Waiting { items: VecDeque::new(), bytes: 0, closed: false, turn_taken: false };
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

    /// Waits for items and for the turn, and moves all items to `out`. None once the queue is closed and empty.
    pub(super) fn take_all(&self, out: &mut Vec<T>) -> Option<Turn<'_, T>> {
        let mut waiting = self.lock();
        while waiting.turn_taken || (waiting.items.is_empty() && !waiting.closed) {
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        if waiting.items.is_empty() {
            return None;
        }
        out.extend(waiting.items.drain(..));
        waiting.bytes = 0;
        waiting.turn_taken = true;
        Some(Turn(self))
    }

    /// The turn, if nothing waits and nobody has it: for doing at once what would be queued and taken.
    pub(super) fn turn(&self) -> Option<Turn<'_, T>> {
        let mut waiting = self.lock();
        if waiting.turn_taken || waiting.closed || !waiting.items.is_empty() {
            return None;
        }
        waiting.turn_taken = true;
        Some(Turn(self))
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

/// The turn to work on what a queue orders: nobody else takes anything while it is held.
#[must_use]
pub(super) struct Turn<'a, T>(&'a Queue<T>);

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.turn_taken = false;
        let somebody_waits = !waiting.items.is_empty() || waiting.closed;
        drop(waiting);
        if somebody_waits {
            self.0.changed.notify_all();
        }
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
        assert!(queue.take_all(&mut taken).is_some());
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
        assert!(queue.take_all(&mut taken).is_some());
        assert!(queue.take_all(&mut taken).is_none());
        assert_eq!(taken, [1]);
        assert!(queue.wait_closed(Duration::ZERO));
    }

    #[test]
    fn the_turn_is_given_only_to_one_and_only_when_nothing_waits() {
        let queue = queue(2, 10);
        let turn = queue.turn();
        assert!(turn.is_some() && queue.turn().is_none());
        assert_eq!(push(&queue, 1, 1), Ok(()), "others queue meanwhile");
        drop(turn);
        assert!(queue.turn().is_none(), "what waits goes first");
        let mut taken = Vec::new();
        let working = queue.take_all(&mut taken);
        assert!(queue.turn().is_none(), "what was taken is not done yet");
        drop(working);
        assert!(queue.turn().is_some());
        queue.close();
        assert!(queue.turn().is_none());
    }

    #[test]
    fn who_takes_waits_for_the_turn_to_end() {
        let queue = queue(2, 10);
        let turn = queue.turn();
        assert_eq!(push(&queue, 1, 1), Ok(()));
        let (told, taken) = std::sync::mpsc::sync_channel(1);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut out = Vec::new();
                let _turn = queue.take_all(&mut out);
                told.send(out).unwrap();
            });
            assert!(taken.try_recv().is_err());
            drop(turn);
            assert_eq!(taken.recv().unwrap(), [1]);
        });
    }
}
