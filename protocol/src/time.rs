//! Time as the core sees it: always an argument, never asked for.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// Milliseconds in one second.
pub const MS_PER_S: u64 = 1_000;

/// Seconds of a day.
pub const DAY_S: u64 = 86_400;

/// Milliseconds of a day.
pub const DAY_MS: u64 = DAY_S * MS_PER_S;

/// Milliseconds since this process started: never decreases, says nothing about the date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Mono(pub u64);

impl Mono {
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

/// A machine's claim of the date: milliseconds since 1970 UTC. Shown and flagged, never a reason to refuse an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, Encode, Decode)]
#[serde(transparent)]
#[cbor(transparent)]
pub struct Wall(#[n(0)] pub u64);

impl Wall {
    /// Whole seconds since 1970 UTC, the unit of codes and certificates.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0 / MS_PER_S
    }

    /// A claim given in whole seconds since 1970 UTC.
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(MS_PER_S))
    }
}

/// The two clocks a caller hands to every step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// For timeouts and deadlines.
    pub mono: Mono,
    /// For what people and codes call the time.
    pub wall: Wall,
}

/// Hybrid logical timestamp: 48 bits of wall milliseconds above 16 bits of counter.
///
/// Rises along a feed even when the clock stands or goes back. It is never raised by what others claim, so that a
/// liar's clock spreads no further than its own entries; what a writer had seen is named in the fact itself.
/// After Kulkarni et al., "Logical Physical Clocks", 2014, without its receive rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, Encode, Decode)]
#[serde(transparent)]
#[cbor(transparent)]
pub struct Stamp(#[n(0)] pub u64);

impl Stamp {
    /// Bits below the milliseconds.
    const COUNTER_BITS: u32 = 16;

    /// The stamp of an event at `wall` by a writer whose newest known stamp is `self`.
    #[must_use]
    pub const fn next(self, wall: Wall) -> Self {
        let claimed = wall.0 << Self::COUNTER_BITS;
        if claimed > self.0 { Self(claimed) } else { Self(self.0.saturating_add(1)) }
    }

    /// The wall time inside the stamp.
    #[must_use]
    pub const fn wall(self) -> Wall {
        Wall(self.0 >> Self::COUNTER_BITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_rise_even_when_the_clock_stands_or_goes_back() {
        let first = Stamp::default().next(Wall(1_000));
        let frozen = first.next(Wall(1_000));
        let back = frozen.next(Wall(10));
        assert!(first < frozen && frozen < back);
        assert_eq!(back.wall(), Wall(1_000));
    }
}
