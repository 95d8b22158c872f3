//! The embedded projection, which is the node's own index: the log is folded again into an empty store, chunk by
//! chunk with every signature verified, and the two are compared row by row.

use std::path::Path;
use std::sync::mpsc::sync_channel;

use swabmesh_node::runtime::{Tables, store_write};
use swabmesh_node::store::Store;
use swabmesh_node::store::error::{OpenError, StoreError};
use swabmesh_node::store::frame::Arrival as Frame;
use swabmesh_node::store::options::StoreOptions;
use swabmesh_protocol::chunk::ChunkError;
use swabmesh_protocol::id::{NodeKey, SeqNo};
use swabmesh_protocol::io::Arrival;
use swabmesh_protocol::limits::CHUNK_BYTES_MAX;
use swabmesh_protocol::project::{HeadRecord, Placed, Rules, apply, heads, read_range};
use swabmesh_protocol::view::{Batch, Table, View, ViewError, Write};

use super::{Compared, Proof};
use crate::city::fold::Roles;
use crate::city::row::{TableDigest, Value};

/// Keys of one batch of the fresh fold: as in the node.
const KEYS_MAX: usize = 64;
/// Rows read at a time while a table is walked.
const WALK_ROWS: usize = 1_024;
/// Tables that follow from the set of entries alone. Pages are the log itself; the others tell of this machine.
const COMPARED: [Table; 7] =
    [Table::Heads, Table::Documents, Table::People, Table::Flags, Table::Control, Table::Codes, Table::Counts];

/// Why the index could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Our own tables.
    #[error(transparent)]
    View(#[from] ViewError),
    /// The store for the fresh fold.
    #[error("the directory for the comparison: {0}")]
    Open(#[from] OpenError),
    /// The same, later.
    #[error("the directory for the comparison: {0}")]
    Store(#[from] StoreError),
    /// The log is not what its writer signed.
    #[error("feed {feed} is not what its writer signed, from entry {from} on")]
    Chunk {
        /// Which feed.
        feed: swabmesh_protocol::id::FeedId,
        /// From where.
        from: u64,
        /// What is wrong.
        #[source]
        source: ChunkError,
    },
}

/// Folds the log again in an empty directory and compares; `window_ms` is the policy's for duplicates.
///
/// # Errors
/// [`IndexError`].
pub fn compare<V: View>(view: &V, roles: &Roles, window_ms: u64, empty: &Path) -> Result<Proof, IndexError> {
    let store = Store::open(empty, &StoreOptions::new(1))?.store;
    let fresh = Tables::new(store.clone());
    let heads = heads(view)?;
    let mut entries = 0;
    for head in &heads {
        entries += head.height.0;
        fold(
            view,
            head,
            &fresh,
            &Rules {
                window_ms,
                role_of: &|node: &NodeKey| roles.get(node).copied(),
                keys_max: KEYS_MAX,
                prunes: false,
            },
        )?;
    }
    let mut tables = Vec::new();
    for table in COMPARED {
        tables.push(Compared::new(
            &format!("{table:?}").to_ascii_lowercase(),
            &digest(&fresh, table)?,
            &digest(view, table)?,
        ));
    }
    store.close()?;
    Ok(Proof::new("embedded", entries, tables))
}

fn fold<V: View>(view: &V, head: &HeadRecord, fresh: &Tables, rules: &Rules<'_>) -> Result<(), IndexError> {
    let feed = head.header.id();
    let mut from = SeqNo(1);
    while from <= head.height {
        let Some(sealed) = read_range(view, &feed, from, head.height, CHUNK_BYTES_MAX)? else { break };
        let chunk = sealed.open().map_err(|source| IndexError::Chunk { feed, from: from.0, source })?;
        from = chunk.checkpoint.seq.next();
        loop {
            let mut batch = Batch::new(fresh);
            let projected = apply(&mut batch, &chunk, Arrival(1), rules)?;
            let writes = batch.into_writes();
            take(fresh, writes)?;
            if !matches!(projected.placed, Placed::Partly { .. }) {
                break;
            }
        }
    }
    Ok(())
}

/// What one table holds, without what depends on the order of arrival.
fn digest<V: View>(view: &V, table: Table) -> Result<TableDigest, ViewError> {
    let mut digest = TableDigest::default();
    if table == Table::Heads {
        for head in heads(view)? {
            let (feed, height) = (head.header.id().0.into(), Value::count(head.height.0));
            digest.add(&[feed, height, head.head.0.into(), Value::count(head.stamp.0), Value::count(head.registered)]);
        }
        return Ok(digest);
    }
    let mut from = Vec::new();
    loop {
        let rows = view.scan(table, &from, &[0xff; 33], WALK_ROWS)?;
        let full = rows.len() == WALK_ROWS;
        for (key, value) in rows {
            from.clone_from(&key);
            digest.add(&[Value::Bytes(key), Value::Bytes(value)]);
        }
        if !full {
            return Ok(digest);
        }
        from.push(0);
    }
}

/// Puts writes into the tables and waits until they can be read.
fn take(tables: &Tables, writes: Vec<Write>) -> Result<(), StoreError> {
    let (done, taken) = sync_channel(1);
    let told = Box::new(move |result| {
        let _ = done.send(result);
    });
    let writes = writes.into_iter().map(store_write).collect();
    tables.store().index(writes, Frame::NONE, told).map_err(|refused| refused.why)?;
    taken.recv().map_err(|_| StoreError::Closed)?
}
