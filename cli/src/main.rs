//! The `swabmesh` command: one file of `command/` for each subcommand.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

mod clock;
mod command;
mod key_file;

/// Registration at nucleic-acid sampling sites, peer to peer and offline first (核酸采样登记).
#[derive(Debug, Parser)]
#[command(name = "swabmesh", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: command::Command,
}

/// How a command ended that ran to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Exit code 0.
    Done,
    /// What was asked for was checked and does not hold: exit code 1.
    Failed,
}

fn main() -> ExitCode {
    match Arguments::parse().command.run(&mut io::stdout()) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::FAILURE,
        // Whoever reads our output has read enough, as `head` does.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "swabmesh: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
