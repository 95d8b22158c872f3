//! `swabmesh code`: make, read and judge codes without any store or network.

use std::io::{Read, Write};

use anyhow::Context;
use clap::{Args, Subcommand};
use swabmesh_protocol::code::text;
use swabmesh_protocol::limits::SCAN_BYTES_MAX;
use swabmesh_protocol::scan::Scanned;

use crate::Outcome;

mod issue;
mod judgement;
mod keygen;
mod present;
mod show;
mod verify;

/// Issue, show and verify codes (核酸码), without any store or network.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Keygen(keygen::Arguments),
    Issue(issue::Arguments),
    Present(present::Arguments),
    Show(show::Arguments),
    Verify(verify::Arguments),
}

impl Arguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        match self.action {
            Action::Keygen(arguments) => arguments.run(out),
            Action::Issue(arguments) => arguments.run(out),
            Action::Present(arguments) => arguments.run(out),
            Action::Show(arguments) => arguments.run(out),
            Action::Verify(arguments) => arguments.run(out),
        }
    }
}

/// The bytes of the code in an argument, or in standard input when there is none.
fn code_bytes(argument: Option<String>) -> anyhow::Result<Vec<u8>> {
    let raw = match argument {
        Some(raw) => raw,
        None => {
            let mut raw = String::new();
            let bytes_max = u64::try_from(SCAN_BYTES_MAX)?;
            std::io::stdin().take(bytes_max).read_to_string(&mut raw).context("cannot read standard input")?;
            raw
        }
    };
    let scanned = Scanned::from_text(&raw);
    let base45 = scanned.text().strip_prefix(text::PREFIX).context("a code begins with HS1:")?;
    text::decode_base45(base45).context("the code is damaged; in a shell, write it between single quotes")
}

/// Random bytes from the operating system.
fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("the machine gives no random numbers")?;
    Ok(bytes)
}
