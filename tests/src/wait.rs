//! Waiting for what comes about by itself: within a bound, showing what was seen last.

use std::time::{Duration, Instant};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Asks until the answer is there, and returns it; fails with what was seen last when the time is up.
///
/// # Panics
/// It did not come about `within` this time.
#[track_caller]
pub fn eventually<T>(what: &str, within: Duration, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let began = Instant::now();
    loop {
        match ask() {
            Ok(found) => return found,
            Err(seen) => assert!(began.elapsed() < within, "not within {within:?}: {what}; last seen: {seen}"),
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Turns a condition into an answer for [`eventually`]: what was seen otherwise.
///
/// # Errors
/// What was seen, when the condition does not hold.
pub fn is(holds: bool, otherwise: impl std::fmt::Debug) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("{otherwise:?}")) }
}
