//! A node that does not keep to the protocol: its core is the production core, what it says is not always.
//!
//! It signs with its own key only, as a stolen machine can. What it invents goes into feeds of its own epochs,
//! so that its honest feed, in which its operator's work is, stays one history.

use std::collections::BTreeSet;

use ed25519_dalek::SigningKey;
use swabmesh_protocol::chunk::OpenedChunk;
use swabmesh_protocol::exchange::frame::{Frame, ToldHead, Want, decode_heads, encode_heads};
use swabmesh_protocol::exchange::packed::{decode_packed, encode_packed};
use swabmesh_protocol::fact::{
    Enrolled, Fact, Mark, Opened, Operator, Outcome, Receipt, Remark, Reported, Revoked, SealKey, Stage, Withdrawn,
};
use swabmesh_protocol::id::{CodeId, Epoch, FeedHeader, FeedShort, Hash, NodeKey, Person, SeqNo};
use swabmesh_protocol::io::LinkId;
use swabmesh_protocol::limits::{CHUNK_BYTES_MAX, FRAME_BYTES_MAX, FRAME_WANTS_MAX};
use swabmesh_protocol::text::Text;
use swabmesh_protocol::time::{Stamp, Wall};

use crate::chance::Chance;
use crate::city::{AUTHORITY, City, NodeId};
use crate::clock::DAY_BEGINS;
use crate::faults::Again;
use crate::node::Broken;
use crate::queue::At;
use crate::scenario::Trick;
use crate::world::World;

/// Epochs of what it invents: of the two histories, and of what its role does not allow.
const FORKED: Epoch = Epoch(0xf0f0);
const ABOVE: Epoch = Epoch(0xabba);
/// Chunks kept to be sent again.
const REPLAYS_MAX: usize = 32;
/// Heads of feeds that nobody has, in one frame of a flood.
const FLOOD_HEADS: u64 = 2_000;
/// Entries it says it has more than it has.
const LIE_ENTRIES: u64 = 1_000;
/// Chunks it does not send, per thousand.
const WITHHELD: u32 = 700;

/// A feed that it made up, chunk by chunk.
#[derive(Debug)]
struct Invented {
    header: FeedHeader,
    chunks: Vec<OpenedChunk>,
}

impl Invented {
    const fn new(header: FeedHeader) -> Self {
        Self { header, chunks: Vec::new() }
    }

    fn add(&mut self, key: &SigningKey, facts: impl IntoIterator<Item = Fact>) {
        let after =
            self.chunks.last().map_or((SeqNo(0), Hash::ZERO), |last| (last.checkpoint.seq, last.checkpoint.head));
        let stamp = |number: usize| Stamp::default().next(Wall(DAY_BEGINS.0 + number as u64));
        let facts: Vec<(Stamp, Vec<u8>)> =
            facts.into_iter().enumerate().map(|(number, fact)| (stamp(number), fact.to_bytes())).collect();
        self.chunks.push(OpenedChunk::write(key, self.header, after, facts));
    }

    /// The chunk that begins with an entry.
    fn from(&self, seq: SeqNo) -> Option<Vec<u8>> {
        let chunk = self.chunks.iter().find(|chunk| chunk.checkpoint.seq >= seq)?;
        Some(Frame::Chunk(chunk.seal().into_bytes().into()).to_bytes())
    }

    fn head(&self) -> Option<ToldHead> {
        let last = self.chunks.last()?.checkpoint;
        let hash = last.head.0.first_chunk().copied()?;
        Some(ToldHead { feed: self.header.id().short(), seq: last.seq, hash })
    }
}

/// One hostile node.
#[derive(Debug)]
pub struct Adversary {
    key: SigningKey,
    authority: NodeKey,
    does: BTreeSet<Trick>,
    chance: Chance,
    /// Two histories of one feed.
    branches: [Invented; 2],
    /// Whom it met, in that order: every second one is told the second history.
    met: Vec<NodeId>,
    above: Invented,
    seen: Vec<Vec<u8>>,
    awake: bool,
    tubes: u32,
}

