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

/// What nodes promised.
#[derive(Debug, Default)]
pub struct Accepted {
    registrations: BTreeMap<EntryId, (NodeId, Person)>,
    /// Last entry any reply of a node named, in each of its feeds.
    promised: BTreeMap<(NodeId, FeedId), SeqNo>,
}

impl Accepted {
    /// A node answered a command. Returns what it promised and does not have.
    pub fn replied(&mut self, node: NodeId, disk: &Disk, reply: &Reply) -> Option<String> {
        let entries = match reply {
            Reply::Verdict(verdict) => {
                if let (Some(registration), Some(person)) = (verdict.registration, verdict.person) {
                    self.registrations.insert(registration, (node, person));
                }
                verdict.registration.into_iter().collect()
            }
            Reply::Done { entries, .. } => entries.clone(),
            Reply::Issued { .. } | Reply::IssuedMany(_) => Vec::new(),
        };
        for EntryId { feed, seq } in &entries {
            let promised = self.promised.entry((node, *feed)).or_default();
            *promised = (*promised).max(*seq);
        }
        let missing = entries.into_iter().find(|entry| disk.height(&entry.feed) < entry.seq)?;
        Some(format!("{missing} was answered and is not on disk"))
    }

    /// A node was restored. Returns what it had promised and does not find.
    #[must_use]
    pub fn restored(&self, node: NodeId, heads: &[Head]) -> Option<String> {
        let found: BTreeMap<FeedId, SeqNo> = heads.iter().map(|head| (head.header.id(), head.seq)).collect();
        let of_node = self.promised.range((node, FeedId([0; 16]))..=(node, FeedId([0xff; 16])));
        let lost = of_node.filter(|((_, feed), seq)| found.get(feed).copied().unwrap_or_default() < **seq);
        let lost: Vec<String> = lost.map(|((_, feed), seq)| format!("{feed}:{}", seq.0)).collect();
        (!lost.is_empty()).then(|| format!("after a restart the disk ends before {}", lost.join(", ")))
    }

    /// Registrations promised that a disk's tables do not hold as they were promised.
    ///
    /// # Errors
    /// [`ViewError`]: the tables cannot be read.
    pub fn missing(&self, disk: &Disk, of: impl Fn(NodeId) -> bool) -> Result<Vec<EntryId>, ViewError> {
        let mut missing = Vec::new();
        for (registration, (_, person)) in self.registrations.iter().filter(|(_, (node, _))| of(*node)) {
            let entry = project::entry(disk.tables(), *registration)?;
            let fact = entry.and_then(|entry| Fact::from_bytes(&entry.fact).ok());
            if !matches!(fact, Some(Fact::Registered(fact)) if fact.person == *person) {
                missing.push(*registration);
            }
        }
        Ok(missing)
    }

    /// How many registrations were promised.
    #[must_use]
    pub fn len(&self) -> usize {
        self.registrations.len()
    }

    /// Whether none was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.registrations.is_empty()
    }
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
        assert!(accepted.restored(NodeId(1), &[]).is_some());
        assert_eq!(accepted.restored(NodeId(2), &[]), None, "another node promised nothing");
    }
}
