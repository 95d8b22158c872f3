//! How long to wait before the next dial: exponential ceiling, full jitter.

use std::time::{Duration, Instant};

/// The waits between dials of one kind of peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedialWaits {
    /// Longest wait before the second dial; doubles per attempt.
    pub first: Duration,
    /// Longest wait of all. A healed link is used within this plus one dial.
    pub cap: Duration,
}

/// The wait before the next dial of one peer.
///
/// Each wait is drawn evenly from zero to a ceiling that doubles ("full jitter"): nodes cut by one event come back spread out.
/// Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Backoff {
    waits: RedialWaits,
    attempt: u32,
}

impl Backoff {
    pub(super) const fn new(waits: RedialWaits) -> Self {
        Self { waits, attempt: 0 }
    }

    /// Returns when to dial after a failure at `now`. `draw` is any even 64-bit random number.
    pub(super) fn failed(&mut self, now: Instant, draw: u64) -> Instant {
        let doubled = self.waits.first.saturating_mul(1_u32.checked_shl(self.attempt).unwrap_or(u32::MAX));
        let ceiling = doubled.min(self.waits.cap);
        self.attempt = self.attempt.saturating_add(1);
        let ceiling_ms = u64::try_from(ceiling.as_millis()).unwrap_or(u64::MAX - 1);
        now + Duration::from_millis(draw % (ceiling_ms + 1))
    }

    /// Returns when to dial after a link that lived for `lived` ended at `now`.
    ///
    /// Only a link that outlived the cap proves the peer well: one that is closed as soon as it is up, by either side,
    /// counts as a failed dial, or two nodes that refuse each other would dial several times a second for ever.
    pub(super) fn ended(&mut self, now: Instant, lived: Duration, draw: u64) -> Instant {
        if lived >= self.waits.cap {
            self.attempt = 0;
        }
        self.failed(now, draw)
    }

    /// Forgets the failures: there is news of the peer or of our own network.
    pub(super) const fn reset(&mut self) {
        self.attempt = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAITS: RedialWaits = RedialWaits { first: Duration::from_secs(1), cap: Duration::from_secs(15) };

    /// The longest wait of the next attempt, over every millisecond that can be drawn; the attempt is not made.
    fn ceiling_ms(backoff: &Backoff) -> u128 {
        let now = Instant::now();
        let wait = |draw| { *backoff }.failed(now, draw).duration_since(now).as_millis();
        (0..=15_000).map(wait).max().unwrap()
    }

    #[test]
    fn the_ceiling_doubles_up_to_the_cap() {
        let mut backoff = Backoff::new(WAITS);
        for ceiling in [1_000, 2_000, 4_000, 8_000, 15_000, 15_000] {
            assert_eq!(ceiling_ms(&backoff), ceiling);
            backoff.failed(Instant::now(), 0);
        }
    }

    #[test]
    fn no_number_of_failures_exceeds_the_cap() {
        let now = Instant::now();
        let mut backoff = Backoff::new(WAITS);
        for attempt in 0..200_u64 {
            let draw = attempt.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            assert!(backoff.failed(now, draw) <= now + WAITS.cap);
        }
    }

    #[test]
    fn the_same_draws_give_the_same_waits() {
        let now = Instant::now();
        let (mut one, mut other) = (Backoff::new(WAITS), Backoff::new(WAITS));
        for draw in [3, 1_000_000_007, u64::MAX, 0] {
            assert_eq!(one.failed(now, draw), other.failed(now, draw));
        }
    }

    #[test]
    fn a_link_closed_as_soon_as_it_is_up_counts_as_a_failure() {
        let now = Instant::now();
        let mut backoff = Backoff::new(WAITS);
        for _ in 0..4 {
            backoff.ended(now, Duration::from_millis(10), 0);
        }
        assert_eq!(ceiling_ms(&backoff), 15_000);
        backoff.ended(now, WAITS.cap, 0);
        assert_eq!(ceiling_ms(&backoff), 2_000);
        backoff.reset();
        assert_eq!(ceiling_ms(&backoff), 1_000);
    }
}
