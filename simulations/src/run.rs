//! One run: a safety phase, a liveness phase, and a last look at everything.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::ops::ControlFlow;

use swabmesh_protocol::fact::{Role, Subject};
use swabmesh_protocol::frontier::Lanes;
use swabmesh_protocol::id::{FeedId, NodeKey};
use swabmesh_protocol::project::{self, FlagKind};
use swabmesh_protocol::replica::Replica;
use swabmesh_protocol::roster::Standing;
use swabmesh_protocol::view::ViewError;

use crate::checks::agreement::{self, Derived, Heights, Held};
use crate::checks::histories::{self, Forked};
use crate::checks::{accepted, receipts, roles};
use crate::city::{AUTHORITY, Citizen, City, NodeId};
use crate::disk::Disk;
use crate::history::History;
use crate::node::{Broken, Node, role_of};
use crate::queue::At;
use crate::report::Report;
use crate::scenario::{Scenario, ScenarioError};
use crate::trace::Trace;
use crate::world::World;

/// Time between two looks whether a healed city agrees. Virtual milliseconds.
const LOOK_MS: u64 = 500;
/// Events between two calls of whoever watches.
const WATCH_EVERY: u32 = 4_096;
/// Duplicates counted.
const FLAGS_MAX: usize = 1_000_000;
/// Sites whose documents are built and compared in the end; in larger cities every so manieth. Frontier roots are
/// compared of all.
const DOCUMENTS_COMPARED_MAX: usize = 128;

/// Why a run has no report.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The scenario is at fault.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The simulation or the core is at fault.
    #[error(transparent)]
    Broken(#[from] Broken),
}

/// A run that came to its end, or was ended.
#[derive(Debug)]
pub struct Ran {
    /// The figures.
    pub report: Report,
    /// What it looked like over time.
    pub history: History,
    /// Who took part.
    pub city: City,
    /// What was run.
    pub scenario: Scenario,
    /// Whether somebody ended it before its time.
    pub ended_early: bool,
    /// The last lines of the trace.
    pub last_lines: Vec<String>,
}

/// Runs a scenario.
///
/// `sink` takes the whole trace; `watch` is called every few thousand events and may end the run.
///
/// # Errors
/// [`RunError`]; a rule that did not hold is no error, it is in the report.
pub fn run(
    scenario: &Scenario,
    seed: u64,
    sink: Option<Box<dyn Write + Send>>,
    watch: &mut dyn FnMut(&World) -> ControlFlow<()>,
) -> Result<Ran, RunError> {
    let world = World::new(scenario.clone(), seed, Trace::new(sink))?;
    let mut run = Run { world, watch, ended_early: false };
    run.until(At(scenario.minutes * 60_000))?;
    let mut outcome = Outcome::default();
    if run.goes_on() {
        outcome = run.liveness()?;
    }
    let Run { mut world, ended_early, .. } = run;
    world.look();
    let report = report(&world, &outcome);
    let World { history, city, scenario, trace, .. } = world;
    let last_lines = trace.last().map(str::to_owned).collect();
    Ok(Ran { report, history, city, scenario, ended_early, last_lines })
}

#[derive(Debug, Default)]
struct Outcome {
    converged: bool,
    converge_ms: u64,
    lost: u64,
    duplicates: u64,
    quarantined: u64,
    let_go: u64,
}

struct Run<'w> {
    world: World,
    watch: &'w mut dyn FnMut(&World) -> ControlFlow<()>,
    ended_early: bool,
}

impl Run<'_> {
    fn goes_on(&self) -> bool {
        self.world.violations.is_empty() && !self.ended_early
    }

    /// Lets things happen until a moment, a violation, or somebody ends it.
    fn until(&mut self, at: At) -> Result<(), Broken> {
        let mut steps: u32 = 0;
        while self.goes_on() && self.world.step(at)? {
            steps += 1;
            if steps.is_multiple_of(WATCH_EVERY) {
                self.ended_early = (self.watch)(&self.world).is_break();
            }
        }
        Ok(())
    }

    fn liveness(&mut self) -> Result<Outcome, Broken> {
        self.world.heal()?;
        let healed = self.world.at;
        let until = healed.after_ms(self.world.scenario.converge_s_max * 1_000);
        let mut outcome = Outcome::default();
        let mut why = Some(Behind::at(AUTHORITY, "nothing was looked at".to_owned()));
        while self.world.at < until && why.is_some() && self.goes_on() {
            self.until(until.min(self.world.at.after_ms(LOOK_MS)))?;
            let asked = why.map_or(AUTHORITY, |behind| behind.node);
            why = self.world.disagreement(asked)?;
        }
        if self.ended_early {
            return Ok(outcome);
        }
        outcome.converge_ms = self.world.at.since_ms(healed);
        outcome.converged = why.is_none();
        if let Some(Behind { node, rule, why }) = why {
            self.world.violated(rule, node, format!("{} ms after healing {why}", outcome.converge_ms));
        }
        if let Some(feed) = self.world.above_mark()? {
            let what = format!("{feed} of a withdrawn node stands above its mark");
            self.world.violated(roles::WITHDRAWN_RULE, AUTHORITY, what);
        }
        last_look(&mut self.world, &mut outcome)?;
        Ok(outcome)
    }
}

