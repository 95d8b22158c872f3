//! How far this node's clock can be believed (rule N6). A wrong clock is shown and flagged; it refuses nobody.

use std::collections::BTreeSet;

use crate::time::{MS_PER_S, Wall};

/// Difference to the peers above which the clock is doubtful. Milliseconds. Source: the skew codes allow, 300 s.
pub const DOUBTFUL_MS: u64 = 300_000;

/// What is known of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Clock {
    /// Milliseconds the peers are ahead of us, their median; zero without peers.
    pub offset_ms: i64,
    /// Whether there are none.
    pub alone: bool,
    /// Seconds since 1970 UTC before which it cannot be: something signed speaks of that moment.
    pub not_before_s: u64,
}

/// How far the clocks of connected peers are ahead of ours, each under the name of its connection.
///
/// The lower half and the upper half are kept apart, so that the median costs nothing however many they are.
#[derive(Debug, Clone)]
pub struct Offsets<K> {
    low: BTreeSet<(i64, K)>,
    high: BTreeSet<(i64, K)>,
}

impl<K> Default for Offsets<K> {
    fn default() -> Self {
        Self { low: BTreeSet::new(), high: BTreeSet::new() }
    }
}

impl<K: Ord> Offsets<K> {
    /// A peer's clock is so many milliseconds ahead.
    pub fn add(&mut self, ms: i64, peer: K) {
        let peer = (ms, peer);
        let of = if self.high.first().is_some_and(|middle| peer < *middle) { &mut self.low } else { &mut self.high };
        of.insert(peer);
        self.balance();
    }

    /// That peer is gone.
    pub fn remove(&mut self, ms: i64, peer: K) {
        let peer = (ms, peer);
        if !self.low.remove(&peer) {
            self.high.remove(&peer);
        }
        self.balance();
    }

    /// The upper half holds as many as the lower one, or one more.
    fn balance(&mut self) {
        while self.low.len() > self.high.len() {
            let last = self.low.pop_last();
            self.high.extend(last);
        }
        while self.high.len() > self.low.len() + 1 {
            let first = self.high.pop_first();
            self.low.extend(first);
        }
    }

    /// The median, of an even number the higher of the two in the middle; zero without peers.
    #[must_use]
    pub fn median_ms(&self) -> i64 {
        self.high.first().map_or(0, |(ms, _)| *ms)
    }

    /// Whether there are no peers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.high.is_empty()
    }
}

impl Clock {
    /// The agreed time: our clock, put right by the median of the peers.
    #[must_use]
    pub const fn agreed(&self, wall: Wall) -> Wall {
        Wall(wall.0.saturating_add_signed(self.offset_ms))
    }

    /// What a fact is stamped with: our clock, but no moment before one that the authority signed, so that a machine whose
    /// battery is dead writes of today all the same. Unless peers say that our clock is right: then the authority's was
    /// not when it signed.
    #[must_use]
    pub fn stamped(&self, wall: Wall) -> Wall {
        let agrees = !self.alone && self.offset_ms.unsigned_abs() <= DOUBTFUL_MS;
        if agrees { wall } else { wall.max(Wall::from_seconds(self.not_before_s)) }
    }

    /// Whether the operator must be told that the clock is doubtful.
    #[must_use]
    pub const fn is_doubtful(&self, wall: Wall) -> bool {
        self.offset_ms.unsigned_abs() > DOUBTFUL_MS || wall.0 + DOUBTFUL_MS < self.not_before_s * MS_PER_S
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_liar_among_three_moves_nothing() {
        let mut offsets = Offsets::default();
        [-20, 15, 90_000_000].into_iter().zip(0..).for_each(|(ms, peer)| offsets.add(ms, peer));
        let clock = Clock { offset_ms: offsets.median_ms(), alone: false, not_before_s: 0 };
        assert_eq!(clock.agreed(Wall(1_000)), Wall(1_015));
        assert!(!clock.is_doubtful(Wall(1_000)));
    }

    proptest! {
        #[test]
        fn the_median_is_that_of_the_sorted_offsets_whoever_comes_and_goes(
            changes in prop::collection::vec((-5_i64..5, 0_u8..6, any::<bool>()), 0..60),
        ) {
            let (mut offsets, mut model) = (Offsets::default(), BTreeSet::new());
            for (ms, peer, comes) in changes {
                if comes && !model.iter().any(|(_, known)| *known == peer) {
                    offsets.add(ms, peer);
                    model.insert((ms, peer));
                } else if !comes && model.remove(&(ms, peer)) {
                    offsets.remove(ms, peer);
                }
                let sorted: Vec<i64> = model.iter().map(|(ms, _)| *ms).collect();
                prop_assert_eq!(offsets.median_ms(), sorted.get(sorted.len() / 2).copied().unwrap_or(0));
                prop_assert_eq!(offsets.is_empty(), sorted.is_empty());
            }
        }
    }

    #[test]
    fn a_clock_before_the_newest_signed_thing_is_doubtful() {
        let offset_ms = Offsets::<u8>::default().median_ms();
        let clock = Clock { offset_ms, alone: true, not_before_s: 1_649_433_600 };
        assert!(clock.is_doubtful(Wall::from_seconds(1_649_430_000)));
        assert!(!clock.is_doubtful(Wall::from_seconds(1_649_433_500)));
    }

    #[test]
    fn no_stamp_lies_before_a_signed_moment_unless_peers_have_our_time() {
        let (early, signed, late) = (Wall::from_seconds(5), Wall::from_seconds(9), Wall::from_seconds(10));
        let alone = Clock { offset_ms: 0, alone: true, not_before_s: 9 };
        assert_eq!((alone.stamped(early), alone.stamped(late)), (signed, late));
        let others_say_later = Clock { offset_ms: 90_000_000, alone: false, ..alone };
        assert_eq!(others_say_later.stamped(early), signed);
        assert_eq!(Clock { alone: false, ..alone }.stamped(early), early, "then the authority's clock was ahead");
    }
}
