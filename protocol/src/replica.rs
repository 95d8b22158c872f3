//! The replica: one node's whole protocol, routed to the steps. Holds no rule of its own.
//!
//! # Contract
//! - [`Replica::handle`] takes one input and never fails: a peer's misbehaviour is an output.
//! - Then [`Replica::next_output`] is drained; outputs are carried out in that order.
//! - Then [`Replica::next_deadline`] says when to call again with [`Input::DeadlineReached`], and why.
//! - `now.mono` never decreases. Every [`Output::Persist`] and [`Output::Load`] is answered exactly once, and
//!   [`Input::Persisted`] says `Ok` only after the sync to disk.
//! - Equal inputs give equal outputs, byte for byte.
//! - Nothing is shown, announced, acknowledged or receipted before it is durable.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ed25519_dalek::{SigningKey, VerifyingKey};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::append::Append;
use crate::certificate::{Certificate, CertificateError};
use crate::chunk::SealedChunk;
use crate::clock::Clock;
use crate::control::{Control, Effect};
use crate::copies::Copies;
use crate::cuts::{Cut, Cuts};
use crate::entry::{Strict, Verifier, node_key};
use crate::exchange::frame::{Frame, Hello};
use crate::exchange::session::Session;
use crate::exchange::{self, Exchange, Out};
use crate::fact::{Fact, Role};
use crate::fork::Divergence;
use crate::frontier::{Frontier, Head, Lanes};
use crate::id::{Epoch, FeedId, FeedShort, Hash, Lane, NodeKey, SeqNo};
use crate::io::{
    Answer, Arrival, CloseReason, Deadline, DeadlineReason, Input, LinkId, Notice, Output, Query, RequestId,
};
use crate::issuing::Issuer;
use crate::limits::SERVED_CHUNK_BYTES_MAX;
use crate::parked::Parked;
use crate::receipting::Receipting;
use crate::roster::Standing;
use crate::time::{MS_PER_S, Mono, Now};

mod acknowledge;
mod commands;
mod durable;
mod import;
mod incoming;
mod learn;
mod members;
mod prune;
mod quarantine;
mod registry;
mod renewal;
mod status;

pub use status::{LastAgreed, ListAge, Missing, PeerStatus, Status, Validity};

/// Signs of life of the status lists inside the time after which they count as stale. Source: guess; three may be lost.
const SIGNS_BEFORE_STALE: u64 = 4;

/// What a node is, before it knows anything else.
#[derive(Debug)]
pub struct Identity {
    /// Its key.
    pub key: SigningKey,
    /// Its certificate, as the root signed it.
    pub certificate: Vec<u8>,
    /// The root, pinned at enrolment.
    pub root: VerifyingKey,
    /// The lifetime of its store.
    pub epoch: Epoch,
    /// Seed of everything random, 32 bytes.
    pub seed: [u8; 32],
    /// The authority's issuing keys; none elsewhere.
    pub issuers: Vec<SigningKey>,
}

/// What the store holds, read before the node starts.
#[derive(Debug, Default)]
pub struct Held {
    /// The head of every feed; of one that is cut, where it ends.
    pub heads: Vec<Head>,
    /// Where feeds are cut.
    pub cuts: Vec<Cut>,
    /// The head of every history above a cut, under its name.
    pub branches: Vec<(FeedId, Head)>,
    /// Facts that change what the node accepts, oldest first; their writers' roles were checked when they came.
    pub control: Vec<Fact>,
    /// Documents of the root that came with the enrolment: trust list, policy, certificates.
    pub signed: Signed,
    /// Up to where the authority's receipts in the tables say that it holds each feed.
    pub receipts: BTreeMap<FeedId, SeqNo>,
    /// How far peers' arrival orders were seen.
    pub cursors: BTreeMap<NodeKey, (Epoch, u64)>,
    /// Own chunks the authority has not signed for: feed, last number, registrations in it, arrival.
    pub unreceipted: Vec<(FeedId, SeqNo, u64, Arrival)>,
    /// Registrations of ours ever written.
    pub registrations: u64,
    /// Codes ever issued.
    pub issued: u64,
    /// The last chunk the tables reflect.
    pub indexed: Arrival,
}

/// What the root signed and the enrolment carried.
#[derive(Debug, Clone, Default)]
pub struct Signed {
    /// Certificates.
    pub certificates: Vec<Vec<u8>>,
    /// The trust list.
    pub trust: Vec<u8>,
    /// The policy.
    pub policy: Vec<u8>,
}

