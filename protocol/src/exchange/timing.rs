//! What happens when its time has come: news are announced, roots compared, silence ends a session.

use std::collections::{BTreeMap, BTreeSet};

use crate::exchange::frame::{Frame, ToldHead};
use crate::exchange::{ANNOUNCE_MS_MIN, COMPARE_MS_MAX, Exchange, Out};
use crate::frontier::{Frontier, Lanes};
use crate::id::{Hash, Lane};
use crate::io::{Arrival, CloseReason, LinkId};
use crate::time::{Mono, Now};

/// The sessions that want to be told what is new, by the lanes that they and we follow.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    all: BTreeSet<LinkId>,
    of: BTreeSet<(Lane, LinkId)>,
}

impl Listeners {
    pub(super) fn add(&mut self, link: LinkId, lanes: &Lanes) {
        match lanes {
            Lanes::All => self.all.extend([link]),
            Lanes::Of(lanes) => self.of.extend(lanes.iter().map(|lane| (*lane, link))),
        }
    }

    pub(super) fn remove(&mut self, link: LinkId, lanes: &Lanes) {
        self.all.remove(&link);
        if let Lanes::Of(lanes) = lanes {
            lanes.iter().for_each(|lane| {
                self.of.remove(&(*lane, link));
            });
        }
    }

    fn to(&self, lane: Lane) -> impl Iterator<Item = LinkId> {
        let of_lane = self.of.range((lane, LinkId(0))..=(lane, LinkId(u64::MAX))).map(|(_, link)| *link);
        of_lane.chain(self.all.iter().copied()).filter(move |_| lane != Lane::PRIVATE)
    }
}

impl Exchange {
    /// Tells every live session what is new since the last announcement.
    pub fn announce(&mut self, now: Now, frontier: &Frontier) {
        let sent_by = std::mem::take(&mut self.sent_by);
        let mut news: BTreeMap<LinkId, Vec<(Arrival, ToldHead)>> = BTreeMap::new();
        for (feed, head) in frontier.changed_after(self.announced, &Lanes::All) {
            let sender = sent_by.get(&feed.short()).copied();
            for link in self.listeners.to(head.header.lane).filter(|link| Some(*link) != sender) {
                news.entry(link).or_default().push((head.arrival, ToldHead::of(feed, head)));
            }
        }
        self.announced = frontier.newest();
        self.announced_at = now.mono;
        for (link, heads) in news {
            self.tell_news(link, &heads, self.announced, None);
        }
    }

    /// When something new should be announced, if anything is.
    #[must_use]
    pub fn announce_at(&self, frontier: &Frontier) -> Option<Mono> {
        (frontier.newest() > self.announced).then(|| self.announced_at.after_ms(ANNOUNCE_MS_MIN))
    }

    /// The earliest moment a session compares roots.
    #[must_use]
    pub fn compare_at(&self) -> Option<Mono> {
        self.compares.first()
    }

    /// Compares roots where it is time.
    pub fn compare(&mut self, now: Now, frontier: &Frontier) {
        let mut roots: BTreeMap<Lanes, Hash> = BTreeMap::new();
        for link in self.compares.by(now.mono) {
            let Some(open) = self.sessions.open_mut(link) else { continue };
            self.compares.set(link, Some(now.mono.after_ms(COMPARE_MS_MAX)));
            let known = roots.get(&open.lanes).copied();
            let root = known.unwrap_or_else(|| frontier.root(&open.lanes));
            if known.is_none() {
                roots.insert(open.lanes.clone(), root);
            }
            let compare =
                if open.version == 1 { Frame::Compare { root } } else { open.sync(root, frontier.newest(), None) };
            self.out.push(Out::Send(link, compare));
        }
    }

    /// Compares roots after some calm, if that is sooner than it would be.
    pub(super) fn compare_when_calm(&mut self, now: Mono, link: LinkId) {
        let scheduled = self.compares.get(link);
        if let Some(open) = self.sessions.open_mut(link)
            && let Some(at) = open.compare_after_calm(now, scheduled)
        {
            self.compares.set(link, Some(at));
        }
    }

    /// The earliest moment a peer's silence is too long.
    #[must_use]
    pub fn stalls_at(&self) -> Option<Mono> {
        self.stalls.first()
    }

    /// Closes the sessions that were silent for too long.
    pub fn close_stalled(&mut self, now: Now) {
        for link in self.stalls.by(now.mono) {
            self.out.push(Out::Close(link, CloseReason::Stalled));
            self.disconnected(now, link);
        }
    }
}
