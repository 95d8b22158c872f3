//! `swabmesh authority`: the central node.

use std::io::Write;

use clap::{Args, Subcommand};
use swabmesh_protocol::fact::Role;

use super::{run, site};
use crate::Outcome;

mod codes;
mod decisions;
mod enrol;
mod fork;
mod init;
mod nodes;

/// The authority 市大数据中心: enrol nodes, issue codes, decide, recall
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Init(init::Arguments),
    Run(run::Arguments),
    Enrol(enrol::Arguments),
    Nodes(nodes::ListArguments),
    Withdraw(nodes::WithdrawArguments),
    Issue(Box<codes::IssueArguments>),
    Revoke(Box<codes::RevokeArguments>),
    Flags(decisions::FlagsArguments),
    Review(decisions::ReviewArguments),
    Recall(decisions::RecallArguments),
    Fork(fork::Arguments),
    Tube(site::tube::ShowArguments),
    Box(site::transport::ShowArguments),
}

impl Arguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        match self.action {
            Action::Init(arguments) => arguments.run(out),
            Action::Run(arguments) => arguments.run(Role::Authority, out),
            Action::Enrol(arguments) => arguments.run(out),
            Action::Nodes(arguments) => arguments.run(out),
            Action::Withdraw(arguments) => arguments.run(out),
            Action::Issue(arguments) => arguments.run(out),
            Action::Revoke(arguments) => arguments.run(out),
            Action::Flags(arguments) => arguments.run(out),
            Action::Review(arguments) => arguments.run(out),
            Action::Recall(arguments) => arguments.run(out),
            Action::Fork(arguments) => arguments.run(out),
            Action::Tube(arguments) => arguments.run(out),
            Action::Box(arguments) => arguments.run(out),
        }
    }
}
