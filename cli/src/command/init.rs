//! `swabmesh site|lab init`: keys, and a request to join.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::json;
use swabmesh_node::config::Config;
use swabmesh_node::enrolment::request::ask;
use swabmesh_node::home::Home;
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::id::Lane;
use swabmesh_protocol::text::Text;

use crate::Outcome;
use crate::client::DATA_DEFAULT;
use crate::print::{short, symbol};

/// What every new node is told.
#[derive(Debug, Args)]
pub(super) struct NewNode {
    /// What people call it, at most 32 bytes
    #[arg(long)]
    name: Text<32>,
    /// The directory to make
    #[arg(long, value_name = "DIR", env = "SWABMESH_DATA", default_value = DATA_DEFAULT)]
    pub(super) data: PathBuf,
    /// Where pages and API are served; 127.0.0.1:7400, 7410 or 7420 if left out
    #[arg(long, value_name = "IP:PORT")]
    http_listen: Option<SocketAddr>,
    /// Where other nodes reach it; 0.0.0.0:4001 if left out; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl NewNode {
    /// Its settings.
    pub(super) fn config(&self, role: Role, cell: Lane) -> Config {
        let mut config = Config::new(role, self.name.clone(), cell);
        config.http_listen = self.http_listen.unwrap_or(config.http_listen);
        if !self.listen.is_empty() {
            config.listen.clone_from(&self.listen);
        }
        config
    }
}

/// Make a new node and its request to join
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh site init --name 'Gate 3' --cell 12 --data gate3
  swabmesh lab init --name 'Lab East' --data lab-east
The request is printed as a QR code and written to DIR/enrolment/request: carry it to the authority, bring back
the answer, and go on with `join`. Nothing in it is secret.")]
pub(super) struct Arguments {
    #[command(flatten)]
    node: NewNode,
    /// Its cell: a district or smaller, 1 to 65534; laboratories serve the whole city
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..i64::from(u16::MAX)))]
    cell: u16,
}

impl Arguments {
    pub(super) fn run(self, role: Role, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let home = Home::at(&self.node.data);
        if role == Role::Site && self.cell == 0 {
            anyhow::bail!("a site belongs to a cell: give --cell N, the same for all sites of a district");
        }
        let asked = ask(&home, &self.node.config(role, Lane(self.cell)))?;
        let path = home.request();
        let picture = symbol::beside(&path, &asked.text).context("the request is made; its picture is not")?;
        if self.node.json {
            let answer = json!({
                "node": asked.node, "request": asked.text, "request_file": path, "request_picture": picture,
            });
            writeln!(out, "{answer}")?;
            return Ok(Outcome::Done);
        }
        write!(out, "{}", symbol::terminal(&asked.text)?)?;
        writeln!(out, "{}", asked.text)?;
        writeln!(
            out,
            "\nnode {} asks to join. The request is also in {} and {}",
            short(&asked.node.to_string()),
            path.display(),
            picture.display()
        )?;
        writeln!(out, "  → at the authority: swabmesh authority enrol REQUEST --out answer")?;
        let role = if role == Role::Lab { "lab" } else { "site" };
        writeln!(out, "  → then here: swabmesh {role} join ANSWER --data {}", self.node.data.display())?;
        Ok(Outcome::Done)
    }
}
