//! What a node holds durably: the head of every feed, findable by name, by lane and by order of arrival.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use either::Either;
use sha2::{Digest, Sha256};

use crate::fact::{Base, Signed};
use crate::id::{FeedHeader, FeedId, FeedShort, Hash, Lane, NodeKey, SeqNo};
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

impl Head {
    /// The head of a feed of which nothing above its base is held.
    #[must_use]
    pub const fn of(base: &Base, arrival: Arrival) -> Self {
        let Signed { seq, head, signature } = base.signed;
        Self { header: base.header, seq, hash: head, stamp: base.stamp, signature, arrival }
    }
}

/// Which lanes are meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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

/// The heads of all feeds held. What is asked of it costs what the answer holds, not what is held.
#[derive(Debug, Clone, Default)]
pub struct Frontier {
    heads: BTreeMap<FeedId, Head>,
    by_arrival: BTreeSet<(Arrival, FeedId)>,
    by_writer: BTreeSet<(NodeKey, Arrival, FeedId)>,
    lanes: BTreeMap<Lane, OfLane>,
}

/// What is held of one lane.
#[derive(Debug, Clone, Default)]
struct OfLane {
    feeds: BTreeSet<FeedId>,
    by_arrival: BTreeSet<(Arrival, FeedId)>,
    entries: u64,
}

impl Frontier {
    /// Sets a feed's head. A later call for the same feed replaces it.
    pub fn set(&mut self, head: Head) {
        self.set_as(head.header.id(), head);
    }

    /// Sets the head of a feed or of a branch, under its name.
    pub fn set_as(&mut self, id: FeedId, head: Head) {
        self.remove(&id);
        let lane = self.lanes.entry(head.header.lane).or_default();
        lane.entries = lane.entries.saturating_add(head.seq.0);
        lane.feeds.insert(id);
        lane.by_arrival.insert((head.arrival, id));
        self.by_arrival.insert((head.arrival, id));
        self.by_writer.insert((head.header.writer, head.arrival, id));
        self.heads.insert(id, head);
    }

