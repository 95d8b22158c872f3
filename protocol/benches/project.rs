//! How fast chunks become tables, and tables become chunks again. One iteration handles [`ENTRIES`] entries.

#![expect(clippy::unwrap_used, reason = "a benchmark of a failure measures nothing")]

use divan::Bencher;
use divan::counter::ItemsCount;
use ed25519_dalek::SigningKey;
use swabmesh_protocol::chunk::OpenedChunk;
use swabmesh_protocol::entry::node_key;
use swabmesh_protocol::fact::{Fact, Registered, Role, Route};
use swabmesh_protocol::id::{Epoch, FeedHeader, Hash, Lane, Person, SeqNo};
use swabmesh_protocol::io::Arrival;
use swabmesh_protocol::limits::CHUNK_BYTES_MAX;
use swabmesh_protocol::project::{Placed, Rules, apply, read_range};
use swabmesh_protocol::text::Text;
use swabmesh_protocol::time::{Stamp, Wall};
use swabmesh_protocol::view::{Batch, MemoryTables};

const ENTRIES: usize = 100_000;
const DAY_MS: u64 = 86_400_000;
/// Rows a sled batch should hold; leaves room for the entries that belong together.
const KEYS_MAX: usize = 40;

fn main() {
    divan::main();
}

fn header() -> FeedHeader {
    let writer = node_key(&SigningKey::from_bytes(&[1; 32]));
    FeedHeader { writer, epoch: Epoch(1), lane: Lane(1) }
}

fn registration(number: usize) -> Vec<u8> {
    let mut person = [0; 16];
    // Every twentieth person comes twice.
    let number = (number - number % 20 / 19) as u64;
    person[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    Fact::Registered(Registered {
        tube: format!("TUBE-{:07}", number / 10).parse().unwrap(),
        person: Person(person),
        route: Route::Static,
        document: 1,
        last_four: Text::new("002X").unwrap(),
        name: Text::new("张*丰").unwrap(),
        operator: Text::new("desk 1").unwrap(),
        warnings: 0,
        code: None,
        guardian: None,
        reason: None,
        details: None,
        seen: None,
    })
    .to_bytes()
}

fn chunks(entries_per_chunk: usize) -> Vec<OpenedChunk> {
    let key = SigningKey::from_bytes(&[1; 32]);
    let (mut after, mut stamp) = ((SeqNo(0), Hash::ZERO), Stamp::default());
    let mut chunks = Vec::new();
    for first in (0..ENTRIES).step_by(entries_per_chunk) {
        let facts = (first..first + entries_per_chunk).map(|number| {
            stamp = stamp.next(Wall(1_649_433_600_000 + number as u64 * 97));
            (stamp, registration(number))
        });
        let chunk = OpenedChunk::write(&key, header(), after, facts.collect::<Vec<_>>());
        after = (chunk.checkpoint.seq, chunk.checkpoint.head);
        chunks.push(chunk);
    }
    chunks
}

/// Applies as an index thread does: a commit whenever the batch has `keys_max` keys.
fn fold(chunks: &[OpenedChunk], keys_max: usize) -> MemoryTables {
    let rules = Rules { window_ms: DAY_MS, role_of: &|_| Some(Role::Site), keys_max, prunes: true };
    let mut tables = MemoryTables::default();
    let mut ahead = chunks.iter().zip(1..).peekable();
    while ahead.peek().is_some() {
        let mut batch = Batch::new(&tables);
        while let Some((chunk, arrival)) = ahead.peek() {
            let placed = apply(&mut batch, chunk, Arrival(*arrival), &rules).unwrap().placed;
            if !matches!(placed, Placed::Partly { .. }) {
                ahead.next();
            }
            if batch.len() >= keys_max {
                break;
            }
        }
        let writes = batch.into_writes();
        tables.apply(writes);
    }
    tables
}

#[divan::bench(args = [1, 64, 1_000], sample_count = 5)]
fn registrations_into_tables(bencher: Bencher<'_, '_>, entries_per_chunk: usize) {
    let chunks = chunks(entries_per_chunk);
    bencher.counter(ItemsCount::new(ENTRIES)).bench(|| fold(&chunks, KEYS_MAX));
}

#[divan::bench(args = [16 * 1024, CHUNK_BYTES_MAX], sample_count = 5)]
fn ranges_out_of_tables(bencher: Bencher<'_, '_>, bytes_max: usize) {
    let tables = fold(&chunks(50), KEYS_MAX);
    let feed = header().id();
    bencher.counter(ItemsCount::new(ENTRIES)).bench(|| {
        let mut next = SeqNo(1);
        while let Some(chunk) = read_range(&tables, &feed, next, SeqNo(u64::MAX), bytes_max).unwrap() {
            next = chunk.last().next();
        }
        assert_eq!(next.0, ENTRIES as u64 + 1);
    });
}
