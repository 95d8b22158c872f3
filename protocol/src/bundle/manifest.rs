//! What a bundle says of itself.

use minicbor::{Decode, Decoder, Encode};
use serde::{Deserialize, Serialize};

use crate::cbor;
use crate::id::{Epoch, FeedHeader, FeedId, Lane, NodeKey, SeqNo};
use crate::time::Wall;

/// Whom a bundle was made for. It may be read by every node of the same root all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(rename_all = "lowercase")]
#[cbor(index_only)]
pub enum Aim {
    /// The authority: what it has not signed for.
    #[n(0)]
    Authority,
    /// Everybody: what its maker holds.
    #[n(1)]
    All,
}

/// A stretch of a feed in a bundle, and where its copies were when the bundle was made, as far as its maker knew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Line {
    /// Whose feed.
    #[n(0)]
    pub header: FeedHeader,
    /// The first entry in the bundle.
    #[n(1)]
    pub from: SeqNo,
    /// The last entry in the bundle.
    #[n(2)]
    pub to: SeqNo,
    /// Up to here the authority had signed for it.
    #[n(3)]
    pub receipted: SeqNo,
    /// Up to here a node besides its writer held it durably.
    #[n(4)]
    pub neighbour: SeqNo,
}

/// What a bundle says of itself. Nobody signed it: it is a hint, as everything is that a peer says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Manifest {
    /// The root of the city it belongs to.
    #[n(0)]
    pub root: NodeKey,
    /// Who made it.
    #[n(1)]
    pub maker: NodeKey,
    /// The lifetime of its maker's store.
    #[n(2)]
    pub epoch: Epoch,
    /// When, by its maker's clock.
    #[n(3)]
    pub made: Wall,
    /// Whom for.
    #[n(4)]
    pub aim: Aim,
    /// The lanes its maker follows; none: all of them.
    #[n(5)]
    pub lanes: Option<Vec<Lane>>,
    /// The last entry its maker holds of each feed, so that an answer carries only what is missing there.
    #[n(6)]
    pub held: Vec<(FeedId, SeqNo)>,
    /// What is in it, in order.
    #[n(7)]
    pub lines: Vec<Line>,
}

impl Manifest {
    /// The payload of its record.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        cbor::encode(|e| e.encode(self)?.ok())
    }

    /// Reads a payload; `None` when it is of another shape.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut d = Decoder::new(bytes);
        let manifest: Self = d.decode().ok()?;
        let ordered = manifest.lines.iter().all(|line| line.from.0 > 0 && line.from <= line.to);
        (ordered && d.position() == bytes.len()).then_some(manifest)
    }
}
