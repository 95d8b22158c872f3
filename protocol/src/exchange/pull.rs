//! What is wanted from one peer, and how far it has come.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::exchange::frame::{ToldHead, Want};
use crate::id::{FeedShort, SeqNo};
use crate::limits::{FRAME_WANTS_MAX, WANTED_FEEDS_MAX};
use crate::time::Mono;

/// Longest wait for a chunk that was asked for. Milliseconds. Source: design §5; open yamux stalls need an end.
pub const STALL_MS_MAX: u64 = 30_000;

/// A feed the peer holds more of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    from: SeqNo,
    to: SeqNo,
    asked: bool,
}

/// The feeds one peer holds more of than we do.
#[derive(Debug, Clone, Default)]
pub struct Pull {
    wanted: BTreeMap<FeedShort, Wanted>,
    /// Of those, the ones to be asked for: not asked of this peer, nor known to be asked of another.
    open: BTreeSet<FeedShort>,
    /// The feed asked for last: the next one in the order of names has its turn, however often others are told.
    turn: Option<FeedShort>,
    /// Of those, how many this peer was asked for.
    asked: usize,
    progress: Mono,
}

/// As many feeds are wanted of the peer as are taken note of at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyFeeds;

impl Pull {
    /// Takes note of a head the peer told, given the last entry of that feed verified here.
    ///
    /// A head of our own length with another hash is wanted too: the answer shows which history it is.
    ///
    /// # Errors
    /// [`TooManyFeeds`]; nothing was noted.
    pub fn told(&mut self, told: ToldHead, tip: Option<(SeqNo, [u8; 4])>) -> Result<(), TooManyFeeds> {
        let held = tip.map_or(SeqNo(0), |(seq, _)| seq);
        let other_history = told.seq == held && tip.is_some_and(|(_, hash)| hash != told.hash);
        if told.seq > held || other_history {
            if self.wanted.len() >= WANTED_FEEDS_MAX && !self.wanted.contains_key(&told.feed) {
                return Err(TooManyFeeds);
            }
            let from = if other_history { held } else { held.next() };
            let wanted = self.wanted.entry(told.feed).or_insert(Wanted { from, to: told.seq, asked: false });
            if wanted.to < told.seq || !wanted.asked {
                self.asked -= usize::from(std::mem::take(&mut wanted.asked));
                self.open.insert(told.feed);
            }
            wanted.to = wanted.to.max(told.seq);
        }
        Ok(())
    }

    /// The next ranges to ask for, leaving out feeds for which `claim` says that another peer is already asked; those
    /// are looked at again after [`Pull::reopen`].
    pub fn ask(&mut self, now: Mono, mut claim: impl FnMut(FeedShort) -> bool) -> Vec<Want> {
        if self.asked == 0 {
            self.progress = now;
        }
        let mut wants = Vec::new();
        while self.asked < FRAME_WANTS_MAX {
            let Some(feed) = self.take_turn() else { break };
            let Some(wanted) = self.wanted.get_mut(&feed).filter(|wanted| !wanted.asked) else { continue };
            if claim(feed) {
                wanted.asked = true;
                self.asked += 1;
                wants.push(Want { feed, from: wanted.from, to: wanted.to });
            }
        }
        wants
    }

    fn take_turn(&mut self) -> Option<FeedShort> {
        let after = self.turn.map_or(Bound::Unbounded, Bound::Excluded);
        let feed = self.open.range((after, Bound::Unbounded)).next().or_else(|| self.open.first()).copied()?;
        self.open.remove(&feed);
        self.turn = Some(feed);
        self.turn
    }

    /// A feed is not asked of another peer any more.
    pub fn reopen(&mut self, feed: FeedShort) {
        if self.wanted.get(&feed).is_some_and(|wanted| !wanted.asked) {
            self.open.insert(feed);
        }
    }

    /// Asks for a range of a feed, whatever is held of it.
    pub fn reread(&mut self, now: Mono, Want { feed, from, to }: Want) {
        self.forget(feed);
        self.wanted.insert(feed, Wanted { from, to, asked: true });
        self.asked += 1;
        self.progress = now;
    }

    /// A chunk of a feed up to `last` was verified.
    pub fn arrived(&mut self, now: Mono, feed: FeedShort, last: SeqNo) {
        if let Some(wanted) = self.wanted.get_mut(&feed) {
            wanted.from = wanted.from.max(last.next());
            self.progress = now;
        }
    }

