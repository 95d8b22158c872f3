//! The world: nodes, network, people and faults, one event after another.

use std::collections::BTreeSet;

use swabmesh_protocol::chunk::SealedChunk;
use swabmesh_protocol::id::NodeKey;
use swabmesh_protocol::io::{Answer, Input, LinkId, Notice, Output, PersistError, Query, RequestId};
use swabmesh_protocol::project::Placed;
use swabmesh_protocol::restore::{self, Found};

use crate::chance::Chance;
use crate::checks::accepted::{self, Accepted};
use crate::checks::bounds::{self, Deadlines};
use crate::checks::{Violation, receipts};
use crate::city::{AUTHORITY, City, NodeId};
use crate::disk::Pending;
use crate::faults::{FaultEvent, Faults};
use crate::network::{Later, Network};
use crate::node::{Broken, Node};
use crate::queue::{At, Queue};
use crate::scenario::Scenario;
use crate::trace::{Trace, frame_name};
use crate::workload::{Act, Work, Workload};

/// Something that will happen. Answers of a disk name the life of the node that asked.
#[derive(Debug)]
pub(crate) enum Event {
    Network(Later),
    Synced(NodeId, u32),
    Read(NodeId, u32, RequestId, Answer),
    Index(NodeId, u32),
    Deadline(NodeId, u32),
    Work(Work),
    Fault(FaultEvent),
}

/// One run of a scenario.
#[derive(Debug)]
pub struct World {
    /// Now.
    pub at: At,
    /// Events so far.
    pub events: u64,
    /// Who takes part.
    pub city: City,
    /// Their machines.
    pub nodes: Vec<Node>,
    /// What connects them.
    pub network: Network,
    /// What people do.
    pub workload: Workload,
    /// What nodes promised.
    pub accepted: Accepted,
    /// Rules that did not hold.
    pub violations: Vec<Violation>,
    /// The record.
    pub trace: Trace,
    pub(crate) scenario: Scenario,
    pub(crate) seed: u64,
    pub(crate) queue: Queue<Event>,
    pub(crate) faults: Faults,
    disk_chance: Chance,
    deadlines: Vec<Deadlines>,
}

impl World {
    /// A world before its first event.
    ///
    /// # Errors
    /// [`crate::scenario::ScenarioError::Selector`] when a fault names nobody.
    pub fn new(scenario: Scenario, seed: u64, trace: Trace) -> Result<Self, crate::scenario::ScenarioError> {
        let city = City::found(&scenario, seed);
        let mut world = Self {
            at: At(0),
            events: 0,
            nodes: city.ids().map(Node::new).collect(),
            network: Network::new(scenario.network, seed),
            workload: Workload::new(&scenario, &city, seed),
            accepted: Accepted::default(),
            violations: Vec::new(),
            trace,
            seed,
            queue: Queue::default(),
            faults: Faults::new(seed),
            disk_chance: Chance::new(seed, "disk"),
            deadlines: vec![Deadlines::default(); city.citizens.len()],
            city,
            scenario,
        };
        world.begin_faults()?;
        for id in world.city.ids() {
            world.schedule(At(0), Event::Fault(FaultEvent::On(id)));
        }
        Ok(world)
    }

    pub(crate) fn schedule(&mut self, at: At, event: Event) {
        self.queue.schedule(at.max(self.at), event);
    }

    fn schedule_all(&mut self, later: impl IntoIterator<Item = (At, Later)>) {
        later.into_iter().for_each(|(at, later)| self.schedule(at, Event::Network(later)));
    }

