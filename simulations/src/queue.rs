//! The queue of events: by time, then by the order in which they were scheduled.

use std::collections::BTreeMap;

/// A moment of the simulated day: milliseconds since its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct At(pub u64);

impl At {
    /// The moment `ms` milliseconds later.
    #[must_use]
    pub const fn after_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to here, zero if it lies ahead.
    #[must_use]
    pub const fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Events to come.
#[derive(Debug)]
pub struct Queue<E> {
    events: BTreeMap<(At, u64), E>,
    scheduled: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self { events: BTreeMap::new(), scheduled: 0 }
    }
}

impl<E> Queue<E> {
    /// Adds an event; of two at one moment the one added first comes first.
    pub fn schedule(&mut self, at: At, event: E) {
        self.scheduled += 1;
        self.events.insert((at, self.scheduled), event);
    }

    /// The moment of the next event.
    #[must_use]
    pub fn next_at(&self) -> Option<At> {
        self.events.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the next event.
    pub fn pop(&mut self) -> Option<(At, E)> {
        self.events.pop_first().map(|((at, _), event)| (at, event))
    }

    /// How many are to come.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether nothing will ever happen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_then_in_the_order_they_were_scheduled() {
        let mut queue = Queue::default();
        queue.schedule(At(2), 'c');
        queue.schedule(At(1), 'a');
        queue.schedule(At(1), 'b');
        let order: String = std::iter::from_fn(|| queue.pop()).map(|(_, event)| event).collect();
        assert_eq!(order, "abc");
    }
}
