//! Where each registration of this node is: only here, at a neighbour, at the authority (rule N4).

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::id::{FeedId, FeedShort, SeqNo};
use crate::io::Arrival;

/// An own chunk the authority has not signed for.
#[derive(Debug, Clone, Copy)]
struct Unreceipted {
    last: SeqNo,
    registrations: u64,
    arrival: Arrival,
}

/// One own feed.
#[derive(Debug, Default)]
struct OwnFeed {
    chunks: VecDeque<Unreceipted>,
    /// Up to here some peer acknowledged it as durable.
    neighbour: SeqNo,
    /// It is cut: below the cut all histories are the same, so whoever holds any of them holds this.
    cut: bool,
}

impl OwnFeed {
    /// Whether what others hold up to this entry is what is held here.
    fn reaches(&self, seq: SeqNo) -> bool {
        self.cut || self.chunks.back().is_none_or(|newest| seq <= newest.last)
    }
}

/// Where the farthest copy of a registration is (rule N4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Custody {
    /// Nowhere but at its writer.
    OnlyHere,
    /// At another node as well, which said that it holds it durably.
    AtNeighbour,
    /// The authority signed for it.
    AtAuthority,
}

impl Custody {
    /// Where entry `seq` of a feed is, if another node holds it up to `neighbour` and the authority up to `receipted`.
    #[must_use]
    pub fn of(seq: SeqNo, neighbour: SeqNo, receipted: SeqNo) -> Self {
        if seq <= receipted {
            Self::AtAuthority
        } else if seq <= neighbour {
            Self::AtNeighbour
        } else {
            Self::OnlyHere
        }
    }
}

/// Counts for the operator. They add up to everything this node ever registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Registrations of this node.
    pub registrations: u64,
    /// Nowhere else: a lost disk loses them.
    pub only_here: u64,
    /// Durable at a peer, not yet signed for by the authority.
    pub at_neighbour: u64,
    /// Signed for by the authority.
    pub at_authority: u64,
}

/// The copies of this node's own entries.
#[derive(Debug, Default)]
pub struct Copies {
    registrations: u64,
    feeds: BTreeMap<FeedId, OwnFeed>,
    newest: Arrival,
}

impl Copies {
    /// Takes up what the store says: registrations ever written, and chunks without a receipt.
    #[must_use]
    pub fn restore(registrations: u64, unreceipted: Vec<(FeedId, SeqNo, u64, Arrival)>) -> Self {
        let mut copies = Self { registrations, ..Self::default() };
        for (feed, last, registrations, arrival) in unreceipted {
            copies.feeds.entry(feed).or_default().chunks.push_back(Unreceipted { last, registrations, arrival });
            copies.newest = copies.newest.max(arrival);
        }
        copies
    }

    /// An own chunk is on disk here.
    pub fn written(&mut self, feed: FeedId, last: SeqNo, registrations: u64, arrival: Arrival) {
        self.registrations += registrations;
        self.newest = self.newest.max(arrival);
        self.feeds.entry(feed).or_default().chunks.push_back(Unreceipted { last, registrations, arrival });
    }

    /// An own feed is cut, and what is held of it above has a name of its own already.
    pub fn cut(&mut self, feed: FeedId) {
        self.feeds.entry(feed).or_default().cut = true;
    }

    /// What is held of an own feed from an entry on has a name of its own: another history of it exists, and what was
    /// said of the feed above that entry may have been said of the other one.
    pub fn renamed(&mut self, feed: FeedId, from: SeqNo, branch: FeedId) {
        let Some(own) = self.feeds.get_mut(&feed) else { return };
        own.cut = true;
        let above = own.chunks.split_off(own.chunks.partition_point(|chunk| chunk.last < from));
        self.feeds.entry(branch).or_default().chunks.extend(above);
    }

