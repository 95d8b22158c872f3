//! Signatures that were checked: a chunk reaches many nodes, and its signature is the same at each.
//!
//! The core asks for every check as ever; only the arithmetic of one that was done before in this process is left out.
//! What is remembered is everything that the result depends on, and only what held.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use swabmesh_protocol::entry::{BadSignature, Checkpoint, Strict, Verifier};
use swabmesh_protocol::id::{FeedHeader, Hash, NodeKey};

/// Checks remembered before the older half is forgotten. Source: guess; chunks reach their last node within seconds.
const REMEMBERED_MAX: usize = 1 << 16;

/// Everything the result of a check depends on.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Check {
    writer: NodeKey,
    epoch: u64,
    lane: u16,
    seq: u64,
    head: Hash,
    signature: [u8; 64],
}

#[derive(Debug, Default)]
struct Held {
    newer: HashSet<Check>,
    older: HashSet<Check>,
}

/// The checks that all nodes of a world did.
#[derive(Debug, Clone, Default)]
pub struct Checked(Arc<Mutex<Held>>);

impl Verifier for Checked {
    fn check(&self, checkpoint: &Checkpoint, header: &FeedHeader) -> Result<(), BadSignature> {
        let check = Check {
            writer: header.writer,
            epoch: header.epoch.0,
            lane: header.lane.0,
            seq: checkpoint.seq.0,
            head: checkpoint.head,
            signature: checkpoint.signature,
        };
        // One thread runs a world; another that panicked left whole sets behind.
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.newer.contains(&check) || held.older.contains(&check) {
            return Ok(());
        }
        Strict.check(checkpoint, header)?;
        if held.newer.len() >= REMEMBERED_MAX {
            held.older = std::mem::take(&mut held.newer);
        }
        held.newer.insert(check);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use swabmesh_protocol::entry::node_key;
    use swabmesh_protocol::id::{Epoch, Lane, SeqNo};

    use super::*;

    #[test]
    fn a_signature_that_held_once_holds_again_and_for_nothing_else() {
        let key = SigningKey::from_bytes(&[3; 32]);
        let header = FeedHeader { writer: node_key(&key), epoch: Epoch(1), lane: Lane(1) };
        let checked = Checked::default();
        let held = Checkpoint::sign(&key, &header.id(), SeqNo(7), Hash([1; 32]));
        assert_eq!((checked.check(&held, &header), checked.check(&held, &header)), (Ok(()), Ok(())));
        let mut signature = held.signature;
        signature[0] ^= 1;
        let others = [
            (Checkpoint { seq: SeqNo(8), ..held }, header),
            (Checkpoint { head: Hash([2; 32]), ..held }, header),
            (Checkpoint { signature, ..held }, header),
            (held, FeedHeader { epoch: Epoch(2), ..header }),
            (held, FeedHeader { lane: Lane(2), ..header }),
            (held, FeedHeader { writer: node_key(&SigningKey::from_bytes(&[4; 32])), ..header }),
        ];
        for (checkpoint, header) in others {
            assert_eq!(checked.check(&checkpoint, &header), Err(BadSignature));
            assert_eq!(checked.check(&checkpoint, &header), Err(BadSignature), "what failed is not remembered");
        }
    }
}
