//! A store that was restored or cloned: its own feed goes on elsewhere, so it goes on in a new epoch (rule N5).

use rand_chacha::rand_core::Rng;

use super::Replica;
use crate::exchange::frame::{Held, decode_heads};
use crate::id::{Epoch, FeedId, Lane, SeqNo};
use crate::io::{Notice, Output};

impl Replica {
    /// A peer tells how far it holds feeds; more of ours than we have ourselves means that we lost it.
    pub(super) fn told_of_own(&mut self, told: impl Iterator<Item = Held>) {
        for Held { feed, seq } in told {
            let own = [self.own.lane, Lane::CITY].map(|lane| self.append.feed(lane));
            let Some(id) = own.into_iter().find(|id| id.short() == feed) else { continue };
            let here = self.tips.of(&id).map_or(SeqNo(0), |(here, _)| here);
            if seq > here {
                self.outputs.push_back(Output::Notice(Notice::Restored { feed: id, here, there: seq }));
                self.renew();
                return;
            }
        }
    }

    /// What a hello says of our own feeds.
    pub(super) fn told_in_hello(&mut self, yours: &[u8]) {
        // One that does not decode tells nothing; the rest of the hello held.
        let told = decode_heads(yours).unwrap_or_default();
        self.told_of_own(told.into_iter().map(|told| Held { feed: told.feed, seq: told.seq }));
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
