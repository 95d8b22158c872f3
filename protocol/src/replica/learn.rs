//! What durable facts mean for who takes part, what counts, and what is kept.

use super::Replica;
use crate::certificate::Certificate;
use crate::chunk::OpenedChunk;
use crate::control::Effect;
use crate::exchange::frame::Frame;
use crate::fact::{Fact, FactError};
use crate::id::{EntryId, FeedId, NodeKey};
use crate::io::{Notice, Output};
use crate::time::Now;

impl Replica {
    /// Applies what a durable chunk says about who takes part and what counts.
    pub(super) fn learn(&mut self, now: Now, chunk: &OpenedChunk, id: FeedId) {
        let listens = self.control.listens_to(&chunk.header.writer);
        for entry in self.standing_entries(chunk) {
            let entry_id = EntryId { feed: id, seq: entry.seq };
            match Fact::from_bytes(&entry.fact) {
                Ok(fact @ Fact::ForkProof(_)) if !listens => drop(self.take_effect(&fact)),
                Ok(_) | Err(_) if !listens => {}
                Ok(fact) => {
                    match self.apply_control(entry_id, &chunk.header.writer, &fact) {
                        Effect::Enrolled(node) => self.unpark(now, node),
                        Effect::Withdrawn(node) => {
                            self.tell_withdrawn(&node, chunk);
                            self.outputs.push_back(Output::Withdraw { peer: node });
                        }
                        Effect::None | Effect::Receipted | Effect::NotOfTheRoot => {}
                    }
                    if let Fact::Pruned(pruned) = &fact {
                        self.want_no_more(now, pruned);
                    }
                }
                Err(FactError::TooLong { .. } | FactError::UnknownKind { .. } | FactError::Shape { .. }) => {
                    self.outputs.push_back(Output::Notice(Notice::Unreadable { entry: entry_id }));
                }
            }
        }
    }

    /// A node that is connected hears of its withdrawal, and then nothing more: whoever works there should not go on.
    fn tell_withdrawn(&mut self, node: &NodeKey, chunk: &OpenedChunk) {
        let bytes = Frame::Chunk(chunk.seal().into_bytes().into()).to_bytes();
        let sessions = self.exchange.sessions().filter(|(_, session)| session.peer == *node && session.open.is_some());
        self.outputs.extend(sessions.map(|(link, _)| Output::Send { link, bytes: bytes.clone() }));
    }

    fn apply_control(&mut self, entry: EntryId, writer: &NodeKey, fact: &Fact) -> Effect {
        if !self.control.roster.role(writer).is_some_and(|role| fact.allowed(role)) {
            self.outputs.push_back(Output::Notice(Notice::AboveRole { entry }));
            return Effect::None;
        }
        let effect = self.take_effect(fact);
        if effect == Effect::NotOfTheRoot {
            self.outputs.push_back(Output::Notice(Notice::AboveRole { entry }));
        }
        effect
    }

    pub(super) fn take_effect(&mut self, fact: &Fact) -> Effect {
        let effect = self.control.apply(fact);
        self.cut_by(fact);
        self.begin_after(fact);
        match &effect {
            Effect::Receipted => {
                self.told_by_receipts();
                self.release_receipted();
            }
            Effect::Enrolled(node) if *node == self.own.node => {
                if let Fact::Enrolled(enrolled) = fact {
                    self.adopt(&enrolled.certificate);
                }
            }
            Effect::Enrolled(_) | Effect::Withdrawn(_) | Effect::None | Effect::NotOfTheRoot => {}
        }
        effect
    }

    /// The root signed this node a newer certificate.
    pub(super) fn adopt(&mut self, signed: &[u8]) {
        let newest = self.control.roster.certificate(&self.own.node).filter(|newest| newest.serial > self.own.serial);
        if let Some(newest) = newest.cloned()
            && Certificate::open(signed, self.control.roster.root()).as_ref() == Ok(&newest)
        {
            self.own = newest;
            self.exchange.certified(signed.to_vec());
            self.outputs.push_back(Output::Renewed { certificate: signed.to_vec() });
        }
    }
}
