//! The body of the fact that lets go of what retention has passed. Field numbers are positions in the body's array.

use super::{Decode, Encode, Signed, Wall};
use crate::entry::{Checkpoint, Verifier};
use crate::id::{FeedHeader, FeedId, SeqNo};
use crate::time::Stamp;

/// Where a feed begins once its past was let go of: everything up to this entry, itself included, is kept by nobody
/// but the authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Base {
    /// Whose feed.
    #[n(0)]
    pub header: FeedHeader,
    /// The writer's own signature over the last entry let go of.
    #[n(1)]
    pub signed: Signed,
    /// That entry's stamp.
    #[n(2)]
    pub stamp: Stamp,
}

impl Base {
    /// The feed.
    #[must_use]
    pub fn feed(&self) -> FeedId {
        self.header.id()
    }

    /// The last entry let go of.
    #[must_use]
    pub const fn seq(&self) -> SeqNo {
        self.signed.seq
    }

    /// Whether the authority, which holds the feed up to `receipted`, may let go of it here: never more than it signed
    /// for, and only what the feed's writer signed.
    #[must_use]
    pub fn holds(&self, receipted: SeqNo, verifier: &dyn Verifier) -> bool {
        let Signed { seq, head, signature } = self.signed;
        seq <= receipted && verifier.check(&Checkpoint { seq, head, signature }, &self.header).is_ok()
    }
}

/// Body of [`super::Fact::Pruned`]: stated in the lane of the feeds it names.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Pruned {
    /// Nothing stamped at this moment or later is let go of.
    #[n(0)]
    pub before: Wall,
    /// The feeds; each mark lies below the authority's receipts.
    #[n(1)]
    pub bases: Vec<Base>,
}