/// Why a replica cannot be restored. The operator is told; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// The node's own certificate does not open under its root.
    #[error("this node's certificate: {0}")]
    Certificate(#[from] CertificateError),
    /// The certificate is of another key.
    #[error(
        "this node's certificate is of another key ({certified:?}, not {own:?}): join again with this node's request"
    )]
    OtherKey {
        /// The key certified.
        certified: NodeKey,
        /// The node's key.
        own: NodeKey,
    },
}

/// A question to the store: what the answer is for, and what the tables reflected when it was asked.
///
/// The answer may be older than what was told since: tables move on while it is on its way.
#[derive(Debug)]
struct Question {
    purpose: Purpose,
    indexed: Arrival,
}

/// What an answer of the store is for.
#[derive(Debug)]
enum Purpose {
    Serve(LinkId, FeedId, SeqNo),
    Diverge(quarantine::Suspicion),
    Split(FeedId),
    Command(Box<commands::Waiting>),
}

/// The last entry of each feed that was verified, on disk or on its way there.
#[derive(Debug, Default)]
struct VerifiedTips {
    durable: Frontier,
    ahead: BTreeMap<FeedId, (SeqNo, Hash)>,
}

impl VerifiedTips {
    fn of(&self, feed: &FeedId) -> Option<(SeqNo, Hash)> {
        self.ahead.get(feed).copied().or_else(|| self.durable.get(feed).map(|head| (head.seq, head.hash)))
    }
}

impl exchange::Tips for VerifiedTips {
    fn tip(&self, feed: FeedShort) -> Option<(SeqNo, [u8; 4])> {
        let (id, head) = self.durable.named(feed).next()?;
        let (seq, hash) = self.ahead.get(id).copied().unwrap_or((head.seq, head.hash));
        hash.0.first_chunk().map(|hash| (seq, *hash))
    }
}

/// One node's protocol.
#[derive(Debug)]
pub struct Replica {
    own: Certificate,
    lanes: Lanes,
    verifier: Box<dyn Verifier>,
    append: Append,
    control: Control,
    tips: VerifiedTips,
    exchange: Exchange,
    parked: Parked,
    cuts: Cuts,
    /// Feeds that are cut below what is held, until the tables told which history that is.
    unsplit: BTreeSet<FeedId>,
    /// Feeds read again from their beginning, and from whom, to find where two histories part.
    suspects: BTreeMap<FeedId, quarantine::Suspect>,
    /// Feeds whose fork this node stated in this life.
    stated: BTreeSet<FeedId>,
    copies: Copies,
    receipting: Option<Receipting>,
    issuer: Option<Issuer>,
    random: ChaCha20Rng,
    requests: u64,
    writing: BTreeMap<RequestId, durable::Writing>,
    loading: BTreeMap<RequestId, Question>,
    /// Of those, the questions of commands, and what the tables reflected when each was asked.
    deciding: BTreeMap<RequestId, Arrival>,
    commands: BTreeMap<RequestId, commands::Pending>,
    acknowledging: acknowledge::Acknowledging,
    indexed: Arrival,
    sign_at: Option<Mono>,
    hinted: renewal::Hinted,
    own_names: renewal::OwnNames,
    outputs: VecDeque<Output>,
}

