//! `swabmesh site tube`: opened, sealed, reopened, shown, listed.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::Value;
use swabmesh_node::api::{OpenTube, ReopenTube, SealTube};
use swabmesh_protocol::fact::Operator;
use swabmesh_protocol::id::Barcode;

use crate::Outcome;
use crate::client::{Connection, segment};
use crate::command::decided::Decided;
use crate::print::{self, done};

/// Open, seal, reopen, show and list tubes 采样管
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Open(OpenArguments),
    Seal(SealArguments),
    Reopen(ReopenArguments),
    Show(ShowArguments),
    List(ListArguments),
}

/// Open a tube for 1, 5, 10 or 20 people
#[derive(Debug, Args)]
#[command(after_help = "Example:
  swabmesh site tube open T1 --pool 10 --operator wang")]
struct OpenArguments {
    /// Its barcode
    tube: Barcode,
    /// How many people it is meant for
    #[arg(long, value_name = "N", default_value_t = 10)]
    pool: u8,
    /// Who
    #[arg(long, env = "SWABMESH_OPERATOR")]
    operator: Operator,
    #[command(flatten)]
    connection: Connection,
}

/// Seal a tube; it does not silently open again
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh site tube seal T1 --operator wang
  swabmesh site tube seal T2 --not-full --operator wang")]
struct SealArguments {
    /// Its barcode
    tube: Barcode,
    /// Seal it although it is not full
    #[arg(long)]
    not_full: bool,
    /// Who
    #[arg(long, env = "SWABMESH_OPERATOR")]
    operator: Operator,
    #[command(flatten)]
    connection: Connection,
}

/// Fill a sealed tube again; refused once it is in a transport box
#[derive(Debug, Args)]
#[command(after_help = "Example:
  swabmesh site tube reopen T1 --reason 'sealed by mistake, swab not full' --operator wang
The seal and its opening both stay on record. Seal it again before it is packed.")]
struct ReopenArguments {
    /// Its barcode
    tube: Barcode,
    #[command(flatten)]
    decided: Decided,
}

/// Show who is in a tube, where it is, and what was read in it
#[derive(Debug, Args)]
#[command(after_help = "Example:
  swabmesh site tube show T1 --json")]
pub(crate) struct ShowArguments {
    /// Its barcode
    tube: Barcode,
    #[command(flatten)]
    connection: Connection,
}

/// List tubes by barcode
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh site tube list
  swabmesh site tube list --after T100 --limit 20")]
struct ListArguments {
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    /// Begin after this barcode
    #[arg(long, value_name = "BARCODE")]
    after: Option<Barcode>,
    #[command(flatten)]
    connection: Connection,
}

impl Arguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        match self.action {
            Action::Open(arguments) => arguments.run(out),
            Action::Seal(arguments) => arguments.run(out),
            Action::Reopen(arguments) => arguments.run(out),
            Action::Show(arguments) => arguments.run(out),
            Action::List(arguments) => arguments.run(out),
        }
    }
}

impl OpenArguments {
    fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.connection.open()?;
        let body = OpenTube { tube: self.tube, pool: self.pool, operator: self.operator };
        let answer: Value = client.post("/tubes", &body)?;
        client
            .print(&answer, out, |answer| Ok(done(&format!("tube {} is open for {}", body.tube, body.pool), answer)))?;
        Ok(Outcome::Done)
    }
}

impl SealArguments {
    fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.connection.open()?;
        let body = SealTube { operator: self.operator, not_full: self.not_full };
        let answer: Value = client.post(&format!("/tubes/{}/seal", segment(&self.tube)), &body)?;
        client.print(&answer, out, |answer| Ok(done(&format!("tube {} is sealed", self.tube), answer)))?;
        Ok(Outcome::Done)
    }
}

impl ReopenArguments {
    fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.decided.connection.open()?;
        let body = ReopenTube { reason: self.decided.reason, operator: self.decided.operator };
        let answer: Value = client.post(&format!("/tubes/{}/reopen", segment(&self.tube)), &body)?;
        client.print(&answer, out, |answer| Ok(done(&format!("tube {} is filled again", self.tube), answer)))?;
        Ok(Outcome::Done)
    }
}

impl ShowArguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.connection.open()?;
        client.show(&format!("/tubes/{}", segment(&self.tube)), out, |tube| Ok(print::tube::full(tube)))?;
        Ok(Outcome::Done)
    }
}

impl ListArguments {
    fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.connection.open()?;
        let after = self.after.map(|after| format!("&after={}", segment(&after))).unwrap_or_default();
        client.show(&format!("/tubes?limit={}{after}", self.limit), out, |tubes| Ok(print::tube::lines(tubes)))?;
        Ok(Outcome::Done)
    }
}
