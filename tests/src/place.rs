//! A node of a test: a directory, and a process while it runs.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::program::{self, Answer};
use crate::wait::{eventually, is};

/// Longest wait for a process. A node starts in 0.2 s on idle cores.
const WITHIN: Duration = Duration::from_secs(60);

/// Where nobody listens: an authority that nobody can dial.
const NOWHERE: &str = "127.0.0.1:1";

/// A node.
#[derive(Debug)]
pub struct Place {
    /// `authority`, `site` or `lab`.
    pub role: &'static str,
    /// Its directory.
    pub data: PathBuf,
    /// What its host is entered by; nothing for this machine.
    enter: Vec<OsString>,
    process: Option<Child>,
}

impl Place {
    /// Founds an authority that nobody can dial.
    ///
    /// # Errors
    /// What the program says.
    pub fn authority(directory: &Path) -> io::Result<Self> {
        Self::authority_at(directory, NOWHERE, &[])
    }

    /// Founds an authority that nobody can dial, with this policy.
    ///
    /// # Errors
    /// What the program says.
    pub fn authority_with(directory: &Path, policy: &Value) -> io::Result<Self> {
        let file = directory.join("policy.json");
        std::fs::write(&file, policy.to_string())?;
        Self::authority_at(directory, NOWHERE, &["--policy", text(&file)?])
    }

    /// Founds an authority that is dialled at an address; `more` goes to `authority init`.
    ///
    /// # Errors
    /// What the program says.
    pub fn authority_at(directory: &Path, address: &str, more: &[&str]) -> io::Result<Self> {
        let place = Self::new("authority", directory.join("city"));
        place.done(&[&["authority", "init", "--name", "city", "--address", address], more].concat())?;
        Ok(place)
    }

    /// Makes a node and has the authority admit it, all by file.
    ///
    /// # Errors
    /// What the program says.
    pub fn joined(directory: &Path, role: &'static str, name: &str, authority: &Self) -> io::Result<Self> {
        let place = Self::new(role, directory.join(name));
        let cell: &[&str] = if role == "site" { &["--cell", "3"] } else { &[] };
        place.done(&[&[role, "init", "--name", name], cell].concat())?;
        let (request, answer) = (place.data.join("enrolment/request"), directory.join(format!("{name}.answer")));
        let (request, answer) = (text(&request)?, text(&answer)?);
        authority.done(&["authority", "enrol", request, "--out", answer])?;
        place.done(&[role, "join", answer])?;
        Ok(place)
    }

    /// A node whose directory is a copy of this one's: another machine with the same key and the same log.
    ///
    /// # Errors
    /// The directory cannot be copied.
    pub fn cloned(&self, name: &str) -> io::Result<Self> {
        let place = Self::new(self.role, self.data.with_file_name(name));
        copy(&self.data, &place.data)?;
        Ok(place)
    }

    const fn new(role: &'static str, data: PathBuf) -> Self {
        Self { role, data, enter: Vec::new(), process: None }
    }

    /// Puts the node on a host of its own, which this command enters.
    #[must_use]
    pub fn on(mut self, host: &Command) -> Self {
        self.enter = std::iter::once(host.get_program()).chain(host.get_args()).map(OsString::from).collect();
        self
    }

    /// The start of a command on the node's host.
    fn command(&self) -> io::Result<Command> {
        let program = program::path()?;
        let Some((enter, arguments)) = self.enter.split_first() else { return Ok(Command::new(program)) };
        let mut command = Command::new(enter);
        command.args(arguments).arg(program);
        Ok(command)
    }

    /// Runs a command on this node.
    ///
    /// # Errors
    /// The program does not start.
    pub fn run(&self, arguments: &[&str]) -> io::Result<Answer> {
        program::run(self.command()?.args(arguments).arg("--data").arg(&self.data), "")
    }

    /// Runs a command on this node that must succeed, and returns what it printed.
    ///
    /// # Errors
    /// What the program says.
    pub fn done(&self, arguments: &[&str]) -> io::Result<String> {
        let answer = self.run(arguments)?;
        match answer.code {
            Some(0) => Ok(answer.out),
            _ => Err(io::Error::other(format!("{arguments:?}: {answer:?}"))),
        }
    }

    /// Runs a command with `--json` that must succeed, and returns the first object it printed.
    ///
    /// # Errors
    /// What the program says.
    pub fn json(&self, arguments: &[&str]) -> io::Result<Value> {
        let printed = self.done(&[arguments, &["--json"]].concat())?;
        Ok(serde_json::from_str(printed.lines().next().unwrap_or_default())?)
    }

