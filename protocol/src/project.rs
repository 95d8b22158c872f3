//! The fold from chunks into tables, and the readers that answer from them.
//!
//! [`apply`] takes verified chunks in the order in which they arrived here and writes rows; the readers of the
//! submodules answer the core's questions and the pages. All rows but [`HeadRecord::arrival`] and the
//! checkpoints kept in pages are a function of the set of entries applied, whatever their order, so the tables
//! can be thrown away and built again from the log.
//!
//! A fact above its writer's role, and one this version cannot read, stays in the pages, is flagged, and is
//! applied to nothing else. Neither is an error.
//!
//! Table `Meta`: `indexed` → the last chunk applied (8 bytes, big-endian); `layout`: see [`Relayout`]. Every table's keys and values are
//! described in its module; all numbers in keys are big-endian, no value exceeds [`crate::limits::PAGE_BYTES_MAX`].

use crate::chunk::OpenedChunk;
use crate::entry::{Checkpoint, Entry};
use crate::fact::{Fact, Reviewed, Role, Subject, in_no_document};
use crate::id::{EntryId, FeedHeader, FeedId, Hash, Lane, NodeKey, SeqNo};
use crate::io::Arrival;
use crate::view::{Batch, Table, View, ViewError};

mod codes;
mod control;
mod counts;
mod diverge;
mod documents;
mod flags;
mod heads;
mod pages;
mod people;
mod prune;
pub mod quarantine;
mod ranges;
mod relayout;
mod rename;
mod retract;
mod row;
mod standing;
mod subjects;

pub use codes::{CodeRecord, CodeTotals, code, code_totals, codes, issued};
pub use control::{control, fork_proofs, receipt_mark, receipted, receipts};
pub use counts::{Counts, HourCount, counts, hours};
pub use diverge::diverge;
pub use documents::{DOCUMENT_FACTS_MAX, document_facts, speakers};
pub use flags::{About, Flag, FlagKind, FlagState, Owner, Party, flags};
pub use heads::{HeadRecord, head, heads};
pub use people::{DUPLICATE_NEIGHBOURS_MAX, prior};
pub use prune::{bases_before, let_go};
pub use ranges::{Entries, entries, entry, read_range};
pub use relayout::{LayoutError, Relayout};
pub use subjects::subjects;

use counts::Tally;
use flags::tubes::{self, Aspect};
use people::Registration;

/// Entries applied between two looks at the size of the batch: what is written at once belongs together.
const SLICE_ENTRIES: usize = 8;

/// Key of the last chunk applied, in table `Meta`.
const INDEXED: &[u8] = b"indexed";

/// What the fold must know besides the chunks.
pub struct Rules<'r> {
    /// Two registrations of a person this close are flagged. Milliseconds; from the policy.
    ///
    /// Tables built with another window differ until they are built again.
    pub window_ms: u64,
    /// Role of a writer; one without a role may state nothing.
    ///
    /// Must answer the same for a writer whenever one of its chunks is applied: when the tables are built
    /// again, certificates are read before everything else.
    pub role_of: &'r dyn Fn(&NodeKey) -> Option<Role>,
    /// Keys in the batch after which a chunk is left half applied; at most eight more entries follow.
    pub keys_max: usize,
    /// Whether what the authority lets go of goes from these tables too: everywhere but at the authority.
    pub prunes: bool,
}

/// Where a chunk fell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// Its entries are applied to the end.
    Applied,
    /// Its entries are applied up to here, the batch is full: commit it and apply the same chunk again.
    Partly {
        /// The last entry applied.
        through: SeqNo,
    },
    /// It held nothing new.
    Contained,
    /// It begins past the end of the feed; nothing changed.
    Gap {
        /// The number that is missing first.
        missing: SeqNo,
    },
    /// It does not continue the feed that is here: two histories. Nothing changed.
    Fork {
        /// Where they differ at the latest.
        seq: SeqNo,
    },
}

/// What came of one call of [`apply`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projected {
    /// Where the chunk fell.
    pub placed: Placed,
    /// Entries applied to nothing because they state what their writer may not.
    pub above_role: Vec<EntryId>,
    /// Entries applied to nothing because this version cannot read them.
    pub unreadable: Vec<EntryId>,
}

