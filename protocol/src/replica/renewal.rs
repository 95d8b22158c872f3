//! A store that was restored or cloned: its own feed goes on elsewhere, so it goes on in a new epoch (rule N5).

use rand_chacha::rand_core::Rng;

use std::collections::BTreeSet;

use super::Replica;
use crate::exchange::frame::{Held, decode_heads};
use crate::id::{Epoch, FeedHeader, FeedId, Lane, SeqNo};
use crate::io::{Notice, Output};
use crate::limits::HINTED_EPOCHS_MAX;
use crate::time::{DAY_MS, Mono};

/// What a word about our own feeds rests on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Word {
    /// A peer says so, now.
    Hint(Mono),
    /// Our own signature, or the authority's receipt.
    Proof,
}

/// New epochs that rest on hints.
#[derive(Debug, Default)]
pub(super) struct Hinted {
    /// Of this day, which began then.
    since: Mono,
    epochs: u32,
}

impl Hinted {
    /// Whether one more may be believed; counts it.
    fn believes(&mut self, word: Word) -> bool {
        let Word::Hint(now) = word else { return true };
        if self.since.after_ms(DAY_MS) <= now {
            *self = Self { since: now, epochs: 0 };
        }
        let believed = self.epochs < HINTED_EPOCHS_MAX;
        self.epochs += u32::from(believed);
        believed
    }
}

impl Replica {
    /// A peer tells how far it holds feeds; more of ours than we have ourselves means that we lost it.
    ///
    /// Who invents it costs an epoch: only so many are begun on a peer's word. If it is true, what we signed comes from that
    /// peer by the ordinary sync, and is proof.
    pub(super) fn told_of_own(&mut self, told: impl Iterator<Item = Held>, word: Word) {
        let mut empty = None;
        for Held { feed, seq } in told {
            let id = match self.tips.durable.named(feed).next() {
                Some((id, head)) => self.append.is_current(&head.header).then_some(*id),
                None => {
                    let empty: &Vec<FeedId> = empty.get_or_insert_with(|| self.own_feeds());
                    empty.iter().find(|id| id.short() == feed).copied()
                }
            };
            let Some(id) = id else { continue };
            let here = self.tips.of(&id).map_or(SeqNo(0), |(here, _)| here);
            if seq > here && !self.hinted.believes(word) {
                self.outputs.push_back(Output::Notice(Notice::Unproved { feed: id, here, there: seq }));
                return;
            }
            if seq > here {
                self.outputs.push_back(Output::Notice(Notice::Restored { feed: id, here, there: seq }));
                self.renew();
                return;
            }
        }
    }

    /// The feeds of this epoch that this node may have written to: in its own lane, for the whole city, and the
    /// authority in every cell that has a node.
    fn own_feeds(&self) -> Vec<FeedId> {
        let cells = self.control.roster.certificates().map(|certificate| certificate.lane);
        let lanes: BTreeSet<Lane> = cells.chain([self.own.lane, Lane::CITY]).collect();
        lanes.into_iter().map(|lane| self.append.feed(lane)).collect()
    }

    /// A chunk that this node signed came from elsewhere: it may lead on where our own log ends.
    pub(super) fn told_by_chunk(&mut self, header: &FeedHeader, last: SeqNo) {
        if self.append.is_current(header) {
            self.told_of_own([Held { feed: header.id().short(), seq: last }].into_iter(), Word::Proof);
        }
    }

    /// The authority's receipts name what it holds of our own feeds.
    pub(super) fn told_by_receipts(&mut self) {
        let mark = |id: FeedId| Some(Held { feed: id.short(), seq: *self.control.receipts.get(&id)? });
        let told: Vec<Held> =
            [self.own.lane, Lane::CITY].map(|lane| self.append.feed(lane)).into_iter().filter_map(mark).collect();
        self.told_of_own(told.into_iter(), Word::Proof);
    }

    /// What a hello says of our own feeds.
    pub(super) fn told_in_hello(&mut self, now: Mono, yours: &[u8]) {
        // One that does not decode tells nothing; the rest of the hello held.
        let told = decode_heads(yours).unwrap_or_default();
        let told = told.into_iter().map(|told| Held { feed: told.feed, seq: told.seq });
        self.told_of_own(told, Word::Hint(now));
    }

    /// Goes on in a new epoch. What waits to be written is written there; what is on its way to the disk stays.
    pub(super) fn renew(&mut self) {
        let epoch = Epoch(self.random.next_u64());
        self.append.renew(epoch);
        self.exchange.renew(epoch);
        self.outputs.push_back(Output::Renew { epoch });
    }

    /// Whether a feed is one that this node wrote in an earlier epoch.
    #[must_use]
    pub fn wrote(&self, feed: &FeedId) -> bool {
        self.tips.durable.get(feed).is_some_and(|head| head.header.writer == self.own.node)
    }
}
