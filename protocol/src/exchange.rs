//! Exchange: what two nodes say to each other until both hold the same.
//!
//! After the hellos the dialler sends its root and how far it got last time (`opening`); the answer is that both hold
//! the same, or names heads; heads become ranges asked for, ranges come as chunks, and only what is durable is
//! acknowledged. From then on heads that are told are hints: losing all of them costs latency.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::clock::Offsets;
use crate::exchange::claims::Claims;
use crate::exchange::due::Due;
use crate::exchange::frame::{Frame, Held, Hello, ToldHead, Want, decode_heads};
use crate::exchange::opening::{ahead_of, marked};
use crate::exchange::packed::decode_packed;
use crate::exchange::session::{Agreed, SET_ASIDE_MAX, Session, Sessions};
use crate::exchange::timing::Listeners;
use crate::frontier::{BUCKET_BYTES, BUCKETS, Frontier, Lanes};
use crate::id::{Epoch, FeedId, FeedShort, NodeKey, SeqNo};
use crate::io::{Arrival, CloseReason, LinkId};
use crate::limits::{FRAME_HEADS_MAX, HELLO_HEADS_MAX};
use crate::time::{Mono, Now, Wall};

mod claims;
pub mod due;
pub mod frame;
pub mod opening;
pub mod packed;
pub mod pull;
pub mod serve;
pub mod session;
mod timing;

/// Shortest time between two announcements. Milliseconds. Source: guess; one round trip of a LAN many times over.
pub const ANNOUNCE_MS_MIN: u64 = 20;
/// Calm after which a session that has caught up compares roots. Milliseconds. Source: guess.
pub const COMPARE_CALM_MS: u64 = 1_000;
/// Longest time between two comparisons, without jitter. Milliseconds. Source: guess; 40 bytes each.
pub const COMPARE_MS_MAX: u64 = 60_000;

/// What this node says of itself in every hello.
#[derive(Debug, Clone)]
pub struct Own {
    /// The lanes it follows.
    pub lanes: Lanes,
    /// The lifetime of its store.
    pub epoch: Epoch,
    /// Its certificate.
    pub certificate: Vec<u8>,
}

/// A frame or the end of a connection, for the runner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Out {
    /// Send this.
    Send(LinkId, Frame),
    /// Close this.
    Close(LinkId, CloseReason),
    /// Remember that a peer's arrival order was seen up to here.
    Remember(NodeKey, Epoch, u64),
    /// Roots were equal.
    InSync(NodeKey),
}

/// The last entry verified here of the feed of that name.
pub trait Tips {
    /// Its number and the first four bytes of its hash.
    fn tip(&self, feed: FeedShort) -> Option<(SeqNo, [u8; 4])>;
}

/// All sessions of a node.
#[derive(Debug)]
pub struct Exchange {
    own: Own,
    sessions: Sessions,
    claims: Claims,
    /// When each session compares roots.
    compares: Due,
    /// When each peer's silence is too long.
    stalls: Due,
    listeners: Listeners,
    /// What the tables have to reach before they show what a peer asked for.
    waiting: BTreeSet<(Arrival, LinkId)>,
    offsets: Offsets<LinkId>,
    cursors: BTreeMap<NodeKey, (Epoch, u64)>,
    announced: Arrival,
    announced_at: Mono,
    /// Who sent the newest entries of a feed since the last announcement: that peer knows of them.
    sent_by: BTreeMap<FeedShort, LinkId>,
    /// The last time roots were equal, for each peer met in this run.
    agreements: BTreeMap<NodeKey, Agreed>,
    /// The oldest and the newest version spoken.
    versions: (u8, u8),
    jitter: ChaCha8Rng,
    out: Vec<Out>,
}

