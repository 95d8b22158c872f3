//! `swabmesh authority nodes` and `withdraw`: who takes part (N2).

use std::io::Write;

use anyhow::bail;
use clap::Args;
use serde::Deserialize;
use serde_json::Value;
use swabmesh_node::api::WithdrawNode;
use swabmesh_protocol::fact::Remark;
use swabmesh_protocol::id::NodeKey;

use crate::Outcome;
use crate::client::{Client, Connection};
use crate::print::{self, done};

/// List the nodes enrolled
#[derive(Debug, Args)]
#[command(after_help = "Example:
  swabmesh authority nodes --data city")]
pub(super) struct ListArguments {
    #[command(flatten)]
    connection: Connection,
}

/// Cut a node off everywhere; what it wrote before stands
#[derive(Debug, Args)]
#[command(after_help = "Example:
  swabmesh authority withdraw 'Gate 3' --reason 'laptop stolen' --data city")]
pub(super) struct WithdrawArguments {
    /// Its name or key, or the beginning of the key
    node: String,
    /// Why
    #[arg(long)]
    reason: Remark,
    #[command(flatten)]
    connection: Connection,
}

/// As much of a certificate as it takes to find a node.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Known {
    node: NodeKey,
    name: String,
}

impl ListArguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.connection.open()?;
        client.show("/nodes", out, |nodes| Ok(print::result::nodes(nodes)))?;
        Ok(Outcome::Done)
    }
}

impl WithdrawArguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.connection.open()?;
        let node = match self.node.parse() {
            Ok(node) => node,
            Err(_) => known(&client, &self.node)?,
        };
        let answer: Value = client.post(&format!("/nodes/{node}/withdraw"), &WithdrawNode { reason: self.reason })?;
        client.print(&answer, out, |answer| Ok(done(&format!("node {node} is withdrawn"), answer)))?;
        Ok(Outcome::Done)
    }
}

fn known(client: &Client, name: &str) -> anyhow::Result<NodeKey> {
    choose(client.get("/nodes")?, name)
}

/// The one node with this name or beginning of a key.
fn choose(nodes: Vec<Known>, wanted: &str) -> anyhow::Result<NodeKey> {
    let fits = |known: &Known| {
        known.name == wanted || wanted.len() >= 8 && known.node.to_string().starts_with(&wanted.to_lowercase())
    };
    let found: Vec<Known> = nodes.into_iter().filter(fits).collect();
    match found.as_slice() {
        [only] => Ok(only.node),
        [] => bail!("no node is called {wanted}: see `swabmesh authority nodes`"),
        several => bail!("{} nodes are called {wanted}: give the key, see `swabmesh authority nodes`", several.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_found_by_name_or_key_when_only_one_fits() {
        let known = |key, name: &str| Known { node: NodeKey([key; 32]), name: name.to_owned() };
        let nodes = || vec![known(1, "Gate 1"), known(2, "Gate 2"), known(3, "Gate 2")];
        assert_eq!(choose(nodes(), "Gate 1").unwrap(), NodeKey([1; 32]));
        assert_eq!(choose(nodes(), "03030303").unwrap(), NodeKey([3; 32]));
        assert!(choose(nodes(), "Gate 2").unwrap_err().to_string().contains("2 nodes"));
        assert!(choose(nodes(), "03").is_err() && choose(nodes(), "").is_err());
    }
}
