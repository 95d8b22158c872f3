//! Where a chunk leaves the history that is here, and the proof that both were signed.

use super::ranges::{Pages, base_hash};
use super::{HeadRecord, entries, entry, head, read_range};
use crate::chunk::OpenedChunk;
use crate::entry::{Checkpoint, Entry};
use crate::fact::ForkProof;
use crate::fork::{self, Divergence, Parting, Side};
use crate::id::{EntryId, FeedId, Hash, SeqNo};
use crate::limits::CHUNK_BYTES_MAX;
use crate::view::{View, ViewError};

/// Compares a chunk with the pages of its feed, entry by entry; one that was asked for because of a parting only from
/// where that says.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn diverge<V: View>(view: &V, chunk: &OpenedChunk, parting: Option<Parting>) -> Result<Divergence, ViewError> {
    let feed = chunk.header.id();
    let Some(record) = head(view, &feed)?.filter(|record| record.height.next() >= chunk.first()) else {
        return Ok(Divergence::Behind);
    };
    if let Some(parting) = parting {
        let kept = kept(view, &feed, &record, (chunk.first(), chunk.checkpoint.seq))?;
        let proof = kept.into_iter().find_map(|checkpoint| apart(chunk, &parting, checkpoint, &[]));
        let unprovable = Divergence::Unprovable { from: parting.from, parting: None };
        return Ok(proof.map_or(unprovable, |proof| Divergence::Forked(Box::new(proof))));
    }
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
            Some(_) => return Ok(Divergence::Unprovable { from: first, parting: None }),
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

/// Proves a parting with the newest checkpoint here before the chunk's, or the next one after it.
fn prove<V: View>(
    view: &V,
    feed: &FeedId,
    record: &HeadRecord,
    chunk: &OpenedChunk,
    (from, stem, firsts): (SeqNo, Hash, [Hash; 2]),
) -> Result<Divergence, ViewError> {
    let at = chunk.checkpoint.seq;
    let before = kept(view, feed, record, (from, at))?.pop();
    let after = read_range(view, feed, at, at, CHUNK_BYTES_MAX)?.and_then(|sealed| sealed.reopen().ok());
    let Some(nearest) = before.or_else(|| after.as_ref().map(|ours| ours.checkpoint)) else {
        return Ok(Divergence::Unprovable { from, parting: None });
    };
    let parting = Parting { from, stem, firsts, meet: nearest.seq };
    // Theirs leads on from our checkpoint, or ours from theirs.
    let proof = before.and_then(|checkpoint| apart(chunk, &parting, checkpoint, &[]));
    let proof = proof.or_else(|| after.and_then(|ours| apart(chunk, &parting, ours.checkpoint, &ours.entries)));
    let unprovable = Divergence::Unprovable { from, parting: Some(parting) };
    Ok(proof.map_or(unprovable, |proof| Divergence::Forked(Box::new(proof))))
}

fn apart(chunk: &OpenedChunk, parting: &Parting, checkpoint: Checkpoint, entries: &[Entry]) -> Option<ForkProof> {
    let [ours, theirs] = parting.firsts;
    let ours = Side { first: ours, checkpoint, entries };
    let theirs = Side { first: theirs, checkpoint: chunk.checkpoint, entries: &chunk.entries };
    fork::prove(chunk.header, parting.from, parting.stem, [ours, theirs])
}

/// The checkpoints of a feed that are kept here of a range of entries, rising.
fn kept<V: View>(
    view: &V,
    feed: &FeedId,
    record: &HeadRecord,
    (from, to): (SeqNo, SeqNo),
) -> Result<Vec<Checkpoint>, ViewError> {
    let (mut kept, mut pages) = (Vec::new(), Pages::from(view, *feed, from)?);
    while let Some(page) = pages.next()?.filter(|page| page.first <= to) {
        kept.extend(page.checkpoints.iter().filter(|signed| signed.seq >= from && signed.seq <= to).copied());
    }
    let newest = record.checkpoint().filter(|newest| newest.seq >= from && newest.seq <= to);
    kept.extend(newest.filter(|newest| kept.last().is_none_or(|last| last.seq < newest.seq)));
    Ok(kept)
}
