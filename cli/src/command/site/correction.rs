//! `swabmesh site list`, `void`, `amend`, `move`: what was registered, and putting it right (R6).

use std::io::Write;

use clap::{Args, ValueEnum};
use serde_json::Value;
use swabmesh_node::api::{AmendRegistration, MoveRegistrations, VoidRegistration};
use swabmesh_protocol::fact::Field;
use swabmesh_protocol::id::{Barcode, EntryId};
use swabmesh_protocol::text::Text;

use crate::Outcome;
use crate::client::{Connection, segment};
use crate::command::decided::Decided;
use crate::print::{self, done};

/// List this site's newest registrations
#[derive(Debug, Args)]
#[command(after_help = "Example:
  swabmesh site list --limit 20")]
pub(crate) struct ListArguments {
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    connection: Connection,
}

/// Say that a registration does not count: undo, wrong person, never sampled
#[derive(Debug, Args)]
#[command(after_help = "Example:
  swabmesh site void 00112233445566778899aabbccddeeff:7 --tube T1 --reason 'scanned twice' --operator wang")]
pub(crate) struct VoidArguments {
    /// The registration, FEED:NUMBER
    registration: EntryId,
    /// The tube it is in
    #[arg(long, value_name = "BARCODE")]
    tube: Barcode,
    #[command(flatten)]
    decided: Decided,
}

/// A field that can be put right.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Fields {
    /// Masked name
    Name,
    /// Last four characters of the document
    LastFour,
    /// Type of document, a number
    Document,
    /// A remark
    Remark,
}

impl From<Fields> for Field {
    fn from(field: Fields) -> Self {
        match field {
            Fields::Name => Self::Name,
            Fields::LastFour => Self::LastFour,
            Fields::Document => Self::Document,
            Fields::Remark => Self::Remark,
        }
    }
}

/// Put a field of a registration right
#[derive(Debug, Args)]
#[command(after_help = "Example:
  swabmesh site amend 00112233445566778899aabbccddeeff:7 --tube T1 --field last-four --value 002X --reason typo --operator wang")]
pub(crate) struct AmendArguments {
    /// The registration, FEED:NUMBER
    registration: EntryId,
    /// The tube it is in
    #[arg(long, value_name = "BARCODE")]
    tube: Barcode,
    /// Which field
    #[arg(long)]
    field: Fields,
    /// What it should say; names masked, never full numbers
    #[arg(long)]
    value: Text<64>,
    #[command(flatten)]
    decided: Decided,
}

/// Move registrations from a wrong tube to the right one; all of them if none is named
#[derive(Debug, Args)]
#[command(after_help = "Example:
  swabmesh site move --from T1 --to T2 --reason 'tubes swapped' --operator wang")]
pub(crate) struct MoveArguments {
    /// The registrations, FEED:NUMBER
    registrations: Vec<EntryId>,
    /// The wrong tube
    #[arg(long, value_name = "BARCODE")]
    from: Barcode,
    /// The right tube
    #[arg(long, value_name = "BARCODE")]
    to: Barcode,
    #[command(flatten)]
    decided: Decided,
}

impl ListArguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.connection.open()?;
        let path = format!("/registrations?limit={}", self.limit);
        client.show(&path, out, |lines| Ok(print::tube::registrations(lines)))?;
        Ok(Outcome::Done)
    }
}

impl VoidArguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.decided.connection.open()?;
        let body = VoidRegistration { tube: self.tube, reason: self.decided.reason, operator: self.decided.operator };
        let answer: Value = client.post(&format!("/registrations/{}/void", self.registration), &body)?;
        client.print(&answer, out, |answer| Ok(done("the registration does not count any more", answer)))?;
        Ok(Outcome::Done)
    }
}

impl AmendArguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.decided.connection.open()?;
        let Self { tube, field, value, decided: Decided { reason, operator, .. }, .. } = self;
        let body = AmendRegistration { tube, field: field.into(), value, reason, operator };
        let answer: Value = client.post(&format!("/registrations/{}/amend", self.registration), &body)?;
        client.print(&answer, out, |answer| Ok(done("the registration is put right", answer)))?;
        Ok(Outcome::Done)
    }
}

impl MoveArguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.decided.connection.open()?;
        let Self { registrations, from, to, decided: Decided { reason, operator, .. } } = self;
        let body = MoveRegistrations { registrations, to, reason, operator };
        let answer: Value = client.post(&format!("/tubes/{}/move", segment(&from)), &body)?;
        client
            .print(&answer, out, |answer| Ok(done(&format!("moved from tube {from} to tube {}", body.to), answer)))?;
        Ok(Outcome::Done)
    }
}
