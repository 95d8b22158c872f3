//! Who is asked for what: each feed of one peer at a time, so that nothing crosses twice.
//!
//! An input costs as many peers as want the feed that it is about, however many are connected.

use std::collections::{BTreeMap, BTreeSet};

use crate::exchange::frame::{BadFrame, Frame, Held, ToldHead, Want};
use crate::exchange::{COMPARE_CALM_MS, Exchange, Out, Tips};
use crate::id::{FeedShort, Lane, SeqNo};
use crate::io::{CloseReason, LinkId};
use crate::limits::FRAME_HEADS_MAX;
use crate::time::{Mono, Now};

/// Which peers hold more of which feeds than we do, and which of them is asked.
#[derive(Debug, Default)]
pub(super) struct Claims {
    wanting: BTreeSet<(FeedShort, LinkId)>,
    asked: BTreeMap<FeedShort, LinkId>,
}

impl Claims {
    fn wanting(&self, feed: FeedShort) -> BTreeSet<LinkId> {
        let of_feed = self.wanting.range((feed, LinkId(0))..=(feed, LinkId(u64::MAX)));
        of_feed.map(|(_, link)| *link).collect()
    }

    fn note(&mut self, link: LinkId, feed: FeedShort, wants: bool) {
        if wants {
            self.wanting.insert((feed, link));
        } else {
            self.wanting.remove(&(feed, link));
        }
    }

    /// Takes back what a peer is asked for of a feed; `false` if another is asked, or nobody.
    fn take_back(&mut self, feed: FeedShort, link: LinkId) -> bool {
        self.asked.get(&feed) == Some(&link) && self.asked.remove(&feed).is_some()
    }
}

impl Exchange {
    pub(super) fn heads(
        &mut self,
        now: Now,
        link: LinkId,
        through: Option<u64>,
        heads: Result<Vec<ToldHead>, BadFrame>,
        tips: &impl Tips,
    ) -> Vec<Held> {
        let Ok(heads) = heads else {
            self.out.push(Out::Close(link, CloseReason::BadFrame));
            return Vec::new();
        };
        let Some(open) = self.sessions.open_mut(link) else {
            return Vec::new();
        };
        // An answer that fills its frame may leave out some.
        let mut whole = through.is_some() || heads.len() < FRAME_HEADS_MAX;
        for told in &heads {
            whole &= open.pull.told(*told, tips.tip(told.feed)).is_ok();
            self.claims.note(link, told.feed, open.pull.wants(told.feed));
        }
        open.passed_over |= !whole;
        if open.passed_over {
            (open.through, open.in_sync) = (None, None);
        } else {
            open.through = through.or(open.through);
        }
        self.ask(now, link);
        self.settle(now, link);
        heads.iter().map(|told| Held { feed: told.feed, seq: told.seq }).collect()
    }

    /// Asks for what is wanted and not asked of anybody yet.
    fn ask(&mut self, now: Now, link: LinkId) {
        let Some(open) = self.sessions.open_mut(link) else { return };
        open.note_missing(now.wall);
        let asked = &mut self.claims.asked;
        let wants = open.pull.ask(now.mono, |feed| *asked.entry(feed).or_insert(link) == link);
        self.stalls.set(link, open.pull.stalls_at());
        if !wants.is_empty() {
            self.out.push(Out::Send(link, Frame::Want(wants)));
        }
    }

    /// If nothing more is wanted of the peer: its order was seen, and after some calm the roots are compared.
    fn settle(&mut self, now: Now, link: LinkId) {
        let Some(session) = self.sessions.get_mut(link) else { return };
        let Some(open) = session.open.as_mut().filter(|open| open.pull.is_empty()) else { return };
        open.note_missing(now.wall);
        if std::mem::take(&mut open.passed_over) {
            open.calm_ms = COMPARE_CALM_MS;
        } else if let Some(through) = open.through.take() {
            self.cursors.insert(session.peer, (open.epoch, through));
        } else {
            return;
        }
        self.compare_when_calm(now.mono, link);
    }

