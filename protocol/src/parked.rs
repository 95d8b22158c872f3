//! Chunks whose writer's certificate has not arrived yet: they wait, within a bound.

use std::collections::BTreeMap;

use crate::chunk::SealedChunk;
use crate::id::NodeKey;
use crate::io::LinkId;
use crate::limits::PARKED_BYTES_MAX;

/// A chunk, who sent it, and on which connection; from a bundle on none.
pub type Held = (Option<LinkId>, NodeKey, SealedChunk);

/// The waiting room.
#[derive(Debug, Default)]
pub struct Parked {
    chunks: BTreeMap<NodeKey, Vec<Held>>,
    bytes: usize,
}

impl Parked {
    /// Keeps a chunk until its writer is known. Returns whether there was room; without, it is asked for again later.
    ///
    /// One that waits already is kept once.
    pub fn hold(&mut self, link: Option<LinkId>, peer: NodeKey, chunk: SealedChunk) -> bool {
        let bytes = chunk.as_bytes().len();
        let waiting = self.chunks.get(&chunk.header().writer);
        if waiting.is_some_and(|waiting| waiting.iter().any(|(_, _, held)| *held == chunk)) {
            return true;
        }
        if self.bytes + bytes > PARKED_BYTES_MAX {
            return false;
        }
        self.bytes += bytes;
        self.chunks.entry(chunk.header().writer).or_default().push((link, peer, chunk));
        true
    }

    /// Gives out what waited for a writer, in the order it came.
    pub fn release(&mut self, writer: &NodeKey) -> Vec<Held> {
        let held = self.chunks.remove(writer).unwrap_or_default();
        self.bytes -= held.iter().map(|(_, _, chunk)| chunk.as_bytes().len()).sum::<usize>();
        held
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;
    use crate::chunk::OpenedChunk;
    use crate::entry::node_key;
    use crate::id::{Epoch, FeedHeader, Hash, Lane, SeqNo};
    use crate::time::Stamp;

    #[test]
    fn the_waiting_room_has_a_bound_and_forgets_nothing_inside_it() {
        let key = SigningKey::from_bytes(&[3; 32]);
        let writer = node_key(&key);
        let header = FeedHeader { writer, epoch: Epoch(1), lane: Lane(1) };
        // Facts that do not compress, so that a chunk is large.
        let fact = |n: u32| {
            sha2::Digest::finalize(sha2::Digest::chain_update(<sha2::Sha512 as sha2::Digest>::new(), n.to_be_bytes()))
                .to_vec()
        };
        let facts: Vec<_> = (0..64).map(|n| (Stamp(0), (0..40).flat_map(|m| fact(n * 40 + m)).collect())).collect();
        let chunk = OpenedChunk::write(&key, header, (SeqNo(0), Hash::ZERO), facts);
        let mut parked = Parked::default();
        // Chunks of other epochs, so that none is held already.
        let other = |epoch| {
            let facts: Vec<_> = chunk.entries.iter().map(|entry| (entry.stamp, entry.fact.clone())).collect();
            OpenedChunk::write(&key, FeedHeader { epoch: Epoch(epoch), ..header }, (SeqNo(0), Hash::ZERO), facts).seal()
        };
        let chunk = chunk.seal();
        let held = (2..1_000).take_while(|epoch| parked.hold(None, writer, other(*epoch))).count();
        assert!(held * chunk.as_bytes().len() <= PARKED_BYTES_MAX && held < 900);
        assert!(parked.hold(None, writer, other(2)), "it waits already");
        assert_eq!(parked.release(&writer).len(), held);
        assert!(parked.hold(None, writer, chunk));
    }
}