    pub(crate) fn node_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(id.0)
    }

    fn runs(&self, id: NodeId) -> bool {
        self.nodes.get(id.0).is_some_and(Node::runs)
    }

    pub(crate) fn line(&mut self, id: NodeId, what: std::fmt::Arguments<'_>) {
        self.trace.line(self.at, self.city.name(id), what);
    }

    /// Notes that a rule did not hold.
    pub fn violated(&mut self, rule: &'static str, id: NodeId, what: String) {
        self.line(id, format_args!("VIOLATION {rule}: {what}"));
        let node = self.city.name(id).to_owned();
        self.violations.push(Violation { at: self.at, rule, node, what });
    }

    /// Lets the next event happen; `false` if none is left before `until`.
    ///
    /// # Errors
    /// [`Broken`]: a bug of the simulation or of the core.
    pub fn step(&mut self, until: At) -> Result<bool, Broken> {
        if self.queue.next_at().is_none_or(|at| at > until) {
            self.at = until;
            return Ok(false);
        }
        let Some((at, event)) = self.queue.pop() else { return Ok(false) };
        self.at = at;
        self.events += 1;
        match event {
            Event::Network(later) => self.network_event(later)?,
            Event::Synced(id, life) => self.synced(id, life)?,
            Event::Read(id, life, request, answer) => {
                if self.is_life(id, life) {
                    self.input(id, Input::Loaded { request, answer })?;
                }
            }
            Event::Index(id, life) => self.index(id, life)?,
            Event::Deadline(id, life) => self.deadline(id, life)?,
            Event::Work(work) => self.work(work),
            Event::Fault(fault) => self.fault(fault)?,
        }
        self.acts()?;
        Ok(true)
    }

    fn is_life(&self, id: NodeId, life: u32) -> bool {
        self.nodes.get(id.0).is_some_and(|node| node.runs() && node.life == life)
    }

    /// Hands a node an input and carries out what comes of it.
    pub(crate) fn input(&mut self, id: NodeId, input: Input) -> Result<(), Broken> {
        let at = self.at;
        let Some(node) = self.node_mut(id) else { return Ok(()) };
        let outputs = node.handle(at, input);
        self.carry_out(id, outputs)
    }

    pub(crate) fn carry_out(&mut self, id: NodeId, outputs: Vec<Output>) -> Result<(), Broken> {
        if let Some(what) = bounds::exceeded(&outputs) {
            self.violated(bounds::RULE, id, what);
        }
        for output in outputs {
            self.output(id, output)?;
        }
        self.schedule_deadline(id);
        Ok(())
    }

    fn output(&mut self, id: NodeId, output: Output) -> Result<(), Broken> {
        match output {
            Output::Send { link, bytes } => self.send(id, link, bytes),
            Output::Admit { link, .. } => self.line(id, format_args!("admit link {}", link.0)),
            Output::Close { link, reason } => {
                self.line(id, format_args!("close link {}: it {reason}", link.0));
                self.drop_link(id, link)?;
            }
            Output::Withdraw { peer } => self.withdraw(id, peer)?,
            Output::Persist { request, chunk, own } => self.persist(id, Some(request), own, chunk),
            Output::Keep { certificate, .. } => self.persist(id, None, false, certificate),
            Output::Load { request, query } => self.load(id, request, &query)?,
            Output::Release { through } => self.release(id, through),
            Output::Remember { peer, epoch, through } => {
                if let Some(node) = self.node_mut(id) {
                    node.disk.write(vec![restore::remembered(&peer, epoch, through)])?;
                }
            }
            Output::Reply { request, result } => self.reply(id, request, &result),
            Output::Renew { epoch } => {
                self.line(id, format_args!("renew epoch {:016x}", epoch.0));
                if let Some(node) = self.nodes.get_mut(id.0) {
                    node.epoch = Some(epoch);
                }
            }
            Output::Renewed { .. } => self.line(id, format_args!("certificate renewed")),
            Output::Notice(Notice::InSync { .. }) => {}
            Output::Notice(notice) => self.line(id, format_args!("notice {notice:?}")),
        }
        Ok(())
    }

    fn send(&mut self, id: NodeId, link: LinkId, bytes: Vec<u8>) {
        let (name, size) = (frame_name(&bytes), bytes.len());
        let gone = self.nodes.get(id.0).and_then(|node| bounds::held_and_gone(&bytes, &node.disk));
        let Some((arrives, later)) = self.network.send(self.at, link, id, bytes) else { return };
        self.line(id, format_args!("send {name} {size} B, link {}", link.0));
        self.schedule(arrives, Event::Network(later));
        if let Some(what) = gone {
            self.violated(bounds::GONE_RULE, id, what);
        }
        if self.network.traffic.under_way_max > bounds::UNDER_WAY_BYTES_MAX {
            let what = format!("{} bytes under way on link {}", self.network.traffic.under_way_max, link.0);
            self.violated(bounds::RULE, id, what);
        }
    }

    fn persist(&mut self, id: NodeId, request: Option<RequestId>, own: bool, bytes: Vec<u8>) {
        if let Ok(chunk) = SealedChunk::parse(bytes.clone()) {
            let (feed, first, last) = (chunk.header().id().short(), chunk.first().0, chunk.last().0);
            self.line(id, format_args!("persist {feed} {first}..{last} {} B", bytes.len()));
            if own && id == AUTHORITY {
                let disk = self.nodes.get(id.0).map(|node| &node.disk);
                let early = disk.zip(chunk.reopen().ok());
                if let Some(what) = early.and_then(|(disk, chunk)| receipts::claimed_too_early(&chunk, disk)) {
                    self.violated(receipts::RECEIPT_RULE, id, what);
                }
            }
        }
        let starts = self.node_mut(id).is_some_and(|node| node.disk.persist(Pending { request, own, bytes }));
        if starts {
            self.start_sync(id);
        }
    }

    fn start_sync(&mut self, id: NodeId) {
        let [low, high] = self.scenario.disk.sync_ms;
        let done = self.at.after_ms(self.disk_chance.between(low, high));
        let Some(node) = self.node_mut(id) else { return };
        let life = node.life;
        if node.disk.start_sync() {
            self.schedule(done, Event::Synced(id, life));
        }
    }

    fn synced(&mut self, id: NodeId, life: u32) -> Result<(), Broken> {
        if !self.is_life(id, life) {
            return Ok(());
        }
        let Some(node) = self.nodes.get_mut(id.0) else { return Ok(()) };
        let answers = node.disk.synced(&mut self.disk_chance);
        for (request, arrival) in answers {
            let result = arrival.ok_or(PersistError::Full);
            self.line(id, format_args!("synced {:?}", result.map(|arrival| arrival.0)));
            self.input(id, Input::Persisted { request, result })?;
        }
        self.start_sync(id);
        self.start_index(id);
        Ok(())
    }

    pub(crate) fn start_index(&mut self, id: NodeId) {
        let [low, high] = self.scenario.disk.index_ms;
        let done = self.at.after_ms(self.disk_chance.between(low, high));
        let Some(node) = self.node_mut(id) else { return };
        let life = node.life;
        if !node.indexing && node.disk.is_behind() {
            node.indexing = true;
            self.schedule(done, Event::Index(id, life));
        }
    }

    fn index(&mut self, id: NodeId, life: u32) -> Result<(), Broken> {
        if !self.is_life(id, life) {
            return Ok(());
        }
        let (checkpoint_batches, seed) = (self.scenario.disk.checkpoint_batches, self.seed);
        let Some(node) = self.nodes.get_mut(id.0) else { return Ok(()) };
        node.indexing = false;
        let Some(identity) = node.identity(&self.city, seed) else { return Ok(()) };
        if let Some(indexed) = node.index(&identity, checkpoint_batches)? {
            self.line(id, format_args!("indexed {}", indexed.through.0));
            for projected in indexed
                .projected
                .iter()
                .filter(|projected| !matches!(projected.placed, Placed::Applied | Placed::Partly { .. }))
            {
                self.line(id, format_args!("index {:?}", projected.placed));
            }
            self.input(id, Input::Indexed { through: indexed.through })?;
        }
        self.start_index(id);
        Ok(())
    }

    fn load(&mut self, id: NodeId, request: RequestId, query: &Query) -> Result<(), Broken> {
        let [low, high] = self.scenario.disk.read_ms;
        let done = self.at.after_ms(self.disk_chance.between(low, high));
        let Some(node) = self.nodes.get(id.0) else { return Ok(()) };
        // Read now and told later: whatever happens in between, the core must not be confused by it.
        let (life, answer) = (node.life, node.read(query)?);
        self.schedule(done, Event::Read(id, life, request, answer));
        Ok(())
    }

    fn release(&mut self, id: NodeId, through: swabmesh_protocol::io::Arrival) {
        let early = match (self.nodes.get(id.0), self.nodes.get(AUTHORITY.0)) {
            (Some(node), Some(authority)) => receipts::released_too_early(through, &node.disk, &authority.disk),
            _ => None,
        };
        if let Some(what) = early {
            self.violated(receipts::RELEASE_RULE, id, what);
        }
        if let Some(node) = self.node_mut(id) {
            node.disk.release(through);
        }
    }

    fn reply(
        &mut self,
        id: NodeId,
        request: RequestId,
        result: &Result<swabmesh_protocol::command::Reply, swabmesh_protocol::command::Refusal>,
    ) {
        match result {
            Ok(reply) => {
                self.line(id, format_args!("reply {} {}", request.0, crate::trace::reply_line(reply)));
                let disk = self.nodes.get(id.0).map(|node| &node.disk);
                if let Some(what) = disk.and_then(|disk| self.accepted.replied(id, disk, reply)) {
                    self.violated(accepted::RULE, id, what);
                }
            }
            Err(refusal) => self.line(id, format_args!("refuse {}: {refusal}", request.0)),
        }
        if let Some(forgotten) = self.workload.reply(self.at, id, request, result) {
            self.violated("desks-read-what-they-wrote", id, forgotten.what);
        }
    }

    fn schedule_deadline(&mut self, id: NodeId) {
        let at = self.at;
        let Some(node) = self.node_mut(id) else { return };
        let Some((due, _)) = node.next_deadline() else { return };
        let due = due.max(at);
        if node.deadline.is_none_or(|scheduled| scheduled > due) {
            node.deadline = Some(due);
            let life = node.life;
            self.schedule(due, Event::Deadline(id, life));
        }
    }

    fn deadline(&mut self, id: NodeId, life: u32) -> Result<(), Broken> {
        let at = self.at;
        if !self.is_life(id, life) {
            return Ok(());
        }
        let Some(node) = self.node_mut(id) else { return Ok(()) };
        if node.deadline != Some(at) {
            return Ok(());
        }
        node.deadline = None;
        match node.next_deadline() {
            Some((due, deadline)) if due <= at => {
                let again = self.deadlines.get_mut(id.0).and_then(|deadlines| deadlines.next(deadline));
                if let Some(what) = again {
                    self.violated(bounds::RULE, id, what);
                }
                self.line(id, format_args!("deadline {:?}", deadline.1));
                self.input(id, Input::DeadlineReached)
            }
            Some(_) | None => {
                self.schedule_deadline(id);
                Ok(())
            }
        }
    }

    fn network_event(&mut self, later: Later) -> Result<(), Broken> {
        match later {
            Later::Deliver(link, to, bytes) => {
                if let Some(bytes) = self.network.deliver(link, to, bytes) {
                    self.line(to, format_args!("frame {} {} B, link {}", frame_name(&bytes), bytes.len(), link.0));
                    self.input(to, Input::Frame { link, bytes })?;
                }
            }
            Later::Lost(link, node) => {
                if self.network.peer(link, node).is_some() {
                    self.line(node, format_args!("lost link {}", link.0));
                    self.drop_link(node, link)?;
                }
            }
            Later::Silent(link, node, cut) => {
                if self.network.is_silent(link, node, cut) {
                    self.line(node, format_args!("silence on link {}", link.0));
                    self.drop_link(node, link)?;
                }
            }
            Later::Dial(from, to) => {
                if self.runs(from) {
                    let runs = self.runs(to);
                    let later = self.network.dial(self.at, &self.city, from, to, runs);
                    self.schedule_all(later);
                }
            }
            Later::Connected(link, node) => self.connected(link, node)?,
        }
        Ok(())
    }

    fn connected(&mut self, link: LinkId, node: NodeId) -> Result<(), Broken> {
        let Some(peer) = self.network.peer(link, node) else { return Ok(()) };
        if !self.runs(node) {
            self.network.close(self.at, link, node);
            return Ok(());
        }
        let Some(key) = self.city.citizen(peer).map(|citizen| citizen.node) else { return Ok(()) };
        let dialled = self.network.dialled(link, node);
        let name = self.city.name(peer).to_owned();
        self.line(node, format_args!("connected to {name}, link {}", link.0));
        self.input(node, Input::Connected { link, peer: key, dialled })?;
        // Both dialled: the lower place keeps the connection it dialled (design §5).
        if let Some(other) = self.network.other(link, node) {
            let lower = node.min(peer);
            let gone = if self.network.dialled(link, lower) { other } else { link };
            self.drop_link(node, gone)?;
        }
        Ok(())
    }

    /// A node's end of a connection is gone: the core is told, the other end hears of it, and it is dialled again.
    pub(crate) fn drop_link(&mut self, id: NodeId, link: LinkId) -> Result<(), Broken> {
        let Some(peer) = self.network.peer(link, id) else { return Ok(()) };
        let later = self.network.close(self.at, link, id);
        self.schedule_all(later);
        if self.city.citizen(id).is_some_and(|citizen| citizen.dials.contains(&peer)) {
            let (at, dial) = self.network.redial(self.at, &self.city, id, peer);
            self.schedule(at, Event::Network(dial));
        }
        self.input(id, Input::Disconnected { link })
    }

    fn withdraw(&mut self, id: NodeId, peer: NodeKey) -> Result<(), Broken> {
        let gone: BTreeSet<NodeId> =
            self.city.ids().filter(|id| self.city.citizen(*id).is_some_and(|citizen| citizen.node == peer)).collect();
        let links = self.network.links_of(id).into_iter();
        let links: Vec<LinkId> =
            links.filter(|link| self.network.peer(*link, id).is_some_and(|peer| gone.contains(&peer))).collect();
        links.into_iter().try_for_each(|link| self.drop_link(id, link))
    }

    fn work(&mut self, work: Work) {
        let node = match &work {
            Work::Desk(node, _) | Work::Box(node, _) | Work::Read(node, _) => *node,
            Work::Office => AUTHORITY,
        };
        let runs = self.runs(node);
        if self.scenario.day.closes_min.is_some_and(|minute| self.at.0 >= minute * 60_000) {
            self.workload.close();
        }
        self.workload.work(self.at, work, runs);
    }

    /// Does what people want until they wait for something.
    fn acts(&mut self) -> Result<(), Broken> {
        loop {
            let acts = self.workload.take_acts();
            if acts.is_empty() {
                return Ok(());
            }
            for act in acts {
                match act {
                    Act::Later(at, work) => self.schedule(at, Event::Work(work)),
                    Act::Ask(id, request, command) => {
                        self.line(id, format_args!("command {} {}", request.0, crate::trace::command_name(&command)));
                        self.input(id, Input::Command { request, command })?;
                    }
                }
            }
        }
    }

    /// Switches a node on.
    pub(crate) fn switch_on(&mut self, id: NodeId) -> Result<(), Broken> {
        let (at, seed) = (self.at, self.seed);
        let Some(node) = self.nodes.get_mut(id.0).filter(|node| !node.runs()) else { return Ok(()) };
        let Some(Found { held, skipped }) = node.start(at, &self.city, seed)? else { return Ok(()) };
        let outputs = node.first_outputs();
        self.line(id, format_args!("on: {} feeds, {} frames passed over", held.heads.len(), skipped.len()));
        if let Some(what) = self.accepted.restored(id, &held.heads) {
            self.violated(accepted::RULE, id, what);
        }
        self.carry_out(id, outputs)?;
        let dials = self.city.citizen(id).map(|citizen| citizen.dials.clone()).unwrap_or_default();
        for peer in dials {
            let (at, dial) = self.network.redial(at, &self.city, id, peer);
            self.schedule(at, Event::Network(dial));
        }
        self.start_index(id);
        Ok(())
    }

    /// Cuts a node's power.
    pub(crate) fn switch_off(&mut self, id: NodeId) {
        let at = self.at;
        let Some(node) = self.nodes.get_mut(id.0).filter(|node| node.runs()) else { return };
        node.stop();
        node.disk.power_cut(&mut self.disk_chance);
        self.line(id, format_args!("off"));
        for link in self.network.links_of(id) {
            let later = self.network.close(at, link, id);
            self.schedule_all(later);
        }
        self.workload.interrupted(at, id);
    }

    /// Everything that was broken is whole, and stays so; people finish what they began.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn heal(&mut self) -> Result<(), Broken> {
        self.line(AUTHORITY, format_args!("healed"));
        self.faults.calm();
        self.nodes.iter_mut().for_each(|node| node.disk.full = false);
        let later = self.network.heal_all(self.at);
        self.schedule_all(later);
        self.city.ids().try_for_each(|id| self.switch_on(id))?;
        self.workload.close();
        Ok(())
    }
}
