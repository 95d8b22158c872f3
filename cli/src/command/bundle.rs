//! `swabmesh bundle`: the log as a file that is carried by hand.

use std::io::Write;

use clap::{Args, Subcommand};

use crate::Outcome;

mod export;
mod frames;
mod import;
mod show;
mod source;
mod target;

/// Carry the log on a stick, or film it from a screen: export it to a file, import it, look at it (离线数据包)
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Export(export::Arguments),
    Frames(frames::Arguments),
    Import(import::Arguments),
    Show(show::Arguments),
}

impl Arguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        match self.action {
            Action::Export(arguments) => arguments.run(out),
            Action::Frames(arguments) => arguments.run(out),
            Action::Import(arguments) => arguments.run(out),
            Action::Show(arguments) => arguments.run(out),
        }
    }
}
