//! What is kept and does not count: histories above a fork, and what was written after a withdrawal.
//!
//! A feed is *cut* before an entry. What lies below stands. What lies above is kept as *branches*, each a feed of its own
//! name ([`crate::fork::branch`]), read and sent like any other and shown in no table but the log's own, until the
//! authority decides that it counts; then its entries are applied under the branch's name.
//!
//! Whichever history came first lies in the feed's own pages; the others have pages of their own from the cut on.
//! Nothing else here depends on the order of arrival.
//!
//! Table `Quarantine`; numbers are big-endian, values CBOR arrays:
//!
//! | key | value |
//! |---|---|
//! | 0, feed (16 bytes) | [`Cut`] |
//! | 1, feed, branch (16) | [`Branch`] |
//! | 2, branch | the feed whose pages hold it (16 bytes): of the history that came first |
//! | 3, feed, first hash (32) | nothing: the authority decided that this history counts |
//! | 4, writer (32) | marks of its withdrawal, at most 32 a row; further rows have their number (2) behind the writer |
//! | 5, feed | nothing: the tables have to be brought in line with the cut |
//! | 6, writer, name (8), number (2) | marks of one part of a withdrawal of which not all parts are here |

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use super::counts::Tally;
use super::heads::{HeadRecord, head};
use super::retract::retract;
use super::row::{self, damaged};
use super::{Fold, Rules, rename};
use crate::chunk::OpenedChunk;
use crate::entry::Entry;
use crate::fact::{ForkDecided, ForkProof, Mark, Signed, Withdrawn};
use crate::fork::branch;
use crate::id::{EntryId, FeedHeader, FeedId, Hash, NodeKey, SeqNo};
use crate::limits::WITHDRAWN_MARKS_MAX;
use crate::view::{Batch, Table, View, ViewError};

const CUT: u8 = 0;
const BRANCH: u8 = 1;
const LIES_IN: u8 = 2;
const KEPT: u8 = 3;
const WITHDRAWN: u8 = 4;
const UNSETTLED: u8 = 5;
const PART: u8 = 6;

/// Branches of one feed that are looked at.
const BRANCHES_MAX: usize = 64;

/// Where a feed ends for everybody.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Cut {
    /// Whose feed.
    #[n(0)]
    pub header: FeedHeader,
    /// The first entry that does not stand.
    #[n(1)]
    pub from: SeqNo,
    /// Hash of the entry before it, once known.
    #[n(2)]
    pub stem: Option<Hash>,
    /// Two histories; else its writer was withdrawn.
    #[n(3)]
    pub forked: bool,
    /// The branch in the feed's own pages, once anything of it is here.
    #[n(4)]
    pub main: Option<FeedId>,
    /// Entries up to here are applied under the feed's own name; above the cut only while they are taken back.
    #[n(5)]
    pub shown: SeqNo,
}

/// A history above a cut.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Branch {
    /// Hash of its first own entry.
    #[n(0)]
    pub first: Hash,
    /// Its entries up to here are applied under its name: none before a decision.
    #[n(1)]
    pub shown: SeqNo,
}

fn key(kind: u8, rest: &[&[u8]]) -> Vec<u8> {
    [&[kind], rest.concat().as_slice()].concat()
}

const fn before(from: SeqNo) -> SeqNo {
    SeqNo(from.0.saturating_sub(1))
}

/// Reads where a feed is cut, if it is.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn cut<V: View>(view: &V, feed: &FeedId) -> Result<Option<Cut>, ViewError> {
    row::read(view, Table::Quarantine, &key(CUT, &[&feed.0]))
}

/// Reads all cuts, in the order of feeds.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn cuts<V: View>(view: &V) -> Result<Vec<Cut>, ViewError> {
    let mut cuts = Vec::new();
    row::for_each(view, Table::Quarantine, &[CUT], |_, value| {
        cuts.push(row::decode(Table::Quarantine, &value)?);
        Ok(())
    })?;
    cuts.into_iter().map(|cut| with_main(view, cut)).collect()
}

/// A cut with the branch in the feed's own pages, also while the tables are still brought in line with it.
fn with_main<V: View>(view: &V, mut cut: Cut) -> Result<Cut, ViewError> {
    let feed = cut.header.id();
    if cut.main.is_none()
        && let Some((stem, first)) = at_cut(view, &feed, cut.from)?
    {
        (cut.main, cut.stem) = (Some(branch(&feed, &first)), Some(stem));
    }
    Ok(cut)
}

