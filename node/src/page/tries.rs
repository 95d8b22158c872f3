//! Wrong tries at signing in: how many, and how long whoever made them waits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use swabmesh_protocol::time::Wall;

/// When somebody may try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Some tries in a window that begins with the first of them; then none until it is over.
    Window {
        /// Tries in a window.
        most: u32,
        /// Its length in seconds.
        window_s: u64,
    },
    /// Some tries at once; from then on each further one doubles the wait.
    Doubling {
        /// Tries before the first wait.
        free: u32,
        /// The first wait in seconds.
        first_s: u64,
        /// The longest wait in seconds.
        longest_s: u64,
    },
}

/// The tries of one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    count: u32,
    /// Of a window the first try, otherwise the last.
    #[serde(rename = "last")]
    at: Wall,
}

impl Patience {
    /// Whether the tries are forgotten by now.
    fn is_over(self, tried: Tried, now: Wall) -> bool {
        matches!(self, Self::Window { window_s, .. } if passed_s(tried, now) >= window_s)
    }

    /// Seconds to wait.
    fn wait_s(self, tried: Tried, now: Wall) -> Option<u64> {
        match self {
            Self::Window { most, window_s } => {
                let waits = tried.count >= most && !self.is_over(tried, now);
                waits.then(|| (tried.at.seconds() + window_s).saturating_sub(now.seconds()).max(1))
            }
            Self::Doubling { free, first_s, longest_s } => {
                let doublings = tried.count.checked_sub(free)?;
                let wait_s = first_s.checked_shl(doublings.min(16)).unwrap_or(longest_s).min(longest_s);
                wait_s.checked_sub(passed_s(tried, now)).filter(|left| *left > 0)
            }
        }
    }
}

/// A clock that was set back does not lengthen a wait beyond its whole.
fn passed_s(tried: Tried, now: Wall) -> u64 {
    now.seconds().saturating_sub(tried.at.seconds())
}

/// Wrong tries, by what they are counted by.
#[derive(Debug)]
pub struct Tries<K> {
    of: BTreeMap<K, Tried>,
    remembered_max: usize,
}

impl<K: Ord + Clone> Tries<K> {
    /// Goes on with what was kept; of more than `remembered_max` the oldest is forgotten.
    #[must_use]
    pub const fn new(of: BTreeMap<K, Tried>, remembered_max: usize) -> Self {
        Self { of, remembered_max }
    }

    /// What is to be kept.
    #[must_use]
    pub const fn kept(&self) -> &BTreeMap<K, Tried> {
        &self.of
    }

    /// Seconds until the next try; `None` when it may be now.
    pub fn wait_s(&self, by: &K, patience: Patience, now: Wall) -> Option<u64> {
        patience.wait_s(*self.of.get(by)?, now)
    }

    /// Counts a try; returns how many there were.
    pub fn count(&mut self, by: &K, patience: Patience, now: Wall) -> u32 {
        if !self.of.contains_key(by) {
            while self.of.len() >= self.remembered_max
                && let Some(oldest) = self.of.iter().min_by_key(|(_, tried)| tried.at).map(|(by, _)| by.clone())
            {
                self.of.remove(&oldest);
            }
        }
        let tried = self.of.entry(by.clone()).or_insert(Tried { count: 0, at: now });
        if patience.is_over(*tried, now) {
            *tried = Tried { count: 0, at: now };
        }
        if matches!(patience, Patience::Doubling { .. }) {
            tried.at = now;
        }
        tried.count = tried.count.saturating_add(1);
        tried.count
    }

    /// Takes one try back that was right.
    pub fn take_back(&mut self, by: &K) {
        if let Some(tried) = self.of.get_mut(by) {
            tried.count = tried.count.saturating_sub(1);
        }
    }

    /// Forgets all tries of one; tells whether there were any.
    pub fn forget(&mut self, by: &K) -> bool {
        self.of.remove(by).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Wall = Wall::from_seconds(1_649_433_600);
    const WINDOW: Patience = Patience::Window { most: 3, window_s: 900 };
    const DOUBLING: Patience = Patience::Doubling { free: 2, first_s: 30, longest_s: 100 };

    fn later(seconds: u64) -> Wall {
        Wall::from_seconds(NOW.seconds() + seconds)
    }

    #[test]
    fn a_window_begins_with_the_first_try_and_ends_by_itself() {
        let mut tries = Tries::new(BTreeMap::new(), 9);
        assert_eq!([0, 30, 60].map(|s| tries.count(&"li", WINDOW, later(s))), [1, 2, 3]);
        assert_eq!(tries.wait_s(&"li", WINDOW, later(60)), Some(840));
        assert_eq!(tries.wait_s(&"li", WINDOW, later(900)), None);
        assert_eq!(tries.count(&"li", WINDOW, later(900)), 1);
        tries.take_back(&"li");
        assert_eq!(tries.count(&"li", WINDOW, later(901)), 1);
    }

    #[test]
    fn each_wrong_try_after_the_free_ones_doubles_the_wait_up_to_the_longest() {
        let mut tries = Tries::new(BTreeMap::new(), 9);
        let waits: Vec<Option<u64>> = (0..5)
            .map(|_| {
                tries.count(&"li", DOUBLING, NOW);
                tries.wait_s(&"li", DOUBLING, NOW)
            })
            .collect();
        assert_eq!(waits, [None, Some(30), Some(60), Some(100), Some(100)]);
        assert_eq!(tries.wait_s(&"li", DOUBLING, later(99)), Some(1));
        assert_eq!(tries.wait_s(&"li", DOUBLING, later(100)), None);
        assert!(tries.forget(&"li") && !tries.forget(&"li"));
    }

    #[test]
    fn of_too_many_the_oldest_is_forgotten() {
        let mut tries = Tries::new(BTreeMap::new(), 2);
        for (second, by) in ["a", "b", "a", "c"].into_iter().enumerate() {
            tries.count(&by, DOUBLING, later(second as u64));
        }
        assert_eq!(tries.kept().keys().copied().collect::<Vec<_>>(), ["a", "c"]);
    }
}
