//! `swabmesh site pack`, `handover`, `box`: transport boxes 转运箱.

use std::io::Write;

use clap::Args;
use serde_json::Value;
use swabmesh_node::api::{HandOverBox, PackTube};
use swabmesh_protocol::fact::Operator;
use swabmesh_protocol::id::Barcode;
use swabmesh_protocol::text::Text;

use crate::Outcome;
use crate::client::{Connection, segment};
use crate::print::{self, done};

/// Put sealed tubes in a box
#[derive(Debug, Args)]
#[command(after_help = "Example:
  swabmesh site pack B7 T1 T2 T3 --operator wang")]
pub(crate) struct PackArguments {
    /// Barcode of the box
    transport: Barcode,
    /// Barcodes of the tubes
    #[arg(required = true)]
    tubes: Vec<Barcode>,
    /// Who
    #[arg(long, env = "SWABMESH_OPERATOR")]
    operator: Operator,
    #[command(flatten)]
    connection: Connection,
}

/// Hand a box over to a courier or a laboratory
#[derive(Debug, Args)]
#[command(after_help = "Example:
  swabmesh site handover B7 --to 'courier Zhao' --count 18 --operator wang")]
pub(crate) struct HandOverArguments {
    /// Barcode of the box
    transport: Barcode,
    /// To whom
    #[arg(long)]
    to: Text<32>,
    /// Tubes counted by hand
    #[arg(long, value_name = "N")]
    count: u16,
    /// Who
    #[arg(long, env = "SWABMESH_OPERATOR")]
    operator: Operator,
    #[command(flatten)]
    connection: Connection,
}

/// Show what is in a box, and who had it
#[derive(Debug, Args)]
#[command(after_help = "Example:
  swabmesh site box B7")]
pub(crate) struct ShowArguments {
    /// Its barcode
    transport: Barcode,
    #[command(flatten)]
    connection: Connection,
}

impl PackArguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.connection.open()?;
        for tube in self.tubes {
            let body = PackTube { tube, operator: self.operator.clone() };
            let answer: Value = client.post(&format!("/boxes/{}/pack", segment(&self.transport)), &body)?;
            let what = format!("tube {} is in box {}", body.tube, self.transport);
            client.print(&answer, out, |answer| Ok(done(&what, answer)))?;
        }
        Ok(Outcome::Done)
    }
}

impl HandOverArguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.connection.open()?;
        let body = HandOverBox { to: self.to, count: self.count, operator: self.operator };
        let answer: Value = client.post(&format!("/boxes/{}/handover", segment(&self.transport)), &body)?;
        let what = format!("box {} with {} tubes went to {}", self.transport, body.count, body.to);
        client.print(&answer, out, |answer| Ok(done(&what, answer)))?;
        Ok(Outcome::Done)
    }
}

impl ShowArguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.connection.open()?;
        let path = format!("/boxes/{}", segment(&self.transport));
        client.show(&path, out, |transport| Ok(print::tube::transport(transport)))?;
        Ok(Outcome::Done)
    }
}
