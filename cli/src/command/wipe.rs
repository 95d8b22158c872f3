//! `swabmesh wipe`: a node's directory is destroyed, if nothing is lost with it.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use serde_json::json;
use swabmesh_node::bundle::{Contents, Loss, losses};
use swabmesh_node::config::Flag;
use swabmesh_node::home::Home;
use swabmesh_node::serve::Service;
use swabmesh_protocol::fact::Role;

use crate::Outcome;
use crate::client::DATA_DEFAULT;
use crate::print::short;

/// Feeds that are told one by one.
const TOLD_MAX: usize = 10;

/// Destroy a node's directory; refuses while anything in it is nowhere else
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh wipe --data gate3
  swabmesh wipe --data gate3 --yes
  swabmesh wipe --data gate3 --exported /media/stick/gate3.swab --yes
Without --yes it only says what it would do. Safe is what the authority has signed for, and what a bundle named with
--exported holds by content: every entry, under its writer's signature. Files are deleted, not shredded: encrypt the disk.")]
pub(crate) struct Arguments {
    /// The node's directory; the node must not run
    #[arg(long, value_name = "DIR", env = "SWABMESH_DATA", default_value = DATA_DEFAULT)]
    data: PathBuf,
    /// A bundle that holds what has no receipt; may be repeated
    #[arg(long, value_name = "FILE")]
    exported: Vec<PathBuf>,
    /// Do it
    #[arg(long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let home = Home::at(&self.data);
        let lost = self.losses(&home)?;
        let wiped = lost.is_empty() && self.yes;
        if wiped {
            home.wipe().with_context(|| format!("{} is not empty yet: repeat it", self.data.display()))?;
        }
        if self.json {
            writeln!(out, "{}", json!({ "wiped": wiped, "losses": lost }))?;
        } else {
            self.say(wiped, &lost, out)?;
        }
        Ok(if lost.is_empty() { Outcome::Done } else { Outcome::Failed })
    }

    fn losses(&self, home: &Home) -> anyhow::Result<Vec<Loss>> {
        let role = home.config([])?.role;
        if role == Role::Authority {
            bail!("an authority is not wiped: nobody else holds its root key and its registry of codes");
        }
        let read = |path: &PathBuf| {
            let file = File::open(path).with_context(|| format!("cannot read {}: check the path", path.display()))?;
            Ok(Contents::read(BufReader::new(file), |_| {})?)
        };
        let exported = self.exported.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
        let quiet = Flag { key: "log.filter", values: vec!["error".to_owned()] };
        let service = Service::prepare(home.clone(), role, vec![quiet], None)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.context("the system gives no threads")?;
        runtime.block_on(service.quietly(async |node, _| {
            let authority = node.inspect(|replica| {
                let authority = replica.enrolled().find(|certificate| certificate.role == Role::Authority);
                authority.map(|certificate| certificate.node)
            });
            let authority = authority.await.map_err(|error| anyhow!(error))?;
            Ok::<_, anyhow::Error>(losses(node.view(), authority, &exported)?)
        }))?
    }

    fn say(&self, wiped: bool, lost: &[Loss], out: &mut dyn Write) -> anyhow::Result<()> {
        let data = self.data.display();
        if wiped {
            writeln!(out, "{data} is wiped")?;
        } else if lost.is_empty() {
            writeln!(out, "nothing in {data} is only here: it may be wiped\n  → do it with --yes")?;
        } else {
            let registrations: u64 = lost.iter().map(|loss| loss.registrations).sum();
            writeln!(out, "NOT wiped: {registrations} registrations would be lost with {data}")?;
            for Loss { feed, from, to, registrations } in lost.iter().take(TOLD_MAX) {
                let feed = feed.to_string();
                let (feed, from, to) = (short(&feed), from.0, to.0);
                writeln!(out, "  feed {feed}: entries {from} to {to}, {registrations} registrations")?;
            }
            writeln!(
                out,
                "  → connect it until the authority has signed, or export a bundle and name it with --exported"
            )?;
        }
        Ok(())
    }
}
