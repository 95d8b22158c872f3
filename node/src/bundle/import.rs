//! A bundle is read record by record and given to the core, which judges each chunk as if a peer had sent it.

use std::collections::VecDeque;

use ed25519_dalek::VerifyingKey;
use swabmesh_protocol::bundle::{Came, Condition, Intake, IntakeError, Step};
use swabmesh_protocol::chunk::SealedChunk;
use swabmesh_protocol::fact::Fact;
use swabmesh_protocol::id::NodeKey;
use swabmesh_protocol::io::{ImportRefusal, Imported, PersistError};
use tokio::sync::oneshot;

use super::SETTLES_WITHIN;
use crate::api::{ImportReport, RefusedStretch};
use crate::enrolment::fingerprint::Fingerprint;
use crate::runtime::{NodeHandle, Stopping};

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

/// An import under way.
pub struct Importer {
    node: NodeHandle,
    root: VerifyingKey,
    intake: Intake,
    under_way: VecDeque<(u64, oneshot::Receiver<Result<Imported, ImportRefusal>>)>,
    report: ImportReport,
}

impl Importer {
    /// Begins an import into a node of this root.
    #[must_use]
    pub fn new(node: NodeHandle, root: VerifyingKey) -> Self {
        let intake = Intake::new(NodeKey(root.to_bytes()));
        Self { node, root, intake, under_way: VecDeque::new(), report: ImportReport::default() }
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// [`ImportError`].
    pub async fn push(&mut self, bytes: &[u8]) -> Result<(), ImportError> {
        for step in bytes.chunks(STEP_BYTES) {
            self.intake.push(step);
            self.go_on().await?;
        }
        Ok(())
    }

    /// The file has ended: waits until everything taken is durable and shown.
    ///
    /// # Errors
    /// [`ImportError`].
    pub async fn finish(mut self) -> Result<ImportReport, ImportError> {
        self.intake.close();
        self.go_on().await?;
        let Condition { bytes, damaged_bytes, unreadable, whole, .. } = self.intake.condition();
        let (maker, made) = self.intake.manifest().map(|manifest| (manifest.maker, manifest.made)).unzip();
        let missing = self.intake.missing();
        Ok(ImportReport { maker, made, whole, bytes, damaged_bytes, unreadable, missing, ..self.report })
    }

    async fn go_on(&mut self) -> Result<(), ImportError> {
        loop {
            match self.intake.next_step().map_err(|error| self.refused(error))? {
                Step::Give(number, carried) => {
                    let outcome = self.node.import(carried).await?;
                    self.under_way.push_back((number, outcome));
                }
                Step::Await => self.await_first().await?,
                Step::Settle => self.node.settle(SETTLES_WITHIN).await?,
                Step::More | Step::Done => return Ok(()),
            }
        }
    }

    fn refused(&self, error: IntakeError) -> ImportError {
        match error {
            IntakeError::OtherRoot(root) => {
                let found = VerifyingKey::from_bytes(&root.0);
                let found = found.map_or_else(|_| root.to_string(), |root| Fingerprint::of(&root).to_string());
                ImportError::OtherRoot { found, own: Fingerprint::of(&self.root) }
            }
            IntakeError::NotABundle => ImportError::NotABundle,
        }
    }

    async fn await_first(&mut self) -> Result<(), ImportError> {
        let Some((number, outcome)) = self.under_way.pop_front() else { return Ok(()) };
        match self.intake.came(number, outcome.await.map_err(|_| Stopping)?)? {
            Came::Certificate(outcome) => self.report.certificates += u64::from(outcome == Ok(Imported::Taken)),
            Came::Chunk(chunk, outcome) => self.chunk(&chunk, outcome),
            Came::Later => {}
        }
        Ok(())
    }

    fn chunk(&mut self, chunk: &SealedChunk, outcome: Result<Imported, ImportRefusal>) {
        let (feed, first, last) = (chunk.header().id(), chunk.first(), chunk.last());
        match outcome {
            Ok(imported) => {
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
