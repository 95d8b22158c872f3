//! `swabmesh bundle show`: what is in a bundle, without a node.

use std::io::{Read, Write};
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use serde_json::{Value, json};
use swabmesh_node::bundle::{Contents, FeedContents, Registration};
use swabmesh_node::enrolment::fingerprint::Fingerprint;
use swabmesh_protocol::bundle::{Aim, Manifest};
use swabmesh_protocol::copies::Custody;
use swabmesh_protocol::id::NodeKey;

use super::import::missing;
use super::source::Source;
use crate::Outcome;
use crate::print::{at_ms, short};

/// Show what is in a bundle, every signature checked; needs no node
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh bundle show /media/stick/gate3.swab
  swabmesh bundle show gate3.swab --registrations
  swabmesh bundle show gate3.swab --json
  swabmesh bundle show pictures/
Exit code 1: the file is damaged, or something in it does not verify.")]
pub(super) struct Arguments {
    /// The bundle, or pictures of it, as `bundle import` takes them
    #[arg(value_name = "FILE|DIR")]
    file: PathBuf,
    /// List every registration, with where it was when the bundle was made
    #[arg(long)]
    registrations: bool,
    /// Print JSON, one object a line
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let source = Source::open(&self.file)?;
        let (mut holds, frames) = (source.complete(), source.frames());
        if !self.json {
            source.say(&self.file, out)?;
        }
        let bundles = source.bundles();
        if self.json && bundles.is_empty() {
            writeln!(out, "{}", json!({ "frames": frames }))?;
        }
        for bundle in bundles {
            holds &= self.bundle(bundle, frames.as_ref(), out)?;
        }
        Ok(if holds { Outcome::Done } else { Outcome::Failed })
    }

    /// Shows one bundle; returns whether all of it holds.
    fn bundle(&self, bundle: impl Read, frames: Option<&Value>, out: &mut dyn Write) -> anyhow::Result<bool> {
        let mut written = Ok(());
        let each = |registration: &Registration| {
            if self.registrations && written.is_ok() {
                written = line(registration, self.json, out);
            }
        };
        let contents = Contents::read(bundle, each)?;
        written?;
        if !contents.condition.is_bundle() {
            bail!("{} is not a bundle: nothing in it can be read as one", self.file.display());
        }
        if self.json {
            let mut object = object(&contents);
            if let Some(object) = object.as_object_mut() {
                object.extend(frames.cloned().map(|frames| ("frames".to_owned(), frames)));
            }
            writeln!(out, "{object}")?;
        } else {
            page(&contents, out)?;
        }
        Ok(contents.condition.whole && contents.forged == 0 && contents.missing.is_empty())
    }
}

const fn word(held: Custody) -> &'static str {
    match held {
        Custody::OnlyHere => "only at its site",
        Custody::AtNeighbour => "at a neighbour",
        Custody::AtAuthority => "at the authority",
    }
}

fn line(registration: &Registration, json: bool, out: &mut dyn Write) -> std::io::Result<()> {
    if json {
        return writeln!(out, "{}", json!(registration));
    }
    let Registration { registration, tube, at, held } = registration;
    writeln!(out, "{registration}  {}  tube {tube}  {}", at_ms(at.0), word(*held))
}

fn count(feed: &FeedContents, held: Custody) -> u64 {
    feed.registrations.get(&held).copied().unwrap_or_default()
}

fn total(contents: &Contents, held: Custody) -> u64 {
    contents.feeds.values().map(|feed| count(feed, held)).sum()
}

fn object(contents: &Contents) -> Value {
    let feed = |feed: &FeedContents| {
        let certificate = contents.node(&feed.header.writer);
        json!({
            "feed": feed.header.id(), "writer": feed.header.writer, "name": certificate.map(|c| &c.name),
            "role": certificate.map(|c| c.role), "epoch": feed.header.epoch, "lane": feed.header.lane,
            "entries": feed.entries, "to": feed.head.0, "only_here": count(feed, Custody::OnlyHere),
            "at_neighbour": count(feed, Custody::AtNeighbour), "at_authority": count(feed, Custody::AtAuthority),
        })
    };
    let condition = &contents.condition;
    let manifest = contents.manifest.as_ref();
    json!({
        "whole": condition.whole, "bytes": condition.bytes, "damaged_bytes": condition.damaged_bytes,
        "unreadable": condition.unreadable, "forged": contents.forged, "missing": contents.missing,
        "root": manifest.map(|manifest| manifest.root), "maker": manifest.map(|manifest| manifest.maker),
        "made": manifest.map(|manifest| manifest.made), "to": manifest.map(|manifest| manifest.aim),
        "only_here": total(contents, Custody::OnlyHere), "at_neighbour": total(contents, Custody::AtNeighbour),
        "at_authority": total(contents, Custody::AtAuthority),
        "feeds": contents.feeds.values().map(feed).collect::<Vec<_>>(),
    })
}

fn name(contents: &Contents, node: &NodeKey) -> String {
    let key = node.to_string();
    contents.node(node).map_or_else(|| format!("node {}", short(&key)), |certificate| certificate.name.to_string())
}

fn page(contents: &Contents, out: &mut dyn Write) -> anyhow::Result<()> {
    match &contents.manifest {
        Some(manifest) => head(contents, manifest, out)?,
        None => writeln!(out, "its manifest is damaged: who made it, and what it should hold, is not known")?,
    }
    for held in [Custody::OnlyHere, Custody::AtNeighbour, Custody::AtAuthority] {
        writeln!(out, "{:>8} registrations {}", total(contents, held), word(held))?;
    }
    for feed in contents.feeds.values() {
        let registrations: u64 = feed.registrations.values().sum();
        let (entries, to, cell) = (feed.entries, feed.head.0.0, feed.header.lane.0);
        let name = name(contents, &feed.header.writer);
        writeln!(out, "  {name}, cell {cell}: {entries} entries up to {to}, {registrations} registrations")?;
    }
    if contents.forged > 0 {
        writeln!(out, "FORGED: {} chunks do not verify", contents.forged)?;
    }
    let condition = &contents.condition;
    if condition.whole {
        writeln!(out, "whole: {} bytes, nothing damaged", condition.bytes)?;
    } else {
        writeln!(
            out,
            "DAMAGED: {} of {} bytes are part of nothing that holds, or its end is missing",
            condition.damaged_bytes, condition.bytes
        )?;
        writeln!(out, "  → import it all the same: what holds is taken")?;
    }
    Ok(missing(&contents.missing, out)?)
}

fn head(contents: &Contents, manifest: &Manifest, out: &mut dyn Write) -> anyhow::Result<()> {
    let aim = match manifest.aim {
        Aim::Authority => "for the authority",
        Aim::All => "for everybody",
    };
    writeln!(out, "made by {} {aim}, {}", name(contents, &manifest.maker), at_ms(manifest.made.0))?;
    if let Ok(root) = ed25519_dalek::VerifyingKey::from_bytes(&manifest.root.0) {
        writeln!(out, "authority's fingerprint: {}", Fingerprint::of(&root))?;
    }
    Ok(())
}
