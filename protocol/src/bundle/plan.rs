//! What goes into a bundle.

use std::collections::BTreeMap;

use super::Line;
use crate::frontier::Lanes;
use crate::id::{FeedId, NodeKey, SeqNo};
use crate::project;
use crate::view::{View, ViewError};

/// What a bundle is to hold.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Feeds of these lanes; the private one never.
    pub lanes: Lanes,
    /// Only what the authority has not signed for.
    pub above_receipts: bool,
    /// Feeds of this writer go without saying: the reader wrote them.
    pub without: Option<NodeKey>,
    /// Feeds of these writers first: they say who the others are.
    pub first: Option<NodeKey>,
    /// Only what lies above these.
    pub held: BTreeMap<FeedId, SeqNo>,
}

/// Lists what the tables hold of a wish; `neighbour` tells up to where another node is known to hold an own feed.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn plan<V: View>(view: &V, wish: &Wish, neighbour: &BTreeMap<FeedId, SeqNo>) -> Result<Vec<Line>, ViewError> {
    let mut lines = Vec::new();
    for record in project::heads(view)? {
        let header = record.header;
        let Some(checkpoint) = record.checkpoint() else { continue };
        if !wish.lanes.contains(header.lane) || wish.without == Some(header.writer) {
            continue;
        }
        let id = header.id();
        let receipted = project::receipt_mark(view, &id)?.unwrap_or_default();
        let held = wish.held.get(&id).copied().unwrap_or_default();
        let below = if wish.above_receipts { receipted.max(held) } else { held };
        let from = below.next();
        if from <= checkpoint.seq {
            let neighbour = neighbour.get(&id).copied().unwrap_or_default().min(checkpoint.seq);
            lines.push(Line { header, from, to: checkpoint.seq, receipted, neighbour });
        }
    }
    lines.sort_by_key(|line| (wish.first != Some(line.header.writer), line.header.id()));
    Ok(lines)
}