/// A node that is not where the others are, and the rule that it breaks unless it gets there in time.
#[derive(Debug)]
struct Behind {
    node: NodeId,
    rule: &'static str,
    why: String,
}

impl Behind {
    const fn at(node: NodeId, why: String) -> Self {
        Self { node, rule: agreement::RULE, why }
    }
}

impl World {
    /// A feed of a withdrawn node of which more stands at the authority than its withdrawal says; the rest is kept apart.
    fn above_mark(&self) -> Result<Option<FeedId>, ViewError> {
        let Some(authority) = self.nodes.get(AUTHORITY.0) else { return Ok(None) };
        let Some(replica) = authority.replica() else { return Ok(None) };
        let grew = |(id, record): &(FeedId, project::HeadRecord)| {
            let standing = replica.standing(&record.header.writer, id);
            matches!(standing, Standing::WithdrawnAbove(mark, _) if record.header.id() == *id && record.height > mark)
        };
        Ok(project::quarantine::named_heads(authority.disk.tables())?.into_iter().find(grew).map(|(id, _)| id))
    }

    /// Nodes that no promise holds for: hostile ones, and those that were withdrawn.
    fn is_outside(&self, id: NodeId) -> bool {
        self.adversaries.contains_key(&id) || self.faults.withdrawn.contains(&id)
    }

    fn outside_writers(&self) -> BTreeSet<NodeKey> {
        let outside = self.city.ids().filter(|id| self.is_outside(*id));
        outside.filter_map(|id| self.city.citizen(id)).map(|citizen| citizen.node).collect()
    }

    /// Who does not agree with the authority yet, and in what; `first` is asked first.
    fn disagreement(&self, first: NodeId) -> Result<Option<Behind>, Broken> {
        if !self.workload.is_done() {
            return Ok(Some(Behind::at(AUTHORITY, "somebody still waits for an answer".to_owned())));
        }
        let Some(authority) = self.nodes.get(AUTHORITY.0) else { return Ok(None) };
        let outside = self.outside_writers();
        let foreign = authority.disk.feeds_of(&outside).map(|(feed, _)| feed);
        // How far each history of a forked feed is held is asked by itself.
        let apart: BTreeSet<FeedId> = foreign.chain(self.forks.iter().copied()).collect();
        let heights = Heights::of(&authority.disk, &apart);
        let nodes = self.nodes.iter().zip(&self.city.citizens).filter(|(node, _)| !self.is_outside(node.id));
        let mut nodes: Vec<(&Node, &Citizen)> = nodes.collect();
        nodes.sort_by_key(|(node, _)| node.id != first);
        for (node, citizen) in &nodes {
            if let Some(why) = self.lacks(node, &heights, &citizen.lanes()) {
                return Ok(Some(Behind::at(node.id, why)));
            }
        }
        let disks: Vec<&Disk> = nodes.iter().map(|(node, _)| &node.disk).collect();
        let forked = Forked::of(&disks);
        for (node, citizen) in &nodes {
            if let Some(why) = forked.lacking(&node.disk, &citizen.lanes()) {
                return Ok(Some(Behind { node: node.id, rule: histories::RULE, why }));
            }
        }
        // Only now, as it costs more: the tables themselves.
        let held = Held::read(&authority.disk, &outside)?;
        for (node, citizen) in &nodes {
            let lanes = citizen.lanes();
            let own = Held::read(&node.disk, &outside)?;
            if own.root(&lanes) != held.root(&lanes) {
                return Ok(Some(Behind::at(node.id, own.differing(&held, &lanes))));
            }
        }
        Ok(None)
    }

    fn lacks(&self, node: &Node, heights: &Heights, lanes: &Lanes) -> Option<String> {
        if node.disk.is_behind() {
            return Some("the tables are behind the journal".to_owned());
        }
        let Some(replica) = node.replica() else { return Some("it is off".to_owned()) };
        let counts = replica.own_counts();
        if counts.at_authority != counts.registrations {
            return Some(format!("its registrations are not receipted: {counts:?}"));
        }
        heights.lacking(&node.disk, lanes)
    }
}

