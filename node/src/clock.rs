//! The date as this machine claims it.

use std::time::{SystemTime, UNIX_EPOCH};

use swabmesh_protocol::time::{DAY_S, Wall};

/// Reads the machine's clock; the beginning of 1970 if it is set to before that.
#[must_use]
pub fn wall() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Days since 1970 in Asia/Shanghai, by which keys of the day are counted.
#[must_use]
pub fn day(at: Wall) -> u32 {
    const SHANGHAI_AHEAD_S: u64 = 8 * 3_600;
    u32::try_from(at.seconds().saturating_add(SHANGHAI_AHEAD_S) / DAY_S).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_changes_at_midnight_in_shanghai() {
        assert_eq!(day(Wall::from_seconds(1_649_433_599)) + 1, day(Wall::from_seconds(1_649_433_600)));
        assert_eq!(day(Wall(0)), 0);
    }
}
