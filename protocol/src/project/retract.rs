//! The way back: takes one entry out of the tables, as if it had never been applied.
//!
//! Needed when the end of a feed turns out to be one of two histories, or written after a withdrawal, and was applied
//! before that was known. Entries go in falling order, so that what is left is always the beginning of a feed.

use super::counts::Tally;
use super::flags::tubes::{self, Aspect};
use super::flags::{self, FlagKind, duplicates};
use super::people::{self, Standing};
use super::{Rules, documents, standing};
use crate::entry::Entry;
use crate::fact::{Fact, Role, in_no_document};
use crate::id::{EntryId, NodeKey};
use crate::view::{Batch, View, ViewError};

/// Takes an entry back. Facts that change what a node accepts stay: each is signed by the root or proves itself.
pub(super) fn retract<V: View>(
    batch: &mut Batch<'_, V>,
    tally: &mut Tally,
    rules: &Rules<'_>,
    (writer, role): (NodeKey, Option<Role>),
    id: EntryId,
    entry: &Entry,
) -> Result<(), ViewError> {
    let Ok(fact) = Fact::from_bytes(&entry.fact) else {
        flags::withdraw(batch, FlagKind::Unreadable, id);
        return Ok(());
    };
    if !role.is_some_and(|role| fact.allowed(role)) {
        flags::withdraw(batch, FlagKind::AboveRole, id);
        return Ok(());
    }
    documents::erase(batch, id, &fact);
    match &fact {
        Fact::Registered(fact) => {
            let Some(gone) = people::registration(batch, &fact.person, entry.stamp, id)? else { return Ok(()) };
            let counts = tally.of(batch, writer)?;
            counts.unregister(fact.route);
            counts.voided -= u64::from(gone.place.standing == Standing::Voided);
            tally.hour_less(writer, entry.stamp);
            duplicates::remove(batch, &gone, rules.window_ms)
        }
        Fact::Voided(fact) => standing::unvoided(batch, tally, fact.registration, rules.window_ms),
        Fact::Opened(fact) => {
            tally.of(batch, writer)?.opened -= 1;
            tubes::retract(batch, Aspect::Opened, &fact.tube, writer)
        }
        Fact::Sealed(fact) => {
            tally.of(batch, writer)?.sealed -= 1;
            tubes::retract(batch, Aspect::Sealed, &fact.tube, writer)
        }
        Fact::Reported(fact) => {
            tally.of(batch, writer)?.unread(fact.outcome);
            tubes::retract(batch, Aspect::Read, &fact.tube, writer)
        }
        Fact::Corrected(fact) => {
            tally.of(batch, writer)?.unread(fact.outcome);
            tubes::retract(batch, Aspect::Read, &fact.tube, writer)
        }
        Fact::Amended(_)
        | Fact::Moved(_)
        | Fact::Reopened(_)
        | Fact::Packed(_)
        | Fact::HandedOver(_)
        | Fact::Received(_)
        | Fact::Reviewed(_)
        | in_no_document!() => Ok(()),
    }
}
