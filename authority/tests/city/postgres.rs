//! A real PostgreSQL of the test's own: made in a temporary directory, on a socket there, and removed with it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Set by `tests/run` once it has installed the tools: from then on a missing one fails the test.
const REQUIRED: &str = "SWABMESH_TOOLS_REQUIRED";

pub(crate) struct Postgres {
    dir: tempfile::TempDir,
    bin: PathBuf,
}

/// Where Debian keeps the server, newest first.
fn bin() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<PathBuf> =
        versions.flatten().map(|entry| entry.path().join("bin")).filter(|bin| bin.join("initdb").exists()).collect();
    found.sort();
    found.pop()
}

impl Postgres {
    /// Starts a server; `None` where none is installed.
    pub(crate) fn start() -> Option<Self> {
        let Some(bin) = bin() else {
            assert!(std::env::var_os(REQUIRED).is_none(), "PostgreSQL is missing: tests/run installs it");
            let said = "skipped: PostgreSQL is missing: tests/run installs it\n";
            let _ = std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes());
            return None;
        };
        let dir = tempfile::Builder::new().prefix("swabmesh-pg").tempdir().unwrap();
        let this = Self { dir, bin };
        if is_root() {
            // The server refuses to run as root.
            let owned = Command::new("chown").arg("postgres").arg(this.dir.path()).status().unwrap();
            assert!(owned.success(), "the server's directory could not be given to postgres");
        }
        let data = this.data();
        this.run(
            "initdb",
            &["-D", &text(&data), "-A", "trust", "-U", "swabmesh", "--no-sync", "-E", "UTF8", "--locale=C"],
        );
        let options =
            format!("-c listen_addresses='' -c unix_socket_directories='{}' -c fsync=off", text(this.dir.path()));
        let log = this.dir.path().join("log");
        this.run("pg_ctl", &["-D", &text(&data), "-w", "-t", "60", "-l", &text(&log), "-o", &options, "start"]);
        Some(this)
    }

    /// How the server is reached.
    pub(crate) fn address(&self) -> String {
        format!("host={} user=swabmesh dbname=postgres", text(self.dir.path()))
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let program = self.bin.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(&program);
            command
        } else {
            Command::new(&program)
        };
        // The server inherits what pg_ctl has open: with a pipe the test would wait for its end.
        let output = self.dir.path().join(format!("{}.out", program.file_name().unwrap().to_string_lossy()));
        let file = std::fs::File::create(&output).unwrap();
        let streams = (Stdio::from(file.try_clone().unwrap()), Stdio::from(file));
        let status =
            command.args(arguments).current_dir("/tmp").stdin(Stdio::null()).stdout(streams.0).stderr(streams.1);
        let ended = status.status().unwrap();
        assert!(ended.success(), "{program:?}: {}", std::fs::read_to_string(output).unwrap_or_default());
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.data().join("postmaster.pid").exists() {
            self.run("pg_ctl", &["-D", &text(&self.data()), "-m", "immediate", "-w", "stop"]);
        }
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|of_us| std::os::unix::fs::MetadataExt::uid(&of_us) == 0)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
