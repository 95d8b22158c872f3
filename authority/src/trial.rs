//! Sealed bytes of ended days, tried with every key that is left, as a thief would try them (P3).

/// Sealed bytes that are tried; the rest is counted. Source: what desks sealed takes 0.1 ms a try, with sixty keys a minute;
/// what the office sealed takes 2 µs, a second.
const TRIED_MAX: u64 = 10_000;

/// What was found and tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Trial {
    /// Found.
    pub(crate) sealed: u64,
    /// Of those, tried.
    pub(crate) tried: u64,
    /// Of those, opened.
    pub(crate) opened: u64,
}

impl Trial {
    /// Counts one, and tries it unless enough were.
    pub(crate) fn of(&mut self, opens: impl FnOnce() -> bool) {
        self.sealed += 1;
        if self.tried < TRIED_MAX {
            self.tried += 1;
            self.opened += u64::from(opens());
        }
    }
}
