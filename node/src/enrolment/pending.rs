//! What the root signed while the authority did not run: kept as files until the log holds it.

use std::path::PathBuf;

use swabmesh_protocol::command::Published;
use swabmesh_protocol::id::NodeKey;

use crate::durable::{self, Access, WriteError};
use crate::home::Home;

/// One signed document of the root that waits to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    file: String,
    /// What to publish.
    pub published: Published,
}

const CERTIFICATE: &str = "certificate-";
const POLICY: &str = "policy";
const TRUST: &str = "trust";

impl Pending {
    /// The certificate of a node; a newer one takes its place.
    #[must_use]
    pub fn certificate(node: NodeKey, bytes: Vec<u8>) -> Self {
        Self { file: format!("{CERTIFICATE}{node}"), published: Published::Certificate(bytes) }
    }

    /// The trust list.
    #[must_use]
    pub fn trust(bytes: Vec<u8>) -> Self {
        Self { file: TRUST.to_owned(), published: Published::Trust(bytes) }
    }

    /// The policy.
    #[must_use]
    pub fn policy(bytes: Vec<u8>) -> Self {
        Self { file: POLICY.to_owned(), published: Published::Policy(bytes) }
    }

    /// Whether it is the certificate of this node.
    #[must_use]
    pub fn is_of(&self, node: &NodeKey) -> bool {
        self.file == format!("{CERTIFICATE}{node}")
    }

    fn of_file(file: &str, bytes: Vec<u8>) -> Option<Self> {
        let published = match file {
            TRUST => Published::Trust(bytes),
            POLICY => Published::Policy(bytes),
            _ => file.starts_with(CERTIFICATE).then_some(Published::Certificate(bytes))?,
        };
        Some(Self { file: file.to_owned(), published })
    }

    /// What it is, for the log.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.file
    }

    fn path(&self, home: &Home) -> PathBuf {
        home.pending().join(&self.file)
    }
}

/// Keeps a document until [`done`].
///
/// # Errors
/// [`WriteError`].
pub fn keep(home: &Home, pending: &Pending) -> Result<(), WriteError> {
    let (Published::Certificate(bytes) | Published::Trust(bytes) | Published::Policy(bytes)) = &pending.published;
    durable::replace(&pending.path(home), bytes, Access::Public)
}

/// What waits, certificates first: who speaks must be known before what they say.
///
/// # Errors
/// [`WriteError`] when the directory cannot be read; other files in it are left alone.
pub fn all(home: &Home) -> Result<Vec<Pending>, WriteError> {
    let read = || {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(home.pending())? {
            let entry = entry?;
            let Ok(file) = entry.file_name().into_string() else { continue };
            if let Some(pending) = Pending::of_file(&file, std::fs::read(entry.path())?) {
                files.push(pending);
            }
        }
        files.sort_by(|one, other| one.file.cmp(&other.file));
        Ok(files)
    };
    read().map_err(|source| WriteError { path: home.pending(), source })
}

/// Forgets a document that the log holds, unless a newer one took its place meanwhile.
///
/// # Errors
/// [`WriteError`].
pub fn done(home: &Home, pending: &Pending) -> Result<(), WriteError> {
    if all(home)?.contains(pending) {
        let path = pending.path(home);
        std::fs::remove_file(&path).map_err(|source| WriteError { path, source })?;
    }
    Ok(())
}
