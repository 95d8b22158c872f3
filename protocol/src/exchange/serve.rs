//! What one peer asked of us, and how much of it may be under way.

use std::collections::{BTreeSet, VecDeque};

use crate::exchange::frame::{Held, Want};
use crate::id::{FeedId, FeedShort, SeqNo};
use crate::io::Arrival;
use crate::limits::{SERVE_QUEUE_MAX, SERVED_CHUNK_BYTES_MAX, UNACKED_BYTES_MAX};

/// A range being served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The feed.
    pub feed: FeedId,
    /// The next entry to send.
    pub from: SeqNo,
    /// The last entry asked for.
    pub to: SeqNo,
}

/// The ranges one peer asked for, served one after another within a window of unacknowledged bytes.
#[derive(Debug, Clone, Default)]
pub struct Serve {
    queue: VecDeque<Range>,
    /// Whether the first range is being read.
    loading: bool,
    /// Ranges on disk that the tables do not show before they reach an arrival.
    waiting: Vec<(Arrival, Range)>,
    unacked: VecDeque<Unacked>,
    unacked_bytes: usize,
}

/// A chunk sent and not acknowledged as durable.
#[derive(Debug, Clone, Copy)]
struct Unacked {
    feed: FeedShort,
    last: SeqNo,
    entries: u64,
    bytes: usize,
}

/// The peer asked for more at a time than agreed: it is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyWants;

impl Serve {
    /// Queues a range; one of the same feed already queued is extended.
    ///
    /// # Errors
    /// [`TooManyWants`]; nothing was queued.
    pub fn want(&mut self, feed: FeedId, want: Want) -> Result<(), TooManyWants> {
        let waiting = self.waiting.iter_mut().map(|(_, range)| range);
        if let Some(range) = self.queue.iter_mut().chain(waiting).find(|range| range.feed == feed) {
            range.to = range.to.max(want.to);
            return Ok(());
        }
        if self.queue.len() + self.waiting.len() >= SERVE_QUEUE_MAX {
            return Err(TooManyWants);
        }
        self.queue.push_back(Range { feed, from: want.from, to: want.to });
        Ok(())
    }

    /// The range to read from the store next, if the window has room and nothing is being read.
    pub fn next_load(&mut self) -> Option<Range> {
        if self.loading || self.unacked_bytes + SERVED_CHUNK_BYTES_MAX > UNACKED_BYTES_MAX {
            return None;
        }
        let range = self.queue.front().copied()?;
        self.loading = true;
        Some(range)
    }

    /// A chunk up to `last` was read and sent.
    pub fn sent(&mut self, last: SeqNo, bytes: usize) {
        self.loading = false;
        let Some(range) = self.queue.front_mut() else { return };
        let entries = (last.0 + 1).saturating_sub(range.from.0);
        self.unacked.push_back(Unacked { feed: range.feed.short(), last, entries, bytes });
        self.unacked_bytes += bytes;
        range.from = last.next();
        if range.from > range.to {
            self.queue.pop_front();
        }
    }

    /// The tables do not show the range yet, and will once they reach `shown_at`: until then others are read.
    pub fn not_yet(&mut self, shown_at: Arrival) {
        self.loading = false;
        self.waiting.extend(self.queue.pop_front().map(|range| (shown_at, range)));
    }

    /// What the tables have to reach for each range that waits for them.
    pub fn awaited(&self) -> impl Iterator<Item = Arrival> {
        self.waiting.iter().map(|(shown_at, _)| *shown_at)
    }

    /// The tables reach this far now: what they show is read again.
    pub fn shown(&mut self, through: Arrival) {
        self.waiting.retain(|(shown_at, range)| {
            let shown = *shown_at <= through;
            self.queue.extend(shown.then_some(*range));
            !shown
        });
    }

    /// The store cannot give the range: it is dropped and returned.
    pub fn gone(&mut self) -> Option<Range> {
        self.loading = false;
        self.queue.pop_front()
    }

    /// The peer holds a feed durably up to an entry.
    pub fn acked(&mut self, held: Held) {
        self.unacked.retain(|sent| {
            let done = sent.feed == held.feed && sent.last <= held.seq;
            self.unacked_bytes -= if done { sent.bytes } else { 0 };
            !done
        });
    }

    /// The peer did not take what it asked for of a feed: nothing more of it is sent, and the window opens again.
    ///
    /// Without this a node that meets many writers whose certificates it does not hold yet fills the window with
    /// chunks that have to wait, and never gets the feed that the certificates are in.
    /// Returns what the tables need not reach any more for this peer.
    pub fn refused(&mut self, feed: FeedShort) -> Vec<Arrival> {
        self.unacked.retain(|sent| {
            let of_feed = sent.feed == feed;
            self.unacked_bytes -= if of_feed { sent.bytes } else { 0 };
            !of_feed
        });
        // What is being read stays in front: its answer is on the way.
        let reading = self.queue.front().copied().filter(|_| self.loading);
        self.queue.retain(|range| Some(*range) == reading || range.feed.short() != feed);
        let of_feed = |(_, range): &(Arrival, Range)| range.feed.short() == feed;
        let gone = self.waiting.iter().filter(|waiting| of_feed(waiting)).map(|(shown_at, _)| *shown_at).collect();
        self.waiting.retain(|waiting| !of_feed(waiting));
        gone
    }