/// Checks that need everything to be at rest.
fn last_look(world: &mut World, outcome: &mut Outcome) -> Result<(), Broken> {
    let mut found: Vec<(&'static str, NodeId, String)> = Vec::new();
    let Some(authority) = world.nodes.get(AUTHORITY.0) else { return Ok(()) };
    let outside = world.outside_writers();
    let held = Held::read(&authority.disk, &outside)?;
    let every = world.nodes.len().div_ceil(DOCUMENTS_COMPARED_MAX).max(1);
    // What the authority has to say of the lanes of one cell is the same for each of its sites.
    let mut theirs: BTreeMap<Lanes, BTreeMap<Subject, Derived>> = BTreeMap::new();
    let nodes = world.nodes.iter().zip(&world.city.citizens).filter(|(node, _)| !world.is_outside(node.id));
    for (node, citizen) in nodes {
        if let Some(replica) = node.replica()
            && let Some(what) = roles::above_role(&node.disk, &|writer| role_of(replica, writer))?
        {
            found.push((roles::RULE, node.id, what));
        }
        if let Some(what) = roles::foreign_private(&node.disk, &citizen.node) {
            found.push((roles::PRIVATE_RULE, node.id, what));
        }
        if let Some(what) = receipts::let_go_too_early(&node.disk, &authority.disk)? {
            found.push((receipts::LET_GO_RULE, node.id, what));
        }
        if let Some(first) = world.accepted.missing(&node.disk, node.id)?.first() {
            found.push((accepted::RULE, node.id, format!("{first} is lost here")));
        }
        let lost = world.accepted.missing(&authority.disk, node.id)?;
        outcome.lost += lost.len() as u64;
        if let Some(first) = lost.first() {
            found.push((accepted::RULE, AUTHORITY, format!("{} lost, the first {first}", lost.len())));
        }
        if outcome.converged && node.id != AUTHORITY && (node.id.0.is_multiple_of(every) || citizen.role != Role::Site)
        {
            let lanes = citizen.lanes();
            let documents = match theirs.entry(lanes.clone()) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => unknown.insert(held.documents(&authority.disk, &lanes, &BTreeMap::new())?),
            };
            found.extend(documents_differ(node, (&held, documents), &lanes, &outside)?);
        }
    }
    outcome.let_go = held.let_go();
    outcome.quarantined = authority.replica().map_or(0, Replica::quarantined);
    outcome.duplicates = project::flags(authority.disk.tables(), Some(FlagKind::Duplicate), FLAGS_MAX)
        .map_err(Broken::Tables)?
        .len() as u64;
    found.into_iter().for_each(|(rule, id, what)| world.violated(rule, id, what));
    Ok(())
}

fn documents_differ(
    node: &Node,
    (authority, theirs): (&Held, &BTreeMap<Subject, Derived>),
    lanes: &Lanes,
    outside: &BTreeSet<NodeKey>,
) -> Result<Option<(&'static str, NodeId, String)>, Broken> {
    let held = Held::read(&node.disk, outside)?;
    let nothing = BTreeMap::new();
    let known = if held.root(lanes) == authority.root(lanes) { theirs } else { &nothing };
    let own = held.documents(&node.disk, lanes, known)?;
    let agrees = |subject: &Subject, own: &Derived| theirs.get(subject).is_some_and(|theirs| own.agrees(theirs));
    let differs = own.iter().find(|(subject, own)| !agrees(subject, own));
    let lacks = theirs.keys().find(|subject| !own.contains_key(subject));
    let what =
        differs.map(|(subject, _)| format!("{subject:?} differs")).or(lacks.map(|s| format!("{s:?} is missing")));
    Ok(what.map(|what| (agreement::RULE, node.id, what)))
}

fn report(world: &World, outcome: &Outcome) -> Report {
    let tally = world.workload.tally();
    Report {
        scenario: world.scenario.name.clone(),
        seed: world.seed,
        sites: world.scenario.city.sites,
        registrations: tally.registrations,
        accepted: tally.accepted,
        lost: outcome.lost,
        died_with_disk: world.accepted.died(),
        duplicates_flagged: outcome.duplicates,
        forks_proved: world.forks.len() as u64,
        quarantined: outcome.quarantined,
        let_go: outcome.let_go,
        converged: outcome.converged,
        converge_ms: outcome.converge_ms,
        bytes_on_wire: world.network.traffic.bytes,
        events: world.events,
        trace_hash: world.trace.hash(),
        violations: world.violations.iter().map(ToString::to_string).collect(),
    }
}
