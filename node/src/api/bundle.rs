//! Bundles: what is asked for, and what came of an import.

use serde::{Deserialize, Serialize};
use swabmesh_protocol::bundle::{Aim, Ask, Missing};
use swabmesh_protocol::id::{FeedId, Lane, NodeKey, SeqNo};
use swabmesh_protocol::time::Wall;

/// `POST /bundles/export`; answered with the bundle's bytes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExportBundle {
    /// Whom for. Absent: for the authority, and at the authority for everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Aim>,
    /// Leave out what the authority has signed for; goes without saying in a bundle for the authority.
    pub since_receipts: bool,
    /// Only these cells, and what concerns the whole city. None: all that the node follows.
    pub cells: Vec<Lane>,
    /// What the reader holds already: only what lies above goes in.
    pub held: Vec<HeldFeed>,
}

/// How far a feed is held somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldFeed {
    /// The feed.
    pub feed: FeedId,
    /// Its last entry there.
    pub seq: SeqNo,
}

impl From<ExportBundle> for Ask {
    fn from(ExportBundle { to, since_receipts, cells, held }: ExportBundle) -> Self {
        let held = held.into_iter().map(|held| (held.feed, held.seq)).collect();
        Self { to, since_receipts, cells, held }
    }
}

impl From<Ask> for ExportBundle {
    fn from(Ask { to, since_receipts, cells, held }: Ask) -> Self {
        let held = held.into_iter().map(|(feed, seq)| HeldFeed { feed, seq }).collect();
        Self { to, since_receipts, cells, held }
    }
}

/// What `POST /bundles/import` answers: what was taken in, and what is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// Whether the file reached its end undamaged.
    pub whole: bool,
    /// Bytes read.
    pub bytes: u64,
    /// Bytes that are part of nothing that holds.
    pub damaged_bytes: u64,
    /// Who made the bundle; absent when its manifest is damaged.
    pub maker: Option<NodeKey>,
    /// When, by its maker's clock, milliseconds since 1970 UTC.
    pub made: Option<Wall>,
    /// Certificates that were new here.
    pub certificates: u64,
    /// Chunks that were new here; they are on disk.
    pub chunks: u64,
    /// Entries in them.
    pub entries: u64,
    /// Registrations among those.
    pub registrations: u64,
    /// Chunks that were held already.
    pub known: u64,
    /// Records of a kind or a version that is not known here.
    pub unreadable: u64,
    /// Chunks that were not taken.
    pub refused: u64,
    /// The first of them, with reasons.
    pub why: Vec<RefusedStretch>,
    /// What the bundle should have held and does not.
    pub missing: Vec<Missing>,
}

/// Consecutive chunks of a feed that were not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedStretch {
    /// The feed.
    pub feed: FeedId,
    /// Its writer.
    pub writer: NodeKey,
    /// Their first entry.
    pub from: SeqNo,
    /// Their last entry.
    pub to: SeqNo,
    /// Why the first of them was not taken.
    pub reason: String,
}
