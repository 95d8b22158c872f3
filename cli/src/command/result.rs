//! `swabmesh result`: a resident's own results, by code.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::Value;
use swabmesh_node::api::Lookup;
use swabmesh_node::picture::read::codes_in;

use crate::Outcome;
use crate::client::Connection;
use crate::print::result::looked_up;

/// Look results up at the authority, with the person's own valid code and nothing else (T4)
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh result 'HS1:6BF...' --data city
  swabmesh result --image code.png --data city")]
pub(crate) struct Arguments {
    /// The text of the code, between single quotes
    #[arg(required_unless_present = "image")]
    code: Option<String>,
    /// A picture of the code
    #[arg(long, value_name = "FILE", conflicts_with = "code")]
    image: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

impl Arguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let code = match (self.code, self.image) {
            (Some(code), _) => code,
            (None, Some(image)) => codes_in(&image)?.into_iter().next().context("no code in the picture")?,
            (None, None) => anyhow::bail!("give the text of a code, or --image"),
        };
        let client = self.connection.open()?;
        let answer: Value = client.post("/results/lookup", &Lookup { code })?;
        client.print(&answer, out, |answer| Ok(looked_up(answer)))?;
        Ok(Outcome::Done)
    }
}
