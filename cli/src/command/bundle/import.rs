//! `swabmesh bundle import`: what was carried here becomes part of the log.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde_json::json;
use swabmesh_node::api::ImportReport;
use swabmesh_protocol::bundle::Missing;

use super::source::Source;
use crate::Outcome;
use crate::client::{Client, Connection};
use crate::print::{at_ms, short};

/// Stretches that are told one by one.
const TOLD_MAX: usize = 10;

/// Take in what bundles hold; damaged ones as far as they hold, filmed ones once enough frames were read
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh bundle import /media/stick/gate3.swab --data city
  swabmesh bundle import monday.swab tuesday.swab --data gate3 --json
  swabmesh bundle import gate3.gif --data city
  swabmesh bundle import pictures/ --data city
Besides bundles it takes pictures of a screen that showed one (bundle frames): an animated GIF or PNG, a folder of photographs
or of the frames of a film, in any order, and films in YUV4MPEG2; of other films make a folder, with
  ffmpeg -i film.mp4 -vf fps=15 pictures/%05d.png
Importing again changes nothing. Every chunk is checked as if its writer's neighbour had sent it. Exit code 1: something
is missing or was not taken; the rest was.")]
pub(super) struct Arguments {
    /// The bundles, or pictures of them
    #[arg(value_name = "FILE|DIR", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

impl Arguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let mut reports = Vec::new();
        let mut complete = true;
        let json = self.connection.json;
        let role = self.connection.with_node(|client| {
            for path in &self.files {
                let source = Source::open(path)?;
                complete &= source.complete();
                let frames = source.frames();
                if !json {
                    source.say(path, out)?;
                }
                let bundles = source.bundles();
                if json && bundles.is_empty() {
                    writeln!(out, "{}", json!({ "file": path, "frames": frames }))?;
                }
                for bundle in bundles {
                    let report = import(client, path, bundle)?;
                    if json {
                        let mut line = json!(report);
                        if let Some(line) = line.as_object_mut() {
                            line.insert("file".to_owned(), json!(path));
                            line.extend(frames.clone().map(|frames| ("frames".to_owned(), frames)));
                        }
                        writeln!(out, "{line}")?;
                    } else {
                        say(path, &report, out)?;
                    }
                    reports.push(report);
                }
            }
            let status: serde_json::Value = client.get("/status")?;
            Ok(crate::print::text(&status, "role").to_owned())
        })?;
        if role == "authority" && !json && reports.iter().any(|report| report.maker.is_some()) {
            writeln!(out, "  → take receipts and results back: swabmesh bundle export --answer FILE --out ANSWER")?;
        }
        complete &= reports.iter().all(|report| report.whole && report.refused == 0 && report.missing.is_empty());
        Ok(if complete { Outcome::Done } else { Outcome::Failed })
    }
}

fn import(client: &Client, path: &Path, bundle: impl Read) -> anyhow::Result<ImportReport> {
    client.upload("/bundles/import", bundle).with_context(|| path.display().to_string())
}

fn say(path: &Path, report: &ImportReport, out: &mut dyn Write) -> anyhow::Result<()> {
    let ImportReport { entries, registrations, chunks, known, certificates, .. } = report;
    let from = match (&report.maker, report.made) {
        (Some(maker), Some(made)) => format!("of node {}, made {}", short(&maker.to_string()), at_ms(made.0)),
        (_, _) => "of an unknown maker: its manifest is damaged".to_owned(),
    };
    writeln!(out, "{} ({from})", path.display())?;
    writeln!(out, "  new: {registrations} registrations in {entries} entries, {certificates} certificates")?;
    writeln!(out, "  chunks: {chunks} taken, {known} held already, {} not taken", report.refused)?;
    for stretch in report.why.iter().take(TOLD_MAX) {
        let (from, to, writer) = (stretch.from.0, stretch.to.0, stretch.writer.to_string());
        writeln!(out, "  entries {from} to {to} of node {}: {}", short(&writer), stretch.reason)?;
    }
    if !report.whole {
        writeln!(out, "  DAMAGED: {} of {} bytes are part of nothing that holds", report.damaged_bytes, report.bytes)?;
    }
    missing(&report.missing, out)?;
    if !report.whole || !report.missing.is_empty() {
        writeln!(out, "  → what holds was taken; have it exported and carried once more, or keep this file")?;
    }
    Ok(())
}

/// Tells what a bundle should hold and does not.
pub(super) fn missing(missing: &[Missing], out: &mut dyn Write) -> std::io::Result<()> {
    for Missing { writer, from, to, .. } in missing.iter().take(TOLD_MAX) {
        writeln!(out, "  missing: entries {} to {} of node {}", from.0, to.0, short(&writer.to_string()))?;
    }
    if missing.len() > TOLD_MAX {
        writeln!(out, "  missing: {} stretches more, see --json", missing.len() - TOLD_MAX)?;
    }
    Ok(())
}
