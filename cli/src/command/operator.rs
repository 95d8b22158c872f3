//! `swabmesh authority|site|lab operator`: who may use the node's pages.

use std::io::Write;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use swabmesh_node::page::operators::{Duty, Operators, Pin};
use swabmesh_protocol::fact::Operator;

use crate::Outcome;
use crate::place::Place;

/// Let people use the pages, with a PIN each
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Let somebody in
    #[command(after_help = "Examples:
  swabmesh site operator add wang --role supervisor
  swabmesh site operator add li --pin-stdin < pin.txt
  swabmesh lab operator add chen --data lab
  swabmesh authority operator add zhao --role supervisor --data city
Works while the node runs. A PIN has 6 to 12 digits and is never given on the command line; without --pin-stdin
one is drawn and printed once.")]
    Add {
        /// What everything they do names; at most 16 bytes
        name: Operator,
        /// What they may do
        #[arg(long, value_enum, default_value = "operator")]
        role: Role,
        #[command(flatten)]
        pin: PinArguments,
        #[command(flatten)]
        place: Place,
    },
    /// Who may use the pages
    #[command(after_help = "Example:
  swabmesh site operator list --json")]
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Let somebody in no longer; what they did stays
    #[command(after_help = "Example:
  swabmesh site operator remove li")]
    Remove {
        /// Who
        name: Operator,
        #[command(flatten)]
        place: Place,
    },
    /// Give somebody another PIN, also after too many wrong ones
    #[command(after_help = "Example:
  swabmesh site operator reset li")]
    Reset {
        /// Who
        name: Operator,
        #[command(flatten)]
        pin: PinArguments,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Role {
    /// Does the daily work: registers people, reports tubes, decides cases
    Operator,
    /// Also what needs a second pair of eyes: reopens tubes, admits nodes, makes operators
    Supervisor,
}

impl From<Role> for Duty {
    fn from(role: Role) -> Self {
        match role {
            Role::Operator => Self::Operator,
            Role::Supervisor => Self::Supervisor,
        }
    }
}

#[derive(Debug, Args)]
struct PinArguments {
    /// Read the PIN from the first line of standard input
    #[arg(long)]
    pin_stdin: bool,
}

impl PinArguments {
    /// The PIN, and whether it was drawn and is to be told.
    fn take(&self) -> anyhow::Result<(Pin, bool)> {
        if !self.pin_stdin {
            return Ok((Pin::draw()?, true));
        }
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).context("cannot read the PIN from standard input")?;
        Ok((Pin::new(&line)?, false))
    }
}

impl Arguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        match self.action {
            Action::Add { name, role, pin, place } => {
                let operators = operators(&place)?;
                let (pin, drawn) = pin.take()?;
                operators.add(&name, role.into(), &pin)?;
                tell(out, &place, &name, drawn.then_some(&pin), "may use the pages")?;
            }
            Action::Reset { name, pin, place } => {
                let operators = operators(&place)?;
                let (pin, drawn) = pin.take()?;
                operators.reset(&name, &pin)?;
                tell(out, &place, &name, drawn.then_some(&pin), "has a new PIN")?;
            }
            Action::Remove { name, place } => {
                operators(&place)?.remove(&name)?;
                tell(out, &place, &name, None, "may no longer use the pages")?;
            }
            Action::List { place } => {
                for person in operators(&place)?.list()? {
                    if place.json {
                        writeln!(out, "{}", serde_json::to_string(&person)?)?;
                    } else {
                        let duty = if person.duty == Duty::Supervisor { "supervisor" } else { "operator" };
                        writeln!(out, "{}  {duty}", person.name)?;
                    }
                }
            }
        }
        Ok(Outcome::Done)
    }
}

fn operators(place: &Place) -> anyhow::Result<Operators> {
    Ok(Operators::at(place.home()?.desk()))
}

fn tell(out: &mut dyn Write, place: &Place, name: &Operator, pin: Option<&Pin>, what: &str) -> anyhow::Result<()> {
    let pin = pin.map(Pin::expose);
    if place.json {
        writeln!(out, "{}", json!({ "operator": name, "pin": pin }))?;
    } else {
        let told = pin.map(|pin| format!(": the PIN is {pin}, it is not shown again")).unwrap_or_default();
        writeln!(out, "{name} {what}{told}")?;
    }
    Ok(())
}
