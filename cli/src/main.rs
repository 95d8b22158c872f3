//! The `swabmesh` command: one file of `command/` for each subcommand.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

mod carried;
mod client;
mod clock;
mod command;
mod key_file;
mod outcome;
mod place;
mod print;

use outcome::{EXIT_CODES, Outcome};

/// Of the allocators measured, the one that needs least memory and least time (docs/decisions/0028-allocator.md).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Registration at nucleic-acid sampling sites, peer to peer and offline first (核酸采样登记).
#[derive(Debug, Parser)]
#[command(name = "swabmesh", version, arg_required_else_help = true, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: command::Command,
}

fn main() -> ExitCode {
    let mut out = io::stdout();
    match Arguments::parse().command.run(&mut out) {
        Ok(outcome) => outcome.into(),
        // Whoever reads our output has read enough, as `head` does.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            if let Some(refused) = error.downcast_ref::<client::Refused>().filter(|refused| refused.json) {
                let _ = writeln!(out, "{}", serde_json::json!(refused.problem));
            } else {
                let _ = writeln!(io::stderr(), "swabmesh: {error:#}");
            }
            Outcome::Failed.into()
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
