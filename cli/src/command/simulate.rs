//! `swabmesh simulate`: a city's day in virtual time, with everything that can go wrong.

use std::fs::{self, File};
use std::io::{BufWriter, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use swabmesh_simulations::report::{self, Report};
use swabmesh_simulations::run::{Ran, run};
use swabmesh_simulations::scenario::{self, Scenario};
use swabmesh_simulations::world::World;

use crate::Outcome;

/// Time between two lines of progress.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// Run a simulated city: the production core on virtual clocks, links and disks
///
/// A run is a function of its scenario and its seed. It fails when a rule does not hold; the report names the
/// seed and the command that shows it again. Ctrl-C ends it with the report so far.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh simulate --list
  swabmesh simulate --scenario district-cut --seed 7 --report district-cut
  swabmesh simulate --scenario random --seeds 1..1000 --json
  swabmesh simulate --scenario my.toml --seed 1 --trace trace.txt
The report is one page, DIR/index.html: it needs no network and no script.")]
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
    /// Writes a page for people: DIR/index.html, with charts of what happened.
    #[arg(long, value_name = "DIR", conflicts_with = "seeds")]
    report: Option<PathBuf>,
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
        let stop = stopped_by_ctrl_c()?;
        for seed in seeds {
            let began = Instant::now();
            let scenario = self.scenario(seed)?;
            let mut progress = progress(seed, began);
            let mut watch = |world: &World| {
                progress(world);
                if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let ran = run(&scenario, seed, self.sink()?, &mut watch)?;
            if let Some(directory) = &self.report {
                self.write_page(directory, &ran)?;
            }
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
            if ran.ended_early {
                writeln!(std::io::stderr(), "ended early: this is the report so far")?;
                return Ok(Outcome::Failed);
            }
        }
        Ok(outcome)
    }

    fn write_page(&self, directory: &Path, ran: &Ran) -> anyhow::Result<()> {
        fs::create_dir_all(directory).with_context(|| format!("creating {}", directory.display()))?;
        let at = directory.join("index.html");
        fs::write(&at, report::page(ran, &self.again(ran))).with_context(|| format!("writing {}", at.display()))
    }

    /// The command that repeats a run.
    fn again(&self, ran: &Ran) -> String {
        let sites = self.sites.map(|sites| format!(" --sites {sites}")).unwrap_or_default();
        let minutes = self.minutes.map(|minutes| format!(" --minutes {minutes}")).unwrap_or_default();
        format!("swabmesh simulate --scenario {} --seed {}{sites}{minutes}", self.scenario, ran.report.seed)
    }

    fn scenario(&self, seed: u64) -> anyhow::Result<Scenario> {
        let mut scenario = if Path::new(&self.scenario).extension().is_some_and(|extension| extension == "toml") {
            let text = fs::read_to_string(&self.scenario).with_context(|| format!("reading {}", self.scenario))?;
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
        writeln!(to, "swabmesh {}; again: {} --trace trace.txt", env!("CARGO_PKG_VERSION"), self.again(ran))
    }
}

/// Set by the first Ctrl-C; the second one ends the process at once.
fn stopped_by_ctrl_c() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&stop);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("the system gives no threads")?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            while tokio::signal::ctrl_c().await.is_ok() {
                if set.swap(true, Ordering::Relaxed) {
                    std::process::exit(130);
                }
            }
        });
    });
    Ok(stop)
}

/// Tells how far a run is, on the error stream.
fn progress(seed: u64, began: Instant) -> impl FnMut(&World) {
    let watched = std::io::stderr().is_terminal();
    let mut told = began;
    move |world| {
        if told.elapsed() >= PROGRESS_EVERY {
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
        "{} seed {}: {} sites, {} asked, {} accepted, {} lost, {} died with their disk, {} duplicates flagged",
        report.scenario,
        report.seed,
        report.sites,
        report.registrations,
        report.accepted,
        report.lost,
        report.died_with_disk,
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
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes / 1_024)
}
