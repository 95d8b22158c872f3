//! What a node holds durably: the head of every feed, findable by name, by lane and by order of arrival.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::id::{FeedHeader, FeedId, FeedShort, Hash, Lane, SeqNo};
use crate::io::Arrival;
use crate::time::Stamp;

/// Buckets of the two-level hash. Source: 15,000 feeds give 117 a bucket, so one changed feed costs 1.5 KB of bucket
/// hashes and 1.5 KB of heads.
pub const BUCKETS: usize = 128;
/// Bytes of a bucket's hash on the wire.
pub const BUCKET_BYTES: usize = 12;

/// The last entry held of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Whose feed.
    pub header: FeedHeader,
    /// Its number.
    pub seq: SeqNo,
    /// Its hash.
    pub hash: Hash,
    /// Its stamp.
    pub stamp: Stamp,
    /// The signature that closes it.
    pub signature: [u8; 64],
    /// When it arrived here.
    pub arrival: Arrival,
}

/// Which lanes are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lanes {
    /// All that travel.
    All,
    /// These.
    Of(BTreeSet<Lane>),
}

impl Lanes {
    /// Whether a lane is among them; the private lane never is.
    #[must_use]
    pub fn contains(&self, lane: Lane) -> bool {
        lane != Lane::PRIVATE
            && match self {
                Self::All => true,
                Self::Of(lanes) => lanes.contains(&lane),
            }
    }

    /// The lanes two nodes both follow.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, lanes) | (lanes, Self::All) => lanes.clone(),
            (Self::Of(one), Self::Of(other)) => Self::Of(one.intersection(other).copied().collect()),
        }
    }
}

/// The heads of all feeds held.
#[derive(Debug, Clone, Default)]
pub struct Frontier {
    heads: BTreeMap<FeedId, Head>,
    by_arrival: BTreeMap<Arrival, FeedId>,
    entries: BTreeMap<Lane, u64>,
}

impl Frontier {
    /// Sets a feed's head. A later call for the same feed replaces it.
    pub fn set(&mut self, head: Head) {
        let id = head.header.id();
        let entries = self.entries.entry(head.header.lane).or_default();
        *entries = entries.saturating_add(head.seq.0);
        if let Some(before) = self.heads.insert(id, head) {
            *entries = entries.saturating_sub(before.seq.0);
            self.by_arrival.remove(&before.arrival);
        }
        self.by_arrival.insert(head.arrival, id);
    }

    /// The head of a feed.
    #[must_use]
    pub fn get(&self, feed: &FeedId) -> Option<&Head> {
        self.heads.get(feed)
    }

    /// The feeds with this short name: none, one, or by bad luck more.
    pub fn named(&self, short: FeedShort) -> impl Iterator<Item = (&FeedId, &Head)> {
        let (mut from, mut to) = ([0; 16], [0xff; 16]);
        from[..6].copy_from_slice(&short.0);
        to[..6].copy_from_slice(&short.0);
        self.heads.range(FeedId(from)..=FeedId(to))
    }

    /// All heads.
    pub fn heads(&self) -> impl Iterator<Item = (&FeedId, &Head)> {
        self.heads.iter()
    }

    /// How many feeds are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Entries held in these lanes.
    #[must_use]
    pub fn entries_in(&self, lanes: &Lanes) -> u64 {
        match lanes {
            Lanes::All => self.entries.iter().filter(|(lane, _)| **lane != Lane::PRIVATE).map(|(_, count)| count).sum(),
            Lanes::Of(lanes) => lanes.iter().filter_map(|lane| self.entries.get(lane)).sum(),
        }
    }

    /// The newest arrival of any feed.
    #[must_use]
    pub fn newest(&self) -> Arrival {
        self.by_arrival.last_key_value().map_or_else(Arrival::default, |(arrival, _)| *arrival)
    }

