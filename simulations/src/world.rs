//! The world: nodes, network, people and faults, one event after another.

use std::collections::{BTreeMap, BTreeSet};

use swabmesh_protocol::command::{Command, Refusal, Reply};
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::id::{FeedId, Lane};
use swabmesh_protocol::io::{Answer, Input, Notice, Output, RequestId};
use swabmesh_protocol::replica::Replica;
use swabmesh_protocol::restore;

use crate::adversary::Adversary;
use crate::chance::Chance;
use crate::checks::Violation;
use crate::checks::accepted::{self, Accepted};
use crate::checks::bounds::{self, Deadlines};
use crate::city::{AUTHORITY, City, NodeId};
use crate::courier::{self, Couriers};
use crate::disk::Disk;
use crate::faults::{FaultEvent, Faults};
use crate::history::History;
use crate::network::{Later, Network};
use crate::node::{Broken, Node};
use crate::queue::{At, Queue};
use crate::scenario::Scenario;
use crate::signatures::Checked;
use crate::trace::Trace;
use crate::workload::{Act, Work, Workload};

mod power;
mod storage;
mod wire;

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
    Courier(courier::Leg),
    Order(RequestId, Box<Command>),
}

/// One run of a scenario.
#[derive(Debug)]
pub struct World {
    /// Now.
    pub at: At,
    /// Inputs handed to cores so far.
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
    /// Feeds of which somebody signed two histories, as far as nodes noticed.
    pub forks: BTreeSet<FeedId>,
    /// What the run looked like, for people.
    pub history: History,
    /// Rules that did not hold.
    pub violations: Vec<Violation>,
    /// The record.
    pub trace: Trace,
    pub(crate) scenario: Scenario,
    pub(crate) seed: u64,
    pub(crate) queue: Queue<Event>,
    pub(crate) faults: Faults,
    pub(crate) adversaries: BTreeMap<NodeId, Adversary>,
    pub(crate) couriers: Couriers,
    disk_chance: Chance,
    checked: Checked,
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
            nodes: city.ids().map(|id| Node::new(id, Disk::of(&scenario))).collect(),
            network: Network::new(scenario.network, seed),
            workload: Workload::new(&scenario, &city, seed),
            accepted: Accepted::default(),
            forks: BTreeSet::new(),
            history: History::new(scenario.minutes, cells(&city)),
            violations: Vec::new(),
            trace,
            seed,
            queue: Queue::default(),
            faults: Faults::new(seed),
            adversaries: BTreeMap::new(),
            couriers: Couriers::new(seed),
            disk_chance: Chance::new(seed, "disk"),
            checked: Checked::default(),
            deadlines: vec![Deadlines::default(); city.citizens.len()],
            city,
            scenario,
        };
        world.begin_faults()?;
        world.begin_couriers()?;
        for id in world.city.ids() {
            world.schedule(At(0), Event::Fault(FaultEvent::On(id)));
        }
        Ok(world)
    }

    pub(crate) fn schedule(&mut self, at: At, event: Event) {
        self.queue.schedule(at.max(self.at), event);
    }

    pub(crate) fn schedule_all(&mut self, later: impl IntoIterator<Item = (At, Later)>) {
        later.into_iter().for_each(|(at, later)| self.schedule(at, Event::Network(later)));
    }

    pub(crate) fn node_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(id.0)
    }

    pub(crate) fn runs(&self, id: NodeId) -> bool {
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
        if self.history.is_due(at) {
            self.look();
        }
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
            Event::Courier(leg) => self.courier(leg)?,
            Event::Order(request, command) => self.order(request, command)?,
        }
        self.acts()?;
        Ok(true)
    }

    /// Notes where registrations are.
    pub(crate) fn look(&mut self) {
        let counts = self.nodes.iter().filter_map(|node| node.replica().map(Replica::own_counts));
        let receipted = counts.map(|counts| counts.at_authority).sum();
        self.history.look(self.at, receipted, self.network.traffic);
    }

    fn is_life(&self, id: NodeId, life: u32) -> bool {
        self.nodes.get(id.0).is_some_and(|node| node.runs() && node.life == life)
    }

    /// Hands a node an input and carries out what comes of it.
    pub(crate) fn input(&mut self, id: NodeId, input: Input) -> Result<(), Broken> {
        let at = self.at;
        let Some(node) = self.nodes.get_mut(id.0).filter(|node| node.runs()) else { return Ok(()) };
        self.events += 1;
        let outputs = node.handle(at, input);
        self.carry_out(id, outputs)
    }

    pub(crate) fn carry_out(&mut self, id: NodeId, outputs: Vec<Output>) -> Result<(), Broken> {
        if let Some(what) = bounds::exceeded(&outputs, self.network.connections(id)) {
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
            Output::Imported { request, result } => self.imported(request, result),
            Output::Notice(Notice::InSync { .. }) => {}
            Output::Notice(notice) => {
                if let Notice::Fork { feed, .. } = notice {
                    self.forks.insert(feed);
                }
                self.line(id, format_args!("notice {notice:?}"));
            }
        }
        Ok(())
    }

    fn reply(&mut self, id: NodeId, request: RequestId, result: &Result<Reply, Refusal>) {
        match result {
            Ok(reply) => {
                self.line(id, format_args!("reply {} {}", request.0, crate::trace::reply_line(reply)));
                let disk = self.nodes.get(id.0).map(|node| &node.disk);
                if let Some(what) = disk.and_then(|disk| self.accepted.replied(id, disk, reply)) {
                    self.violated(accepted::RULE, id, what);
                }
                if let Reply::Verdict(verdict) = reply
                    && let (Some(entry), Some(citizen)) = (verdict.registration, self.city.citizen(id))
                {
                    self.history.accepted(self.at, id, citizen.lane, entry);
                }
            }
            Err(refusal) => self.line(id, format_args!("refuse {}: {refusal}", request.0)),
        }
        let forgotten = self.workload.reply(self.at, id, request, result);
        // What stands above a clone's fork, and what others said of it, counts only once the authority decides.
        if let Some(forgotten) = forgotten.filter(|_| !self.is_clone_found_out()) {
            self.violated("desks-read-what-they-wrote", id, forgotten.what);
        }
    }

    /// Whether anybody noticed that two machines wrote with one key.
    fn is_clone_found_out(&self) -> bool {
        self.nodes.iter().any(|node| self.forks.iter().any(|feed| self.is_of_clones(&node.disk, feed)))
    }

    /// Whether two machines have the key of a feed's writer, as a disk has it.
    fn is_of_clones(&self, disk: &Disk, feed: &FeedId) -> bool {
        let writer = disk.header(feed).map(|header| header.writer);
        self.city.cloned().any(|id| self.city.citizen(id).map(|citizen| citizen.node) == writer)
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

    fn work(&mut self, work: Work) {
        let node = match &work {
            Work::Desk(node, _) | Work::Box(node, _) | Work::Read(node, _) => *node,
            Work::Office => AUTHORITY,
        };
        let runs = self.nodes.get(node.0).is_some_and(|node| node.runs() && node.serves);
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
}

/// The cells that have sites, in order.
fn cells(city: &City) -> Vec<Lane> {
    let cells: BTreeSet<Lane> =
        city.of_role(Role::Site).filter_map(|id| city.citizen(id).map(|citizen| citizen.lane)).collect();
    cells.into_iter().collect()
}
