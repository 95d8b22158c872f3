//! Looks at the people of a pool, on record before they are shown (P4): `desk/audit.log`, begun with the first look.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use swabmesh_node::audit::{Audit, AuditError, Look};
use swabmesh_protocol::fact::Operator;
use swabmesh_protocol::id::Barcode;
use swabmesh_protocol::time::Wall;

/// Where the log lies among what the pages keep.
#[must_use]
pub fn file(directory: &Path) -> PathBuf {
    directory.join("audit.log")
}

/// The log, opened when it is needed: a damaged one keeps no node from starting, and nobody's people are shown.
#[derive(Debug)]
pub(crate) struct Looks {
    path: PathBuf,
    log: Mutex<Option<Audit>>,
}

impl Looks {
    /// The log in a directory.
    pub(crate) fn at(directory: &Path) -> Self {
        Self { path: file(directory), log: Mutex::default() }
    }

    /// Records that somebody looks at the people of a pool; on disk when it returns. May wait for the disk.
    ///
    /// # Errors
    /// [`AuditError`]: nothing may be shown.
    pub(crate) fn at_pool(&self, tube: &Barcode, operator: &Operator, at: Wall) -> Result<(), AuditError> {
        let look = Look { who: operator.to_string(), what: "pool", whom: None, why: format!("tube {tube}") };
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        match &*log {
            Some(open) => open.record(at, &look),
            None => log.insert(Audit::open(&self.path)?).record(at, &look),
        }
    }
}

#[cfg(test)]
mod tests {
    use swabmesh_node::audit;

    use super::*;

    #[test]
    fn a_look_is_on_record_over_a_restart_and_a_log_that_does_not_hold_lets_nobody_look() {
        let dir = tempfile::tempdir().unwrap();
        let (tube, operator) = ("T1".parse().unwrap(), Operator::new("li").unwrap());
        for at in 1..=2 {
            let looks = Looks::at(dir.path());
            looks.at_pool(&tube, &operator, Wall(at)).unwrap();
            looks.at_pool(&tube, &operator, Wall(at)).unwrap();
        }
        let mut lines = Vec::new();
        audit::check(&file(dir.path()), None, |line| lines.push((line.who, line.what, line.why))).unwrap();
        assert_eq!(lines, vec![("li".to_owned(), "pool".to_owned(), "tube T1".to_owned()); 4]);
        let text = std::fs::read_to_string(file(dir.path())).unwrap();
        std::fs::write(file(dir.path()), text.replacen("tube T1", "tube T2", 1)).unwrap();
        assert!(Looks::at(dir.path()).at_pool(&tube, &operator, Wall(9)).is_err());
    }
}