    /// Feeds are not asked of the peer any more that they were asked of: whoever else holds more of them may be asked,
    /// and the peer for something else.
    fn ask_others(&mut self, now: Now, feeds: &[FeedShort], claimant: LinkId) {
        let mut links = BTreeSet::from([claimant]);
        for feed in feeds {
            for link in self.claims.wanting(*feed) {
                self.sessions.open_mut(link).into_iter().for_each(|open| open.pull.reopen(*feed));
                links.insert(link);
            }
        }
        links.into_iter().for_each(|link| self.ask(now, link));
    }

    pub(super) fn gone(&mut self, now: Now, link: LinkId, feed: FeedShort) {
        if let Some(open) = self.sessions.open_mut(link) {
            open.pull.forget(feed);
            self.stalls.set(link, open.pull.stalls_at());
        }
        self.claims.note(link, feed, false);
        if self.claims.take_back(feed, link) {
            self.ask_others(now, &[feed], link);
        }
        self.settle(now, link);
    }

    /// A connection is gone: what it was asked for may be asked of others.
    pub(super) fn release(&mut self, now: Now, link: LinkId, mut feeds: Vec<FeedShort>) {
        feeds.iter().for_each(|feed| self.claims.note(link, *feed, false));
        feeds.retain(|feed| self.claims.take_back(*feed, link));
        self.ask_others(now, &feeds, link);
    }

    /// A chunk that a peer sent was verified.
    pub fn arrived(&mut self, now: Now, link: LinkId, feed: FeedShort, last: SeqNo) {
        if let Some(open) = self.sessions.open_mut(link) {
            open.pull.arrived(now.mono, feed, last);
            self.stalls.set(link, open.pull.stalls_at());
        }
    }

    /// A chunk that a peer sent did not become part of the log, or not yet: the peer is told, and its feed is not
    /// asked of it again for now.
    pub fn refused(&mut self, now: Now, link: LinkId, range: Want) {
        if self.is_open(link) {
            self.out.push(Out::Send(link, Frame::Gone(range)));
            self.gone(now, link, range.feed);
        }
    }

    /// Asks a peer for a feed from its beginning: its history is not ours, and the question is since when.
    pub fn reread(&mut self, now: Mono, link: LinkId, want: Want) {
        if let Some(open) = self.sessions.open_mut(link) {
            open.pull.reread(now, want);
            self.stalls.set(link, open.pull.stalls_at());
            self.claims.note(link, want.feed, true);
            self.out.push(Out::Send(link, Frame::Want(vec![want])));
        }
    }

    /// A feed is durable here up to `seq`; `from` sent it and is told so.
    pub fn durable(&mut self, now: Now, from: Option<LinkId>, feed: FeedShort, lane: Lane, seq: SeqNo) {
        if let Some(link) = from.filter(|link| self.is_open(*link)) {
            self.acknowledge(link, feed, seq);
            self.sent_by.insert(feed, link);
        } else {
            self.sent_by.remove(&feed);
        }
        let mut emptied = Vec::new();
        for link in self.claims.wanting(feed) {
            let open = self.sessions.open_mut(link);
            let Some(open) = open.filter(|open| open.lanes.contains(lane)) else { continue };
            if open.pull.durable(feed, seq) {
                emptied.push(link);
            }
            self.claims.note(link, feed, open.pull.wants(feed));
            self.stalls.set(link, open.pull.stalls_at());
        }
        if let Some(claimant) = self.claims.asked.get(&feed).copied()
            && !self.claims.wanting.contains(&(feed, claimant))
        {
            self.claims.asked.remove(&feed);
            self.ask_others(now, &[feed], claimant);
        }
        emptied.into_iter().for_each(|link| self.settle(now, link));
    }

    /// Tells a peer that sent a feed that it is durable here up to `seq`.
    pub fn acknowledge(&mut self, link: LinkId, feed: FeedShort, seq: SeqNo) {
        if self.is_open(link) {
            self.out.push(Out::Send(link, Frame::Ack(vec![Held { feed, seq }])));
        }
    }
}
