//! The desk's fast path: what must be known before the next registration, without automerge.
//!
//! Rests on the same causal account as the document, so the two agree on what stands (property test
//! `the_summary_agrees_with_the_document`).

use super::history::History;
use super::key::{self, Key, REOPENED};
use super::{DOCUMENT_FACTS_MAX, DocumentFact, Health, IsHeld};
use crate::fact::Subject;
use crate::id::{EntryId, FeedId};

/// Entries one fact names in its `seen` at most; the facts left out are then concurrent to it, which is safe.
///
/// Source: 27 bytes each leave two thirds of a fact's bytes to its body; a tube has 1 to 3 writers.
pub const SEEN_ENTRIES_MAX: usize = 32;

/// One tube as the desk needs it.
#[derive(Debug, Clone)]
pub struct Summary {
    history: History,
    opened_by: Vec<FeedId>,
    pool: Option<u8>,
    members: Vec<EntryId>,
    sealed: bool,
    health: Health,
}

impl Summary {
    /// Sums up the document of `subject`, from the same facts and the same `is_held` as [`super::Document::build`].
    ///
    /// A registration moved here counts even if it was voided in the tube it came from: that tube's document
    /// says so, not this one's.
    #[must_use]
    pub fn of(subject: &Subject, facts: &[DocumentFact], is_held: IsHeld<'_>) -> Self {
        let mut summary = Self {
            history: History::new(subject.clone()),
            opened_by: Vec::new(),
            pool: None,
            members: Vec::new(),
            sealed: false,
            health: Health::Whole,
        };
        let mut keys = Vec::new();
        let mut concerns = |said: &&DocumentFact| {
            key::written(said, subject, &mut keys);
            !keys.is_empty()
        };
        let mut held: Vec<&DocumentFact> = facts.iter().filter(|said| concerns(said)).collect();
        held.sort_by_key(|said| said.id);
        held.dedup_by_key(|said| said.id);
        if held.len() > DOCUMENT_FACTS_MAX {
            summary.health = Health::TooMany;
            return summary;
        }
        let find =
            |id: EntryId| held.binary_search_by_key(&id, |said| said.id).ok().and_then(|at| held.get(at)).copied();
        // From the beginning nothing is out of order.
        let _ = summary.history.advance(held.iter().map(|said| said.id), &find, is_held, |_| {});
        summary.take_stock(subject, &find);
        summary
    }

    fn take_stock<'a>(&mut self, subject: &Subject, find: &dyn Fn(EntryId) -> Option<&'a DocumentFact>) {
        let history = &self.history;
        let said = |key: &Key, by: EntryId| find(by).map(|said| key::value(&said.fact, key));
        let mut gone: Vec<EntryId> = Vec::new();
        let mut arrived: Vec<EntryId> = Vec::new();
        for key in history.shared() {
            match key {
                Key::Open => {
                    self.opened_by.extend(history.standing(key).map(|by| by.feed));
                    self.pool = history.standing(key).filter_map(|by| said(key, by)?.parse().ok()).min();
                }
                // A seal that stands beside a reopening unaware of it still closes the tube.
                Key::Seal => {
                    self.sealed = history.standing(key).any(|by| said(key, by).is_some_and(|value| value != REOPENED));
                }
                Key::Void(registration) => {
                    if history.standing(key).all(|by| said(key, by).is_some_and(|why| !why.is_empty())) {
                        gone.push(*registration);
                    }
                }
                Key::Moved(registration) => {
                    let mut reached =
                        history.standing(key).filter_map(|by| key::passage(&said(key, by)?)).map(|(_, to)| to);
                    let here = reached.any(|to| matches!(subject, Subject::Tube(this) if *this == to));
                    if here { arrived.push(*registration) } else { gone.push(*registration) }
                }
                Key::Registered(_)
                | Key::Packed(_)
                | Key::Note(_)
                | Key::Transport
                | Key::HandOver
                | Key::Received
                | Key::Reading(_)
                | Key::Decision
                | Key::Amended(..) => {}
            }
        }
        self.opened_by.sort_unstable();
        self.opened_by.dedup();
        let mut members = history.registered().to_vec();
        members.append(&mut arrived);
        members.sort_unstable();
        members.dedup();
        if !gone.is_empty() {
            gone.sort_unstable();
            members.retain(|member| gone.binary_search(member).is_err());
        }
        self.members = members;
    }

    /// Feeds whose opening stands, rising; more than one is a barcode at two desks.
    #[must_use]
    pub fn opened_by(&self) -> &[FeedId] {
        &self.opened_by
    }

    /// How many people the tube is meant for: the smallest claim.
    #[must_use]
    pub const fn pool(&self) -> Option<u8> {
        self.pool
    }

    /// Registrations that count, rising.
    #[must_use]
    pub fn members(&self) -> &[EntryId] {
        &self.members
    }

    /// Whether a registration is in the tube and not voided.
    #[must_use]
    pub fn counts(&self, registration: EntryId) -> bool {
        self.members.binary_search(&registration).is_ok()
    }

    /// Whether somebody closed the tube.
    #[must_use]
    pub const fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// Facts held back because what their writer had seen is not here yet.
    #[must_use]
    pub fn held(&self) -> usize {
        self.history.waiting().len()
    }

    /// Whether a fact has its place in the document: not held back, and not about something else.
    #[must_use]
    pub fn is_derived(&self, id: EntryId) -> bool {
        self.history.is_derived(id)
    }

    /// Whether the document can be derived.
    #[must_use]
    pub const fn health(&self) -> Health {
        self.health
    }

    /// What the next fact of the feed `own` has to put in its `seen`: the fewest entries that cover everything
    /// derived here, rising, at most [`SEEN_ENTRIES_MAX`]. Facts held back are not among them.
    #[must_use]
    pub fn next_seen(&self, own: FeedId) -> Vec<EntryId> {
        let mut heads = self.history.unseen_heads(own);
        heads.truncate(SEEN_ENTRIES_MAX);
        heads
    }
}
