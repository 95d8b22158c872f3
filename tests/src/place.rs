//! A node of a test: a directory, and a process while it runs.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{self, Answer, swabmesh};

/// Longest wait for a process. A node starts in 0.2 s on idle cores.
const WITHIN: Duration = Duration::from_secs(60);

/// A node.
#[derive(Debug)]
pub struct Place {
    /// `authority`, `site` or `lab`.
    pub role: &'static str,
    /// Its directory.
    pub data: PathBuf,
    process: Option<Child>,
}

impl Place {
    /// Founds an authority that nobody can dial.
    ///
    /// # Errors
    /// What the program says.
    pub fn authority(directory: &Path) -> io::Result<Self> {
        Self::founded(directory, &[])
    }

    /// Founds an authority that nobody can dial, with this policy.
    ///
    /// # Errors
    /// What the program says.
    pub fn authority_with(directory: &Path, policy: &Value) -> io::Result<Self> {
        let file = directory.join("policy.json");
        std::fs::write(&file, policy.to_string())?;
        Self::founded(directory, &["--policy", text(&file)?])
    }

    fn founded(directory: &Path, more: &[&str]) -> io::Result<Self> {
        let place = Self { role: "authority", data: directory.join("city"), process: None };
        place.done(&[&["authority", "init", "--name", "city", "--address", "127.0.0.1:1"], more].concat())?;
        Ok(place)
    }

    /// Makes a node and has the authority admit it, all by file.
    ///
    /// # Errors
    /// What the program says.
    pub fn joined(directory: &Path, role: &'static str, name: &str, authority: &Self) -> io::Result<Self> {
        let place = Self { role, data: directory.join(name), process: None };
        let cell: &[&str] = if role == "site" { &["--cell", "3"] } else { &[] };
        place.done(&[&[role, "init", "--name", name], cell].concat())?;
        let (request, answer) = (place.data.join("enrolment/request"), directory.join(format!("{name}.answer")));
        let (request, answer) = (text(&request)?, text(&answer)?);
        authority.done(&["authority", "enrol", request, "--out", answer])?;
        place.done(&[role, "join", answer])?;
        Ok(place)
    }

    /// Runs a command on this node.
    ///
    /// # Errors
    /// The program does not start.
    pub fn run(&self, arguments: &[&str]) -> io::Result<Answer> {
        swabmesh(&[arguments, &["--data", text(&self.data)?]].concat(), "")
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
    /// # Errors
    /// It does not become ready; the end of its log is told.
    pub fn start(&mut self, more: &[&str]) -> io::Result<()> {
        let (ready, log) = (self.data.join("ready"), self.data.join("log"));
        let _ = std::fs::remove_file(&ready);
        let mut command = Command::new(program::path()?);
        command.args([self.role, "run", "--no-mdns", "--http-listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"]);
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
    /// What the program says.
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

    /// Opens a tube and registers so many people into it.
    ///
    /// # Errors
    /// What the program says.
    pub fn register(&self, tube: &str, people: u32) -> io::Result<()> {
        self.done(&["site", "tube", "open", tube, "--pool", "20", "--operator", "wang"])?;
        for person in 1..=people {
            // Another tube, other people.
            let number = format!("E{:0>8}", tube.bytes().fold(person, |all, byte| all * 31 + u32::from(byte)));
            let into = ["site", "register", "--tube", tube, "--operator", "wang"];
            let who = ["--document", "--type", "3", "--number", &number, "--name", "Invented Person"];
            self.done(&[into.as_slice(), &who].concat())?;
        }
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A path as text.
///
/// # Errors
/// It is not text.
pub fn text(path: &Path) -> io::Result<&str> {
    path.to_str().ok_or_else(|| io::Error::other("a path that is not text"))
}