    /// A peer says that it holds a feed durably up to `seq`; only our own feeds matter here.
    ///
    /// Whoever holds more of it than we do may hold another history: that says nothing about ours.
    pub fn held_by_peer(&mut self, short: FeedShort, seq: SeqNo) {
        for (_, feed) in self.feeds.iter_mut().filter(|(id, _)| id.short() == short) {
            if feed.reaches(seq) {
                feed.neighbour = feed.neighbour.max(seq);
            }
        }
    }

    /// Up to where a peer acknowledged an own feed as durable.
    #[must_use]
    pub fn neighbour(&self, feed: &FeedId) -> SeqNo {
        self.feeds.get(feed).map_or(SeqNo(0), |own| own.neighbour)
    }

    /// Up to where a peer acknowledged each own feed as durable.
    #[must_use]
    pub fn neighbour_marks(&self) -> BTreeMap<FeedId, SeqNo> {
        self.feeds.iter().map(|(feed, own)| (*feed, own.neighbour)).collect()
    }

    /// The authority signed. Returns the arrival up to which all our chunks are receipted, if any are.
    pub fn receipted(&mut self, receipts: &BTreeMap<FeedId, SeqNo>) -> Option<Arrival> {
        let mut any = false;
        for (id, feed) in &mut self.feeds {
            let mark = receipts.get(id).copied().filter(|mark| feed.reaches(*mark)).unwrap_or_default();
            while feed.chunks.front().is_some_and(|chunk| chunk.last <= mark) {
                feed.chunks.pop_front();
                any = true;
            }
        }
        let oldest = self.feeds.values().filter_map(|feed| feed.chunks.front()).map(|chunk| chunk.arrival).min();
        any.then(|| oldest.map_or(self.newest, |oldest| Arrival(oldest.0.saturating_sub(1))))
    }

    /// Where the registrations are.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts { registrations: self.registrations, ..Counts::default() };
        for feed in self.feeds.values() {
            for chunk in &feed.chunks {
                if chunk.last <= feed.neighbour {
                    counts.at_neighbour += chunk.registrations;
                } else {
                    counts.only_here += chunk.registrations;
                }
            }
        }
        counts.at_authority = self.registrations.saturating_sub(counts.only_here + counts.at_neighbour);
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_longer_history_says_nothing_about_ours() {
        let (feed, branch) = (FeedId([1; 16]), FeedId([2; 16]));
        let mut copies = Copies::default();
        copies.written(feed, SeqNo(3), 3, Arrival(10));
        copies.written(feed, SeqNo(5), 2, Arrival(12));
        copies.held_by_peer(feed.short(), SeqNo(9));
        assert_eq!(copies.receipted(&[(feed, SeqNo(9))].into()), None);
        assert_eq!(copies.counts().only_here, 5);
        copies.renamed(feed, SeqNo(4), branch);
        assert_eq!(
            copies.receipted(&[(feed, SeqNo(9))].into()),
            Some(Arrival(11)),
            "all histories share what is below"
        );
        assert_eq!(copies.receipted(&[(feed, SeqNo(9)), (branch, SeqNo(5))].into()), Some(Arrival(12)));
        assert_eq!(copies.counts().at_authority, 5);
    }

    #[test]
    fn registrations_move_from_here_to_a_neighbour_to_the_authority() {
        let feed = FeedId([1; 16]);
        let mut copies = Copies::default();
        copies.written(feed, SeqNo(3), 3, Arrival(10));
        copies.written(feed, SeqNo(5), 2, Arrival(12));
        copies.held_by_peer(feed.short(), SeqNo(3));
        let counts = Counts { registrations: 5, only_here: 2, at_neighbour: 3, at_authority: 0 };
        assert_eq!(copies.counts(), counts);
        assert_eq!(copies.receipted(&[(feed, SeqNo(4))].into()), Some(Arrival(11)));
        assert_eq!(copies.counts(), Counts { at_neighbour: 0, at_authority: 3, ..counts });
        assert_eq!(copies.receipted(&[(feed, SeqNo(5))].into()), Some(Arrival(12)));
        assert_eq!(copies.counts().at_authority, 5);
        assert_eq!(copies.receipted(&[(feed, SeqNo(5))].into()), None);
    }
}
