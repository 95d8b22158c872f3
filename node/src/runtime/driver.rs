//! The owner task: gives the core one input at a time and carries its outputs out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use swabmesh_protocol::answer::answer;
use swabmesh_protocol::chunk::SealedChunk;
use swabmesh_protocol::command::{Refusal, Reply};
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::id::{Epoch, NodeKey};
use swabmesh_protocol::io::{
    Arrival, Carried, ImportRefusal, Imported, Input, LinkId, Notice, Output, PersistError, RequestId,
};
use swabmesh_protocol::replica::Replica;
use swabmesh_protocol::restore;
use swabmesh_protocol::roster::Standing;
use swabmesh_protocol::time::{MS_PER_S, Mono, Now, Wall};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant as Moment, sleep_until};

use super::backlog::Backlog;
use super::indexer::Job;
use super::peers::Peers;
use super::snapshot::{Disk, Snapshot};
use super::tables::{Tables, arrival};
use super::{Counters, Request};
use crate::network::{self, NetworkCommand, NetworkEvent, NetworkHandle};
use crate::network::{PeerAddress, PeerKind};
use crate::store::Store;
use crate::store::error::{Refused, StoreError};
use crate::store::frame::{self, FrameKind};

/// How often the snapshot is drawn anew while something happens.
const SNAPSHOT_EVERY: Duration = Duration::from_millis(250);
/// Completions of the store that may wait; more than its queue holds, so that the store never waits for us.
const COMPLETIONS_QUEUE: usize = 4_096;

/// What the driver listens to.
pub(super) struct Queues {
    pub(super) network: mpsc::Receiver<NetworkEvent>,
    pub(super) requests: mpsc::Receiver<Request>,
    pub(super) indexed: watch::Receiver<Arrival>,
}

/// A frame on its way to the disk.
struct Writing {
    bytes: Vec<u8>,
    role: Option<Role>,
}

/// A certificate that is in the journal.
type Kept = (frame::Arrival, NodeKey, Vec<u8>);

type Persisted = (RequestId, Result<frame::Arrival, StoreError>);

/// Owns the core.
pub(super) struct Driver {
    queues: Queues,
    replica: Replica,
    store: Store,
    tables: Tables,
    carrier: NetworkHandle,
    indexer: SyncSender<Job>,
    /// For the index, once the answers are out: waking it takes the waker some of the time a sync takes.
    to_index: Vec<Job>,
    peers: Vec<PeerAddress>,
    known: Peers,
    started: Instant,
    inputs: VecDeque<Input>,
    replies: BTreeMap<RequestId, oneshot::Sender<Result<Reply, Refusal>>>,
    imports: BTreeMap<RequestId, oneshot::Sender<Result<Imported, ImportRefusal>>>,
    writing: BTreeMap<RequestId, Writing>,
    backlog: Backlog,
    commands: u64,
    /// Nobody waited beside it when the last group became durable.
    quiet: bool,
    counters: Counters,
    listening: BTreeSet<String>,
    completions: (mpsc::Sender<Persisted>, mpsc::Receiver<Persisted>),
    kept: (mpsc::Sender<Kept>, mpsc::Receiver<Kept>),
    stranded: Vec<Vec<u8>>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    /// The newest certificate that the log brought this node; empty until one came.
    certificate: watch::Sender<Vec<u8>>,
    drawn: Instant,
}

/// One thing that happened outside.
enum Event {
    Persisted(Persisted),
    Kept(Kept),
    Indexed,
    Request(Option<Request>),
    Network(Option<NetworkEvent>),
    Deadline,
    Draw,
}

impl Driver {
    pub(super) fn new(
        queues: Queues,
        replica: Replica,
        tables: Tables,
        carrier: NetworkHandle,
        indexer: SyncSender<Job>,
        (peers, known): (Vec<PeerAddress>, Peers),
        stranded: Vec<Vec<u8>>,
    ) -> Self {
        let started = Instant::now();
        let status = replica.status(now(started));
        let (contacts, contact_times, listening) = Default::default();
        let (counters, disk) = (Counters::new(), Disk::default());
        let snapshot =
            Snapshot { core: status, contacts, contact_times, listening, counters, disk, queued_bytes_max: 0 };
        Self {
            queues,
            replica,
            store: tables.store().clone(),
            tables,
            carrier,
            indexer,
            to_index: Vec::new(),
            peers,
            known,
            started,
            inputs: VecDeque::new(),
            replies: BTreeMap::new(),
            imports: BTreeMap::new(),
            writing: BTreeMap::new(),
            backlog: Backlog::default(),
            commands: 0,
            quiet: true,
            counters: Counters::new(),
            listening: BTreeSet::new(),
            completions: mpsc::channel(COMPLETIONS_QUEUE),
            kept: mpsc::channel(COMPLETIONS_QUEUE),
            stranded,
            snapshots: watch::channel(Arc::new(snapshot)).0,
            certificate: watch::channel(Vec::new()).0,
            drawn: started,
        }
    }

