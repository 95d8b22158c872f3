//! Age on a day in Asia/Shanghai (rule C4).

use serde::Serialize;
use time::Date;

use crate::time::{DAY_S, Wall};

/// Age from which a person is no longer a minor.
pub const ADULT_YEARS: i32 = 18;

/// Age from which a person is an elder.
pub const ELDER_YEARS: i32 = 60;

/// Seconds that Asia/Shanghai is ahead of UTC. No summer time since 1991.
pub const SHANGHAI_AHEAD_S: u64 = 8 * 3_600;

/// Julian day of 1970-01-01.
const UNIX_EPOCH_JULIAN_DAY: i32 = 2_440_588;

/// Which relatives' codes a person's age allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AgeCategory {
    /// Before the 18th birthday.
    Minor,
    /// Neither.
    None,
    /// From the 60th birthday on.
    Elder,
}

/// Names the day in Asia/Shanghai at a moment; moments past the year 9999 are its last day.
#[must_use]
pub fn day_in_shanghai(at: Wall) -> Date {
    let days = at.seconds().saturating_add(SHANGHAI_AHEAD_S) / DAY_S;
    let days = i32::try_from(days).unwrap_or(i32::MAX);
    Date::from_julian_day(UNIX_EPOCH_JULIAN_DAY.saturating_add(days)).unwrap_or(Date::MAX)
}

/// Counts full years from birth to `day`, negative before birth.
///
/// Born 29 February: the birthday in a common year is 1 March, which is what comparing month and day gives.
#[must_use]
pub fn full_years(born: Date, day: Date) -> i32 {
    let birthday_ahead = (u8::from(day.month()), day.day()) < (u8::from(born.month()), born.day());
    day.year() - born.year() - i32::from(birthday_ahead)
}

/// Sorts a person into minor, elder or neither on `day`, the day of issue.
#[must_use]
pub fn category_on(born: Date, day: Date) -> AgeCategory {
    match full_years(born, day) {
        years if years < ADULT_YEARS => AgeCategory::Minor,
        years if years >= ELDER_YEARS => AgeCategory::Elder,
        _ => AgeCategory::None,
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn the_day_changes_at_midnight_in_shanghai() {
        let midnight = Wall::from_seconds(1_649_433_600);
        assert_eq!(day_in_shanghai(midnight), date!(2022 - 04 - 09));
        assert_eq!(day_in_shanghai(Wall::from_seconds(1_649_433_599)), date!(2022 - 04 - 08));
        assert_eq!(day_in_shanghai(Wall(0)), date!(1970 - 01 - 01));
        assert_eq!(day_in_shanghai(Wall(u64::MAX)), Date::MAX);
    }

    #[test]
    fn a_leap_day_child_comes_of_age_on_the_first_of_march() {
        let born = date!(2004 - 02 - 29);
        assert_eq!(category_on(born, date!(2022 - 02 - 28)), AgeCategory::Minor);
        assert_eq!(category_on(born, date!(2022 - 03 - 01)), AgeCategory::None);
        assert_eq!(full_years(born, date!(2024 - 02 - 28)), 19);
        assert_eq!(full_years(born, date!(2024 - 02 - 29)), 20);
    }

    #[test]
    fn a_person_is_an_elder_from_the_sixtieth_birthday_on() {
        let born = date!(1962 - 04 - 09);
        assert_eq!(category_on(born, date!(2022 - 04 - 08)), AgeCategory::None);
        assert_eq!(category_on(born, date!(2022 - 04 - 09)), AgeCategory::Elder);
    }
}
