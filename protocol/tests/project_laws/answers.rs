//! What the readers say about small histories.

#![expect(clippy::unwrap_used, reason = "what the tests build is what they expect")]

use ed25519_dalek::SigningKey;
use minicbor::bytes::ByteVec;
use swabmesh_protocol::entry::Checkpoint;
use swabmesh_protocol::fact::*;
use swabmesh_protocol::id::{CodeId, EntryId, FeedHeader, Hash, SeqNo};
use swabmesh_protocol::project::{self, FlagKind, FlagState, Owner, flags};
use swabmesh_protocol::time::{Stamp, Wall};

use super::world::*;

fn states(replica: &Replica, kind: FlagKind) -> Vec<FlagState> {
    flags(&replica.tables, Some(kind), 99).unwrap().into_iter().map(|flag| flag.state).collect()
}

fn voided(registration: EntryId) -> Voided {
    Voided { tube: tube(0), registration, reason: text("never sampled"), operator: text("desk 1"), seen: None }
}

fn review(register: &str, value: &str, seen: Vec<EntryId>) -> Reviewed {
    Reviewed {
        subject: Subject::Tube(tube(0)),
        register: text(register),
        value: text(value),
        reason: text("asked both"),
        operator: text("reviewer"),
        seen: Some(seen),
    }
}

fn reported(outcome: Outcome) -> Reported {
    Reported { tube: tube(0), outcome, stage: Stage::Final, operator: text("lab"), seen: None }
}

fn opened() -> Opened {
    Opened { tube: tube(0), pool: 10, operator: text("desk 1"), seen: None }
}

#[test]
fn a_duplicate_of_two_sites_belongs_to_the_authority_and_is_settled_by_a_voiding() {
    let (mut site, mut other) = (Writer::new(SITE), Writer::new(OTHER_SITE));
    let mut replica = Replica::default();
    replica.hear(&site.chunk(MORNING, registered(1, 0)));
    replica.hear(&other.chunk(MORNING + WINDOW_MS, registered(1, 1)));
    replica.hear(&other.chunk(MORNING + 2 * WINDOW_MS + 1, registered(1, 2)));
    let found = flags(&replica.tables, Some(FlagKind::Duplicate), 9).unwrap();
    assert_eq!(found.len(), 1, "the third lies outside the window of both");
    assert_eq!((found[0].state, found[0].owner), (FlagState::Open, Owner::Authority));
    assert_eq!(found[0].parties[0].at, Wall(MORNING));
    replica.hear(&site.chunk(MORNING + 2 * WINDOW_MS, voided(entry_of(SITE, 1))));
    assert_eq!(states(&replica, FlagKind::Duplicate), [FlagState::Settled]);
    let counts = project::counts(&replica.tables).unwrap();
    let of_site = &counts.iter().find(|(writer, _)| *writer == header(SITE).writer).unwrap().1;
    assert_eq!((of_site.registered, of_site.voided, of_site.by_route[0]), (1, 1, 1));
}

#[test]
fn a_site_that_went_on_with_a_reason_has_seen_its_duplicate() {
    let mut site = Writer::new(SITE);
    let mut replica = Replica::default();
    replica.hear(&site.chunk(MORNING, registered(1, 0)));
    replica.hear(&site.chunk(MORNING + 1, Registered { reason: Some(text("swab broke")), ..registered(1, 0) }));
    let found = flags(&replica.tables, Some(FlagKind::Duplicate), 9).unwrap();
    assert_eq!((found[0].state, found[0].owner), (FlagState::Seen, Owner::Node(header(SITE).writer)));
}

#[test]
fn prior_registrations_are_the_newest_that_count_newest_last() {
    let mut site = Writer::new(SITE);
    let mut replica = Replica::default();
    for minute in 0..100 {
        replica.hear(&site.chunk(MORNING + minute * MINUTE, registered(1, 0)));
    }
    replica.hear(&site.chunk(MORNING + 200 * MINUTE, voided(entry_of(SITE, 99))));
    let prior = project::prior(&replica.tables, &person(1), Stamp::default(), 3).unwrap();
    let numbers: Vec<u64> = prior.iter().map(|prior| prior.registration.seq.0).collect();
    assert_eq!(numbers, [97, 98, 100]);
    assert_eq!((prior[2].site, &prior[2].tube), (header(SITE).writer, &tube(0)));
    let since = Stamp::default().next(Wall(MORNING + 99 * MINUTE));
    assert_eq!(project::prior(&replica.tables, &person(1), since, 8).unwrap().len(), 1);
    assert_eq!(project::prior(&replica.tables, &person(2), Stamp::default(), 8).unwrap(), []);
}

