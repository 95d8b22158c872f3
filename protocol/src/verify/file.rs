//! The file that third parties test with: issuers, status lists, policy, and vectors to run (docs/code-format.md).

use serde::{Deserialize, Serialize};

use super::{Knowledge, Reason, Refused, Verified, verify};
use crate::policy::Policy;
use crate::scan::Scanned;
use crate::status::{StatusError, StatusListFile, StatusLists};
use crate::trust::{IssuerKey, TrustList};

/// Such a file; every part may be left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct KnowledgeFile {
    /// The keys of the trust list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub issuers: Vec<IssuerKey>,
    /// The status lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub status_lists: Vec<StatusListFile>,
    /// The policy; values left out take their defaults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// Codes with the verdicts they must get.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vectors: Vec<Vector>,
}

/// One code, and what must be said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vector {
    /// Says what it shows.
    pub name: String,
    /// What the scanner delivers.
    pub text: String,
    /// The site's time, seconds since 1970 UTC.
    pub at: u64,
    /// The verdict it must get.
    pub verdict: String,
    /// The reason it must get.
    pub reason: String,
}

impl KnowledgeFile {
    /// What a site with this file would know.
    ///
    /// # Errors
    /// A [`StatusError`] when a status list contradicts itself.
    pub fn knowledge(&self) -> Result<Knowledge, StatusError> {
        let mut status = StatusLists::default();
        for file in &self.status_lists {
            status.merge_list(file.list, &file.to_list()?);
        }
        let policy = self.policy.clone().unwrap_or_default();
        Ok(Knowledge { trust: TrustList::new(0, self.issuers.clone()), status, policy })
    }
}

impl Vector {
    /// Judges the code at the vector's own time; returns the reason it got, and whether that is the one it must get.
    #[must_use]
    pub fn run(&self, knowledge: &Knowledge) -> (Reason, bool) {
        let reason = reason_of(&verify(self.at, &Scanned::from_text(&self.text), knowledge));
        (reason, reason.name() == self.reason && reason.verdict().name() == self.verdict)
    }
}

/// The one reason shown for a result.
#[must_use]
pub fn reason_of(judged: &Result<Verified, Refused>) -> Reason {
    match judged {
        Ok(verified) => verified.reasons().first(),
        Err(refused) => refused.reason,
    }
}
