//! A node that signs two histories destroys neither: whoever follows the lane ends up with both.

use std::collections::{BTreeMap, BTreeSet};

use swabmesh_protocol::frontier::Lanes;
use swabmesh_protocol::id::{FeedHeader, FeedId, Hash, SeqNo};

use crate::disk::Disk;

/// Its name in reports.
pub const RULE: &str = "both-histories-are-kept";

/// Where each history ends of the feeds of which several disks together hold more than one.
#[derive(Debug, Default)]
pub struct Forked(BTreeMap<FeedId, (FeedHeader, BTreeSet<(SeqNo, Hash)>)>);

impl Forked {
    /// Reads disks.
    #[must_use]
    pub fn of(disks: &[&Disk]) -> Self {
        let mut forked = Self::default();
        for (header, ends) in disks.iter().filter_map(|disk| disk.histories()).flat_map(|held| held.ends()) {
            let (_, all) = forked.0.entry(header.id()).or_insert((*header, BTreeSet::new()));
            all.extend(ends);
        }
        // An end that another history leads over is none.
        for (feed, (_, ends)) in &mut forked.0 {
            let goes_on = |(seq, hash): &(SeqNo, Hash)| {
                disks.iter().filter_map(|disk| disk.histories()).any(|held| held.goes_on_after(feed, *seq, hash))
            };
            ends.retain(|end| !goes_on(end));
        }
        forked.0.retain(|_, (_, ends)| ends.len() > 1);
        forked
    }

    /// A history of these lanes that a disk does not hold to its end.
    #[must_use]
    pub fn lacking(&self, disk: &Disk, lanes: &Lanes) -> Option<String> {
        let held = disk.histories()?;
        let followed = self.0.iter().filter(|(_, (header, _))| lanes.contains(header.lane));
        let mut ends = followed.flat_map(|(feed, (_, ends))| ends.iter().map(move |end| (feed, end)));
        let (feed, (seq, _)) = ends.find(|(feed, (seq, hash))| !held.holds(feed, *seq, hash))?;
        Some(format!("a history of {feed} that ends at {} is not here", seq.0))
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use swabmesh_protocol::chunk::OpenedChunk;
    use swabmesh_protocol::entry::node_key;
    use swabmesh_protocol::id::{Epoch, Lane};
    use swabmesh_protocol::time::Stamp;

    use super::*;
    use crate::chance::Chance;
    use crate::disk::Pending;
    use crate::scenario::Scenario;

    fn chunk(after: (SeqNo, Hash), fact: &str) -> OpenedChunk {
        let key = SigningKey::from_bytes(&[3; 32]);
        let header = FeedHeader { writer: node_key(&key), epoch: Epoch(1), lane: Lane(1) };
        OpenedChunk::write(&key, header, after, [(Stamp(1 << 16), fact.as_bytes().to_vec())])
    }

    fn holding(chunks: &[&OpenedChunk]) -> Disk {
        let hostile =
            "name = 'x'\n[[fault]]\nkind = 'hostile'\nnodes = 'site-1'\ndoes = ['fork']\nfrom_min = 1\nevery_s = 1";
        let mut disk = Disk::of(&Scenario::parse(hostile).unwrap());
        for chunk in chunks {
            disk.persist(Pending::new(None, false, chunk.seal().into_bytes()));
            disk.start_sync();
            disk.synced(&mut Chance::new(1, "test"));
        }
        disk
    }

    #[test]
    fn a_disk_that_holds_one_of_two_histories_is_seen_and_one_that_is_behind_is_not() {
        let stem = chunk((SeqNo(0), Hash::ZERO), "stem");
        let after = (SeqNo(1), stem.checkpoint.head);
        let (one, other) = (chunk(after, "one"), chunk(after, "other"));
        let (a, b) = (holding(&[&stem, &one]), holding(&[&stem, &other]));
        let both = holding(&[&stem, &one, &other]);
        let forked = Forked::of(&[&a, &b]);
        assert!(forked.lacking(&a, &Lanes::All).is_some() && forked.lacking(&b, &Lanes::All).is_some());
        assert_eq!(forked.lacking(&both, &Lanes::All), None);
        assert_eq!(forked.lacking(&a, &Lanes::Of([Lane(2)].into())), None, "another lane");
        let behind = holding(&[&stem]);
        assert_eq!(Forked::of(&[&a, &behind]).lacking(&behind, &Lanes::All), None);
    }
}
