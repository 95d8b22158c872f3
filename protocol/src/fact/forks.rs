//! The bodies of the facts about feeds with two histories. Field numbers are positions in the body's array.

use super::{ByteVec, Decode, Encode, FeedHeader, Hash, NodeKey, Remark, SeqNo};
use crate::id::{Epoch, Lane};

/// A writer's signature over its feed up to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Signed {
    /// The entry the checkpoint closes.
    #[n(0)]
    pub seq: SeqNo,
    /// The entry's hash.
    #[n(1)]
    pub head: Hash,
    /// Ed25519 over feed, number and hash.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub signature: [u8; 64],
}

/// What lies between two checkpoints of different numbers, so that the later one speaks of the earlier number.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Bridge {
    /// Hash, in the later checkpoint's history, of the entry that the earlier checkpoint closes.
    #[n(0)]
    pub hash: Hash,
    /// Bytes of the entries once unpacked.
    #[n(1)]
    pub plain_bytes: u32,
    /// The entries after it up to the later checkpoint, laid out as in a chunk and packed with zstd.
    #[n(2)]
    pub entries: ByteVec,
}

/// Body of [`super::Fact::ForkProof`]: two signed checkpoints of one feed that cannot both be of one history.
///
/// What it says of where the histories part is the finder's claim; the two signatures are the proof.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ForkProof {
    /// Who told two histories.
    #[n(0)]
    pub writer: NodeKey,
    /// In which epoch.
    #[n(1)]
    pub epoch: Epoch,
    /// In which lane.
    #[n(2)]
    pub lane: Lane,
    /// The checkpoint of the smaller number.
    #[n(3)]
    pub one: Signed,
    /// The checkpoint of the same or a larger number.
    #[n(4)]
    pub other: Signed,
    /// The first entry that differs.
    #[n(5)]
    pub from: SeqNo,
    /// Hash of the entry before it, the last one both histories share; zeros when they share none.
    #[n(6)]
    pub stem: Hash,
    /// Hash of that entry in each history, the smaller first: what the histories are named by.
    #[n(7)]
    pub firsts: [Hash; 2],
    /// Absent when both checkpoints have one number.
    #[n(8)]
    pub bridge: Option<Bridge>,
}

impl ForkProof {
    /// The feed the proof is about.
    #[must_use]
    pub const fn header(&self) -> FeedHeader {
        FeedHeader { writer: self.writer, epoch: self.epoch, lane: self.lane }
    }
}

/// Body of [`super::Fact::ForkDecided`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ForkDecided {
    /// Who told two histories.
    #[n(0)]
    pub writer: NodeKey,
    /// In which epoch.
    #[n(1)]
    pub epoch: Epoch,
    /// In which lane.
    #[n(2)]
    pub lane: Lane,
    /// The histories that count from now on, by the hash of their first own entry. Decisions only ever add.
    #[n(3)]
    pub keep: Vec<Hash>,
    /// Why.
    #[n(4)]
    pub reason: Remark,
}

impl ForkDecided {
    /// The feed the decision is about.
    #[must_use]
    pub const fn header(&self) -> FeedHeader {
        FeedHeader { writer: self.writer, epoch: self.epoch, lane: self.lane }
    }
}
