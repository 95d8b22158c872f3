//! One run: a safety phase, a liveness phase, and a last look at everything.

use std::io::Write;

use swabmesh_protocol::frontier::Lanes;
use swabmesh_protocol::project::{self, FlagKind};

use crate::checks::{accepted, agreement, roles};
use crate::city::{AUTHORITY, NodeId};
use crate::node::{Broken, Node, role_of};
use crate::queue::At;
use crate::report::Report;
use crate::scenario::{Scenario, ScenarioError};
use crate::trace::Trace;
use crate::world::World;

/// Time between two looks whether a healed city agrees. Virtual milliseconds.
const LOOK_MS: u64 = 500;
/// Virtual time between two calls of the progress. Milliseconds.
const PROGRESS_MS: u64 = 10 * 60_000;
/// Duplicates counted.
const FLAGS_MAX: usize = 1_000_000;

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

/// A run that came to its end.
#[derive(Debug)]
pub struct Ran {
    /// The figures.
    pub report: Report,
    /// The last lines of the trace.
    pub last_lines: Vec<String>,
}

/// Runs a scenario.
///
/// `sink` takes the whole trace; `progress` hears of the virtual time, the events, and what was accepted so far.
///
/// # Errors
/// [`RunError`]; a rule that did not hold is no error, it is in the report.
pub fn run(
    scenario: &Scenario,
    seed: u64,
    sink: Option<Box<dyn Write + Send>>,
    progress: &mut dyn FnMut(&World),
) -> Result<Ran, RunError> {
    let mut world = World::new(scenario.clone(), seed, Trace::new(sink))?;
    let end = At(scenario.minutes * 60_000);
    while world.at < end && world.violations.is_empty() {
        let until = end.min(world.at.after_ms(PROGRESS_MS));
        while world.step(until)? && world.violations.is_empty() {}
        progress(&world);
    }
    let mut outcome = Outcome::default();
    if world.violations.is_empty() {
        outcome = liveness(&mut world, scenario)?;
    }
    progress(&world);
    let report = report(&world, scenario, &outcome);
    Ok(Ran { report, last_lines: world.trace.last().map(str::to_owned).collect() })
}

#[derive(Debug, Default)]
struct Outcome {
    converged: bool,
    converge_ms: u64,
    lost: u64,
    duplicates: u64,
}

fn liveness(world: &mut World, scenario: &Scenario) -> Result<Outcome, Broken> {
    world.heal()?;
    let healed = world.at;
    let until = healed.after_ms(scenario.converge_s_max * 1_000);
    let mut outcome = Outcome::default();
    let mut why = Some((AUTHORITY, "nothing was looked at".to_owned()));
    while world.at < until && why.is_some() && world.violations.is_empty() {
        let next = until.min(world.at.after_ms(LOOK_MS));
        while world.step(next)? && world.violations.is_empty() {}
        why = disagreement(world)?;
    }
    outcome.converge_ms = world.at.since_ms(healed);
    outcome.converged = why.is_none();
    if let Some((id, why)) = why {
        world.violated(agreement::RULE, id, format!("{} ms after healing {why}", outcome.converge_ms));
    }
    last_look(world, &mut outcome)?;
    Ok(outcome)
}

/// Who does not agree with the authority yet, and in what.
fn disagreement(world: &World) -> Result<Option<(NodeId, String)>, Broken> {
    if !world.workload.is_done() {
        return Ok(Some((AUTHORITY, "somebody still waits for an answer".to_owned())));
    }
    let Some(authority) = world.nodes.get(AUTHORITY.0) else { return Ok(None) };
    let held = agreement::frontier(&authority.disk)?;
    for (node, citizen) in world.nodes.iter().zip(&world.city.citizens) {
        let lanes = citizen.lanes();
        if node.disk.is_behind() {
            return Ok(Some((node.id, "the tables are behind the journal".to_owned())));
        }
        let own = agreement::frontier(&node.disk)?;
        if own.root(&lanes) != held.root(&lanes) {
            return Ok(Some((node.id, differing(&own, &held, &lanes))));
        }
        let Some(replica) = node.replica() else { return Ok(Some((node.id, "it is off".to_owned()))) };
        let counts = replica.status(node.now(world.at)).own;
        if counts.at_authority != counts.registrations {
            return Ok(Some((node.id, format!("its registrations are not receipted: {counts:?}"))));
        }
    }
    Ok(None)
}

