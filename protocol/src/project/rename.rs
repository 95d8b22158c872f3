//! Entries of a branch speak of earlier entries of the same history by the name of the feed; in the tables that history
//! has a name of its own.

use crate::fact::Fact;
use crate::id::{EntryId, FeedId, SeqNo};

/// The bytes of a fact with every entry of `feed` from `from` on named as one of `branch`.
///
/// Bytes that are no fact, or speak of no such entry, come back as they are.
pub(super) fn above(bytes: &[u8], feed: &FeedId, from: SeqNo, branch: &FeedId) -> Vec<u8> {
    let Ok(mut fact) = Fact::from_bytes(bytes) else { return bytes.to_vec() };
    let mut renamed = false;
    let mut rename = |id: &mut EntryId| {
        if id.feed == *feed && id.seq >= from {
            id.feed = *branch;
            renamed = true;
        }
    };
    if let Fact::Voided(fact) = &mut fact {
        rename(&mut fact.registration);
    } else if let Fact::Amended(fact) = &mut fact {
        rename(&mut fact.registration);
    } else if let Fact::Moved(fact) = &mut fact {
        fact.registrations.iter_mut().for_each(rename);
    }
    if renamed { fact.to_bytes() } else { bytes.to_vec() }
}
