//! A bundle is read record by record and given to the core, which judges each chunk as if a peer had sent it.

use std::collections::VecDeque;

use swabmesh_protocol::bundle::{Manifest, Piece, Scanner, Survey};
use swabmesh_protocol::chunk::SealedChunk;
use swabmesh_protocol::fact::Fact;
use swabmesh_protocol::id::NodeKey;
use swabmesh_protocol::io::{Carried, ImportRefusal, Imported, PersistError};
use swabmesh_protocol::merge::MergeRefusal;
use tokio::sync::oneshot;

use super::SETTLES_WITHIN;
use crate::api::{ImportReport, RefusedStretch};
use crate::enrolment::fingerprint::Fingerprint;
use crate::runtime::{NodeHandle, Stopping};

/// Chunks on their way to the disk at a time: a megabyte.
const CHUNKS_UNDER_WAY_MAX: usize = 4;

/// Chunks that did not fit when they came and are tried once more at the end: a fork that they show has to be proved
/// before they have a place. Four mebibytes.
const TRIED_AGAIN_MAX: usize = 16;

/// Reasons that are told one by one.
const REASONS_MAX: usize = 100;

/// Bytes given to the scanner at a time.
const STEP_BYTES: usize = 64 * 1024;

/// Why an import ended before the file did. What was taken until then stays; importing again goes on.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The node is stopping.
    #[error(transparent)]
    Stopping(#[from] Stopping),
    /// Our disk.
    #[error(transparent)]
    Disk(#[from] PersistError),
    /// The bundle belongs to another city.
    #[error("this bundle is of the authority with the fingerprint {found}, and this node belongs to {own}")]
    OtherRoot {
        /// The bundle's.
        found: String,
        /// The node's.
        own: Fingerprint,
    },
    /// Nothing in the file is part of a bundle.
    #[error("this is not a bundle: nothing in it can be read as one")]
    NotABundle,
}

struct UnderWay {
    chunk: Option<SealedChunk>,
    outcome: oneshot::Receiver<Result<Imported, ImportRefusal>>,
}

/// An import under way.
pub struct Importer {
    node: NodeHandle,
    root: ed25519_dalek::VerifyingKey,
    scanner: Scanner,
    survey: Survey,
    under_way: VecDeque<UnderWay>,
    again: Vec<SealedChunk>,
    last_try: bool,
    report: ImportReport,
}

impl Importer {
    /// Begins an import into a node of this root.
    #[must_use]
    pub fn new(node: NodeHandle, root: ed25519_dalek::VerifyingKey) -> Self {
        let (scanner, survey) = (Scanner::default(), Survey::default());
        let (under_way, again, report) = Default::default();
        Self { node, root, scanner, survey, under_way, again, last_try: false, report }
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// [`ImportError`].
    pub async fn push(&mut self, bytes: &[u8]) -> Result<(), ImportError> {
        for step in bytes.chunks(STEP_BYTES) {
            self.scanner.push(step);
            self.drain().await?;
        }
        Ok(())
    }

    /// The file has ended: waits until everything taken is durable and shown.
    ///
    /// # Errors
    /// [`ImportError`].
    pub async fn finish(mut self) -> Result<ImportReport, ImportError> {
        self.scanner.close();
        self.drain().await?;
        self.await_all().await?;
        let condition = self.scanner.condition();
        if !condition.is_bundle() {
            return Err(ImportError::NotABundle);
        }
        self.last_try = true;
        for sealed in std::mem::take(&mut self.again) {
            self.node.settle(SETTLES_WITHIN).await?;
            let bytes = sealed.as_bytes().to_vec();
            self.give(Some(sealed), Carried::Chunk(bytes)).await?;
            self.await_all().await?;
        }
        self.node.settle(SETTLES_WITHIN).await?;
        let (whole, bytes, damaged_bytes) = (condition.whole, condition.bytes, condition.damaged_bytes);
        let (unreadable, missing) = (condition.unreadable, self.survey.missing());
        Ok(ImportReport { whole, bytes, damaged_bytes, unreadable, missing, ..self.report })
    }

    async fn drain(&mut self) -> Result<(), ImportError> {
        while let Some(piece) = self.scanner.next_piece() {
            match piece {
                Piece::Manifest(manifest) => self.manifest(&manifest)?,
                Piece::Certificate(bytes) => self.give(None, Carried::Certificate(bytes)).await?,
                Piece::Chunk(sealed) => {
                    let bytes = sealed.as_bytes().to_vec();
                    self.give(Some(sealed), Carried::Chunk(bytes)).await?;
                }
            }
        }
        Ok(())
    }

    fn manifest(&mut self, manifest: &Manifest) -> Result<(), ImportError> {
        if manifest.root != NodeKey(self.root.to_bytes()) {
            let found = ed25519_dalek::VerifyingKey::from_bytes(&manifest.root.0);
            let found = found.map_or_else(|_| manifest.root.to_string(), |root| Fingerprint::of(&root).to_string());
            return Err(ImportError::OtherRoot { found, own: Fingerprint::of(&self.root) });
        }
        if self.report.maker.is_none() {
            self.survey.expect(manifest);
            self.report.maker = Some(manifest.maker);
            self.report.made = Some(manifest.made);
        }
        Ok(())
    }

    async fn give(&mut self, chunk: Option<SealedChunk>, carried: Carried) -> Result<(), ImportError> {
        if self.under_way.len() >= CHUNKS_UNDER_WAY_MAX {
            self.await_first().await?;
        }
        let outcome = self.node.import(carried).await?;
        self.under_way.push_back(UnderWay { chunk, outcome });
        Ok(())
    }

    async fn await_all(&mut self) -> Result<(), ImportError> {
        while !self.under_way.is_empty() {
            self.await_first().await?;
        }
        Ok(())
    }

    async fn await_first(&mut self) -> Result<(), ImportError> {
        let Some(UnderWay { chunk, outcome }) = self.under_way.pop_front() else { return Ok(()) };
        let outcome = outcome.await.map_err(|_| Stopping)?;
        match (outcome, chunk) {
            (Err(ImportRefusal::Disk(error)), _) => Err(error.into()),
            (Err(ImportRefusal::Chunk(MergeRefusal::Fork { .. } | MergeRefusal::Gap { .. })), Some(chunk))
                if !self.last_try && self.again.len() < TRIED_AGAIN_MAX =>
            {
                self.again.push(chunk);
                Ok(())
            }
            (outcome, Some(chunk)) => {
                self.chunk(&chunk, outcome);
                Ok(())
            }
            (outcome, None) => {
                self.report.certificates += u64::from(outcome == Ok(Imported::Taken));
                // A certificate of another root concerns nobody here; what it was for is told with its chunks.
                Ok(())
            }
        }
    }

    fn chunk(&mut self, chunk: &SealedChunk, outcome: Result<Imported, ImportRefusal>) {
        let (feed, first, last) = (chunk.header().id(), chunk.first(), chunk.last());
        match outcome {
            Ok(imported) => {
                self.survey.read(&feed, first, last);
                if imported == Imported::Known {
                    self.report.known += 1;
                    return;
                }
                self.report.chunks += 1;
                self.report.entries += last.0 - first.0 + 1;
                self.report.registrations += registrations(chunk);
            }
            Err(refusal) => {
                self.report.refused += 1;
                let stretch = self.report.why.iter_mut().find(|stretch| stretch.feed == feed && stretch.to < first);
                if let Some(stretch) = stretch {
                    stretch.to = last;
                } else if self.report.why.len() < REASONS_MAX {
                    let (writer, reason) = (chunk.header().writer, refusal.to_string());
                    self.report.why.push(RefusedStretch { feed, writer, from: first, to: last, reason });
                }
            }
        }
    }
}

/// The core opened it, so it reads.
fn registrations(chunk: &SealedChunk) -> u64 {
    let entries = chunk.reopen().map(|opened| opened.entries).unwrap_or_default();
    let registered = entries.iter().filter(|entry| matches!(Fact::from_bytes(&entry.fact), Ok(Fact::Registered(_))));
    registered.count() as u64
}
