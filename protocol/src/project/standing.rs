//! Whether a registration counts, whatever arrives first: the registration, its voiding, or a review of that.
//!
//! Table `Flags`, 0x80 (1 byte), feed (16), number (8, big-endian) of the registration → [`Record`] as a CBOR
//! array. A review outranks every voiding; of several reviews the newest by stamp, then entry, decides.

use minicbor::{Decode, Encode};

use super::counts::Tally;
use super::flags::duplicates;
use super::people::{self, Registration, Standing};
use super::ranges::fact_bytes;
use super::row::{self, entry_key};
use crate::fact::Fact;
use crate::id::{EntryId, FeedId, SeqNo};
use crate::time::Stamp;
use crate::view::{Batch, Table, View, ViewError};

const REGISTRATION: u8 = 0x80;

/// What was said about a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(array)]
struct Record {
    #[n(0)]
    voided: bool,
    /// The newest review, and whether it says that the registration counts.
    #[n(1)]
    review: Option<(Stamp, EntryId, bool)>,
    /// Statements besides the first that it does not count; none where there are none.
    #[n(2)]
    voided_again: Option<u64>,
}

impl Record {
    const fn void(&mut self) {
        match (self.voided, self.voided_again) {
            (false, _) => self.voided = true,
            (true, None) => self.voided_again = Some(1),
            (true, Some(again)) => self.voided_again = Some(again + 1),
        }
    }

    const fn unvoid(&mut self) {
        match self.voided_again {
            Some(again @ 2..) => self.voided_again = Some(again - 1),
            Some(_) => self.voided_again = None,
            None => self.voided = false,
        }
    }

    const fn standing(&self) -> Standing {
        match (self.review, self.voided) {
            (Some((_, _, true)), _) => Standing::Upheld,
            (Some((_, _, false)), _) | (None, true) => Standing::Voided,
            (None, false) => Standing::Counts,
        }
    }
}

fn key(registration: EntryId) -> Vec<u8> {
    [&[REGISTRATION], entry_key(registration).as_slice()].concat()
}

/// Whether anything was said about an entry of this stretch of a feed: nothing is the rule, and one look tells for all.
pub(super) fn any<V: View>(view: &V, feed: FeedId, first: SeqNo, last: SeqNo) -> Result<bool, ViewError> {
    let (from, to) = (key(EntryId { feed, seq: first }), key(EntryId { feed, seq: last.next() }));
    Ok(!view.scan(Table::Flags, &from, &to, 1)?.is_empty())
}

/// Reads what is known of a registration, also before it arrived.
pub(super) fn standing<V: View>(view: &V, registration: EntryId) -> Result<Standing, ViewError> {
    let record: Option<Record> = row::read(view, Table::Flags, &key(registration))?;
    Ok(record.unwrap_or_default().standing())
}

/// Somebody voided a registration.
pub(super) fn voided<V: View>(
    batch: &mut Batch<'_, V>,
    tally: &mut Tally,
    registration: EntryId,
    window_ms: u64,
) -> Result<(), ViewError> {
    change(batch, tally, registration, window_ms, Record::void)
}

/// A voiding is taken back; the registration counts again unless somebody else voided it too.
pub(super) fn unvoided<V: View>(
    batch: &mut Batch<'_, V>,
    tally: &mut Tally,
    registration: EntryId,
    window_ms: u64,
) -> Result<(), ViewError> {
    change(batch, tally, registration, window_ms, Record::unvoid)
}

/// The authority decided whether a registration counts.
pub(super) fn reviewed<V: View>(
    batch: &mut Batch<'_, V>,
    tally: &mut Tally,
    registration: EntryId,
    window_ms: u64,
    review: (Stamp, EntryId, bool),
) -> Result<(), ViewError> {
    change(batch, tally, registration, window_ms, |record| record.review = record.review.max(Some(review)))
}

fn change<V: View>(
    batch: &mut Batch<'_, V>,
    tally: &mut Tally,
    id: EntryId,
    window_ms: u64,
    change: impl FnOnce(&mut Record),
) -> Result<(), ViewError> {
    let key = key(id);
    let before: Record = row::read(batch, Table::Flags, &key)?.unwrap_or_default();
    let mut record = before;
    change(&mut record);
    if record == before {
        return Ok(());
    }
    if record == Record::default() {
        batch.remove(Table::Flags, key);
    } else {
        batch.put(Table::Flags, key, row::encode(&record));
    }
    let Some(mut registration) = find(batch, id)? else { return Ok(()) };
    let (was, is) = (before.standing(), record.standing());
    if was == is {
        return Ok(());
    }
    registration.place.standing = is;
    registration.write(batch);
    let counts = tally.of(batch, registration.place.writer)?;
    counts.voided += u64::from(is == Standing::Voided);
    counts.voided -= u64::from(was == Standing::Voided);
    duplicates::restate(batch, &registration, window_ms)
}

/// The registration in an entry, if it was applied.
fn find<V: View>(view: &V, id: EntryId) -> Result<Option<Registration>, ViewError> {
    let Some((stamp, bytes)) = fact_bytes(view, id)? else { return Ok(None) };
    match Fact::from_bytes(&bytes) {
        Ok(Fact::Registered(fact)) => people::registration(view, &fact.person, stamp, id),
        Ok(_) | Err(_) => Ok(None),
    }
}
