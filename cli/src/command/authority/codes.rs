//! `swabmesh authority issue` and `revoke`: codes (C1, C3–C6, C8).

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use swabmesh_node::api::{IssueCode, IssuedCode, IssuedKind, RevokeCode};
use swabmesh_node::durable::{self, Access};
use swabmesh_node::picture::sheet::{Sheet, SheetKind};
use swabmesh_protocol::document::DocumentType;
use swabmesh_protocol::fact::Remark;
use swabmesh_protocol::id::Person;

use crate::Outcome;
use crate::client::Connection;
use crate::command::person::DocumentArguments;
use crate::print::{at_ms, done, symbol};

/// A kind of code.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kinds {
    /// 核酸码: a screenshot is as good as the page
    Static,
    /// 亲属码: asked for by a guardian
    Relative,
    /// 纸质离线随申码: printed, shown with the card
    Paper,
    /// The credential that a phone shows as 随申码
    Live,
}

impl From<Kinds> for IssuedKind {
    fn from(kind: Kinds) -> Self {
        match kind {
            Kinds::Static => Self::Static,
            Kinds::Relative => Self::Relative,
            Kinds::Paper => Self::Paper,
            Kinds::Live => Self::Live,
        }
    }
}

/// Issue a code; an earlier one of the same kind dies with it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh authority issue --number 11010519491231002X --name 张三 --data city
  swabmesh authority issue --kind paper --number 11010519491231002X --name 张三 --sheet sheet.svg --data city
  swabmesh authority issue --kind relative --number 110105201501010021 --name 张小三 --guardian-number 11010519491231002X --png code.png --data city
Only the text is printed, so that it can be piped; with --json also until when, and what it replaced.")]
pub(super) struct IssueArguments {
    /// Which kind
    #[arg(long, default_value = "static")]
    kind: Kinds,
    #[command(flatten)]
    person: DocumentArguments,
    /// The person cannot apply, whatever their age
    #[arg(long)]
    unable_to_apply: bool,
    /// Number of the print, on a paper code; drawn if left out
    #[arg(long, value_name = "N")]
    serial: Option<u64>,
    /// The phone's Ed25519 public key, on a live credential
    #[arg(long, value_name = "HEX")]
    device: Option<String>,
    /// Write a picture of the code
    #[arg(long, value_name = "FILE.png")]
    png: Option<PathBuf>,
    /// Write a sheet to print
    #[arg(long, value_name = "FILE.svg")]
    sheet: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

/// Revoke a person's code of a kind; every site learns it by sync
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh authority revoke --number 11010519491231002X --reason lost --data city
  swabmesh authority revoke --person f773d7b68fa9ec22e09b9204437024f4 --kind paper --reason lost --data city")]
pub(super) struct RevokeArguments {
    /// Whose, as a pseudonym; or by document
    #[arg(long, value_name = "HEX")]
    person: Option<Person>,
    /// Which kind
    #[arg(long, default_value = "static")]
    kind: Kinds,
    /// Why
    #[arg(long)]
    reason: Remark,
    #[command(flatten)]
    document: DocumentArguments,
    #[command(flatten)]
    connection: Connection,
}

impl IssueArguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.connection.open()?;
        let document = self.person.entry(false)?;
        let document_type = DocumentType::try_from(document.document)?;
        let Self { kind, unable_to_apply, device, .. } = self;
        // The sheet shows the serial, so it is drawn here when a sheet is wanted.
        let serial = self.serial.or_else(|| matches!(kind, Kinds::Paper).then(crate::clock::now_s));
        let body = IssueCode { kind: kind.into(), document, unable_to_apply, serial, device };
        let issued: IssuedCode = client.post("/codes", &body)?;
        if let Some(path) = &self.png {
            symbol::write(path, &issued.text)?;
        }
        if let Some(path) = &self.sheet {
            let serial = serial.map(|serial| serial.to_string());
            let sheet = sheet(kind, &issued, document_type, serial.as_deref())?;
            durable::replace(path, sheet.as_bytes(), Access::Public)?;
        }
        if client.json {
            writeln!(out, "{}", json!(issued))?;
        } else {
            writeln!(out, "{}", issued.text)?;
            let replaced = if issued.replaced.is_some() { "; the code before is dead" } else { "" };
            let (name, last_four, until) = (&issued.name, &issued.last_four, at_ms(issued.expires_at.0));
            // People read this, pipes do not.
            let _ = writeln!(std::io::stderr(), "{name}  {last_four}  until {until}{replaced}");
        }
        Ok(Outcome::Done)
    }
}

fn sheet(kind: Kinds, issued: &IssuedCode, document: DocumentType, serial: Option<&str>) -> anyhow::Result<String> {
    let kind = match kind {
        Kinds::Static => SheetKind::Static,
        Kinds::Relative => SheetKind::Relative,
        Kinds::Paper => SheetKind::Paper,
        Kinds::Live => bail!("a live code lives in a phone and is never printed: leave --sheet out"),
    };
    let sheet = Sheet {
        kind,
        text: &issued.text,
        masked_name: &issued.name,
        document,
        last_four: &issued.last_four,
        expires: issued.expires_at,
        serial,
    };
    sheet.svg().context("the sheet cannot be drawn")
}

impl RevokeArguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.connection.open()?;
        let document = if self.document.is_given() { Some(self.document.entry(false)?) } else { None };
        if self.person.is_some() == document.is_some() {
            bail!("say whose code it is: either --person, or --type and --number");
        }
        let body = RevokeCode { person: self.person, document, kind: self.kind.into(), reason: self.reason };
        let answer: Value = client.post("/codes/revoke", &body)?;
        client.print(&answer, out, |answer| Ok(done("the code is revoked", answer)))?;
        Ok(Outcome::Done)
    }
}
