//! Cuts: where a feed ends for everybody, and to which history above the cut a chunk belongs.
//!
//! A feed is cut at its fork, or above the mark of its writer's withdrawal. The feed's own name then ends before the cut;
//! each history above it is a branch, with a name of its own ([`crate::fork::branch`]), a place in the frontier, and its
//! own heads, ranges and chunks. So both histories spread like any other feed, roots become equal, and nothing waits.

use std::collections::{BTreeMap, BTreeSet};

use crate::chunk::{OpenedChunk, SealedChunk};
use crate::entry::Verifier;
use crate::fact::Role;
use crate::fork::branch;
use crate::id::{FeedHeader, FeedId, Hash, SeqNo};
use crate::limits::{QUARANTINE_BRANCHES_MAX, QUARANTINE_ENTRIES_MAX};
use crate::merge::{MergeRefusal, examine};
use crate::roster::Standing;

/// Where a feed ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Whose feed.
    pub header: FeedHeader,
    /// The first entry that does not stand.
    pub from: SeqNo,
    /// Hash of the entry before it, once known.
    pub stem: Option<Hash>,
    /// Two histories; else its writer was withdrawn.
    pub forked: bool,
    /// The histories above it of which something is here or on its way to the disk.
    pub branches: BTreeSet<FeedId>,
}

impl Cut {
    /// The last entry that stands; 0 when none does.
    #[must_use]
    pub const fn stands(&self) -> SeqNo {
        SeqNo(self.from.0.saturating_sub(1))
    }
}

/// A chunk of a cut feed, and which names it moves on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The chunk.
    pub chunk: OpenedChunk,
    /// It reaches the cut from below: the feed then ends on this entry.
    pub stem: Option<(SeqNo, Hash)>,
    /// It reaches above the cut, into this history.
    pub branch: Option<FeedId>,
}

/// All cuts a node knows of.
#[derive(Debug, Clone, Default)]
pub struct Cuts(BTreeMap<FeedId, Cut>);

impl Cuts {
    /// The cuts a store holds.
    #[must_use]
    pub fn restore(cuts: Vec<Cut>) -> Self {
        Self(cuts.into_iter().map(|cut| (cut.header.id(), cut)).collect())
    }

    /// The cut of a feed.
    #[must_use]
    pub fn get(&self, feed: &FeedId) -> Option<&Cut> {
        self.0.get(feed)
    }

    /// All cuts.
    pub fn iter(&self) -> impl Iterator<Item = (&FeedId, &Cut)> {
        self.0.iter()
    }

    /// Learns a cut; the lowest holds. Returns whether the feed ends earlier than before.
    pub fn learn(&mut self, header: FeedHeader, from: SeqNo, stem: Option<Hash>, forked: bool) -> bool {
        let feed = header.id();
        match self.0.get_mut(&feed) {
            Some(held) => {
                held.forked |= forked;
                if from >= held.from {
                    return false;
                }
                (held.from, held.stem) = (from, stem);
                true
            }
            None => {
                self.0.insert(feed, Cut { header, from, stem, forked, branches: BTreeSet::new() });
                true
            }
        }
    }

    /// Learns that something of a history is here, and with it the hash before the cut.
    pub fn grow(&mut self, feed: &FeedId, branch: FeedId, stem: Option<Hash>) {
        if let Some(cut) = self.0.get_mut(feed) {
            cut.branches.insert(branch);
            cut.stem = cut.stem.or(stem);
        }
    }
}

/// A number and the hash of its entry, if anything is held.
pub type Tip = Option<(SeqNo, Hash)>;

/// What a chunk is judged by: the last entry verified under a name, and the check of signatures.
#[derive(Clone, Copy)]
pub struct Known<'k> {
    /// The last entry verified under a name.
    pub tip_of: &'k dyn Fn(&FeedId) -> Tip,
    /// The check of signatures.
    pub verifier: &'k dyn Verifier,
}

impl std::fmt::Debug for Known<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Known").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

/// Judges a chunk of a cut feed.
///
/// # Errors
/// [`MergeRefusal`], as of [`examine`]; a history that shares less than the cut says is a fork of its own and is refused.
pub fn place(sealed: &SealedChunk, cut: &Cut, known: Known<'_>) -> Result<Placed, MergeRefusal> {
    let Known { tip_of, verifier } = known;
    let feed = cut.header.id();
    let enrolled = Standing::Enrolled(Role::Site);
    if sealed.last() < cut.from {
        let chunk = examine(sealed, enrolled, tip_of(&feed), verifier)?;
        let tip = (chunk.checkpoint.seq, chunk.checkpoint.head);
        return if tip.0 == cut.stands() && cut.stem.is_some_and(|stem| stem != tip.1) {
            Err(MergeRefusal::Fork { at: tip.0 })
        } else {
            Ok(Placed { chunk, stem: Some(tip), branch: None })
        };
    }
    if sealed.first() > cut.from {
        return above(sealed, cut, known);
    }
    let (seq, hash) = tip_of(&feed).unwrap_or((SeqNo(0), Hash::ZERO));
    if sealed.first() > seq.next() {
        return Err(MergeRefusal::Gap { expected: seq.next(), first: sealed.first() });
    }
    let chunk = sealed.open_with(verifier)?;
    let hash_at = |at: SeqNo| {
        let entry = chunk.entries.iter().find(|entry| entry.seq == at).map(|entry| entry.hash);
        entry.or_else(|| (chunk.first() == at.next()).then_some(chunk.previous))
    };
    let stands = cut.stands();
    let stem = hash_at(stands).unwrap_or(Hash::ZERO);
    if hash_at(seq).is_some_and(|claimed| claimed != hash) {
        return Err(MergeRefusal::Fork { at: seq });
    }
    if cut.stem.is_some_and(|known| known != stem) {
        return Err(MergeRefusal::Fork { at: stands });
    }
    let id = branch(&feed, &hash_at(cut.from).unwrap_or(Hash::ZERO));
    match tip_of(&id) {
        Some((tip, _)) if sealed.last() <= tip => return Err(MergeRefusal::Known),
        Some((tip, hash)) if hash_at(tip) != Some(hash) => return Err(MergeRefusal::Fork { at: tip }),
        Some(_) => {}
        None if cut.branches.len() >= QUARANTINE_BRANCHES_MAX => return Err(MergeRefusal::QuarantineFull),
        None => {}
    }
    bounded(sealed, cut)?;
    Ok(Placed { chunk, stem: (seq < stands).then_some((stands, stem)), branch: Some(id) })
}

/// A chunk that begins above the cut continues one of the histories that are here.
fn above(sealed: &SealedChunk, cut: &Cut, known: Known<'_>) -> Result<Placed, MergeRefusal> {
    let mut refusal = MergeRefusal::Gap { expected: cut.from, first: sealed.first() };
    for id in &cut.branches {
        match examine(sealed, Standing::Enrolled(Role::Site), (known.tip_of)(id), known.verifier) {
            Ok(chunk) => {
                bounded(sealed, cut)?;
                return Ok(Placed { chunk, stem: None, branch: Some(*id) });
            }
            Err(MergeRefusal::Known) => refusal = MergeRefusal::Known,
            Err(MergeRefusal::Chunk(error)) => return Err(error.into()),
            Err(_) => {}
        }
    }
    Err(refusal)
}

fn bounded(sealed: &SealedChunk, cut: &Cut) -> Result<(), MergeRefusal> {
    if sealed.last().0 - cut.stands().0 > QUARANTINE_ENTRIES_MAX { Err(MergeRefusal::QuarantineFull) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
