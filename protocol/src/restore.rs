//! Restore: what a node knew, put together again from its tables and from the journal behind them.
//!
//! The tables reflect the journal up to [`project::indexed`]; frames after that are read here, in order, as the
//! tables will take them up later. Frames before it are there for one reason: own chunks stay in the journal until
//! the authority signed for them, and say exactly what is still owed.
//!
//! Table `Meta`, besides what [`project`] keeps there; both may be lost, which costs one comparison or one hello:
//!
//! | key | value |
//! |---|---|
//! | `certificate`, node (32 bytes) | a certificate met in a hello, as the root signed it |
//! | `peer`, node (32 bytes) | how far that peer's arrival order was seen: epoch (8, big-endian), arrival (8, big-endian) |

use std::collections::BTreeMap;

use crate::certificate::Certificate;
use crate::chunk::{OpenedChunk, SealedChunk};
use crate::control;
use crate::cuts::Cut;
use crate::entry::{Entry, Strict, node_key};
use crate::fact::{Fact, Pruned, Role};
use crate::frontier::Head;
use crate::id::{Epoch, FeedId, Hash, Lane, NodeKey, SeqNo};
use crate::io::Arrival;
use crate::project;
use crate::replica::{Held, Identity, Signed};
use crate::roster::Roster;
use crate::view::{Table, View, ViewError, Write};

mod own;

use own::OwnFrames;

const CERTIFICATE: &[u8] = b"certificate";
const PEER: &[u8] = b"peer";

/// Peers and certificates read back; beyond, the rest is learnt again. Source: four cities of 15,000 nodes.
const NODES_MAX: usize = 65_536;

/// What a frame of the journal holds; each says by its first bytes what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A chunk ([`crate::io::Output::Persist`]).
    Chunk(SealedChunk),
    /// A certificate ([`crate::io::Output::Keep`]) and the node it is of.
    Certificate(NodeKey, Vec<u8>),
}

/// Why a frame of the journal was passed over. It stays where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Skipped {
    /// Neither a chunk nor a certificate that this version can read.
    #[error("a frame that this version cannot read")]
    Unreadable,
    /// It does not continue what is held: frames before it were lost.
    #[error("entries before this chunk are missing: they are fetched again from peers")]
    Gap,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// For [`crate::replica::Replica::restore`].
    pub held: Held,
    /// Frames passed over; the operator is told.
    pub skipped: Vec<(Arrival, Skipped)>,
}

/// Reads what a frame holds; the root tells its certificates from anything else.
#[must_use]
pub fn frame(bytes: Vec<u8>, identity: &Identity) -> Option<Frame> {
    if let Ok(certificate) = Certificate::open(&bytes, &identity.root) {
        return Some(Frame::Certificate(certificate.node, bytes));
    }
    SealedChunk::parse(bytes).ok().map(Frame::Chunk)
}

/// The row that [`crate::io::Output::Keep`] becomes once its frame is on disk.
#[must_use]
pub fn kept(node: &NodeKey, certificate: Vec<u8>) -> Write {
    Write { table: Table::Meta, key: [CERTIFICATE, &node.0].concat(), value: Some(certificate) }
}

/// The row that [`crate::io::Output::Remember`] becomes.
#[must_use]
pub fn remembered(peer: &NodeKey, epoch: Epoch, through: u64) -> Write {
    let value = [epoch.0.to_be_bytes(), through.to_be_bytes()].concat();
    Write { table: Table::Meta, key: [PEER, &peer.0].concat(), value: Some(value) }
}

/// Reads the certificates kept.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn certificates<V: View>(view: &V) -> Result<Vec<Vec<u8>>, ViewError> {
    Ok(view.scan_prefix(Table::Meta, CERTIFICATE, NODES_MAX)?.into_iter().map(|(_, bytes)| bytes).collect())
}

/// Reads how far peers' arrival orders were seen; rows of another shape are left out.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn cursors<V: View>(view: &V) -> Result<BTreeMap<NodeKey, (Epoch, u64)>, ViewError> {
    let cursor = |(key, value): (Vec<u8>, Vec<u8>)| {
        let node = key.get(PEER.len()..)?.try_into().ok().map(NodeKey)?;
        let (epoch, through) = value.split_first_chunk::<8>()?;
        let through = through.try_into().ok().map(u64::from_be_bytes)?;
        Some((node, (Epoch(u64::from_be_bytes(*epoch)), through)))
    };
    Ok(view.scan_prefix(Table::Meta, PEER, NODES_MAX)?.into_iter().filter_map(cursor).collect())
}

