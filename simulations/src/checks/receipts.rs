//! Receipts never exceed what the authority's disk holds, and nothing is released before its receipt.

use swabmesh_protocol::chunk::OpenedChunk;
use swabmesh_protocol::fact::Fact;
use swabmesh_protocol::id::{FeedId, SeqNo};
use swabmesh_protocol::io::Arrival;

use crate::disk::Disk;

/// Their name in reports.
pub const RECEIPT_RULE: &str = "receipts-are-durable";
/// Its name in reports.
pub const RELEASE_RULE: &str = "released-is-receipted";

/// The authority hands a chunk of its own to its disk: what its receipts claim and the disk does not hold.
#[must_use]
pub fn claimed_too_early(chunk: &OpenedChunk, disk: &Disk) -> Option<String> {
    let receipts = chunk.entries.iter().filter_map(|entry| match Fact::from_bytes(&entry.fact) {
        Ok(Fact::Receipt(receipt)) => Some(receipt.marks),
        Ok(_) | Err(_) => None,
    });
    let early = receipts.flatten().find(|mark| disk.height(&mark.feed) < mark.seq)?;
    Some(format!("a receipt for {}:{}, the disk holds {}", early.feed, early.seq.0, disk.height(&early.feed).0))
}

/// A node lets go of own chunks: one of them that the authority's disk does not hold.
#[must_use]
pub fn released_too_early(through: Arrival, disk: &Disk, authority: &Disk) -> Option<String> {
    let owed = |(feed, last): &(FeedId, SeqNo)| authority.height(feed) < *last;
    let (feed, last) = disk.own_chunks(through).find(owed)?;
    Some(format!("{feed}:{} was released, the authority holds {}", last.0, authority.height(&feed).0))
}