/// Applies a chunk to the tables.
///
/// Repeat-safe: entries that are there already change nothing, a chunk that overlaps adds what is new in it. A
/// chunk with many entries is applied in steps of which each leaves the tables whole: when the batch has
/// [`Rules::keys_max`] keys the answer is [`Placed::Partly`], and the same chunk is to be applied again on top
/// of the batch once that is committed. A batch must be committed as one: the rows of an entry and the head
/// that says it was applied are never apart.
///
/// # Errors
/// [`ViewError`]: our disk. The batch is then worth nothing.
pub fn apply<V: View>(
    batch: &mut Batch<'_, V>,
    chunk: &OpenedChunk,
    arrival: Arrival,
    rules: &Rules<'_>,
) -> Result<Projected, ViewError> {
    let mut projected = Projected::nowhere();
    let cut = quarantine::of(batch, &chunk.header)?;
    let (pages, mut record) = match &cut {
        Some(cut) => {
            let home = quarantine::home(batch, cut, chunk)?;
            (home.pages, home.record)
        }
        None => {
            let feed = chunk.header.id();
            (feed, head(batch, &feed)?.unwrap_or_else(|| HeadRecord::new(chunk.header)))
        }
    };
    let height = record.height;
    match place(chunk, height, record.head) {
        Ok(new) => {
            let role = (rules.role_of)(&chunk.header.writer);
            record.role = role;
            let tail = pages::Tail::open(batch, pages, record)?;
            let fold = Fold { header: chunk.header, arrival, rules, role };
            let stands_to = cut.as_ref().map(|cut| cut.from);
            projected.placed = fold.run(batch, tail, (new, &chunk.checkpoint), stands_to, &mut projected)?;
            if cut.is_some() {
                quarantine::grew(batch, &chunk.header.id());
            }
        }
        Err(placed) => projected.placed = placed,
    }
    if !matches!(projected.placed, Placed::Partly { .. }) && !settle(batch, rules)? {
        projected.placed = Placed::Partly { through: height };
    }
    if !matches!(projected.placed, Placed::Partly { .. }) && indexed(batch)? < arrival {
        batch.put(Table::Meta, INDEXED.to_vec(), arrival.0.to_be_bytes().to_vec());
    }
    Ok(projected)
}

/// Brings the tables in line with what was said of other feeds. Returns whether that is done; if not, the batch is full.
fn settle<V: View>(batch: &mut Batch<'_, V>, rules: &Rules<'_>) -> Result<bool, ViewError> {
    Ok(quarantine::settle(batch, rules)? && prune::settle(batch, rules)?)
}

/// Reads the last chunk applied; 0 when none is.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn indexed<V: View>(view: &V) -> Result<Arrival, ViewError> {
    let stored = view.get(Table::Meta, INDEXED)?;
    stored.map_or(Ok(Arrival(0)), |value| {
        row::Rest(&value).number().map(Arrival).ok_or_else(|| row::damaged(Table::Meta))
    })
}

/// The entries of a chunk that follow the height, or why there are none to apply.
fn place(chunk: &OpenedChunk, height: SeqNo, head: Hash) -> Result<&[Entry], Placed> {
    let (first, last) = (chunk.first(), chunk.checkpoint.seq);
    if first > height.next() {
        return Err(Placed::Gap { missing: height.next() });
    }
    if last < height {
        return Err(Placed::Contained);
    }
    let known = usize::try_from(height.0 + 1 - first.0).unwrap_or(usize::MAX);
    let (known, new) = chunk.entries.split_at_checked(known).unwrap_or((&chunk.entries, &[]));
    if known.last().map_or(chunk.previous, |entry| entry.hash) != head {
        return Err(Placed::Fork { seq: if known.is_empty() { first } else { height } });
    }
    if new.is_empty() { Err(Placed::Contained) } else { Ok(new) }
}

/// One chunk on its way into the tables.
struct Fold<'c, 'r> {
    header: FeedHeader,
    arrival: Arrival,
    rules: &'c Rules<'r>,
    role: Option<Role>,
}

impl Projected {
    const fn nowhere() -> Self {
        Self { placed: Placed::Applied, above_role: Vec::new(), unreadable: Vec::new() }
    }
}

impl Fold<'_, '_> {
    fn run<V: View>(
        &self,
        batch: &mut Batch<'_, V>,
        mut tail: pages::Tail,
        (new, checkpoint): (&[Entry], &Checkpoint),
        stands_to: Option<SeqNo>,
        projected: &mut Projected,
    ) -> Result<Placed, ViewError> {
        tail.record.arrival = self.arrival;
        // A fact may speak of an entry of its own slice, whose writer a feed's head names.
        tail.write_head(batch);
        let last = new.last().map_or(tail.record.height, |entry| entry.seq);
        let mut tally = Tally::new(standing::any(batch, tail.feed, tail.record.height.next(), last)?);
        for slice in new.chunks(SLICE_ENTRIES) {
            // A fact may speak of an entry of its own slice, so pages come first.
            for entry in slice {
                tail.push(batch, entry);
            }
            if tail.record.height == checkpoint.seq {
                tail.close(checkpoint);
            }
            tail.write_page(batch);
            for entry in slice.iter().filter(|entry| stands_to.is_none_or(|from| entry.seq < from)) {
                let registered = self.entry(batch, tail.feed, &mut tally, entry, projected)?;
                tail.record.registered += u64::from(registered);
            }
            tail.write_head(batch);
            if batch.len() >= self.rules.keys_max && tail.record.height < checkpoint.seq {
                tally.flush(batch)?;
                return Ok(Placed::Partly { through: tail.record.height });
            }
        }
        tally.flush(batch)?;
        Ok(Placed::Applied)
    }