/// Reads the branches of a feed that are here, in the order of their names.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn branches<V: View>(view: &V, feed: &FeedId) -> Result<Vec<(FeedId, Branch)>, ViewError> {
    let rows = view.scan_prefix(Table::Quarantine, &key(BRANCH, &[&feed.0]), BRANCHES_MAX)?;
    let read = |(key, value): (Vec<u8>, Vec<u8>)| {
        let id = key.get(17..).and_then(|id| id.try_into().ok()).ok_or_else(|| damaged(Table::Quarantine))?;
        Ok((FeedId(id), row::decode(Table::Quarantine, &value)?))
    };
    rows.into_iter().map(read).collect()
}

/// Whether the authority decided that a history counts.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn is_kept<V: View>(view: &V, feed: &FeedId, first: &Hash) -> Result<bool, ViewError> {
    Ok(view.get(Table::Quarantine, &key(KEPT, &[&feed.0, &first.0]))?.is_some())
}

/// Reads where the pages of a feed or a branch lie, and how far they go.
pub(super) fn physical<V: View>(view: &V, id: &FeedId) -> Result<Option<(FeedId, HeadRecord)>, ViewError> {
    if let Some(record) = head(view, id)? {
        return Ok(Some((*id, record)));
    }
    let feed = lies_in(view, id)?;
    if feed == *id {
        return Ok(None);
    }
    Ok(head(view, &feed)?.map(|record| (feed, record)))
}

/// The feed in whose pages the entries of a name lie: itself, but for a branch. Needs no head: pages are written first.
pub(super) fn lies_in<V: View>(view: &V, id: &FeedId) -> Result<FeedId, ViewError> {
    match view.get(Table::Quarantine, &key(LIES_IN, &[&id.0]))? {
        Some(feed) => Ok(FeedId(feed.try_into().map_err(|_| damaged(Table::Quarantine))?)),
        None => Ok(*id),
    }
}

/// The first entry that belongs to a branch; 1 for a feed.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn begins<V: View>(view: &V, id: &FeedId, header: &FeedHeader) -> Result<SeqNo, ViewError> {
    let feed = header.id();
    if feed == *id {
        return Ok(SeqNo(1));
    }
    Ok(cut(view, &feed)?.map_or(SeqNo(1), |cut| cut.from))
}

/// The cut of a chunk's feed, also when its writer was withdrawn before anything of the feed was here.
pub(super) fn of<V: View>(batch: &mut Batch<'_, V>, header: &FeedHeader) -> Result<Option<Cut>, ViewError> {
    let feed = header.id();
    if let Some(cut) = cut(batch, &feed)? {
        return Ok(Some(cut));
    }
    match marks(batch, &header.writer)? {
        Some(marks) => {
            put_cut(batch, *header, stands(&by_feed(&marks), &feed).next(), None, false)?;
            cut(batch, &feed)
        }
        None => Ok(None),
    }
}

fn marks<V: View>(view: &V, writer: &NodeKey) -> Result<Option<Vec<Mark>>, ViewError> {
    let first = key(WITHDRAWN, &[&writer.0]);
    // Hardly any writer is withdrawn, and this is asked of each chunk.
    if view.get(Table::Quarantine, &first)?.is_none() {
        return Ok(None);
    }
    marks_under(view, &first).map(|(_, marks)| Some(marks))
}

/// The marks in rows of one prefix, and how many rows there are.
fn marks_under<V: View>(view: &V, prefix: &[u8]) -> Result<(usize, Vec<Mark>), ViewError> {
    let (mut rows, mut marks) = (0, Vec::new());
    row::for_each(view, Table::Quarantine, prefix, |_, value| {
        rows += 1;
        marks.extend(row::decode::<Vec<Mark>>(Table::Quarantine, &value)?);
        Ok(())
    })?;
    Ok((rows, marks))
}

fn write_marks<V: View>(batch: &mut Batch<'_, V>, writer: &NodeKey, marks: &[Mark]) -> Result<(), ViewError> {
    let row = |number: u16| match number {
        0 => key(WITHDRAWN, &[&writer.0]),
        more => key(WITHDRAWN, &[&writer.0, &more.to_be_bytes()]),
    };
    let (before, _) = marks_under(batch, &row(0))?;
    // A withdrawal without marks is a row too.
    let mut pieces = marks.chunks(WITHDRAWN_MARKS_MAX);
    let pieces: Vec<&[Mark]> = std::iter::once(pieces.next().unwrap_or_default()).chain(pieces).collect();
    for number in (0..).take(before.max(pieces.len())) {
        match pieces.get(usize::from(number)) {
            Some(piece) => batch.put(Table::Quarantine, row(number), row::encode(piece)),
            None => batch.remove(Table::Quarantine, row(number)),
        }
    }
    Ok(())
}