impl Replica {
    /// Restores a node from what its store holds. Pure: equal arguments, equal replicas.
    ///
    /// # Errors
    /// [`RestoreError`] when the node's certificate is not its own.
    pub fn restore(identity: Identity, held: Held) -> Result<Self, RestoreError> {
        let own = Certificate::open(&identity.certificate, &identity.root)?;
        let key = node_key(&identity.key);
        if own.node != key {
            return Err(RestoreError::OtherKey { certified: own.node, own: key });
        }
        let mut control = Control::new(identity.root);
        control.roster.enrol(&identity.certificate)?;
        for certificate in &held.signed.certificates {
            control.roster.enrol(certificate)?;
        }
        // Empty until the enrolment wrote them; a newer one in the log replaces them.
        let _ = (control.trust(&held.signed.trust), control.policy(&held.signed.policy));
        let mut seeds = ChaCha20Rng::from_seed(identity.seed);
        let mut jitter = [0; 32];
        seeds.fill_bytes(&mut jitter);
        let allotment = crate::issuing::allotment(&identity.key);
        let keys = identity.issuers;
        let issuer = (!keys.is_empty()).then(|| Issuer::new(keys, allotment, held.issued));
        let mut append = Append::new(identity.key, identity.epoch);
        let mut tips = VerifiedTips::default();
        for head in held.heads {
            if append.is_own(&head.header) {
                append.resume(head.header, (head.seq, head.hash), head.stamp);
            }
            tips.durable.set(head);
        }
        held.branches.into_iter().for_each(|(id, head)| tips.durable.set_as(id, head));
        let lanes = Session::lanes(&own);
        let exchange_own = exchange::Own { lanes, epoch: identity.epoch, certificate: identity.certificate };
        let exchange = Exchange::new(exchange_own, held.cursors, tips.durable.newest(), jitter);
        let receipting = (own.role == Role::Authority).then(Receipting::default);
        let mut replica = Self {
            lanes: Session::lanes(&own),
            own,
            verifier: Box::new(Strict),
            append,
            control,
            tips,
            exchange,
            parked: Parked::default(),
            cuts: Cuts::restore(held.cuts),
            unsplit: BTreeSet::new(),
            suspects: BTreeMap::new(),
            stated: BTreeSet::new(),
            copies: Copies::restore(held.registrations, held.unreceipted),
            receipting,
            issuer,
            random: seeds,
            requests: 0,
            writing: BTreeMap::new(),
            loading: BTreeMap::new(),
            deciding: BTreeMap::new(),
            commands: BTreeMap::new(),
            acknowledging: acknowledge::Acknowledging::default(),
            indexed: held.indexed,
            sign_at: Some(Mono::default()),
            hinted: renewal::Hinted::default(),
            own_names: renewal::OwnNames::default(),
            outputs: VecDeque::new(),
        };
        for (feed, _) in replica.cuts.iter().filter(|(_, cut)| cut.header.writer == replica.own.node) {
            replica.copies.cut(*feed);
        }
        replica.control.receipts = held.receipts;
        for fact in &held.control {
            if let Effect::Withdrawn(peer) = replica.take_effect(fact) {
                replica.outputs.push_back(Output::Withdraw { peer });
            }
        }
        replica.owe_receipts();
        Ok(replica)
    }

    /// What arrived before a restart and was not signed for is signed for now.
    fn owe_receipts(&mut self) {
        let Some(receipting) = &mut self.receipting else { return };
        for (feed, head) in self.tips.durable.heads() {
            let receipted = self.control.receipts.get(feed).copied().unwrap_or_default();
            if head.header.writer != self.own.node && head.seq > receipted {
                receipting.durable(Mono::default(), head.header.lane, *feed, head.seq);
            }
        }
    }

