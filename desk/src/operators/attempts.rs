//! Wrong PINs: how many, and how long nobody of that name is let in. Kept on disk, so a restart forgives nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use swabmesh_node::durable::{self, Access};
use swabmesh_protocol::fact::Operator;
use swabmesh_protocol::time::Wall;

/// Wrong PINs in a row before a name is locked.
const FREE_ATTEMPTS: u32 = 5;

/// The first wait, seconds; each further wrong PIN doubles it.
const WAIT_S_FIRST: u64 = 30;

/// The longest wait, seconds.
const WAIT_S_MAX: u64 = 900;

/// Names remembered; the oldest is forgotten first. Names that nobody has are counted too.
const NAMES_MAX: usize = 1_000;

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Failures {
    count: u32,
    last: Wall,
}

/// Wrong PINs by name.
#[derive(Debug)]
pub(super) struct Attempts {
    path: PathBuf,
    failures: BTreeMap<String, Failures>,
}

impl Attempts {
    /// What the file remembers; a file that cannot be read remembers nothing.
    pub(super) fn at(path: PathBuf) -> Self {
        let failures = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { path, failures: failures.unwrap_or_default() }
    }

    /// Seconds until the name may try again; `None` if it may now.
    pub(super) fn wait_s(&self, name: &Operator, now: Wall) -> Option<u64> {
        let failures = self.failures.get(name.as_str())?;
        let doublings = failures.count.checked_sub(FREE_ATTEMPTS)?;
        let wait_s = WAIT_S_FIRST.checked_shl(doublings.min(16)).unwrap_or(WAIT_S_MAX).min(WAIT_S_MAX);
        // A clock that was set back does not lengthen the wait beyond its whole.
        let passed_s = now.seconds().saturating_sub(failures.last.seconds());
        wait_s.checked_sub(passed_s).filter(|left| *left > 0)
    }

    /// Counts a wrong PIN; returns the attempts left, and the wait when there are none.
    pub(super) fn failed(&mut self, name: &Operator, now: Wall) -> (u32, Option<u64>) {
        let failures = self.failures.entry(name.to_string()).or_default();
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
        let left = FREE_ATTEMPTS.saturating_sub(failures.count);
        while self.failures.len() > NAMES_MAX {
            let oldest = self.failures.iter().min_by_key(|(_, failures)| failures.last).map(|(name, _)| name.clone());
            oldest.and_then(|name| self.failures.remove(&name));
        }
        self.keep();
        (left, self.wait_s(name, now))
    }

    /// Forgets what a name did wrong.
    pub(super) fn forget(&mut self, name: &Operator) {
        if self.failures.remove(name.as_str()).is_some() {
            self.keep();
        }
    }

    fn keep(&self) {
        let text = serde_json::to_vec(&self.failures).unwrap_or_default();
        if let Err(error) = durable::replace(&self.path, &text, Access::Secret) {
            // The count in memory still holds; a desk must not stop because a disk is full.
            tracing::warn!(%error, "wrong PINs are remembered until the next start only");
        }
    }
}
