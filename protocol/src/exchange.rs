//! Exchange: what two nodes say to each other until both hold the same.
//!
//! After the hellos the dialler sends its root and how far it got last time (`opening`); the answer is that both hold
//! the same, or names heads; heads become ranges asked for, ranges come as chunks, and only what is durable is
//! acknowledged. From then on heads that are told are hints: losing all of them costs latency.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::exchange::frame::{Frame, Held, Hello, ToldHead, Want, decode_heads};
use crate::exchange::opening::{ahead_of, marked};
use crate::exchange::packed::decode_packed;
use crate::exchange::session::{Agreed, Open, SET_ASIDE_MAX, Session};
use crate::frontier::{BUCKET_BYTES, BUCKETS, Frontier, Lanes};
use crate::id::{Epoch, FeedId, FeedShort, Hash, Lane, NodeKey, SeqNo};
use crate::io::{Arrival, CloseReason, LinkId};
use crate::limits::HELLO_HEADS_MAX;
use crate::time::{Mono, Now, Wall};

pub mod frame;
pub mod opening;
pub mod packed;
pub mod pull;
pub mod serve;
pub mod session;

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
    sessions: BTreeMap<LinkId, Session>,
    claims: BTreeMap<FeedShort, LinkId>,
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
            sessions: BTreeMap::new(),
            claims: BTreeMap::new(),
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
        self.sessions.iter().map(|(link, session)| (*link, session))
    }

    /// One session.
    #[must_use]
    pub fn session(&self, link: LinkId) -> Option<&Session> {
        self.sessions.get(&link)
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
        let Some(session) = self.sessions.get_mut(&link) else { return };
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
        self.sessions.remove(&link);
        self.release(now, |claimant| claimant == link);
    }

    fn release(&mut self, now: Now, which: impl Fn(LinkId) -> bool) {
        let before = self.claims.len();
        self.claims.retain(|_, link| !which(*link));
        if self.claims.len() < before {
            let links: Vec<LinkId> = self.sessions.keys().copied().collect();
            links.into_iter().for_each(|link| self.ask(now, link));
        }
    }

    /// Whether a hello was taken on this connection.
    #[must_use]
    pub fn is_open(&self, link: LinkId) -> bool {
        self.sessions.get(&link).is_some_and(|session| session.open.is_some())
    }

    /// Any frame but hellos and chunks. Returns what the peer holds durably, of `Ack`s and heads, for counting copies.
    pub fn frame(&mut self, now: Now, link: LinkId, frame: Frame, frontier: &Frontier, tips: &impl Tips) -> Vec<Held> {
        let Some(open) = self.sessions.get_mut(&link).and_then(|session| session.open.as_mut()) else {
            self.out.push(Out::Close(link, CloseReason::BadFrame));
            return Vec::new();
        };
        match frame {
            Frame::Resume { epoch, after } if epoch == self.own.epoch => {
                open.live = true;
                let changed = frontier.changed_after(Arrival(after), &open.lanes);
                let told = changed.map(|(id, head)| ToldHead::of(id, head)).collect();
                let news = open.tell(Some(frontier.newest().0), told);
                self.out.push(Out::Send(link, news));
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
                let heads = marked(&buckets).flat_map(|number| frontier.bucket(number, &open.lanes));
                let shown = open.tell(None, heads.map(|(id, head)| ToldHead::of(id, head)).collect());
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
                open.serve.refused(feed);
                open.note_missing(now.wall);
                self.gone(now, link, feed);
            }
            Frame::RetryAfter { ms } => open.compare_at = Some(now.mono.after_ms(u64::from(ms))),
            Frame::Bye => {}
            Frame::Hello(_) | Frame::Chunk(_) => self.out.push(Out::Close(link, CloseReason::BadFrame)),
        }
        Vec::new()
    }

    fn open_mut(&mut self, link: LinkId) -> Option<&mut Open> {
        self.sessions.get_mut(&link).and_then(|session| session.open.as_mut())
    }

    fn next_compare(&mut self, now: Mono) -> Mono {
        now.after_ms(COMPARE_MS_MAX + self.jitter.next_u64() % (COMPARE_MS_MAX / 2))
    }

    fn differ(&mut self, now: Now, link: LinkId, through: u64, theirs: &[u8], frontier: &Frontier) {
        let next = self.next_compare(now.mono);
        let Some(open) = self.open_mut(link) else { return };
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
        open.compare_at = Some(next);
        open.shown = (open.version > 1).then_some(show);
        self.out.push(Out::Send(link, Frame::Show { buckets: show.to_vec().into() }));
    }

    fn heads(
        &mut self,
        now: Now,
        link: LinkId,
        through: Option<u64>,
        heads: Result<Vec<ToldHead>, frame::BadFrame>,
        tips: &impl Tips,
    ) -> Vec<Held> {
        let Ok(heads) = heads else {
            self.out.push(Out::Close(link, CloseReason::BadFrame));
            return Vec::new();
        };
        let Some(open) = self.open_mut(link) else { return Vec::new() };
        open.through = through.or(open.through);
        for told in &heads {
            if open.pull.told(*told, tips.tip(told.feed)).is_err() {
                self.out.push(Out::Close(link, CloseReason::Flood));
                return Vec::new();
            }
        }
        self.ask(now, link);
        self.settle(now, link);
        heads.iter().map(|told| Held { feed: told.feed, seq: told.seq }).collect()
    }

    /// Asks for what is wanted and not asked of anybody yet.
    fn ask(&mut self, now: Now, link: LinkId) {
        let Some(open) = self.sessions.get_mut(&link).and_then(|session| session.open.as_mut()) else { return };
        open.note_missing(now.wall);
        let claims = &mut self.claims;
        let wants = open.pull.ask(now.mono, |feed| *claims.entry(feed).or_insert(link) == link);
        if !wants.is_empty() {
            self.out.push(Out::Send(link, Frame::Want(wants)));
        }
    }

    /// If nothing more is wanted of the peer: its order was seen, and after some calm the roots are compared.
    fn settle(&mut self, now: Now, link: LinkId) {
        let Some(session) = self.sessions.get_mut(&link) else { return };
        let Some(open) = session.open.as_mut().filter(|open| open.pull.is_empty()) else { return };
        open.note_missing(now.wall);
        if let Some(through) = open.through.take() {
            self.cursors.insert(session.peer, (open.epoch, through));
            open.compare_when_calm(now.mono);
        }
    }

    fn wanted(&mut self, now: Now, link: LinkId, wants: &[Want], frontier: &Frontier) {
        let Some(open) = self.sessions.get_mut(&link).and_then(|session| session.open.as_mut()) else { return };
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
        if let Some(open) = self.open_mut(link).filter(|open| open.set_aside.len() < SET_ASIDE_MAX) {
            open.set_aside.insert(feed);
        }
    }

    fn gone(&mut self, now: Now, link: LinkId, feed: FeedShort) {
        if let Some(open) = self.open_mut(link) {
            open.pull.forget(feed);
        }
        if self.claims.get(&feed) == Some(&link) {
            self.claims.remove(&feed);
            let links: Vec<LinkId> = self.sessions.keys().copied().filter(|other| *other != link).collect();
            links.into_iter().for_each(|link| self.ask(now, link));
        }
        self.settle(now, link);
    }

    /// The range to be read from the store for a peer next.
    pub fn next_load(&mut self, link: LinkId) -> Option<serve::Range> {
        self.open_mut(link)?.serve.next_load()
    }

    /// A chunk was read for a peer.
    pub fn loaded(&mut self, link: LinkId, last: SeqNo, chunk: Vec<u8>) {
        if let Some(open) = self.open_mut(link) {
            open.serve.sent(last, chunk.len());
            self.out.push(Out::Send(link, Frame::Chunk(chunk.into())));
        }
    }

    /// The store does not hold the range a peer asked for: not yet, or no more.
    pub fn not_loaded(&mut self, link: LinkId, yet: bool) {
        let Some(open) = self.open_mut(link) else { return };
        if yet {
            open.serve.not_yet();
        } else if let Some(range) = open.serve.gone() {
            let want = Want { feed: range.feed.short(), from: range.from, to: range.to };
            self.out.push(Out::Send(link, Frame::Gone(want)));
        }
    }

    /// A chunk that a peer sent was verified.
    pub fn arrived(&mut self, now: Now, link: LinkId, feed: FeedShort, last: SeqNo) {
        if let Some(open) = self.open_mut(link) {
            open.pull.arrived(now.mono, feed, last);
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
    pub fn reread(&mut self, now: Mono, link: LinkId, feed: FeedShort, to: SeqNo) {
        if let Some(open) = self.open_mut(link) {
            let want = open.pull.reread(now, feed, to);
            self.out.push(Out::Send(link, Frame::Want(vec![want])));
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

    /// A feed is durable here up to `seq`; `from` sent it and is told so.
    pub fn durable(&mut self, now: Now, from: Option<LinkId>, feed: FeedShort, lane: Lane, seq: SeqNo) {
        if let Some(link) = from.filter(|link| self.is_open(*link)) {
            self.acknowledge(link, feed, seq);
            self.sent_by.insert(feed, link);
        } else {
            self.sent_by.remove(&feed);
        }
        let met = |session: &mut Session| {
            session.open.as_mut().is_some_and(|open| open.lanes.contains(lane) && open.pull.durable(feed, seq))
        };
        let emptied: Vec<LinkId> =
            self.sessions.iter_mut().filter_map(|(link, session)| met(session).then_some(*link)).collect();
        if self.claims.get(&feed).is_some_and(|link| self.satisfied(*link, feed)) {
            let claimant = self.claims.remove(&feed);
            let wants = |session: &Session| session.open.as_ref().is_some_and(|open| open.pull.wants(feed));
            let links = self.sessions.iter().filter(|(link, session)| Some(**link) == claimant || wants(session));
            let links: Vec<LinkId> = links.map(|(link, _)| *link).collect();
            links.into_iter().for_each(|link| self.ask(now, link));
        }
        emptied.into_iter().for_each(|link| self.settle(now, link));
    }

    /// Tells a peer that sent a feed that it is durable here up to `seq`.
    pub fn acknowledge(&mut self, link: LinkId, feed: FeedShort, seq: SeqNo) {
        if self.is_open(link) {
            self.out.push(Out::Send(link, Frame::Ack(vec![Held { feed, seq }])));
        }
    }

    fn satisfied(&self, link: LinkId, feed: FeedShort) -> bool {
        let open = self.sessions.get(&link).and_then(|session| session.open.as_ref());
        open.is_none_or(|open| !open.pull.wants(feed))
    }

    /// Tells every live session what is new since the last announcement.
    pub fn announce(&mut self, now: Now, frontier: &Frontier) {
        let sent_by = std::mem::take(&mut self.sent_by);
        let news = frontier.changed_after(self.announced, &Lanes::All).map(|(feed, head)| {
            let sender = sent_by.get(&feed.short()).copied();
            (head.header.lane, sender, ToldHead::of(feed, head))
        });
        let news: Vec<(Lane, Option<LinkId>, ToldHead)> = news.collect();
        let through = Some(frontier.newest().0);
        self.announced = frontier.newest();
        self.announced_at = now.mono;
        for (link, session) in &self.sessions {
            let Some(open) = session.open.as_ref().filter(|open| open.live) else { continue };
            let news = news.iter().filter(|(lane, sender, _)| open.lanes.contains(*lane) && *sender != Some(*link));
            let heads: Vec<ToldHead> = news.map(|(_, _, head)| *head).collect();
            if !heads.is_empty() {
                self.out.push(Out::Send(*link, open.tell(through, heads)));
            }
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
        self.sessions.values().filter_map(|session| session.open.as_ref()?.compare_at).min()
    }

    /// Compares roots where it is time.
    pub fn compare(&mut self, now: Now, frontier: &Frontier) {
        let mut roots: Vec<(Lanes, Hash)> = Vec::new();
        for (link, session) in &mut self.sessions {
            let Some(open) = session.open.as_mut().filter(|open| open.compare_at.is_some_and(|at| at <= now.mono))
            else {
                continue;
            };
            open.compare_at = Some(now.mono.after_ms(COMPARE_MS_MAX));
            let root = match roots.iter().find(|(lanes, _)| *lanes == open.lanes) {
                Some((_, root)) => *root,
                None => {
                    let root = frontier.root(&open.lanes);
                    roots.push((open.lanes.clone(), root));
                    root
                }
            };
            let compare =
                if open.version == 1 { Frame::Compare { root } } else { open.sync(root, frontier.newest(), None) };
            self.out.push(Out::Send(*link, compare));
        }
    }

    /// The earliest moment a peer's silence is too long.
    #[must_use]
    pub fn stalls_at(&self) -> Option<Mono> {
        self.sessions.values().filter_map(|session| session.open.as_ref()?.pull.stalls_at()).min()
    }

    /// Closes the sessions that were silent for too long.
    pub fn close_stalled(&mut self, now: Now) {
        let stalled = |session: &Session| {
            session.open.as_ref().and_then(|open| open.pull.stalls_at()).is_some_and(|at| at <= now.mono)
        };
        let links: Vec<LinkId> =
            self.sessions.iter().filter(|(_, session)| stalled(session)).map(|(link, _)| *link).collect();
        for link in links {
            self.out.push(Out::Close(link, CloseReason::Stalled));
            self.disconnected(now, link);
        }
    }

    /// The clocks of connected peers against ours: milliseconds they are ahead, rising.
    #[must_use]
    pub fn clock_offsets_ms(&self) -> Vec<i64> {
        let mut offsets: Vec<i64> = self
            .sessions
            .values()
            .filter_map(|session| session.open.as_ref())
            .map(|open| open.clock_offset_ms)
            .collect();
        offsets.sort_unstable();
        offsets
    }

    /// Since when a peer and we hold the same, if roots were equal and nothing is wanted since.
    #[must_use]
    pub fn in_sync(&self, link: LinkId) -> Option<Wall> {
        let open = self.sessions.get(&link)?.open.as_ref()?;
        open.in_sync.filter(|_| open.pull.is_empty())
    }
}

#[cfg(test)]
mod tests;
