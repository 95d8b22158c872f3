//! A tube's document.

use crate::fact::Fact;
use crate::id::{EntryId, NodeKey};
use crate::time::Stamp;

/// One fact of a document, with where it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentFact {
    /// The entry.
    pub id: EntryId,
    /// Who wrote it.
    pub writer: NodeKey,
    /// When, by the writer's hybrid clock.
    pub stamp: Stamp,
    /// What it says.
    pub fact: Fact,
}
