//! `swabmesh authority channel`: the app and the mini-programs that may ask for codes (A1).

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use swabmesh_authority::channels::{self, QUOTA_PER_S};
use swabmesh_authority::office;
use swabmesh_node::durable;

use crate::place::Place;
use crate::{Outcome, clock};

/// Channels through which residents ask: the app, the mini-programs
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Add(Add),
    List(List),
    Rotate(Rotate),
}

/// Let a channel in: its credential is printed this once
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh authority channel add app --data city
  swabmesh authority channel add wechat --quota 5000 --data city
A running authority takes the channel within seconds. Requests carry `authorization: Bearer NAME.SECRET`.")]
struct Add {
    /// Its name: app, wechat, alipay
    name: String,
    /// Requests a second
    #[arg(long, value_name = "N", default_value_t = QUOTA_PER_S)]
    quota: u32,
    #[command(flatten)]
    place: Place,
}

/// List the channels, without secrets
#[derive(Debug, Args)]
#[command(after_help = "Example:
  swabmesh authority channel list --data city")]
struct List {
    #[command(flatten)]
    place: Place,
}

/// Give a channel a new secret; the one before is taken for a while
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh authority channel rotate app --data city
  swabmesh authority channel rotate app --grace-s 0 --data city
With --grace-s 0 the secret before is dead at once: what to do when it leaked.")]
struct Rotate {
    /// Its name
    name: String,
    /// Seconds for which the secret before is taken
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
    grace_s: u64,
    #[command(flatten)]
    place: Place,
}

impl Arguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        match self.action {
            Action::Add(Add { name, quota, place }) => {
                let credential = channels::add(&file(&place)?, &name, quota)?;
                say(out, place.json, &name, &credential)
            }
            Action::Rotate(Rotate { name, grace_s, place }) => {
                let credential = channels::rotate(&file(&place)?, &name, clock::now_s().saturating_add(grace_s))?;
                say(out, place.json, &name, &credential)
            }
            Action::List(List { place }) => list(out, &place),
        }
    }
}

fn file(place: &Place) -> anyhow::Result<PathBuf> {
    let office = office::place(&place.home()?);
    durable::make_directory(&office)?;
    Ok(office.join("channels.json"))
}

fn say(out: &mut dyn Write, json: bool, name: &str, credential: &str) -> anyhow::Result<Outcome> {
    if json {
        writeln!(out, "{}", json!({ "channel": name, "credential": credential }))?;
    } else {
        writeln!(out, "{credential}")?;
        // People read this, pipes do not.
        let _ = writeln!(std::io::stderr(), "  → give it to channel {name}; it is not shown again");
    }
    Ok(Outcome::Done)
}

fn list(out: &mut dyn Write, place: &Place) -> anyhow::Result<Outcome> {
    for channel in channels::read(&file(place)?)? {
        let before = channel.before.map(|before| before.until).filter(|until| *until > clock::now_s());
        if place.json {
            let line =
                json!({ "channel": channel.name, "quota_per_s": channel.quota_per_s, "secret_before_until": before });
            writeln!(out, "{line}")?;
        } else {
            let before = before.map_or(String::new(), |until| {
                format!("  the secret before is taken until {}", clock::shanghai(until))
            });
            writeln!(out, "{:<16} {} requests a second{before}", channel.name, channel.quota_per_s)?;
        }
    }
    Ok(Outcome::Done)
}
