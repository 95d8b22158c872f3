//! Who was registered when: for each person the entries that say so. What they say stands in the pages of the log.

use minicbor::{Decode, Encode};

use super::ranges::fact_bytes;
use super::row::damaged;
use super::{quarantine, standing};
use crate::fact::{Fact, Operator, Registered};
use crate::id::{Barcode, CodeId, EntryId, NodeKey, Person};
use crate::io::Prior;
use crate::time::Stamp;
use crate::view::{Batch, Table, View, ViewError, after_prefix};

pub(super) mod visits;

use visits::{Held, Visit, held};

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

/// What a registration says, and whether it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) tube: Barcode,
    pub(super) operator: Operator,
    pub(super) code: Option<CodeId>,
    pub(super) writer: NodeKey,
    /// Whether the operator had seen a warning or gave a reason.
    pub(super) warned: bool,
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

    fn visit(&self) -> Visit {
        Visit::new(&self.person, self.stamp, self.id)
    }

    /// What an entry registered, if it is here and does.
    fn read<V: View>(view: &V, visit: &Visit) -> Result<Option<Self>, ViewError> {
        let Some((person, stamp, id)) = visit.told() else { return Err(damaged(Table::People)) };
        let Some((_, bytes)) = fact_bytes(view, id)? else { return Ok(None) };
        let Ok(Fact::Registered(fact)) = Fact::from_bytes(&bytes) else { return Err(damaged(Table::People)) };
        let writer = quarantine::writer(view, &id.feed)?.ok_or_else(|| damaged(Table::People))?;
        let standing = standing::standing(view, id)?;
        Ok(Some(Self::new(id, writer, stamp, &fact, standing)).filter(|read| read.person == person))
    }

    pub(super) fn erase<V: View>(&self, batch: &mut Batch<'_, V>) -> Result<(), ViewError> {
        visits::remove(batch, &self.visit())
    }

    /// Adds it to the person's, and tells its [`neighbours`].
    pub(super) fn write<V: View>(
        &self,
        batch: &mut Batch<'_, V>,
        window_ms: u64,
    ) -> Result<(Vec<Self>, Vec<Self>), ViewError> {
        let held = held(batch, &self.person.0)?;
        let near = near(batch, &held, self, window_ms)?;
        held.insert(batch, self.visit());
        Ok(near)
    }
}

/// Before the visits of a person at or after a wall time; past all of them when no stamp can say that time.
fn from_wall(person: &Person, wall_ms: u64) -> Vec<u8> {
    match wall_ms.checked_mul(1 << 16) {
        Some(stamp) => [person.0.as_slice(), &stamp.to_be_bytes()].concat(),
        None => after_prefix(&person.0),
    }
}

/// Reads a registration, if it was applied.
pub(super) fn registration<V: View>(
    view: &V,
    person: &Person,
    stamp: Stamp,
    id: EntryId,
) -> Result<Option<Registration>, ViewError> {
    let visit = Visit::new(person, stamp, id);
    if held(view, &person.0)?.contains(view, &visit)? { Registration::read(view, &visit) } else { Ok(None) }
}

/// The nearest registrations of the same person inside the window, nearest first: those before, those after.
pub(super) fn neighbours<V: View>(
    view: &V,
    of: &Registration,
    window_ms: u64,
) -> Result<(Vec<Registration>, Vec<Registration>), ViewError> {
    near(view, &held(view, &of.person.0)?, of, window_ms)
}

fn near<V: View>(
    view: &V,
    held: &Held,
    of: &Registration,
    window_ms: u64,
) -> Result<(Vec<Registration>, Vec<Registration>), ViewError> {
    let wall = of.stamp.wall().0;
    let from = from_wall(&of.person, wall.saturating_sub(window_ms));
    let to = from_wall(&of.person, wall.saturating_add(window_ms).saturating_add(1));
    let (own, after_own) = (of.visit().0, after_prefix(&of.visit().0));
    let before = held.last(view, (&from, &own), DUPLICATE_NEIGHBOURS_MAX)?;
    let after = held.first(view, (&after_own, &to), DUPLICATE_NEIGHBOURS_MAX)?;
    let read = |visits: Vec<Visit>| {
        visits.iter().filter_map(|visit| Registration::read(view, visit).transpose()).collect::<Result<Vec<_>, _>>()
    };
    Ok((read(before)?, read(after)?))
}

/// Reads a person's registrations from `since` on that were not voided: the newest `limit`, newest last.
///
/// Looks at the newest 64.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn prior<V: View>(view: &V, person: &Person, since: Stamp, limit: usize) -> Result<Vec<Prior>, ViewError> {
    let from = [person.0.as_slice(), &since.0.to_be_bytes()].concat();
    let newest = held(view, &person.0)?.last(view, (&from, &after_prefix(&person.0)), PRIOR_ROWS_MAX)?;
    let mut prior = Vec::new();
    for visit in &newest {
        if prior.len() == limit {
            break;
        }
        let Some(Registration { stamp, id, place, .. }) = Registration::read(view, visit)? else { continue };
        if place.standing != Standing::Voided {
            let Place { tube, operator, code, writer, .. } = place;
            prior.push(Prior { registration: id, site: writer, stamp, tube, operator, code });
        }
    }
    prior.reverse();
    Ok(prior)
}
