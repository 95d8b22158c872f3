//! A bundle in the making, a record at a time.

use sha2::{Digest, Sha256};

use super::{CERTIFICATE, CHUNK, END, MAGIC, MANIFEST, Manifest, Planned, record};
use crate::id::{FeedId, SeqNo};
use crate::limits::{BUNDLE_MANIFEST_BYTES_MAX, CHUNK_BYTES_MAX};
use crate::project;
use crate::view::{View, ViewError};

/// Why a bundle was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// Our disk is at fault.
    #[error(transparent)]
    View(#[from] ViewError),
    /// More feeds than a manifest lists.
    #[error("too many feeds for one bundle: export fewer cells at a time")]
    TooMany,
    /// The tables do not hold what they say they hold, or hold it no longer.
    #[error("feed {feed} cannot be read from entry {}: it was pruned meanwhile, or the disk is damaged; export again", from.0)]
    Gone {
        /// The feed.
        feed: FeedId,
        /// From where on.
        from: SeqNo,
    },
}

/// The bytes of a bundle, at most a record at a time; stops at the first error.
#[derive(Debug)]
pub struct Writing<'v, V> {
    view: &'v V,
    manifest: Option<Manifest>,
    certificates: std::vec::IntoIter<Vec<u8>>,
    stretches: std::vec::IntoIter<Planned>,
    stretch: Option<Planned>,
    hash: Sha256,
    records: u64,
    done: bool,
}

impl<'v, V: View> Writing<'v, V> {
    /// Begins a bundle of what is planned, which the manifest comes to list; nothing is read yet.
    #[must_use]
    pub fn new(view: &'v V, manifest: Manifest, planned: Vec<Planned>, certificates: Vec<Vec<u8>>) -> Self {
        let lines = planned.iter().map(|planned| planned.line).collect();
        let (manifest, stretches) = (Some(Manifest { lines, ..manifest }), planned.into_iter());
        let (certificates, hash) = (certificates.into_iter(), Sha256::new());
        Self { view, manifest, certificates, stretches, stretch: None, hash, records: 0, done: false }
    }

    fn record(&mut self, kind: u8, payload: &[u8]) -> Vec<u8> {
        self.records += 1;
        record(kind, payload)
    }

    fn begin(&mut self, manifest: &Manifest) -> Result<Vec<u8>, WriteError> {
        let payload = manifest.to_bytes();
        if payload.len() > BUNDLE_MANIFEST_BYTES_MAX {
            return Err(WriteError::TooMany);
        }
        Ok([MAGIC.as_slice(), &self.record(MANIFEST, &payload)].concat())
    }

    fn chunk(&mut self, Planned { name, mut line }: Planned) -> Result<Vec<u8>, WriteError> {
        let sealed = project::read_range(self.view, &name, line.from, line.to, CHUNK_BYTES_MAX)?;
        let sealed = sealed.ok_or(WriteError::Gone { feed: name, from: line.from })?;
        line.from = sealed.last().next();
        // What was written since the manifest may come along.
        self.stretch = (line.from <= line.to).then_some(Planned { name, line });
        Ok(self.record(CHUNK, sealed.as_bytes()))
    }

    fn end(&mut self) -> Vec<u8> {
        self.done = true;
        let digest: [u8; 32] = self.hash.clone().finalize().into();
        record(END, &[self.records.to_be_bytes().as_slice(), &digest].concat())
    }

    fn piece(&mut self) -> Result<Vec<u8>, WriteError> {
        if let Some(manifest) = self.manifest.take() {
            return self.begin(&manifest);
        }
        if let Some(certificate) = self.certificates.next() {
            return Ok(self.record(CERTIFICATE, &certificate));
        }
        match self.stretch.take().or_else(|| self.stretches.next()) {
            Some(stretch) => self.chunk(stretch),
            None => Ok(self.end()),
        }
    }
}

impl<V: View> Iterator for Writing<'_, V> {
    type Item = Result<Vec<u8>, WriteError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let piece = self.piece();
        match &piece {
            Ok(bytes) => self.hash.update(bytes),
            Err(_) => self.done = true,
        }
        Some(piece)
    }
}
