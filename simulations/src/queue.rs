//! The queue of events: by time, then by the order in which they were scheduled.

use std::collections::{BTreeMap, VecDeque};

/// Milliseconds ahead of the event taken last that have a slot each; a power of two. Source: measured; frames, syncs and
/// reads lie within seconds, and what waits for a minute costs one look-up more.
const SLOTS: usize = 1 << 14;
/// Slots of one word of the map of those that hold anything.
const WORD_SLOTS: usize = 64;

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

/// Events to come. Scheduling one and taking the next cost the same however many there are, unless they lie far ahead.
#[derive(Debug)]
pub struct Queue<E> {
    /// The moment of the event taken last: slots are those from here on, round and round.
    from: At,
    slots: Vec<Slot>,
    /// A bit for each slot that holds anything.
    held: Vec<u64>,
    places: Places<E>,
    /// What lies further ahead than the slots.
    far: BTreeMap<At, VecDeque<E>>,
    /// How many lie in slots, and how many in all.
    near: usize,
    len: usize,
}

/// The events of one millisecond: the places of the first and the last.
#[derive(Debug, Clone, Copy, Default)]
struct Slot(Option<(usize, usize)>);

/// Where events of all slots lie. A place that was left is the first to be taken again: it is still in the processor's cache.
#[derive(Debug)]
struct Places<E> {
    /// An event, and the place of the one behind it in its slot.
    all: Vec<(Option<E>, Option<usize>)>,
    free: Vec<usize>,
}

impl<E> Places<E> {
    fn put(&mut self, event: E) -> usize {
        let place = self.free.pop().unwrap_or(self.all.len());
        match self.all.get_mut(place) {
            Some(free) => *free = (Some(event), None),
            None => self.all.push((Some(event), None)),
        }
        place
    }

    /// Leaves a place: its event, and the place behind it.
    fn take(&mut self, place: usize) -> Option<(E, Option<usize>)> {
        let (event, next) = self.all.get_mut(place)?;
        let taken = (event.take()?, next.take());
        self.free.push(place);
        Some(taken)
    }
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self {
            from: At(0),
            slots: vec![Slot::default(); SLOTS],
            held: vec![0; SLOTS / WORD_SLOTS],
            places: Places { all: Vec::new(), free: Vec::new() },
            far: BTreeMap::new(),
            near: 0,
            len: 0,
        }
    }
}

fn slot(at: At) -> usize {
    usize::try_from(at.0 % SLOTS as u64).unwrap_or_default()
}

impl<E> Queue<E> {
    /// Adds an event; of two at one moment the one added first comes first. What has passed comes next.
    pub fn schedule(&mut self, at: At, event: E) {
        let at = at.max(self.from);
        self.len += 1;
        if at.since_ms(self.from) < SLOTS as u64 {
            self.put(at, event);
        } else {
            self.far.entry(at).or_default().push_back(event);
        }
    }

    fn put(&mut self, at: At, event: E) {
        let number = slot(at);
        let place = self.places.put(event);
        let Some(slot) = self.slots.get_mut(number) else { return };
        let before = slot.0;
        slot.0 = Some((before.map_or(place, |(first, _)| first), place));
        if let Some((_, next)) = before.and_then(|(_, last)| self.places.all.get_mut(last)) {
            *next = Some(place);
        }
        self.held.get_mut(number / WORD_SLOTS).into_iter().for_each(|word| *word |= 1 << (number % WORD_SLOTS));
        self.near += 1;
    }

    /// The moment of the next event.
    #[must_use]
    pub fn next_at(&self) -> Option<At> {
        if self.near == 0 {
            return self.far.first_key_value().map(|(at, _)| *at);
        }
        let first = slot(self.from);
        let words = self.held.len();
        // The first word twice: from the slot of now on, and in the end what comes round before it.
        let found = (0..=words).find_map(|step| {
            let number = (first / WORD_SLOTS + step) % words;
            let mask = if step == 0 { u64::MAX << (first % WORD_SLOTS) } else { u64::MAX };
            let held = self.held.get(number)? & mask;
            (held != 0).then(|| number * WORD_SLOTS + held.trailing_zeros() as usize)
        })?;
        Some(self.from.after_ms(((found + SLOTS - first) % SLOTS) as u64))
    }

    /// Takes the next event.
    pub fn pop(&mut self) -> Option<(At, E)> {
        let at = self.next_at()?;
        if at > self.from {
            self.advance(at);
        }
        let number = slot(at);
        let slot = self.slots.get_mut(number)?;
        let (first, last) = slot.0?;
        let (event, next) = self.places.take(first)?;
        slot.0 = next.map(|next| (next, last));
        if next.is_none() {
            self.held.get_mut(number / WORD_SLOTS).into_iter().for_each(|word| *word &= !(1 << (number % WORD_SLOTS)));
        }
        self.near -= 1;
        self.len -= 1;
        Some((at, event))
    }

    /// What lay too far ahead and does not any more gets its slot, before anything is scheduled behind it.
    fn advance(&mut self, at: At) {
        self.from = at;
        while let Some(next) = self.far.first_entry()
            && next.key().since_ms(at) < SLOTS as u64
        {
            let (at, events) = next.remove_entry();
            events.into_iter().for_each(|event| self.put(at, event));
        }
    }

    /// How many are to come.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing will ever happen.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn they_come_as_from_an_ordered_map_however_far_ahead_they_lie(
            steps in prop::collection::vec((0_u64..3, 0_u64..(3 * SLOTS as u64), 0_usize..3), 1..300),
        ) {
            let (mut queue, mut model, mut now) = (Queue::default(), BTreeMap::new(), At(0));
            for (number, (near, ahead, taken)) in steps.into_iter().enumerate() {
                let ahead = if near == 0 { ahead } else { ahead % 40 };
                queue.schedule(now.after_ms(ahead), number);
                model.insert((now.after_ms(ahead), number), number);
                for _ in 0..taken {
                    let next = model.pop_first().map(|((at, _), event)| (at, event));
                    prop_assert_eq!(queue.next_at(), next.map(|(at, _)| at));
                    prop_assert_eq!(queue.pop(), next);
                    now = next.map_or(now, |(at, _)| at);
                }
                prop_assert_eq!((queue.len(), queue.is_empty()), (model.len(), model.is_empty()));
            }
        }
    }
}
