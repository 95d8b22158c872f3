//! One connection to one peer.

use std::collections::{BTreeMap, BTreeSet};

use crate::certificate::Certificate;
use crate::exchange::frame::{Frame, ToldHead, VERSION, encode_heads};
use crate::exchange::packed::encode_packed;
use crate::exchange::pull::Pull;
use crate::exchange::serve::Serve;
use crate::exchange::{COMPARE_CALM_MS, COMPARE_MS_MAX};
use crate::fact::Role;
use crate::frontier::{BUCKETS, Lanes};
use crate::id::{Epoch, FeedShort, Lane, NodeKey};
use crate::io::{Arrival, LinkId};
use crate::limits::FRAME_HEADS_MAX;
use crate::time::{Mono, Wall};

/// Feeds kept apart that a session counts. Source: guess; one is worth a person's look.
pub const SET_ASIDE_MAX: usize = 64;

/// The last time roots were equal with a peer, and what was held then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// When, by this node's clock.
    pub at: Wall,
    /// The newest arrival here then.
    pub newest: Arrival,
    /// Entries held in the lanes then.
    pub entries: u64,
    /// The lanes both follow.
    pub lanes: Lanes,
}

/// A connection, from the handshake on.
#[derive(Debug)]
pub struct Session {
    /// Who is at the other end; the handshake proved the key.
    pub peer: NodeKey,
    /// Whether we dialled: the dialler opens the comparison.
    pub dialled: bool,
    /// Since when.
    pub since: Wall,
    /// Whether our hello was sent.
    pub greeted: bool,
    /// What follows the peer's hello; nothing else is understood before it.
    pub open: Option<Open>,
}

/// All sessions, by their connections.
#[derive(Debug, Default)]
pub(super) struct Sessions(BTreeMap<LinkId, Session>);

impl Sessions {
    pub(super) fn insert(&mut self, link: LinkId, session: Session) {
        self.0.insert(link, session);
    }

    pub(super) fn remove(&mut self, link: LinkId) -> Option<Session> {
        self.0.remove(&link)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (LinkId, &Session)> {
        self.0.iter().map(|(link, session)| (*link, session))
    }

    pub(super) fn get(&self, link: LinkId) -> Option<&Session> {
        self.0.get(&link)
    }

    pub(super) fn get_mut(&mut self, link: LinkId) -> Option<&mut Session> {
        self.0.get_mut(&link)
    }

    /// The session on a connection whose peer showed a valid certificate.
    pub(super) fn open(&self, link: LinkId) -> Option<&Open> {
        self.get(link)?.open.as_ref()
    }

    /// Like [`Sessions::open`], to be changed.
    pub(super) fn open_mut(&mut self, link: LinkId) -> Option<&mut Open> {
        self.get_mut(link)?.open.as_mut()
    }
}

/// A session whose peer showed a valid certificate.
#[derive(Debug)]
pub struct Open {
    /// The version of the protocol both speak.
    pub version: u8,
    /// The peer's certificate.
    pub certificate: Certificate,
    /// The lanes both follow.
    pub lanes: Lanes,
    /// The lifetime of the peer's store.
    pub epoch: Epoch,
    /// Milliseconds the peer's clock was ahead of ours at the hello.
    pub clock_offset_ms: i64,
    /// What is wanted of the peer.
    pub pull: Pull,
    /// What the peer wants.
    pub serve: Serve,
    /// Whether the peer asked what is new, so that it wants to be told from now on.
    pub live: bool,
    /// Our arrival number when we asked with `Sync`, until the answer: what comes after it the peer is told then.
    pub began: Option<u64>,
    /// The buckets the peer was asked to show, until it does: then it is told what it lacks of them.
    pub shown: Option<[u8; BUCKETS / 8]>,
    /// The peer's arrival number that will have been seen once nothing more is wanted.
    pub through: Option<u64>,
    /// Whether the peer holds more than was taken note of: what is left is found by the next comparison.
    pub passed_over: bool,
    /// When roots were equal last.
    pub in_sync: Option<Wall>,
    /// Since when something is known to be missing on either side; absent while nothing is.
    pub behind_since: Option<Wall>,
    /// Feeds of the peer's that are kept apart here: forked, or of a withdrawn writer. At most [`SET_ASIDE_MAX`].
    pub set_aside: BTreeSet<FeedShort>,
    /// What this side waits longer than the other before it compares, so that one comparison serves both. Milliseconds.
    pub patience_ms: u64,
    /// Calm to wait for before the next comparison that is not a periodic one. Milliseconds.
    pub calm_ms: u64,
}

impl Open {
    /// A session that has just begun.
    #[must_use]
    pub fn new(certificate: Certificate, lanes: Lanes, epoch: Epoch, clock_offset_ms: i64) -> Self {
        Self {
            version: VERSION,
            certificate,
            lanes,
            epoch,
            clock_offset_ms,
            pull: Pull::default(),
            serve: Serve::default(),
            live: false,
            began: None,
            shown: None,
            through: None,
            passed_over: false,
            in_sync: None,
            behind_since: None,
            set_aside: BTreeSet::new(),
            patience_ms: 0,
            calm_ms: COMPARE_CALM_MS,
        }
    }

