//! `swabmesh authority flags`, `review`, `recall`: what a person must decide.

use std::io::Write;

use clap::Args;
use serde_json::Value;
use swabmesh_node::api::Review;
use swabmesh_protocol::fact::{Operator, Subject};
use swabmesh_protocol::id::Barcode;
use swabmesh_protocol::text::Text;

use crate::Outcome;
use crate::client::{Connection, segment, value};
use crate::command::decided::Decided;
use crate::print::{self, done};

/// List what waits for a decision: duplicates, conflicts, positive pools
#[derive(Debug, Args)]
#[command(after_help = "Example:
  swabmesh authority flags --data city")]
pub(super) struct FlagsArguments {
    /// Also what is settled or was seen at the desk
    #[arg(long)]
    all: bool,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    connection: Connection,
}

/// Decide a conflict: say which value holds
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh authority review --tube T1 --register result --value 'negative final' --reason 'lab 2 contaminated' --operator li
  swabmesh authority review --tube T1 --register open --value 10 --reason 'one tube, two desks' --operator li
Registers and their values are named in the tube's conflicts: swabmesh authority tube T1")]
pub(super) struct ReviewArguments {
    /// The tube
    #[arg(long, value_name = "BARCODE", required_unless_present = "transport")]
    tube: Option<Barcode>,
    /// The box
    #[arg(long = "box", value_name = "BARCODE", conflicts_with = "tube")]
    transport: Option<Barcode>,
    /// Which register
    #[arg(long)]
    register: Text<80>,
    /// What holds
    #[arg(long)]
    value: Text<80>,
    #[command(flatten)]
    decided: Decided,
}

/// List everyone in a positive pool, and how far their re-tests are (T3)
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh authority recall T1 --data city
  swabmesh authority recall --json
Without a barcode: everyone in the city, those who wait first.")]
pub(super) struct RecallArguments {
    /// Barcode of the pool
    tube: Option<Barcode>,
    /// Who asks: goes to the log of looks
    #[arg(long, env = "SWABMESH_OPERATOR")]
    operator: Option<Operator>,
    #[command(flatten)]
    connection: Connection,
}

impl FlagsArguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.connection.open()?;
        let path = format!("/flags?limit={}&all={}", self.limit, self.all);
        client.show(&path, out, |flags| Ok(print::result::flags(flags)))?;
        Ok(Outcome::Done)
    }
}

impl ReviewArguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.decided.connection.open()?;
        let subject = match (self.tube, self.transport) {
            (Some(tube), _) => Subject::Tube(tube),
            (None, Some(transport)) => Subject::Box(transport),
            (None, None) => anyhow::bail!("give --tube or --box"),
        };
        let Self { register, value, decided: Decided { reason, operator, .. }, .. } = self;
        let body = Review { subject, register, value, reason, operator };
        let answer: Value = client.post("/reviews", &body)?;
        client
            .print(&answer, out, |answer| Ok(done(&format!("{} is decided: {}", body.register, body.value), answer)))?;
        Ok(Outcome::Done)
    }
}

impl RecallArguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.connection.open()?;
        let by = self.operator.map(|operator| format!("?by={}", value(operator.as_str()))).unwrap_or_default();
        match &self.tube {
            Some(tube) => {
                let path = format!("/recall/{}{by}", segment(tube));
                client.show(&path, out, |list| Ok(print::result::recall(list)))?;
            }
            None => client.show(&format!("/recall{by}"), out, |list| Ok(print::city::recalls(list)))?,
        }
        Ok(Outcome::Done)
    }
}
