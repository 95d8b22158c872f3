//! A site with a season's registrations: how much memory it takes and how soon it is ready after a kill.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command as Process, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use swabmesh_node::runtime::NodeHandle;
use swabmesh_protocol::fact::Role;

use super::city::City;
use super::figures::{memory_mb, rounded};
use super::heal::{eprint_progress, fill};
use crate::Outcome;

/// Kills a site node with many registrations and starts it again (断电重启). Aim: 120 MB resident, ready within 2 s.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Registrations in its store.
    #[arg(long, default_value_t = 100_000)]
    registrations: u64,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// The node, in a process of its own, so that it can be killed.
#[derive(Debug, Args)]
pub(super) struct NodeArguments {
    #[arg(long)]
    store: PathBuf,
}

impl Arguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let dir = tempfile::tempdir()?;
        let store = dir.path().join("store");
        eprint_progress("filling the store");
        fill(&store, 0..self.registrations)?;
        eprint_progress("starting, killing, starting again");
        let mut figures = Vec::new();
        for _ in 0..3 {
            let start = Instant::now();
            let mut process = Process::new(std::env::current_exe()?);
            process.args(["bench", "site-node", "--store"]).arg(&store).stdout(Stdio::piped());
            let mut child = process.spawn()?;
            let mut line = String::new();
            BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
            let ready = start.elapsed();
            child.kill()?;
            child.wait()?;
            let said: Value = serde_json::from_str(&line)?;
            figures.push((ready, said));
        }
        // The first start follows a clean stop; the later ones follow a kill.
        let ready_s = figures.iter().skip(1).map(|(ready, _)| ready.as_secs_f64()).fold(0.0, f64::max);
        let last = figures.last().map(|(_, said)| said.clone()).unwrap_or_default();
        let figures = json!({
            "registrations": self.registrations,
            "ready_after_kill_s": rounded(ready_s),
            "ready_after_kill_s_aim": 2.0,
            "resident_mb": last.get("resident_mb"),
            "resident_mb_aim": 120.0,
            "counted": last.get("registrations"),
        });
        super::print(out, self.json, &figures)
    }
}

impl NodeArguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(async {
            let node = NodeHandle::start(City::new().setup(&self.store, 9, Role::Site)?).await?;
            let registrations = node.snapshot().core.own.registrations;
            let line = json!({ "registrations": registrations, "resident_mb": memory_mb().1 });
            writeln!(out, "{line}")?;
            out.flush()?;
            // Waits to be killed.
            tokio::time::sleep(Duration::from_secs(60)).await;
            Ok(Outcome::Done)
        })
    }
}
