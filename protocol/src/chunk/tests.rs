#![expect(clippy::cast_possible_truncation, reason = "made-up data")]

use proptest::prelude::*;

use super::*;
use crate::time::Wall;

fn key() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

fn header() -> FeedHeader {
    FeedHeader { writer: entry::node_key(&key()), epoch: Epoch(77), lane: Lane(4) }
}

fn chunk(after: (SeqNo, Hash), facts: usize) -> OpenedChunk {
    let mut stamp = Stamp::default();
    let facts = (0..facts).map(|n| {
        stamp = stamp.next(Wall(1_649_433_600_000 + (n as u64 / 3) * 700));
        (stamp, vec![n as u8; 40 + n % 7])
    });
    OpenedChunk::write(&key(), header(), after, facts.collect::<Vec<_>>())
}

#[test]
fn a_chunk_opens_to_what_was_written_packed_or_not() {
    for facts in [1, 2, 64] {
        let written = chunk((SeqNo(0), Hash::ZERO), facts);
        let sealed = written.seal();
        let parsed = SealedChunk::parse(sealed.as_bytes().to_vec()).unwrap();
        assert_eq!(parsed, sealed);
        assert_eq!(parsed.open().unwrap(), written);
    }
}

#[test]
fn a_chunk_in_the_middle_of_a_feed_stands_alone() {
    let first = chunk((SeqNo(0), Hash::ZERO), 3);
    let second = chunk((first.checkpoint.seq, first.checkpoint.head), 2);
    let opened = SealedChunk::parse(second.seal().into_bytes()).unwrap().open().unwrap();
    assert_eq!((opened.first(), opened.previous), (SeqNo(4), first.checkpoint.head));
}

#[test]
fn stated_sizes_are_refused_before_anything_is_unpacked() {
    let mut e = Encoder::new(Vec::new());
    let write = |e: &mut Encoder<Vec<u8>>| {
        e.array(8)?.u8(1)?.bytes(&[0; 32])?.u64(1)?.u16(0)?.u64(1)?.bytes(&[])?;
        e.array(4)?.u32(u32::MAX)?.u32(u32::MAX)?.u8(1)?.bytes(&[0; 40])?.bytes(&[0; 64])?.ok()
    };
    let written: Result<(), minicbor::encode::Error<Infallible>> = write(&mut e);
    written.unwrap();
    assert!(matches!(SealedChunk::parse(e.into_writer()), Err(ChunkError::Shape { .. })));
    assert!(matches!(SealedChunk::parse(vec![0; CHUNK_BYTES_MAX + 1]), Err(ChunkError::TooLong { .. })));
}

proptest! {
    #[test]
    fn one_changed_byte_never_opens_to_something_else(at in any::<prop::sample::Index>(), flip in 1u8..=255) {
        let written = chunk((SeqNo(0), Hash::ZERO), 20);
        let mut bytes = written.seal().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let opened = SealedChunk::parse(bytes).and_then(|chunk| chunk.open());
        // zstd's frame header has a bit that decoders ignore; nothing else may survive.
        prop_assert!(opened.is_err() || opened == Ok(written));
    }

    #[test]
    fn hostile_bytes_are_an_error_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = SealedChunk::parse(bytes).map(|chunk| chunk.open());
    }

    #[test]
    fn stamps_survive_the_journey(mut walls in prop::collection::vec(0u64..1 << 47, 1..50)) {
        walls.sort_unstable();
        let mut stamp = Stamp::default();
        let stamps: Vec<Stamp> = walls.iter().map(|wall| { stamp = stamp.next(Wall(*wall)); stamp }).collect();
        let bytes = encode_entries(stamps.iter().map(|stamp| (*stamp, &[1u8][..])));
        let back: Vec<Stamp> = decode_entries(&bytes).unwrap().into_iter().map(|(stamp, _)| stamp).collect();
        prop_assert_eq!(back, stamps);
    }
}
