//! `swabmesh bundle export`: what the node holds, as a file.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde_json::json;
use swabmesh_node::api::ExportBundle;
use swabmesh_node::bundle::Contents;
use swabmesh_protocol::bundle::{Aim, Ask};
use swabmesh_protocol::id::Lane;

use super::source::Source;
use super::target::Target;
use crate::client::{Client, Connection};
use crate::{Outcome, clock};

/// Whom a bundle is for.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum To {
    /// What the authority has not signed for
    Authority,
    /// Everything the node holds
    All,
}

/// Write what is not at the authority yet into a file; at the authority, what it has for its nodes
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh bundle export --data gate3 --out /media/stick/gate3.swab
  swabmesh bundle export --data city --answer /media/stick/gate3.swab --out /media/stick/answer.swab
  swabmesh bundle export --data gate3 --to all --out gate3-everything.swab
  swabmesh bundle export --data city --cell 3 --cell 4
Works whether the node runs or not. A file that exists is never overwritten. Nothing is deleted here by an export: the
authority's receipt comes back in its answer, and only then the registrations are safe.")]
pub(super) struct Arguments {
    /// Whom for [default: the authority; at the authority: all]
    #[arg(long, value_enum)]
    to: Option<To>,
    /// Leave out what the authority has signed for
    #[arg(long)]
    since_receipts: bool,
    /// Only this cell, and what concerns the whole city; may be repeated
    #[arg(long = "cell", value_name = "N", value_parser = clap::value_parser!(u16).range(0..=65_534))]
    cells: Vec<u16>,
    /// Answer a bundle, or pictures of one: only what its maker does not hold yet
    #[arg(long, value_name = "FILE|DIR", conflicts_with_all = ["cells", "to"])]
    answer: Option<PathBuf>,
    /// Where to write [default: the node's name and the time, ending in .swab]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

impl Arguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let ask = self.ask()?;
        let path = self.out.clone();
        let (path, contents) = self.connection.with_node(|client| {
            let path = match path {
                Some(path) => path,
                None => default_name(client)?,
            };
            let mut target = Target::create(&path)?;
            client.download("/bundles/export", &ask, &mut |bytes| target.write(bytes))?;
            target.finish()?;
            // What stands in the file is what is told, not what was meant to.
            let file = File::open(&path).with_context(|| format!("cannot read {} back", path.display()))?;
            Ok((path, Contents::read(std::io::BufReader::new(file), |_| {})?))
        })?;
        self.say(&path, &contents, out)?;
        Ok(Outcome::Done)
    }

    fn ask(&self) -> anyhow::Result<ExportBundle> {
        let to = self.to.map(|to| match to {
            To::Authority => Aim::Authority,
            To::All => Aim::All,
        });
        let cells = self.cells.iter().map(|cell| Lane(*cell)).collect();
        let ask = ExportBundle { to, since_receipts: self.since_receipts, cells, held: Vec::new() };
        let Some(path) = &self.answer else { return Ok(ask) };
        let bundle = Source::open(path)?.bundles().into_iter().next();
        let bundle = bundle.with_context(|| format!("{} does not show all of a bundle yet", path.display()))?;
        let contents = Contents::read(bundle, |_| {})?;
        let manifest = contents.manifest.with_context(|| {
            format!("{} does not say any more what its maker holds: export with --cell instead", path.display())
        })?;
        Ok(ExportBundle { since_receipts: self.since_receipts, ..Ask::answering(&manifest).into() })
    }

    fn say(&self, path: &Path, contents: &Contents, out: &mut dyn Write) -> anyhow::Result<()> {
        let entries: u64 = contents.feeds.values().map(|feed| feed.entries).sum();
        let registrations: u64 = contents.feeds.values().flat_map(|feed| feed.registrations.values()).sum();
        let (feeds, bytes) = (contents.feeds.len(), contents.condition.bytes);
        if self.connection.json {
            let answer = json!({
                "file": path, "bytes": bytes, "feeds": feeds, "entries": entries, "registrations": registrations,
            });
            writeln!(out, "{answer}")?;
        } else {
            writeln!(
                out,
                "{}: {entries} entries of {feeds} feeds, {registrations} registrations, {bytes} bytes",
                path.display()
            )?;
            writeln!(out, "  → carry it to the other node, and there: swabmesh bundle import {}", path.display())?;
        }
        Ok(())
    }
}

fn default_name(client: &Client) -> anyhow::Result<PathBuf> {
    let status: serde_json::Value = client.get("/status")?;
    let name = crate::print::text(&status, "name").to_owned();
    let name: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    let digits: String = clock::shanghai(clock::now_s()).chars().take(19).filter(char::is_ascii_digit).collect();
    Ok(PathBuf::from(format!("{}-{digits}.swab", name.to_lowercase())))
}
