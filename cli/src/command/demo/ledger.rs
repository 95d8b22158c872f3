//! What the demo saw with its own eyes, to be compared with what the nodes say in the end.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// Everything counted.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Registrations that a desk showed as accepted.
    pub(super) accepted: BTreeSet<String>,
    /// Those found at the authority in the end.
    pub(super) at_authority: u64,
    /// Pairs of registrations of one person that the authority flags.
    pub(super) duplicates_flagged: u64,
    /// Codes refused, by reason.
    pub(super) refused: BTreeMap<String, u64>,
    /// Codes that should have been refused for another reason, or not at all.
    pub(super) wrong_verdicts: Vec<String>,
    /// People to be tested again.
    pub(super) recall_list: u64,
    /// Milliseconds from the last cable plugged in to everything receipted and equal.
    pub(super) converge_ms: u64,
    /// Documents compared, and whether all heads were equal.
    pub(super) documents: u64,
    /// Whether all heads were equal.
    pub(super) heads_equal: bool,
    /// Photographs read, and taken.
    pub(super) photographs: (u64, u64),
    /// Residents who looked their result up, and saw one.
    pub(super) looked_up: (u64, u64),
    /// How people were registered.
    pub(super) routes: BTreeMap<String, u64>,
    /// Registrations made before and after the site was killed that it still had.
    pub(super) survived_kill: (u64, u64),
    /// Milliseconds in all.
    pub(super) total_ms: u64,
}

impl Ledger {
    /// Registrations shown as accepted and not found at the authority.
    pub(super) fn lost(&self) -> u64 {
        (self.accepted.len() as u64).saturating_sub(self.at_authority)
    }

    /// Whether everything came out as it must.
    pub(super) fn is_whole(&self) -> bool {
        self.lost() == 0
            && self.heads_equal
            && self.wrong_verdicts.is_empty()
            && self.duplicates_flagged > 0
            && self.recall_list > 0
            && self.looked_up.0 == self.looked_up.1
            && self.photographs.0 == self.photographs.1
            && self.survived_kill.0 == self.survived_kill.1
    }

    /// One object for scripts.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "registered": self.accepted.len(),
            "at_authority": self.at_authority,
            "lost": self.lost(),
            "duplicates_flagged": self.duplicates_flagged,
            "refused": self.refused,
            "wrong_verdicts": self.wrong_verdicts,
            "recall_list": self.recall_list,
            "converge_ms": self.converge_ms,
            "heads_equal": self.heads_equal,
            "documents_compared": self.documents,
            "photographs_read": self.photographs.0,
            "photographs_taken": self.photographs.1,
            "results_seen": self.looked_up.0,
            "results_asked": self.looked_up.1,
            "routes": self.routes,
            "survived_kill": self.survived_kill.0,
            "total_ms": self.total_ms,
        })
    }
}
