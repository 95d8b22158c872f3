//! The subcommands: each file parses its own arguments and runs them, writing to `out`.

use std::io::Write;

use clap::Subcommand;

use crate::Outcome;

mod code;
mod document;
mod simulate;

/// What `swabmesh` can be asked to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Code(code::Arguments),
    Document(document::Arguments),
    Simulate(simulate::Arguments),
}

impl Command {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        match self {
            Self::Code(arguments) => arguments.run(out),
            Self::Document(arguments) => arguments.run(out),
            Self::Simulate(arguments) => arguments.run(out),
        }
    }
}
