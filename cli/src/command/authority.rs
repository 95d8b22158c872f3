//! `swabmesh authority`: the central node.

use std::io::Write;

use clap::{Args, Subcommand};

use super::{audit, operator, site};
use crate::Outcome;

mod channel;
mod city;
mod codes;
mod decisions;
mod enrol;
mod fork;
mod init;
mod key;
mod links;
mod nodes;
mod renew;
mod root;
mod seed;

/// The authority 市大数据中心: enrol nodes, issue codes, decide, recall
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Init(init::Arguments),
    Run(city::RunArguments),
    Operator(operator::Arguments),
    Enrol(enrol::Arguments),
    Nodes(nodes::ListArguments),
    Renew(renew::Arguments),
    Withdraw(nodes::WithdrawArguments),
    Issue(Box<codes::IssueArguments>),
    Revoke(Box<codes::RevokeArguments>),
    Flags(decisions::FlagsArguments),
    Review(decisions::ReviewArguments),
    Recall(decisions::RecallArguments),
    Reviews(city::ReviewsArguments),
    Rebuild(city::RebuildArguments),
    Report(city::ReportArguments),
    Export(city::ExportArguments),
    Purge(city::PurgeArguments),
    Fork(fork::Arguments),
    Tube(site::tube::ShowArguments),
    Box(site::transport::ShowArguments),
    Seed(seed::Arguments),
    Resident(links::ResidentArguments),
    Links(links::Arguments),
    Channel(channel::Arguments),
    Audit(audit::Arguments),
    Key(key::Arguments),
    Policy(key::PolicyArguments),
    Root(root::Arguments),
}

impl Arguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        match self.action {
            Action::Init(arguments) => arguments.run(out),
            Action::Run(arguments) => arguments.run(out),
            Action::Operator(arguments) => arguments.run(out),
            Action::Enrol(arguments) => arguments.run(out),
            Action::Nodes(arguments) => arguments.run(out),
            Action::Renew(arguments) => arguments.run(out),
            Action::Withdraw(arguments) => arguments.run(out),
            Action::Issue(arguments) => arguments.run(out),
            Action::Revoke(arguments) => arguments.run(out),
            Action::Flags(arguments) => arguments.run(out),
            Action::Review(arguments) => arguments.run(out),
            Action::Recall(arguments) => arguments.run(out),
            Action::Reviews(arguments) => arguments.run(out),
            Action::Rebuild(arguments) => arguments.run(out),
            Action::Report(arguments) => arguments.run(out),
            Action::Export(arguments) => arguments.run(out),
            Action::Purge(arguments) => arguments.run(out),
            Action::Fork(arguments) => arguments.run(out),
            Action::Tube(arguments) => arguments.run(out),
            Action::Box(arguments) => arguments.run(out),
            Action::Seed(arguments) => arguments.run(out),
            Action::Resident(arguments) => arguments.run(out),
            Action::Links(arguments) => arguments.run(out),
            Action::Channel(arguments) => arguments.run(out),
            Action::Audit(arguments) => arguments.run(out),
            Action::Key(arguments) => arguments.run(out),
            Action::Policy(arguments) => arguments.run(out),
            Action::Root(arguments) => arguments.run(out),
        }
    }
}
