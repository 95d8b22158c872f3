//! What opening a store found, repaired and missed.

use std::path::PathBuf;

use super::frame::Arrival;

/// Frames from one number to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArrivalRange {
    /// The first.
    pub first: Arrival,
    /// The last, never before the first.
    pub last: Arrival,
}

impl ArrivalRange {
    /// The numbers after `known` and before `seen`, if any.
    pub(super) fn between(known: Arrival, seen: Arrival) -> Option<Self> {
        Self::new(known.next(), seen.previous())
    }

    fn new(first: Arrival, last: Arrival) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }
}

/// What became of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexFound {
    /// It was there and could be read.
    Intact,
    /// The store is new.
    Created,
    /// It could not be read and is empty now: index every frame again, and ask peers for the missing ones.
    Rebuilt {
        /// Where the damaged one was kept, for study. The next damaged one replaces it.
        kept_at: PathBuf,
        /// What was wrong with it.
        reason: String,
    },
}

/// What opening a store found.
///
/// The caller indexes again every frame of [`frames`](super::Store::frames) after `indexed_through`, tells
/// the operator what is `missing`, and gets that from peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// What became of the index.
    pub index: IndexFound,
    /// The index holds the writes of all frames up to this one.
    pub indexed_through: Arrival,
    /// Newest frame known, in the journal or in the index.
    pub last: Arrival,
    /// Neither in the journal nor in the index. In part the numbers may never have been given to a frame.
    pub missing: Vec<ArrivalRange>,
    /// Damaged in the journal, but in the index: a second copy is gone, nothing else.
    pub only_indexed: Vec<ArrivalRange>,
    /// Bytes after the last good frame, cut off. A write that was under way, unless the disk is failing.
    pub torn_bytes: u64,
    /// Half-written index snapshots removed.
    pub half_snapshots: usize,
    /// The stored epoch could not be read and was replaced by the caller's.
    pub epoch_renewed: bool,
}

impl Recovery {
    /// True if nothing was repaired, cut or lost.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        !matches!(self.index, IndexFound::Rebuilt { .. })
            && self.missing.is_empty()
            && self.only_indexed.is_empty()
            && self.torn_bytes == 0
            && self.half_snapshots == 0
            && !self.epoch_renewed
    }
}

/// One segment as [`losses`] needs it.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    pub(super) first: Arrival,
    pub(super) follows: Arrival,
    pub(super) gaps: Vec<ArrivalRange>,
    pub(super) last: Arrival,
}

/// The numbers that the journal should hold and does not, in order.
///
/// `start`: frames below it were deleted on purpose; none if that is not known. `through`: the index says
/// frames up to here existed.
pub(super) fn losses(start: Option<Arrival>, segments: &[Chain], through: Arrival) -> Vec<ArrivalRange> {
    let first = segments.first().map_or(through.next(), |segment| segment.first);
    let mut known = start.unwrap_or(first).previous();
    let mut lost = Vec::new();
    for segment in segments {
        lost.extend(ArrivalRange::between(known, segment.follows.next()));
        lost.extend_from_slice(&segment.gaps);
        known = known.max(segment.first.previous()).max(segment.last);
    }
    lost.extend(ArrivalRange::between(known, through.next()));
    lost
}

/// Splits losses into those the index makes good and those it does not; `start` as in [`losses`].
pub(super) fn judge(
    lost: &[ArrivalRange],
    start: Option<Arrival>,
    through: Arrival,
) -> (Vec<ArrivalRange>, Vec<ArrivalRange>) {
    let unindexed_and_deleted = start.and_then(|start| ArrivalRange::between(through, start));
    let missing = lost.iter().filter_map(|range| ArrivalRange::new(range.first.max(through.next()), range.last));
    let only_indexed = lost.iter().filter_map(|range| ArrivalRange::new(range.first, range.last.min(through)));
    (unindexed_and_deleted.into_iter().chain(missing).collect(), only_indexed.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(first: u64, follows: u64, last: u64) -> Chain {
        Chain { first: Arrival(first), follows: Arrival(follows), gaps: vec![], last: Arrival(last) }
    }

    fn range(first: u64, last: u64) -> ArrivalRange {
        ArrivalRange { first: Arrival(first), last: Arrival(last) }
    }

    #[test]
    fn numbers_skipped_on_purpose_are_not_losses() {
        let segments = [chain(5, 4, 9), chain(20, 9, 21), chain(22, 21, 21)];
        assert_eq!(losses(Some(Arrival(5)), &segments, Arrival(21)), []);
        assert_eq!(losses(None, &segments, Arrival(3)), []);
    }

    #[test]
    fn a_cut_segment_a_vanished_one_and_an_emptied_journal_are_losses() {
        let cut = [chain(1, 0, 3), chain(8, 7, 9)];
        assert_eq!(losses(Some(Arrival(1)), &cut, Arrival(0)), [range(4, 7)]);
        assert_eq!(losses(Some(Arrival(1)), &[chain(8, 7, 9)], Arrival(0)), [range(1, 7)]);
        assert_eq!(losses(Some(Arrival(4)), &[], Arrival(9)), [range(4, 9)]);
        assert_eq!(losses(Some(Arrival(1)), &[chain(1, 0, 3)], Arrival(5)), [range(4, 5)]);
    }

    #[test]
    fn the_index_makes_good_what_it_holds_and_no_more() {
        let (missing, only_indexed) = judge(&[range(2, 6)], Some(Arrival(1)), Arrival(4));
        assert_eq!((missing, only_indexed), (vec![range(5, 6)], vec![range(2, 4)]));
        let (missing, only_indexed) = judge(&[], Some(Arrival(10)), Arrival(0));
        assert_eq!((missing, only_indexed), (vec![range(1, 9)], vec![]), "an index rebuilt after segments went");
    }
}
