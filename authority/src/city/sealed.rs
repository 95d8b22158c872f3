//! What a desk sealed to the authority, opened: each look on record before it (P4).
//!
//! A telephone may be that of an earlier visit, which a desk can name but not read. It is looked up there.

use swabmesh_node::audit::AuditError;
use swabmesh_node::clock::day;
use swabmesh_node::keys::{Daily, Keys};
use swabmesh_protocol::fact::Fact;
use swabmesh_protocol::id::{EntryId, Person};
use swabmesh_protocol::project::entry;
use swabmesh_protocol::seal::SealError;
use swabmesh_protocol::seal::details::{self, Details};
use swabmesh_protocol::sensitive::Sensitive;
use swabmesh_protocol::telephone::Telephone;
use swabmesh_protocol::time::Wall;
use swabmesh_protocol::view::{View, ViewError};

use super::day::Day;

/// Visits that a telephone is followed through. Our desks name the visit that holds the number: one.
pub const VISITS_MAX: usize = 4;

/// Why nothing was shown.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// Our own tables.
    #[error(transparent)]
    View(#[from] ViewError),
    /// The look could not be recorded: nothing was opened.
    #[error(transparent)]
    Audit(#[from] AuditError),
}

/// Why details stay closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// None were typed: a code was scanned.
    None,
    /// No key that is left opens them: their time is over.
    Destroyed,
    /// They open, and do not have their form.
    Malformed,
}

/// Somebody's telephone, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reached {
    /// None was typed.
    None,
    /// Typed at this registration.
    Here(Sensitive<String>),
    /// Typed at an earlier visit.
    Earlier {
        /// When that was.
        at: Wall,
        /// The number.
        number: Sensitive<String>,
    },
    /// Of an earlier visit, whose details hold none, or stay closed.
    Gone {
        /// When that was.
        at: Wall,
        /// Why they stay closed; `None` when they are open and hold no telephone.
        why: Option<Closed>,
    },
    /// Of a registration that is not here, is somebody else's, or refers on and on.
    Astray,
}

/// A registration whose details were looked at.
#[derive(Debug)]
pub struct Looked {
    /// The details.
    pub details: Result<Details, Closed>,
    /// The telephone among them, followed to where it was typed.
    pub telephone: Reached,
}

struct Found {
    person: Person,
    at: Wall,
    sealed: Option<Vec<u8>>,
}

fn find<V: View>(view: &V, registration: EntryId) -> Result<Option<Found>, ViewError> {
    let Some(entry) = entry(view, registration)? else { return Ok(None) };
    let Ok(Fact::Registered(fact)) = Fact::from_bytes(&entry.fact) else { return Ok(None) };
    let sealed = fact.details.map(|bytes| bytes.to_vec());
    Ok(Some(Found { person: fact.person, at: entry.stamp.wall(), sealed }))
}

/// Opens the details of a registration, and those of the earlier visit that its telephone is of; `None` when there is
/// no such registration.
///
/// `record` is told of each registration, and whose it is, before it is opened.
///
/// # Errors
/// [`LookError`].
pub fn look<V: View>(
    view: &V,
    keys: &Keys,
    registration: EntryId,
    record: impl Fn(EntryId, Person) -> Result<(), AuditError>,
) -> Result<Option<Looked>, LookError> {
    let Some(found) = find(view, registration)? else { return Ok(None) };
    record(registration, found.person)?;
    let details = open(keys, &found);
    let telephone = match details.as_ref().map(|details| &details.telephone) {
        Err(_) | Ok(None) => Reached::None,
        Ok(Some(Telephone::Number(number))) => Reached::Here(number.clone()),
        Ok(Some(Telephone::AsIn(earlier))) => follow(view, keys, found.person, *earlier, record)?,
    };
    Ok(Some(Looked { details, telephone }))
}

fn follow<V: View>(
    view: &V,
    keys: &Keys,
    person: Person,
    mut earlier: EntryId,
    record: impl Fn(EntryId, Person) -> Result<(), AuditError>,
) -> Result<Reached, LookError> {
    for _ in 0..VISITS_MAX {
        // Whoever sealed it may name whatever they like: only what is this person's own is opened.
        let Some(found) = find(view, earlier)?.filter(|found| found.person == person) else {
            return Ok(Reached::Astray);
        };
        record(earlier, person)?;
        let at = found.at;
        match open(keys, &found).map(|details| details.telephone) {
            Ok(Some(Telephone::Number(number))) => return Ok(Reached::Earlier { at, number }),
            Ok(Some(Telephone::AsIn(further))) => earlier = further,
            Ok(None) => return Ok(Reached::Gone { at, why: None }),
            Err(closed) => return Ok(Reached::Gone { at, why: Some(closed) }),
        }
    }
    Ok(Reached::Astray)
}

/// Opens details with the key of their day, or of an earlier day that a site without a network still sealed to.
fn open(keys: &Keys, Found { at, sealed, .. }: &Found) -> Result<Details, Closed> {
    let bytes = sealed.as_ref().ok_or(Closed::None)?;
    let days = keys.days(Daily::Details).unwrap_or_default();
    for day in days.into_iter().rev().filter(|known| *known <= day(*at) + 1) {
        let Ok((secret, _)) = keys.open_details(day) else { continue };
        match details::open(&secret, Day(day).date(), bytes) {
            Ok(details) => return Ok(details),
            Err(SealError::Content) => return Err(Closed::Malformed),
            Err(SealError::NotForThisKey | SealError::TooLong { .. } | SealError::PublicKey) => {}
        }
    }
    Err(Closed::Destroyed)
}