#[test]
fn a_review_settles_what_it_had_seen_and_nothing_later() {
    let (mut site, mut other, mut authority) = (Writer::new(SITE), Writer::new(OTHER_SITE), Writer::new(AUTHORITY));
    let mut replica = Replica::default();
    replica.hear(&site.chunk(MORNING, opened()));
    assert_eq!(states(&replica, FlagKind::OpenedTwice), []);
    replica.hear(&other.chunk(MORNING, opened()));
    assert_eq!(states(&replica, FlagKind::OpenedTwice), [FlagState::Open]);
    replica.hear(&authority.chunk(MORNING, review("open", "10", vec![entry_of(SITE, 1)])));
    assert_eq!(states(&replica, FlagKind::OpenedTwice), [FlagState::Open]);
    let both = vec![entry_of(SITE, 1), entry_of(OTHER_SITE, 1)];
    replica.hear(&authority.chunk(MORNING, review("open", "10", both)));
    assert_eq!(states(&replica, FlagKind::OpenedTwice), [FlagState::Settled]);
}

#[test]
fn a_registration_the_authority_upholds_counts_although_it_was_voided() {
    let (mut site, mut authority) = (Writer::new(SITE), Writer::new(AUTHORITY));
    let mut replica = Replica::default();
    let registration = entry_of(SITE, 1);
    replica.hear(&authority.chunk(MORNING, review(&format!("void/{registration}"), "", Vec::new())));
    replica.hear(&site.chunk(MORNING, registered(1, 0)));
    replica.hear(&site.chunk(MORNING, voided(registration)));
    assert_eq!(project::prior(&replica.tables, &person(1), Stamp::default(), 8).unwrap().len(), 1);
    assert_eq!(project::counts(&replica.tables).unwrap()[0].1.voided, 0);
}

#[test]
fn a_positive_tube_stays_flagged_until_every_laboratory_reads_otherwise() {
    let (mut lab, mut other) = (Writer::new(LAB), Writer::new(OTHER_LAB));
    let mut replica = Replica::default();
    replica.hear(&lab.chunk(MORNING, reported(Outcome::Positive)));
    assert_eq!(states(&replica, FlagKind::PositiveTube), [FlagState::Open]);
    assert_eq!(states(&replica, FlagKind::DifferingResults), []);
    replica.hear(&other.chunk(MORNING, reported(Outcome::Negative)));
    assert_eq!(states(&replica, FlagKind::DifferingResults), [FlagState::Open]);
    let (outcome, reason, operator) = (Outcome::Negative, text("mixed up"), text("lab"));
    replica.hear(&lab.chunk(MORNING, Corrected { tube: tube(0), outcome, reason, operator, seen: None }));
    assert_eq!(states(&replica, FlagKind::PositiveTube), [FlagState::Settled]);
    assert_eq!(states(&replica, FlagKind::DifferingResults), []);
}

#[test]
fn a_document_holds_its_facts_with_their_writers() {
    let (mut site, mut other) = (Writer::new(SITE), Writer::new(OTHER_SITE));
    let mut replica = Replica::default();
    replica.hear(&site.chunk(MORNING, opened()));
    replica.hear(&other.chunk(MORNING, registered(1, 0)));
    replica.hear(&other.chunk(MORNING, registered(1, 1)));
    let mut facts = project::document_facts(&replica.tables, &Subject::Tube(tube(0))).unwrap();
    facts.sort_by_key(|fact| fact.fact.kind());
    assert_eq!(facts.len(), 2);
    assert_eq!(
        (facts[0].id, facts[0].writer, &facts[0].fact),
        (entry_of(SITE, 1), header(SITE).writer, &opened().into())
    );
    assert_eq!(project::document_facts(&replica.tables, &Subject::Box(tube(0))).unwrap(), []);
}

#[test]
fn one_writer_cannot_push_another_out_of_a_document() {
    let mut replica = Replica::default();
    for of in [SITE, OTHER_SITE] {
        let mut writer = Writer::new(of);
        let said = if feed(of) == feed(SITE).min(feed(OTHER_SITE)) { project::DOCUMENT_FACTS_MAX + 1 } else { 1 };
        for _ in 0..said {
            writer.say(MORNING, opened());
        }
        writer.close();
        replica.hear(&writer.chunks[0]);
    }
    let facts = project::document_facts(&replica.tables, &Subject::Tube(tube(0))).unwrap();
    assert!(facts.iter().any(|fact| fact.id.feed == feed(SITE)));
    assert!(facts.iter().any(|fact| fact.id.feed == feed(OTHER_SITE)));
    assert!(facts.len() <= project::DOCUMENT_FACTS_MAX);
}

