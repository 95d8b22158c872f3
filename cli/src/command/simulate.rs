//! `swabmesh simulate`: a city's day in virtual time, with everything that can go wrong.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use swabmesh_simulations::report::Report;
use swabmesh_simulations::run::{Ran, run};
use swabmesh_simulations::scenario::{self, Scenario};
use swabmesh_simulations::world::World;

use crate::Outcome;

/// Time between two lines of progress.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// Run a simulated city: the production core on virtual clocks, links and disks.
///
/// A run is a function of its scenario and its seed. It fails when a rule does not hold; the report names the
/// seed and the command that shows it again.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A scenario built in (see --list), or a TOML file.
    #[arg(long, default_value = "clinic-day")]
    scenario: String,
    /// The seed.
    #[arg(long, default_value_t = 1, conflicts_with = "seeds")]
    seed: u64,
    /// Several seeds, FIRST..LAST, the last not included.
    #[arg(long, value_parser = seeds)]
    seeds: Option<Seeds>,
    /// Sites, instead of the scenario's.
    #[arg(long)]
    sites: Option<usize>,
    /// Virtual minutes before healing, instead of the scenario's.
    #[arg(long)]
    minutes: Option<u64>,
    /// Writes the trace to a file, one line an event; docs/testing.md is its legend.
    #[arg(long, conflicts_with = "seeds")]
    trace: Option<PathBuf>,
    /// Prints each report as one line of JSON.
    #[arg(long)]
    json: bool,
    /// Lists the scenarios built in.
    #[arg(long)]
    list: bool,
}

#[derive(Debug, Clone)]
struct Seeds(std::ops::Range<u64>);

fn seeds(text: &str) -> anyhow::Result<Seeds> {
    let (first, last) = text.split_once("..").context("seeds are written FIRST..LAST")?;
    Ok(Seeds(first.parse()?..last.parse()?))
}

/// A report and what it cost here.
#[derive(Debug, Serialize)]
struct Costed<'r> {
    #[serde(flatten)]
    report: &'r Report,
    wall_ms: u128,
    peak_rss_mb: Option<u64>,
}

impl Arguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        if self.list {
            writeln!(out, "{}", scenario::names().replace(", ", "\n"))?;
            return Ok(Outcome::Done);
        }
        let seeds = self.seeds.clone().map_or(self.seed..self.seed + 1, |seeds| seeds.0);
        let mut outcome = Outcome::Done;
        for seed in seeds {
            let began = Instant::now();
            let scenario = self.scenario(seed)?;
            let ran = run(&scenario, seed, self.sink()?, &mut progress(seed, began))?;
            let costed =
                Costed { report: &ran.report, wall_ms: began.elapsed().as_millis(), peak_rss_mb: peak_rss_mb() };
            if self.json {
                writeln!(out, "{}", serde_json::to_string(&costed)?)?;
            } else {
                describe(&costed, out)?;
            }
            if !ran.report.violations.is_empty() {
                self.explain(&ran)?;
                outcome = Outcome::Failed;
            }
        }
        Ok(outcome)
    }

    fn scenario(&self, seed: u64) -> anyhow::Result<Scenario> {
        let mut scenario = if Path::new(&self.scenario).extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(&self.scenario).with_context(|| format!("reading {}", self.scenario))?;
            Scenario::parse(&text)?
        } else {
            Scenario::named(&self.scenario, seed)?
        };
        scenario.city.sites = self.sites.unwrap_or(scenario.city.sites);
        scenario.minutes = self.minutes.unwrap_or(scenario.minutes);
        Ok(scenario)
    }

    fn sink(&self) -> anyhow::Result<Option<Box<dyn Write + Send>>> {
        let Some(path) = &self.trace else { return Ok(None) };
        let file = File::create(path).with_context(|| format!("creating {}", path.display()))?;
        Ok(Some(Box::new(BufWriter::new(file))))
    }

    /// Says on the error stream what did not hold, what came just before, and how to see it again.
    fn explain(&self, ran: &Ran) -> std::io::Result<()> {
        let mut to = std::io::stderr().lock();
        ran.last_lines.iter().try_for_each(|line| write!(to, "{line}"))?;
        ran.report.violations.iter().try_for_each(|violation| writeln!(to, "violated: {violation}"))?;
        let sites = self.sites.map(|sites| format!(" --sites {sites}")).unwrap_or_default();
        let minutes = self.minutes.map(|minutes| format!(" --minutes {minutes}")).unwrap_or_default();
        let (scenario, seed) = (&self.scenario, ran.report.seed);
        writeln!(to, "again: swabmesh simulate --scenario {scenario} --seed {seed}{sites}{minutes} --trace trace.txt")
    }
}

/// Tells how far a run is, on the error stream, while somebody watches it.
fn progress(seed: u64, began: Instant) -> impl FnMut(&World) {
    let watched = std::io::stderr().is_terminal();
    let mut told = began;
    move |world| {
        if watched || told.elapsed() >= PROGRESS_EVERY {
            told = Instant::now();
            let (minutes, accepted) = (world.at.0 / 60_000, world.accepted.len());
            let end = if watched { '\r' } else { '\n' };
            let mut to = std::io::stderr().lock();
            // Nobody to tell it to: the run goes on.
            let _ = write!(to, "seed {seed}: minute {minutes}, {} events, {accepted} accepted{end}", world.events);
            let _ = to.flush();
        }
    }
}

fn describe(costed: &Costed<'_>, out: &mut dyn Write) -> std::io::Result<()> {
    let Costed { report, wall_ms, peak_rss_mb } = costed;
    let agreed = if report.converged { "agreed" } else { "did not agree" };
    writeln!(
        out,
        "{} seed {}: {} sites, {} asked, {} accepted, {} lost, {} duplicates flagged",
        report.scenario,
        report.seed,
        report.sites,
        report.registrations,
        report.accepted,
        report.lost,
        report.duplicates_flagged
    )?;
    writeln!(out, "  healed city {agreed} after {} ms, {} violations", report.converge_ms, report.violations.len())?;
    let rate = u128::from(report.events) * 1_000 / (*wall_ms).max(1);
    let rss = peak_rss_mb.map(|mb| format!(", {mb} MB at most")).unwrap_or_default();
    writeln!(
        out,
        "  {} bytes on the wire, {} events in {wall_ms} ms ({rate}/s){rss}\n  trace {}",
        report.bytes_on_wire, report.events, report.trace_hash
    )
}

/// The most memory this process ever had, in megabytes, where the system tells.
fn peak_rss_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes / 1_024)
}