impl Exchange {
    /// No sessions yet; `cursors` are what [`Out::Remember`] said before the restart.
    #[must_use]
    pub fn new(own: Own, cursors: BTreeMap<NodeKey, (Epoch, u64)>, newest: Arrival, seed: [u8; 32]) -> Self {
        Self {
            own,
            sessions: Sessions::default(),
            claims: Claims::default(),
            compares: Due::default(),
            stalls: Due::default(),
            listeners: Listeners::default(),
            waiting: BTreeSet::new(),
            offsets: Offsets::default(),
            cursors,
            announced: newest,
            announced_at: Mono::default(),
            sent_by: BTreeMap::new(),
            agreements: BTreeMap::new(),
            versions: (frame::VERSION_MIN, frame::VERSION),
            jitter: ChaCha8Rng::from_seed(seed),
            out: Vec::new(),
        }
    }

    /// Speaks these versions only, for a city that is updated node by node; of those known here.
    pub fn speak_versions(&mut self, min: u8, max: u8) {
        self.versions = (min.max(frame::VERSION_MIN), max.min(frame::VERSION));
    }

    /// The last time roots were equal with each peer met in this run.
    #[must_use]
    pub const fn agreements(&self) -> &BTreeMap<NodeKey, Agreed> {
        &self.agreements
    }

    /// Takes what is to be done, in order.
    pub fn take_out(&mut self) -> Vec<Out> {
        std::mem::take(&mut self.out)
    }

    /// All sessions.
    pub fn sessions(&self) -> impl Iterator<Item = (LinkId, &Session)> {
        self.sessions.iter()
    }

    /// One session.
    #[must_use]
    pub fn session(&self, link: LinkId) -> Option<&Session> {
        self.sessions.get(link)
    }

    /// A connection stands. The hello goes out at once if `speak`; else the peer has to show its certificate first.
    pub fn connected(
        &mut self,
        now: Now,
        link: LinkId,
        (peer, dialled): (NodeKey, bool),
        speak: bool,
        frontier: &Frontier,
    ) {
        self.sessions.insert(link, Session { peer, dialled, since: now.wall, greeted: false, open: None });
        if speak || dialled {
            self.greet(now, link, frontier);
        }
    }

    fn greet(&mut self, now: Now, link: LinkId, frontier: &Frontier) {
        let Some(session) = self.sessions.get_mut(link) else { return };
        if !std::mem::replace(&mut session.greeted, true) {
            let peer = session.peer;
            let yours = frame::encode_heads(
                frontier.newest_of(&peer, HELLO_HEADS_MAX).map(|(id, head)| ToldHead::of(id, head)),
            );
            let hello = Hello {
                version_min: self.versions.0,
                version_max: self.versions.1,
                certificate: self.own.certificate.clone().into(),
                epoch: self.own.epoch,
                arrivals: frontier.newest().0,
                wall: now.wall.0,
                yours: (!yours.is_empty()).then(|| yours.into()),
            };
            self.out.push(Out::Send(link, Frame::Hello(hello)));
        }
    }

    /// A connection is gone: what it was asked for may be asked of others.
    pub fn disconnected(&mut self, now: Now, link: LinkId) {
        self.compares.set(link, None);
        self.stalls.set(link, None);
        if let Some(open) = self.sessions.remove(link).and_then(|session| session.open) {
            open.serve.awaited().for_each(|shown_at| _ = self.waiting.remove(&(shown_at, link)));
            self.listeners.remove(link, &open.lanes);
            self.offsets.remove(open.clock_offset_ms, link);
            self.release(now, link, open.pull.feeds().collect());
        }
    }

    /// Whether a hello was taken on this connection.
    #[must_use]
    pub fn is_open(&self, link: LinkId) -> bool {
        self.sessions.open(link).is_some()
    }

    /// Any frame but hellos and chunks. Returns what the peer holds durably, of `Ack`s and heads, for counting copies.
    pub fn frame(&mut self, now: Now, link: LinkId, frame: Frame, frontier: &Frontier, tips: &impl Tips) -> Vec<Held> {
        let listened = self.sessions.open_mut(link).is_some_and(|open| open.live);
        let held = self.understand(now, link, frame, frontier, tips);
        if let Some(open) = self.sessions.open(link)
            && open.live
            && !listened
        {
            self.listeners.add(link, &open.lanes);
        }
        held
    }

