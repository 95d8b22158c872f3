//! One person registered twice inside the window.
//!
//! Every two registrations of a person are a pair when their stamps lie within the window and fewer than
//! [`DUPLICATE_NEIGHBOURS_MAX`] of the person's registrations lie between them.

use super::{Content, FlagKind, FlagState, Owner, Party, key, raise};
use crate::id::EntryId;
use crate::project::people::{DUPLICATE_NEIGHBOURS_MAX, Registration, Standing, neighbours};
use crate::project::row::entry_key;
use crate::view::{Batch, Table, View, ViewError};

fn pair_key(one: &Registration, other: &Registration) -> Vec<u8> {
    let (smaller, larger): (EntryId, EntryId) = (one.id.min(other.id), one.id.max(other.id));
    key(FlagKind::Duplicate, &[one.person.0.as_slice(), &entry_key(smaller), &entry_key(larger)].concat())
}

fn content(earlier: &Registration, later: &Registration) -> Content {
    let one_site = earlier.place.writer == later.place.writer;
    let decided = |registration: &Registration| registration.place.standing != Standing::Counts;
    let state = if decided(earlier) || decided(later) {
        FlagState::Settled
    } else if one_site && later.place.warned {
        FlagState::Seen
    } else {
        FlagState::Open
    };
    let owner = if one_site { Owner::Node(later.place.writer) } else { Owner::Authority };
    let party = |of: &Registration| Party { at: of.stamp.wall(), entry: of.id, writer: of.place.writer };
    Content { state, owner, parties: vec![party(earlier), party(later)] }
}

/// Adds a registration that was not there before, and flags it against its neighbours.
///
/// Two registrations it comes between may no longer be near enough to be a pair.
pub(in crate::project) fn add<V: View>(
    batch: &mut Batch<'_, V>,
    new: &Registration,
    window_ms: u64,
) -> Result<(), ViewError> {
    let (before, after) = new.write(batch, window_ms)?;
    pair_up(batch, new, (&before, &after));
    for (place, earlier) in before.iter().enumerate() {
        let parted = DUPLICATE_NEIGHBOURS_MAX.checked_sub(place + 1).and_then(|place| after.get(place));
        if let Some(later) = parted {
            batch.remove(Table::Flags, pair_key(earlier, later));
        }
    }
    Ok(())
}

/// Takes a registration and its flags away.
///
/// Two registrations that it lay between may be near enough to be a pair again.
pub(in crate::project) fn remove<V: View>(
    batch: &mut Batch<'_, V>,
    gone: &Registration,
    window_ms: u64,
) -> Result<(), ViewError> {
    let (before, after) = neighbours(batch, gone, window_ms)?;
    before.iter().for_each(|earlier| batch.remove(Table::Flags, pair_key(earlier, gone)));
    after.iter().for_each(|later| batch.remove(Table::Flags, pair_key(gone, later)));
    gone.erase(batch)?;
    for (place, earlier) in before.iter().enumerate() {
        let joined = DUPLICATE_NEIGHBOURS_MAX.checked_sub(place + 1).and_then(|place| after.get(place));
        let near = |later: &&Registration| later.stamp.wall().0 - earlier.stamp.wall().0 <= window_ms;
        if let Some(later) = joined.filter(near) {
            raise(batch, pair_key(earlier, later), &content(earlier, later));
        }
    }
    Ok(())
}

/// States the flags of a registration anew, after its standing changed.
pub(in crate::project) fn restate<V: View>(
    batch: &mut Batch<'_, V>,
    registration: &Registration,
    window_ms: u64,
) -> Result<(), ViewError> {
    let (before, after) = neighbours(batch, registration, window_ms)?;
    pair_up(batch, registration, (&before, &after));
    Ok(())
}

fn pair_up<V: View>(batch: &mut Batch<'_, V>, of: &Registration, (before, after): (&[Registration], &[Registration])) {
    before.iter().for_each(|earlier| raise(batch, pair_key(earlier, of), &content(earlier, of)));
    after.iter().for_each(|later| raise(batch, pair_key(of, later), &content(of, later)));
}
