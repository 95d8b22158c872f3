//! Tools of other people, against which ours are held. `tests/run` installs them.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Set by `tests/run` once it has installed the tools: from then on a missing one fails the test.
const REQUIRED: &str = "SWABMESH_TOOLS_REQUIRED";
/// The interpreter that has python-cwt.
const PYTHON: &str = "SWABMESH_PYTHON";

/// Says that a test is skipped, and why.
///
/// # Errors
/// The same words, when `tests/run` promised the tool: a skip would hide a broken machine.
pub fn missing(what: &str) -> Result<(), String> {
    let said = format!("{what} is missing: tests/run installs it");
    if std::env::var_os(REQUIRED).is_some() {
        return Err(said);
    }
    // The only way to tell the reader of a test's output.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("skipped: {said}\n").as_bytes());
    Ok(())
}

/// A Python interpreter with python-cwt, if there is one.
#[must_use]
pub fn python_with_cwt() -> Option<PathBuf> {
    python_with("cwt")
}

/// A Python interpreter with a package, if there is one.
#[must_use]
pub fn python_with(package: &str) -> Option<PathBuf> {
    let named = std::env::var_os(PYTHON).map(PathBuf::from);
    let python = named.unwrap_or_else(|| crate::repository::root().join("target/python/bin/python"));
    let import = Command::new(&python)
        .args(["-c", &format!("import {package}")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    import.is_ok_and(|status| status.success()).then_some(python)
}
