//! The people who may use the pages: names, roles and hashed PINs in `desk/operators.json`.
//!
//! The command line and the running node write the same file, one at a time under a lock; the node reads it again
//! when it has changed, so nobody restarts anything to let a colleague in.

mod attempts;
mod pin;

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use swabmesh_protocol::fact::Operator;
use swabmesh_protocol::time::Wall;

pub use self::pin::{Pin, PinError};
use crate::durable::{self, Access, WriteError};
use crate::http::problem::Problem;
use attempts::Attempts;
use pin::PinHash;

/// Operators of one node. Source: guess; a busy site has twelve people in two shifts.
pub const OPERATORS_MAX: usize = 200;

/// The version of `operators.json` this program writes and reads.
const VERSION: u8 = 1;

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Duty {
    /// Registers people, fills and seals tubes 登记员.
    Operator,
    /// Also decides what needs a second pair of eyes 班长.
    Supervisor,
}

impl Duty {
    /// Lets only supervisors do this.
    ///
    /// # Errors
    /// A [`Problem`] with status 403.
    pub fn supervisor(self) -> Result<(), Problem> {
        if self == Self::Supervisor {
            return Ok(());
        }
        let what_to_do = "Call the supervisor: they sign in and do it.";
        Err(Problem::new(StatusCode::FORBIDDEN, "supervisor", "only a supervisor does this", what_to_do))
    }
}

/// Somebody who may use the pages, as everybody may see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Person {
    /// What every registration they make is attributed to.
    pub name: Operator,
    /// What they may do.
    pub duty: Duty,
}

/// Why the list of operators was not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum OperatorsError {
    /// The file cannot be read.
    #[error("{path} cannot be read: check its owner and permissions")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Not what this program writes.
    #[error("{path} is damaged or of a newer program: move it away, and make the operators again")]
    Damaged {
        /// Which file.
        path: PathBuf,
    },
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// There is one of that name.
    #[error("there is an operator {name} already: choose another name, or `reset` their PIN")]
    Taken {
        /// The name.
        name: Operator,
    },
    /// There is none of that name.
    #[error("there is no operator {name}: `operator list` shows who there is")]
    Unknown {
        /// The name.
        name: Operator,
    },
    /// A name that cannot be read aloud.
    #[error("an operator's name has 1 to 16 bytes and no spaces at its ends: shorten it")]
    Name,
    /// Nobody could decide any more.
    #[error("{name} is the only supervisor: make another one first")]
    LastSupervisor {
        /// The name.
        name: Operator,
    },
    /// Too many.
    #[error("a node has at most {OPERATORS_MAX} operators: remove those who left")]
    TooMany,
    /// Not a PIN.
    #[error(transparent)]
    Pin(#[from] PinError),
}

/// Why somebody was not let in. Whoever typed is at fault; the answer never says which half was wrong.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Wrong name or PIN.
    #[error("name or PIN is wrong: {left} more attempts before this name is locked for a while")]
    Wrong {
        /// Attempts left.
        left: u32,
    },
    /// Too many wrong PINs.
    #[error("too many wrong PINs: wait {wait_s} s, or let the supervisor reset the PIN")]
    Locked {
        /// Seconds to wait.
        wait_s: u64,
    },
    /// The list cannot be read.
    #[error(transparent)]
    Operators(#[from] OperatorsError),
}

impl From<OperatorsError> for Problem {
    fn from(error: OperatorsError) -> Self {
        let status = match &error {
            OperatorsError::Read { .. } | OperatorsError::Damaged { .. } | OperatorsError::Write(_) => {
                return Self::internal(&error);
            }
            OperatorsError::Taken { .. } | OperatorsError::LastSupervisor { .. } => StatusCode::CONFLICT,
            OperatorsError::Unknown { .. } => StatusCode::NOT_FOUND,
            OperatorsError::Name | OperatorsError::TooMany | OperatorsError::Pin(_) => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let text = error.to_string();
        let (what, todo) = text.split_once(": ").unwrap_or((&text, "Try again."));
        Self::new(status, "operator", what, todo)
    }
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        let text = error.to_string();
        match error {
            SignInError::Operators(error) => error.into(),
            SignInError::Wrong { .. } => Self::new(StatusCode::FORBIDDEN, "pin", text, "Enter it again."),
            SignInError::Locked { .. } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "pin-locked", text, "Wait, or call the supervisor.")
            }
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Operator,
    duty: Duty,
    pin: PinHash,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u8,
    operators: Vec<Entry>,
}

/// What was read, and of which state of the file.
#[derive(Debug, Default)]
struct Cached {
    of: Option<(SystemTime, u64)>,
    entries: Vec<Entry>,
}

/// The operators of a node.
#[derive(Debug)]
pub struct Operators {
    directory: PathBuf,
    cached: Mutex<Cached>,
    attempts: Mutex<Attempts>,
}

impl Operators {
    /// The operators kept in a directory; nothing is read yet.
    #[must_use]
    pub fn at(directory: PathBuf) -> Self {
        let attempts = Mutex::new(Attempts::at(directory.join("attempts.json")));
        Self { directory, cached: Mutex::default(), attempts }
    }

    fn path(&self) -> PathBuf {
        self.directory.join("operators.json")
    }

