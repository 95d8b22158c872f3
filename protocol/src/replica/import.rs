//! What comes and goes by another way than a connection: in a bundle, or found in the journal.

use super::Replica;
use crate::bundle::Maker;
use crate::chunk::{ChunkError, SealedChunk};
use crate::exchange::frame::Want;
use crate::fact::Role;
use crate::fork::Divergence;
use crate::id::{FeedId, SeqNo};
use crate::io::{Carried, ImportRefusal, Imported, Notice, Output, RequestId};
use crate::merge::MergeRefusal;
use crate::time::Now;

impl Replica {
    pub(super) fn import(&mut self, now: Now, request: Option<RequestId>, carried: Carried) {
        match carried {
            Carried::Certificate(bytes) => {
                let result = self.import_certificate(now, &bytes);
                self.imported(request, result);
            }
            Carried::Chunk(bytes) => match SealedChunk::parse(bytes) {
                Ok(sealed) => self.import_chunk(now, request, sealed),
                Err(error) => self.refuse_import(request, error),
            },
        }
    }

    fn refuse_import(&mut self, request: Option<RequestId>, error: ChunkError) {
        let reason = MergeRefusal::Chunk(error);
        self.outputs.push_back(Output::Notice(Notice::ChunkRefused { peer: self.own.node, reason }));
        self.imported(request, Err(reason.into()));
    }

    /// Asks the tables whether what is carried here is what is held.
    fn compare_import(&mut self, request: Option<RequestId>, sealed: SealedChunk, held: SeqNo) {
        match sealed.open() {
            Ok(_) => self.compare((None, request), sealed, held),
            Err(error) => self.refuse_import(request, error),
        }
    }

    /// The tables compared what was carried here with what is held.
    pub(super) fn import_compared(&mut self, request: Option<RequestId>, range: Want, divergence: &Divergence) {
        let result = match divergence {
            Divergence::Agrees => Ok(Imported::Known),
            // They have not taken up yet what is on disk: whoever waits for that and comes again gets an answer.
            Divergence::Behind => Err(MergeRefusal::Gap { expected: range.from, first: range.from }.into()),
            Divergence::Below { .. } | Divergence::Unprovable { .. } | Divergence::Forked(_) => {
                Err(MergeRefusal::Fork { at: range.to }.into())
            }
        };
        self.imported(request, result);
    }

    /// An expired one is taken as well: what its node wrote in time stands.
    fn import_certificate(&mut self, now: Now, bytes: &[u8]) -> Result<Imported, ImportRefusal> {
        let (certificate, newer) = self.control.roster.enrol(bytes)?;
        if !newer {
            return Ok(Imported::Known);
        }
        self.outputs.push_back(Output::Keep { node: certificate.node, certificate: bytes.to_vec() });
        if certificate.node == self.own.node {
            self.adopt(bytes);
        }
        self.unpark(now, certificate.node);
        Ok(Imported::Taken)
    }

    fn import_chunk(&mut self, now: Now, request: Option<RequestId>, sealed: SealedChunk) {
        let (id, last) = (sealed.header().id(), sealed.last());
        let held = self.tips.durable.get(&id).map_or(SeqNo(0), |head| head.seq);
        if last < held {
            // Fewer entries than are held say nothing about which history they are of.
            self.compare_import(request, sealed, held);
            return;
        }
        let refused = self.merge(now, None, self.own.node, sealed).err();
        match refused {
            None | Some(MergeRefusal::Known) if self.await_writing(&id, last, request) => {}
            None | Some(MergeRefusal::Known) => self.imported(request, Ok(Imported::Known)),
            Some(reason) => self.imported(request, Err(reason.into())),
        }
    }

    /// Has a request answered once what is on its way to the disk is there; `false` if nothing of the kind is.
    fn await_writing(&mut self, id: &FeedId, last: SeqNo, request: Option<RequestId>) -> bool {
        let covers = |chunk: &crate::chunk::OpenedChunk| chunk.header.id() == *id && chunk.checkpoint.seq >= last;
        let writing = self.writing.values_mut().find(|writing| covers(&writing.chunk));
        writing.map(|writing| writing.imports.extend(request)).is_some()
    }

    pub(super) fn imported(&mut self, request: Option<RequestId>, result: Result<Imported, ImportRefusal>) {
        self.outputs.extend(request.map(|request| Output::Imported { request, result }));
    }

    /// Whether everything is done that needs no further input: written, signed for, shown by the tables.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let receipts_owed = self.receipting.as_ref().is_some_and(|receipting| receipting.due().is_some());
        let resting = self.append.is_idle() && self.writing.is_empty() && self.unsplit.is_empty();
        !receipts_owed && resting && self.is_indexed()
    }

    /// Up to where another node is known to hold each of our own feeds durably.
    #[must_use]
    pub fn neighbour_marks(&self) -> std::collections::BTreeMap<FeedId, SeqNo> {
        self.copies.neighbour_marks()
    }

    /// This node as one that makes bundles.
    #[must_use]
    pub fn bundle_maker(&self) -> Maker {
        let authority = self.enrolled().find(|certificate| certificate.role == Role::Authority);
        Maker {
            own: self.own.clone(),
            root: *self.control.roster.root(),
            epoch: self.append.epoch(),
            authority: authority.map(|certificate| certificate.node),
            neighbour: self.neighbour_marks(),
        }
    }
}