    /// Keeps note of since when something is missing on either side.
    pub fn note_missing(&mut self, now: Wall) {
        if self.pull.is_empty() && self.serve.is_idle() {
            self.behind_since = None;
        } else {
            self.behind_since.get_or_insert(now);
        }
    }

    /// What is new, given in the order in which it came up to `newest`, in as many frames as it takes. Each leads as far
    /// as its last head; the last one asks back for what came at the peer `after`.
    #[must_use]
    pub fn news(&self, heads: &[(Arrival, ToldHead)], newest: Arrival, after: Option<u64>) -> Vec<Frame> {
        let mut pieces = heads.chunks(FRAME_HEADS_MAX);
        let last = pieces.next_back().unwrap_or_default();
        let told = |heads: &[(Arrival, ToldHead)]| heads.iter().map(|(_, told)| *told).collect();
        let through = |heads: &[(Arrival, ToldHead)]| heads.last().map(|(arrival, _)| arrival.0);
        let mut frames: Vec<Frame> = pieces.map(|piece| self.tell(through(piece), None, told(piece))).collect();
        frames.push(self.tell(Some(newest.0), after, told(last)));
        frames
    }

    /// Heads that fit a frame, as the version of the session has them; in version 1 nobody is asked back.
    #[must_use]
    pub fn tell(&self, through: Option<u64>, after: Option<u64>, heads: Vec<ToldHead>) -> Frame {
        if self.version == 1 {
            Frame::Heads { through, heads: encode_heads(heads).into() }
        } else {
            Frame::Told { through, after, heads: encode_packed(heads).into() }
        }
    }

    /// When to compare roots after some calm, as nothing more is wanted; `None` when they were equal already or will be
    /// compared sooner, as `scheduled`.
    ///
    /// The calm doubles each time: roots of two nodes that both keep writing are equal for moments only, and a feed
    /// that one of them refuses keeps them apart for good.
    pub fn compare_after_calm(&mut self, now: Mono, scheduled: Option<Mono>) -> Option<Mono> {
        let at = now.after_ms(self.calm_ms + self.patience_ms);
        if self.in_sync.is_some() || scheduled.is_some_and(|sooner| at >= sooner) {
            return None;
        }
        self.calm_ms = (self.calm_ms * 2).min(COMPARE_MS_MAX);
        Some(at)
    }
}

impl Session {
    /// The lanes a certificate's node follows.
    #[must_use]
    pub fn lanes(certificate: &Certificate) -> Lanes {
        match certificate.role {
            Role::Authority | Role::Lab => Lanes::All,
            Role::Site => Lanes::Of([Lane::CITY, certificate.lane].into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Text;

    fn open() -> Open {
        let node = NodeKey([1; 32]);
        let name = Text::truncated("site");
        let certificate = Certificate { node, role: Role::Site, name, lane: Lane(1), serial: 1, from: 0, until: 9 };
        Open::new(certificate, Lanes::All, Epoch(1), 0)
    }

    #[test]
    fn comparisons_after_calm_become_rarer_until_roots_are_equal() {
        let mut open = open();
        let waits: Vec<u64> = (0..9)
            .filter_map(|_| open.compare_after_calm(Mono(5), None))
            .map(|at| at.since_ms(Mono(5)) / 1_000)
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        open.in_sync = Some(Wall(1));
        assert_eq!(open.compare_after_calm(Mono(5), None), None, "the periodic comparison is enough");
    }

    #[test]
    fn a_comparison_that_comes_sooner_is_not_put_off() {
        let mut open = open();
        assert_eq!(open.compare_after_calm(Mono(50), Some(Mono(100))), None);
        assert_eq!(open.compare_after_calm(Mono(50), Some(Mono(5_000))), Some(Mono(1_050)));
    }
}