    /// Takes one input. Drain [`Replica::next_output`] before the next.
    pub fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::Connected { link, peer, dialled } => self.connected(now, link, peer, dialled),
            Input::Disconnected { link } => self.disconnected(now, link),
            Input::Frame { link, bytes } => self.frame(now, link, &bytes),
            Input::Persisted { request, result } => self.persisted(now, request, result),
            Input::Indexed { through } => self.index_reached(through),
            Input::Loaded { request, answer } => self.loaded(now, request, answer),
            Input::Command { request, command } => self.command(now, request, *command),
            Input::Import { request, carried } => self.import(now, request, carried),
            Input::DeadlineReached => self.deadline(now),
        }
        self.acknowledge_waiting(now);
        self.write_groups();
        self.carry_out();
    }

    /// Speaks these versions of the protocol only, of those known here: for a city that is updated node by node.
    pub fn speak_versions(&mut self, min: u8, max: u8) {
        self.exchange.speak_versions(min, max);
    }

    /// Has signatures of chunks checked by another verifier than [`Strict`], for many nodes in one process.
    pub fn verify_with(&mut self, verifier: Box<dyn Verifier>) {
        self.verifier = verifier;
    }

    /// The next effect, in the order they must be carried out.
    pub fn next_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call again, and why.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Deadline> {
        let due = [
            (self.exchange.announce_at(&self.tips.durable), DeadlineReason::Announce),
            (self.exchange.compare_at(), DeadlineReason::Compare),
            (self.exchange.stalls_at(), DeadlineReason::Stall),
            (self.receipting.as_ref().and_then(Receipting::due), DeadlineReason::Receipt),
            (self.acknowledging.due(), DeadlineReason::Acknowledge),
            (self.sign_at.filter(|_| self.issuer.is_some()), DeadlineReason::StatusSign),
        ];
        due.into_iter().filter_map(|(at, reason)| at.map(|at| (at, reason))).min()
    }

    fn request(&mut self) -> RequestId {
        self.requests += 1;
        RequestId(self.requests)
    }

    fn deadline(&mut self, now: Now) {
        if self.exchange.announce_at(&self.tips.durable).is_some_and(|at| at <= now.mono) {
            self.exchange.announce(now, &self.tips.durable);
        }
        self.exchange.compare(now, &self.tips.durable);
        self.exchange.close_stalled(now);
        if let Some(issuer) = self.issuer.as_ref().filter(|_| self.sign_at.is_some_and(|at| at <= now.mono)) {
            let stale_after_ms = self.control.knowledge.policy.list_stale_after_s.saturating_mul(MS_PER_S);
            self.sign_at = Some(now.mono.after_ms((stale_after_ms / SIGNS_BEFORE_STALE).max(MS_PER_S)));
            for fact in issuer.signs_of_life(now.wall) {
                self.append_fact(now, Lane::CITY, fact, None);
            }
        }
        if let Some(receipting) = &mut self.receipting {
            let interval_ms = self.control.knowledge.policy.receipt_interval_ms;
            for (lane, fact) in receipting.take(now.mono, interval_ms) {
                self.append_fact(now, lane, fact.into(), None);
            }
        }
    }

    fn disconnected(&mut self, now: Now, link: LinkId) {
        self.suspects.retain(|_, suspect| suspect.link != link);
        self.exchange.disconnected(now, link);
    }

    fn connected(&mut self, now: Now, link: LinkId, peer: NodeKey, dialled: bool) {
        if self.control.roster.is_withdrawn(&peer) {
            self.outputs.push_back(Output::Close { link, reason: CloseReason::Withdrawn });
            return;
        }
        let known = self.control.roster.certificate(&peer).is_some();
        self.exchange.connected(now, link, (peer, dialled), known, &self.tips.durable);
    }

    fn frame(&mut self, now: Now, link: LinkId, bytes: &[u8]) {
        match Frame::from_bytes(bytes) {
            Err(_) => self.outputs.push_back(Output::Close { link, reason: CloseReason::BadFrame }),
            Ok(Frame::Hello(hello)) => self.hello(now, link, &hello),
            Ok(Frame::Chunk(bytes)) => self.chunk(now, link, bytes.into()),
            Ok(frame) => {
                let held = self.exchange.frame(now, link, frame, &self.tips.durable, &self.tips);
                held.iter().for_each(|held| self.copies.held_by_peer(held.feed, held.seq));
                self.told_of_own(held.into_iter(), renewal::Word::Hint(now.mono));
                self.pump(link);
            }
        }
    }

    fn hello(&mut self, now: Now, link: LinkId, hello: &Hello) {
        let Some(peer) = self.exchange.session(link).filter(|s| s.open.is_none()).map(|session| session.peer) else {
            self.outputs.push_back(Output::Close { link, reason: CloseReason::BadFrame });
            return;
        };
        let close = |reason| Output::Close { link, reason };
        // The clock may be wrong, so expiry is judged by the newest signed moment held: it cannot be earlier.
        let opened = Certificate::open(&hello.certificate, self.control.roster.root());
        // Whoever shows an old one may have been renewed without having heard of it: from us it hears.
        let newest = opened.map(|shown| match self.control.roster.certificate(&shown.node) {
            Some(held) if held.serial > shown.serial => held.clone(),
            Some(_) | None => shown,
        });
        let expired = |certificate: &Certificate| certificate.until <= self.control.not_before_s;
        match newest {
            Ok(certificate) if certificate.node == peer && !expired(&certificate) => {
                if self.control.roster.is_withdrawn(&peer) {
                    self.outputs.push_back(close(CloseReason::Withdrawn));
                    return;
                }
                // It opened under our root just now, so it enrols.
                if self.control.roster.enrol(&hello.certificate).is_ok_and(|(_, newer)| newer) {
                    self.outputs.push_back(Output::Keep { node: peer, certificate: hello.certificate.to_vec() });
                }
                self.outputs.push_back(Output::Admit { link, peer });
                self.told_in_hello(now.mono, hello.yours.as_ref().map_or(&[], |yours| yours.as_slice()));
                self.exchange.welcome(now, link, hello, certificate, &self.tips.durable);
                self.unpark(now, peer);
            }
            Ok(_) | Err(_) => self.outputs.push_back(close(CloseReason::NoCertificate)),
        }
    }

    fn index_reached(&mut self, through: Arrival) {
        self.indexed = self.indexed.max(through);
        self.forget_indexed();
        self.ask_unsplit();
        self.pump_shown();
    }

    /// Reads again what the tables did not show before.
    fn pump_shown(&mut self) {
        for link in self.exchange.shown(self.indexed) {
            self.pump(link);
        }
    }

    /// Lets go of own facts that the tables show, unless an answer on its way may be older than that.
    fn forget_indexed(&mut self) {
        let oldest = self.deciding.first_key_value().map(|(_, indexed)| *indexed);
        self.append.indexed(oldest.unwrap_or(self.indexed));
    }

    fn ask(&mut self, purpose: Purpose, query: Query) {
        let request = self.request();
        if let Purpose::Command(_) = purpose {
            self.deciding.insert(request, self.indexed);
        }
        self.loading.insert(request, Question { purpose, indexed: self.indexed });
        self.outputs.push_back(Output::Load { request, query });
    }

    /// Reads the next range a peer asked for.
    fn pump(&mut self, link: LinkId) {
        while let Some(range) = self.exchange.next_load(link) {
            let bytes_max = SERVED_CHUNK_BYTES_MAX;
            let query = Query::Range { feed: range.feed, from: range.from, to: range.to, bytes_max };
            self.ask(Purpose::Serve(link, range.feed, range.from), query);
        }
    }

    fn loaded(&mut self, now: Now, request: RequestId, answer: Answer) {
        let Some(Question { purpose, indexed }) = self.loading.remove(&request) else { return };
        match purpose {
            Purpose::Serve(link, feed, from) => self.serve(link, feed, from, indexed, answer),
            Purpose::Diverge(suspicion) => {
                let divergence =
                    if let Answer::Diverges(divergence) = answer { divergence } else { Divergence::Behind };
                self.compared(now, suspicion, divergence);
            }
            Purpose::Split(feed) => {
                self.split(now, feed, if let Answer::Cut(at_cut) = answer { at_cut } else { None });
            }
            Purpose::Command(waiting) => {
                self.deciding.remove(&request);
                self.decide(now, *waiting, answer);
                self.forget_indexed();
            }
        }
    }

    fn serve(&mut self, link: LinkId, feed: FeedId, from: SeqNo, asked_at: Arrival, answer: Answer) {
        let chunk = match answer {
            Answer::Range(chunk) => chunk.and_then(|bytes| SealedChunk::parse(bytes).ok()),
            Answer::Desk { .. } | Answer::Registry { .. } | Answer::Diverges(_) | Answer::Cut(_) | Answer::Failed => {
                None
            }
        };
        match chunk {
            Some(chunk) => {
                let last = chunk.last();
                self.exchange.loaded(link, last, chunk.into_bytes());
                self.pump(link);
            }
            None => {
                let durable = self.tips.durable.get(&feed).filter(|head| head.seq >= from && head.arrival > asked_at);
                self.exchange.not_loaded(link, durable.map(|head| head.arrival));
                self.pump_shown();
                self.pump(link);
            }
        }
    }

    fn carry_out(&mut self) {
        for out in self.exchange.take_out() {
            self.outputs.push_back(match out {
                Out::Send(link, frame) => Output::Send { link, bytes: frame.to_bytes() },
                Out::Close(link, reason) => Output::Close { link, reason },
                Out::Remember(peer, epoch, through) => Output::Remember { peer, epoch, through },
                Out::InSync(peer) => Output::Notice(Notice::InSync { peer }),
            });
        }
    }

    /// Queues a fact of ours, stamped with the time that this node goes by.
    fn append_fact(&mut self, now: Now, lane: Lane, fact: Fact, for_command: Option<RequestId>) {
        let wall = self.clock().stamped(now.wall);
        self.append.stage(wall, lane, fact, for_command);
    }

    fn clock(&self) -> Clock {
        Clock {
            offset_ms: self.exchange.clock_offset_ms(),
            alone: self.exchange.is_alone(),
            not_before_s: self.control.not_before_s,
        }
    }

    /// The standing of a writer, for the step `project`.
    #[must_use]
    pub fn standing(&self, writer: &NodeKey, feed: &FeedId) -> Standing {
        self.control.roster.standing(writer, feed)
    }
}

#[cfg(test)]
mod tests;