    /// A feed is durable here up to `seq`, from whichever peer. Returns whether that was the last thing wanted.
    pub fn durable(&mut self, feed: FeedShort, seq: SeqNo) -> bool {
        let Some(wanted) = self.wanted.get_mut(&feed) else { return false };
        wanted.from = wanted.from.max(seq.next());
        if wanted.to > seq {
            return false;
        }
        self.forget(feed);
        self.wanted.is_empty()
    }

    /// The peer cannot send a feed, or what it sends of it does not hold.
    pub fn forget(&mut self, feed: FeedShort) {
        self.open.remove(&feed);
        if let Some(wanted) = self.wanted.remove(&feed) {
            self.asked -= usize::from(wanted.asked);
        }
    }

    /// The feeds wanted.
    pub fn feeds(&self) -> impl Iterator<Item = FeedShort> {
        self.wanted.keys().copied()
    }

    /// Whether a feed is wanted.
    #[must_use]
    pub fn wants(&self, feed: FeedShort) -> bool {
        self.wanted.contains_key(&feed)
    }

    /// Whether nothing is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Feeds and entries wanted.
    #[must_use]
    pub fn missing(&self) -> (u64, u64) {
        let entries = self.wanted.values().map(|wanted| wanted.to.0.saturating_sub(wanted.from.0) + 1).sum();
        (self.wanted.len() as u64, entries)
    }

    /// When the peer must have answered, if anything was asked of it.
    #[must_use]
    pub fn stalls_at(&self) -> Option<Mono> {
        (self.asked > 0).then(|| self.progress.after_ms(STALL_MS_MAX))
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "made-up data")]
mod tests {
    use super::*;

    fn told(feed: u8, seq: u64) -> ToldHead {
        ToldHead { feed: FeedShort([feed; 6]), seq: SeqNo(seq), hash: [seq as u8; 4] }
    }

    #[test]
    fn what_is_held_already_is_not_wanted() {
        let mut pull = Pull::default();
        pull.told(told(1, 5), Some((SeqNo(5), [5; 4]))).unwrap();
        pull.told(told(2, 4), Some((SeqNo(5), [5; 4]))).unwrap();
        assert!(pull.is_empty());
        pull.told(told(1, 7), Some((SeqNo(5), [5; 4]))).unwrap();
        assert_eq!(pull.ask(Mono(0), |_| true), [Want { feed: FeedShort([1; 6]), from: SeqNo(6), to: SeqNo(7) }]);
    }

    #[test]
    fn a_feed_of_our_length_with_another_hash_is_asked_for() {
        let mut pull = Pull::default();
        pull.told(told(1, 5), Some((SeqNo(5), [9; 4]))).unwrap();
        assert_eq!(pull.ask(Mono(0), |_| true).len(), 1);
    }

    #[test]
    fn a_range_is_asked_for_once_and_is_done_when_durable() {
        let mut pull = Pull::default();
        pull.told(told(1, 5), None).unwrap();
        assert_eq!(pull.ask(Mono(0), |_| true).len(), 1);
        assert!(pull.ask(Mono(0), |_| true).is_empty());
        pull.arrived(Mono(9), FeedShort([1; 6]), SeqNo(5));
        assert_eq!(pull.stalls_at(), Some(Mono(9 + STALL_MS_MAX)));
        assert!(!pull.is_empty(), "verified is not durable");
        assert!(pull.durable(FeedShort([1; 6]), SeqNo(5)));
        assert_eq!(pull.stalls_at(), None);
    }

    #[test]
    fn feeds_that_grow_all_the_time_keep_no_other_waiting() {
        let mut pull = Pull::default();
        let mut asked = BTreeSet::new();
        for round in 1..=4 {
            // As many as fit, told longer each time; and one behind them.
            (0..FRAME_WANTS_MAX as u8).for_each(|feed| pull.told(told(feed, round), None).unwrap());
            pull.told(told(200, 1), None).unwrap();
            let wants = pull.ask(Mono(round), |_| true);
            for want in wants {
                asked.insert(want.feed);
                pull.durable(want.feed, want.to);
            }
        }
        assert!(asked.contains(&FeedShort([200; 6])));
    }

    #[test]
    fn a_longer_head_told_meanwhile_extends_the_range() {
        let mut pull = Pull::default();
        pull.told(told(1, 5), None).unwrap();
        pull.ask(Mono(0), |_| true);
        pull.arrived(Mono(1), FeedShort([1; 6]), SeqNo(5));
        pull.told(told(1, 8), Some((SeqNo(5), [5; 4]))).unwrap();
        assert_eq!(pull.ask(Mono(2), |_| true), [Want { feed: FeedShort([1; 6]), from: SeqNo(6), to: SeqNo(8) }]);
    }
}
