//! `swabmesh demo`: a day at three sites, told as a short story, with real processes and real images.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use clap::Args;

use crate::Outcome;

mod acts;
mod cable;
mod city;
mod ledger;
mod photographs;
mod place;
mod residents;
mod table;

use ledger::Ledger;

/// Plays a testing day on this machine (演示): an authority, three sites in two cells, a laboratory, 300 residents.
///
/// Everything is real: processes, stores on disk, connections over loopback, photographs of codes. The authority is
/// stopped, the cells are cut off, a site is killed; then everything is connected again and counted. Exits with 1
/// when anything is missing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh demo
  swabmesh demo --json | jq .lost
  swabmesh demo --keep        leaves the nodes running, and says where")]
pub(crate) struct Arguments {
    /// Invented residents.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(60..=1_000))]
    residents: u32,
    /// Seed of everything invented.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Prints one JSON object at the end; the story goes to standard error.
    #[arg(long)]
    json: bool,
    /// Leaves the nodes running until Enter is pressed, and their directories in place.
    #[arg(long)]
    keep: bool,
    /// Where the nodes' directories go; a temporary directory if absent.
    #[arg(long)]
    dir: Option<PathBuf>,
}

impl Arguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let began = Instant::now();
        let temporary = tempfile::Builder::new().prefix("swabmesh-demo-").tempdir()?;
        let directory = self.dir.clone().unwrap_or_else(|| temporary.path().to_owned());
        std::fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
        let mut ledger = Ledger::default();
        let mut city = city::City::build(&directory)?;
        acts::play(&mut city, &mut ledger, self.residents, self.seed)?;
        ledger.total_ms = u64::try_from(began.elapsed().as_millis())?;
        if self.json {
            writeln!(out, "{}", ledger.to_json())?;
        } else {
            table::print(out, &ledger)?;
        }
        if self.keep {
            city.tell_where()?;
            std::io::stdin().read_line(&mut String::new())?;
            let kept = temporary.keep();
            say(&format!("The directories stay in {}", self.dir.unwrap_or(kept).display()));
        }
        Ok(if ledger.is_whole() { Outcome::Done } else { Outcome::Failed })
    }
}

/// A line of the story.
#[expect(clippy::print_stderr, reason = "the story is progress; results go to standard output")]
fn say(line: &str) {
    eprintln!("{line}");
}

/// The heading of a chapter.
fn chapter(began: Instant, number: u8, title: &str) {
    say(&format!("\n[{:>4.1} s] {number}. {title}", began.elapsed().as_secs_f32()));
}
