//! A bundle on its way into a node: which piece is given to the core next, and what is tried once more.

use std::collections::{BTreeMap, VecDeque};

use super::{Condition, Manifest, Missing, Piece, Scanner, Survey};
use crate::chunk::SealedChunk;
use crate::id::NodeKey;
use crate::io::{Carried, ImportRefusal, Imported, PersistError};
use crate::limits::{BUNDLE_AGAIN_MAX, BUNDLE_UNDER_WAY_MAX};
use crate::merge::MergeRefusal;

/// What to do next with a bundle that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Give this to the core; its outcome goes to [`Intake::came`] under the same number.
    Give(u64, Carried),
    /// Wait for an outcome.
    Await,
    /// Push more of the file, or close it.
    More,
    /// Wait until the node is settled, for [`crate::limits::BUNDLE_SETTLES_MS_MAX`] at the longest.
    Settle,
    /// Everything was given, and all of it is answered.
    Done,
}

/// Why no more of a file is read. What was taken until then stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// The bundle belongs to another city.
    #[error("this bundle is of the root {0}")]
    OtherRoot(NodeKey),
    /// Nothing in the file is part of a bundle.
    #[error("this is not a bundle: nothing in it can be read as one")]
    NotABundle,
}

/// What came of a piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// Of a certificate. One of another root concerns nobody here; what it was for is told with its chunks.
    Certificate(Result<Imported, ImportRefusal>),
    /// Of a chunk.
    Chunk(Box<SealedChunk>, Result<Imported, ImportRefusal>),
    /// Nothing yet: the chunk is tried once more at the end.
    Later,
}

/// How far an intake is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Pieces of the file are given as they come.
    Reading,
    /// The file is at its end and the node settled: the next chunk set aside is tried once more, if there is one.
    Settled,
    /// One was; the node settles once more behind it.
    Tried,
}

/// A bundle that is read into a node of one root.
///
/// Bytes go in by [`Intake::push`], [`Intake::close`] ends them; [`Intake::next_step`] says what to do until it wants
/// more, or an outcome, or is done.
#[derive(Debug)]
pub struct Intake {
    root: NodeKey,
    scanner: Scanner,
    closed: bool,
    manifest: Option<Manifest>,
    survey: Survey,
    given: u64,
    /// What was given and has no outcome yet, and which chunk it was if it is one.
    under_way: BTreeMap<u64, Option<SealedChunk>>,
    /// Chunks that did not fit when they came: a fork that they show has to be proved before they have a place.
    again: VecDeque<SealedChunk>,
    stage: Stage,
}

impl Intake {
    /// Begins with an empty file.
    #[must_use]
    pub fn new(root: NodeKey) -> Self {
        let (scanner, survey, under_way) = (Scanner::default(), Survey::default(), BTreeMap::new());
        let (manifest, again, stage) = (None, VecDeque::new(), Stage::Reading);
        Self { root, scanner, closed: false, manifest, survey, given: 0, under_way, again, stage }
    }

    /// Takes the next bytes of the file, after [`Step::More`].
    pub fn push(&mut self, bytes: &[u8]) {
        self.scanner.push(bytes);
    }

    /// The file has ended.
    pub const fn close(&mut self) {
        self.scanner.close();
        self.closed = true;
    }

    /// What to do next.
    ///
    /// # Errors
    /// [`IntakeError`]: the file is at fault, and read no further.
    pub fn next_step(&mut self) -> Result<Step, IntakeError> {
        match self.stage {
            Stage::Reading => self.read(),
            Stage::Settled => Ok(self.try_again()),
            Stage::Tried if self.under_way.is_empty() => Ok(self.settle()),
            Stage::Tried => Ok(Step::Await),
        }
    }

    /// What came of what was given under a number.
    ///
    /// # Errors
    /// [`PersistError`]: our disk; whoever reads the bundle gives up and reads it again another time.
    pub fn came(&mut self, number: u64, result: Result<Imported, ImportRefusal>) -> Result<Came, PersistError> {
        let chunk = self.under_way.remove(&number).flatten();
        match (result, chunk) {
            (Err(ImportRefusal::Disk(error)), _) => Err(error),
            (Err(ImportRefusal::Chunk(MergeRefusal::Fork { .. } | MergeRefusal::Gap { .. })), Some(chunk))
                if self.stage == Stage::Reading && self.again.len() < BUNDLE_AGAIN_MAX =>
            {
                self.again.push_back(chunk);
                Ok(Came::Later)
            }
            (result, Some(chunk)) => {
                if result.is_ok() {
                    self.survey.read(&chunk.header().id(), chunk.first(), chunk.last());
                }
                Ok(Came::Chunk(Box::new(chunk), result))
            }
            (result, None) => Ok(Came::Certificate(result)),
        }
    }

    /// What the bundle says of itself, once that was read.
    #[must_use]
    pub const fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// In what condition the file is, as far as it was read.
    #[must_use]
    pub const fn condition(&self) -> Condition {
        self.scanner.condition()
    }

    /// What the bundle should have held and was not taken.
    #[must_use]
    pub fn missing(&self) -> Vec<Missing> {
        self.survey.missing()
    }

    fn read(&mut self) -> Result<Step, IntakeError> {
        while self.under_way.len() < BUNDLE_UNDER_WAY_MAX {
            match self.scanner.next_piece() {
                Some(Piece::Manifest(manifest)) => self.expect(manifest)?,
                Some(Piece::Certificate(bytes)) => return Ok(self.give(None, Carried::Certificate(bytes))),
                Some(Piece::Chunk(sealed)) => return Ok(self.give_chunk(sealed)),
                None if !self.closed => return Ok(Step::More),
                None if !self.under_way.is_empty() => return Ok(Step::Await),
                None if !self.condition().is_bundle() => return Err(IntakeError::NotABundle),
                None => return Ok(self.settle()),
            }
        }
        Ok(Step::Await)
    }

    fn expect(&mut self, manifest: Manifest) -> Result<(), IntakeError> {
        if manifest.root != self.root {
            return Err(IntakeError::OtherRoot(manifest.root));
        }
        if self.manifest.is_none() {
            self.survey.expect(&manifest);
            self.manifest = Some(manifest);
        }
        Ok(())
    }

    fn give(&mut self, chunk: Option<SealedChunk>, carried: Carried) -> Step {
        self.given += 1;
        self.under_way.insert(self.given, chunk);
        Step::Give(self.given, carried)
    }

    fn give_chunk(&mut self, sealed: SealedChunk) -> Step {
        let bytes = sealed.as_bytes().to_vec();
        self.give(Some(sealed), Carried::Chunk(bytes))
    }

    fn settle(&mut self) -> Step {
        self.stage = Stage::Settled;
        Step::Settle
    }

    /// What was set aside is tried once more, one by one.
    fn try_again(&mut self) -> Step {
        let Some(sealed) = self.again.pop_front() else { return Step::Done };
        self.stage = Stage::Tried;
        self.give_chunk(sealed)
    }
}
