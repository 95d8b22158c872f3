//! The binary under test, run as its users run it.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What a run of the binary left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// The path of the binary built with these tests.
///
/// # Errors
/// It was not built: `cargo build --workspace` with the same profile first, as `tests/run` does.
pub fn path() -> io::Result<PathBuf> {
    // target/PROFILE/deps/TEST → target/PROFILE/swabmesh
    let test = std::env::current_exe()?;
    let path = test.ancestors().nth(2).map(|profile| profile.join("swabmesh"));
    path.filter(|path| path.is_file())
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "build the binary first: cargo build --workspace"))
}

/// Runs `swabmesh` with these arguments and this standard input, to its end.
///
/// # Errors
/// The binary is missing or does not start.
pub fn swabmesh<S: AsRef<OsStr>>(arguments: &[S], input: &str) -> io::Result<Answer> {
    run(Command::new(path()?).args(arguments), input)
}

/// Runs any command with this standard input, to its end.
///
/// # Errors
/// It does not start, or its output is not text.
pub fn run(command: &mut Command, input: &str) -> io::Result<Answer> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take();
    // Written beside the reading: with more input than a pipe holds, each would wait for the other.
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.as_mut().map(|stdin| stdin.write_all(input.as_bytes())));
        child.wait_with_output()
    })?;
    let text = |bytes| String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error));
    Ok(Answer { code: output.status.code(), out: text(output.stdout)?, err: text(output.stderr)? })
}
