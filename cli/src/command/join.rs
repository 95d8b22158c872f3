//! `swabmesh site|lab join`: the authority's answer is checked and kept.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use swabmesh_node::enrolment::fingerprint::Fingerprint;
use swabmesh_node::enrolment::join::{Change, join};
use swabmesh_node::home::Home;

use crate::client::DATA_DEFAULT;
use crate::{Outcome, carried, clock};

/// Take the authority's answer
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh site join answer --data gate3
  swabmesh site join answer.png --data gate3 --root 1f0c-77a2-90be-4d15-c3e8-0b6a-52d9-e471
  swabmesh lab join - --data lab-east < answer
Compare the fingerprint with the one that `swabmesh authority init` printed, or give it with --root.")]
pub(super) struct Arguments {
    /// The answer: its text, a file, a picture of its QR code, or - for standard input
    answer: String,
    /// The node's directory
    #[arg(long, value_name = "DIR", env = "SWABMESH_DATA", default_value = DATA_DEFAULT)]
    data: PathBuf,
    /// The authority's fingerprint, as digits or as words: anything else is refused
    #[arg(long, value_name = "FINGERPRINT")]
    root: Option<Fingerprint>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let text = carried::text(&self.answer, "SMA1:")?;
        let joined = join(&Home::at(&self.data), &text, self.root)?;
        let change = match joined.change {
            Change::Joined => "joined",
            Change::Renewed => "renewed",
            Change::Nothing => "nothing",
        };
        let certificate = &joined.certificate;
        if self.json {
            let fingerprint = joined.fingerprint.to_string();
            writeln!(out, "{}", json!({ "change": change, "certificate": certificate, "root": fingerprint }))?;
            return Ok(Outcome::Done);
        }
        let what = match joined.change {
            Change::Joined => "has joined",
            Change::Renewed => "has a newer certificate; start it again to use it",
            Change::Nothing => "had joined with this answer before; nothing changed",
        };
        writeln!(out, "{} {what}. Valid until {}", certificate.name, clock::shanghai(certificate.until))?;
        writeln!(out, "authority: {}\n           {}", joined.fingerprint, joined.fingerprint.words())?;
        if self.root.is_none() {
            writeln!(out, "  → Compare this with what the authority printed. If it differs, do not run this node.")?;
        }
        Ok(Outcome::Done)
    }
}
