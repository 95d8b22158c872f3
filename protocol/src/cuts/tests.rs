use ed25519_dalek::SigningKey;

use super::*;
use crate::entry::{Strict, node_key};
use crate::id::{Epoch, Lane};
use crate::time::Stamp;

const NOTHING: Known<'_> = Known { tip_of: &|_| None, verifier: &Strict };

fn key() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

fn header() -> FeedHeader {
    FeedHeader { writer: node_key(&key()), epoch: Epoch(1), lane: Lane(1) }
}

fn chunk(facts: &[&str]) -> OpenedChunk {
    let facts = facts.iter().map(|fact| (Stamp(1 << 16), fact.as_bytes().to_vec()));
    OpenedChunk::write(&key(), header(), (SeqNo(0), Hash::ZERO), facts)
}

#[test]
fn a_chunk_across_the_cut_moves_the_feed_to_its_end_and_the_history_on() {
    let chunk = chunk(&["a", "b", "c"]);
    let mut cuts = Cuts::default();
    assert!(cuts.learn(header(), SeqNo(2), None, true) && !cuts.learn(header(), SeqNo(3), None, true));
    let placed = place(&chunk.seal(), cuts.get(&header().id()).unwrap(), NOTHING).unwrap();
    assert_eq!(placed.stem, Some((SeqNo(1), chunk.entries[0].hash)));
    assert_eq!(placed.branch, Some(branch(&header().id(), &chunk.entries[1].hash)));
}

#[test]
fn a_history_that_shares_less_than_the_cut_says_is_refused() {
    let (one, other) = (chunk(&["a", "b"]), chunk(&["x", "b"]));
    let mut cuts = Cuts::default();
    cuts.learn(header(), SeqNo(2), Some(one.entries[0].hash), true);
    let cut = cuts.get(&header().id()).unwrap();
    assert_eq!(place(&other.seal(), cut, NOTHING), Err(MergeRefusal::Fork { at: SeqNo(1) }));
}
