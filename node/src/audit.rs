//! Every look at personal details, in a file that cannot be changed unnoticed (P4).
//!
//! One JSON object a line; `prev` is the SHA-256 of the line before, 64 zeros in the first. A changed, removed or
//! inserted line breaks the chain. Lines cut off at the end do not, so whoever checks keeps the head noted elsewhere and
//! gives it: `swabmesh authority audit check --head N:HASH`, or `swabmesh lab audit check`.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use swabmesh_protocol::id::{Person, hex};
use swabmesh_protocol::time::Wall;

/// Characters of a name or a reason in the log.
const WORDS_CHARS_MAX: usize = 200;

/// A look at personal details.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Who looked: an operator's name, a channel, or a rule of the program.
    pub who: String,
    /// At what: `details`, `results`, `evidence`, `search`, `pool`, and `purge` for their end.
    pub what: &'static str,
    /// Whose, if that is known before.
    pub whom: Option<Person>,
    /// Why.
    pub why: String,
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Counts from 1.
    pub n: u64,
    /// When, milliseconds since 1970 UTC, by this machine's clock.
    pub at: Wall,
    /// Who looked.
    pub who: String,
    /// At what.
    pub what: String,
    /// Whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whom: Option<Person>,
    /// Why.
    pub why: String,
    /// SHA-256 of the line before, hexadecimal.
    pub prev: String,
}

/// How far a log reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Lines.
    pub n: u64,
    /// SHA-256 of the last one, hexadecimal.
    pub hash: String,
}

impl Head {
    fn start() -> Self {
        Self { n: 0, hash: "0".repeat(64) }
    }
}

/// Why the log cannot be written or does not hold.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file.
    #[error("{path}: {source}: nothing is shown that cannot be recorded; check space and permissions")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A line was changed, removed or inserted.
    #[error("the chain is broken at line {line}: it or the one before is not what was written; compare with a copy")]
    Broken {
        /// Where.
        line: u64,
    },
    /// The log is shorter than it was, or another.
    #[error("line {n} is not the one that was noted: the log was cut or replaced; look for its copy")]
    NotTheHead {
        /// Of which line the hash was noted.
        n: u64,
    },
}

/// The log, open for writing.
#[derive(Debug)]
pub struct Audit {
    path: PathBuf,
    state: Mutex<(File, Head)>,
}

impl Audit {
    /// Opens the log at a path, or begins one. A line torn by a power cut is cut off: what it was about was not shown.
    ///
    /// # Errors
    /// [`AuditError`]: a log that does not hold is not written to.
    pub fn open(path: &Path) -> Result<Self, AuditError> {
        let failed = |source| AuditError::File { path: path.to_owned(), source };
        let options = || OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(path);
        let file = options().map_err(failed)?;
        let (head, whole_bytes) = follow(BufReader::new(&file), |_| ()).map_err(|error| error.at(path))?;
        if file.metadata().map_err(failed)?.len() > whole_bytes {
            file.set_len(whole_bytes).and_then(|()| file.sync_all()).map_err(failed)?;
            tracing::warn!("the last line of the audit log was torn and is cut off: what it was about was not shown");
        }
        Ok(Self { path: path.to_owned(), state: Mutex::new((file, head)) })
    }

    /// Records a look; on disk when it returns. Nothing is shown before.
    ///
    /// # Errors
    /// [`AuditError::File`].
    pub fn record(&self, at: Wall, look: &Look) -> Result<(), AuditError> {
        let short = |words: &str| words.chars().take(WORDS_CHARS_MAX).collect();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, head) = &mut *state;
        let line = Line {
            n: head.n + 1,
            at,
            who: short(&look.who),
            what: look.what.to_owned(),
            whom: look.whom,
            why: short(&look.why),
            prev: head.hash.clone(),
        };
        let failed = |source| AuditError::File { path: self.path.clone(), source };
        let text = serde_json::to_string(&line).map_err(|error| failed(error.into()))?;
        let whole_bytes = file.metadata().map_err(failed)?.len();
        let write = file.write_all(format!("{text}\n").as_bytes()).and_then(|()| file.sync_data());
        if let Err(error) = write {
            // Half a line would break the chain for the next one.
            let _ = file.set_len(whole_bytes);
            return Err(failed(error));
        }
        *head = Head { n: line.n, hash: hash(&text) };
        Ok(())
    }

    /// How far it reaches.
    #[must_use]
    pub fn head(&self) -> Head {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
}

