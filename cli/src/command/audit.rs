//! `swabmesh authority audit`, `swabmesh lab audit`: who looked at personal details (P4).

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::json;
use swabmesh_authority::office;
use swabmesh_desk::looks;
use swabmesh_node::audit::{self, Head, Line};
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::id::Person;

use crate::Outcome;
use crate::place::Place;
use crate::print::at_ms;

/// Looks at personal details: who, what, when, why
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Show(Show),
    Check(Check),
}

/// Show the newest looks, oldest first
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh authority audit show --data city
  swabmesh lab audit show --data east-lab
  swabmesh authority audit show --whom f773d7b68fa9ec22e09b9204437024f4 --limit 1000 --json --data city")]
struct Show {
    /// Only looks at this person
    #[arg(long, value_name = "HEX")]
    whom: Option<Person>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    place: Place,
}

/// Check that nothing in the log was changed, removed or inserted
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh authority audit check --data city
  swabmesh lab audit check --data east-lab
  swabmesh authority audit check --head 12:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --data city
Note the head it prints somewhere else, every day: with it the next check also finds lines that were cut off at the end.")]
struct Check {
    /// A head noted before, as printed: the log must still hold it
    #[arg(long, value_name = "N:HASH")]
    head: Option<String>,
    #[command(flatten)]
    place: Place,
}

impl Arguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        match self.action {
            Action::Show(show) => show.run(out),
            Action::Check(check) => check.run(out),
        }
    }
}

impl Show {
    fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let mut lines = std::collections::VecDeque::<Line>::new();
        audit::check(&file(&self.place)?, None, |line| {
            if self.whom.is_none() || line.whom == self.whom {
                lines.push_back(line);
            }
            if lines.len() > self.limit {
                lines.pop_front();
            }
        })?;
        for line in lines {
            if self.place.json {
                writeln!(out, "{}", json!(line))?;
            } else {
                let whom = line.whom.map(|whom| format!(" of {whom}")).unwrap_or_default();
                let Line { n, at, who, what, why, .. } = line;
                writeln!(out, "{n:>6}  {}  {who}: {what}{whom} ({why})", at_ms(at.0))?;
            }
        }
        Ok(Outcome::Done)
    }
}

impl Check {
    fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let noted = self.head.as_deref().map(parse).transpose()?;
        let Head { n, hash } = audit::check(&file(&self.place)?, noted.as_ref(), |_| ())?;
        if self.place.json {
            writeln!(out, "{}", json!({ "lines": n, "head": format!("{n}:{hash}") }))?;
        } else {
            writeln!(out, "{n} looks are on record, and the chain holds\n  → note this head elsewhere: {n}:{hash}")?;
        }
        Ok(Outcome::Done)
    }
}

/// The log of the office at an authority, of the pages elsewhere.
fn file(place: &Place) -> anyhow::Result<PathBuf> {
    let home = place.home()?;
    let authority = home.config([])?.role == Role::Authority;
    Ok(if authority { office::place(&home).join("audit.log") } else { looks::file(&home.desk()) })
}

fn parse(head: &str) -> anyhow::Result<Head> {
    let (n, hash) = head.split_once(':').context("a head is N:HASH, as `audit check` printed it")?;
    if hash.len() != 64 {
        bail!("the hash of a head has 64 hexadecimal digits: copy it as `audit check` printed it");
    }
    Ok(Head { n: n.parse().context("a head begins with a number")?, hash: hash.to_lowercase() })
}
