//! `swabmesh authority init`: an authority is founded.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::json;
use swabmesh_node::enrolment::found::found;
use swabmesh_node::home::Home;
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::id::Lane;
use swabmesh_protocol::policy::Policy;

use crate::command::init::NewNode;
use crate::{Outcome, clock};

/// Found an authority: root key, issuing key, its own certificate, the first trust list and policy
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh authority init --name city --data city --address 192.0.2.1:4001
  swabmesh authority init --name city --data city --address 192.0.2.1:4001 --policy policy.json
Keep DIR/secrets/root.key safe and backed up: whoever has it decides who takes part.")]
pub(super) struct Arguments {
    #[command(flatten)]
    node: NewNode,
    /// Where sites reach it, written into every answer; may be repeated
    #[arg(long = "address", value_name = "ADDRESS")]
    addresses: Vec<String>,
    /// The first policy; the defaults if left out
    #[arg(long, value_name = "FILE.json")]
    policy: Option<PathBuf>,
}

impl Arguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let home = Home::at(&self.node.data);
        let policy = match &self.policy {
            None => Policy::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
                serde_json::from_str(&text).with_context(|| format!("{} is not a policy", path.display()))?
            }
        };
        let mut config = self.node.config(Role::Authority, Lane::CITY);
        config.authority_addresses.clone_from(&self.addresses);
        let founded = found(&home, &config, &policy, clock::now_s())?;
        let data = self.node.data.display();
        if self.node.json {
            let (root, words) = (founded.fingerprint.to_string(), founded.fingerprint.words());
            writeln!(out, "{}", json!({ "node": founded.node, "root": root, "root_words": words }))?;
            return Ok(Outcome::Done);
        }
        writeln!(out, "the authority is founded in {data}. Its fingerprint, to be compared by every node that joins:")?;
        writeln!(out, "  {}\n  {}", founded.fingerprint, founded.fingerprint.words())?;
        writeln!(out, "  → keep {data}/secrets/root.key safe, and a copy elsewhere")?;
        if self.addresses.is_empty() {
            writeln!(out, "  → answers carry no address: write authority_addresses into {data}/node.toml")?;
        }
        writeln!(out, "  → swabmesh authority run --data {data}")?;
        Ok(Outcome::Done)
    }
}
