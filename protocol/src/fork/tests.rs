use ed25519_dalek::SigningKey;

use super::*;
use crate::chunk::OpenedChunk;
use crate::entry::node_key;
use crate::id::{Epoch, Lane};
use crate::time::Stamp;

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

fn side(chunk: &OpenedChunk, from: usize) -> Side<'_> {
    Side { first: chunk.entries[from - 1].hash, checkpoint: chunk.checkpoint, entries: &chunk.entries }
}

fn proof(one: &OpenedChunk, other: &OpenedChunk) -> Option<ForkProof> {
    prove(header(), SeqNo(2), one.entries[0].hash, [side(one, 2), side(other, 2)])
}

#[test]
fn checkpoints_of_different_numbers_prove_a_fork_in_either_order() {
    let (short, long) = (chunk(&["a", "b"]), chunk(&["a", "x", "y", "z"]));
    let proof_ = proof(&short, &long).unwrap();
    assert_eq!(verify(&proof_), Ok(()));
    assert_eq!(proof(&long, &short), Some(proof_.clone()), "whoever finds it");
    assert_eq!(proof_.bridge.as_ref().unwrap().hash, long.entries[1].hash);
    let bytes = Fact::from(proof_.clone()).to_bytes();
    assert_eq!(Fact::from_bytes(&bytes), Ok(proof_.into()));
}

#[test]
fn the_same_fork_has_one_name_whichever_checkpoints_prove_it() {
    let (short, long, longer) = (chunk(&["a", "b"]), chunk(&["a", "x"]), chunk(&["a", "x", "y", "z"]));
    let (near, far) = (proof(&short, &long).unwrap(), proof(&short, &longer).unwrap());
    assert!(near.bridge.is_none() && far.bridge.is_some());
    assert_eq!(name(&near), name(&far));
}

#[test]
fn nobody_is_accused_by_one_history() {
    let (short, long) = (chunk(&["a", "b"]), chunk(&["a", "b", "c"]));
    assert_eq!(proof(&short, &long), None);
    assert_eq!(proof(&short, &short), None);
}

#[test]
fn a_changed_proof_proves_nothing() {
    let (short, long) = (chunk(&["a", "b"]), chunk(&["a", "x", "y", "z"]));
    let good = proof(&short, &long).unwrap();
    let wrong = |change: &dyn Fn(&mut ForkProof)| {
        let mut proof = good.clone();
        change(&mut proof);
        verify(&proof)
    };
    assert_eq!(wrong(&|proof| proof.one.signature[0] ^= 1), Err(ForkError::Signature));
    assert_eq!(wrong(&|proof| proof.writer.0[0] ^= 1), Err(ForkError::Bridge));
    assert_eq!(wrong(&|proof| proof.other.head.0[0] ^= 1), Err(ForkError::Bridge));
    assert_eq!(wrong(&|proof| proof.bridge = None), Err(ForkError::Bridge));
    assert_eq!(wrong(&|proof| proof.one.head = long.entries[1].hash), Err(ForkError::Agrees));
    assert_eq!(wrong(&|proof| proof.from = SeqNo(3)), Err(ForkError::Agrees), "above the earlier checkpoint");
}

#[test]
fn a_bridge_that_unpacks_to_more_than_it_says_is_refused_before_it_does() {
    let (short, long) = (chunk(&["a", "b"]), chunk(&["a", "x", "y", "z"]));
    let mut bomb = proof(&short, &long).unwrap();
    let entries = zstd::bulk::compress(&vec![0; 10_000_000], 1).unwrap();
    bomb.bridge = Some(Bridge { hash: long.entries[1].hash, plain_bytes: u32::MAX, entries: entries.into() });
    assert_eq!(verify(&bomb), Err(ForkError::Bridge));
}
