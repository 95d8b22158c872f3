//! Forks: how it is shown that a writer signed two histories, and what the histories are called (rule N3).
//!
//! A proof needs nothing but itself and the writer's certificate: two checkpoints of one number with two hashes, or a
//! checkpoint and the entries that lead from another hash at its number to a second checkpoint.
//!
//! ```text
//! number      from-1    from ...  one ...............  other
//! one         stem ──── a ─────── ✎ signed
//! other       stem ──── b ─────── bridge.hash ── … ─── ✎ signed
//! ```

use minicbor::bytes::ByteVec;
use sha2::{Digest, Sha256};

use crate::chunk;
use crate::entry::{Checkpoint, Entry, link};
use crate::fact::{Bridge, Fact, ForkProof, Signed};
use crate::id::{FeedHeader, FeedId, Hash, SeqNo};
use crate::limits::{FACT_BYTES_MAX, PAGE_BYTES_MAX};

/// zstd level of a bridge. Proofs are rare and have to fit one fact.
const PACK_LEVEL: i32 = 19;

/// Bytes of a bridge before it is packed: two checkpoints kept next to each other lie in one page or in two.
const BRIDGE_PLAIN_BYTES_MAX: usize = 2 * PAGE_BYTES_MAX;

/// Why bytes prove no fork. Whoever stated them is at fault; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ForkError {
    /// A checkpoint is not signed by the writer.
    #[error("one of the two checkpoints is not signed by the node it accuses")]
    Signature,
    /// Both checkpoints are of one history, or the numbers do not fit.
    #[error("the two checkpoints do not contradict each other")]
    Agrees,
    /// The entries between do not lead to the later checkpoint.
    #[error("the entries between the two checkpoints do not lead to the later one")]
    Bridge,
}

/// How a chunk lies to what the tables hold of its feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Divergence {
    /// Everything both have is the same.
    Agrees,
    /// The histories part before the chunk begins: earlier entries tell where.
    Below {
        /// The first entry that is here.
        from: SeqNo,
    },
    /// The tables do not reach the chunk yet.
    Behind,
    /// The histories part in the chunk, and what proves it does not fit one fact.
    Unprovable {
        /// The first entry that differs.
        from: SeqNo,
        /// Where a proof may be found; `None` when this chunk came from there.
        parting: Option<Parting>,
    },
    /// The histories part in the chunk.
    Forked(Box<ForkProof>),
}

/// Two histories that were seen to part in a chunk whose signature is too far from any that is kept here.
///
/// Chunks that a peer passes on are signed at their ends alone. The writer itself has a signature every few entries: a
/// chunk of its history that begins at one of ours is short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parting {
    /// The first entry that differs.
    pub from: SeqNo,
    /// The hash of the entry before it.
    pub stem: Hash,
    /// The hashes of that entry here and there.
    pub firsts: [Hash; 2],
    /// A signed entry of the history here; what the other one has from there on is asked for.
    pub meet: SeqNo,
}

/// One history at the moment its fork is proved: its newest checkpoint and what leads to it.
#[derive(Debug, Clone, Copy)]
pub struct Side<'c> {
    /// Hash of the first entry that differs.
    pub first: Hash,
    /// A checkpoint at or after that entry.
    pub checkpoint: Checkpoint,
    /// Entries that end at the checkpoint; as many as there are.
    pub entries: &'c [Entry],
}

/// The name of a history above the fork: SHA-256 of `"swabmesh branch 1"`, feed (16 bytes), hash of its first own
/// entry (32), its first 16 bytes.
///
/// It names the history wherever a feed is named: on the wire, in the tables, in the ids of its entries.
#[must_use]
pub fn branch(feed: &FeedId, first: &Hash) -> FeedId {
    let mut hash = Sha256::new();
    hash.update(b"swabmesh branch 1");
    hash.update(feed.0);
    hash.update(first.0);
    let digest: [u8; 32] = hash.finalize().into();
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    FeedId(id)
}

