//! `swabmesh authority fork`: which history of a forked feed counts.

use std::io::Write;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;
use swabmesh_node::api::{DecideFork, Keep};
use swabmesh_protocol::fact::Remark;
use swabmesh_protocol::id::Lane;

use crate::Outcome;
use crate::client::Connection;
use crate::print::done;

/// Decide which history of a forked feed counts
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Decide(DecideArguments),
}

/// What counts.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Choice {
    /// History A of `swabmesh log forks`
    #[value(name = "A", alias = "a")]
    A,
    /// History B
    #[value(name = "B", alias = "b")]
    B,
    /// Both: every registration in them happened
    Both,
}

/// Say which history counts from now on, everywhere; the other stays in quarantine, readable
#[derive(Debug, Args)]
#[command(after_help = "Example:
  swabmesh authority fork decide ed4928c628d1c2c6eae90338905995612959273a5c63f93636c14614ac8737d1/0102030405060708 --keep both --reason 'two laptops from one image' --data city
Decisions only add: what counts once cannot be taken back. Node and epoch are in: `swabmesh log forks`")]
struct DecideArguments {
    /// Node and epoch, as `swabmesh log forks` shows them
    #[arg(value_name = "NODE/EPOCH")]
    feed: String,
    /// Which history
    #[arg(long, value_enum, ignore_case = true)]
    keep: Choice,
    /// Why
    #[arg(long)]
    reason: Remark,
    /// In which lane, if the node forked in several
    #[arg(long)]
    lane: Option<u16>,
    #[command(flatten)]
    connection: Connection,
}

impl Arguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let Action::Decide(arguments) = self.action;
        let client = arguments.connection.open()?;
        let (node, epoch) = arguments.feed.split_once('/').context("give NODE/EPOCH, see `swabmesh log forks`")?;
        let keep = match arguments.keep {
            Choice::A => Keep::A,
            Choice::B => Keep::B,
            Choice::Both => Keep::Both,
        };
        let node = node.parse().context("the node is its key, 64 hexadecimal digits, see `swabmesh log forks`")?;
        let lane = arguments.lane.map(Lane);
        let body = DecideFork { node, epoch: epoch.to_owned(), lane, keep, reason: arguments.reason };
        let answer: Value = client.post("/forks/decide", &body)?;
        client.print(&answer, out, |answer| Ok(done("decided", answer)))?;
        Ok(Outcome::Done)
    }
}
