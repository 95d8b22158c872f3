//! The tube is the document.

use crate::fact::Fact;
use crate::id::{EntryId, NodeKey};
use crate::time::Stamp;

/// A fact of a document, with where it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentFact {
    /// The entry it stands in.
    pub id: EntryId,
    /// The node that wrote the entry's feed.
    pub writer: NodeKey,
    /// The entry's stamp.
    pub stamp: Stamp,
    /// What was said.
    pub fact: Fact,
}
