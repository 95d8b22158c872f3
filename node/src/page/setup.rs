//! The first supervisor: made with a code that only whoever started the node can read.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use axum::http::StatusCode;
use subtle::ConstantTimeEq;
use swabmesh_protocol::fact::Operator;

use super::operators::{Duty, Operators, OperatorsError, Pin};
use crate::durable::{self, Access, WriteError};
use crate::home::Home;
use crate::http::problem::Problem;
use crate::keys::{KeyError, draw};

/// Letters and digits that nobody takes for one another.
const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// Letters of a code: 40 bits, and a few attempts.
const CODE_LETTERS: usize = 8;

/// Wrong codes until the node must be started again.
const ATTEMPTS_MAX: u32 = 10;

/// Why the first supervisor was not made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Not the code.
    #[error("this is not the setup code: it is printed where the node was started")]
    Code,
    /// Somebody was faster.
    #[error("there are operators already: sign in, or ask the supervisor")]
    Done,
    /// The list of operators.
    #[error(transparent)]
    Operators(#[from] OperatorsError),
    /// The code could not be kept.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The system gives no randomness.
    #[error(transparent)]
    Random(#[from] KeyError),
}

impl From<SetupError> for Problem {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::Operators(error) => error.into(),
            SetupError::Code => {
                let what_to_do = "Read it where the node was started; after ten wrong ones start the node again.";
                Self::new(StatusCode::FORBIDDEN, "setup-code", "this is not the setup code", what_to_do)
            }
            SetupError::Done => {
                Self::new(StatusCode::CONFLICT, "setup-done", "there are operators already", "Sign in.")
            }
            SetupError::Write(_) | SetupError::Random(_) => Self::internal(&error),
        }
    }
}

/// Whether a first supervisor is still to be made.
#[derive(Debug)]
pub struct Setup {
    path: PathBuf,
    /// The code and the wrong attempts; none once there are operators.
    code: Mutex<Option<(String, u32)>>,
}

fn path(directory: &Path) -> PathBuf {
    directory.join("setup-code")
}

/// The code of a running node that has no operators yet, for whoever can read its directory.
#[must_use]
pub fn code(home: &Home) -> Option<String> {
    std::fs::read_to_string(path(&home.desk())).ok()
}

impl Setup {
    /// Draws a code if nobody can sign in yet.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn begin(directory: &Path, operators: &Operators) -> Result<Self, SetupError> {
        let path = path(directory);
        durable::make_directory(directory)?;
        let code = if operators.list()?.is_empty() {
            let drawn: [u8; CODE_LETTERS] = draw()?;
            let letter = |byte: &u8| LETTERS.get(usize::from(byte % 32)).copied().map(char::from);
            let code: String = drawn.iter().filter_map(letter).collect();
            durable::replace(&path, code.as_bytes(), Access::Secret)?;
            Some((code, 0))
        } else {
            // A code that was never used is worth nothing any more.
            let _ = std::fs::remove_file(&path);
            None
        };
        Ok(Self { path, code: Mutex::new(code) })
    }

    /// Makes the first supervisor.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn finish(&self, operators: &Operators, shown: &str, name: &Operator, pin: &Pin) -> Result<(), SetupError> {
        let mut code = self.code.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some((wanted, failures)) = code.as_mut() else { return Err(SetupError::Done) };
        let shown: String = shown.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
        let right: bool = wanted.as_bytes().ct_eq(shown.as_bytes()).into();
        if !right || *failures >= ATTEMPTS_MAX {
            *failures += 1;
            return Err(SetupError::Code);
        }
        if !operators.list()?.is_empty() {
            *code = None;
            return Err(SetupError::Done);
        }
        operators.add(name, Duty::Supervisor, pin)?;
        *code = None;
        let _ = std::fs::remove_file(&self.path);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_supervisor_is_made_once_with_the_code_and_not_by_guessing() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        let operators = Operators::at(home.desk());
        let (name, pin) = (Operator::new("wang").unwrap(), Pin::new("271828").unwrap());
        let setup = Setup::begin(&home.desk(), &operators).unwrap();
        let code = code(&home).unwrap();
        assert!(matches!(setup.finish(&operators, "AAAAAAAA", &name, &pin), Err(SetupError::Code)));
        setup.finish(&operators, &format!("{} {}", &code[..4], &code[4..].to_lowercase()), &name, &pin).unwrap();
        assert!(matches!(setup.finish(&operators, &code, &name, &pin), Err(SetupError::Done)));
        assert_eq!(super::code(&home), None);

        let other = tempfile::tempdir().unwrap();
        let operators = Operators::at(other.path().to_owned());
        let setup = Setup::begin(other.path(), &operators).unwrap();
        let code = std::fs::read_to_string(other.path().join("setup-code")).unwrap();
        for _ in 0..ATTEMPTS_MAX {
            assert!(setup.finish(&operators, "AAAAAAAA", &name, &pin).is_err());
        }
        assert!(matches!(setup.finish(&operators, &code, &name, &pin), Err(SetupError::Code)));
    }
}
