//! Couriers: what is carried on a stick where no line goes.

use serde::Deserialize;

/// Somebody drives between sites and the authority with a bundle of what each holds, there and back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Courier {
    /// Which sites.
    pub serves: String,
    /// Minutes between two trips.
    pub every_min: u64,
    /// Minutes one way, at least and at most.
    #[serde(default = "Courier::trip_min")]
    pub trip_min: [u64; 2],
    /// Sticks that never arrive, per thousand.
    #[serde(default)]
    pub lost: u32,
    /// Trips that take ten times as long, per thousand.
    #[serde(default)]
    pub late: u32,
    /// Sticks pulled out while they were written, per thousand: they end at any byte.
    #[serde(default)]
    pub truncated: u32,
    /// Sticks with bad places, per thousand: a few bits anywhere in the file are wrong.
    #[serde(default)]
    pub damaged: u32,
    /// Sticks with what was on them last time, per thousand.
    #[serde(default)]
    pub old: u32,
}

impl Courier {
    const fn trip_min() -> [u64; 2] {
        [10, 40]
    }
}