/// The marks of a withdrawal once all its parts are here.
fn whole<V: View>(batch: &mut Batch<'_, V>, fact: &Withdrawn) -> Result<Option<Vec<Mark>>, ViewError> {
    let Some(part) = fact.part else { return Ok(Some(fact.marks.clone())) };
    let row = |number: u16| key(PART, &[&fact.node.0, &part.whole, &number.to_be_bytes()]);
    batch.put(Table::Quarantine, row(part.number), row::encode(&fact.marks));
    let (parts, marks) = marks_under(batch, &key(PART, &[&fact.node.0, &part.whole]))?;
    if parts < usize::from(part.of) {
        return Ok(None);
    }
    (0..part.of).for_each(|number| batch.remove(Table::Quarantine, row(number)));
    Ok(Some(marks))
}

fn by_feed(marks: &[Mark]) -> BTreeMap<FeedId, SeqNo> {
    marks.iter().map(|mark| (mark.feed, mark.seq)).collect()
}

fn stands(marks: &BTreeMap<FeedId, SeqNo>, feed: &FeedId) -> SeqNo {
    marks.get(feed).copied().unwrap_or_default()
}

/// A proof that holds: the feed is cut where its histories part.
pub(super) fn forked<V: View>(batch: &mut Batch<'_, V>, proof: &ForkProof) -> Result<(), ViewError> {
    put_cut(batch, proof.header(), proof.from, Some(proof.stem), true)
}

/// A withdrawal: every feed of the node is cut above its mark. Of several withdrawals what all let stand stands.
///
/// Each part cuts what it names, so that no batch has to hold the cuts of thousands of feeds; the last one the rest.
pub(super) fn withdrawn<V: View>(batch: &mut Batch<'_, V>, fact: &Withdrawn) -> Result<(), ViewError> {
    let held = marks(batch, &fact.node)?.as_deref().map(by_feed);
    let narrow = |mark: &Mark| held.as_ref().map_or(mark.seq, |held| mark.seq.min(stands(held, &mark.feed)));
    for mark in &fact.marks {
        if let Some(record) = head(batch, &mark.feed)?.filter(|record| record.header.writer == fact.node) {
            put_cut(batch, record.header, narrow(mark).next(), None, false)?;
        }
    }
    let Some(mut narrowed) = whole(batch, fact)? else { return Ok(()) };
    narrowed.iter_mut().for_each(|mark| mark.seq = narrow(mark));
    narrowed.retain(|mark| mark.seq.0 > 0);
    narrowed.sort_unstable();
    let marks = by_feed(&narrowed);
    let mut of_node = Vec::new();
    row::for_each(batch, Table::Heads, &[], |key, value| {
        let record: HeadRecord = row::decode(Table::Heads, &value)?;
        if record.header.writer == fact.node && record.header.id().0 == key {
            of_node.push(record.header);
        }
        Ok(())
    })?;
    for header in of_node {
        let (feed, from) = (header.id(), stands(&marks, &header.id()).next());
        if cut(batch, &feed)?.is_none_or(|cut| cut.from > from) {
            put_cut(batch, header, from, None, false)?;
        }
    }
    write_marks(batch, &fact.node, &narrowed)
}

/// The authority decided which histories of a feed count.
pub(super) fn decided<V: View>(batch: &mut Batch<'_, V>, decision: &ForkDecided) {
    let feed = decision.header().id();
    for first in &decision.keep {
        batch.put(Table::Quarantine, key(KEPT, &[&feed.0, &first.0]), Vec::new());
    }
    unsettle(batch, &feed);
}

fn unsettle<V: View>(batch: &mut Batch<'_, V>, feed: &FeedId) {
    batch.put(Table::Quarantine, key(UNSETTLED, &[&feed.0]), Vec::new());
}

fn put_cut<V: View>(
    batch: &mut Batch<'_, V>,
    header: FeedHeader,
    from: SeqNo,
    stem: Option<Hash>,
    forked: bool,
) -> Result<(), ViewError> {
    let feed = header.id();
    let height = head(batch, &feed)?.map_or(SeqNo(0), |record| record.height);
    let cut = match cut(batch, &feed)? {
        None => Cut { header, from, stem, forked, main: None, shown: height },
        // The lowest cut holds; the branches above it are named anew.
        Some(held) if from < held.from => Cut { from, stem, main: None, forked: forked || held.forked, ..held },
        Some(held) => Cut { forked: forked || held.forked, ..held },
    };
    write_cut(batch, &feed, &cut);
    unsettle(batch, &feed);
    Ok(())
}

