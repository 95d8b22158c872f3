//! Which histories of each feed lie on a disk, by what its chunks say and nothing else.
//!
//! A feed that its writer continued in two ways is a tree. It is kept as *runs*: entries in a row, each run but those
//! from the first entry on growing out of an entry of another.

use std::collections::BTreeMap;

use swabmesh_protocol::chunk::OpenedChunk;
use swabmesh_protocol::fork::branch;
use swabmesh_protocol::id::{FeedHeader, FeedId, FeedShort, Hash, SeqNo};

/// Entries in a row.
#[derive(Debug, Clone)]
struct Run {
    /// The run that it grows out of.
    stem: Option<usize>,
    /// Number of its first own entry.
    from: u64,
    hashes: Vec<Hash>,
}

impl Run {
    fn last(&self) -> u64 {
        self.from + self.hashes.len() as u64 - 1
    }

    fn hash(&self, seq: u64) -> Option<Hash> {
        self.hashes.get(usize::try_from(seq.checked_sub(self.from)?).ok()?).copied()
    }
}

/// The histories of one feed.
#[derive(Debug, Clone)]
struct Tree {
    header: FeedHeader,
    runs: Vec<Run>,
}

impl Tree {
    /// Where an entry lies: every run that leads over it has it in this one.
    fn find(&self, seq: u64, hash: &Hash) -> Option<usize> {
        self.runs.iter().position(|run| run.hash(seq).as_ref() == Some(hash))
    }

    /// Takes up a chunk if what is before it is here.
    fn add(&mut self, chunk: &OpenedChunk) {
        let first = chunk.first().0;
        let mut at = self.find(first.saturating_sub(1), &chunk.previous);
        if at.is_none() && first > 1 {
            return;
        }
        for entry in &chunk.entries {
            let (seq, hash) = (entry.seq.0, entry.hash);
            at = Some(match (self.find(seq, &hash), at) {
                (Some(held), _) => held,
                (None, Some(run)) if self.runs.get(run).is_some_and(|run| run.last() + 1 == seq) => {
                    self.runs.get_mut(run).into_iter().for_each(|run| run.hashes.push(hash));
                    run
                }
                (None, stem) => {
                    self.runs.push(Run { stem, from: seq, hashes: vec![hash] });
                    self.runs.len() - 1
                }
            });
        }
    }

    /// The last entry of the histories that lead over an entry.
    fn reach(&self, run: usize, seq: u64) -> u64 {
        let own = self.runs.get(run).map_or(0, Run::last);
        let grown = self.runs.iter().enumerate().filter(|(_, other)| other.stem == Some(run) && other.from > seq);
        grown.map(|(other, grown)| self.reach(other, grown.from)).max().unwrap_or_default().max(own)
    }

    fn ends(&self) -> impl Iterator<Item = (SeqNo, Hash)> {
        self.runs.iter().filter_map(|run| Some((SeqNo(run.last()), *run.hashes.last()?)))
    }
}

/// The histories of all feeds on one disk.
#[derive(Debug, Clone, Default)]
pub struct Histories(BTreeMap<FeedId, Tree>);

impl Histories {
    /// A chunk is on the disk.
    pub fn add(&mut self, chunk: &OpenedChunk) {
        let tree = self.0.entry(chunk.header.id());
        tree.or_insert_with(|| Tree { header: chunk.header, runs: Vec::new() }).add(chunk);
    }

    /// The last entry of the history of this name, if any entry here can be the first one above a cut of that name.
    #[must_use]
    pub fn branch(&self, name: &FeedId) -> Option<SeqNo> {
        self.named(|id| id == name)
    }

    /// The same by its short name.
    #[must_use]
    pub fn branch_named(&self, name: FeedShort) -> Option<SeqNo> {
        self.named(|id| id.short() == name)
    }

