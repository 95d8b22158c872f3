//! From what the disk holds to what the core starts from.

use std::collections::BTreeMap;

use swabmesh_protocol::certificate::Certificate;
use swabmesh_protocol::chunk::SealedChunk;
use swabmesh_protocol::fact::{Fact, Role};
use swabmesh_protocol::frontier::Head;
use swabmesh_protocol::id::{Epoch, NodeKey, SeqNo};
use swabmesh_protocol::io::Arrival;
use swabmesh_protocol::policy::Policy;
use swabmesh_protocol::project;
use swabmesh_protocol::replica::Held;
use swabmesh_protocol::time::MS_PER_S;
use swabmesh_protocol::view::{Table, View, ViewError, Write};

use super::indexer::{Applier, ApplyError};
use super::tables::{Tables, arrival};
use super::{Setup, StartError};
use crate::store::Opened;
use crate::store::error::StoreError;
use crate::store::frame::{self, FrameKind};

/// Where a peer's cursor is kept: this, then the peer's key; the value is epoch and arrival, 8 bytes each, big-endian.
const CURSOR: &[u8] = b"cursor";

/// The row that remembers how far a peer's arrival order was seen.
pub(super) fn remember(peer: &NodeKey, epoch: Epoch, through: u64) -> Write {
    let value = [epoch.0.to_be_bytes(), through.to_be_bytes()].concat();
    Write { table: Table::Meta, key: [CURSOR, &peer.0].concat(), value: Some(value) }
}

fn cursors(tables: &Tables) -> Result<BTreeMap<NodeKey, (Epoch, u64)>, ViewError> {
    let number = |bytes: &[u8]| bytes.first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
    let read = |(key, value): (Vec<u8>, Vec<u8>)| {
        let peer = NodeKey(key.get(CURSOR.len()..)?.try_into().ok()?);
        Some((peer, (Epoch(number(&value)?), number(value.get(8..)?)?)))
    };
    Ok(tables.scan_prefix(Table::Meta, CURSOR, usize::from(u16::MAX))?.into_iter().filter_map(read).collect())
}

/// Who wrote what, as far as the disk and the enrolment say.
fn roles(opened: &Opened, tables: &Tables, setup: &Setup) -> Result<BTreeMap<NodeKey, Role>, StartError> {
    let mut roles = BTreeMap::new();
    let mut learn = |bytes: &[u8]| {
        if let Ok(certificate) = Certificate::open(bytes, &setup.root) {
            roles.insert(certificate.node, certificate.role);
        }
    };
    learn(&setup.certificate);
    setup.signed.certificates.iter().for_each(|bytes| learn(bytes));
    for (_, fact) in project::control(tables)? {
        if let Fact::Enrolled(fact) = fact {
            learn(&fact.certificate);
        }
    }
    for frame in opened.store.frames(frame::Arrival::NONE) {
        let frame = frame?;
        match SealedChunk::parse(frame.payload) {
            Err(_) => {}
            Ok(chunk) => {
                for entry in chunk.reopen().into_iter().flat_map(|chunk| chunk.entries) {
                    if let Ok(Fact::Enrolled(fact)) = Fact::from_bytes(&entry.fact) {
                        learn(&fact.certificate);
                    }
                }
            }
        }
    }
    Ok(roles)
}

/// Certificates that were met in a hello and are in no fact yet.
fn kept(opened: &Opened) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut kept = Vec::new();
    for frame in opened.store.frames(frame::Arrival::NONE) {
        let frame = frame?;
        if !is_chunk(&frame.payload) {
            kept.push(frame.payload);
        }
    }
    Ok(kept)
}

/// A chunk is a CBOR array of eight; a certificate begins with a tag.
fn is_chunk(payload: &[u8]) -> bool {
    payload.first() == Some(&0x88)
}

/// Applies what the journal holds and the tables do not, then reads the tables.
pub(super) fn restore(
    opened: &Opened,
    tables: &Tables,
    applier: &mut Applier,
    setup: &Setup,
) -> Result<Held, StartError> {
    let mut signed = setup.signed.clone();
    signed.certificates.extend(kept(opened)?);
    let roles = roles(opened, tables, setup)?;
    let window_ms = Policy::open(&setup.signed.policy, &setup.root).unwrap_or_default().duplicate_window_s * MS_PER_S;
    let mut through = opened.recovery.indexed_through;
    let from = through.next();
    for frame in opened.store.frames(from) {
        let frame = frame?;
        through = frame.arrival;
        if let Ok(chunk) = SealedChunk::parse(frame.payload) {
            let role = roles.get(&chunk.header().writer).copied();
            applier.chunk(arrival(frame.arrival), chunk.into_bytes(), role, window_ms).map_err(
                |error| match error {
                    ApplyError::Store(error) => StartError::Store(error),
                    ApplyError::View(error) => StartError::View(error),
                    ApplyError::Chunk(_) => StartError::Store(StoreError::Closed),
                },
            )?;
        } else {
            applier.hand_over(Vec::new(), arrival(frame.arrival))?;
        }
    }
    applier.settle()?;
    let own = setup.key.verifying_key().to_bytes();
    let records = project::heads(tables)?;
    let registrations =
        records.iter().filter(|record| record.header.writer.0 == own).map(|record| record.registered).sum();
    let head = |record: &project::HeadRecord| {
        let signature = record.signed?.signature;
        let (header, seq, hash, stamp, arrival) =
            (record.header, record.height, record.head, record.stamp, record.arrival);
        Some(Head { header, seq, hash, stamp, signature, arrival })
    };
    Ok(Held {
        heads: records.iter().filter_map(head).collect(),
        control: project::control(tables)?.into_iter().map(|(_, fact)| fact).collect(),
        signed,
        cursors: cursors(tables)?,
        unreceipted: unreceipted(opened, tables)?,
        registrations,
        issued: project::code_totals(tables)?.issued,
        indexed: arrival(through),
    })
}

/// Own chunks above the authority's receipts. They are all in the journal: it lets none go before.
fn unreceipted(
    opened: &Opened,
    tables: &Tables,
) -> Result<Vec<(swabmesh_protocol::id::FeedId, SeqNo, u64, Arrival)>, StartError> {
    let mut unreceipted = Vec::new();
    for frame in opened.store.frames(frame::Arrival::NONE) {
        let frame = frame?;
        if frame.kind != FrameKind::Own {
            continue;
        }
        let Ok(sealed) = SealedChunk::parse(frame.payload) else { continue };
        let feed = sealed.header().id();
        if project::receipt_mark(tables, &feed)?.is_some_and(|mark| mark >= sealed.last()) {
            continue;
        }
        let Ok(chunk) = sealed.reopen() else { continue };
        let facts = chunk.entries.iter().filter_map(|entry| Fact::from_bytes(&entry.fact).ok());
        let registrations = facts.filter(|fact| matches!(fact, Fact::Registered(_))).count() as u64;
        unreceipted.push((feed, sealed.last(), registrations, arrival(frame.arrival)));
    }
    Ok(unreceipted)
}
