//! `swabmesh bench`: whole jobs against their physical limit or a yardstick measured in the same run.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::Outcome;

mod city;
mod figures;
mod frames;
mod frontier;
mod heal;
mod ingest;
mod issue;
mod lists;
mod register;
mod scan;
mod site;
mod verify;

/// Measures whole jobs, each against a yardstick of the same run (性能测量).
///
/// Quote medians and ratios, not single times: machines differ and are shared.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh bench verify
  swabmesh bench heal --entries 100000 --json
  swabmesh bench ingest --registrations 1000000 --database postgres://swabmesh@127.0.0.1/bench")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    job: Job,
}

#[derive(Debug, Subcommand)]
enum Job {
    Verify(verify::Arguments),
    Scan(scan::Arguments),
    Frames(frames::Arguments),
    Register(register::Arguments),
    Frontier(frontier::Arguments),
    Heal(heal::Arguments),
    Ingest(ingest::Arguments),
    Site(site::Arguments),
    Issue(issue::Arguments),
    Lists(lists::Arguments),
    #[command(hide = true)]
    HealNode(heal::NodeArguments),
    #[command(hide = true)]
    SiteNode(site::NodeArguments),
}

impl Arguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        match self.job {
            Job::Verify(arguments) => arguments.run(out),
            Job::Scan(arguments) => arguments.run(out),
            Job::Frames(arguments) => arguments.run(out),
            Job::Register(arguments) => arguments.run(out),
            Job::Frontier(arguments) => arguments.run(out),
            Job::Heal(arguments) => arguments.run(out),
            Job::Ingest(arguments) => arguments.run(out),
            Job::Site(arguments) => arguments.run(out),
            Job::Issue(arguments) => arguments.run(out),
            Job::Lists(arguments) => arguments.run(out),
            Job::HealNode(arguments) => arguments.run(out),
            Job::SiteNode(arguments) => arguments.run(out),
        }
    }
}

/// Prints figures as one JSON object, or one figure a line.
fn print(out: &mut dyn Write, json: bool, figures: &Value) -> anyhow::Result<Outcome> {
    if json {
        writeln!(out, "{figures}")?;
    } else if let Value::Object(figures) = figures {
        for (name, figure) in figures {
            writeln!(out, "{name:<36} {figure}")?;
        }
    }
    Ok(Outcome::Done)
}
