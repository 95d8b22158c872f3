//! What writers disagree about in a tube, and what a laboratory found in it.
//!
//! Table `Flags` besides the flags, with 0 for opened, 1 for sealed, 2 for read (aspect):
//!
//! | key | value |
//! |---|---|
//! | 0x81, barcode, 0 (1 byte), aspect (1), writer (32) | [`Mark`] as a CBOR array |
//! | 0x82, barcode, 0, aspect, feed (16), number (8, big-endian) of a review | CBOR array of what it had seen |

use minicbor::{Decode, Encode};

use super::{Content, FlagKind, FlagState, Owner, PARTIES_MAX, Party, key, raise};
use crate::fact::{Fact, Outcome, Subject};
use crate::id::{Barcode, EntryId, NodeKey};
use crate::project::documents::document_facts;
use crate::project::row::{self, Rest, damaged, entry_key};
use crate::time::Stamp;
use crate::view::{Batch, Table, View, ViewError};

const MARK: u8 = 0x81;
const REVIEW: u8 = 0x82;

/// Writers and reviews of one aspect of one tube that are looked at. Source: guess; more than three is an attack.
const ROWS_MAX: usize = 64;

/// What of a tube writers may disagree about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::project) enum Aspect {
    /// Who opened it.
    Opened = 0,
    /// Who sealed it.
    Sealed = 1,
    /// What was read.
    Read = 2,
}

/// Place of an entry in the order of stamps.
type Place = (Stamp, EntryId);

/// What one writer said of an aspect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct Mark {
    /// Its first statement; of readings, its last.
    #[n(0)]
    place: Place,
    /// What it read there.
    #[n(1)]
    outcome: Option<Outcome>,
    /// Its first positive reading.
    #[n(2)]
    positive: Option<Place>,
}

fn prefix(table: u8, tube: &Barcode, aspect: Aspect) -> Vec<u8> {
    [&[table], tube.as_str().as_bytes(), &[0, aspect as u8]].concat()
}

fn flag_key(kind: FlagKind, tube: &Barcode) -> Vec<u8> {
    key(kind, &[tube.as_str().as_bytes(), &[0]].concat())
}

/// What a statement makes of a writer's mark: the first opening and sealing, the last reading.
fn joined(held: Option<Mark>, aspect: Aspect, place: Place, outcome: Option<Outcome>) -> Mark {
    let positive = (outcome == Some(Outcome::Positive)).then_some(place);
    let Some(held) = held else { return Mark { place, outcome, positive } };
    if aspect != Aspect::Read {
        return if held.place <= place { held } else { Mark { place, outcome: None, positive: None } };
    }
    let positive = held.positive.into_iter().chain(positive).min();
    if held.place < place { Mark { place, outcome, positive } } else { Mark { positive, ..held } }
}

/// A writer opened or sealed a tube.
pub(in crate::project) fn touched<V: View>(
    batch: &mut Batch<'_, V>,
    aspect: Aspect,
    tube: &Barcode,
    writer: NodeKey,
    place: Place,
) -> Result<(), ViewError> {
    mark(batch, aspect, tube, writer, |held| joined(held, aspect, place, None))
}

/// A laboratory read a tube.
pub(in crate::project) fn read<V: View>(
    batch: &mut Batch<'_, V>,
    tube: &Barcode,
    writer: NodeKey,
    place: Place,
    outcome: Outcome,
) -> Result<(), ViewError> {
    mark(batch, Aspect::Read, tube, writer, |held| joined(held, Aspect::Read, place, Some(outcome)))
}

/// A statement of a writer was taken back: its mark and the flags follow from what is left of the document.
pub(in crate::project) fn retract<V: View>(
    batch: &mut Batch<'_, V>,
    aspect: Aspect,
    tube: &Barcode,
    writer: NodeKey,
) -> Result<(), ViewError> {
    let mut left = None;
    for said in document_facts(batch, &Subject::Tube(tube.clone()))? {
        let outcome = match (aspect, &said.fact) {
            (Aspect::Opened, Fact::Opened(_)) | (Aspect::Sealed, Fact::Sealed(_)) => None,
            (Aspect::Read, Fact::Reported(fact)) => Some(fact.outcome),
            (Aspect::Read, Fact::Corrected(fact)) => Some(fact.outcome),
            _ => continue,
        };
        if said.writer == writer {
            left = Some(joined(left, aspect, (said.stamp, said.id), outcome));
        }
    }
    let mut key = prefix(MARK, tube, aspect);
    key.extend_from_slice(&writer.0);
    match left {
        Some(mark) => batch.put(Table::Flags, key, row::encode(&mark)),
        None => batch.remove(Table::Flags, key),
    }
    let kinds: &[FlagKind] = match aspect {
        Aspect::Opened => &[FlagKind::OpenedTwice],
        Aspect::Sealed => &[FlagKind::SealedTwice],
        Aspect::Read => &[FlagKind::PositiveTube, FlagKind::DifferingResults],
    };
    kinds.iter().for_each(|kind| batch.remove(Table::Flags, flag_key(*kind, tube)));
    restate(batch, tube, aspect)
}