    /// Feeds and entries that the peer asked for and has not acknowledged as durable.
    #[must_use]
    pub fn missing(&self) -> (u64, u64) {
        let queued = self.queue.iter().chain(self.waiting.iter().map(|(_, range)| range));
        let queued = queued.map(|range| (range.feed.short(), (range.to.0 + 1).saturating_sub(range.from.0)));
        let sent = self.unacked.iter().map(|sent| (sent.feed, sent.entries));
        let all: Vec<(FeedShort, u64)> = queued.chain(sent).collect();
        let feeds: BTreeSet<FeedShort> = all.iter().map(|(feed, _)| *feed).collect();
        (feeds.len() as u64, all.iter().map(|(_, entries)| entries).sum())
    }

    /// Whether everything asked for is durable at the peer.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.waiting.is_empty() && self.unacked.is_empty()
    }

    /// Bytes sent and not acknowledged.
    #[must_use]
    pub const fn unacked_bytes(&self) -> usize {
        self.unacked_bytes
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "made-up data")]
mod tests {
    use super::*;

    /// Entries 1 to 9 of each feed are asked for.
    fn asked_for(feeds: &[FeedId]) -> Serve {
        let mut serve = Serve::default();
        for feed in feeds {
            serve.want(*feed, Want { feed: feed.short(), from: SeqNo(1), to: SeqNo(9) }).unwrap();
        }
        serve
    }

    #[test]
    fn the_window_closes_on_unacknowledged_bytes_and_opens_on_durable_ones() {
        let feed = FeedId([1; 16]);
        let mut serve = asked_for(&[feed]);
        assert!(serve.next_load().is_some());
        assert!(serve.next_load().is_none(), "one read at a time");
        serve.sent(SeqNo(4), UNACKED_BYTES_MAX);
        assert!(serve.next_load().is_none());
        serve.acked(Held { feed: feed.short(), seq: SeqNo(3) });
        assert!(serve.next_load().is_none(), "only part of the chunk is durable");
        serve.acked(Held { feed: feed.short(), seq: SeqNo(4) });
        assert_eq!(serve.next_load(), Some(Range { feed, from: SeqNo(5), to: SeqNo(9) }));
    }

    #[test]
    fn a_feed_that_was_not_taken_leaves_the_window_to_the_others() {
        let (refused, other) = (FeedId([1; 16]), FeedId([2; 16]));
        let mut serve = asked_for(&[refused, other]);
        serve.next_load().unwrap();
        serve.sent(SeqNo(4), UNACKED_BYTES_MAX);
        serve.refused(refused.short());
        assert_eq!((serve.unacked_bytes(), serve.next_load().map(|range| range.feed)), (0, Some(other)));
    }

    #[test]
    fn a_range_refused_while_it_is_read_is_not_mistaken_for_the_next_one() {
        let (refused, other) = (FeedId([1; 16]), FeedId([2; 16]));
        let mut serve = asked_for(&[refused, other]);
        serve.next_load().unwrap();
        serve.refused(refused.short());
        serve.sent(SeqNo(9), 10);
        assert_eq!(serve.next_load().map(|range| range.feed), Some(other));
    }

    #[test]
    fn what_the_tables_do_not_show_yet_is_not_read_again_before_they_do_and_holds_up_nothing_else() {
        let (behind, other) = (FeedId([1; 16]), FeedId([2; 16]));
        let mut serve = asked_for(&[behind, other]);
        serve.next_load().unwrap();
        serve.not_yet(Arrival(7));
        assert_eq!(serve.next_load().map(|range| range.feed), Some(other));
        serve.sent(SeqNo(9), 10);
        serve.shown(Arrival(6));
        assert!(serve.next_load().is_none() && !serve.is_idle());
        serve.want(behind, Want { feed: behind.short(), from: SeqNo(1), to: SeqNo(12) }).unwrap();
        serve.shown(Arrival(7));
        assert_eq!(serve.next_load(), Some(Range { feed: behind, from: SeqNo(1), to: SeqNo(12) }));
        serve.not_yet(Arrival(9));
        assert_eq!(serve.refused(behind.short()), [Arrival(9)]);
        assert_eq!(serve.missing(), (1, 9), "what was sent of the other feed");
    }

    #[test]
    fn a_peer_that_asks_for_too_much_is_told_so() {
        let mut serve = Serve::default();
        let want =
            |n: usize| (FeedId([n as u8; 16]), Want { feed: FeedShort([n as u8; 6]), from: SeqNo(1), to: SeqNo(1) });
        for n in 0..SERVE_QUEUE_MAX {
            let (feed, want) = want(n);
            serve.want(feed, want).unwrap();
        }
        let (feed, want) = want(SERVE_QUEUE_MAX);
        assert_eq!(serve.want(feed, want), Err(TooManyWants));
    }
}
