//! The frames of `/swabmesh/sync/1`: CBOR arrays, the first element naming the frame.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::frontier::{BUCKET_BYTES, BUCKETS, Frontier, Head};
use crate::id::{Epoch, FeedId, FeedShort, Hash, SeqNo};
use crate::limits::{FRAME_BYTES_MAX, FRAME_HEADS_MAX, FRAME_WANTS_MAX};

/// The newest version of the protocol spoken here.
///
/// 1 asks with `Resume` or `Compare`, each side for itself. 2 opens with one `Sync` and packs heads closer.
pub const VERSION: u8 = 2;
/// The oldest version of the protocol spoken here.
pub const VERSION_MIN: u8 = 1;
/// Bytes of a root in `Sync`.
pub const SYNC_ROOT_BYTES: usize = 20;

/// Not a frame of this protocol: the peer is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a frame of this protocol")]
pub struct BadFrame;

/// What two nodes say to each other.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Frame {
    /// First on every connection, both ways.
    #[n(0)]
    Hello(#[n(0)] Hello),
    /// "What changed since I last saw your arrival order?"
    #[n(1)]
    Resume {
        /// The lifetime of the store the number belongs to.
        #[n(0)]
        epoch: Epoch,
        /// The last arrival seen.
        #[n(1)]
        after: u64,
    },
    /// "Do we hold the same?" First contact, unknown epoch, now and then, and at the end as the proof of "in sync".
    #[n(2)]
    Compare {
        /// Root over the lanes both follow.
        #[n(0)]
        root: Hash,
    },
    /// "Yes": roots were equal.
    #[n(3)]
    Same {
        /// The answerer's arrival number at that moment.
        #[n(0)]
        through: u64,
    },
    /// "No": the answerer's buckets.
    #[n(4)]
    Differ {
        /// The answerer's arrival number at that moment.
        #[n(0)]
        through: u64,
        /// [`BUCKETS`] hashes of [`BUCKET_BYTES`] bytes.
        #[n(1)]
        buckets: ByteVec,
    },
    /// "Show me these buckets": bit n of byte n / 8, lowest first.
    #[n(5)]
    Show {
        /// A bit for each bucket, [`BUCKETS`] / 8 bytes.
        #[n(0)]
        buckets: ByteVec,
    },
    /// Heads of feeds: the answer to `Resume` and `Show`, and the hint that something is new.
    #[n(6)]
    Heads {
        /// The sender's arrival number these heads lead up to; absent while more follow, and on answers to `Show`.
        #[n(0)]
        through: Option<u64>,
        /// Heads as [`encode_heads`] lays them out.
        #[n(1)]
        heads: ByteVec,
    },
    /// "Send me these ranges."
    #[n(7)]
    Want(#[n(0)] Vec<Want>),
    /// A chunk of a range asked for.
    #[n(8)]
    Chunk(#[n(0)] ByteVec),
    /// "These are durable here": sent after the sync to disk, never before.
    #[n(9)]
    Ack(#[n(0)] Vec<Held>),
    /// "That range will not come to pass": I cannot send it (not held, or not any more), or did not take it into my log.
    #[n(10)]
    Gone(#[n(0)] Want),
    /// "Farewell": the connection closes on purpose.
    #[n(12)]
    Bye,
    /// "Do we hold the same? If not, what changed since I last saw your arrival order?" From version 2 on.
    ///
    /// Answered by `Same`, or by `Told` or `Differ`.
    #[n(16)]
    Sync {
        /// The first [`SYNC_ROOT_BYTES`] bytes of the root over the lanes both follow.
        #[n(0)]
        root: ByteVec,
        /// The sender's arrival number at that moment.
        #[n(1)]
        through: u64,
        /// The last arrival seen of the receiver's store in this lifetime; absent if none was.
        #[n(2)]
        after: Option<u64>,
    },
    /// Heads of feeds, as `Heads` has them. From version 2 on.
    #[n(17)]
    Told {
        /// As in `Heads`.
        #[n(0)]
        through: Option<u64>,
        /// The last arrival seen of the receiver's store: it is to tell what changed after. Absent when nothing is asked.
        #[n(1)]
        after: Option<u64>,
        /// Heads as [`encode_packed`](crate::exchange::packed::encode_packed) lays them out.
        #[n(2)]
        heads: ByteVec,
    },
}

/// Who speaks, and from where.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Hello {
    /// Oldest version spoken.
    #[n(0)]
    pub version_min: u8,
    /// Newest version spoken.
    #[n(1)]
    pub version_max: u8,
    /// The speaker's certificate.
    #[n(2)]
    pub certificate: ByteVec,
    /// The lifetime of the speaker's store.
    #[n(3)]
    pub epoch: Epoch,
    /// The speaker's arrival number.
    #[n(4)]
    pub arrivals: u64,
    /// The speaker's wall clock, milliseconds since 1970 UTC: a sample, not a gate (N6).
    #[n(5)]
    pub wall: u64,
    /// Heads held here of the listener's own feeds, newest first, as [`encode_heads`] lays them out: a listener that has
    /// less of them itself was restored from an older image (N5).
    #[n(6)]
    pub yours: Option<ByteVec>,
}

/// A range of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Want {
    /// The feed.
    #[n(0)]
    pub feed: FeedShort,
    /// First entry.
    #[n(1)]
    pub from: SeqNo,
    /// Last entry.
    #[n(2)]
    pub to: SeqNo,
}

/// A feed, durable up to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Held {
    /// The feed.
    #[n(0)]
    pub feed: FeedShort,
    /// The last entry held.
    #[n(1)]
    pub seq: SeqNo,
}

/// A feed's head as a peer tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToldHead {
    /// The feed.
    pub feed: FeedShort,
    /// Its last entry there.
    pub seq: SeqNo,
    /// The first four bytes of that entry's hash: tells two histories of one length apart.
    pub hash: [u8; 4],
}

