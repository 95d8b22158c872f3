//! Who at this site looked at which flag: only this site's own memory, in `desk/seen.json`. It decides nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use swabmesh_node::durable::{self, Access, WriteError};
use swabmesh_protocol::fact::Operator;
use swabmesh_protocol::time::Wall;

/// Looks remembered; the oldest is forgotten, and its flag is new again.
const LOOKS_MAX: usize = 1_000;

/// Somebody looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Look {
    by: Operator,
    at: Wall,
}

/// The looks, by the flag's id.
#[derive(Debug)]
pub(crate) struct Seen {
    path: PathBuf,
    looks: Mutex<BTreeMap<String, Look>>,
}

impl Seen {
    /// What a directory remembers. A file that is not there or damaged remembers nothing: every flag is new again.
    pub(crate) fn at(directory: &Path) -> Self {
        let path = directory.join("seen.json");
        let looks = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { path, looks: Mutex::new(looks.unwrap_or_default()) }
    }

    /// Who looked at a flag first.
    pub(crate) fn of(&self, id: &str) -> Option<Look> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Remembers a look; the first one stays.
    ///
    /// # Errors
    /// [`WriteError`]: nothing changed.
    pub(crate) fn mark(&self, id: String, by: Operator, at: Wall) -> Result<(), WriteError> {
        let mut held = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut looks = held.clone();
        looks.entry(id).or_insert(Look { by, at });
        while looks.len() > LOOKS_MAX
            && let Some(oldest) = looks.iter().min_by_key(|(_, look)| look.at).map(|(id, _)| id.clone())
        {
            looks.remove(&oldest);
        }
        durable::replace(&self.path, &serde_json::to_vec(&looks).unwrap_or_default(), Access::Secret)?;
        *held = looks;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_look_stays_over_a_restart_and_of_too_many_the_oldest_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let name = |name| Operator::new(name).unwrap();
        let seen = Seen::at(dir.path());
        seen.mark("a".to_owned(), name("li"), Wall(1)).unwrap();
        seen.mark("a".to_owned(), name("wang"), Wall(2)).unwrap();
        let seen = Seen::at(dir.path());
        assert_eq!(seen.of("a"), Some(Look { by: name("li"), at: Wall(1) }));
        {
            let mut looks = seen.looks.lock().unwrap();
            looks.extend((1..LOOKS_MAX).map(|at| (at.to_string(), Look { by: name("li"), at: Wall(9) })));
        }
        seen.mark("b".to_owned(), name("li"), Wall(10)).unwrap();
        assert!(seen.of("a").is_none() && seen.of("b").is_some());
    }
}
