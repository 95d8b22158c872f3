//! How far this node's clock can be believed (rule N6). A wrong clock is shown and flagged; it refuses nobody.

use crate::time::{MS_PER_S, Wall};

/// Difference to the peers above which the clock is doubtful. Milliseconds. Source: the skew codes allow, 300 s.
pub const DOUBTFUL_MS: u64 = 300_000;

/// What is known of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Clock {
    /// Milliseconds the peers are ahead of us, their median; zero without peers.
    pub offset_ms: i64,
    /// Seconds since 1970 UTC before which it cannot be: something signed speaks of that moment.
    pub not_before_s: u64,
}

impl Clock {
    /// Judges from the offsets of connected peers, in rising order.
    #[must_use]
    pub fn of(offsets_ms: &[i64], not_before_s: u64) -> Self {
        Self { offset_ms: offsets_ms.get(offsets_ms.len() / 2).copied().unwrap_or(0), not_before_s }
    }

    /// The agreed time: our clock, put right by the median of the peers.
    #[must_use]
    pub const fn agreed(&self, wall: Wall) -> Wall {
        Wall(wall.0.saturating_add_signed(self.offset_ms))
    }

    /// Whether the operator must be told that the clock is doubtful.
    #[must_use]
    pub const fn is_doubtful(&self, wall: Wall) -> bool {
        self.offset_ms.unsigned_abs() > DOUBTFUL_MS || wall.0 + DOUBTFUL_MS < self.not_before_s * MS_PER_S
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_liar_among_three_moves_nothing() {
        let clock = Clock::of(&[-20, 15, 90_000_000], 0);
        assert_eq!(clock.agreed(Wall(1_000)), Wall(1_015));
        assert!(!clock.is_doubtful(Wall(1_000)));
    }

    #[test]
    fn a_clock_before_the_newest_signed_thing_is_doubtful() {
        let clock = Clock::of(&[], 1_649_433_600);
        assert!(clock.is_doubtful(Wall::from_seconds(1_649_430_000)));
        assert!(!clock.is_doubtful(Wall::from_seconds(1_649_433_500)));
    }
}
