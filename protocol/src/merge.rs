//! Merge: whether a chunk from outside may become part of the log. With `scan`, the trust boundary.

use crate::chunk::{ChunkError, OpenedChunk, SealedChunk};
use crate::entry::Verifier;
use crate::id::{Hash, SeqNo};
use crate::roster::Standing;

/// Why a chunk did not become part of the log. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MergeRefusal {
    /// It does not verify: the sender is at fault.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// Its lane is none of ours: the sender is at fault.
    #[error("it is of a lane that this node does not follow")]
    Lane,
    /// Its writer has no certificate here yet; it waits. Normal while the authority's feed is still on its way.
    #[error("its writer is not enrolled, as far as this node knows")]
    UnknownWriter,
    /// Its writer was withdrawn, and this lies above the mark.
    #[error("its writer was withdrawn, and this was written above the mark")]
    Withdrawn,
    /// Entries before it are missing. Normal after a refusal; it will be asked for again.
    #[error("entries {expected} to {first} are missing before it", expected = expected.0, first = first.0)]
    Gap {
        /// The entry that would follow what is held.
        expected: SeqNo,
        /// The first entry of the chunk.
        first: SeqNo,
    },
    /// It contradicts what is held: the writer signed two histories.
    #[error("it is another history of its feed: its writer signed two")]
    Fork {
        /// The entry where they differ at the latest.
        at: SeqNo,
    },
    /// Its feed is cut, and as much as is kept of what lies above is here.
    #[error("as much as is kept of a feed with two histories, or of a withdrawn node, is here already")]
    QuarantineFull,
    /// Nothing in it is new. Normal when two peers send the same.
    #[error("everything in it is held already")]
    Known,
}

/// Judges a chunk against what is held of its feed (`tip`: last number and hash verified) and its writer's standing.
///
/// # Errors
/// [`MergeRefusal`], in the order of its checks; the signature is checked last but for the chain.
pub fn examine(
    sealed: &SealedChunk,
    standing: Standing,
    tip: Option<(SeqNo, Hash)>,
    verifier: &dyn Verifier,
) -> Result<OpenedChunk, MergeRefusal> {
    match standing {
        Standing::Unknown => return Err(MergeRefusal::UnknownWriter),
        Standing::WithdrawnAbove(mark, _) if sealed.last() > mark => return Err(MergeRefusal::Withdrawn),
        Standing::WithdrawnAbove(..) | Standing::Enrolled(_) => {}
    }
    let (seq, hash) = tip.unwrap_or((SeqNo(0), Hash::ZERO));
    if sealed.first() > seq.next() {
        return Err(MergeRefusal::Gap { expected: seq.next(), first: sealed.first() });
    }
    let chunk = sealed.open_with(verifier)?;
    // What the chunk says of the entry we hold last: its own entry of that number, or the link before its first.
    let claimed = match chunk.entries.iter().find(|entry| entry.seq == seq) {
        Some(entry) => Some(entry.hash),
        None => (sealed.first() == seq.next()).then_some(chunk.previous),
    };
    match claimed {
        Some(claimed) if claimed != hash => Err(MergeRefusal::Fork { at: seq }),
        _ if sealed.last() <= seq => Err(MergeRefusal::Known),
        _ => Ok(chunk),
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;
    use crate::entry::{Strict, node_key};
    use crate::fact::Role;
    use crate::id::{Epoch, FeedHeader, Lane};
    use crate::time::Stamp;

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[3; 32])
    }

    fn chunk(after: (SeqNo, Hash), facts: &[&[u8]]) -> OpenedChunk {
        let header = FeedHeader { writer: node_key(&key()), epoch: Epoch(1), lane: Lane(1) };
        OpenedChunk::write(&key(), header, after, facts.iter().map(|fact| (Stamp(0), fact.to_vec())))
    }

    fn examine(
        sealed: &SealedChunk,
        standing: Standing,
        tip: Option<(SeqNo, Hash)>,
    ) -> Result<OpenedChunk, MergeRefusal> {
        super::examine(sealed, standing, tip, &Strict)
    }

    fn tip(chunk: &OpenedChunk) -> (SeqNo, Hash) {
        (chunk.checkpoint.seq, chunk.checkpoint.head)
    }

    const START: (SeqNo, Hash) = (SeqNo(0), Hash::ZERO);
    const SITE: Standing = Standing::Enrolled(Role::Site);

    #[test]
    fn a_chunk_that_follows_is_taken_and_one_with_a_gap_waits() {
        let first = chunk(START, &[b"a", b"b"]);
        let second = chunk(tip(&first), &[b"c"]);
        assert_eq!(examine(&first.seal(), SITE, None), Ok(first.clone()));
        assert_eq!(examine(&second.seal(), SITE, Some(tip(&first))), Ok(second.clone()));
        let gap = MergeRefusal::Gap { expected: SeqNo(1), first: SeqNo(3) };
        assert_eq!(examine(&second.seal(), SITE, None), Err(gap));
        assert_eq!(examine(&first.seal(), SITE, Some(tip(&second))), Err(MergeRefusal::Known));
    }

    #[test]
    fn another_history_is_a_fork_wherever_it_begins() {
        let ours = chunk(START, &[b"a", b"b"]);
        let theirs = chunk(START, &[b"a", b"x", b"y"]);
        assert_eq!(examine(&theirs.seal(), SITE, Some(tip(&ours))), Err(MergeRefusal::Fork { at: SeqNo(2) }));
        let longer = chunk((SeqNo(2), Hash([9; 32])), &[b"z"]);
        assert_eq!(examine(&longer.seal(), SITE, Some(tip(&ours))), Err(MergeRefusal::Fork { at: SeqNo(2) }));
    }

    #[test]
    fn an_overlapping_chunk_that_agrees_is_taken() {
        let first = chunk(START, &[b"a", b"b"]);
        let both = chunk(START, &[b"a", b"b", b"c"]);
        assert_eq!(examine(&both.seal(), SITE, Some(tip(&first))), Ok(both));
    }

    #[test]
    fn strangers_wait_and_the_withdrawn_stop_at_their_mark() {
        let first = chunk(START, &[b"a", b"b"]);
        assert_eq!(examine(&first.seal(), Standing::Unknown, None), Err(MergeRefusal::UnknownWriter));
        let mark = |seq| Standing::WithdrawnAbove(SeqNo(seq), Role::Site);
        assert_eq!(examine(&first.seal(), mark(1), None), Err(MergeRefusal::Withdrawn));
        assert!(examine(&first.seal(), mark(2), None).is_ok());
    }
}
