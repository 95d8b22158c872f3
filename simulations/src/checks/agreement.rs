//! A healed city agrees: equal frontier roots over common lanes, equal heads of every document.

use std::collections::{BTreeMap, BTreeSet};

use swabmesh_protocol::fact::Subject;
use swabmesh_protocol::frontier::{Frontier, Head, Lanes};
use swabmesh_protocol::id::{FeedId, Hash, SeqNo};
use swabmesh_protocol::project;
use swabmesh_protocol::tube::{Document, Health};
use swabmesh_protocol::view::{Table, View, ViewError};

use crate::disk::Disk;

/// Its name in reports.
pub const RULE: &str = "healed-nodes-agree";

const ROWS_MAX: usize = 10_000_000;

/// The frontier of a disk's tables.
///
/// # Errors
/// [`ViewError`]: the tables cannot be read.
pub fn frontier(disk: &Disk) -> Result<Frontier, ViewError> {
    let mut frontier = Frontier::default();
    for record in project::heads(disk.tables())? {
        frontier.set(Head {
            header: record.header,
            seq: record.height,
            hash: record.head,
            stamp: record.stamp,
            signature: [0; 64],
            arrival: record.arrival,
        });
    }
    Ok(frontier)
}

/// The heads of every document in a disk's tables, over the facts of some lanes.
///
/// # Errors
/// [`ViewError`]: the tables cannot be read.
pub fn documents(disk: &Disk, frontier: &Frontier, lanes: &Lanes) -> Result<BTreeMap<Subject, Hash>, ViewError> {
    let held: BTreeMap<FeedId, SeqNo> = frontier
        .heads()
        .filter(|(_, head)| lanes.contains(head.header.lane))
        .map(|(feed, head)| (*feed, head.seq))
        .collect();
    let is_held = |id: swabmesh_protocol::id::EntryId| held.get(&id.feed).is_some_and(|seq| *seq >= id.seq);
    let mut heads = BTreeMap::new();
    for subject in subjects(disk)? {
        let facts = project::document_facts(disk.tables(), &subject)?;
        let facts: Vec<_> = facts.into_iter().filter(|fact| held.contains_key(&fact.id.feed)).collect();
        if facts.is_empty() {
            continue;
        }
        let document = Document::build(subject.clone(), facts, &is_held);
        if document.health() == Health::Whole {
            heads.insert(subject, document.heads_digest());
        }
    }
    Ok(heads)
}

/// The documents a disk's tables know of.
fn subjects(disk: &Disk) -> Result<BTreeSet<Subject>, ViewError> {
    let subject = |key: &[u8]| {
        let (tag, rest) = key.split_first()?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        let barcode = std::str::from_utf8(rest.get(..end)?).ok()?.parse().ok()?;
        Some(if *tag == 0 { Subject::Tube(barcode) } else { Subject::Box(barcode) })
    };
    let rows = disk.tables().scan(Table::Documents, &[], &[0xff], ROWS_MAX)?;
    Ok(rows.iter().filter_map(|(key, _)| subject(key)).collect())
}