    fn understand(&mut self, now: Now, link: LinkId, frame: Frame, frontier: &Frontier, tips: &impl Tips) -> Vec<Held> {
        let Some(open) = self.sessions.open_mut(link) else {
            self.out.push(Out::Close(link, CloseReason::BadFrame));
            return Vec::new();
        };
        match frame {
            Frame::Resume { epoch, after } if epoch == self.own.epoch => {
                open.live = true;
                self.tell_changed(link, Arrival(after), None, frontier);
            }
            Frame::Resume { .. } => {
                open.live = true;
                self.out.push(Out::Send(link, Frame::differ(frontier, &open.lanes)));
            }
            Frame::Compare { root } => {
                open.live = true;
                let same = frontier.root(&open.lanes) == root;
                let through = frontier.newest().0;
                let answer = if same { Frame::Same { through } } else { Frame::differ(frontier, &open.lanes) };
                self.out.push(Out::Send(link, answer));
            }
            Frame::Same { through } => {
                self.agreed(now, link, through, frontier);
                self.told_back(link, None, frontier);
            }
            Frame::Sync { root, through, after } => self.synced(now, link, (&root, through, after), frontier),
            Frame::Told { through, after, heads } => {
                let heads = decode_packed(&heads);
                let shown = open.shown.take().filter(|_| through.is_none());
                let back = shown.zip(heads.as_ref().ok()).map(|(shown, heads)| ahead_of(heads, &shown, frontier, open));
                let held = self.heads(now, link, through, heads, tips);
                match back {
                    Some(heads) => self.tell_back(link, heads, frontier),
                    None => self.told_back(link, after, frontier),
                }
                return held;
            }
            Frame::Differ { through, buckets } => self.differ(now, link, through, &buckets, frontier),
            Frame::Show { buckets } => {
                // What does not fit is found by the next comparison, which has fewer buckets that differ.
                let heads = marked(&buckets).flat_map(|number| frontier.bucket(number, &open.lanes));
                let heads = heads.take(FRAME_HEADS_MAX).map(|(id, head)| ToldHead::of(id, head));
                let shown = open.tell(None, None, heads.collect());
                self.out.push(Out::Send(link, shown));
            }
            Frame::Heads { through, heads } => return self.heads(now, link, through, decode_heads(&heads), tips),
            Frame::Want(wants) => self.wanted(now, link, &wants, frontier),
            Frame::Ack(held) => {
                held.iter().for_each(|held| open.serve.acked(*held));
                open.note_missing(now.wall);
                return held;
            }
            Frame::Gone(Want { feed, .. }) => {
                let gone = open.serve.refused(feed);
                open.note_missing(now.wall);
                gone.into_iter().for_each(|shown_at| _ = self.waiting.remove(&(shown_at, link)));
                self.gone(now, link, feed);
            }
            Frame::Bye => {}
            Frame::Hello(_) | Frame::Chunk(_) => self.out.push(Out::Close(link, CloseReason::BadFrame)),
        }
        Vec::new()
    }

    fn next_compare(&mut self, now: Mono) -> Mono {
        now.after_ms(COMPARE_MS_MAX + self.jitter.next_u64() % (COMPARE_MS_MAX / 2))
    }

    fn differ(&mut self, now: Now, link: LinkId, through: u64, theirs: &[u8], frontier: &Frontier) {
        let next = self.next_compare(now.mono);
        let Some(open) = self.sessions.open_mut(link) else { return };
        let ours = frontier.buckets(&open.lanes);
        let mut show = [0u8; BUCKETS / 8];
        for (number, (ours, theirs)) in ours.iter().zip(theirs.chunks_exact(BUCKET_BYTES)).enumerate() {
            if ours.as_slice() != theirs
                && let Some(byte) = show.get_mut(number / 8)
            {
                *byte |= 1 << (number % 8);
            }
        }
        open.in_sync = None;
        open.through = Some(through);
        open.shown = (open.version > 1).then_some(show);
        self.compares.set(link, Some(next));
        self.out.push(Out::Send(link, Frame::Show { buckets: show.to_vec().into() }));
    }

