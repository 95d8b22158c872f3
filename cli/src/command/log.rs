//! `swabmesh log`: the signed log, and what is wrong in it.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use swabmesh_protocol::fact::Fact;
use swabmesh_protocol::fork;
use swabmesh_protocol::id::hex;

use crate::Outcome;
use crate::client::Connection;
use crate::print::{at_ms, list, number, short, text};

/// The signed log: forks, and proofs of them that anybody can check
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Forks(ForksArguments),
    CheckProof(CheckArguments),
}

/// List the nodes that signed two histories, with what proves it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh log forks --data city
  swabmesh log forks --data city --proof fork.proof
Registrations below a fork stand. Those above it are kept in both histories, and count once the authority decides:
`swabmesh authority fork decide`")]
struct ForksArguments {
    /// Write the proof of the only fork, or of the one named with --fork, to a file
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
    /// Only the fork whose name begins so
    #[arg(long, value_name = "FORK")]
    fork: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

/// Check a proof of a fork; needs no node and no network
#[derive(Debug, Args)]
#[command(after_help = "Example:
  swabmesh log check-proof fork.proof
Exit code 0: the node named signed both histories. 1: the file proves nothing.")]
struct CheckArguments {
    /// The file
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        match self.action {
            Action::Forks(arguments) => arguments.run(out),
            Action::CheckProof(arguments) => arguments.run(out),
        }
    }
}

impl ForksArguments {
    fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.connection.open()?;
        let mut forks: Vec<Value> = client.get("/forks")?;
        if let Some(wanted) = &self.fork {
            forks.retain(|fork| text(fork, "fork").starts_with(wanted.as_str()));
        }
        if let Some(path) = &self.proof {
            let [only] = forks.as_slice() else {
                bail!("{} forks are known: name one with --fork, see `swabmesh log forks`", forks.len());
            };
            let bytes = data_encoding::HEXLOWER.decode(text(only, "proof").as_bytes())?;
            std::fs::write(path, bytes).with_context(|| format!("{} cannot be written", path.display()))?;
        }
        client.print(&Value::Array(forks), out, |forks| Ok(page(forks)))?;
        Ok(Outcome::Done)
    }
}

fn page(forks: &Value) -> String {
    let forks = forks.as_array().map(Vec::as_slice).unwrap_or_default();
    if forks.is_empty() {
        return "no node signed two histories, as far as this node knows\n".to_owned();
    }
    let mut page = String::new();
    for fork in forks {
        let named = |name: &str, key: &str| match text(fork, name) {
            "" => short(text(fork, key)).to_owned(),
            name => name.to_owned(),
        };
        page += &format!("{} signed two histories  (fork {})\n", named("name", "node"), short(text(fork, "fork")));
        page += &format!("  feed    {}/{}, lane {}\n", text(fork, "node"), text(fork, "epoch"), number(fork, "lane"));
        page += &format!("  from    entry {}; what lies below stands\n", number(fork, "from"));
        page += &format!("  proved  {} by {}\n", at_ms(number(fork, "found_at")), named("found_by_name", "found_by"));
        for branch in list(fork, "branches") {
            let counts =
                if branch["counts"] == Value::Bool(true) { "counts: the authority decided" } else { "quarantined" };
            let (label, first) = (text(branch, "label"), short(text(branch, "first")));
            page +=
                &format!("  {label}       {} entries kept here, first {first}, {counts}\n", number(branch, "entries"));
        }
    }
    page
}

impl CheckArguments {
    fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let name = self.file.display().to_string();
        let bytes = std::fs::read(&self.file).with_context(|| format!("{name} cannot be read"))?;
        let Ok(Fact::ForkProof(proof)) = Fact::from_bytes(&bytes) else { bail!("{name} is not a proof of a fork") };
        fork::verify(&proof).with_context(|| format!("{name} proves nothing"))?;
        let (node, epoch) = (proof.writer.to_string(), format!("{:016x}", proof.epoch.0));
        let [a, b] = proof.firsts.map(|first| hex(&first.0));
        if self.json {
            let fork = fork::name(&proof);
            let answer = json!({
                "holds": true, "fork": fork, "node": node, "epoch": epoch, "lane": proof.lane, "from": proof.from,
                "a": a, "b": b, "one": proof.one.seq, "other": proof.other.seq,
            });
            writeln!(out, "{answer}")?;
            return Ok(Outcome::Done);
        }
        writeln!(out, "holds: node {node} signed two histories of one feed")?;
        writeln!(
            out,
            "  epoch {epoch}, lane {}, checkpoints at {} and {}",
            proof.lane.0, proof.one.seq.0, proof.other.seq.0
        )?;
        writeln!(out, "  they part at entry {}, as the finder says: A {}, B {}", proof.from.0, short(&a), short(&b))?;
        writeln!(out, "  → compare the node's key with its certificate: swabmesh authority nodes")?;
        Ok(Outcome::Done)
    }
}
