//! Where each feed stands.
//!
//! Table `Heads`: feed (16 bytes) → [`HeadRecord`] as a CBOR array of its fields in order.

use minicbor::{Decode, Encode};

use super::row;
use crate::entry::Checkpoint;
use crate::fact::{Role, Signed};
use crate::id::{FeedHeader, FeedId, Hash, SeqNo};
use crate::io::Arrival;
use crate::time::Stamp;
use crate::view::{Table, View, ViewError};

/// How far a feed is applied.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct HeadRecord {
    /// Whose feed.
    #[n(0)]
    pub header: FeedHeader,
    /// The last entry applied; 0 before the first.
    #[n(1)]
    pub height: SeqNo,
    /// That entry's hash.
    #[n(2)]
    pub head: Hash,
    /// That entry's stamp.
    #[n(3)]
    pub stamp: Stamp,
    /// The newest checkpoint applied: at the height, or below it while a chunk is applied in parts.
    #[n(4)]
    pub signed: Option<Signed>,
    /// The chunk that raised the height last.
    #[n(5)]
    pub arrival: Arrival,
    /// First number of the page at the end of the feed.
    #[n(6)]
    pub page_first: SeqNo,
    /// Registrations ever applied to the feed, those voided and those let go of too.
    #[n(7)]
    pub registered: u64,
    /// Its writer's role when the height was raised last.
    #[n(8)]
    pub role: Option<Role>,
    /// The last entry that retention let go of; none while everything is here.
    #[n(9)]
    pub base: Option<SeqNo>,
}

impl HeadRecord {
    pub(super) const fn new(header: FeedHeader) -> Self {
        Self {
            header,
            height: SeqNo(0),
            head: Hash::ZERO,
            stamp: Stamp(0),
            signed: None,
            arrival: Arrival(0),
            page_first: SeqNo(1),
            registered: 0,
            role: None,
            base: None,
        }
    }

    /// The first entry that is here, or would be.
    #[must_use]
    pub fn first(&self) -> SeqNo {
        self.base.unwrap_or_default().next()
    }

    /// The newest checkpoint applied.
    #[must_use]
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        self.signed.map(|Signed { seq, head, signature }| Checkpoint { seq, head, signature })
    }
}

/// Reads where one feed stands; `None` when nothing of it is here.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn head<V: View>(view: &V, feed: &FeedId) -> Result<Option<HeadRecord>, ViewError> {
    row::read(view, Table::Heads, &feed.0)
}

/// Reads where all feeds stand, in the order of their ids: what a node starts from.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn heads<V: View>(view: &V) -> Result<Vec<HeadRecord>, ViewError> {
    let mut heads = Vec::new();
    row::for_each(view, Table::Heads, &[], |_, value| {
        heads.push(row::decode(Table::Heads, &value)?);
        Ok(())
    })?;
    Ok(heads)
}
