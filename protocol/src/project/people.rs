//! Who was registered when.
//!
//! Table `People`: person (16 bytes), stamp (8, big-endian), feed (16), number (8, big-endian) → the CBOR array
//! tube, operator, code or null, writer, whether the operator had seen a warning or gave a reason, standing.

use minicbor::{Decode, Encode};

use super::row::{self, Rest, damaged, entry_key};
use crate::fact::{Operator, Registered};
use crate::id::{Barcode, CodeId, EntryId, NodeKey, Person};
use crate::io::Prior;
use crate::time::Stamp;
use crate::view::{Batch, Row, Table, View, ViewError, after_prefix};

/// Neighbours of a registration, before it and after it, that it is compared with.
///
/// Bounds the work one person's registrations can cause; with more than this in one window every one of them is
/// flagged all the same, against its nearest. Source: guess; two desks and a partition make three.
pub const DUPLICATE_NEIGHBOURS_MAX: usize = 8;

/// Rows looked at to find the earlier registrations that count.
const PRIOR_ROWS_MAX: usize = 64;

/// Whether a registration counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Encode, Decode)]
#[cbor(index_only)]
pub(super) enum Standing {
    /// It counts; nobody said otherwise.
    #[default]
    #[n(0)]
    Counts,
    /// It does not.
    #[n(1)]
    Voided,
    /// It counts: the authority said so.
    #[n(2)]
    Upheld,
}

/// The value of a row.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(super) struct Place {
    #[n(0)]
    pub(super) tube: Barcode,
    #[n(1)]
    pub(super) operator: Operator,
    #[n(2)]
    pub(super) code: Option<CodeId>,
    #[n(3)]
    pub(super) writer: NodeKey,
    #[n(4)]
    pub(super) warned: bool,
    #[n(5)]
    pub(super) standing: Standing,
}

/// One registration of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Registration {
    pub(super) person: Person,
    pub(super) stamp: Stamp,
    pub(super) id: EntryId,
    pub(super) place: Place,
}

impl Registration {
    pub(super) fn new(id: EntryId, writer: NodeKey, stamp: Stamp, fact: &Registered, standing: Standing) -> Self {
        let place = Place {
            tube: fact.tube.clone(),
            operator: fact.operator.clone(),
            code: fact.code,
            writer,
            warned: fact.warnings != 0 || fact.reason.is_some(),
            standing,
        };
        Self { person: fact.person, stamp, id, place }
    }

    fn key(&self) -> Vec<u8> {
        key(&self.person, self.stamp, self.id)
    }

    fn read((key, value): &Row) -> Result<Self, ViewError> {
        let mut rest = Rest(key);
        match (rest.person(), rest.stamp(), rest.entry()) {
            (Some(person), Some(stamp), Some(id)) => {
                Ok(Self { person, stamp, id, place: row::decode(Table::People, value)? })
            }
            _ => Err(damaged(Table::People)),
        }
    }

    pub(super) fn erase<V: View>(&self, batch: &mut Batch<'_, V>) {
        batch.remove(Table::People, self.key());
    }

    pub(super) fn write<V: View>(&self, batch: &mut Batch<'_, V>) {
        batch.put(Table::People, self.key(), row::encode(&self.place));
    }
}

fn key(person: &Person, stamp: Stamp, id: EntryId) -> Vec<u8> {
    [person.0.as_slice(), &stamp.0.to_be_bytes(), &entry_key(id)].concat()
}

/// The first key of a person at or after a wall time; past all of them when no stamp can say that time.
fn from_wall(person: &Person, wall_ms: u64) -> Vec<u8> {
    match wall_ms.checked_mul(1 << 16) {
        Some(stamp) => [person.0.as_slice(), &stamp.to_be_bytes()].concat(),
        None => after_prefix(&person.0),
    }
}

/// Reads the row of a registration, if it was applied.
pub(super) fn registration<V: View>(
    view: &V,
    person: &Person,
    stamp: Stamp,
    id: EntryId,
) -> Result<Option<Registration>, ViewError> {
    let place = row::read(view, Table::People, &key(person, stamp, id))?;
    Ok(place.map(|place| Registration { person: *person, stamp, id, place }))
}

/// The nearest registrations of the same person inside the window, nearest first: those before, those after.
pub(super) fn neighbours<V: View>(
    view: &V,
    of: &Registration,
    window_ms: u64,
) -> Result<(Vec<Registration>, Vec<Registration>), ViewError> {
    let wall = of.stamp.wall().0;
    let from = from_wall(&of.person, wall.saturating_sub(window_ms));
    let to = from_wall(&of.person, wall.saturating_add(window_ms).saturating_add(1));
    let own = of.key();
    let mut limit = 2 * DUPLICATE_NEIGHBOURS_MAX + 1;
    let rows = view.scan(Table::People, &from, &to, limit)?;
    let (before, after): (Vec<Row>, Vec<Row>) = if rows.len() < limit {
        let (before, after): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|(key, _)| *key < own);
        (before.into_iter().rev().collect(), after)
    } else {
        limit = DUPLICATE_NEIGHBOURS_MAX + 1;
        (backwards(view, &from, own.clone(), DUPLICATE_NEIGHBOURS_MAX)?, view.scan(Table::People, &own, &to, limit)?)
    };
    let after = after.into_iter().filter(|(key, _)| *key != own);
    let nearest = |rows: &mut dyn Iterator<Item = Row>| {
        rows.take(DUPLICATE_NEIGHBOURS_MAX).map(|row| Registration::read(&row)).collect::<Result<Vec<_>, _>>()
    };
    Ok((nearest(&mut before.into_iter())?, nearest(&mut after.into_iter())?))
}

/// At most `limit` rows below `to`, the last first.
fn backwards<V: View>(view: &V, from: &[u8], mut to: Vec<u8>, limit: usize) -> Result<Vec<Row>, ViewError> {
    let mut rows = Vec::new();
    while rows.len() < limit
        && let Some((key, value)) = view.last(Table::People, from, &to)?
    {
        to.clone_from(&key);
        rows.push((key, value));
    }
    Ok(rows)
}

/// Reads a person's registrations from `since` on that were not voided: the newest `limit`, newest last.
///
/// Looks at the newest 64 rows.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn prior<V: View>(view: &V, person: &Person, since: Stamp, limit: usize) -> Result<Vec<Prior>, ViewError> {
    let from = [person.0.as_slice(), &since.0.to_be_bytes()].concat();
    let to = after_prefix(&person.0);
    let mut rows = view.scan(Table::People, &from, &to, PRIOR_ROWS_MAX)?;
    if rows.len() == PRIOR_ROWS_MAX {
        rows = backwards(view, &from, to, PRIOR_ROWS_MAX)?;
        rows.reverse();
    }
    let mut prior = Vec::new();
    for row in rows.iter().rev() {
        let Registration { stamp, id, place, .. } = Registration::read(row)?;
        if place.standing != Standing::Voided && prior.len() < limit {
            let Place { tube, operator, code, writer, .. } = place;
            prior.push(Prior { registration: id, site: writer, stamp, tube, operator, code });
        }
    }
    prior.reverse();
    Ok(prior)
}
