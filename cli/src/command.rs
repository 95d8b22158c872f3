//! The subcommands: each file parses its own arguments and runs them, writing to `out`.

use std::io::Write;

use clap::Subcommand;

use crate::Outcome;

mod audit;
mod authority;
mod bench;
mod bundle;
mod code;
mod decided;
mod demo;
mod document;
mod init;
mod join;
mod lab;
mod log;
mod operator;
mod person;
mod result;
mod run;
mod simulate;
mod site;
mod status;
mod wipe;

/// What `swabmesh` can be asked to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Arguments),
    Site(site::Arguments),
    Lab(lab::Arguments),
    Authority(authority::Arguments),
    Status(status::Arguments),
    Log(log::Arguments),
    Result(result::Arguments),
    Bundle(bundle::Arguments),
    Code(code::Arguments),
    Document(document::Arguments),
    Simulate(simulate::Arguments),
    Bench(bench::Arguments),
    Wipe(wipe::Arguments),
}

impl Command {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        match self {
            Self::Demo(arguments) => arguments.run(out),
            Self::Bench(arguments) => arguments.run(out),
            Self::Bundle(arguments) => arguments.run(out),
            Self::Wipe(arguments) => arguments.run(out),
            Self::Site(arguments) => arguments.run(out),
            Self::Lab(arguments) => arguments.run(out),
            Self::Authority(arguments) => arguments.run(out),
            Self::Status(arguments) => arguments.run(out),
            Self::Log(arguments) => arguments.run(out),
            Self::Result(arguments) => arguments.run(out),
            Self::Code(arguments) => arguments.run(out),
            Self::Document(arguments) => arguments.run(out),
            Self::Simulate(arguments) => arguments.run(out),
        }
    }
}

#[cfg(test)]
mod tests;
