//! One node of the demo: a directory, and a process while it runs.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use swabmesh_node::loopback::free_address;

use crate::client::Client;

/// Longest wait for a node to be ready, or to end. Source: guess; a start takes 0.2 s on idle cores.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// A node of the demo.
#[derive(Debug)]
pub(super) struct Place {
    /// `authority`, `site` or `lab`.
    pub(super) role: &'static str,
    /// What people call it.
    pub(super) name: String,
    /// Its directory.
    pub(super) data: PathBuf,
    /// Where other nodes reach it.
    pub(super) address: SocketAddr,
    /// Neighbours it dials.
    pub(super) peers: Vec<SocketAddr>,
    /// Its own cable to the authority.
    pub(super) uplink: Option<SocketAddr>,
    http: SocketAddr,
    process: Option<Child>,
}

/// Runs this program with arguments and returns what it printed, whatever its exit code; JSON lines are for the caller.
pub(super) fn swabmesh(arguments: &[&str], input: Option<&str>) -> anyhow::Result<String> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let mut stdin = child.stdin.take().context("no input")?;
    let input = input.unwrap_or_default().to_owned();
    // On a thread of its own: the child may answer before it has read everything.
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, input.as_bytes()));
    let output = child.wait_with_output()?;
    // A child that reads no further has its reason; its answer tells.
    let _ = writer.join();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    // 0 done, 3 amber, 4 red: answers all of them.
    if !matches!(output.status.code(), Some(0 | 3 | 4)) {
        bail!("swabmesh {}: {}{printed}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(printed)
}

impl Place {
    /// Chooses addresses; nothing is made yet.
    pub(super) fn new(directory: &Path, role: &'static str, name: &str) -> anyhow::Result<Self> {
        let data = directory.join(name.to_lowercase().replace(' ', "-"));
        let (address, http) = (free_address()?, free_address()?);
        Ok(Self { role, name: name.to_owned(), data, address, peers: Vec::new(), uplink: None, http, process: None })
    }

    pub(super) fn data(&self) -> anyhow::Result<&str> {
        self.data.to_str().context("the directory's name is not text")
    }

    /// Starts the process and waits until it is ready.
    pub(super) fn start(&mut self) -> anyhow::Result<()> {
        let ready = self.data.join("ready");
        let _ = std::fs::remove_file(&ready);
        let log = File::options().create(true).append(true).open(self.data.join("log"))?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args([self.role, "run", "--data"]).arg(&self.data).arg("--ready-file").arg(&ready);
        command.args(["--http-listen", &self.http.to_string(), "--listen", &self.address.to_string()]);
        for peer in &self.peers {
            command.args(["--peer", &peer.to_string()]);
        }
        if let Some(uplink) = self.uplink {
            command.args(["--authority-address", &uplink.to_string()]);
        }
        command.arg("--no-mdns");
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.process = Some(command.spawn()?);
        let began = Instant::now();
        while !ready.exists() {
            let ended = self.process.as_mut().and_then(|process| process.try_wait().transpose()).transpose()?;
            if ended.is_some() || began.elapsed() > READY_WITHIN {
                let log = std::fs::read_to_string(self.data.join("log")).unwrap_or_default();
                let last: Vec<&str> = log.lines().rev().take(5).collect();
                bail!("{} did not start: {}", self.name, last.join(" / "));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Ends the process politely.
    pub(super) fn stop(&mut self) -> anyhow::Result<()> {
        self.end(Signal::TERM)
    }

    /// Ends the process as a power cut would.
    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        self.end(Signal::KILL)
    }

    fn end(&mut self, signal: Signal) -> anyhow::Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        let pid = i32::try_from(process.id()).ok().and_then(Pid::from_raw).context("no such process")?;
        kill_process(pid, signal)?;
        let began = Instant::now();
        while process.try_wait()?.is_none() {
            if began.elapsed() > READY_WITHIN {
                process.kill()?;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// The node's API.
    pub(super) fn api(&self) -> anyhow::Result<Client> {
        Client::of_node(&self.data)
    }

    /// The node's state.
    pub(super) fn status(&self) -> anyhow::Result<Value> {
        self.api()?.get("/status")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.end(Signal::KILL);
    }
}

/// Waits until something holds, and says what was seen last when it does not.
pub(super) fn wait_until(
    what: &str,
    within: Duration,
    mut holds: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut last = None;
    while began.elapsed() < within {
        match holds() {
            Ok(true) => return Ok(()),
            Ok(false) => last = None,
            Err(error) => last = Some(error),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    match last {
        Some(error) => Err(error.context(format!("{what}: not within {} s", within.as_secs()))),
        None => bail!("{what}: not within {} s", within.as_secs()),
    }
}