    pub(super) fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.subscribe()
    }

    pub(super) fn certificate(&self) -> watch::Receiver<Vec<u8>> {
        self.certificate.subscribe()
    }

    /// Runs until asked to stop.
    pub(super) async fn run(mut self) {
        let enrolled = self.replica.enrolled().map(|certificate| certificate.node).collect();
        self.tell_carrier(NetworkCommand::Roster(enrolled)).await;
        self.tell_carrier(NetworkCommand::Peers(self.peers.clone())).await;
        self.draw();
        loop {
            let deadline = self.replica.next_deadline().map(|(at, _)| self.moment(at));
            let draw_at = Moment::from_std(self.drawn + SNAPSHOT_EVERY);
            // Local completions before new remote work.
            let event = tokio::select! {
                biased;
                Some(persisted) = self.completions.1.recv() => Event::Persisted(persisted),
                Some(kept) = self.kept.1.recv() => Event::Kept(kept),
                Ok(()) = self.queues.indexed.changed() => Event::Indexed,
                request = self.queues.requests.recv() => Event::Request(request),
                () = sleep_until(deadline.unwrap_or(draw_at)), if deadline.is_some() => Event::Deadline,
                event = self.queues.network.recv() => Event::Network(event),
                () = sleep_until(draw_at) => Event::Draw,
            };
            match event {
                Event::Persisted((request, result)) => {
                    self.quiet = self.nobody_else_waits();
                    self.persisted(request, result);
                }
                Event::Kept((at, node, certificate)) => {
                    self.to_index.push(Job::Remember(restore::kept(&node, certificate)));
                    self.to_index.push(Job::Other { arrival: arrival(at) });
                }
                Event::Indexed => {
                    let through = *self.queues.indexed.borrow_and_update();
                    self.inputs.push_back(Input::Indexed { through });
                }
                Event::Request(Some(Request::Command(command, answer))) => {
                    self.commands += 1;
                    let request = RequestId(self.commands);
                    self.replies.insert(request, answer);
                    self.inputs.push_back(Input::Command { request, command });
                }
                Event::Request(Some(Request::Import(carried, answer))) => {
                    self.commands += 1;
                    let request = RequestId(self.commands);
                    self.imports.insert(request, answer);
                    self.inputs.push_back(Input::Import { request: Some(request), carried });
                }
                Event::Request(Some(Request::Inspect(look))) => look(&self.replica),
                Event::Request(Some(Request::Stop) | None) => break,
                Event::Network(Some(event)) => self.network(event).await,
                Event::Network(None) => break,
                Event::Deadline => self.inputs.push_back(Input::DeadlineReached),
                Event::Draw => self.draw(),
            }
            self.work().await;
            if self.drawn.elapsed() >= SNAPSHOT_EVERY {
                self.draw();
            }
        }
        self.end().await;
    }

    fn moment(&self, at: Mono) -> Moment {
        Moment::from_std(self.started + Duration::from_millis(at.0))
    }

    fn count(&mut self, name: &str) {
        *self.counters.entry(name.to_owned()).or_default() += 1;
    }

    /// Gives the core its inputs until none is left, carrying out each one's outputs; then the index hears of them.
    async fn work(&mut self) {
        while let Some(input) = self.inputs.pop_front() {
            let now = now(self.started);
            self.replica.handle(now, input);
            while let Some(output) = self.replica.next_output() {
                self.carry_out(output).await;
            }
        }
        for job in self.to_index.drain(..) {
            // Waits when the index is far behind: it never waits for us.
            if self.indexer.send(job).is_err() {
                *self.counters.entry("index_not_following".to_owned()).or_default() += 1;
            }
        }
    }

    async fn carry_out(&mut self, output: Output) {
        match output {
            Output::Send { link, bytes } => self.send(link, bytes).await,
            Output::Admit { link, .. } => self.tell_carrier(NetworkCommand::Admit(to_carrier(link))).await,
            Output::Close { link, reason } => {
                tracing::info!(link = link.0, %reason, "connection closed: the peer {reason}");
                self.count(&format!("closed_{}", snake(&format!("{reason:?}"))));
                self.known.closed(link, reason, now(self.started).wall);
                self.backlog.forget(link);
                self.tell_carrier(NetworkCommand::Close(to_carrier(link))).await;
            }
            Output::Withdraw { peer } => self.tell_carrier(NetworkCommand::Withdraw(peer)).await,
            Output::Persist { request, chunk, own } => self.persist(request, chunk, own),
            Output::Keep { node, certificate } => self.keep(node, certificate),
            Output::Load { request, query } => {
                let answer = answer(&self.tables, &query);
                self.inputs.push_back(Input::Loaded { request, answer });
            }
            Output::Release { through } => self.store.release(frame::Arrival(through.0)),
            Output::Remember { peer, epoch, through } => {
                self.to_index.push(Job::Remember(restore::remembered(&peer, epoch, through)))
            }
            Output::Renew { epoch } => self.renew(epoch),
            Output::Renewed { certificate } => {
                self.count("certificates_renewed");
                self.certificate.send_replace(certificate);
                tracing::info!("the authority renewed this node's certificate");
            }
            Output::Reply { request, result } => {
                self.count(if result.is_ok() { "commands_answered" } else { "commands_refused" });
                if let Some(answer) = self.replies.remove(&request) {
                    // Whoever asked may have gone; what was done stays done.
                    let _ = answer.send(result);
                }
            }
            Output::Imported { request, result } => {
                if let Some(answer) = self.imports.remove(&request) {
                    let _ = answer.send(result);
                }
            }
            Output::Notice(notice) => self.notice(&notice),
        }
    }

    /// Written down before anything of the new epoch: chunks follow in the same queue.
    fn renew(&mut self, epoch: Epoch) {
        self.count("epochs_renewed");
        if let Err(error) = self.store.renew_epoch(epoch.0) {
            // The next start goes on with the old one, whose end came back from peers by then, or notices again.
            tracing::error!(%error, "the new epoch was not written down");
        }
    }

    fn notice(&mut self, notice: &Notice) {
        match notice {
            Notice::ChunkRefused { peer, reason } => {
                self.count(&format!("chunks_refused_{}", name_of(reason)));
                tracing::info!(%peer, %reason, "chunk refused: {reason}");
            }
            Notice::Fork { feed, seq } => {
                self.count("forks");
                tracing::error!(%feed, seq = seq.0, "a writer signed two histories");
            }
            Notice::Unproved { feed, here, there } => {
                self.count("hints_not_believed");
                tracing::warn!(
                    %feed, here = here.0, there = there.0,
                    "a peer says that it holds more of this node's own log, as too many did today without showing it: not believed"
                );
            }
            Notice::Restored { feed, here, there } => {
                self.count("restored");
                tracing::error!(
                    %feed, here = here.0, there = there.0,
                    "others hold more of this node's own log than it has itself: its disk was restored or cloned; \
                     it goes on in a new epoch, and what is missing comes back"
                );
            }
            Notice::InSync { peer } => tracing::debug!(%peer, "in sync"),
            Notice::AboveRole { entry } => {
                self.count("facts_above_role");
                tracing::warn!(%entry, "a fact above its writer's role was kept and not applied");
            }
            Notice::Unreadable { entry } => {
                self.count("facts_unreadable");
                tracing::warn!(%entry, "a fact that this version cannot read was kept and not applied");
            }
        }
    }

    fn persist(&mut self, request: RequestId, bytes: Vec<u8>, own: bool) {
        let role = SealedChunk::parse(bytes.clone()).ok().and_then(|sealed| self.role_of(&sealed));
        let kind = if own { FrameKind::Own } else { FrameKind::Foreign };
        // Alone, the two hand-overs to the journal thread cost as much as the sync; with others, waiting for the
        // sync here would keep them from gathering into the next group. See docs/decisions/0010.
        if own
            && self.quiet
            && self.writing.is_empty()
            && self.nobody_else_waits()
            && let Some(result) = self.store.persist_alone(kind, &bytes)
        {
            self.quiet = self.nobody_else_waits();
            self.writing.insert(request, Writing { bytes, role });
            return self.persisted(request, result);
        }
        let completions = self.completions.0.clone();
        let done = Box::new(move |result| {
            // Room for every frame the store's queue holds; the driver is gone when this fails.
            let _ = completions.try_send((request, result));
        });
        self.writing.insert(request, Writing { bytes: bytes.clone(), role });
        if let Err(Refused { why, .. }) = self.store.persist(kind, bytes, done) {
            self.persisted(request, Err(why));
        }
    }

    fn role_of(&self, sealed: &SealedChunk) -> Option<Role> {
        match self.replica.standing(&sealed.header().writer, &sealed.header().id()) {
            Standing::Enrolled(role) | Standing::WithdrawnAbove(_, role) => Some(role),
            Standing::Unknown => None,
        }
    }

    /// Whether nobody waits for anything but, perhaps, one command's answer.
    fn nobody_else_waits(&self) -> bool {
        self.replies.len() <= 1 && self.queues.requests.is_empty() && self.queues.network.is_empty()
    }

    fn keep(&mut self, node: NodeKey, certificate: Vec<u8>) {
        let (kept, bytes) = (self.kept.0.clone(), certificate.clone());
        let done = Box::new(move |result: Result<frame::Arrival, StoreError>| {
            if let Ok(arrival) = result {
                let _ = kept.try_send((arrival, node, bytes));
            }
        });
        if let Err(Refused { why, .. }) = self.store.persist(FrameKind::Foreign, certificate, done) {
            tracing::warn!(%why, "a certificate was not kept; its node shows it again");
        }
    }

    fn persisted(&mut self, request: RequestId, result: Result<frame::Arrival, StoreError>) {
        let writing = self.writing.remove(&request);
        let result = match (result, writing) {
            (Ok(at), Some(Writing { bytes, role })) => {
                self.count("chunks_durable");
                let window_ms = self.replica.knowledge().policy.duplicate_window_s.saturating_mul(MS_PER_S);
                self.to_index.push(Job::Chunk { arrival: arrival(at), bytes, role, window_ms });
                Ok(arrival(at))
            }
            (Ok(at), None) => Ok(arrival(at)),
            (Err(error), _) => {
                self.count("chunks_not_durable");
                tracing::error!(%error, "not written: {error}");
                Err(persist_error(&error))
            }
        };
        self.inputs.push_back(Input::Persisted { request, result });
    }

    async fn network(&mut self, event: NetworkEvent) {
        match event {
            NetworkEvent::Listening(address) => {
                tracing::info!(%address, "listening");
                self.listening.insert(address.to_string());
            }
            NetworkEvent::ListeningEnded(address) => {
                self.listening.remove(&address.to_string());
            }
            NetworkEvent::Connected { peer, link, outbound, address, .. } => {
                tracing::info!(%peer, link = link.0, %address, "connected");
                self.count("connections");
                self.known.connected(to_core(link), peer);
                self.inputs.push_back(Input::Connected { link: to_core(link), peer, dialled: outbound });
            }
            NetworkEvent::Frame { link, bytes } => {
                self.known.frame(to_core(link), &bytes);
                self.inputs.push_back(Input::Frame { link: to_core(link), bytes });
            }
            NetworkEvent::Writable { link } => self.backlog.flush(to_core(link), &self.carrier),
            NetworkEvent::Disconnected { link, reason } => {
                tracing::info!(link = link.0, ?reason, "disconnected");
                self.backlog.forget(to_core(link));
                self.known.disconnected(to_core(link), reason, now(self.started).wall);
                self.inputs.push_back(Input::Disconnected { link: to_core(link) });
            }
            NetworkEvent::Sighted { peer, address } => self.sighted(peer, address).await,
            NetworkEvent::Refused { peer, address, reason } => {
                self.count("connections_refused");
                tracing::info!(?peer, ?address, ?reason, "connection refused");
            }
            NetworkEvent::DialFailed { addresses, failure, .. } => {
                self.count("dials_failed");
                tracing::debug!(?addresses, ?failure, "no connection");
            }
        }
    }

    /// A hint that proves nothing: only nodes that are enrolled here are dialled.
    async fn sighted(&mut self, peer: NodeKey, address: libp2p::Multiaddr) {
        let known = self.replica.enrolled().any(|certificate| certificate.node == peer);
        let new = !self.peers.iter().any(|held| held.key == Some(peer) && held.addresses.contains(&address));
        if known && new {
            self.peers.retain(|held| held.key != Some(peer));
            self.peers.push(PeerAddress { key: Some(peer), addresses: vec![address], kind: PeerKind::Lan });
            self.tell_carrier(NetworkCommand::Peers(self.peers.clone())).await;
        }
    }

    async fn send(&mut self, link: LinkId, bytes: Vec<u8>) {
        self.known.frame(link, &bytes);
        if !self.backlog.send(link, bytes, &self.carrier) {
            self.count("closed_slow_peer");
            tracing::info!(link = link.0, "connection closed: the peer takes less than it asks for");
            self.backlog.forget(link);
            self.tell_carrier(NetworkCommand::Close(to_carrier(link))).await;
        }
    }

    async fn tell_carrier(&self, command: NetworkCommand) {
        if self.carrier.command(command).await.is_err() {
            tracing::error!("the network has stopped");
        }
    }

    fn draw(&mut self) {
        self.offer_stranded();
        let health = self.store.health();
        let trouble = health.journal_trouble.as_ref().or(health.index_trouble.as_ref()).map(ToString::to_string);
        let disk = Disk {
            free_bytes: health.free_bytes,
            floor_bytes: health.floor_bytes,
            journal_bytes: health.journal_bytes,
            trouble,
        };
        let core = self.replica.status(now(self.started));
        let listening = self.listening.iter().cloned().collect();
        let mut counters = self.counters.clone();
        let figures = self.carrier.figures();
        let of_network = [
            ("network_bytes_in", figures.bytes_in),
            ("network_bytes_out", figures.bytes_out),
            ("network_frames_in", figures.frames_in),
            ("network_frames_out", figures.frames_out),
            ("network_hello_bytes", self.known.hello_bytes()),
            ("network_dials", figures.dials),
            ("network_reconnects", figures.reconnects),
        ];
        counters.extend(of_network.map(|(name, count)| (name.to_owned(), count)));
        let contacts = self.known.contacts(&self.replica, &core, &self.carrier, disk.trouble.is_some());
        let contact_times = self.carrier.contact_times();
        let queued_bytes_max = (self.backlog.bytes_max() + self.carrier.queued_bytes_max()) as u64;
        let snapshot = Snapshot { core, contacts, contact_times, listening, counters, disk, queued_bytes_max };
        self.snapshots.send_replace(Arc::new(snapshot));
        self.drawn = Instant::now();
    }

    /// Offers the core the chunks whose predecessors have come from peers since the start.
    fn offer_stranded(&mut self) {
        for bytes in std::mem::take(&mut self.stranded) {
            let Ok(sealed) = SealedChunk::parse(bytes) else { continue };
            let height = self.replica.height(&sealed.header().id());
            if sealed.first() > height.next() {
                self.stranded.push(sealed.into_bytes());
            } else if sealed.last() > height {
                let carried = Carried::Chunk(sealed.into_bytes());
                self.inputs.push_back(Input::Import { request: None, carried });
            }
        }
    }

    /// Finishes what is under way: writes, the index, the peers' queues.
    async fn end(mut self) {
        while !self.writing.is_empty() {
            let Some((request, result)) = self.completions.1.recv().await else { break };
            self.persisted(request, result);
            self.work().await;
        }
        let _ = self.indexer.send(Job::Stop);
        self.carrier.shutdown().await;
        drop(self.tables);
        if let Err(error) = self.store.close() {
            tracing::warn!(%error, "the store was closed with something left to do at the next start");
        }
    }
}

