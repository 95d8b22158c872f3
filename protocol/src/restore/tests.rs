//! What is restored is what was held, wherever the tables stopped.

use ed25519_dalek::SigningKey;

use super::*;
use crate::fact::{Opened, Receipt, Registered, Route};
use crate::id::{FeedHeader, Person};
use crate::project::{Placed, Rules};
use crate::text::Text;
use crate::time::Stamp;
use crate::view::{Batch, MemoryTables};

fn key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

fn certificate(n: u8, role: Role) -> Vec<u8> {
    let (node, name) = (node_key(&key(n)), Text::truncated("node"));
    Certificate { node, role, name, lane: Lane(1), serial: 1, from: 0, until: u64::MAX }.sign(&key(1))
}

const AUTHORITY: u8 = 2;
const SITE: u8 = 3;

fn site() -> Identity {
    let (certificate, root) = (certificate(SITE, Role::Site), key(1).verifying_key());
    Identity { key: key(SITE), certificate, root, epoch: Epoch(1), seed: [0; 32], issuers: Vec::new() }
}

fn signed() -> Signed {
    Signed { certificates: vec![certificate(AUTHORITY, Role::Authority)], ..Signed::default() }
}

/// A feed while it is written.
struct Writer(u8, (SeqNo, Hash));

impl Writer {
    fn write(&mut self, facts: Vec<Fact>) -> Vec<u8> {
        let header = FeedHeader { writer: node_key(&key(self.0)), epoch: Epoch(1), lane: Lane(1) };
        let stamp = |n: usize| Stamp(self.1.0.0 * 100 + n as u64);
        let facts: Vec<_> = facts.iter().enumerate().map(|(n, fact)| (stamp(n), fact.to_bytes())).collect();
        let chunk = OpenedChunk::write(&key(self.0), header, self.1, facts);
        self.1 = (chunk.checkpoint.seq, chunk.checkpoint.head);
        chunk.seal().into_bytes()
    }
}

fn opened() -> Fact {
    Opened { tube: "T1".parse().unwrap(), pool: 10, operator: Text::truncated("desk"), seen: None }.into()
}

fn registered(n: u8) -> Fact {
    Registered {
        tube: "T1".parse().unwrap(),
        person: Person([n; 16]),
        route: Route::Document,
        document: 1,
        last_four: Text::truncated("002X"),
        name: Text::truncated("张*"),
        operator: Text::truncated("desk"),
        warnings: 0,
        code: None,
        guardian: None,
        reason: None,
        details: None,
        seen: None,
    }
    .into()
}

/// A site's day: three chunks of its own, and a receipt for the first.
fn journal() -> Vec<(Arrival, Vec<u8>)> {
    let mut own = Writer(SITE, (SeqNo(0), Hash::ZERO));
    let mut authority = Writer(AUTHORITY, (SeqNo(0), Hash::ZERO));
    let feed = FeedHeader { writer: node_key(&key(SITE)), epoch: Epoch(1), lane: Lane(1) }.id();
    let marks = vec![crate::fact::Mark { feed, seq: SeqNo(2) }];
    let frames = [
        certificate(4, Role::Site),
        own.write(vec![opened(), registered(1)]),
        own.write(vec![registered(2), registered(3)]),
        authority.write(vec![Receipt { marks }.into()]),
        // More keys than one batch takes: the tables can stop in the middle of it.
        own.write((10..60).map(registered).collect()),
    ];
    (1..).map(Arrival).zip(frames).collect()
}

/// Applies the first frames to tables, each in batches, and stops after so many batches.
fn tables(identity: &Identity, batches: usize) -> MemoryTables {
    let mut tables = MemoryTables::default();
    let role_of = |writer: &NodeKey| match () {
        () if *writer == node_key(&key(AUTHORITY)) => Some(Role::Authority),
        () => Some(Role::Site),
    };
    let rules = Rules { window_ms: 1_000, role_of: &role_of, keys_max: 64, prunes: true };
    let mut left = batches;
    for (arrival, bytes) in journal() {
        let mut partly = true;
        while partly && left > 0 {
            left -= 1;
            let mut batch = Batch::new(&tables);
            partly = match frame(bytes.clone(), identity) {
                Some(Frame::Chunk(sealed)) => {
                    let projected = project::apply(&mut batch, &sealed.open().unwrap(), arrival, &rules).unwrap();
                    matches!(projected.placed, Placed::Partly { .. })
                }
                Some(Frame::Certificate(node, bytes)) => {
                    let row = kept(&node, bytes);
                    batch.put(row.table, row.key, row.value.unwrap());
                    false
                }
                None => unreachable!(),
            };
            let writes = batch.into_writes();
            tables.apply(writes);
        }
    }
    tables
}

fn restored(batches: usize) -> Held {
    let identity = site();
    let found = held(&identity, signed(), &tables(&identity, batches), journal()).unwrap();
    assert_eq!(found.skipped, []);
    found.held
}

#[test]
fn wherever_the_tables_stopped_the_same_is_held() {
    let whole = restored(usize::MAX);
    assert_eq!(whole.registrations, 53);
    assert_eq!(whole.heads.iter().map(|head| head.seq.0).sum::<u64>(), 55);
    assert!(tables(&site(), 5) != tables(&site(), 6), "the last chunk takes more than one batch");
    for batches in 0..9 {
        let held = restored(batches);
        assert_eq!(held.registrations, whole.registrations, "after {batches} batches");
        assert_eq!(held.heads, whole.heads, "after {batches} batches");
        assert_eq!(held.signed.certificates, whole.signed.certificates, "after {batches} batches");
    }
}

#[test]
fn own_chunks_above_the_receipt_are_owed_each_with_its_arrival() {
    let owed = |held: &Held| held.unreceipted.iter().map(|(_, seq, n, at)| (seq.0, *n, at.0)).collect::<Vec<_>>();
    assert_eq!(owed(&restored(usize::MAX)), [(4, 2, 3), (54, 50, 5)]);
    // The receipt is behind the tables: it is among the facts that the replica applies first.
    let early = restored(2);
    assert_eq!(owed(&early), [(2, 1, 2), (4, 2, 3), (54, 50, 5)]);
    assert!(early.control.iter().any(|fact| matches!(fact, Fact::Receipt(_))));
}

#[test]
fn a_chunk_whose_predecessor_is_lost_is_passed_over() {
    let identity = site();
    let frames = journal().into_iter().filter(|(arrival, _)| arrival.0 != 3);
    let found = held(&identity, signed(), &MemoryTables::default(), frames).unwrap();
    assert_eq!(found.skipped, [(Arrival(5), Skipped::Gap)]);
    assert_eq!(found.held.registrations, 1);
}

#[test]
fn cursors_survive_and_rows_of_another_shape_do_not() {
    let mut tables = MemoryTables::default();
    let (one, other) = (NodeKey([1; 32]), NodeKey([2; 32]));
    let bad = Write { value: Some(vec![1, 2, 3]), ..remembered(&other, Epoch(1), 1) };
    tables.apply(vec![remembered(&one, Epoch(7), 9), bad]);
    assert_eq!(cursors(&tables).unwrap(), [(one, (Epoch(7), 9))].into());
}
