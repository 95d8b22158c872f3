//! Any bytes as a chunk, and as the entries of one: what opens was signed, and comes back the same.
#![no_main]

use ed25519_dalek::SigningKey;
use libfuzzer_sys::fuzz_target;
use swabmesh_protocol::chunk::{OpenedChunk, SealedChunk, decode_entries, encode_entries};
use swabmesh_protocol::entry::node_key;
use swabmesh_protocol::id::{Epoch, FeedHeader, Hash, Lane, SeqNo};

/// Entries written again; more only make it slower.
const ENTRIES_MAX: usize = 256;

fuzz_target!(|data: &[u8]| {
    if let Ok(sealed) = SealedChunk::parse(data.to_vec()) {
        assert_eq!(sealed.as_bytes(), data);
        if let Ok(opened) = sealed.open() {
            assert_eq!(opened.seal().open().as_ref(), Ok(&opened));
        }
    }
    let Ok(entries) = decode_entries(data) else { return };
    assert!(entries.len() <= data.len());
    let again = encode_entries(entries.iter().copied());
    assert_eq!(decode_entries(&again).as_deref(), Ok(entries.as_slice()));
    if entries.is_empty() || entries.len() > ENTRIES_MAX {
        return;
    }
    // The same entries, honestly signed: they open.
    let key = SigningKey::from_bytes(&[7; 32]);
    let header = FeedHeader { writer: node_key(&key), epoch: Epoch(1), lane: Lane(1) };
    let facts = entries.iter().map(|(stamp, fact)| (*stamp, fact.to_vec()));
    let written = OpenedChunk::write(&key, header, (SeqNo(0), Hash::ZERO), facts);
    if let Ok(sealed) = SealedChunk::parse(written.seal().into_bytes()) {
        assert_eq!(sealed.open().as_ref(), Ok(&written));
    }
});
