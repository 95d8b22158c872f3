//! Blocking calls on a store, and payloads that tell their number.

#![expect(dead_code, reason = "each test binary uses its part")]

use std::path::Path;
use std::sync::mpsc::sync_channel;

use swabmesh_node::store::error::StoreError;
use swabmesh_node::store::frame::{Arrival, FrameKind};
use swabmesh_node::store::index::Write;
use swabmesh_node::store::key::Table;
use swabmesh_node::store::options::StoreOptions;
use swabmesh_node::store::{Opened, Store};

pub(crate) const TABLE: Table = Table::new(1);

/// Small segments, so that short tests have several; no floor, so that they run on any disk.
pub(crate) fn options() -> StoreOptions {
    StoreOptions { segment_bytes_max: 64 * 1024, floor_bytes: 0, cache_bytes: 1 << 20, ..StoreOptions::new(77) }
}

pub(crate) fn open(dir: &Path) -> Opened {
    Store::open(dir, &options()).expect("the store opens")
}

/// Persists and waits for the completion.
pub(crate) fn persist(store: &Store, kind: FrameKind, payload: &[u8]) -> Result<Arrival, StoreError> {
    let (told, hear) = sync_channel(1);
    let done = Box::new(move |outcome| told.send(outcome).unwrap());
    store.persist(kind, payload.to_vec(), done).map_err(|refused| refused.why)?;
    hear.recv().unwrap()
}

/// Indexes and waits for the completion.
pub(crate) fn index(store: &Store, writes: Vec<Write>, through: Arrival) -> Result<(), StoreError> {
    let (told, hear) = sync_channel(1);
    let done = Box::new(move |outcome| told.send(outcome).unwrap());
    store.index(writes, through, done).map_err(|refused| refused.why)?;
    hear.recv().unwrap()
}

/// Checkpoints and waits for the completion.
pub(crate) fn checkpoint(store: &Store) -> Result<(), StoreError> {
    let (told, hear) = sync_channel(1);
    store.checkpoint(Box::new(move |outcome| told.send(outcome).unwrap()))?;
    hear.recv().unwrap()
}

/// Frames in the journal from the first on.
pub(crate) fn frames(store: &Store) -> Vec<(u64, Vec<u8>)> {
    let frame = |frame: Result<swabmesh_node::store::frame::Frame, StoreError>| frame.unwrap();
    store.frames(Arrival::NONE).map(frame).map(|frame| (frame.arrival.0, frame.payload)).collect()
}

/// Payload of a number: itself, then 10 to 3,000 bytes made from it.
pub(crate) fn payload(number: u64) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let length = 10 + usize::from(u16::from_le_bytes([step()[0], step()[1]]) % 2_990);
    let mut bytes = number.to_be_bytes().to_vec();
    while bytes.len() < 8 + length {
        bytes.extend(step());
    }
    bytes.truncate(8 + length);
    bytes
}

/// The number of a payload, if it is whole.
pub(crate) fn number(bytes: &[u8]) -> Option<u64> {
    let number = u64::from_be_bytes(bytes.first_chunk().copied()?);
    (payload(number) == bytes).then_some(number)
}

/// What a caller of the store writes to the index for a frame.
pub(crate) fn writes(bytes: &[u8]) -> Vec<Write> {
    vec![Write::put(TABLE, &bytes[..8], bytes)]
}

/// A random number, printed so that a failing run can be told from others.
pub(crate) fn seed(what: &str) -> u64 {
    let fresh = || getrandom::u64().unwrap();
    let seed = std::env::var("STORE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(fresh);
    println!("{what}: STORE_SEED={seed} cargo test -p swabmesh-node");
    seed
}

/// The numbers after a seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}
