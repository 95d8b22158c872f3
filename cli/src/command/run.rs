//! `swabmesh authority|site|lab run`: a node, until it is asked to stop.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::json;
use swabmesh_node::beside::{Beside, Ground};
use swabmesh_node::config::Flag;
use swabmesh_node::home::Home;
use swabmesh_node::serve::{Reach, Service, stop_signal};
use swabmesh_protocol::fact::Role;

use crate::Outcome;
use crate::client::DATA_DEFAULT;

/// Run the node until Ctrl-C or SIGTERM
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh site run
  swabmesh site run --data /srv/gate3 --http-listen 127.0.0.1:7411 --peer 192.0.2.7:4001
  swabmesh site run --https-listen 0.0.0.0:7443
  swabmesh authority run --data city --ready-file city.ready --log-format json
Flags win over SWABMESH_HTTP_LISTEN and the like, and those over node.toml.")]
pub(super) struct Arguments {
    /// The node's directory
    #[arg(long, value_name = "DIR", env = "SWABMESH_DATA", default_value = DATA_DEFAULT)]
    data: PathBuf,
    /// Where pages and API are served; port 0 takes a free one
    #[arg(long, value_name = "IP:PORT")]
    http_listen: Option<SocketAddr>,
    /// Where pages are served over TLS, for tablets on the LAN
    #[arg(long, value_name = "IP:PORT")]
    https_listen: Option<SocketAddr>,
    /// Where other nodes reach this one; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<String>,
    /// A neighbour; may be repeated
    #[arg(long = "peer", value_name = "ADDRESS")]
    peers: Vec<String>,
    /// Where the authority listens, if not where the answer says; may be repeated
    #[arg(long = "authority-address", value_name = "ADDRESS")]
    authority_addresses: Vec<String>,
    /// Most that may cross to and from all nodes together, kbit/s
    #[arg(long, value_name = "KBIT")]
    bandwidth_kbit: Option<u64>,
    /// Most that may cross to and from each node, kbit/s
    #[arg(long, value_name = "KBIT")]
    peer_bandwidth_kbit: Option<u64>,
    /// When the authority may be dialled over a metered uplink, Asia/Shanghai; can be given again
    #[arg(long, value_name = "06:00-06:20")]
    uplink_hours: Vec<String>,
    /// Do not look for neighbours on the LAN
    #[arg(long)]
    no_mdns: bool,
    /// Log lines for people or for machines
    #[arg(long, value_name = "human|json")]
    log_format: Option<String>,
    /// Written when the node is ready: JSON with url, node, name, role, pid
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Arguments {
    fn flags(&self) -> Vec<Flag> {
        let one = |value: Option<String>| value.into_iter().collect::<Vec<_>>();
        let flags = [
            ("http_listen", one(self.http_listen.map(|address| address.to_string()))),
            ("https_listen", one(self.https_listen.map(|address| address.to_string()))),
            ("listen", self.listen.clone()),
            ("peers", self.peers.clone()),
            ("authority_addresses", self.authority_addresses.clone()),
            ("bandwidth_kbit", one(self.bandwidth_kbit.map(|kbit| kbit.to_string()))),
            ("peer_bandwidth_kbit", one(self.peer_bandwidth_kbit.map(|kbit| kbit.to_string()))),
            ("uplink_hours", self.uplink_hours.clone()),
            ("mdns", one(self.no_mdns.then(|| "false".to_owned()))),
            ("log.format", one(self.log_format.clone())),
        ];
        let given = flags.into_iter().filter(|(_, values)| !values.is_empty());
        given.map(|(key, values)| Flag { key, values }).collect()
    }

    pub(super) fn run(self, role: Role, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        self.with_database(role, None, out)
    }

    /// The same; an authority may copy its projection to a database.
    pub(super) fn with_database(
        self,
        role: Role,
        database: Option<String>,
        out: &mut dyn Write,
    ) -> anyhow::Result<Outcome> {
        let flags = self.flags();
        let home = Home::at(self.data);
        let service = Service::prepare(home.clone(), role, flags, self.ready_file)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.context("the system gives no threads")?;
        let json = self.json;
        runtime.block_on(async {
            let stop = stop_signal()?;
            service.run(beside(role, database), |reach| say(reach, &home, json, out), stop).await
        })?;
        Ok(Outcome::Done)
    }
}

/// Pages and services of the role.
fn beside(
    role: Role,
    database: Option<String>,
) -> impl FnOnce(&Ground) -> Result<Beside, Box<dyn std::error::Error + Send + Sync>> {
    move |ground| match role {
        Role::Authority => Ok(swabmesh_authority::services(ground, database.as_deref())?),
        Role::Site | Role::Lab => Ok(swabmesh_desk::pages(ground)?),
    }
}

/// What a running node prints. Whoever closed the terminal does not stop the node.
fn say(reach: &Reach, home: &Home, json: bool, out: &mut dyn Write) {
    let line = if json {
        json!(reach).to_string()
    } else {
        let first = swabmesh_node::page::setup::code(home).map(|code| {
            let (head, tail) = code.split_at(code.len() / 2);
            format!("\nNobody can sign in yet: open the page and make the first supervisor with the code {head} {tail}")
        });
        format!("{} is ready: {}  (Ctrl-C stops it){}", reach.name, reach.url, first.unwrap_or_default())
    };
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
