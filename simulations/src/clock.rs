//! A node's idea of the date: right, ahead, behind, drifting, or standing still.

use swabmesh_protocol::time::Wall;

use crate::queue::At;

/// 9 April 2022, 07:30 in Shanghai: the simulated day begins. Milliseconds since 1970 UTC.
pub const DAY_BEGINS: Wall = Wall(1_649_460_600_000);

/// How far off a clock is that shows another year. Milliseconds.
#[must_use]
pub fn years_off_ms(year: u16) -> i64 {
    const DAYS_OF_FOUR_YEARS: i64 = 1_461;
    let years = i64::from(year) - 2022;
    years * DAYS_OF_FOUR_YEARS * 86_400_000 / 4
}

/// One machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    /// Milliseconds it is ahead.
    pub offset_ms: i64,
    /// Milliseconds it gains in a thousand seconds.
    pub drift_ppm: i64,
    /// When it stopped.
    pub frozen: Option<At>,
}

impl Clock {
    /// What it shows.
    #[must_use]
    pub const fn wall(&self, at: At) -> Wall {
        let at = match self.frozen {
            Some(frozen) => frozen,
            None => at,
        };
        let gained_ms = at.0.cast_signed().saturating_mul(self.drift_ppm) / 1_000_000;
        Wall(DAY_BEGINS.0.saturating_add(at.0).saturating_add_signed(self.offset_ms.saturating_add(gained_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_of_another_year_shows_that_year() {
        let shown = Clock { offset_ms: years_off_ms(2018), ..Clock::default() }.wall(At(0));
        assert!(shown < Wall(1_546_300_800_000) && shown > Wall(1_514_764_800_000), "{shown:?}");
    }

    #[test]
    fn clocks_drift_jump_and_stop() {
        let hour = At(3_600_000);
        assert_eq!(Clock::default().wall(hour), Wall(DAY_BEGINS.0 + hour.0));
        let drifting = Clock { offset_ms: -1_000, drift_ppm: 100, frozen: None };
        assert_eq!(drifting.wall(hour), Wall(DAY_BEGINS.0 + hour.0 - 1_000 + 360));
        assert_eq!(Clock { frozen: Some(At(5)), ..Clock::default() }.wall(hour), Wall(DAY_BEGINS.0 + 5));
    }
}
