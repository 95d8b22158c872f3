//! The date, as people at a desk in Shanghai read it.

use std::time::{SystemTime, UNIX_EPOCH};

use time::macros::{format_description, offset};
use time::{OffsetDateTime, UtcOffset};

const SHANGHAI: UtcOffset = offset!(+8);

/// Seconds since 1970 UTC by this machine's clock; 0 when it stands before that.
pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Writes seconds since 1970 UTC as date and time in Shanghai.
pub(crate) fn shanghai(seconds: u64) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] +08:00");
    let moment = i64::try_from(seconds).ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    moment
        .and_then(|moment| moment.checked_to_offset(SHANGHAI))
        .and_then(|moment| moment.format(format).ok())
        .unwrap_or_else(|| format!("{seconds} s after 1970"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn midnight_in_shanghai_is_written_as_such() {
        assert_eq!(shanghai(1_649_433_600), "2022-04-09 00:00:00 +08:00");
        assert_eq!(shanghai(u64::MAX), format!("{} s after 1970", u64::MAX));
    }
}
