//! Wrong PINs: how many, and how long nobody of that name is let in. Kept on disk, so a restart forgives nothing.

use std::path::PathBuf;

use swabmesh_protocol::fact::Operator;
use swabmesh_protocol::time::Wall;

use crate::durable::{self, Access};
use crate::page::tries::{Patience, Tries};

/// Wrong PINs in a row before a name is locked.
const FREE_ATTEMPTS: u32 = 5;

/// 30 seconds after the fifth wrong PIN; each further one doubles that, up to a quarter of an hour.
const PATIENCE: Patience = Patience::Doubling { free: FREE_ATTEMPTS, first_s: 30, longest_s: 900 };

/// Names remembered; the oldest is forgotten first. Names that nobody has are counted too.
const NAMES_MAX: usize = 1_000;

/// Wrong PINs by name.
#[derive(Debug)]
pub(super) struct Attempts {
    path: PathBuf,
    failures: Tries<String>,
}

impl Attempts {
    /// What the file remembers; a file that cannot be read remembers nothing.
    pub(super) fn at(path: PathBuf) -> Self {
        let failures = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { path, failures: Tries::new(failures.unwrap_or_default(), NAMES_MAX) }
    }

    /// Seconds until the name may try again; `None` if it may now.
    pub(super) fn wait_s(&self, name: &Operator, now: Wall) -> Option<u64> {
        self.failures.wait_s(&name.to_string(), PATIENCE, now)
    }

    /// Counts a wrong PIN; returns the attempts left, and the wait when there are none.
    pub(super) fn failed(&mut self, name: &Operator, now: Wall) -> (u32, Option<u64>) {
        let failures = self.failures.count(&name.to_string(), PATIENCE, now);
        self.keep();
        (FREE_ATTEMPTS.saturating_sub(failures), self.wait_s(name, now))
    }

    /// Forgets what a name did wrong.
    pub(super) fn forget(&mut self, name: &Operator) {
        if self.failures.forget(&name.to_string()) {
            self.keep();
        }
    }

    fn keep(&self) {
        let text = serde_json::to_vec(self.failures.kept()).unwrap_or_default();
        if let Err(error) = durable::replace(&self.path, &text, Access::Secret) {
            // The count in memory still holds; a desk must not stop because a disk is full.
            tracing::warn!(%error, "wrong PINs are remembered until the next start only");
        }
    }
}