fn differing(
    own: &swabmesh_protocol::frontier::Frontier,
    held: &swabmesh_protocol::frontier::Frontier,
    lanes: &Lanes,
) -> String {
    let feeds = held.heads().chain(own.heads()).filter(|(_, head)| lanes.contains(head.header.lane));
    let seq = |frontier: &swabmesh_protocol::frontier::Frontier, feed| frontier.get(feed).map_or(0, |head| head.seq.0);
    let differ = feeds.map(|(feed, _)| (feed, seq(own, feed), seq(held, feed))).find(|(_, own, held)| own != held);
    differ.map_or_else(
        || "a feed has two histories".to_owned(),
        |(feed, own, held)| format!("feed {feed} ends at {own}, at the authority at {held}"),
    )
}

/// Checks that need everything to be at rest.
fn last_look(world: &mut World, outcome: &mut Outcome) -> Result<(), Broken> {
    let mut found: Vec<(&'static str, NodeId, String)> = Vec::new();
    let Some(authority) = world.nodes.get(AUTHORITY.0) else { return Ok(()) };
    let held = agreement::frontier(&authority.disk)?;
    for (node, citizen) in world.nodes.iter().zip(&world.city.citizens) {
        if let Some(replica) = node.replica()
            && let Some(what) = roles::above_role(&node.disk, &|writer| role_of(replica, writer))?
        {
            found.push((roles::RULE, node.id, what));
        }
        let missing = world.accepted.missing(&node.disk, |id| id == node.id)?;
        if let Some(first) = missing.first() {
            found.push((accepted::RULE, node.id, format!("{} lost here, the first {first}", missing.len())));
        }
        if outcome.converged && node.id != AUTHORITY {
            found.extend(documents_differ(node, authority, &held, &citizen.lanes())?);
        }
    }
    let lost = world.accepted.missing(&authority.disk, |_| true)?;
    outcome.lost = lost.len() as u64;
    if let Some(first) = lost.first() {
        found.push((accepted::RULE, AUTHORITY, format!("{} lost, the first {first}", lost.len())));
    }
    outcome.duplicates = project::flags(authority.disk.tables(), Some(FlagKind::Duplicate), FLAGS_MAX)
        .map_err(Broken::Tables)?
        .len() as u64;
    found.into_iter().for_each(|(rule, id, what)| world.violated(rule, id, what));
    Ok(())
}

fn documents_differ(
    node: &Node,
    authority: &Node,
    held: &swabmesh_protocol::frontier::Frontier,
    lanes: &Lanes,
) -> Result<Option<(&'static str, NodeId, String)>, Broken> {
    let own = agreement::documents(&node.disk, &agreement::frontier(&node.disk)?, lanes)?;
    let theirs = agreement::documents(&authority.disk, held, lanes)?;
    let differs = own.iter().find(|(subject, heads)| theirs.get(subject) != Some(heads));
    let lacks = theirs.keys().find(|subject| !own.contains_key(subject));
    let what =
        differs.map(|(subject, _)| format!("{subject:?} differs")).or(lacks.map(|s| format!("{s:?} is missing")));
    Ok(what.map(|what| (agreement::RULE, node.id, what)))
}

fn report(world: &World, scenario: &Scenario, outcome: &Outcome) -> Report {
    let tally = world.workload.tally();
    Report {
        scenario: scenario.name.clone(),
        seed: world.seed,
        sites: scenario.city.sites,
        registrations: tally.registrations,
        accepted: tally.accepted,
        lost: outcome.lost,
        duplicates_flagged: outcome.duplicates,
        converged: outcome.converged,
        converge_ms: outcome.converge_ms,
        bytes_on_wire: world.network.traffic.bytes,
        events: world.events,
        trace_hash: world.trace.hash(),
        violations: world.violations.iter().map(ToString::to_string).collect(),
    }
}