fn write_cut<V: View>(batch: &mut Batch<'_, V>, feed: &FeedId, cut: &Cut) {
    batch.put(Table::Quarantine, key(CUT, &[&feed.0]), row::encode(cut));
}

fn write_branch<V: View>(batch: &mut Batch<'_, V>, feed: &FeedId, id: &FeedId, branch: &Branch) {
    batch.put(Table::Quarantine, key(BRANCH, &[&feed.0, &id.0]), row::encode(branch));
}

/// Where a chunk of a cut feed belongs.
pub(super) struct Home {
    /// Where its entries are kept.
    pub(super) pages: FeedId,
    /// How far that goes; before its first entry, when nothing is there.
    pub(super) record: HeadRecord,
}

/// Finds the pages that a chunk of a cut feed continues or repeats; those of the feed when none fits.
pub(super) fn home<V: View>(batch: &mut Batch<'_, V>, cut: &Cut, chunk: &OpenedChunk) -> Result<Home, ViewError> {
    let feed = cut.header.id();
    let own = Home { pages: feed, record: head(batch, &feed)?.unwrap_or_else(|| HeadRecord::new(cut.header)) };
    if chunk.checkpoint.seq < cut.from || own.record.height < cut.from {
        return Ok(own);
    }
    if let Some(entry) = chunk.entries.iter().find(|entry| entry.seq == cut.from) {
        let id = branch(&feed, &entry.hash);
        if cut.main == Some(id) {
            return Ok(own);
        }
        let start = HeadRecord { height: before(cut.from), page_first: cut.from, ..HeadRecord::new(cut.header) };
        let previous = chunk.entries.iter().find(|entry| entry.seq == start.height).map(|entry| entry.hash);
        let start = HeadRecord { head: previous.unwrap_or(chunk.previous), ..start };
        if cut.stem.is_some_and(|stem| stem != start.head) {
            return Ok(own);
        }
        let known = head(batch, &id)?;
        if known.is_none() {
            write_branch(batch, &feed, &id, &Branch { first: entry.hash, shown: start.height });
        }
        return Ok(Home { pages: id, record: known.unwrap_or(start) });
    }
    for (id, _) in branches(batch, &feed)? {
        if cut.main != Some(id)
            && let Some(record) = head(batch, &id)?
            && continues(batch, chunk, &id, &record)?
        {
            return Ok(Home { pages: id, record });
        }
    }
    Ok(own)
}

/// Whether a chunk above the cut continues what these pages hold, or is in them.
fn continues<V: View>(view: &V, chunk: &OpenedChunk, id: &FeedId, record: &HeadRecord) -> Result<bool, ViewError> {
    if chunk.checkpoint.seq <= record.height {
        let held = super::entry(view, EntryId { feed: *id, seq: chunk.checkpoint.seq })?;
        return Ok(held.is_some_and(|held| held.hash == chunk.checkpoint.head));
    }
    let link = chunk.entries.iter().find(|entry| entry.seq == record.height).map(|entry| entry.hash);
    Ok(link.or_else(|| (chunk.first() == record.height.next()).then_some(chunk.previous)) == Some(record.head))
}

/// Says that something above a cut is new.
pub(super) fn grew<V: View>(batch: &mut Batch<'_, V>, feed: &FeedId) {
    unsettle(batch, feed);
}

/// Brings the tables in line with the cuts. Returns whether that is done; if not, the batch is full.
pub(super) fn settle<V: View>(batch: &mut Batch<'_, V>, rules: &Rules<'_>) -> Result<bool, ViewError> {
    while let Some((key, _)) = batch.scan_prefix(Table::Quarantine, &[UNSETTLED], 1)?.pop() {
        let feed = key.get(1..).and_then(|id| id.try_into().ok()).map(FeedId);
        let feed = feed.ok_or_else(|| damaged(Table::Quarantine))?;
        if let Some(cut) = cut(batch, &feed)?
            && !settle_feed(batch, rules, &feed, cut)?
        {
            return Ok(false);
        }
        batch.remove(Table::Quarantine, key);
    }
    Ok(true)
}

