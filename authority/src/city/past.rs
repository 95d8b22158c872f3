//! Retention of the log: what the policy's days have passed and the authority signed for is kept by the authority alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use swabmesh_node::clock;
use swabmesh_protocol::command::Command;
use swabmesh_protocol::fact::{Base, Role};
use swabmesh_protocol::id::{FeedId, Hash, NodeKey};
use swabmesh_protocol::project::{bases_before, let_go};
use swabmesh_protocol::time::Wall;
use swabmesh_protocol::view::{View, ViewError};

use super::day::Day;
use super::fold::Roles;

/// Feeds of one command to the core. Source: guess; a few dozen statements.
const FEEDS_AT_ONCE: usize = 256;

/// What of the log goes, from every node but the authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    before: Day,
    entries: u64,
    bases: BTreeMap<FeedId, Base>,
}

/// What a purge reports of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastReport {
    /// Entries made before this day went: the day of the purge, or the policy's retention, whichever is earlier.
    pub before: String,
    /// Feeds that begin later than they did.
    pub feeds: u64,
    /// Entries that were let go of now.
    pub entries: u64,
    /// SHA-256 over the last entries let go of, in the order of feeds: feed (16), number (8, big-endian), hash (32).
    pub digest: Hash,
}

impl Past {
    /// Finds what sites and laboratories wrote before a day, and more than the policy's days ago.
    ///
    /// Costs what was written since the last time.
    ///
    /// # Errors
    /// [`ViewError`]: our disk.
    pub fn find<V: View>(
        view: &V,
        roles: &Roles,
        before: Day,
        retention_days: u64,
        now: Wall,
    ) -> Result<Self, ViewError> {
        let kept = u32::try_from(retention_days).unwrap_or(u32::MAX);
        let before = before.min(Day(clock::day(now).saturating_sub(kept)));
        let of = |writer: &NodeKey| roles.get(writer).is_some_and(|role| *role != Role::Authority);
        let mut past = Self { before, entries: 0, bases: BTreeMap::new() };
        for base in bases_before(view, Wall(before.start_ms()), of)? {
            past.entries += base.seq().0 - let_go(view, &base.feed())?.0;
            past.bases.insert(base.feed(), base);
        }
        Ok(past)
    }

    /// What the core is told, in steps of bounded size.
    pub fn commands(&self) -> impl Iterator<Item = Command> {
        let before = Wall(self.before.start_ms());
        let mut bases: Vec<Base> = self.bases.values().copied().collect();
        bases.sort_unstable_by_key(|base| base.header.lane);
        let steps: Vec<Vec<Base>> = bases.chunks(FEEDS_AT_ONCE).map(<[Base]>::to_vec).collect();
        steps.into_iter().map(move |bases| Command::Prune { before, bases })
    }

    /// What is told of it.
    #[must_use]
    pub fn report(&self) -> PastReport {
        let mut digest = Sha256::new();
        for (feed, base) in &self.bases {
            digest.update(feed.0);
            digest.update(base.seq().0.to_be_bytes());
            digest.update(base.signed.head.0);
        }
        PastReport {
            before: self.before.to_string(),
            feeds: self.bases.len() as u64,
            entries: self.entries,
            digest: Hash(digest.finalize().into()),
        }
    }
}
