//! `swabmesh authority enrol`: a node is admitted.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use swabmesh_node::api::PublishCertificate;
use swabmesh_node::durable::{self, Access};
use swabmesh_node::enrolment::admit::{Admitted, admit_by};
use swabmesh_node::enrolment::pending;
use swabmesh_protocol::command::Published;
use swabmesh_protocol::id::hex;

use super::root::RootSource;
use crate::client::Connection;
use crate::print::{short, symbol};
use crate::{Outcome, carried, clock};

/// Admit a node: sign its certificate and answer its request; works while the authority does not run
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh authority enrol gate3/enrolment/request --data city --out answer
  swabmesh authority enrol photo-of-request.png --data city --days 200 --out answer
Carry the answer back and give it to `swabmesh site join` or `swabmesh lab join`. The same request again renews.")]
pub(super) struct Arguments {
    /// The request: its text, a file, a picture of its QR code, or - for standard input
    request: String,
    /// Days the certificate is valid
    #[arg(long, value_name = "N", default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..=3_660))]
    days: u32,
    /// Where to write the answer; its picture is written beside it
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    root: RootSource,
    #[command(flatten)]
    connection: Connection,
}

impl Arguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let request = carried::text(&self.request, "SMQ1:")?;
        let home = self.connection.home();
        let admitted = admit_by(&home, &self.root.open(&home)?, &request, self.days, clock::now_s())?;
        durable::replace(&self.out, admitted.answer.as_bytes(), Access::Public)?;
        // An answer that outgrows a QR code still travels as a file.
        let picture = symbol::beside(&self.out, &admitted.answer).ok();
        let published = publish(&self.connection, &admitted).is_ok();
        let certificate = &admitted.certificate;
        if self.connection.json {
            let answer = json!({
                "certificate": certificate, "answer": admitted.answer, "answer_file": self.out,
                "answer_picture": picture, "published": published, "root": admitted.fingerprint.to_string(),
            });
            writeln!(out, "{answer}")?;
            return Ok(Outcome::Done);
        }
        let node = certificate.node.to_string();
        writeln!(
            out,
            "{} (node {}) is admitted until {}",
            certificate.name,
            short(&node),
            clock::shanghai(certificate.until)
        )?;
        let picture = picture.map(|picture| format!(" and {}", picture.display())).unwrap_or_default();
        writeln!(out, "  → carry {}{picture} to it", self.out.display())?;
        writeln!(out, "  → it must show this fingerprint: {}", admitted.fingerprint)?;
        if !published {
            writeln!(out, "  → the authority does not run: it tells the other nodes when it does")?;
        }
        Ok(Outcome::Done)
    }
}

/// Tells a running authority at once; one that does not run finds the certificate in `enrolment/pending`.
fn publish(connection: &Connection, admitted: &Admitted) -> anyhow::Result<()> {
    if let Published::Certificate(bytes) = &admitted.pending.published {
        let body = PublishCertificate { certificate: hex(bytes) };
        let _: Value = connection.open()?.post("/nodes", &body)?;
        pending::done(&connection.home(), &admitted.pending)?;
    }
    Ok(())
}