fn settle_feed<V: View>(
    batch: &mut Batch<'_, V>,
    rules: &Rules<'_>,
    feed: &FeedId,
    mut cut: Cut,
) -> Result<bool, ViewError> {
    let Some(record) = head(batch, feed)? else { return Ok(true) };
    let by = (cut.header.writer, record.role);
    while cut.shown >= cut.from {
        if batch.len() >= rules.keys_max {
            return Ok(false);
        }
        let id = EntryId { feed: *feed, seq: cut.shown };
        let mut tally = Tally::default();
        if let Some(entry) = super::entry(batch, id)? {
            retract(batch, &mut tally, rules, by, id, &entry)?;
        }
        tally.flush(batch)?;
        cut.shown = before(cut.shown);
        write_cut(batch, feed, &cut);
    }
    if cut.main.is_none() && record.height >= cut.from {
        let at = |seq| super::entry(batch, EntryId { feed: *feed, seq });
        if let Some(first) = at(cut.from)? {
            let stem = at(before(cut.from))?.map_or(Hash::ZERO, |entry| entry.hash);
            let id = branch(feed, &first.hash);
            (cut.main, cut.stem) = (Some(id), Some(stem));
            write_cut(batch, feed, &cut);
            batch.put(Table::Quarantine, key(LIES_IN, &[&id.0]), feed.0.to_vec());
            write_branch(batch, feed, &id, &Branch { first: first.hash, shown: before(cut.from) });
        }
    }
    for (id, branch) in branches(batch, feed)? {
        if is_kept(batch, feed, &branch.first)? && !show(batch, rules, &cut, id, branch, record.role)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Applies the entries of a history that counts.
fn show<V: View>(
    batch: &mut Batch<'_, V>,
    rules: &Rules<'_>,
    cut: &Cut,
    id: FeedId,
    mut branch: Branch,
    role: Option<crate::fact::Role>,
) -> Result<bool, ViewError> {
    let feed = cut.header.id();
    let Some((_, record)) = physical(batch, &id)? else { return Ok(true) };
    let fold = Fold { header: cut.header, arrival: record.arrival, rules, role };
    while branch.shown < record.height {
        if batch.len() >= rules.keys_max {
            return Ok(false);
        }
        let seq = branch.shown.next();
        let mut tally = Tally::default();
        if let Some(entry) = super::entry(batch, EntryId { feed: id, seq })? {
            // Its own facts speak of its own entries by the name of the feed.
            let fact = rename::above(&entry.fact, &feed, cut.from, &id);
            fold.entry(batch, id, &mut tally, &Entry { fact, ..entry }, &mut super::Projected::nowhere())?;
        }
        tally.flush(batch)?;
        branch.shown = seq;
        write_branch(batch, &feed, &id, &branch);
    }
    Ok(true)
}

/// Reads the hashes before and after a cut in the feed's own pages; `None` when they do not reach it.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn at_cut<V: View>(view: &V, feed: &FeedId, from: SeqNo) -> Result<Option<(Hash, Hash)>, ViewError> {
    let at = |seq| super::entry(view, EntryId { feed: *feed, seq });
    let stem = if from.0 > 1 { at(before(from))?.map(|entry| entry.hash) } else { Some(Hash::ZERO) };
    Ok(stem.zip(at(from)?.map(|entry| entry.hash)))
}

/// Who writes a feed that is here.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn writer<V: View>(view: &V, feed: &FeedId) -> Result<Option<NodeKey>, ViewError> {
    Ok(physical(view, feed)?.map(|(_, record)| record.header.writer))
}

/// Where every feed and branch stands, under the name it has for everybody: what a node starts from.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn named_heads<V: View>(view: &V) -> Result<Vec<(FeedId, HeadRecord)>, ViewError> {
    let mut named = Vec::new();
    row::for_each(view, Table::Heads, &[], |key, value| {
        let id = FeedId(key.try_into().map_err(|_| damaged(Table::Heads))?);
        named.push((id, row::decode::<HeadRecord>(Table::Heads, &value)?));
        Ok(())
    })?;
    let mut heads = Vec::with_capacity(named.len());
    for (id, record) in named {
        match cut(view, &id)? {
            Some(cut) if record.height >= cut.from => {
                let cut = with_main(view, cut)?;
                if let (Some(stem), true) = (cut.stem, cut.from.0 > 1) {
                    let height = before(cut.from);
                    // Nobody signed the feed up to its cut: what leads beyond it is signed.
                    let signed = Some(Signed { seq: height, head: stem, signature: [0; 64] });
                    // What the feed registered is told once, with the history in its pages.
                    heads.push((id, HeadRecord { height, head: stem, signed, registered: 0, ..record.clone() }));
                }
                heads.extend(cut.main.map(|main| (main, record)));
            }
            Some(_) | None => heads.push((id, record)),
        }
    }
    Ok(heads)
}