    fn wanted(&mut self, now: Now, link: LinkId, wants: &[Want], frontier: &Frontier) {
        let Some(open) = self.sessions.open_mut(link) else { return };
        for want in wants {
            let held = frontier
                .named(want.feed)
                .filter(|(_, head)| open.lanes.contains(head.header.lane) && head.seq >= want.from && want.from.0 > 0);
            let held: Vec<FeedId> = held.map(|(feed, _)| *feed).collect();
            if held.is_empty() {
                self.out.push(Out::Send(link, Frame::Gone(*want)));
            }
            if held.into_iter().any(|feed| open.serve.want(feed, *want).is_err()) {
                self.out.push(Out::Close(link, CloseReason::Flood));
                return;
            }
        }
        open.note_missing(now.wall);
    }

    /// A feed that a peer sends is kept apart here, so roots stay different.
    pub fn set_aside(&mut self, link: LinkId, feed: FeedShort) {
        if let Some(open) = self.sessions.open_mut(link).filter(|open| open.set_aside.len() < SET_ASIDE_MAX) {
            open.set_aside.insert(feed);
        }
    }

    /// The range to be read from the store for a peer next.
    pub fn next_load(&mut self, link: LinkId) -> Option<serve::Range> {
        self.sessions.open_mut(link)?.serve.next_load()
    }

    /// The tables reach this far now. Returns the peers for whom there is something to read again.
    pub fn shown(&mut self, through: Arrival) -> Vec<LinkId> {
        let mut links = Vec::new();
        while let Some((_, link)) = self.waiting.first().filter(|(shown_at, _)| *shown_at <= through).copied() {
            self.waiting.pop_first();
            if let Some(open) = self.sessions.open_mut(link) {
                open.serve.shown(through);
                links.push(link);
            }
        }
        links
    }

    /// A chunk was read for a peer.
    pub fn loaded(&mut self, link: LinkId, last: SeqNo, chunk: Vec<u8>) {
        if let Some(open) = self.sessions.open_mut(link) {
            open.serve.sent(last, chunk.len());
            self.out.push(Out::Send(link, Frame::Chunk(chunk.into())));
        }
    }

    /// The tables do not show the range a peer asked for before they reach an arrival, or no more.
    pub fn not_loaded(&mut self, link: LinkId, shown_at: Option<Arrival>) {
        let Some(open) = self.sessions.open_mut(link) else { return };
        if let Some(shown_at) = shown_at {
            open.serve.not_yet(shown_at);
            self.waiting.insert((shown_at, link));
        } else if let Some(range) = open.serve.gone() {
            let want = Want { feed: range.feed.short(), from: range.from, to: range.to };
            self.out.push(Out::Send(link, Frame::Gone(want)));
        }
    }

    /// The store's lifetime is another one from now on: peers' memories of our arrival order are void.
    pub const fn renew(&mut self, epoch: Epoch) {
        self.own.epoch = epoch;
    }

    /// Shows a newer certificate from now on.
    pub fn certified(&mut self, certificate: Vec<u8>) {
        self.own.certificate = certificate;
    }

    /// The clocks of connected peers against ours: the median of the milliseconds they are ahead.
    #[must_use]
    pub fn clock_offset_ms(&self) -> i64 {
        self.offsets.median_ms()
    }

    /// Whether no peer showed a valid certificate.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Since when a peer and we hold the same, if roots were equal and nothing is wanted since.
    #[must_use]
    pub fn in_sync(&self, link: LinkId) -> Option<Wall> {
        let open = self.sessions.open(link)?;
        open.in_sync.filter(|_| open.pull.is_empty())
    }
}

#[cfg(test)]
mod tests;
