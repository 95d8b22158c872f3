//! A store that was restored or cloned: its own feed goes on elsewhere, so it goes on in a new epoch (rule N5).

use rand_chacha::rand_core::Rng;

use std::collections::BTreeMap;

use super::Replica;
use crate::exchange::frame::{Held, decode_heads};
use crate::id::{Epoch, FeedHeader, FeedId, FeedShort, Lane, SeqNo};
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

/// The names of this node's feeds of one epoch. Each is hashed once: an authority has one in every cell of a city.
#[derive(Debug, Default)]
pub(super) struct OwnNames {
    epoch: Option<Epoch>,
    names: BTreeMap<FeedShort, FeedId>,
    /// How many of the roster's lanes are among them.
    lanes: usize,
}

impl Replica {
    /// A peer tells how far it holds feeds; more of ours than we have ourselves means that we lost it.
    ///
    /// Who invents it costs an epoch: only so many are begun on a peer's word. If it is true, what we signed comes from that
    /// peer by the ordinary sync, and is proof.
    pub(super) fn told_of_own(&mut self, told: impl Iterator<Item = Held>, word: Word) {
        for Held { feed, seq } in told {
            let held = self.tips.durable.named(feed).next().map(|(id, head)| (*id, head.header));
            let id = match held {
                Some((id, header)) => self.append.is_current(&header).then_some(id),
                None => self.own_feed(feed),
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

    /// The feed of this name, if this node may have written to it in this epoch: in its own lane, for the whole city, and
    /// the authority in every cell that has a node.
    fn own_feed(&mut self, name: FeedShort) -> Option<FeedId> {
        let (append, epoch) = (&self.append, self.append.epoch());
        if self.own_names.epoch != Some(epoch) {
            let names = [self.own.lane, Lane::CITY].map(|lane| append.feed(lane)).map(|feed| (feed.short(), feed));
            self.own_names = OwnNames { epoch: Some(epoch), names: names.into(), lanes: 0 };
        }
        let lanes = self.control.roster.lanes();
        let further = lanes.iter().skip(self.own_names.lanes).map(|lane| append.feed(*lane));
        self.own_names.names.extend(further.map(|feed| (feed.short(), feed)));
        self.own_names.lanes = lanes.len();
        self.own_names.names.get(&name).copied()
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