    /// Applies one entry under the name of a feed; tells whether it is a registration.
    fn entry<V: View>(
        &self,
        batch: &mut Batch<'_, V>,
        feed: FeedId,
        tally: &mut Tally,
        entry: &Entry,
        projected: &mut Projected,
    ) -> Result<bool, ViewError> {
        let id = EntryId { feed, seq: entry.seq };
        let writer = self.header.writer;
        let Ok(fact) = Fact::from_bytes(&entry.fact) else {
            flags::unapplied(batch, FlagKind::Unreadable, (id, entry.stamp, writer));
            projected.unreadable.push(id);
            return Ok(false);
        };
        if !self.role.is_some_and(|role| fact.allowed(role)) {
            flags::unapplied(batch, FlagKind::AboveRole, (id, entry.stamp, writer));
            projected.above_role.push(id);
            return Ok(false);
        }
        documents::write(batch, id, &fact)?;
        control::apply(batch, id, entry, &fact)?;
        if let Fact::Pruned(pruned) = &fact {
            prune::state(batch, pruned, (writer, self.arrival), self.rules.prunes)?;
        }
        self.fact(batch, tally, id, entry, &fact)?;
        Ok(matches!(fact, Fact::Registered(_)))
    }

    fn fact<V: View>(
        &self,
        batch: &mut Batch<'_, V>,
        tally: &mut Tally,
        id: EntryId,
        entry: &Entry,
        fact: &Fact,
    ) -> Result<(), ViewError> {
        let writer = self.header.writer;
        let place = (entry.stamp, id);
        let window_ms = self.rules.window_ms;
        match fact {
            Fact::Registered(fact) => {
                let standing = if tally.judged { standing::standing(batch, id)? } else { people::Standing::Counts };
                let registration = Registration::new(id, writer, entry.stamp, fact, standing);
                let counts = tally.of(batch, writer)?;
                counts.register(fact.route);
                counts.voided += u64::from(standing == people::Standing::Voided);
                tally.hour(writer, entry.stamp);
                flags::duplicates::add(batch, &registration, window_ms)
            }
            Fact::Voided(fact) => {
                tally.judged = true;
                standing::voided(batch, tally, fact.registration, window_ms)
            }
            Fact::Opened(fact) => {
                tally.of(batch, writer)?.opened += 1;
                tubes::touched(batch, Aspect::Opened, &fact.tube, writer, place)
            }
            Fact::Sealed(fact) => {
                tally.of(batch, writer)?.sealed += 1;
                tubes::touched(batch, Aspect::Sealed, &fact.tube, writer, place)
            }
            Fact::Reported(fact) => {
                tally.of(batch, writer)?.read(fact.outcome);
                tubes::read(batch, &fact.tube, writer, place, fact.outcome)
            }
            Fact::Corrected(fact) => {
                tally.of(batch, writer)?.read(fact.outcome);
                tubes::read(batch, &fact.tube, writer, place, fact.outcome)
            }
            Fact::Reviewed(fact) => self.review(batch, tally, id, entry, fact),
            Fact::Issued(fact) if self.header.lane == Lane::PRIVATE => codes::issue(batch, id, entry.stamp, fact),
            Fact::Revoked(fact) if self.header.lane == Lane::PRIVATE => codes::revoke(batch, &fact.code),
            // These change documents or control only; a code in a lane that others read is nobody's code.
            Fact::Amended(_)
            | Fact::Moved(_)
            | Fact::Reopened(_)
            | Fact::Packed(_)
            | Fact::HandedOver(_)
            | Fact::Received(_)
            | in_no_document!() => Ok(()),
        }
    }

    /// A review dismisses the flags on the register it names.
    fn review<V: View>(
        &self,
        batch: &mut Batch<'_, V>,
        tally: &mut Tally,
        id: EntryId,
        entry: &Entry,
        review: &Reviewed,
    ) -> Result<(), ViewError> {
        let Subject::Tube(tube) = &review.subject else { return Ok(()) };
        tally.judged = true;
        let seen = review.seen.as_deref().unwrap_or_default();
        match review.register.as_str() {
            "open" => tubes::reviewed(batch, Aspect::Opened, tube, id, seen),
            "seal" => tubes::reviewed(batch, Aspect::Sealed, tube, id, seen),
            "result" => tubes::reviewed(batch, Aspect::Read, tube, id, seen),
            register => match register.strip_prefix("void/").and_then(|entry| entry.parse().ok()) {
                Some(registration) => {
                    let counts = review.value.is_empty();
                    standing::reviewed(batch, tally, registration, self.rules.window_ms, (entry.stamp, id, counts))
                }
                None => Ok(()),
            },
        }
    }
}