    /// Everybody, by name.
    ///
    /// # Errors
    /// [`OperatorsError`]: the file.
    pub fn list(&self) -> Result<Vec<Person>, OperatorsError> {
        self.with(|entries| entries.iter().map(|entry| Person { name: entry.name.clone(), duty: entry.duty }).collect())
    }

    /// What somebody may do now; `None` once they were removed.
    ///
    /// # Errors
    /// [`OperatorsError`]: the file.
    pub fn duty(&self, name: &Operator) -> Result<Option<Duty>, OperatorsError> {
        self.with(|entries| entries.iter().find(|entry| entry.name == *name).map(|entry| entry.duty))
    }

    /// Lets somebody in. Takes a noticeable time on purpose.
    ///
    /// # Errors
    /// [`SignInError`].
    pub fn sign_in(&self, name: &Operator, pin: &str, now: Wall) -> Result<Person, SignInError> {
        let entry = self.with(|entries| entries.iter().find(|entry| entry.name == *name).cloned())?;
        let mut attempts = self.attempts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(wait_s) = attempts.wait_s(name, now) {
            return Err(SignInError::Locked { wait_s });
        }
        // A name that nobody has costs the same time, and counts the same way.
        let right = PinHash::check(entry.as_ref().map(|entry| &entry.pin), pin);
        match entry.filter(|_| right) {
            Some(entry) => {
                attempts.forget(name);
                Ok(Person { name: entry.name, duty: entry.duty })
            }
            None => match attempts.failed(name, now) {
                (_, Some(wait_s)) => Err(SignInError::Locked { wait_s }),
                (left, None) => Err(SignInError::Wrong { left }),
            },
        }
    }

    /// Adds somebody.
    ///
    /// # Errors
    /// [`OperatorsError`].
    pub fn add(&self, name: &Operator, duty: Duty, pin: &Pin) -> Result<(), OperatorsError> {
        let printable = name.as_str().chars().all(|c| !c.is_control());
        if name.is_empty() || name.as_str().trim() != name.as_str() || !printable {
            return Err(OperatorsError::Name);
        }
        let pin = pin.hash()?;
        self.change(|entries| {
            if entries.iter().any(|entry| entry.name == *name) {
                return Err(OperatorsError::Taken { name: name.clone() });
            }
            if entries.len() >= OPERATORS_MAX {
                return Err(OperatorsError::TooMany);
            }
            entries.push(Entry { name: name.clone(), duty, pin });
            entries.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(())
        })
    }

    /// Removes somebody; their sessions end with the next request.
    ///
    /// # Errors
    /// [`OperatorsError`].
    pub fn remove(&self, name: &Operator) -> Result<(), OperatorsError> {
        self.change(|entries| {
            let supervisors = entries.iter().filter(|entry| entry.duty == Duty::Supervisor).count();
            let entry = entries.iter().find(|entry| entry.name == *name);
            let entry = entry.ok_or_else(|| OperatorsError::Unknown { name: name.clone() })?;
            if entry.duty == Duty::Supervisor && supervisors == 1 && entries.len() > 1 {
                return Err(OperatorsError::LastSupervisor { name: name.clone() });
            }
            entries.retain(|entry| entry.name != *name);
            Ok(())
        })
    }

    /// Gives somebody another PIN, and ends the wait after wrong ones.
    ///
    /// # Errors
    /// [`OperatorsError`].
    pub fn reset(&self, name: &Operator, pin: &Pin) -> Result<(), OperatorsError> {
        let pin = pin.hash()?;
        self.change(|entries| {
            let entry = entries.iter_mut().find(|entry| entry.name == *name);
            entry.ok_or_else(|| OperatorsError::Unknown { name: name.clone() })?.pin = pin;
            Ok(())
        })?;
        self.attempts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).forget(name);
        Ok(())
    }

    fn with<T>(&self, look: impl FnOnce(&[Entry]) -> T) -> Result<T, OperatorsError> {
        let path = self.path();
        let state = match std::fs::metadata(&path) {
            Ok(found) => found.modified().ok().map(|at| (at, found.len())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(source) => return Err(OperatorsError::Read { path, source }),
        };
        let mut cached = self.cached.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if state.is_none() || cached.of != state {
            cached.entries = read(&path)?;
            cached.of = state;
        }
        Ok(look(&cached.entries))
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Entry>) -> Result<(), OperatorsError>) -> Result<(), OperatorsError> {
        durable::make_directory(&self.directory)?;
        let _lock = lock(&self.directory.join("lock"))?;
        let path = self.path();
        let mut operators = read(&path)?;
        change(&mut operators)?;
        let text = serde_json::to_vec_pretty(&Content { version: VERSION, operators });
        let text = text.map_err(|_| OperatorsError::Damaged { path: path.clone() })?;
        Ok(durable::replace(&path, &text, Access::Secret)?)
    }
}

/// Holds everybody else off until the file is dropped, or its process has ended.
fn lock(path: &Path) -> Result<File, OperatorsError> {
    let wrap = |source| OperatorsError::Read { path: path.to_owned(), source };
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map_err(wrap)?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).map_err(|error| wrap(error.into()))?;
    Ok(file)
}

fn read(path: &Path) -> Result<Vec<Entry>, OperatorsError> {
    let damaged = || OperatorsError::Damaged { path: path.to_owned() };
    match std::fs::read(path) {
        Ok(bytes) => {
            let content: Content = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
            if content.version == VERSION { Ok(content.operators) } else { Err(damaged()) }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(OperatorsError::Read { path: path.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests;
