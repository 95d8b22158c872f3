//! The authority signs for what it holds durably (rule N4).

use std::collections::BTreeMap;

use crate::fact::{Mark, Receipt};
use crate::id::{FeedId, Lane, SeqNo};
use crate::time::Mono;

/// Marks in one receipt. Each is a row of the index, and what is applied at once must fit one atomic batch of 64.
const MARKS_MAX: usize = 32;

/// Feeds that grew since the last receipt of their lane.
#[derive(Debug, Default)]
pub struct Receipting {
    grown: BTreeMap<Lane, BTreeMap<FeedId, SeqNo>>,
    due: Option<Mono>,
    not_before: Mono,
}

impl Receipting {
    /// A feed of another node is durable here up to `seq`.
    pub fn durable(&mut self, now: Mono, lane: Lane, feed: FeedId, seq: SeqNo) {
        let grown = self.grown.entry(lane).or_default().entry(feed).or_default();
        *grown = (*grown).max(seq);
        self.due = self.due.or(Some(self.not_before.max(now)));
    }

    /// When the next receipts are due.
    #[must_use]
    pub const fn due(&self) -> Option<Mono> {
        self.due
    }

    /// The receipts due by now, each with its lane; the next ones come no sooner than `interval_ms` from now.
    pub fn take(&mut self, now: Mono, interval_ms: u64) -> Vec<(Lane, Receipt)> {
        if self.due.is_none_or(|due| due > now) {
            return Vec::new();
        }
        self.due = None;
        self.not_before = now.after_ms(interval_ms);
        let mut receipts = Vec::new();
        for (lane, feeds) in std::mem::take(&mut self.grown) {
            let marks: Vec<Mark> = feeds.into_iter().map(|(feed, seq)| Mark { feed, seq }).collect();
            receipts.extend(marks.chunks(MARKS_MAX).map(|marks| (lane, Receipt { marks: marks.to_vec() })));
        }
        receipts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::Fact;
    use crate::limits::FACT_BYTES_MAX;

    #[test]
    fn receipts_come_at_once_and_then_no_more_often_than_agreed() {
        let mut receipting = Receipting::default();
        let feed = FeedId([1; 16]);
        receipting.durable(Mono(100), Lane(1), feed, SeqNo(4));
        assert_eq!(receipting.due(), Some(Mono(100)));
        let marks = vec![Mark { feed, seq: SeqNo(4) }];
        assert_eq!(receipting.take(Mono(100), 5_000), [(Lane(1), Receipt { marks })]);
        receipting.durable(Mono(200), Lane(1), feed, SeqNo(5));
        assert_eq!(receipting.due(), Some(Mono(5_100)));
        assert!(receipting.take(Mono(200), 5_000).is_empty());
        assert_eq!(receipting.take(Mono(5_100), 5_000).len(), 1);
    }

    #[test]
    fn the_largest_receipt_fits_a_fact() {
        let marks = (0..=u8::MAX).map(|n| Mark { feed: FeedId([n; 16]), seq: SeqNo(u64::MAX) }).take(MARKS_MAX);
        assert!(Fact::from(Receipt { marks: marks.collect() }).to_bytes().len() <= FACT_BYTES_MAX);
    }
}
