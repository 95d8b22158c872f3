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

/// A stretch that goes into a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// The name under which it is held: of its feed, or of a history above the feed's cut.
    pub name: FeedId,
    /// What the manifest says of it.
    pub line: Line,
}

/// Lists what the tables hold of a wish; `neighbour` tells up to where another node is known to hold an own feed.
///
/// Histories above a cut come last: what cuts their feeds is in those before.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn plan<V: View>(view: &V, wish: &Wish, neighbour: &BTreeMap<FeedId, SeqNo>) -> Result<Vec<Planned>, ViewError> {
    let mut planned = Vec::new();
    for (name, record) in project::quarantine::named_heads(view)? {
        let header = record.header;
        let Some(checkpoint) = record.checkpoint() else { continue };
        if !wish.lanes.contains(header.lane) || wish.without == Some(header.writer) {
            continue;
        }
        let receipted = project::receipted(view, &name, checkpoint.seq)?;
        let held = wish.held.get(&name).copied().unwrap_or_default();
        let below = if wish.above_receipts { receipted.max(held) } else { held };
        let from = below.next().max(project::quarantine::begins(view, &name, &header)?).max(record.first());
        if from <= checkpoint.seq {
            let neighbour = neighbour.get(&name).copied().unwrap_or_default().min(checkpoint.seq);
            let line = Line { header, from, to: checkpoint.seq, receipted, neighbour };
            planned.push(Planned { name, line });
        }
    }
    let order =
        |Planned { name, line }: &Planned| (*name != line.header.id(), wish.first != Some(line.header.writer), *name);
    planned.sort_by_key(order);
    Ok(planned)
}