#[test]
fn control_keeps_the_newest_list_and_every_certificate() {
    let mut authority = Writer::new(AUTHORITY);
    let status = |revoked| Status { list: 7, bits: 9, issued_at_s: 1, set: revoked };
    let facts: [Fact; 9] = [
        Enrolled { certificate: ByteVec::from(vec![1]) }.into(),
        Trust { list: ByteVec::from(vec![1]) }.into(),
        status(vec![3]).into(),
        status(vec![]).into(),
        Trust { list: ByteVec::from(vec![2]) }.into(),
        status(vec![]).into(),
        Enrolled { certificate: ByteVec::from(vec![2]) }.into(),
        Receipt { marks: vec![Mark { feed: feed(SITE), seq: SeqNo(9) }] }.into(),
        Receipt { marks: vec![Mark { feed: feed(SITE), seq: SeqNo(4) }] }.into(),
    ];
    for fact in facts {
        authority.say(MORNING, fact);
    }
    authority.close();
    let mut replica = Replica::default();
    replica.hear(&authority.chunks[0]);
    let kept: Vec<u64> = project::control(&replica.tables).unwrap().into_iter().map(|(id, _)| id.seq.0).collect();
    assert_eq!(kept, [1, 3, 5, 6, 7]);
    assert_eq!(project::receipt_mark(&replica.tables, &feed(SITE)).unwrap(), Some(SeqNo(9)));
    assert_eq!(project::receipt_mark(&replica.tables, &feed(LAB)).unwrap(), None);
}

#[test]
fn only_a_fork_proof_that_holds_is_kept() {
    let proof = |key: &SigningKey| {
        let signed = |head| {
            let Checkpoint { seq, head, signature } = Checkpoint::sign(key, &feed(SITE), SeqNo(3), head);
            Signed { seq, head, signature }
        };
        let (one, other) = (signed(Hash([1; 32])), signed(Hash([2; 32])));
        let FeedHeader { writer, epoch, lane } = header(SITE);
        let (from, firsts) = (SeqNo(1), [Hash([1; 32]), Hash([2; 32])]);
        ForkProof { writer, epoch, lane, one, other, from, stem: Hash::ZERO, firsts, bridge: None }
    };
    let mut lab = Writer::new(LAB);
    let mut replica = Replica::default();
    replica.hear(&lab.chunk(MORNING, proof(&signing_key(LAB))));
    assert_eq!(project::control(&replica.tables).unwrap(), []);
    replica.hear(&lab.chunk(MORNING, proof(&signing_key(SITE))));
    assert_eq!(project::control(&replica.tables).unwrap()[0].0, entry_of(LAB, 2));
}

#[test]
fn the_registry_gives_the_newest_code_of_each_kind() {
    let mut registry = Writer::new(REGISTRY);
    let mut replica = Replica::default();
    let issued = |kind, code| Issued {
        person: person(1),
        kind,
        code: CodeId([code; 8]),
        list: 1,
        index: u32::from(code),
        issued_at: Wall(MORNING),
        expires_at: Wall(MORNING + WINDOW_MS),
        guardian: None,
    };
    replica.hear(&registry.chunk(MORNING, issued(0, 1)));
    replica.hear(&registry.chunk(MORNING, issued(0, 2)));
    replica.hear(&registry.chunk(MORNING, issued(2, 3)));
    let revoked = Revoked { code: CodeId([1; 8]), person: person(1), reason: text("replaced") };
    replica.hear(&registry.chunk(MORNING, revoked));
    assert_eq!(project::issued(&replica.tables, &person(1)).unwrap(), [issued(0, 2), issued(2, 3)]);
    let code = project::code(&replica.tables, &CodeId([1; 8])).unwrap().unwrap();
    assert_eq!((code.issued, code.revoked), (Some(issued(0, 1)), true));
    let totals = project::code_totals(&replica.tables).unwrap();
    assert_eq!((totals.issued, totals.revoked), (3, 1));
    let mut public = Writer::new(AUTHORITY);
    replica.hear(&public.chunk(MORNING, issued(1, 9)));
    assert_eq!(project::code(&replica.tables, &CodeId([9; 8])).unwrap(), None);
}

#[test]
fn registrations_are_counted_by_the_hour() {
    let mut site = Writer::new(SITE);
    let mut replica = Replica::default();
    for minute in [0, 59, 60] {
        replica.hear(&site.chunk(MORNING + minute * MINUTE, registered(1, 0)));
    }
    let hour = u32::try_from(MORNING / WINDOW_MS).unwrap();
    let counts = project::hours(&replica.tables, hour, hour + 2, 9).unwrap();
    assert_eq!(counts.iter().map(|count| count.registered).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(project::hours(&replica.tables, hour + 1, u32::MAX, 9).unwrap().len(), 1);
}
