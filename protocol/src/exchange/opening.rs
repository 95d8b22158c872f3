//! How a session begins and how it comes to know that both hold the same: versions, cursors, roots.
//!
//! Version 1: each side asks for itself, `Resume` when it has a cursor, else `Compare`.
//! Version 2: the dialler sends one `Sync` with its root and its cursor. Equal roots end it for both sides; else the
//! answer carries what changed, and asks back for what changed on the other side.

use std::collections::BTreeMap;

use super::frame::{Frame, Hello, SYNC_ROOT_BYTES, ToldHead};
use super::session::{Agreed, Open, Session};
use super::{COMPARE_CALM_MS, Exchange, Out};
use crate::certificate::Certificate;
use crate::frontier::{BUCKETS, Frontier};
use crate::id::{FeedShort, Hash};
use crate::io::{Arrival, CloseReason, LinkId};
use crate::limits::FRAME_HEADS_MAX;
use crate::time::Now;

/// Longest wait of the side that was dialled for the other to begin. Milliseconds. Source: guess, ten round trips on a poor link.
pub const OPENING_MS_MAX: u64 = 5_000;

impl Exchange {
    /// The peer's hello held: its certificate was opened and is of the peer.
    pub fn welcome(&mut self, now: Now, link: LinkId, hello: &Hello, certificate: Certificate, frontier: &Frontier) {
        // Before anything else: a peer that has no version in common with us learns ours, and with it why.
        self.greet(now, link, frontier);
        let (min, max) = self.versions;
        let Some(version) = hello.common_version(min, max) else {
            self.out.push(Out::Close(link, CloseReason::Version));
            return;
        };
        let Some(session) = self.sessions.get_mut(link) else { return };
        let lanes = self.own.lanes.common(&Session::lanes(&certificate));
        let clock_offset_ms = hello.wall.cast_signed().wrapping_sub(now.wall.0.cast_signed());
        let mut open = Open::new(certificate, lanes, hello.epoch, clock_offset_ms);
        open.version = version;
        let cursor =
            self.cursors.get(&session.peer).filter(|(epoch, _)| *epoch == hello.epoch).map(|(_, after)| *after);
        if version == 1 {
            let first = match cursor {
                Some(after) => Frame::Resume { epoch: hello.epoch, after },
                None => Frame::Compare { root: frontier.root(&open.lanes) },
            };
            self.out.push(Out::Send(link, first));
        } else if session.dialled {
            self.out.push(Out::Send(link, open.sync(frontier.root(&open.lanes), frontier.newest(), cursor)));
        } else {
            open.patience_ms = OPENING_MS_MAX;
            self.compares.set(link, Some(now.mono.after_ms(OPENING_MS_MAX)));
        }
        self.offsets.add(clock_offset_ms, link);
        session.open = Some(open);
    }

    /// The peer's root, up to where it leads, and what the peer asks for if it is not ours.
    pub(super) fn synced(
        &mut self,
        now: Now,
        link: LinkId,
        (root, through, after): (&[u8], u64, Option<u64>),
        frontier: &Frontier,
    ) {
        let next = self.next_compare(now.mono);
        let Some(session) = self.sessions.get_mut(link) else { return };
        let Some(open) = session.open.as_mut() else { return };
        open.live = true;
        let (ours, newest) = (frontier.root(&open.lanes), frontier.newest());
        if ours.0.starts_with(root) {
            self.out.push(Out::Send(link, Frame::Same { through: newest.0 }));
            self.agreed(now, link, through, frontier);
            return;
        }
        self.compares.set(link, Some(next));
        let cursor = self.cursors.get(&session.peer).filter(|(epoch, _)| *epoch == open.epoch).map(|(_, seen)| *seen);
        match after {
            Some(after) => {
                let back = cursor.filter(|seen| *seen != through);
                self.tell_changed(link, Arrival(after), back, frontier);
                // Perhaps nothing changed on either side and yet the roots differ: then buckets tell.
                self.compare_when_calm(now.mono, link);
                if cursor.is_none() {
                    self.out.push(Out::Send(link, Frame::Compare { root: ours }));
                }
            }
            // Once it was shown the buckets that differ, the peer tells what we lack of them.
            None => self.out.push(Out::Send(link, Frame::differ(frontier, &open.lanes))),
        }
    }