fn now(started: Instant) -> Now {
    let mono = Mono(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now { mono, wall: Wall(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)) }
}

const fn to_core(link: network::LinkId) -> LinkId {
    LinkId(link.0)
}

pub(super) const fn to_carrier(link: LinkId) -> network::LinkId {
    network::LinkId(link.0)
}

const fn persist_error(error: &StoreError) -> PersistError {
    match error {
        StoreError::Full { .. } => PersistError::Full,
        StoreError::Busy => PersistError::Busy,
        StoreError::FrameSize { .. }
        | StoreError::KeySize { .. }
        | StoreError::ValueSize { .. }
        | StoreError::Journal(_)
        | StoreError::Index(_)
        | StoreError::IndexDamaged { .. }
        | StoreError::Closed => PersistError::Failed,
    }
}

/// `BadFrame` as `bad_frame`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

fn name_of(reason: &swabmesh_protocol::merge::MergeRefusal) -> &'static str {
    use swabmesh_protocol::merge::MergeRefusal;
    match reason {
        MergeRefusal::Chunk(_) => "not_verified",
        MergeRefusal::Lane => "other_lane",
        MergeRefusal::UnknownWriter => "unknown_writer",
        MergeRefusal::Withdrawn => "withdrawn_writer",
        MergeRefusal::Gap { .. } => "gap",
        MergeRefusal::Fork { .. } => "fork",
        MergeRefusal::QuarantineFull => "quarantine_full",
        MergeRefusal::Known => "known",
    }
}