    /// Takes a name out.
    pub fn remove(&mut self, id: &FeedId) {
        if let Some(head) = self.heads.remove(id) {
            self.by_arrival.remove(&(head.arrival, *id));
            self.by_writer.remove(&(head.header.writer, head.arrival, *id));
            if let Some(lane) = self.lanes.get_mut(&head.header.lane) {
                lane.entries = lane.entries.saturating_sub(head.seq.0);
                lane.feeds.remove(id);
                lane.by_arrival.remove(&(head.arrival, *id));
            }
        }
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
            Lanes::All => self.lanes.iter().filter(|(id, _)| **id != Lane::PRIVATE).map(|(_, lane)| lane.entries).sum(),
            Lanes::Of(lanes) => lanes.iter().filter_map(|lane| self.lanes.get(lane)).map(|lane| lane.entries).sum(),
        }
    }

    /// The newest arrival of any feed.
    #[must_use]
    pub fn newest(&self) -> Arrival {
        self.by_arrival.last().map_or_else(Arrival::default, |(arrival, _)| *arrival)
    }

    /// The heads of a node's feeds, branches among them, in order of arrival.
    pub fn feeds_of(&self, writer: &NodeKey) -> impl DoubleEndedIterator<Item = (&FeedId, &Head)> {
        let (first, last) = ((*writer, Arrival(0), FeedId([0; 16])), (*writer, Arrival(u64::MAX), FeedId([0xff; 16])));
        self.by_writer.range(first..=last).filter_map(|(_, _, id)| self.heads.get_key_value(id))
    }

    /// The heads of a node's feeds that changed last, the newest first.
    pub fn newest_of(&self, writer: &NodeKey, limit: usize) -> impl Iterator<Item = (&FeedId, &Head)> {
        self.feeds_of(writer).rev().filter(|(_, head)| head.header.lane != Lane::PRIVATE).take(limit)
    }

    /// The heads of feeds that changed after an arrival, in order of arrival: costs what changed, not what is held.
    pub fn changed_after<'a>(
        &'a self,
        after: Arrival,
        lanes: &'a Lanes,
    ) -> impl Iterator<Item = (&'a FeedId, &'a Head)> {
        let since = (Bound::Excluded((after, FeedId([0xff; 16]))), Bound::Unbounded);
        let changed = match lanes {
            Lanes::All => Either::Left(self.by_arrival.range(since)),
            Lanes::Of(lanes) => {
                let of_lanes = lanes.iter().filter_map(|lane| self.lanes.get(lane));
                let mut changed: Vec<_> = of_lanes.flat_map(|lane| lane.by_arrival.range(since)).collect();
                changed.sort_unstable();
                Either::Right(changed.into_iter())
            }
        };
        changed.filter_map(|(_, id)| self.heads.get_key_value(id)).filter(|(_, head)| lanes.contains(head.header.lane))
    }

    /// The hash of each bucket of the feeds in these lanes: SHA-256 over feed (16), number (8, big-endian) and head
    /// (32) of each feed in order, its first twelve bytes; zeros for an empty bucket.
    #[must_use]
    pub fn buckets(&self, lanes: &Lanes) -> [[u8; BUCKET_BYTES]; BUCKETS] {
        let mut buckets = [[0; BUCKET_BYTES]; BUCKETS];
        let mut heads = self.between(FeedId([0; 16]), FeedId([0xff; 16]), lanes).peekable();
        while let Some((first, _)) = heads.peek() {
            let number = bucket_of(first);
            let mut hash = Sha256::new();
            while let Some((id, head)) = heads.next_if(|(id, _)| bucket_of(id) == number) {
                hash.update(id.0);
                hash.update(head.seq.0.to_be_bytes());
                hash.update(head.hash.0);
            }
            let digest: [u8; 32] = hash.finalize().into();
            if let Some(bucket) = buckets.get_mut(number) {
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
        self.between(FeedId(from), FeedId(to), lanes)
    }

    /// The heads of the feeds of these lanes whose ids lie between two, in order.
    fn between<'a>(
        &'a self,
        from: FeedId,
        to: FeedId,
        lanes: &'a Lanes,
    ) -> impl Iterator<Item = (&'a FeedId, &'a Head)> {
        let heads = match lanes {
            Lanes::All => Either::Left(self.heads.range(from..=to)),
            Lanes::Of(lanes) => {
                let of_lanes = lanes.iter().filter_map(|lane| self.lanes.get(lane));
                let mut feeds: Vec<&FeedId> = of_lanes.flat_map(|lane| lane.feeds.range(from..=to)).collect();
                feeds.sort_unstable();
                Either::Right(feeds.into_iter().filter_map(|id| self.heads.get_key_value(id)))
            }
        };
        heads.filter(|(_, head)| lanes.contains(head.header.lane))
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

/// The bucket a feed is in: the first seven bits of its id.
const fn bucket_of(id: &FeedId) -> usize {
    (id.0[0] >> 1) as usize
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "made-up data")]
mod tests {
    use super::*;
    use crate::id::Epoch;

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
    fn lanes_asked_for_by_name_give_what_all_lanes_give_when_those_are_all() {
        let mut frontier = Frontier::default();
        (1..200).for_each(|n| frontier.set(head(n, u16::from(n % 5), u64::from(n), 500 - u64::from(n))));
        (1..200).step_by(3).for_each(|n| frontier.set(head(n, u16::from(n % 5), u64::from(n) + 1, 500 + u64::from(n))));
        frontier.remove(&head(9, 4, 0, 0).header.id());
        let named = Lanes::Of((0..5).map(Lane).collect());
        assert_eq!(frontier.buckets(&named), frontier.buckets(&Lanes::All));
        assert_eq!(frontier.entries_in(&named), frontier.entries_in(&Lanes::All));
        for number in 0..BUCKETS {
            let ids = |lanes| frontier.bucket(number, lanes).map(|(id, _)| *id).collect::<Vec<_>>();
            assert_eq!(ids(&named), ids(&Lanes::All));
        }
        for after in [0, 400, 600, 900] {
            let ids = |lanes| frontier.changed_after(Arrival(after), lanes).map(|(id, _)| *id).collect::<Vec<_>>();
            assert_eq!(ids(&named), ids(&Lanes::All));
        }
    }

    #[test]
    fn a_nodes_newest_feeds_are_told_and_never_its_private_one() {
        let mut frontier = Frontier::default();
        (1..9).for_each(|n| frontier.set(head(7, n, 1, u64::from(n))));
        frontier
            .set(Head { header: FeedHeader { lane: Lane::PRIVATE, ..head(7, 0, 0, 0).header }, ..head(7, 0, 1, 50) });
        (1..9).for_each(|n| frontier.set(head(8, n, 1, 20 + u64::from(n))));
        frontier.set(head(7, 2, 2, 40));
        let newest: Vec<u16> = frontier.newest_of(&NodeKey([7; 32]), 3).map(|(_, head)| head.header.lane.0).collect();
        assert_eq!(newest, [2, 8, 7]);
        assert_eq!(frontier.feeds_of(&NodeKey([7; 32])).count(), 9);
    }

    #[test]
    fn lanes_in_common_are_those_both_follow() {
        let of = |lanes: &[u16]| Lanes::Of(lanes.iter().map(|lane| Lane(*lane)).collect());
        assert_eq!(of(&[0, 1]).common(&of(&[0, 2])), of(&[0]));
        assert_eq!(Lanes::All.common(&of(&[0, 2])), of(&[0, 2]));
    }
}
