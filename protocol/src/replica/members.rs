//! Whose certificates the authority renews (rule N2).

use std::collections::BTreeMap;

use super::Replica;
use crate::certificate::Certificate;
use crate::id::NodeKey;

impl Replica {
    /// The certificates that are to be renewed, `before_s` before their end, of members that were heard of.
    ///
    /// Not of a withdrawn node. Heard of is who is connected, or wrote something since half of the validity, by its own
    /// clock: a machine that lies in a drawer for a year, or with whoever stole it, does not stay a member by itself.
    #[must_use]
    pub fn due(&self, now_s: u64, before_s: u64) -> Vec<Certificate> {
        self.heard_of(|certificate| certificate.is_due(now_s, before_s))
    }

    /// How many members that were heard of should have been renewed long ago.
    pub(super) fn late(&self, now_s: u64) -> u64 {
        self.heard_of(|certificate| certificate.is_late(now_s)).len() as u64
    }

    fn heard_of(&self, is_wanted: impl Fn(&Certificate) -> bool) -> Vec<Certificate> {
        let roster = &self.control.roster;
        let members = roster.certificates().filter(|certificate| !roster.is_withdrawn(&certificate.node));
        let mut wanted: Vec<Certificate> = members.filter(|certificate| is_wanted(certificate)).cloned().collect();
        if !wanted.is_empty() {
            let (wrote, here) = (self.last_written(), self.here());
            wanted.retain(|certificate| {
                let wrote = wrote.get(&certificate.node).is_some_and(|at| *at >= certificate.half_s());
                wrote || certificate.node == self.own.node || here.contains(&certificate.node)
            });
        }
        wanted
    }

    /// When each writer wrote last, seconds since 1970 UTC by its own clock.
    fn last_written(&self) -> BTreeMap<NodeKey, u64> {
        let mut wrote = BTreeMap::<NodeKey, u64>::new();
        for (_, head) in self.tips.durable.heads() {
            let at = wrote.entry(head.header.writer).or_default();
            *at = (*at).max(head.stamp.wall().seconds());
        }
        wrote
    }

    /// Who showed a certificate on a connection that stands.
    fn here(&self) -> Vec<NodeKey> {
        self.exchange
            .sessions()
            .filter(|(_, session)| session.open.is_some())
            .map(|(_, session)| session.peer)
            .collect()
    }
}
