//! Where a chunk leaves the history that is here, and the proof that both were signed.

use super::ranges::base_hash;
use super::{HeadRecord, entries, entry, head, read_range};
use crate::chunk::OpenedChunk;
use crate::entry::Checkpoint;
use crate::fork::{self, Divergence, Side};
use crate::id::{EntryId, FeedId, Hash, SeqNo};
use crate::limits::CHUNK_BYTES_MAX;
use crate::view::{View, ViewError};

/// Compares a chunk with the pages of its feed, entry by entry.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn diverge<V: View>(view: &V, chunk: &OpenedChunk) -> Result<Divergence, ViewError> {
    let feed = chunk.header.id();
    let Some(record) = head(view, &feed)?.filter(|record| record.height.next() >= chunk.first()) else {
        return Ok(Divergence::Behind);
    };
    let first = record.first();
    if chunk.checkpoint.seq < first {
        // Nothing of it is kept here, and nothing of it is wanted.
        return Ok(Divergence::Agrees);
    }
    let begins = chunk.first().max(first);
    let mut stem = if begins == first {
        // What the authority let go of is the same for everybody, or never to be told apart again.
        let theirs = chunk.entries.iter().find(|entry| entry.seq.next() == first).map(|entry| entry.hash);
        match base_hash(view, &feed, &record)? {
            Some(ours) if ours == theirs.unwrap_or(chunk.previous) => ours,
            Some(_) => return Ok(Divergence::Unprovable { from: first }),
            None => return Ok(Divergence::Behind),
        }
    } else {
        match entry(view, EntryId { feed, seq: SeqNo(begins.0 - 1) })? {
            Some(before) if before.hash == chunk.previous => before.hash,
            Some(_) => return Ok(Divergence::Below { from: first }),
            None => return Ok(Divergence::Behind),
        }
    };
    let held = entries(view, &feed, begins, chunk.checkpoint.seq)?;
    for (theirs, ours) in chunk.entries.iter().filter(|entry| entry.seq >= begins).zip(held) {
        let ours = ours?;
        if ours.hash != theirs.hash {
            return prove(view, &feed, &record, chunk, (theirs.seq, stem, [ours.hash, theirs.hash]));
        }
        stem = ours.hash;
    }
    Ok(Divergence::Agrees)
}

fn prove<V: View>(
    view: &V,
    feed: &FeedId,
    record: &HeadRecord,
    chunk: &OpenedChunk,
    (from, stem, [ours, theirs]): (SeqNo, Hash, [Hash; 2]),
) -> Result<Divergence, ViewError> {
    let their_side = Side { first: theirs, checkpoint: chunk.checkpoint, entries: &chunk.entries };
    let at = chunk.checkpoint.seq;
    let newest = record.checkpoint().filter(|checkpoint| checkpoint.seq >= from && checkpoint.seq <= at);
    let prove = |checkpoint: Checkpoint, entries: &[crate::entry::Entry]| {
        let side = Side { first: ours, checkpoint, entries };
        fork::prove(chunk.header, from, stem, [side, their_side])
    };
    let proof = match newest {
        // Theirs is the longer one: it leads on from our newest checkpoint.
        Some(checkpoint) => prove(checkpoint, &[]),
        None => {
            let ours = read_range(view, feed, at, at, CHUNK_BYTES_MAX)?.and_then(|sealed| sealed.reopen().ok());
            ours.and_then(|ours| prove(ours.checkpoint, &ours.entries))
        }
    };
    Ok(proof.map_or(Divergence::Unprovable { from }, |proof| Divergence::Forked(Box::new(proof))))
}
