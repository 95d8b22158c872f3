//! `swabmesh lab`: a laboratory's node.

use std::io::Write;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;
use swabmesh_node::api::{CorrectResult, Receive, ReportResult};
use swabmesh_protocol::fact::{self, Operator, Role};
use swabmesh_protocol::id::Barcode;

use super::decided::Decided;
use super::{audit, init, join, operator, run, site};
use crate::Outcome;
use crate::client::{Connection, segment};
use crate::print::done;

/// A laboratory 检测机构: receive boxes and tubes, report results
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Init(init::Arguments),
    Join(join::Arguments),
    Run(run::Arguments),
    Operator(operator::Arguments),
    Receive(ReceiveArguments),
    Report(ReportArguments),
    Correct(CorrectArguments),
    Tube(site::tube::ShowArguments),
    Box(site::transport::ShowArguments),
    Audit(audit::Arguments),
}

/// What a laboratory reads in a tube.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Outcomes {
    /// Not detected 阴性
    Negative,
    /// Detected 阳性
    Positive,
    /// Neither: sample again
    Inconclusive,
    /// The tube could not be read
    Invalid,
}

impl From<Outcomes> for fact::Outcome {
    fn from(outcome: Outcomes) -> Self {
        match outcome {
            Outcomes::Negative => Self::Negative,
            Outcomes::Positive => Self::Positive,
            Outcomes::Inconclusive => Self::Inconclusive,
            Outcomes::Invalid => Self::Invalid,
        }
    }
}

/// Take a box, or a single tube, in
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh lab receive --box B7 --count 18 --operator chen
  swabmesh lab receive --tube T1 --operator chen")]
struct ReceiveArguments {
    /// Barcode of the box
    #[arg(long = "box", value_name = "BARCODE", requires = "count", required_unless_present = "tube")]
    transport: Option<Barcode>,
    /// Barcode of a single tube
    #[arg(long, value_name = "BARCODE", conflicts_with = "transport")]
    tube: Option<Barcode>,
    /// Tubes counted by hand
    #[arg(long, value_name = "N")]
    count: Option<u16>,
    /// Who
    #[arg(long, env = "SWABMESH_OPERATOR")]
    operator: Operator,
    #[command(flatten)]
    connection: Connection,
}

/// Report what was read in a tube
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh lab report T1 negative --operator chen
  swabmesh lab report T2 positive --preliminary --operator chen")]
struct ReportArguments {
    /// Barcode of the tube
    tube: Barcode,
    /// What was read
    outcome: Outcomes,
    /// Awaiting confirmation
    #[arg(long)]
    preliminary: bool,
    /// Who
    #[arg(long, env = "SWABMESH_OPERATOR")]
    operator: Operator,
    #[command(flatten)]
    connection: Connection,
}

/// Take this laboratory's reading back and state another
#[derive(Debug, Args)]
#[command(after_help = "Example:
  swabmesh lab correct T2 negative --reason 'contaminated well' --operator chen")]
struct CorrectArguments {
    /// Barcode of the tube
    tube: Barcode,
    /// What holds
    outcome: Outcomes,
    #[command(flatten)]
    decided: Decided,
}

impl Arguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        match self.action {
            Action::Init(arguments) => arguments.run(Role::Lab, out),
            Action::Join(arguments) => arguments.run(out),
            Action::Run(arguments) => arguments.run(Role::Lab, out),
            Action::Operator(arguments) => arguments.run(out),
            Action::Receive(arguments) => arguments.run(out),
            Action::Report(arguments) => arguments.run(out),
            Action::Correct(arguments) => arguments.run(out),
            Action::Tube(arguments) => arguments.run(out),
            Action::Box(arguments) => arguments.run(out),
            Action::Audit(arguments) => arguments.run(out),
        }
    }
}

impl ReceiveArguments {
    fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.connection.open()?;
        let (path, what) = match (self.transport, self.tube) {
            (Some(transport), _) => (format!("/boxes/{}/receive", segment(&transport)), format!("box {transport}")),
            (None, Some(tube)) => (format!("/tubes/{}/receive", segment(&tube)), format!("tube {tube}")),
            (None, None) => anyhow::bail!("give --box or --tube"),
        };
        let body = Receive { count: self.count.unwrap_or(1), operator: self.operator };
        let answer: Value = client.post(&path, &body)?;
        client.print(&answer, out, |answer| Ok(done(&format!("{what} received, {} counted", body.count), answer)))?;
        Ok(Outcome::Done)
    }
}

impl ReportArguments {
    fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.connection.open()?;
        let stage = if self.preliminary { fact::Stage::Preliminary } else { fact::Stage::Final };
        let body = ReportResult { tube: self.tube, outcome: self.outcome.into(), stage, operator: self.operator };
        let answer: Value = client.post("/results", &body)?;
        client.print(&answer, out, |answer| Ok(done(&format!("tube {} reported", body.tube), answer)))?;
        Ok(Outcome::Done)
    }
}

impl CorrectArguments {
    fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.decided.connection.open()?;
        let Self { tube, outcome, decided: Decided { reason, operator, .. } } = self;
        let body = CorrectResult { tube, outcome: outcome.into(), reason, operator };
        let answer: Value = client.post("/results/correct", &body)?;
        client.print(&answer, out, |answer| Ok(done(&format!("tube {} corrected", body.tube), answer)))?;
        Ok(Outcome::Done)
    }
}
