//! From a fact to its automerge change, the same bytes on every replica.
//!
//! Actor: the feed's id. Sequence: count of the feed's facts in the document. First operation: one above the
//! largest seen. Dependencies: the changes of its own previous fact and of what it had seen. Time: the stamp's
//! wall seconds. No message. One `Put` of a string on the root map per key, replacing what was visible.

use std::num::NonZeroU64;

use automerge::legacy::{Key as MapKey, ObjectId, Op, OpId, OpType};
use automerge::{ActorId, Change, ChangeHash, ExpandedChange, ScalarValue};

use super::history::{OpName, Put, Ready};
use super::key;
use crate::id::FeedId;

fn actor(feed: FeedId) -> ActorId {
    ActorId::from(feed.0)
}

/// Builds the change of one fact; `hashes` are those of the changes derived before, in order.
pub(super) fn change(ready: &Ready<'_>, hashes: &[ChangeHash]) -> Change {
    let said = ready.said;
    let name = |op: &OpName| OpId::new(op.counter, &actor(op.feed));
    let put = |put: &Put| Op {
        action: OpType::Put(ScalarValue::Str(key::value(&said.fact, &put.key).into())),
        obj: ObjectId::Root,
        key: MapKey::Map(put.key.to_string().into()),
        // Sorted on the way in: `Change::from` panics on predecessors out of order.
        pred: put.replaces.iter().map(name).collect(),
        insert: false,
    };
    let expanded = ExpandedChange {
        operations: ready.puts.iter().map(put).collect(),
        actor_id: actor(said.id.feed),
        hash: None,
        seq: u64::from(ready.number),
        start_op: NonZeroU64::new(ready.start_op).unwrap_or(NonZeroU64::MIN),
        time: i64::try_from(said.stamp.wall().seconds()).unwrap_or(0),
        message: None,
        deps: ready.seen.iter().filter_map(|order| hashes.get(*order)).copied().collect(),
        extra_bytes: Vec::new(),
        author: None,
    };
    Change::from(expanded)
}