impl Adversary {
    /// One that behaves until it is told to wake.
    #[must_use]
    pub fn new(city: &City, id: NodeId, does: &[Trick], seed: u64) -> Option<Self> {
        let citizen = city.citizen(id)?;
        let header = |epoch| FeedHeader { writer: citizen.node, epoch, lane: citizen.lane };
        Some(Self {
            key: citizen.key.clone(),
            authority: city.citizen(AUTHORITY)?.node,
            does: does.iter().copied().collect(),
            chance: Chance::new(seed, &citizen.name),
            branches: [Invented::new(header(FORKED)), Invented::new(header(FORKED))],
            met: Vec::new(),
            above: Invented::new(header(ABOVE)),
            seen: Vec::new(),
            awake: false,
            tubes: 0,
        })
    }

    fn does(&self, trick: Trick) -> bool {
        self.awake && self.does.contains(&trick)
    }

    /// What it says to a peer instead of what its core would say.
    pub fn tampered(&mut self, _to: NodeId, bytes: Vec<u8>) -> Vec<Vec<u8>> {
        let Ok(frame) = Frame::from_bytes(&bytes) else { return vec![bytes] };
        match frame {
            Frame::Chunk(_) => {
                self.remember(&bytes);
                if self.does(Trick::Withhold) && self.chance.happens(WITHHELD) { Vec::new() } else { vec![bytes] }
            }
            Frame::Heads { through, heads } if self.does(Trick::Lie) => {
                let mut told = decode_heads(&heads).unwrap_or_default();
                told.iter_mut().for_each(|head| head.seq = SeqNo(head.seq.0 + LIE_ENTRIES));
                vec![Frame::Heads { through, heads: encode_heads(told).into() }.to_bytes()]
            }
            Frame::Told { through, after, heads } if self.does(Trick::Lie) => {
                let mut told = decode_packed(&heads).unwrap_or_default();
                told.iter_mut().for_each(|head| head.seq = SeqNo(head.seq.0 + LIE_ENTRIES));
                vec![Frame::Told { through, after, heads: encode_packed(told).into() }.to_bytes()]
            }
            Frame::Ack(mut held) if self.does(Trick::Lie) => {
                held.iter_mut().for_each(|held| held.seq = SeqNo(held.seq.0 + LIE_ENTRIES));
                vec![Frame::Ack(held).to_bytes()]
            }
            Frame::Same { .. } if self.does(Trick::Lie) => vec![Frame::Same { through: u64::MAX / 2 }.to_bytes()],
            Frame::Hello(_)
            | Frame::Resume { .. }
            | Frame::Compare { .. }
            | Frame::Same { .. }
            | Frame::Differ { .. }
            | Frame::Show { .. }
            | Frame::Heads { .. }
            | Frame::Want(_)
            | Frame::Ack(_)
            | Frame::Gone(_)
            | Frame::Bye
            | Frame::Sync { .. }
            | Frame::Told { .. } => vec![bytes],
        }
    }

    /// A peer says something: what it is told at once.
    pub fn heard(&mut self, from: NodeId, bytes: &[u8]) -> Vec<Vec<u8>> {
        let Ok(frame) = Frame::from_bytes(bytes) else { return Vec::new() };
        if let Frame::Chunk(_) = &frame {
            self.remember(bytes);
        }
        let Frame::Want(wants) = frame else { return Vec::new() };
        let mut asked = Vec::new();
        for want in wants {
            let of_feed = |invented: &Invented| {
                let asked = invented.header.id().short() == want.feed;
                asked.then(|| invented.from(want.from)).flatten()
            };
            asked.extend(of_feed(self.branch(from)));
            asked.extend(of_feed(&self.above));
        }
        asked
    }

    /// The history that a peer is told.
    fn branch(&mut self, peer: NodeId) -> &Invented {
        let place = self.met.iter().position(|met| *met == peer).unwrap_or_else(|| {
            self.met.push(peer);
            self.met.len() - 1
        });
        let [one, other] = &self.branches;
        if place.is_multiple_of(2) { one } else { other }
    }

    fn remember(&mut self, bytes: &[u8]) {
        if self.does.contains(&Trick::Replay) {
            if self.seen.len() >= REPLAYS_MAX {
                self.seen.remove(0);
            }
            self.seen.push(bytes.to_vec());
        }
    }