    /// Starts the process without a network, besides what `more` says, and waits until it is ready.
    ///
    /// On a host of its own it listens on port 4001, else on a free one of loopback.
    ///
    /// # Errors
    /// It does not become ready; the end of its log is told.
    pub fn start(&mut self, more: &[&str]) -> io::Result<()> {
        let (ready, log) = (self.data.join("ready"), self.data.join("log"));
        let _ = std::fs::remove_file(&ready);
        let listen = if self.enter.is_empty() { "127.0.0.1:0" } else { "0.0.0.0:4001" };
        let mut command = self.command()?;
        command.args([self.role, "run", "--no-mdns", "--http-listen", "127.0.0.1:0", "--listen", listen]);
        command.args(more).arg("--data").arg(&self.data).arg("--ready-file").arg(&ready);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(std::fs::File::create(&log)?);
        let child = self.process.insert(command.spawn()?);
        let began = Instant::now();
        while !ready.exists() {
            if child.try_wait()?.is_some() || began.elapsed() > WITHIN {
                return Err(io::Error::other(format!("not ready: {}", std::fs::read_to_string(&log)?)));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Where other nodes reach the running process.
    ///
    /// # Errors
    /// What the program says, or that it listens nowhere yet.
    pub fn address(&self) -> io::Result<String> {
        let status = self.json(&["status"])?;
        let address = status.get("listening").and_then(|all| all.get(0)).and_then(Value::as_str);
        Ok(address.ok_or_else(|| io::Error::other("it listens nowhere yet"))?.to_owned())
    }

    /// Cuts the process's power.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Asks the process to end, as a person would who switches the machine off properly, and waits for it.
    ///
    /// # Errors
    /// It cannot be asked.
    pub fn stop(&mut self) -> io::Result<()> {
        if let Some(mut process) = self.process.take() {
            kill_process(Pid::from_child(&process), Signal::TERM)?;
            process.wait()?;
        }
        Ok(())
    }

    /// Destroys the directory, and puts a copy of another in its place.
    ///
    /// # Errors
    /// The directories cannot be written.
    pub fn restore(&self, backup: &Path) -> io::Result<()> {
        std::fs::remove_dir_all(&self.data)?;
        copy(backup, &self.data)
    }

    /// Opens a tube and registers so many people into it; returns their registrations.
    ///
    /// # Errors
    /// What the program says.
    pub fn register(&self, tube: &str, people: u32) -> io::Result<Vec<String>> {
        self.done(&["site", "tube", "open", tube, "--pool", "20", "--operator", "wang"])?;
        let register = |person| {
            // Another tube, other people.
            let number = format!("E{:0>8}", tube.bytes().fold(person, |all, byte| all * 31 + u32::from(byte)));
            let into = ["site", "register", "--tube", tube, "--operator", "wang"];
            let who = ["--document", "--type", "3", "--number", &number, "--name", "Invented Person"];
            let judged = self.json(&[into.as_slice(), &who].concat())?;
            let registration = judged.get("registration").and_then(Value::as_str);
            Ok(registration.ok_or_else(|| io::Error::other(judged.to_string()))?.to_owned())
        };
        (1..=people).map(register).collect()
    }

    /// The registrations in a tube that count, as this node shows them, in order; none in one it has not heard of.
    ///
    /// # Errors
    /// What the program says.
    pub fn members(&self, tube: &str) -> io::Result<Vec<String>> {
        let answer = self.run(&["site", "tube", "show", tube, "--json"])?;
        let shown: Value = serde_json::from_str(&answer.out).unwrap_or_default();
        if answer.code != Some(0) && shown.get("status") != Some(&Value::from(404)) {
            return Err(io::Error::other(format!("{answer:?}")));
        }
        let members = shown.get("members").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let counting = members.iter().filter(|member| member.get("counts") == Some(&Value::Bool(true)));
        let mut counting: Vec<String> =
            counting.filter_map(|member| Some(member.get("registration")?.as_str()?.to_owned())).collect();
        counting.sort_unstable();
        Ok(counting)
    }

    /// The hash over its log and the hashes over its documents: equal where everything is equal.
    ///
    /// # Errors
    /// What the program says.
    pub fn holds(&self) -> io::Result<(String, String)> {
        let status = self.json(&["status"])?;
        let root = status.get("root").map(ToString::to_string).unwrap_or_default();
        Ok((root, self.done(&["status", "--heads"])?))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until all hold the same log and the same documents.
///
/// # Panics
/// They do not within this time.
#[track_caller]
pub fn agree(within: Duration, places: &[&Place]) {
    eventually("equal roots and heads", within, || {
        let held: Result<Vec<_>, io::Error> = places.iter().map(|place| place.holds()).collect();
        let held = held.map_err(|error| error.to_string())?;
        is(held.windows(2).all(|pair| pair.first() == pair.last()), &held)
    });
}

/// Copies a directory with everything in it.
///
/// # Errors
/// What `cp` says.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).output()?;
    if copied.status.success() { Ok(()) } else { Err(io::Error::other(String::from_utf8_lossy(&copied.stderr))) }
}

/// A path as text.
///
/// # Errors
/// It is not text.
pub fn text(path: &Path) -> io::Result<&str> {
    path.to_str().ok_or_else(|| io::Error::other("a path that is not text"))
}
