//! What was shown as accepted is on its node's disk from that moment on, and in the end at the authority.

use std::collections::BTreeMap;

use swabmesh_protocol::command::Reply;
use swabmesh_protocol::fact::Fact;
use swabmesh_protocol::frontier::Head;
use swabmesh_protocol::id::{EntryId, FeedId, Person, SeqNo};
use swabmesh_protocol::project;
use swabmesh_protocol::view::ViewError;

use crate::city::NodeId;
use crate::disk::Disk;

/// Its name in reports.
pub const RULE: &str = "accepted-is-recoverable";

/// What one node promised.
#[derive(Debug, Default)]
struct Promises {
    registrations: BTreeMap<EntryId, Person>,
    /// Last entry any reply named, in each of its feeds.
    through: BTreeMap<FeedId, SeqNo>,
}

/// What nodes promised.
#[derive(Debug, Default)]
pub struct Accepted {
    by_node: BTreeMap<NodeId, Promises>,
    registrations: usize,
    died: u64,
}

impl Accepted {
    /// A node answered a command. Returns what it promised and does not have.
    pub fn replied(&mut self, node: NodeId, disk: &Disk, reply: &Reply) -> Option<String> {
        let promises = self.by_node.entry(node).or_default();
        let entries = match reply {
            Reply::Verdict(verdict) => {
                if let (Some(registration), Some(person)) = (verdict.registration, verdict.person) {
                    promises.registrations.insert(registration, person);
                    self.registrations += 1;
                }
                verdict.registration.into_iter().collect()
            }
            Reply::Done { entries, .. } => entries.clone(),
            Reply::Issued { .. } | Reply::IssuedMany(_) => Vec::new(),
        };
        for EntryId { feed, seq } in &entries {
            let promised = promises.through.entry(*feed).or_default();
            *promised = (*promised).max(*seq);
        }
        let missing = entries.into_iter().find(|entry| disk.height(&entry.feed) < entry.seq)?;
        Some(format!("{missing} was answered and is not on disk"))
    }

    /// A node was restored. Returns what it had promised and does not find.
    #[must_use]
    pub fn restored<'a>(&self, node: NodeId, heads: impl Iterator<Item = &'a Head>) -> Option<String> {
        // Of the histories of a feed the longest: which is its own, only the tables say.
        let mut found: BTreeMap<FeedId, SeqNo> = BTreeMap::new();
        for head in heads {
            let longest = found.entry(head.header.id()).or_default();
            *longest = (*longest).max(head.seq);
        }
        let promised = &self.by_node.get(&node)?.through;
        let lost = promised.iter().filter(|(feed, seq)| found.get(feed).copied().unwrap_or_default() < **seq);
        let lost: Vec<String> = lost.map(|(feed, seq)| format!("{feed}:{}", seq.0)).collect();
        (!lost.is_empty()).then(|| format!("after a restart the disk ends before {}", lost.join(", ")))
    }

    /// A node's disk is gone for good. What was nowhere else, as `elsewhere` says of a feed, is gone with it, whatever
    /// the protocol; returns how many registrations.
    pub fn disk_died(&mut self, node: NodeId, elsewhere: impl Fn(&FeedId) -> SeqNo) -> u64 {
        let Some(promises) = self.by_node.get_mut(&node) else { return 0 };
        let before = promises.registrations.len();
        let heights: BTreeMap<FeedId, SeqNo> = promises.through.keys().map(|feed| (*feed, elsewhere(feed))).collect();
        let is_elsewhere = |entry: &EntryId| heights.get(&entry.feed).is_some_and(|height| *height >= entry.seq);
        promises.registrations.retain(|entry, _| is_elsewhere(entry));
        promises.through.clear();
        let died = (before - promises.registrations.len()) as u64;
        self.died += died;
        died
    }

    /// Registrations that were nowhere but on a disk that died.
    #[must_use]
    pub const fn died(&self) -> u64 {
        self.died
    }

    /// Registrations that a node promised and that a disk's tables do not hold as they were promised, but for those that
    /// need not be kept there any more.
    ///
    /// # Errors
    /// [`ViewError`]: the tables cannot be read.
    pub fn missing(&self, disk: &Disk, of: NodeId) -> Result<Vec<EntryId>, ViewError> {
        let mut missing = Vec::new();
        let promises = self.by_node.get(&of).into_iter().flat_map(|promises| &promises.registrations);
        for (registration, person) in promises {
            let record = project::head(disk.tables(), &registration.feed)?;
            if record.is_some_and(|record| registration.seq < record.first()) {
                // The authority let go of it, and keeps it.
                continue;
            }
            if !is_registered(disk, *registration, person)? {
                missing.push(*registration);
            }
        }
        Ok(missing)
    }

    /// How many registrations were promised.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.registrations
    }

    /// Whether none was.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.registrations == 0
    }
}

/// Whether an entry is the registration of a person, in whichever history of its feed.
fn is_registered(disk: &Disk, entry: EntryId, person: &Person) -> Result<bool, ViewError> {
    let branches = project::quarantine::branches(disk.tables(), &entry.feed)?;
    for feed in branches.into_iter().map(|(branch, _)| branch).chain([entry.feed]) {
        let entry = project::entry(disk.tables(), EntryId { feed, ..entry })?;
        let fact = entry.and_then(|entry| Fact::from_bytes(&entry.fact).ok());
        if matches!(fact, Some(Fact::Registered(fact)) if fact.person == *person) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_about_what_is_not_on_disk_is_seen_at_once_and_after_a_restart() {
        let mut accepted = Accepted::default();
        let entry = EntryId { feed: FeedId([3; 16]), seq: SeqNo(2) };
        let reply = Reply::Done { entries: vec![entry], warnings: Vec::new() };
        assert!(accepted.replied(NodeId(1), &Disk::default(), &reply).is_some());
        assert!(accepted.restored(NodeId(1), [].iter()).is_some());
        assert_eq!(accepted.restored(NodeId(2), [].iter()), None, "another node promised nothing");
        assert_eq!(accepted.disk_died(NodeId(1), |_| SeqNo(0)), 0, "it was no registration");
        assert_eq!(accepted.restored(NodeId(1), [].iter()), None, "that disk is gone");
    }
}
