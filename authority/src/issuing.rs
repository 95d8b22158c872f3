//! Issuing to the city: one code of a kind for each (C6), the same again for whoever has a valid one, in whatever crowd (A1).
//!
//! ```text
//! request → admitted (channel, quota) → queue (bounded) → counter: who has one gets it again ─→ answer
//!                                          │ full: 503      └ others, up to 256 together → the log → shelf → answer
//! ```
//! A code exists once its entry is in the log; the shelf only remembers its text. Whoever is shed or cut off on the way asks again:
//! either nothing was issued, or they get what was.

pub mod answers;
pub mod counter;
pub mod http;
pub mod shelf;

use serde::{Deserialize, Serialize};
use swabmesh_protocol::code::OfKind;
use swabmesh_protocol::code::issue::IssueError;
use swabmesh_protocol::command::Refusal;
use swabmesh_protocol::id::{CodeId, Person};
use swabmesh_protocol::time::Wall;

use crate::registry::RegistryError;

/// What somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// For whom.
    pub person: Person,
    /// Which kind, and what only this kind has.
    pub of_kind: OfKind,
    /// Whether a valid code of this kind is to be replaced.
    pub renew: bool,
}

/// A code that was issued, now or before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    /// The text that goes into the QR code.
    pub text: String,
    /// The code.
    pub code: CodeId,
    /// Whose.
    pub person: Person,
    /// Masked name.
    pub name: String,
    /// Last four characters of the document.
    pub last_four: String,
    /// Since when, milliseconds since 1970 UTC.
    pub issued_at: Wall,
    /// Until when, milliseconds since 1970 UTC.
    pub expires_at: Wall,
    /// Whether it had been issued before and was given out again.
    pub again: bool,
    /// The code of the same kind that died with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<CodeId>,
}

/// Why no code was issued. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotIssued {
    /// Too many are waiting.
    #[error("too many people ask for a code at this moment: ask again in a second, nothing is lost")]
    Crowd,
    /// Not in the registry.
    #[error("this person is not registered: register them first, with any document")]
    Unknown,
    /// The core refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A field no verifier would accept.
    #[error(transparent)]
    Field(#[from] IssueError),
    /// The registry.
    #[error("the registry does not answer: ask again in a moment")]
    Registry,
}

impl From<RegistryError> for NotIssued {
    fn from(error: RegistryError) -> Self {
        tracing::error!(%error, "the registry");
        Self::Registry
    }
}