    /// What the peer asks for with its heads, or what it missed since our `Sync`.
    pub(super) fn told_back(&mut self, link: LinkId, after: Option<u64>, frontier: &Frontier) {
        let Some(open) = self.sessions.open_mut(link).filter(|open| open.version > 1) else { return };
        let began = open.began.take();
        let first = !std::mem::replace(&mut open.live, true);
        let Some(after) = after.or_else(|| began.filter(|began| first && *began != frontier.newest().0)) else {
            return;
        };
        self.tell_changed(link, Arrival(after), None, frontier);
    }

    /// Tells a peer what changed here after an arrival, and asks it for what came there after `back`.
    pub(super) fn tell_changed(&mut self, link: LinkId, after: Arrival, back: Option<u64>, frontier: &Frontier) {
        let Some(open) = self.sessions.open(link) else { return };
        let changed = frontier.changed_after(after, &open.lanes);
        let changed: Vec<_> = changed.map(|(id, head)| (head.arrival, ToldHead::of(id, head))).collect();
        self.tell_news(link, &changed, frontier.newest(), back);
    }

    /// Tells a peer what is new, given in the order in which it came up to `newest`, in as many frames as it takes.
    pub(super) fn tell_news(
        &mut self,
        link: LinkId,
        heads: &[(Arrival, ToldHead)],
        newest: Arrival,
        back: Option<u64>,
    ) {
        if let Some(open) = self.sessions.open(link) {
            self.out.extend(open.news(heads, newest, back).into_iter().map(|frame| Out::Send(link, frame)));
        }
    }

    /// What the peer lacks of the buckets it has shown: with that it has heard everything up to now, if it fits a frame.
    pub(super) fn tell_back(&mut self, link: LinkId, mut heads: Vec<ToldHead>, frontier: &Frontier) {
        let Some(open) = self.sessions.open_mut(link) else { return };
        (open.live, open.began) = (true, None);
        let through = (heads.len() <= FRAME_HEADS_MAX).then(|| frontier.newest().0);
        heads.truncate(FRAME_HEADS_MAX);
        let told = open.tell(through, None, heads);
        self.out.push(Out::Send(link, told));
    }

    /// Roots were equal, and the peer's arrival number was `through` then.
    pub(super) fn agreed(&mut self, now: Now, link: LinkId, through: u64, frontier: &Frontier) {
        let next = self.next_compare(now.mono);
        let Some(session) = self.sessions.get_mut(link) else { return };
        let Some(open) = session.open.as_mut() else { return };
        open.in_sync = Some(now.wall);
        open.behind_since = None;
        open.calm_ms = COMPARE_CALM_MS;
        self.compares.set(link, Some(next));
        let entries = frontier.entries_in(&open.lanes);
        let agreed = Agreed { at: now.wall, newest: frontier.newest(), entries, lanes: open.lanes.clone() };
        self.agreements.insert(session.peer, agreed);
        self.cursors.insert(session.peer, (open.epoch, through));
        self.out.push(Out::Remember(session.peer, open.epoch, through));
        self.out.push(Out::InSync(session.peer));
    }
}

impl Open {
    /// The frame that opens or renews the comparison. The peer is told what is new once it has answered.
    pub(super) fn sync(&mut self, root: Hash, newest: Arrival, after: Option<u64>) -> Frame {
        self.began = Some(newest.0);
        let root = root.0.iter().take(SYNC_ROOT_BYTES).copied().collect::<Vec<u8>>();
        Frame::Sync { root: root.into(), through: newest.0, after }
    }
}

/// The numbers of the buckets whose bit is set: bit n of byte n / 8, lowest first.
pub(super) fn marked(buckets: &[u8]) -> impl Iterator<Item = usize> {
    (0..BUCKETS).filter(|n| buckets.get(n / 8).is_some_and(|byte| byte >> (n % 8) & 1 == 1))
}

/// Our heads in these buckets that the peer, which has told its own, does not hold.
pub(super) fn ahead_of(theirs: &[ToldHead], shown: &[u8], frontier: &Frontier, open: &Open) -> Vec<ToldHead> {
    let theirs: BTreeMap<FeedShort, &ToldHead> = theirs.iter().map(|told| (told.feed, told)).collect();
    let ours = marked(shown).flat_map(|number| frontier.bucket(number, &open.lanes));
    let ours = ours.map(|(id, head)| ToldHead::of(id, head));
    let lacks = |ours: &ToldHead| match theirs.get(&ours.feed) {
        Some(theirs) => theirs.seq < ours.seq || (theirs.seq == ours.seq && theirs.hash != ours.hash),
        None => true,
    };
    ours.filter(lacks).collect()
}
