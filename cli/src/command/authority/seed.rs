//! `swabmesh authority seed`: invented residents, for trials.

use std::io::{IsTerminal, Write};
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};
use swabmesh_authority::invented::{RESIDENTS_MAX, resident};

use crate::Outcome;
use crate::client::Connection;

/// Residents in one request.
const TOGETHER: u64 = 500;

/// Register invented residents with every type of document, for trials
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh authority seed --residents 1000 --seed 1 --data city
  swabmesh authority seed --residents 100000 --seed 7 --data city --json
The same seed invents the same people. Their identity numbers name no place and belong to nobody.")]
pub(super) struct Arguments {
    /// How many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=RESIDENTS_MAX))]
    residents: u64,
    /// Which ones
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    connection: Connection,
}

impl Arguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.connection.open()?;
        let (begun, mut told) = (Instant::now(), Instant::now());
        let mut example = Value::Null;
        for first in (0..self.residents).step_by(usize::try_from(TOGETHER)?) {
            let until = (first + TOGETHER).min(self.residents);
            let documents: Vec<_> = (first..until).map(|number| resident(self.seed, number)).collect();
            let answer: Value = client.post("/residents", &json!({ "documents": documents }))?;
            if first == 0 {
                example = answer.pointer("/registered/0").cloned().unwrap_or_default();
            }
            let mut screen = std::io::stderr();
            if screen.is_terminal() && told.elapsed().as_secs() >= 1 {
                let _ = write!(screen, "\r{until} of {} ", self.residents);
                told = Instant::now();
            }
        }
        let told_of = |name: &str| example.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let seconds = begun.elapsed().as_secs_f64();
        if client.json {
            writeln!(
                out,
                "{}",
                json!({ "residents": self.residents, "seed": self.seed, "seconds": seconds, "first": example })
            )?;
        } else {
            writeln!(out, "\r{} invented residents are registered ({seconds:.1} s)", self.residents)?;
            writeln!(out, "  the first: {} {}", told_of("name"), told_of("person"))?;
        }
        Ok(Outcome::Done)
    }
}
