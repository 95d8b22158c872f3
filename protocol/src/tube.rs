//! The tube is the document: facts of several writers become one automerge document, the same everywhere.
//!
//! A document is a function of the *set* of its facts, whatever order they came in. Automerge bytes are derived
//! here and never come from the network. What each key means: [`key`]. What people see: [`view`].
//! The desk's fast path, without automerge: [`summary`].

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::{ActorId, Automerge, Change, ChangeHash};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::fact::{Fact, Subject};
use crate::id::{EntryId, Hash, NodeKey};
use crate::time::Stamp;

pub mod claim;
mod derive;
mod history;
pub mod key;
pub mod summary;
pub mod transport;
pub mod view;

use history::History;

/// Facts one document may have; beyond, it is not derived at all and says so.
///
/// All or nothing, because which ones would fit depends on the order of arrival. A tube has some 30, a box some
/// 500. Source: 15,000 writers cannot fill it by accident; applying one change at this size costs 0.4 ms
/// (store-crdt study).
pub const DOCUMENT_FACTS_MAX: usize = 2_000;

/// One fact of a document, as the log holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentFact {
    /// The entry it stands in.
    pub id: EntryId,
    /// The node that wrote the entry's feed.
    pub writer: NodeKey,
    /// The entry's stamp.
    pub stamp: Stamp,
    /// What it says.
    pub fact: Fact,
}

/// Says whether an entry is held here, whatever it is about.
///
/// A fact that had seen an entry not held yet is held back; one that had seen an entry which is held and is no
/// fact of the document goes on without it. So for one document: give all its facts that are held, and answer
/// for all feeds at that same moment.
pub type IsHeld<'a> = &'a dyn Fn(EntryId) -> bool;

/// Whether a document could be derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// All facts that are not held back are in it.
    Whole,
    /// More than [`DOCUMENT_FACTS_MAX`] facts: a writer floods it. Empty until rebuilt without that writer.
    TooMany,
    /// Automerge refused or panicked on a change of ours: our fault. Empty until rebuilt.
    Damaged,
}

/// The automerge document of one tube or box.
#[derive(Debug, Clone)]
pub struct Document {
    subject: Subject,
    facts: BTreeMap<EntryId, DocumentFact>,
    history: History,
    /// Hash of each change, in the order of derivation.
    hashes: Vec<ChangeHash>,
    /// Absent when the document was given up.
    automerge: Option<Automerge>,
    health: Health,
}

impl Document {
    /// Derives the document of `subject` from its facts, in any order; facts about something else are left out.
    #[must_use]
    pub fn build(subject: Subject, facts: impl IntoIterator<Item = DocumentFact>, is_held: IsHeld<'_>) -> Self {
        let mut document = Self {
            history: History::new(subject.clone()),
            subject,
            facts: BTreeMap::new(),
            hashes: Vec::new(),
            automerge: Some(empty()),
            health: Health::Whole,
        };
        document.apply(facts, is_held);
        document
    }

    /// Takes further facts, and whatever was held back and now is not. The same fact twice is taken once.
    pub fn apply(&mut self, facts: impl IntoIterator<Item = DocumentFact>, is_held: IsHeld<'_>) {
        let mut new = Vec::new();
        let mut keys = Vec::new();
        for said in facts {
            key::written(&said, &self.subject, &mut keys);
            if !keys.is_empty() && self.health != Health::TooMany && !self.facts.contains_key(&said.id) {
                new.push(said.id);
                self.facts.insert(said.id, said);
                if self.facts.len() > DOCUMENT_FACTS_MAX {
                    self.give_up(Health::TooMany);
                }
            }
        }
        if self.health == Health::Whole && self.advance(new, is_held).is_err() {
            self.clear();
            let all: Vec<EntryId> = self.facts.keys().copied().collect();
            // From the beginning nothing is out of order.
            let _ = self.advance(all, is_held);
        }
    }

    fn advance(&mut self, new: Vec<EntryId>, is_held: IsHeld<'_>) -> Result<(), history::OutOfOrder> {
        let Self { facts, history, hashes, .. } = self;
        let taken = self.automerge.take();
        // The last defence: automerge 0.12 has panics (store-crdt study). None is known for changes built here,
        // but facts may be hostile, and one tube must not stop the node. What was half changed is dropped.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut changes: Vec<Change> = Vec::new();
            history.advance(new, &|id| facts.get(&id), is_held, |ready| {
                let change = derive::change(ready, hashes);
                hashes.push(change.hash());
                changes.push(change);
            })?;
            let mut automerge = taken.unwrap_or_else(empty);
            let applied = if changes.is_empty() { Ok(()) } else { automerge.apply_changes(changes) };
            Ok(applied.ok().map(|()| automerge))
        }));
        match outcome {
            Ok(Ok(Some(automerge))) => self.automerge = Some(automerge),
            Ok(Err(out_of_order)) => return Err(out_of_order),
            Ok(Ok(None)) | Err(_) => self.give_up(Health::Damaged),
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.history = History::new(self.subject.clone());
        self.hashes = Vec::new();
        self.automerge = None;
    }

    fn give_up(&mut self, health: Health) {
        self.clear();
        self.health = health;
        if health == Health::TooMany {
            self.facts = BTreeMap::new();
        }
    }

    /// What the document is about.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Whether it could be derived.
    #[must_use]
    pub const fn health(&self) -> Health {
        self.health
    }

    /// Facts that wait for an entry their writer had seen and this node does not hold yet, rising.
    #[must_use]
    pub fn held_back(&self) -> Vec<EntryId> {
        self.history.waiting().iter().copied().collect()
    }

    /// Hashes of the newest changes, rising. Equal facts give equal heads on every replica.
    #[must_use]
    pub fn heads(&self) -> Vec<[u8; 32]> {
        let heads = self.automerge.as_ref().map(Automerge::get_heads).unwrap_or_default();
        heads.into_iter().map(|head| head.0).collect()
    }

    /// SHA-256 over the heads, rising, 32 bytes each: what two replicas compare.
    #[must_use]
    pub fn heads_digest(&self) -> Hash {
        let mut hash = Sha256::new();
        self.heads().iter().for_each(|head| hash.update(head));
        Hash(hash.finalize().into())
    }

    /// Writes the document as a standard automerge file; the same bytes on every replica with equal facts.
    ///
    /// Derives it afresh: automerge writes changes in the order they were applied, which differs between replicas.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        let derived = self.facts.values().filter(|said| self.history.is_derived(said.id));
        let afresh = Self::build(self.subject.clone(), derived.cloned(), &|_| true);
        afresh.automerge.unwrap_or_else(empty).save()
    }

    /// A fact that is in the document.
    pub(crate) fn fact(&self, id: EntryId) -> Option<&DocumentFact> {
        self.facts.get(&id)
    }
}

/// An empty document that never writes a change of its own, hence the fixed actor.
fn empty() -> Automerge {
    Automerge::new().with_actor(ActorId::from([0; 16]))
}
