//! Forks, as the API tells them.

use serde::{Deserialize, Serialize};
use swabmesh_protocol::fact::Remark;
use swabmesh_protocol::id::{FeedId, Hash, Lane, NodeKey, SeqNo};
use swabmesh_protocol::time::Wall;

/// One fork in `GET /forks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForkLine {
    /// The fork: the same whoever found it.
    pub fork: FeedId,
    /// Who signed two histories.
    pub node: NodeKey,
    /// Its name, if known here.
    pub name: Option<String>,
    /// In which lifetime of its store, 16 hexadecimal digits.
    pub epoch: String,
    /// In which lane.
    pub lane: Lane,
    /// The feed.
    pub feed: FeedId,
    /// The first entry that differs: what lies below stands.
    pub from: SeqNo,
    /// When it was proved, by the finder's clock.
    pub found_at: Wall,
    /// Who proved it.
    pub found_by: Option<NodeKey>,
    /// Its name, if known here.
    pub found_by_name: Option<String>,
    /// The histories: A and B.
    pub branches: Vec<BranchLine>,
    /// The proof as it travels, in hexadecimal; checks itself.
    pub proof: String,
}

/// One history above a fork.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchLine {
    /// `A` or `B`, the same on every node.
    pub label: String,
    /// The name its entries have.
    pub branch: FeedId,
    /// Hash of its first entry.
    pub first: Hash,
    /// Entries of it kept here.
    pub entries: u64,
    /// Whether the authority decided that it counts.
    pub counts: bool,
}

/// Which history counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Keep {
    /// The first.
    A,
    /// The second.
    B,
    /// Both: each entry happened.
    #[serde(rename = "both")]
    Both,
}

/// `POST /forks/decide`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecideFork {
    /// Who signed two histories.
    pub node: NodeKey,
    /// In which lifetime of its store: the beginning of the 16 hexadecimal digits.
    pub epoch: String,
    /// In which lane, if there are forks in several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<Lane>,
    /// What counts from now on.
    pub keep: Keep,
    /// Why.
    pub reason: Remark,
}
