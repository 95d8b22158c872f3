//! Chunks of peers and of bundles: onto their way to the disk, or why not.

use super::Replica;
use super::durable::Writing;
use crate::chunk::SealedChunk;
use crate::exchange::frame::Want;
use crate::fork::branch;
use crate::id::{FeedShort, NodeKey};
use crate::io::{CloseReason, LinkId, Notice, Output};
use crate::merge::{self, MergeRefusal};
use crate::roster::Standing;
use crate::time::Now;

impl Replica {
    pub(super) fn chunk(&mut self, now: Now, link: LinkId, bytes: Vec<u8>) {
        let Some(peer) = self.exchange.session(link).filter(|s| s.open.is_some()).map(|session| session.peer) else {
            self.outputs.push_back(Output::Close { link, reason: CloseReason::BadFrame });
            return;
        };
        match SealedChunk::parse(bytes) {
            // The peer was told what came of it.
            Ok(sealed) => drop(self.merge(now, Some(link), peer, sealed)),
            Err(_) => self.outputs.push_back(Output::Close { link, reason: CloseReason::BadChunk }),
        }
    }

    /// A chunk of somebody's feed, from a peer or from a bundle: on its way to the disk, or why not.
    pub(super) fn merge(
        &mut self,
        now: Now,
        link: Option<LinkId>,
        peer: NodeKey,
        sealed: SealedChunk,
    ) -> Result<(), MergeRefusal> {
        let (header, last) = (*sealed.header(), sealed.last());
        let id = header.id();
        let range = Want { feed: id.short(), from: sealed.first(), to: last };
        let standing = self.control.roster.standing(&header.writer, &id);
        if matches!(standing, Standing::WithdrawnAbove(..)) && self.lanes.contains(header.lane) {
            self.cut_withdrawn(&header);
        }
        match self.place(&sealed) {
            Some(Ok(placed)) => {
                link.into_iter().for_each(|link| self.exchange.arrived(now, link, id.short(), last));
                self.ahead(&placed);
                self.persist(sealed, Writing::above_cut(placed, link));
                return Ok(());
            }
            Some(Err(reason)) => {
                self.refuse(now, (link, peer), &sealed, reason);
                return Err(reason);
            }
            None => {}
        }
        if let Some(link) = link.filter(|link| self.is_suspect(&id, *link)) {
            return match sealed.open_with(&*self.verifier) {
                Ok(_) => {
                    self.suspect(Some(link), sealed, last);
                    Err(MergeRefusal::Fork { at: last })
                }
                Err(error) => {
                    self.refuse(now, (Some(link), peer), &sealed, error.into());
                    Err(error.into())
                }
            };
        }
        let examined = if self.lanes.contains(header.lane) {
            merge::examine(&sealed, standing, self.tips.of(&id), &*self.verifier)
        } else {
            Err(MergeRefusal::Lane)
        };
        if matches!(examined, Ok(_) | Err(MergeRefusal::Fork { .. })) {
            self.told_by_chunk(&header, last);
        }
        match examined {
            Ok(chunk) => {
                if let Some(link) = link {
                    self.exchange.arrived(now, link, id.short(), chunk.checkpoint.seq);
                }
                self.tips.ahead.insert(id, (chunk.checkpoint.seq, chunk.checkpoint.head));
                self.persist(sealed, Writing::received(chunk, link));
                Ok(())
            }
            Err(MergeRefusal::Fork { at }) => {
                self.suspect(link, sealed, at);
                Err(MergeRefusal::Fork { at })
            }
            Err(MergeRefusal::UnknownWriter) => {
                let reason = MergeRefusal::UnknownWriter;
                if !self.parked.hold(link, peer, sealed) {
                    self.outputs.push_back(Output::Notice(Notice::ChunkRefused { peer, reason }));
                }
                link.into_iter().for_each(|link| self.exchange.refused(now, link, range));
                Err(reason)
            }
            Err(reason) => {
                self.refuse(now, (link, peer), &sealed, reason);
                Err(reason)
            }
        }
    }

    /// A chunk does not become part of the log: whoever sent it is told why, or that it is here.
    fn refuse(
        &mut self,
        now: Now,
        (link, peer): (Option<LinkId>, NodeKey),
        sealed: &SealedChunk,
        reason: MergeRefusal,
    ) {
        let id = sealed.header().id();
        let asked = link.map_or(id.short(), |link| self.asked_as(link, sealed));
        // Of a history whose fork is not known here yet, nothing is held, however far its feed goes.
        let unheard_of = asked != id.short() && self.cuts.get(&id).is_none();
        if reason == MergeRefusal::Known && !unheard_of {
            link.into_iter().for_each(|link| self.known(now, link, sealed, asked));
            return;
        }
        self.outputs.push_back(Output::Notice(Notice::ChunkRefused { peer, reason }));
        if let (Some(link), MergeRefusal::Chunk(_)) = (link, reason) {
            self.outputs.push_back(Output::Close { link, reason: CloseReason::BadChunk });
        }
        if let (Some(link), MergeRefusal::Withdrawn | MergeRefusal::QuarantineFull) = (link, reason) {
            self.exchange.set_aside(link, id.short());
        }
        if let Some(link) = link {
            let range = Want { feed: asked, from: sealed.first(), to: sealed.last() };
            self.exchange.refused(now, link, range);
        }
    }

    /// The name under which a peer was asked for a chunk: its feed's, or that of the history above a cut that it begins.
    pub(super) fn asked_as(&self, link: LinkId, sealed: &SealedChunk) -> FeedShort {
        let feed = sealed.header().id();
        let open = self.exchange.session(link).and_then(|session| session.open.as_ref());
        let first = sealed.reopen().ok().and_then(|chunk| chunk.entries.first().map(|entry| entry.hash));
        let above = first.map(|first| branch(&feed, &first).short());
        above.filter(|name| open.is_some_and(|open| open.pull.wants(*name))).unwrap_or_else(|| feed.short())
    }

    /// A peer sent what is held, or what is on its way to the disk: it is told as soon as that is durable.
    fn known(&mut self, now: Now, link: LinkId, sealed: &SealedChunk, asked: FeedShort) {
        let (id, lane, last) = (sealed.header().id(), sealed.header().lane, sealed.last());
        let covers = |writing: &&mut Writing| writing.chunk.header.id() == id && writing.chunk.checkpoint.seq >= last;
        let branches = self.cuts.get(&id).into_iter().flat_map(|cut| &cut.branches);
        // Asked for by the name of one history it is here only once that history is: another one may be longer.
        let names = std::iter::once(&id).chain(branches).filter(|name| asked == id.short() || name.short() == asked);
        let heads = names.filter_map(|name| self.tips.durable.get(name));
        match heads.map(|head| head.seq).filter(|seq| *seq >= last).max() {
            Some(seq) => {
                self.exchange.durable(now, Some(link), id.short(), lane, seq);
                if asked != id.short() {
                    self.exchange.acknowledge(link, asked, last);
                }
            }
            None => self.writing.values_mut().find(covers).into_iter().for_each(|writing| writing.from.push(link)),
        }
    }

    pub(super) fn unpark(&mut self, now: Now, writer: NodeKey) {
        for (link, peer, sealed) in self.parked.release(&writer) {
            // Whoever sent it was told that it waits, and is told again if it is refused.
            let _ = self.merge(now, link, peer, sealed);
        }
    }
}
