//! The directory of a node, `--data DIR`: what lies where.
//!
//! ```text
//! node.toml            settings, see [`crate::config`]
//! url                  where the running node serves pages and API; absent while it does not run
//! secrets/             owner only, see [`crate::keys`]
//! enrolment/request    what this node asked, and request.png to scan
//! enrolment/answer     what the authority answered, verified again at every start
//! enrolment/issued/    at the authority: the newest certificate of each node
//! enrolment/pending/   at the authority: what the root signed and the log does not hold yet
//! enrolment/waiting/   at the authority: requests that nobody has decided yet
//! office/              at the authority: residents, channels, and every look at personal details
//! desk/                operators, their sessions and the certificate of the pages, see the desk's crate
//! enrolment/trust      at the authority: the trust list signed last, if not that of the answer; likewise enrolment/policy
//! store/               the log and its tables
//! ```

use std::path::{Path, PathBuf};

use crate::config::{Config, ConfigError, Flag};
use crate::durable::{self, Access, WriteError};
use crate::keys::Keys;

/// The directory of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home(PathBuf);

/// Why a directory does not become a node's.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// There is a node already.
    #[error("{path} is a node already: choose another directory with --data, or go on with this one")]
    Taken {
        /// The directory.
        path: PathBuf,
    },
    /// It could not be made.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl Home {
    /// The directory at a path; nothing is read or made.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Makes the directories of a new node. Its settings come last, with [`Home::settle`].
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn make(&self) -> Result<(), HomeError> {
        if self.settings().exists() {
            return Err(HomeError::Taken { path: self.0.clone() });
        }
        for directory in [self.path(), &self.path().join("secrets"), &self.issued(), &self.pending()] {
            durable::make_directory(directory)?;
        }
        Ok(())
    }

    /// Writes the settings: from now on the directory is a node's.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn settle(&self, config: &Config) -> Result<(), WriteError> {
        durable::replace(&self.settings(), config.to_toml().as_bytes(), Access::Public)
    }

    /// Deletes everything a node keeps here, the secrets first; other files in the directory stay.
    ///
    /// Whether that may be done is asked before: [`crate::bundle::losses`]. Deleted is not shredded: that is for the
    /// encryption of the disk.
    ///
    /// # Errors
    /// What the system says; repeat it.
    pub fn wipe(&self) -> std::io::Result<()> {
        let gone = |result: std::io::Result<()>| match result {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        };
        for directory in ["secrets", "store", "desk", "enrolment"] {
            gone(std::fs::remove_dir_all(self.0.join(directory)))?;
        }
        gone(std::fs::remove_file(self.url()))?;
        gone(std::fs::remove_file(self.settings()))?;
        // Somebody's own files may lie here as well.
        let _ = std::fs::remove_dir(&self.0);
        Ok(())
    }

    /// The configuration: file, environment of this process, flags.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn config(&self, flags: impl IntoIterator<Item = Flag>) -> Result<Config, ConfigError> {
        // Variables that are not text are none of ours.
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Config::load(&self.settings(), std::env::vars_os().filter_map(text), flags)
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> PathBuf {
        self.0.join("node.toml")
    }

    /// The secrets.
    #[must_use]
    pub fn keys(&self) -> Keys {
        Keys::at(self.0.join("secrets"))
    }

    /// Where the running node says how to reach it.
    #[must_use]
    pub fn url(&self) -> PathBuf {
        self.0.join("url")
    }

    /// What this node asked the authority.
    #[must_use]
    pub fn request(&self) -> PathBuf {
        self.0.join("enrolment/request")
    }

    /// What the authority answered.
    #[must_use]
    pub fn answer(&self) -> PathBuf {
        self.0.join("enrolment/answer")
    }

    /// Certificates the authority issued.
    #[must_use]
    pub fn issued(&self) -> PathBuf {
        self.0.join("enrolment/issued")
    }

    /// What the root signed and the log does not hold yet.
    #[must_use]
    pub fn pending(&self) -> PathBuf {
        self.0.join("enrolment/pending")
    }

    /// What the pages keep.
    #[must_use]
    pub fn desk(&self) -> PathBuf {
        self.0.join("desk")
    }

    /// The trust list that the root signed last, at the authority.
    #[must_use]
    pub fn trust(&self) -> PathBuf {
        self.0.join("enrolment/trust")
    }

    /// The policy that the root signed last, at the authority.
    #[must_use]
    pub fn policy(&self) -> PathBuf {
        self.0.join("enrolment/policy")
    }

    /// The log and its tables.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.0.join("store")
    }
}

#[cfg(test)]
mod tests {
    use swabmesh_protocol::fact::Role;
    use swabmesh_protocol::id::Lane;
    use swabmesh_protocol::text::Text;

    use super::*;

    #[test]
    fn a_directory_becomes_a_node_once() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("site"));
        home.make().unwrap();
        // A node whose making was cut off before it was settled is made again.
        home.make().unwrap();
        home.settle(&Config::new(Role::Site, Text::new("Gate 3").unwrap(), Lane(1))).unwrap();
        assert!(matches!(home.make(), Err(HomeError::Taken { .. })));
    }
}