fn hash(line: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(line.as_bytes()).into();
    hex(&digest)
}

enum Fault {
    Io(io::Error),
    Broken(u64),
}

impl Fault {
    fn at(self, path: &Path) -> AuditError {
        match self {
            Self::Io(source) => AuditError::File { path: path.to_owned(), source },
            Self::Broken(line) => AuditError::Broken { line },
        }
    }
}

/// Follows the chain; gives the head and the bytes of whole lines.
fn follow(mut log: impl BufRead, mut each: impl FnMut(Line)) -> Result<(Head, u64), Fault> {
    let (mut head, mut whole_bytes) = (Head::start(), 0);
    loop {
        let mut text = Vec::new();
        let bytes = log.read_until(b'\n', &mut text).map_err(Fault::Io)?;
        if text.pop() != Some(b'\n') {
            return Ok((head, whole_bytes));
        }
        let broken = || Fault::Broken(head.n + 1);
        let text = String::from_utf8(text).map_err(|_| broken())?;
        let line: Line = serde_json::from_str(&text).map_err(|_| broken())?;
        if line.prev != head.hash || line.n != head.n + 1 {
            return Err(broken());
        }
        head = Head { n: line.n, hash: hash(&text) };
        whole_bytes += bytes as u64;
        each(line);
    }
}

/// Reads a log and checks its chain; `noted` is a head that was noted elsewhere.
///
/// # Errors
/// [`AuditError`].
pub fn check(path: &Path, noted: Option<&Head>, mut each: impl FnMut(Line)) -> Result<Head, AuditError> {
    let file = File::open(path).map_err(|source| AuditError::File { path: path.to_owned(), source })?;
    let mut found = noted.is_none();
    let mut previous = Head::start();
    let (head, _) = follow(BufReader::new(file), |line| {
        previous = Head { n: line.n - 1, hash: line.prev.clone() };
        found |= noted == Some(&previous);
        each(line);
    })
    .map_err(|fault| fault.at(path))?;
    match noted {
        Some(noted) if !found && *noted != head => Err(AuditError::NotTheHead { n: noted.n }),
        Some(_) | None => Ok(head),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(why: &str) -> Look {
        Look { who: "desk".to_owned(), what: "details", whom: Some(Person([1; 16])), why: why.to_owned() }
    }

    fn log(lines: u64) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.log");
        let audit = Audit::open(&path).unwrap();
        (0..lines).for_each(|n| audit.record(Wall(n), &look(&format!("reason {n}"))).unwrap());
        (dir, path)
    }

    #[test]
    fn every_changed_removed_or_swapped_line_breaks_the_chain() {
        let (_dir, path) = log(4);
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(check(&path, None, |_| ()).unwrap().n, 4);
        let changed = text.replace("reason 1", "reason 7");
        let removed = [lines[0], lines[2], lines[3]].join("\n") + "\n";
        let swapped = [lines[0], lines[2], lines[1], lines[3]].join("\n") + "\n";
        for (text, at) in [(changed, 3), (removed, 2), (swapped, 2)] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(check(&path, None, |_| ()), Err(AuditError::Broken { line }) if line == at));
            assert!(Audit::open(&path).is_err(), "a log that does not hold is not written to");
        }
    }

    #[test]
    fn a_log_that_was_cut_is_told_by_a_head_noted_before() {
        let (_dir, path) = log(4);
        let noted = check(&path, None, |_| ()).unwrap();
        Audit::open(&path).unwrap().record(Wall(9), &look("later")).unwrap();
        assert_eq!(check(&path, Some(&noted), |_| ()).unwrap().n, 5);
        let text = std::fs::read_to_string(&path).unwrap();
        let cut: String = text.lines().take(3).map(|line| format!("{line}\n")).collect();
        std::fs::write(&path, cut).unwrap();
        assert!(check(&path, None, |_| ()).is_ok(), "the chain itself cannot tell");
        assert!(matches!(check(&path, Some(&noted), |_| ()), Err(AuditError::NotTheHead { n: 4 })));
    }

    #[test]
    fn a_line_torn_by_a_power_cut_is_cut_off_and_the_chain_goes_on() {
        let (_dir, path) = log(2);
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str("{\"n\":3,\"at");
        std::fs::write(&path, text).unwrap();
        Audit::open(&path).unwrap().record(Wall(9), &look("after")).unwrap();
        assert_eq!(check(&path, None, |_| ()).unwrap().n, 3);
    }
}