/// Puts together what the store holds: its tables, and the frames its journal gives back, oldest first.
///
/// `frames` are all that the journal still has, indexed or not; each with its arrival number.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn held<V: View>(
    identity: &Identity,
    signed: Signed,
    view: &V,
    frames: impl IntoIterator<Item = (Arrival, Vec<u8>)>,
) -> Result<Found, ViewError> {
    let mut reading = Reading::begin(identity, signed, view)?;
    for (arrival, bytes) in frames {
        match frame(bytes, identity) {
            Some(Frame::Certificate(_, bytes)) => reading.certificate(bytes),
            Some(Frame::Chunk(sealed)) => match sealed.reopen() {
                Ok(chunk) => reading.chunk(view, arrival, &chunk)?,
                Err(_) => reading.found.skipped.push((arrival, Skipped::Unreadable)),
            },
            None => reading.found.skipped.push((arrival, Skipped::Unreadable)),
        }
    }
    let Reading { mut found, feeds, .. } = reading;
    let heads = feeds.into_iter().filter_map(|(id, feed)| Some((id, feed.head?)));
    let (feeds, branches): (Vec<_>, Vec<_>) = heads.partition(|(id, head)| *id == head.header.id());
    found.held.heads = feeds.into_iter().map(|(_, head)| head).collect();
    found.held.branches = branches;
    Ok(found)
}

/// How far one feed has been read.
#[derive(Debug, Default)]
struct Feed {
    head: Option<Head>,
    /// Entries up to here are counted; above the head while the tables hold a part of a chunk.
    counted: SeqNo,
}

struct Reading {
    found: Found,
    own: NodeKey,
    own_frames: OwnFrames,
    roster: Roster,
    /// What the authority signed for, in the tables and in the frames read so far.
    receipts: BTreeMap<FeedId, SeqNo>,
    feeds: BTreeMap<FeedId, Feed>,
}

impl Reading {
    fn begin<V: View>(identity: &Identity, mut signed: Signed, view: &V) -> Result<Self, ViewError> {
        signed.certificates.extend(certificates(view)?);
        let mut roster = Roster::new(identity.root);
        let control: Vec<Fact> = project::control(view)?.into_iter().map(|(_, fact)| fact).collect();
        // A certificate that the root did not sign takes no part.
        let mut enrol = |certificate: &[u8]| drop(roster.enrol(certificate));
        enrol(&identity.certificate);
        signed.certificates.iter().for_each(|certificate| enrol(certificate));
        for fact in &control {
            if let Fact::Enrolled(enrolled) = fact {
                enrol(&enrolled.certificate);
            }
        }
        let mut reading = Self {
            found: Found::default(),
            own: node_key(&identity.key),
            own_frames: OwnFrames::default(),
            roster,
            receipts: project::receipts(view)?,
            feeds: BTreeMap::new(),
        };
        let held = &mut reading.found.held;
        (held.signed, held.control) = (signed, control);
        for cut in project::quarantine::cuts(view)? {
            let project::quarantine::Cut { header, from, stem, forked, main, .. } = cut;
            let branches = project::quarantine::branches(view, &header.id())?.into_iter().map(|(id, _)| id);
            reading.own_frames.written_here.extend(main.map(|main| (header.id(), main)));
            held.cuts.push(Cut { header, from, stem, forked, branches: branches.chain(main).collect() });
        }
        held.cursors = cursors(view)?;
        held.indexed = project::indexed(view)?;
        held.issued = project::code_totals(view)?.issued;
        held.receipts = reading.receipts.clone();
        for (id, record) in project::quarantine::named_heads(view)? {
            if record.header.writer == reading.own {
                held.registrations += record.registered;
            }
            let head = record.checkpoint().map(|checkpoint| Head {
                header: record.header,
                seq: checkpoint.seq,
                hash: checkpoint.head,
                stamp: record.stamp,
                signature: checkpoint.signature,
                arrival: record.arrival,
            });
            reading.feeds.insert(id, Feed { head, counted: record.height });
        }
        Ok(reading)
    }

    fn certificate(&mut self, bytes: Vec<u8>) {
        if self.roster.enrol(&bytes).is_ok_and(|(_, newer)| newer) {
            self.found.held.signed.certificates.push(bytes);
        }
    }

