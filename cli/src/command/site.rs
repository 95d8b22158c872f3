//! `swabmesh site`: a sampling site's node.

use std::io::Write;

use clap::{Args, Subcommand};
use swabmesh_protocol::fact::Role;

use super::{init, join, operator, run};
use crate::Outcome;

mod correction;
mod register;
pub(super) mod transport;
pub(super) mod tube;

/// A sampling site 采样点: register people, fill and seal tubes
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Init(init::Arguments),
    Join(join::Arguments),
    Run(run::Arguments),
    Operator(operator::Arguments),
    Register(Box<register::Arguments>),
    Tube(tube::Arguments),
    List(correction::ListArguments),
    Void(correction::VoidArguments),
    Amend(correction::AmendArguments),
    Move(correction::MoveArguments),
    Pack(transport::PackArguments),
    Handover(transport::HandOverArguments),
    Box(transport::ShowArguments),
}

impl Arguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        match self.action {
            Action::Init(arguments) => arguments.run(Role::Site, out),
            Action::Join(arguments) => arguments.run(out),
            Action::Run(arguments) => arguments.run(Role::Site, out),
            Action::Operator(arguments) => arguments.run(out),
            Action::Register(arguments) => arguments.run(out),
            Action::Tube(arguments) => arguments.run(out),
            Action::List(arguments) => arguments.run(out),
            Action::Void(arguments) => arguments.run(out),
            Action::Amend(arguments) => arguments.run(out),
            Action::Move(arguments) => arguments.run(out),
            Action::Pack(arguments) => arguments.run(out),
            Action::Handover(arguments) => arguments.run(out),
            Action::Box(arguments) => arguments.run(out),
        }
    }
}
