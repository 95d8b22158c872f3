//! A node of a test: a directory, and a process while it runs.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use swabmesh_node::loopback::free_address;

use crate::program::{self, Answer};
use crate::wait::{eventually, is};

/// Longest wait for a process. A node starts in 0.2 s on idle cores.
const WITHIN: Duration = Duration::from_secs(60);

/// Between two looks at what is awaited.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Longest answer of an API that is read: the overview of a long day.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

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
    /// Where it listens for other nodes.
    listen: String,
    /// What `run` is told at every start.
    flags: Vec<String>,
    /// Where it serves pages and API; empty before the first start.
    url: String,
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
        let place = Self::at("authority", directory.join("city"));
        place.done(&[&["authority", "init", "--name", "city", "--address", address], more].concat())?;
        Ok(place)
    }

    /// Makes a node and has the authority admit it, all by file.
    ///
    /// # Errors
    /// What the program says.
    pub fn joined(directory: &Path, role: &'static str, name: &str, authority: &Self) -> io::Result<Self> {
        let place = Self::at(role, directory.join(name));
        let cell: &[&str] = if role == "site" { &["--cell", "3"] } else { &[] };
        place.done(&[&[role, "init", "--name", name], cell].concat())?;
        place.join(authority)?;
        Ok(place)
    }

    /// Has the authority admit this node, by file.
    ///
    /// # Errors
    /// What the program says.
    pub fn join(&self, authority: &Self) -> io::Result<()> {
        let (request, answer) = (self.data.join("enrolment/request"), self.data.join("answer"));
        let (request, answer) = (text(&request)?, text(&answer)?);
        authority.done(&["authority", "enrol", request, "--out", answer])?;
        self.done(&[self.role, "join", answer]).map(drop)
    }

    /// A node whose directory is a copy of this one's: another machine with the same key and the same log.
    ///
    /// # Errors
    /// The directory cannot be copied.
    pub fn cloned(&self, name: &str) -> io::Result<Self> {
        let place = Self::at(self.role, self.data.with_file_name(name));
        copy(&self.data, &place.data)?;
        Ok(place)
    }

    /// A node of this role in a directory; nothing is in it yet.
    #[must_use]
    pub fn at(role: &'static str, data: PathBuf) -> Self {
        let listen = "127.0.0.1:0".to_owned();
        Self { role, data, enter: Vec::new(), listen, flags: Vec::new(), url: String::new(), process: None }
    }

    /// Has it listen at this address at every start, so that others find it again.
    #[must_use]
    pub fn listening(mut self, address: &str) -> Self {
        address.clone_into(&mut self.listen);
        self
    }

    /// Tells `run` this too, at every start.
    #[must_use]
    pub fn with(mut self, flags: &[&str]) -> Self {
        self.flags.extend(flags.iter().map(|&flag| flag.to_owned()));
        self
    }

    /// Lets so many days pass on the node's machine: from the next start on its wall clock is ahead of ours.
    pub fn days_pass(&mut self, days: u32) {
        let ahead = format!("FAKETIME=+{days}d");
        // Its own command forks, and what is killed then is not the node. The loader knows where libraries are.
        let preload = "LD_PRELOAD=/usr/$LIB/faketime/libfaketimeMT.so.1";
        let enter = ["env", "FAKETIME_DONT_FAKE_MONOTONIC=1", &ahead, preload];
        self.enter = enter.map(OsString::from).to_vec();
    }

    /// Puts the node on a host of its own, which this command enters; it listens on port 4001 there.
    #[must_use]
    pub fn on(mut self, host: &Command) -> Self {
        "0.0.0.0:4001".clone_into(&mut self.listen);
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
        self.fed(arguments, "")
    }

    fn fed(&self, arguments: &[&str], input: &str) -> io::Result<Answer> {
        program::run(self.command()?.args(arguments).arg("--data").arg(&self.data), input)
    }

    /// Runs a command on this node that must succeed, and returns what it printed.
    ///
    /// # Errors
    /// What the program says.
    pub fn done(&self, arguments: &[&str]) -> io::Result<String> {
        self.told(arguments, "")
    }

    /// Like [`Place::done`], with this typed into it.
    ///
    /// # Errors
    /// What the program says.
    pub fn told(&self, arguments: &[&str], input: &str) -> io::Result<String> {
        let answer = self.fed(arguments, input)?;
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
    /// Its pages take a free port at the first start and keep it.
    ///
    /// # Errors
    /// It does not become ready; its log is told.
    pub fn start(&mut self, more: &[&str]) -> io::Result<()> {
        let (ready, log) = (self.data.join("ready"), self.data.join("log"));
        let _ = std::fs::remove_file(&ready);
        let pages = match self.url.strip_prefix("http://") {
            Some(kept) => kept.to_owned(),
            None => free_address()?.to_string(),
        };
        let mut command = self.command()?;
        command.args([self.role, "run", "--no-mdns", "--http-listen", &pages, "--listen", &self.listen]);
        command.args(&self.flags).args(more).arg("--data").arg(&self.data).arg("--ready-file").arg(&ready);
        let written = std::fs::File::options().create(true).append(true).open(&log)?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(written);
        let child = self.process.insert(command.spawn()?);
        let began = Instant::now();
        while !ready.exists() {
            if child.try_wait()?.is_some() || began.elapsed() > WITHIN {
                return Err(io::Error::other(format!("not ready: {}", std::fs::read_to_string(&log)?)));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        let said: Value = serde_json::from_slice(&std::fs::read(&ready)?)?;
        said.get("url").and_then(Value::as_str).unwrap_or_default().clone_into(&mut self.url);
        Ok(())
    }

    /// Where it serves pages and API, for whoever is on its host.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What its administrator reads in its directory.
    ///
    /// # Errors
    /// It is not there.
    pub fn token(&self) -> io::Result<String> {
        Ok(std::fs::read_to_string(self.data.join("secrets/api-token"))?.trim().to_owned())
    }

    /// Asks its API, on this machine.
    ///
    /// # Errors
    /// It does not answer, or refuses.
    pub fn get(&self, path: &str) -> io::Result<Value> {
        let asked = ureq::get(self.api(path)).header("authorization", format!("Bearer {}", self.token()?)).call();
        let mut answer = asked.map_err(io::Error::other)?;
        answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_json().map_err(io::Error::other)
    }

    /// Sends something to its API, on this machine.
    ///
    /// # Errors
    /// It does not answer, or refuses.
    pub fn post(&self, path: &str, body: &Value) -> io::Result<Value> {
        let sent = ureq::post(self.api(path)).header("authorization", format!("Bearer {}", self.token()?));
        let mut answer = sent.send_json(body).map_err(io::Error::other)?;
        answer.body_mut().read_json().map_err(io::Error::other)
    }

    fn api(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.url)
    }

    /// Where other nodes reach the running process, once it listens.
    ///
    /// # Errors
    /// What the program says, or that it does not listen in time.
    pub fn address(&self) -> io::Result<String> {
        let began = Instant::now();
        loop {
            let status = self.json(&["status"])?;
            if let Some(address) = status.get("listening").and_then(|all| all.get(0)).and_then(Value::as_str) {
                return Ok(address.to_owned());
            }
            if began.elapsed() > WITHIN {
                return Err(io::Error::other("it listens nowhere"));
            }
            std::thread::sleep(LOOK_EVERY);
        }
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

/// Carries a bundle from one to the other; `more` goes to its export. Tells where the stick is, and what the import said,
/// also when it took less than everything.
///
/// # Errors
/// No bundle was made, or the import says nothing.
pub fn carry(directory: &Path, name: &str, from: &Place, to: &Place, more: &[&str]) -> io::Result<(String, Value)> {
    let stick = text(&directory.join(name))?.to_owned();
    from.done(&[&["bundle", "export", "--out", &stick], more].concat())?;
    let answer = to.run(&["bundle", "import", &stick, "--json"])?;
    let report = serde_json::from_str(answer.out.trim());
    Ok((stick, report.map_err(|error| io::Error::other(format!("{error}: {answer:?}")))?))
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
