//! What a site tells whoever looks at its screen: the queue as the supervisor sees it, and when it is open.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use swabmesh_node::durable::{self, Access, WriteError};
use swabmesh_protocol::text::Text;
use swabmesh_protocol::time::Wall;

/// How long the queue is, at a glance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Band {
    /// Hardly a wait 畅通.
    #[default]
    Clear,
    /// Some wait 较忙.
    Busy,
    /// A long wait 拥挤.
    Crowded,
    /// Nobody is taken 暂停.
    Closed,
}

/// What the supervisor set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Notice {
    pub(crate) band: Band,
    /// Opening hours as the site words them, such as `07:00–11:30, 13:00–18:00`.
    pub(crate) hours: Text<64>,
    /// When it was set.
    pub(crate) since: Wall,
}

/// The notice, kept in `desk/board.json`.
#[derive(Debug)]
pub(crate) struct Board {
    path: PathBuf,
    notice: Mutex<Notice>,
}

impl Board {
    /// The board kept in a directory. A file that is not there or damaged is an empty notice: nothing depends on it.
    pub(crate) fn at(directory: &Path) -> Self {
        let path = directory.join("board.json");
        let notice = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { path, notice: Mutex::new(notice.unwrap_or_default()) }
    }

    /// What is shown now.
    pub(crate) fn notice(&self) -> Notice {
        self.notice.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shows something else from now on.
    ///
    /// # Errors
    /// [`WriteError`]: nothing changed.
    pub(crate) fn set(&self, notice: Notice) -> Result<(), WriteError> {
        let text = serde_json::to_vec(&notice).unwrap_or_default();
        let mut shown = self.notice.lock().unwrap_or_else(PoisonError::into_inner);
        durable::replace(&self.path, &text, Access::Public)?;
        *shown = notice;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_supervisor_set_survives_a_restart_and_a_damaged_file_is_an_empty_notice() {
        let dir = tempfile::tempdir().unwrap();
        let notice =
            Notice { band: Band::Crowded, hours: Text::new("07:00–18:00").unwrap(), since: Wall(1_649_462_400_000) };
        Board::at(dir.path()).set(notice.clone()).unwrap();
        assert_eq!(Board::at(dir.path()).notice(), notice);
        std::fs::write(dir.path().join("board.json"), b"{").unwrap();
        assert_eq!(Board::at(dir.path()).notice(), Notice::default());
    }
}