    /// Makes something new up.
    fn invent(&mut self) {
        self.awake = true;
        self.tubes += 1;
        let operator: Operator = Text::truncated("nobody");
        let tube = |branch: &str, number: u32| format!("X-{branch}-{number}").parse().ok();
        if self.does(Trick::Fork) {
            for (name, branch) in ["A", "B"].into_iter().zip(&mut self.branches) {
                let tube = tube(name, self.tubes);
                let opened = tube.map(|tube| Opened { tube, pool: 10, operator: operator.clone(), seen: None }.into());
                branch.add(&self.key, opened);
            }
        }
        if self.does(Trick::AboveRole) {
            let everything = Mark { feed: self.branches[0].header.id(), seq: SeqNo(u64::MAX / 2) };
            let facts: Vec<Fact> = [
                Some(Receipt { marks: vec![everything] }.into()),
                Some(
                    Withdrawn { node: self.authority, marks: Vec::new(), reason: Remark::default(), part: None }.into(),
                ),
                Some(Enrolled { certificate: vec![1, 2, 3].into() }.into()),
                Some(SealKey { day: u32::MAX, public: [7; 32] }.into()),
                Some(Revoked { code: CodeId([7; 8]), person: Person([7; 16]), reason: Remark::default() }.into()),
                tube("R", self.tubes).map(|tube| {
                    let (outcome, stage) = (Outcome::Negative, Stage::Final);
                    Reported { tube, outcome, stage, operator, seen: None }.into()
                }),
            ]
            .into_iter()
            .flatten()
            .collect();
            self.above.add(&self.key, facts);
        }
    }

    /// What it says to a peer out of nothing.
    fn says(&mut self, peer: NodeId) -> Vec<Vec<u8>> {
        let mut says = Vec::new();
        let heads: Vec<ToldHead> = [self.branch(peer).head(), self.above.head()].into_iter().flatten().collect();
        if !heads.is_empty() {
            let heads = encode_heads(heads).into();
            says.push(Frame::Heads { through: None, heads }.to_bytes());
        }
        if self.does(Trick::Replay)
            && let Some(old) = self.chance.index(self.seen.len()).and_then(|at| self.seen.get(at))
        {
            says.push(old.clone());
        }
        if self.does(Trick::Flood) {
            says.extend(self.flood());
        }
        if self.does(Trick::Oversize) {
            says.push(match self.chance.below(3) {
                0 => vec![0x82; FRAME_BYTES_MAX + 1],
                1 => Frame::Chunk(vec![0; CHUNK_BYTES_MAX + 1].into()).to_bytes(),
                _ => vec![0xff; 10],
            });
        }
        says
    }

    /// Feeds that nobody has: told, and asked for.
    fn flood(&mut self) -> [Vec<u8>; 2] {
        let nobody = |chance: &mut Chance| {
            let mut feed = [0; 6];
            feed.iter_mut().for_each(|byte| *byte = chance.below(256).to_le_bytes()[0]);
            FeedShort(feed)
        };
        let told = (0..FLOOD_HEADS).map(|_| ToldHead { feed: nobody(&mut self.chance), seq: SeqNo(9), hash: [9; 4] });
        let told: Vec<_> = told.collect();
        let wants =
            (0..FRAME_WANTS_MAX).map(|_| Want { feed: nobody(&mut self.chance), from: SeqNo(1), to: SeqNo(u64::MAX) });
        let wants = Frame::Want(wants.collect()).to_bytes();
        [Frame::Heads { through: None, heads: encode_heads(told).into() }.to_bytes(), wants]
    }
}

impl World {
    /// A hostile node does something out of nothing, and again later.
    pub(crate) fn trick(&mut self, fault: usize, id: NodeId, again: Again) -> Result<(), Broken> {
        let until = At(u64::MAX);
        if self.runs(id)
            && let Some(adversary) = self.adversaries.get_mut(&id)
        {
            adversary.invent();
            self.history.episodes.begin(fault, &[id], self.at, until);
            for link in self.network.links_of(id) {
                let Some(peer) = self.network.peer(link, id) else { continue };
                let says = self.adversaries.get_mut(&id).map(|adversary| adversary.says(peer)).unwrap_or_default();
                says.into_iter().for_each(|bytes| self.transmit(id, link, bytes));
            }
        }
        self.trick_again(fault, id, again);
        Ok(())
    }

    /// A frame reaches a node: a hostile one answers some things itself.
    pub(crate) fn heard(&mut self, id: NodeId, link: LinkId, bytes: &[u8]) {
        let Some(peer) = self.network.peer(link, id) else { return };
        let Some(adversary) = self.adversaries.get_mut(&id) else { return };
        let says = adversary.heard(peer, bytes);
        says.into_iter().for_each(|bytes| self.transmit(id, link, bytes));
    }
}