    fn chunk<V: View>(&mut self, view: &V, arrival: Arrival, chunk: &OpenedChunk) -> Result<(), ViewError> {
        let id = chunk.header.id();
        let is_cut = self.found.held.cuts.iter().any(|cut| cut.header.id() == id);
        if arrival <= self.found.held.indexed || is_cut {
            // Above a cut the tables tell where it belongs as soon as they have it; a peer sends it once more meanwhile.
            return self.owed(view, arrival, chunk);
        }
        let head = self.feeds.get(&id).and_then(|feed| feed.head);
        let held = head.map_or((SeqNo(0), Hash::ZERO), |head| (head.seq, head.hash));
        if chunk.header.writer == self.own {
            if !self.own_frames.continues(view, chunk, held)? {
                // Only until the tables know of the cut: the proof of it lies before this frame.
                self.found.skipped.push((arrival, Skipped::Gap));
                return Ok(());
            }
            self.owed(view, arrival, chunk)?;
        }
        if chunk.checkpoint.seq <= held.0 {
            return Ok(());
        }
        if !follows(chunk, held) {
            self.found.skipped.push((arrival, Skipped::Gap));
            return Ok(());
        }
        let feed = self.feeds.entry(id).or_default();
        let stamp = chunk.entries.last().map(|entry| entry.stamp).unwrap_or_default();
        let (seq, hash, signature) = (chunk.checkpoint.seq, chunk.checkpoint.head, chunk.checkpoint.signature);
        feed.head = Some(Head { header: chunk.header, seq, hash, stamp, signature, arrival });
        let counted = std::mem::replace(&mut feed.counted, seq);
        for entry in chunk.entries.iter().filter(|entry| entry.seq > held.0) {
            self.learn(chunk, entry, counted, arrival);
        }
        Ok(())
    }

    /// An own chunk above the authority's receipt.
    fn owed<V: View>(&mut self, view: &V, arrival: Arrival, chunk: &OpenedChunk) -> Result<(), ViewError> {
        if chunk.header.writer != self.own {
            return Ok(());
        }
        let Some(id) = self.own_frames.name_of(view, &self.found.held.cuts, chunk)? else { return Ok(()) };
        let receipted = self.found.held.receipts.get(&id).copied().unwrap_or_default();
        // The private lane never travels, and the authority's own disk is its own receipt.
        if chunk.checkpoint.seq > receipted && self.roster.role(&self.own) != Some(Role::Authority) {
            let registrations = facts(&chunk.entries).filter(|fact| matches!(fact, Fact::Registered(_))).count();
            self.found.held.unreceipted.push((id, chunk.checkpoint.seq, registrations as u64, arrival));
        }
        Ok(())
    }

    /// Frames that follow may begin where the authority let go of what was before: the tables will, too.
    fn begin_after(&mut self, pruned: &Pruned, arrival: Arrival) {
        for base in &pruned.bases {
            let id = base.feed();
            let receipted = self.receipts.get(&id).copied().unwrap_or_default();
            let cut = self.found.held.cuts.iter().any(|cut| cut.header == base.header);
            let feed = self.feeds.entry(id).or_default();
            let less = feed.head.is_none_or(|head| head.seq < base.seq());
            if !cut && base.header.writer != self.own && less && base.holds(receipted, &Strict) {
                feed.head = Some(Head::of(base, arrival));
            }
        }
    }

    /// What an entry that the tables do not reflect says; `counted`: up to here they do.
    fn learn(&mut self, chunk: &OpenedChunk, entry: &Entry, counted: SeqNo, arrival: Arrival) {
        let Ok(fact) = Fact::from_bytes(&entry.fact) else { return };
        let Some(role) = self.roster.role(&chunk.header.writer) else { return };
        if !fact.allowed(role) {
            return;
        }
        if entry.seq > counted && chunk.header.writer == self.own {
            let held = &mut self.found.held;
            held.registrations += u64::from(matches!(fact, Fact::Registered(_)));
            held.issued += u64::from(matches!(fact, Fact::Issued(_)) && chunk.header.lane == Lane::PRIVATE);
        }
        if role == Role::Authority || matches!(fact, Fact::ForkProof(_)) {
            if let Fact::Enrolled(enrolled) = &fact {
                let _ = self.roster.enrol(&enrolled.certificate);
            }
            if let Fact::Receipt(receipt) = &fact {
                control::raise(&mut self.receipts, receipt);
            }
            if let Fact::Pruned(pruned) = &fact {
                self.begin_after(pruned, arrival);
            }
            self.found.held.control.push(fact);
        }
    }
}

fn facts(entries: &[Entry]) -> impl Iterator<Item = Fact> {
    entries.iter().filter_map(|entry| Fact::from_bytes(&entry.fact).ok())
}

/// Whether a chunk that ends above `held` continues the history that is held.
fn follows(chunk: &OpenedChunk, held: (SeqNo, Hash)) -> bool {
    let own = chunk.entries.iter().find(|entry| entry.seq == held.0).map(|entry| entry.hash);
    own.or_else(|| (chunk.first() == held.0.next()).then_some(chunk.previous)) == Some(held.1)
}

#[cfg(test)]
mod tests;