/// Puts a proof together; `None` when what lies between the two checkpoints is not here or does not fit a fact.
#[must_use]
pub fn prove(header: FeedHeader, from: SeqNo, stem: Hash, sides: [Side<'_>; 2]) -> Option<ForkProof> {
    let [a, b] = sides;
    let (one, other) = if a.checkpoint.seq <= b.checkpoint.seq { (a, b) } else { (b, a) };
    let at = one.checkpoint.seq;
    let bridge = if at == other.checkpoint.seq {
        None
    } else {
        let place = other.entries.iter().position(|entry| entry.seq == at)?;
        let (before, after) = other.entries.split_at_checked(place + 1)?;
        let plain = chunk::encode_entries(after.iter().map(|entry| (entry.stamp, entry.fact.as_slice())));
        if plain.len() > BRIDGE_PLAIN_BYTES_MAX {
            return None;
        }
        let entries = ByteVec::from(zstd::bulk::compress(&plain, PACK_LEVEL).ok()?);
        Some(Bridge { hash: before.last()?.hash, plain_bytes: u32::try_from(plain.len()).ok()?, entries })
    };
    let signed = |Checkpoint { seq, head, signature }: Checkpoint| Signed { seq, head, signature };
    let FeedHeader { writer, epoch, lane } = header;
    let firsts = if a.first <= b.first { [a.first, b.first] } else { [b.first, a.first] };
    let (one, other) = (signed(one.checkpoint), signed(other.checkpoint));
    let proof = ForkProof { writer, epoch, lane, one, other, from, stem, firsts, bridge };
    let fits = Fact::from(proof.clone()).to_bytes().len() <= FACT_BYTES_MAX;
    (fits && verify(&proof).is_ok()).then_some(proof)
}

/// Checks a proof with nothing but the writer's key, which is in it.
///
/// # Errors
/// [`ForkError`].
pub fn verify(proof: &ForkProof) -> Result<(), ForkError> {
    let header = proof.header();
    let signed = |Signed { seq, head, signature }: Signed| Checkpoint { seq, head, signature }.verify(&header);
    let numbers = proof.from.0 > 0 && proof.one.seq >= proof.from && proof.other.seq >= proof.one.seq;
    let named = proof.firsts.first() < proof.firsts.last() && (proof.from.0 == 1) == (proof.stem == Hash::ZERO);
    if !numbers || !named {
        return Err(ForkError::Agrees);
    }
    let in_other = match &proof.bridge {
        None if proof.one.seq == proof.other.seq => proof.other.head,
        None => return Err(ForkError::Bridge),
        Some(bridge) => crossed(proof, bridge)?,
    };
    if in_other == proof.one.head {
        return Err(ForkError::Agrees);
    }
    signed(proof.one).and_then(|()| signed(proof.other)).map_err(|_| ForkError::Signature)
}

/// The hash at the earlier number in the later history, once its entries are seen to lead to the later checkpoint.
fn crossed(proof: &ForkProof, bridge: &Bridge) -> Result<Hash, ForkError> {
    let bytes = usize::try_from(bridge.plain_bytes).ok().filter(|bytes| *bytes <= BRIDGE_PLAIN_BYTES_MAX);
    let plain = bytes.and_then(|bytes| zstd::bulk::decompress(&bridge.entries, bytes).ok()).ok_or(ForkError::Bridge)?;
    let entries = chunk::decode_entries(&plain).map_err(|_| ForkError::Bridge)?;
    let feed = proof.header().id();
    let (mut seq, mut hash) = (proof.one.seq, bridge.hash);
    for (stamp, fact) in entries {
        seq = seq.next();
        hash = link(&feed, seq, &hash, stamp, fact);
    }
    if (seq, hash) == (proof.other.seq, proof.other.head) { Ok(bridge.hash) } else { Err(ForkError::Bridge) }
}

/// The name of a fork: the same whoever found it and whichever checkpoints prove it.
#[must_use]
pub fn name(proof: &ForkProof) -> FeedId {
    let mut hash = Sha256::new();
    hash.update(b"swabmesh fork 1");
    hash.update(proof.header().id().0);
    hash.update(proof.from.0.to_be_bytes());
    proof.firsts.iter().for_each(|first| hash.update(first.0));
    let digest: [u8; 32] = hash.finalize().into();
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    FeedId(id)
}

#[cfg(test)]
mod tests;
