//! Retention (P3): beginnings of feeds that the authority let go of are missing for good, and nobody asks for them.

use std::collections::BTreeMap;

use super::Replica;
use crate::fact::{Base, Fact, Pruned, Role};
use crate::frontier::Head;
use crate::id::{FeedId, Lane, SeqNo};
use crate::io::RequestId;
use crate::limits::PRUNED_BASES_MAX;
use crate::time::{Now, Wall};

impl Replica {
    /// The authority lets go of the beginnings of feeds: everybody but itself takes them out.
    pub(super) fn prune(&mut self, now: Now, request: RequestId, before: Wall, bases: Vec<Base>) {
        let mut by_lane: BTreeMap<Lane, Vec<Base>> = BTreeMap::new();
        for base in bases {
            by_lane.entry(base.header.lane).or_default().push(base);
        }
        let facts = by_lane.into_iter().flat_map(|(lane, bases)| {
            let few = bases.chunks(PRUNED_BASES_MAX).map(|bases| Pruned { before, bases: bases.to_vec() });
            few.map(move |fact| (lane, Fact::from(fact))).collect::<Vec<_>>()
        });
        let facts = facts.collect();
        self.stage_as(now, request, Role::Authority, facts);
    }

    /// Feeds of which less is held than the authority let go of begin after that.
    pub(super) fn begin_after(&mut self, fact: &Fact) {
        let Fact::Pruned(pruned) = fact else { return };
        let arrival = self.tips.durable.newest();
        for base in &pruned.bases {
            let feed = base.feed();
            let ours = self.lanes.contains(base.header.lane) && !self.append.is_own(&base.header);
            if !ours || self.is_past(&feed, base.seq()) || self.cuts.get(&feed).is_some() {
                continue;
            }
            let receipted = self.control.receipts.get(&feed).copied().unwrap_or_default();
            if base.holds(receipted, &*self.verifier) {
                self.tips.durable.set(Head::of(base, arrival));
                if self.tips.ahead.get(&feed).is_some_and(|(ahead, _)| *ahead <= base.seq()) {
                    self.tips.ahead.remove(&feed);
                }
            }
        }
    }

    /// Nothing more is wanted of what was let go of.
    pub(super) fn want_no_more(&mut self, now: Now, pruned: &Pruned) {
        for base in &pruned.bases {
            let feed = base.feed();
            if let Some(head) = self.tips.durable.get(&feed).filter(|head| head.seq >= base.seq()).copied() {
                self.exchange.durable(now, None, feed.short(), head.header.lane, head.seq);
            }
        }
    }

    /// Whether a feed is held further than a chunk leads: it was let go of while the chunk was on its way to the disk.
    pub(super) fn is_past(&self, feed: &FeedId, last: SeqNo) -> bool {
        self.tips.durable.get(feed).is_some_and(|head| head.seq >= last)
    }
}