impl Frame {
    /// The bytes of the frame.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        crate::cbor::encode(|e| e.encode(self)?.ok())
    }

    /// Reads a frame; lengths are checked against the bytes there are before anything is set aside.
    ///
    /// # Errors
    /// [`BadFrame`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadFrame> {
        if bytes.len() > FRAME_BYTES_MAX {
            return Err(BadFrame);
        }
        let mut d = minicbor::Decoder::new(bytes);
        let frame = d.decode().map_err(|_| BadFrame)?;
        let bounded = match &frame {
            Self::Want(wants) => wants.len() <= FRAME_WANTS_MAX,
            Self::Ack(held) => held.len() <= FRAME_WANTS_MAX,
            Self::Differ { buckets, .. } => buckets.len() == BUCKETS * BUCKET_BYTES,
            Self::Show { buckets } => buckets.len() == BUCKETS / 8,
            Self::Sync { root, .. } => root.len() == SYNC_ROOT_BYTES,
            Self::Hello(_)
            | Self::Resume { .. }
            | Self::Compare { .. }
            | Self::Same { .. }
            | Self::Heads { .. }
            | Self::Told { .. }
            | Self::Chunk(_)
            | Self::Gone(_)
            | Self::Bye => true,
        };
        if bounded && d.position() == bytes.len() { Ok(frame) } else { Err(BadFrame) }
    }

    /// The buckets of a frontier, ready to be sent.
    #[must_use]
    pub fn differ(frontier: &Frontier, lanes: &crate::frontier::Lanes) -> Self {
        Self::Differ { through: frontier.newest().0, buckets: frontier.buckets(lanes).concat().into() }
    }
}

impl ToldHead {
    /// A head as it is told.
    #[must_use]
    pub fn of(id: &FeedId, head: &Head) -> Self {
        let mut hash = [0; 4];
        hash.copy_from_slice(&head.hash.0[..4]);
        Self { feed: id.short(), seq: head.seq, hash }
    }
}

impl Hello {
    /// The newest version that both the speaker and a node of these versions speak.
    #[must_use]
    pub fn common_version(&self, min: u8, max: u8) -> Option<u8> {
        let newest = max.min(self.version_max);
        (newest >= min.max(self.version_min)).then_some(newest)
    }
}