    fn named(&self, is_it: impl Fn(&FeedId) -> bool) -> Option<SeqNo> {
        self.0.iter().find_map(|(feed, tree)| {
            tree.runs.iter().enumerate().find_map(|(number, run)| {
                let first = run.hashes.iter().position(|hash| is_it(&branch(feed, hash)))?;
                Some(SeqNo(tree.reach(number, run.from + first as u64)))
            })
        })
    }

    /// Each feed, and where its histories end.
    pub fn ends(&self) -> impl Iterator<Item = (&FeedHeader, Vec<(SeqNo, Hash)>)> {
        self.0.values().map(|tree| (&tree.header, tree.ends().collect()))
    }

    /// Whether a history here leads over an entry and on.
    #[must_use]
    pub fn goes_on_after(&self, feed: &FeedId, seq: SeqNo, hash: &Hash) -> bool {
        let tree = self.0.get(feed);
        tree.is_some_and(|tree| tree.find(seq.0, hash).is_some_and(|run| tree.reach(run, seq.0) > seq.0))
    }

    /// Whether an entry is here.
    #[must_use]
    pub fn holds(&self, feed: &FeedId, seq: SeqNo, hash: &Hash) -> bool {
        self.0.get(feed).is_some_and(|tree| tree.find(seq.0, hash).is_some())
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use swabmesh_protocol::entry::node_key;
    use swabmesh_protocol::id::{Epoch, Lane};
    use swabmesh_protocol::time::Stamp;

    use super::*;

    fn chunk(after: Option<&OpenedChunk>, facts: &[&str]) -> OpenedChunk {
        let key = SigningKey::from_bytes(&[3; 32]);
        let header = FeedHeader { writer: node_key(&key), epoch: Epoch(1), lane: Lane(1) };
        let after = after.map_or((SeqNo(0), Hash::ZERO), |chunk| (chunk.checkpoint.seq, chunk.checkpoint.head));
        OpenedChunk::write(&key, header, after, facts.iter().map(|fact| (Stamp(1 << 16), fact.as_bytes().to_vec())))
    }

    #[test]
    fn a_branch_reaches_as_far_as_the_history_that_begins_with_its_first_entry() {
        let stem = chunk(None, &["a", "b"]);
        let (one, other) = (chunk(Some(&stem), &["c", "d"]), chunk(Some(&stem), &["x"]));
        let longer = chunk(Some(&other), &["y", "z"]);
        let feed = stem.header.id();
        let mut held = Histories::default();
        [&stem, &one, &other].into_iter().for_each(|chunk| held.add(chunk));
        assert_eq!(held.branch(&branch(&feed, &one.entries[0].hash)), Some(SeqNo(4)));
        assert_eq!(held.branch(&branch(&feed, &other.entries[0].hash)), Some(SeqNo(3)));
        held.add(&longer);
        assert_eq!(held.branch(&branch(&feed, &other.entries[0].hash)), Some(SeqNo(5)));
        assert_eq!(held.branch(&branch(&feed, &stem.entries[1].hash)), Some(SeqNo(5)), "both lead over it");
        assert_eq!(held.branch(&branch(&feed, &Hash([9; 32]))), None);
        let ends: Vec<_> = held.ends().flat_map(|(_, ends)| ends).collect();
        assert_eq!(ends, [(SeqNo(4), one.checkpoint.head), (SeqNo(5), longer.checkpoint.head)]);
    }

    #[test]
    fn what_does_not_follow_on_what_is_here_is_not_counted() {
        let (stem, other) = (chunk(None, &["a"]), chunk(None, &["x"]));
        let after = chunk(Some(&other), &["y"]);
        let mut held = Histories::default();
        held.add(&stem);
        held.add(&after);
        assert!(!held.holds(&stem.header.id(), SeqNo(2), &after.checkpoint.head));
        assert_eq!(held.ends().map(|(_, ends)| ends.len()).sum::<usize>(), 1);
        held.add(&other);
        held.add(&after);
        assert!(held.holds(&stem.header.id(), SeqNo(2), &after.checkpoint.head));
        assert_eq!(held.ends().map(|(_, ends)| ends.len()).sum::<usize>(), 2, "from the first entry on");
    }
}
