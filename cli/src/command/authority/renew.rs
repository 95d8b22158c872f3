//! `swabmesh authority renew`: certificates that end soon, by an authority whose root key lies on a stick.

use std::io::Write;

use clap::Args;
use serde_json::{Value, json};
use swabmesh_node::api::PublishCertificate;
use swabmesh_node::enrolment::{pending, renew};
use swabmesh_protocol::certificate::Certificate;
use swabmesh_protocol::command::Published;
use swabmesh_protocol::id::hex;

use super::root::RootSource;
use crate::client::Connection;
use crate::{Outcome, clock};

/// Renew the certificates of members that end soon; a running authority with its root key does so by itself
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh authority renew --root stick1/root --data city
  swabmesh authority renew --data city --json
The new certificates travel as everything does, by neighbours and by bundles: nobody visits a site. Withdrawn nodes, and those
that were not heard of since half of their validity, are not renewed: enrol them again.")]
pub(super) struct Arguments {
    #[command(flatten)]
    root: RootSource,
    #[command(flatten)]
    connection: Connection,
}

impl Arguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let (home, root) = (self.connection.home(), self.root.open(&self.connection.home())?);
        let client = self.connection.open()?;
        let due: Vec<Certificate> = client.get("/nodes/due")?;
        for held in &due {
            let (signed, renewed) = renew::renew(&home, &root, held, clock::now_s())?;
            if let Published::Certificate(bytes) = &signed.published {
                let _: Value = client.post("/nodes", &PublishCertificate { certificate: hex(bytes) })?;
                pending::done(&home, &signed)?;
            }
            if self.connection.json {
                writeln!(out, "{}", json!(renewed))?;
            } else {
                writeln!(out, "{} is renewed until {}", renewed.name, clock::shanghai(renewed.until))?;
            }
        }
        if due.is_empty() && !self.connection.json {
            writeln!(out, "no certificate ends soon")?;
        }
        Ok(Outcome::Done)
    }
}
