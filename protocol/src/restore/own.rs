//! Which frames of the node's own feeds are its own: another machine with its key may have written some of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::chunk::OpenedChunk;
use crate::cuts::Cut;
use crate::fork::branch;
use crate::id::{EntryId, FeedId, Hash, SeqNo};
use crate::project;
use crate::view::{View, ViewError};

/// What was read of own feeds so far.
#[derive(Debug, Default)]
pub(super) struct OwnFrames {
    /// Of feeds that are cut, the history that came first.
    pub(super) written_here: BTreeMap<FeedId, FeedId>,
    /// The histories above cuts, by the last entry of each frame of theirs that was read.
    read_above: BTreeMap<Hash, FeedId>,
    /// Entries that the tables do not reflect, of feeds that no table calls cut.
    written: BTreeMap<(FeedId, SeqNo), Hash>,
    /// The last entries of frames that another machine wrote, of such feeds.
    others: BTreeSet<Hash>,
}

impl OwnFrames {
    /// Takes up a chunk of a feed that no table calls cut, and which is held up to an entry here; whether this machine may
    /// have written it. It did not when it differs from what is held, or continues a chunk that does.
    ///
    /// # Errors
    /// [`ViewError`]: our disk.
    pub(super) fn continues<V: View>(
        &mut self,
        view: &V,
        chunk: &OpenedChunk,
        held: (SeqNo, Hash),
    ) -> Result<bool, ViewError> {
        if self.differs(view, chunk, held)? {
            self.others.insert(chunk.checkpoint.head);
            return Ok(false);
        }
        let feed = chunk.header.id();
        self.written.extend(chunk.entries.iter().map(|entry| ((feed, entry.seq), entry.hash)));
        Ok(true)
    }

    fn differs<V: View>(&self, view: &V, chunk: &OpenedChunk, held: (SeqNo, Hash)) -> Result<bool, ViewError> {
        if chunk.first() == held.0.next() {
            return Ok(chunk.previous != held.1);
        }
        let id = EntryId { feed: chunk.header.id(), seq: chunk.checkpoint.seq.min(held.0) };
        let theirs = chunk.entries.iter().find(|entry| entry.seq == id.seq).map(|entry| entry.hash);
        let ours = match self.written.get(&(id.feed, id.seq)) {
            _ if id.seq == held.0 => Some(held.1),
            Some(hash) => Some(*hash),
            None => project::entry(view, id)?.map(|entry| entry.hash),
        };
        Ok(theirs.zip(ours).is_some_and(|(theirs, ours)| theirs != ours) || self.others.contains(&chunk.previous))
    }

    /// The name under which an own chunk is receipted: its feed's, or that of the history above the feed's cut; none when
    /// another machine with this node's disk wrote it.
    ///
    /// # Errors
    /// [`ViewError`]: our disk.
    pub(super) fn name_of<V: View>(
        &mut self,
        view: &V,
        cuts: &[Cut],
        chunk: &OpenedChunk,
    ) -> Result<Option<FeedId>, ViewError> {
        let (feed, last) = (chunk.header.id(), chunk.checkpoint.seq);
        let cut = cuts.iter().find(|cut| cut.header == chunk.header && last >= cut.from);
        let (Some(cut), written_here) = (cut, self.written_here.get(&feed).copied()) else { return Ok(Some(feed)) };
        // The tables may be older than the frame, so the frames themselves are asked first.
        let first = chunk.entries.iter().find(|entry| entry.seq == cut.from).map(|first| branch(&feed, &first.hash));
        let history = match first.or_else(|| self.read_above.get(&chunk.previous).copied()) {
            None => continued(view, cut, chunk)?,
            history => history,
        };
        let Some(history) = history else { return Ok(Some(written_here.unwrap_or(feed))) };
        self.read_above.insert(chunk.checkpoint.head, history);
        Ok(Some(history).filter(|_| Some(history) == written_here))
    }
}

/// The history above a cut that a chunk continues, as far as the tables hold it.
fn continued<V: View>(view: &V, cut: &Cut, chunk: &OpenedChunk) -> Result<Option<FeedId>, ViewError> {
    for feed in &cut.branches {
        let before = project::entry(view, EntryId { feed: *feed, seq: SeqNo(chunk.first().0.saturating_sub(1)) })?;
        if before.is_some_and(|before| before.hash == chunk.previous) {
            return Ok(Some(*feed));
        }
    }
    Ok(None)
}