    /// The heads of feeds that changed after an arrival, in order of arrival: costs what changed, not what is held.
    pub fn changed_after<'a>(
        &'a self,
        after: Arrival,
        lanes: &'a Lanes,
    ) -> impl Iterator<Item = (&'a FeedId, &'a Head)> {
        let changed = self.by_arrival.range((std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded));
        changed.filter_map(|(_, id)| self.heads.get_key_value(id)).filter(|(_, head)| lanes.contains(head.header.lane))
    }

    /// The hash of each bucket of the feeds in these lanes: SHA-256 over feed (16), number (8, big-endian) and head
    /// (32) of each feed in order, its first twelve bytes; zeros for an empty bucket.
    #[must_use]
    pub fn buckets(&self, lanes: &Lanes) -> [[u8; BUCKET_BYTES]; BUCKETS] {
        let mut buckets = [[0; BUCKET_BYTES]; BUCKETS];
        for (number, bucket) in buckets.iter_mut().enumerate() {
            let mut hash = Sha256::new();
            let mut any = false;
            for (id, head) in self.bucket(number, lanes) {
                hash.update(id.0);
                hash.update(head.seq.0.to_be_bytes());
                hash.update(head.hash.0);
                any = true;
            }
            if any {
                let digest: [u8; 32] = hash.finalize().into();
                bucket.copy_from_slice(&digest[..BUCKET_BYTES]);
            }
        }
        buckets
    }

    /// The heads of one bucket: the feeds whose id begins with its seven bits.
    pub fn bucket<'a>(&'a self, number: usize, lanes: &'a Lanes) -> impl Iterator<Item = (&'a FeedId, &'a Head)> {
        let first = u8::try_from(number.min(BUCKETS - 1) << 1).unwrap_or(u8::MAX);
        let (mut from, mut to) = ([0; 16], [0xff; 16]);
        from[0] = first;
        to[0] = first | 1;
        self.heads.range(FeedId(from)..=FeedId(to)).filter(|(_, head)| lanes.contains(head.header.lane))
    }

    /// One hash over all feeds in these lanes. Equal roots: equal logs.
    #[must_use]
    pub fn root(&self, lanes: &Lanes) -> Hash {
        let mut hash = Sha256::new();
        hash.update(b"swabmesh frontier 1");
        self.buckets(lanes).iter().for_each(|bucket| hash.update(bucket));
        Hash(hash.finalize().into())
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "made-up data")]
mod tests {
    use super::*;
    use crate::id::{Epoch, NodeKey};

    fn head(writer: u8, lane: u16, seq: u64, arrival: u64) -> Head {
        Head {
            header: FeedHeader { writer: NodeKey([writer; 32]), epoch: Epoch(1), lane: Lane(lane) },
            seq: SeqNo(seq),
            hash: Hash([seq as u8; 32]),
            stamp: Stamp(0),
            signature: [0; 64],
            arrival: Arrival(arrival),
        }
    }

    #[test]
    fn equal_heads_give_equal_roots_whatever_the_order_of_arrival() {
        let (mut one, mut other) = (Frontier::default(), Frontier::default());
        (1..40).for_each(|n| one.set(head(n, 1, u64::from(n), u64::from(n))));
        (1..40).rev().for_each(|n| other.set(head(n, 1, u64::from(n), 100 - u64::from(n))));
        assert_eq!(one.root(&Lanes::All), other.root(&Lanes::All));
        other.set(head(7, 1, 8, 200));
        assert_ne!(one.root(&Lanes::All), other.root(&Lanes::All));
    }

    #[test]
    fn only_what_changed_since_is_listed_and_only_in_lanes_followed() {
        let mut frontier = Frontier::default();
        (1..9).for_each(|n| frontier.set(head(n, u16::from(n % 2), 1, u64::from(n))));
        frontier.set(head(2, 0, 2, 9));
        frontier
            .set(Head { header: FeedHeader { lane: Lane::PRIVATE, ..head(3, 0, 0, 0).header }, ..head(3, 0, 1, 10) });
        let city = Lanes::Of([Lane(0)].into());
        let changed: Vec<u64> = frontier.changed_after(Arrival(6), &city).map(|(_, head)| head.arrival.0).collect();
        assert_eq!(changed, [8, 9]);
        assert_eq!(frontier.changed_after(Arrival(6), &Lanes::All).count(), 3);
        assert_eq!(frontier.newest(), Arrival(10));
    }

    #[test]
    fn lanes_in_common_are_those_both_follow() {
        let of = |lanes: &[u16]| Lanes::Of(lanes.iter().map(|lane| Lane(*lane)).collect());
        assert_eq!(of(&[0, 1]).common(&of(&[0, 2])), of(&[0]));
        assert_eq!(Lanes::All.common(&of(&[0, 2])), of(&[0, 2]));
    }
}
