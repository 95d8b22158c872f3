//! `swabmesh status`: how a node is.

use std::io::Write;

use clap::Args;

use crate::Outcome;
use crate::client::Connection;
use crate::print::{self, text};

/// Show who is connected, what is where, how old the lists are, and what to do
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh status --data gate3
  swabmesh status --data gate3 --heads
  swabmesh status --url http://192.0.2.7:7410 --token TOKEN --json
With --heads: a digest over all documents; two nodes that hold the same facts print the same.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    connection: Connection,
    /// Print the digest over the heads of all documents instead
    #[arg(long)]
    heads: bool,
}

impl Arguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.connection.open()?;
        if self.heads {
            client.show("/heads", out, |heads| {
                let (documents, held) = (print::number(heads, "documents"), print::number(heads, "held_back"));
                Ok(format!("{}  {documents} documents, {held} facts held back\n", text(heads, "digest")))
            })?;
        } else {
            client.show("/status", out, |status| Ok(print::status::page(status)))?;
        }
        Ok(Outcome::Done)
    }
}
