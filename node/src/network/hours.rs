//! When a metered uplink may be used, and how many bytes each of those times took.

use std::fmt;
use std::str::FromStr;

use swabmesh_protocol::document::age::SHANGHAI_AHEAD_S;
use swabmesh_protocol::time::Wall;

const MINUTES_PER_DAY: u16 = 24 * 60;

/// Times of the day in which the uplink may be used, Asia/Shanghai; none means always.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hours(Vec<Window>);

/// From one minute of the day until before another; over midnight when the second is the smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    from: u16,
    until: u16,
}

/// Not a time of the day. Its writer is at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no time such as 06:00-06:20")]
pub struct BadHours(String);

impl FromStr for Window {
    type Err = BadHours;

    fn from_str(text: &str) -> Result<Self, BadHours> {
        let minute = |text: &str| {
            let (hours, minutes) = text.split_once(':')?;
            let digits = |text: &str| (text.len() == 2).then(|| text.parse::<u16>().ok()).flatten();
            let (hours, minutes) = (digits(hours)?, digits(minutes)?);
            (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
        };
        let window = text.split_once('-').and_then(|(from, until)| Some((minute(from)?, minute(until)?)));
        match window.filter(|(from, until)| from != until) {
            Some((from, until)) => Ok(Self { from, until }),
            None => Err(BadHours(text.to_owned())),
        }
    }
}

impl Hours {
    /// Reads times such as `06:00-06:20`; one may run over midnight.
    ///
    /// # Errors
    /// [`BadHours`] names the first that is none.
    pub fn parse<'t>(windows: impl IntoIterator<Item = &'t str>) -> Result<Self, BadHours> {
        windows.into_iter().map(str::parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there are any.
    #[must_use]
    pub const fn is_always(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the uplink may be used now.
    #[must_use]
    pub fn is_open(&self, now: Wall) -> bool {
        let minute = minute_of(now);
        self.is_always() || self.0.iter().any(|window| window.contains(minute))
    }

    /// Seconds until the uplink may be used; 0 while it may.
    #[must_use]
    pub fn opens_in_s(&self, now: Wall) -> u64 {
        if self.is_open(now) {
            return 0;
        }
        let (minute, second) = (minute_of(now), now.seconds() % 60);
        let ahead = |window: &Window| (window.from + MINUTES_PER_DAY - minute) % MINUTES_PER_DAY;
        let minutes = self.0.iter().map(ahead).min().unwrap_or_default();
        (u64::from(minutes) * 60).saturating_sub(second)
    }
}

impl Window {
    const fn contains(self, minute: u16) -> bool {
        if self.from < self.until {
            self.from <= minute && minute < self.until
        } else {
            self.from <= minute || minute < self.until
        }
    }
}

fn minute_of(now: Wall) -> u16 {
    let minute = (now.seconds() + SHANGHAI_AHEAD_S) / 60 % u64::from(MINUTES_PER_DAY);
    u16::try_from(minute).unwrap_or_default()
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, Window { from, until }) in self.0.iter().enumerate() {
            let comma = if n > 0 { ", " } else { "" };
            write!(f, "{comma}{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, until / 60, until % 60)?;
        }
        Ok(())
    }
}

/// What one time of contact took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct ContactTime {
    /// When it began, milliseconds since 1970 UTC.
    pub began: u64,
    /// When it ended; absent while it lasts.
    pub ended: Option<u64>,
    /// Bytes received over the uplink in it.
    pub bytes_in: u64,
    /// Bytes sent over the uplink in it.
    pub bytes_out: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A time of 10 April 2022 in Shanghai.
    fn at(hour: u64, minute: u64) -> Wall {
        Wall((1_649_520_000 + hour * 3_600 + minute * 60) * 1_000)
    }

    #[test]
    fn an_uplink_is_open_inside_of_its_hours_in_local_time() {
        let hours = Hours::parse(["06:00-06:20", "23:30-00:30"]).unwrap();
        for (hour, minute, open) in [(5, 59, false), (6, 0, true), (6, 19, true), (6, 20, false), (23, 45, true)] {
            assert_eq!(hours.is_open(at(hour, minute)), open, "{hour}:{minute}");
        }
        assert!(hours.is_open(at(0, 29)) && !hours.is_open(at(0, 30)));
        assert_eq!((hours.opens_in_s(at(5, 0)), hours.opens_in_s(at(6, 0))), (3_600, 0));
        assert_eq!(hours.opens_in_s(at(7, 0)), 16 * 3_600 + 1_800);
        assert_eq!(hours.to_string(), "06:00-06:20, 23:30-00:30");
        assert!(Hours::default().is_open(at(3, 3)));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "6:00-07:00", "06:00", "06:00-24:00", "06:60-07:00", "06:00-06:00", "now"] {
            assert_eq!(Hours::parse([text]), Err(BadHours(text.to_owned())));
        }
    }
}