/// Lays heads out as version 1 has them: for each the feed (6 bytes), the number (7 bits a byte, lowest first, high bit:
/// more follows) and four bytes of the hash; 12 bytes for a feed of up to 16,383 entries.
#[must_use]
pub fn encode_heads(heads: impl IntoIterator<Item = ToldHead>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for head in heads {
        bytes.extend_from_slice(&head.feed.0);
        let mut rest = head.seq.0;
        while rest >= 0x80 {
            bytes.push(rest.to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        bytes.push(rest.to_le_bytes()[0]);
        bytes.extend_from_slice(&head.hash);
    }
    bytes
}

/// Reads what [`encode_heads`] wrote.
///
/// # Errors
/// [`BadFrame`] on anything else, or on more than [`FRAME_HEADS_MAX`] heads.
pub fn decode_heads(mut bytes: &[u8]) -> Result<Vec<ToldHead>, BadFrame> {
    let mut heads = Vec::new();
    while !bytes.is_empty() {
        if heads.len() == FRAME_HEADS_MAX {
            return Err(BadFrame);
        }
        let (feed, rest) = bytes.split_first_chunk::<6>().ok_or(BadFrame)?;
        let end = rest.iter().take(10).position(|byte| byte & 0x80 == 0).ok_or(BadFrame)?;
        let (digits, rest) = rest.split_at(end + 1);
        let mut seq: u64 = 0;
        for digit in digits.iter().rev() {
            seq = seq.checked_mul(0x80).ok_or(BadFrame)? | u64::from(digit & 0x7f);
        }
        let (hash, rest) = rest.split_first_chunk::<4>().ok_or(BadFrame)?;
        heads.push(ToldHead { feed: FeedShort(*feed), seq: SeqNo(seq), hash: *hash });
        bytes = rest;
    }
    Ok(heads)
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "made-up data")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn in_sync_costs_less_than_64_bytes_both_ways() {
        let root = vec![0xff; SYNC_ROOT_BYTES].into();
        let sync = Frame::Sync { root, through: 40_000_000, after: Some(40_000_000) }.to_bytes();
        let same = Frame::Same { through: 40_000_000 }.to_bytes();
        assert!(sync.len() + same.len() + 8 <= 64, "{} + {}", sync.len(), same.len());
    }

    #[test]
    fn the_highest_version_that_both_speak_is_chosen_and_none_when_there_is_none() {
        let hello = |version_min, version_max| Hello {
            version_min,
            version_max,
            certificate: Vec::new().into(),
            epoch: Epoch(1),
            arrivals: 0,
            wall: 0,
            yours: None,
        };
        assert_eq!(hello(1, 1).common_version(1, 2), Some(1));
        assert_eq!(hello(1, 9).common_version(1, 2), Some(2));
        assert_eq!(hello(2, 3).common_version(1, 2), Some(2));
        assert_eq!(hello(3, 4).common_version(1, 2), None);
        assert_eq!(hello(1, 1).common_version(2, 3), None);
        assert_eq!(hello(2, 1).common_version(1, 2), None, "a range upside down");
    }

    #[test]
    fn a_list_longer_than_agreed_is_refused() {
        let want = Want { feed: FeedShort([0; 6]), from: SeqNo(1), to: SeqNo(2) };
        assert!(Frame::from_bytes(&Frame::Want(vec![want; FRAME_WANTS_MAX]).to_bytes()).is_ok());
        assert!(Frame::from_bytes(&Frame::Want(vec![want; FRAME_WANTS_MAX + 1]).to_bytes()).is_err());
        assert!(Frame::from_bytes(&[0x82, 0x07, 0x81, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).is_err());
    }

    proptest! {
        #[test]
        fn heads_survive_the_journey(seqs in prop::collection::vec(any::<u64>(), 0..50)) {
            let head = |(n, seq): (usize, &u64)| ToldHead { feed: FeedShort([n as u8; 6]), seq: SeqNo(*seq), hash: [n as u8; 4] };
            let heads: Vec<ToldHead> = seqs.iter().enumerate().map(head).collect();
            prop_assert_eq!(decode_heads(&encode_heads(heads.clone())).unwrap(), heads);
        }

        #[test]
        fn hostile_bytes_are_an_error_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Frame::from_bytes(&bytes);
            let _ = decode_heads(&bytes);
        }
    }
}
