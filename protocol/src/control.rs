//! What this node accepts: who takes part, which keys sign, what is revoked. Learnt from the authority's facts.

use std::collections::BTreeMap;

use ed25519_dalek::VerifyingKey;

use crate::fact::{Fact, Receipt, Role, SealKey, in_a_document};
use crate::id::{FeedId, NodeKey, SeqNo};
use crate::policy::Policy;
use crate::roster::Roster;
use crate::trust::TrustList;
use crate::verify::Knowledge;

/// Everything that a node believes because the root or the authority said so.
#[derive(Debug)]
pub struct Control {
    /// Who takes part.
    pub roster: Roster,
    /// What codes are judged by.
    pub knowledge: Knowledge,
    /// The key that details are sealed to.
    pub seal_key: Option<SealKey>,
    /// Up to where the authority holds each feed durably, as its receipts say.
    pub receipts: BTreeMap<FeedId, SeqNo>,
    /// The newest moment that something signed speaks of, seconds since 1970 UTC: it cannot be earlier than this.
    pub not_before_s: u64,
}

/// What an applied fact means for connections and copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Nothing beyond what was learnt.
    None,
    /// A node may take part.
    Enrolled(NodeKey),
    /// A node may not take part any more.
    Withdrawn(NodeKey),
    /// Feeds are durable at the authority.
    Receipted,
    /// The fact contradicts the root: it was kept in the log and not applied.
    NotOfTheRoot,
}

/// Notes up to where the authority signed for feeds.
pub(crate) fn raise(receipts: &mut BTreeMap<FeedId, SeqNo>, receipt: &Receipt) {
    for mark in &receipt.marks {
        let held = receipts.entry(mark.feed).or_default();
        *held = (*held).max(mark.seq);
    }
}

impl Control {
    /// Knows only the root.
    #[must_use]
    pub fn new(root: VerifyingKey) -> Self {
        Self {
            roster: Roster::new(root),
            knowledge: Knowledge::default(),
            seal_key: None,
            receipts: BTreeMap::new(),
            not_before_s: 0,
        }
    }

    /// Takes a trust list the root signed, if newer; tells whether the root signed it.
    pub fn trust(&mut self, bytes: &[u8]) -> bool {
        let list = TrustList::open(bytes, self.roster.root());
        list.map(|list| self.knowledge.trust.merge(list)).is_ok()
    }

    /// Takes a policy the root signed, if newer; tells whether the root signed it.
    pub fn policy(&mut self, bytes: &[u8]) -> bool {
        let policy = Policy::open(bytes, self.roster.root());
        policy.map(|policy| self.knowledge.policy.merge(policy)).is_ok()
    }

    /// Applies a durable fact of a writer. Facts a writer's role does not allow are the caller's to keep away.
    pub fn apply(&mut self, fact: &Fact) -> Effect {
        match fact {
            Fact::Enrolled(fact) => match self.roster.enrol(&fact.certificate) {
                Ok((certificate, _)) => Effect::Enrolled(certificate.node),
                Err(_) => Effect::NotOfTheRoot,
            },
            Fact::Withdrawn(fact) if self.roster.withdraw(fact) => Effect::Withdrawn(fact.node),
            Fact::Withdrawn(_) => Effect::None,
            Fact::Trust(fact) => self.signed(|control| control.trust(&fact.list)),
            Fact::Policy(fact) => self.signed(|control| control.policy(&fact.policy)),
            Fact::Status(delta) => {
                self.not_before_s = self.not_before_s.max(delta.issued_at_s);
                // A delta that does not fit its list changes nothing; the authority never writes one.
                let _ = self.knowledge.status.apply(delta);
                Effect::None
            }
            Fact::Receipt(fact) => {
                raise(&mut self.receipts, fact);
                Effect::Receipted
            }
            Fact::SealKey(fact) => {
                if self.seal_key.as_ref().is_none_or(|held| held.day < fact.day) {
                    self.seal_key = Some(fact.clone());
                }
                Effect::None
            }
            in_a_document!()
            | Fact::ForkProof(_)
            | Fact::ForkDecided(_)
            | Fact::Issued(_)
            | Fact::Revoked(_)
            | Fact::Pruned(_) => Effect::None,
        }
    }

    fn signed(&mut self, apply: impl FnOnce(&mut Self) -> bool) -> Effect {
        if apply(self) { Effect::None } else { Effect::NotOfTheRoot }
    }

    /// Whether facts of a node's role change what this node believes.
    #[must_use]
    pub fn listens_to(&self, writer: &NodeKey) -> bool {
        self.roster.role(writer) == Some(Role::Authority)
    }
}
