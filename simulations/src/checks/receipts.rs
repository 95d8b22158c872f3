//! Receipts never exceed what the authority's disk holds, and nothing is released before its receipt.

use swabmesh_protocol::chunk::OpenedChunk;
use swabmesh_protocol::fact::{Fact, Mark};
use swabmesh_protocol::id::{EntryId, FeedId, SeqNo};
use swabmesh_protocol::io::Arrival;
use swabmesh_protocol::project;
use swabmesh_protocol::view::ViewError;

use crate::disk::Disk;

/// Their name in reports.
pub const RECEIPT_RULE: &str = "receipts-are-durable";
/// Its name in reports.
pub const RELEASE_RULE: &str = "released-is-receipted";
/// Its name in reports.
pub const LET_GO_RULE: &str = "let-go-is-at-the-authority";

/// The authority hands a chunk of its own to its disk: what its receipts claim and the disk does not hold.
#[must_use]
pub fn claimed_too_early(chunk: &OpenedChunk, disk: &Disk) -> Option<String> {
    let receipts = chunk.entries.iter().filter_map(|entry| match Fact::from_bytes(&entry.fact) {
        Ok(Fact::Receipt(receipt)) => Some(receipt.marks),
        Ok(_) | Err(_) => None,
    });
    let early = receipts.flatten().find(|mark: &Mark| disk.height_under(&mark.feed) < mark.seq)?;
    let height = disk.height_under(&early.feed);
    Some(format!("a receipt for {}:{}, the disk holds {}", early.feed, early.seq.0, height.0))
}

/// A node lets go of own chunks: one of them that the authority's disk does not hold.
#[must_use]
pub fn released_too_early(through: Arrival, disk: &Disk, authority: &Disk) -> Option<String> {
    let owed = |(feed, last): &(FeedId, SeqNo)| authority.height(feed) < *last;
    let (feed, last) = disk.own_chunks(through).find(owed)?;
    Some(format!("{feed}:{} was released, the authority holds {}", last.0, authority.height(&feed).0))
}

/// A node does not hold the beginning of a feed: one that the authority's disk does not hold either.
///
/// # Errors
/// [`ViewError`]: the tables cannot be read.
pub fn let_go_too_early(disk: &Disk, authority: &Disk) -> Result<Option<String>, ViewError> {
    for record in project::heads(disk.tables())? {
        let Some(base) = record.base else { continue };
        let last = EntryId { feed: record.header.id(), seq: base };
        if project::entry(authority.tables(), last)?.is_none() {
            return Ok(Some(format!("everything up to {last} is gone, and not at the authority")));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use swabmesh_protocol::entry::node_key;
    use swabmesh_protocol::fact::Receipt;
    use swabmesh_protocol::id::{Epoch, FeedHeader, Hash, Lane};
    use swabmesh_protocol::time::Stamp;

    use super::*;
    use crate::chance::Chance;
    use crate::disk::Pending;

    fn chunk(writer: u8, fact: &[u8]) -> OpenedChunk {
        let key = SigningKey::from_bytes(&[writer; 32]);
        let header = FeedHeader { writer: node_key(&key), epoch: Epoch(1), lane: Lane(1) };
        OpenedChunk::write(&key, header, (SeqNo(0), Hash::ZERO), [(Stamp(1), fact.to_vec())])
    }

    fn holding(chunk: &OpenedChunk) -> Disk {
        let mut disk = Disk::default();
        disk.persist(Pending::new(None, true, chunk.seal().into_bytes()));
        disk.start_sync();
        disk.synced(&mut Chance::new(1, "test"));
        disk
    }

    #[test]
    fn a_receipt_for_what_is_not_on_disk_is_seen() {
        let held = chunk(1, b"fact");
        let receipt =
            |seq| Fact::from(Receipt { marks: vec![Mark { feed: held.header.id(), seq: SeqNo(seq) }] }).to_bytes();
        assert_eq!(claimed_too_early(&chunk(2, &receipt(1)), &holding(&held)), None);
        assert!(claimed_too_early(&chunk(2, &receipt(2)), &holding(&held)).is_some());
    }

    #[test]
    fn letting_go_of_what_the_authority_does_not_hold_is_seen() {
        let own = chunk(1, b"fact");
        assert_eq!(released_too_early(Arrival(1), &holding(&own), &holding(&own)), None);
        assert_eq!(released_too_early(Arrival(0), &holding(&own), &Disk::default()), None);
        assert!(released_too_early(Arrival(1), &holding(&own), &Disk::default()).is_some());
    }
}