fn mark<V: View>(
    batch: &mut Batch<'_, V>,
    aspect: Aspect,
    tube: &Barcode,
    writer: NodeKey,
    join: impl FnOnce(Option<Mark>) -> Mark,
) -> Result<(), ViewError> {
    let mut key = prefix(MARK, tube, aspect);
    key.extend_from_slice(&writer.0);
    let held: Option<Mark> = row::read(batch, Table::Flags, &key)?;
    let joined = join(held);
    if held == Some(joined) {
        return Ok(());
    }
    batch.put(Table::Flags, key, row::encode(&joined));
    restate(batch, tube, aspect)
}

/// The authority reviewed an aspect of a tube, having seen these entries of other feeds.
pub(in crate::project) fn reviewed<V: View>(
    batch: &mut Batch<'_, V>,
    aspect: Aspect,
    tube: &Barcode,
    id: EntryId,
    seen: &[EntryId],
) -> Result<(), ViewError> {
    let mut key = prefix(REVIEW, tube, aspect);
    key.extend_from_slice(&entry_key(id));
    batch.put(Table::Flags, key, row::encode(&seen.to_vec()));
    restate(batch, tube, aspect)
}

/// One review: where it stands, and what it had seen.
struct Review {
    id: EntryId,
    seen: Vec<EntryId>,
}

impl Review {
    fn saw(&self, entry: EntryId) -> bool {
        let reaches = |seen: &EntryId| seen.feed == entry.feed && seen.seq >= entry.seq;
        (self.id.feed == entry.feed && self.id.seq > entry.seq) || self.seen.iter().any(reaches)
    }
}

fn restate<V: View>(batch: &mut Batch<'_, V>, tube: &Barcode, aspect: Aspect) -> Result<(), ViewError> {
    let marks = marks(batch, tube, aspect)?;
    let settled = || -> Result<bool, ViewError> {
        let saw_all = |review: &Review| marks.iter().all(|(_, mark)| review.saw(mark.place.1));
        Ok(reviews(batch, tube, aspect)?.iter().any(saw_all))
    };
    match aspect {
        Aspect::Opened | Aspect::Sealed if marks.len() < 2 => Ok(()),
        Aspect::Opened | Aspect::Sealed => {
            let kind = if aspect == Aspect::Opened { FlagKind::OpenedTwice } else { FlagKind::SealedTwice };
            let state = if settled()? { FlagState::Settled } else { FlagState::Open };
            put(batch, kind, tube, state, marks.iter().map(|(writer, mark)| (*writer, mark.place)));
            Ok(())
        }
        Aspect::Read => {
            let settled = settled()?;
            results(batch, tube, &marks, settled)
        }
    }
}

fn results<V: View>(
    batch: &mut Batch<'_, V>,
    tube: &Barcode,
    marks: &[(NodeKey, Mark)],
    settled: bool,
) -> Result<(), ViewError> {
    let state = |open: bool| if open && !settled { FlagState::Open } else { FlagState::Settled };
    let found = marks.iter().filter_map(|(writer, mark)| Some((*writer, mark.positive?)));
    if found.clone().next().is_some() {
        let still = marks.iter().any(|(_, mark)| mark.outcome == Some(Outcome::Positive));
        put(batch, FlagKind::PositiveTube, tube, state(still), found);
    }
    let first = marks.first().map(|(_, mark)| mark.outcome);
    if marks.iter().any(|(_, mark)| Some(mark.outcome) != first) {
        let all = marks.iter().map(|(writer, mark)| (*writer, mark.place));
        put(batch, FlagKind::DifferingResults, tube, state(true), all);
    } else {
        let key = flag_key(FlagKind::DifferingResults, tube);
        if batch.get(Table::Flags, &key)?.is_some() {
            batch.remove(Table::Flags, key);
        }
    }
    Ok(())
}

fn put<V: View>(
    batch: &mut Batch<'_, V>,
    kind: FlagKind,
    tube: &Barcode,
    state: FlagState,
    parties: impl Iterator<Item = (NodeKey, Place)>,
) {
    let mut places: Vec<(Place, NodeKey)> = parties.map(|(writer, place)| (place, writer)).collect();
    places.sort_unstable();
    let party = |((stamp, entry), writer): (Place, NodeKey)| Party { at: stamp.wall(), entry, writer };
    let parties = places.into_iter().take(PARTIES_MAX).map(party).collect();
    raise(batch, flag_key(kind, tube), &Content { state, owner: Owner::Authority, parties });
}

fn marks<V: View>(view: &V, tube: &Barcode, aspect: Aspect) -> Result<Vec<(NodeKey, Mark)>, ViewError> {
    let prefix = prefix(MARK, tube, aspect);
    let mut marks = Vec::new();
    for (key, value) in view.scan_prefix(Table::Flags, &prefix, ROWS_MAX)? {
        let writer = key.get(prefix.len()..).and_then(|key| Rest(key).array().map(NodeKey));
        marks.push((writer.ok_or_else(|| damaged(Table::Flags))?, row::decode(Table::Flags, &value)?));
    }
    Ok(marks)
}

fn reviews<V: View>(view: &V, tube: &Barcode, aspect: Aspect) -> Result<Vec<Review>, ViewError> {
    let prefix = prefix(REVIEW, tube, aspect);
    let mut reviews = Vec::new();
    for (key, value) in view.scan_prefix(Table::Flags, &prefix, ROWS_MAX)? {
        let id = key.get(prefix.len()..).and_then(|key| Rest(key).entry()).ok_or_else(|| damaged(Table::Flags))?;
        reviews.push(Review { id, seen: row::decode(Table::Flags, &value)? });
    }
    Ok(reviews)
}
