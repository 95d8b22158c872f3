//! What a tube of 20 costs: deriving it fact by fact and at once, showing it, and the desk's summary.
//!
//! `cargo bench -p swabmesh-protocol --bench tube`; divide by [`FACTS`] for the cost of one fact.

use divan::{Bencher, black_box};
use swabmesh_protocol::fact::{Fact, Opened, Outcome, Registered, Reported, Route, Sealed, Stage, Subject};
use swabmesh_protocol::id::{Barcode, EntryId, FeedId, NodeKey, Person, SeqNo};
use swabmesh_protocol::text::Text;
use swabmesh_protocol::time::{Stamp, Wall};
use swabmesh_protocol::tube::summary::Summary;
use swabmesh_protocol::tube::{Document, DocumentFact};

/// Opening, 20 registrations by two desks in turn, seal, a laboratory's report.
const FACTS: usize = 23;

fn main() {
    divan::main();
}

fn barcode() -> Barcode {
    "T-0000001".parse().unwrap_or_else(|_| unreachable!("a barcode"))
}

fn said(feed: u8, seq: u64, fact: Fact) -> DocumentFact {
    DocumentFact {
        id: EntryId { feed: FeedId([feed; 16]), seq: SeqNo(seq) },
        writer: NodeKey([feed; 32]),
        stamp: Stamp::default().next(Wall(1_700_000_000_000 + seq)),
        fact,
    }
}

fn registered(person: u8, seen: Option<Vec<EntryId>>) -> Fact {
    Registered {
        tube: barcode(),
        person: Person([person; 16]),
        route: Route::Static,
        document: 1,
        last_four: Text::truncated("002X"),
        name: Text::truncated("张*三"),
        operator: Text::truncated("op1"),
        warnings: 0,
        code: None,
        guardian: None,
        reason: None,
        details: None,
        seen,
    }
    .into()
}

/// The facts in causal order; each desk sees the other's registration before its own next one.
fn tube() -> Vec<DocumentFact> {
    let operator = || Text::truncated("op1");
    let mut facts = vec![said(1, 1, Opened { tube: barcode(), pool: 20, operator: operator(), seen: None }.into())];
    for person in 0..20_u8 {
        let seen = facts.last().map(|last| vec![last.id]);
        facts.push(said(person % 2 + 1, u64::from(person) + 2, registered(person, seen)));
    }
    let seen = || facts.last().map(|last| vec![last.id]);
    let seal = said(1, 50, Sealed { tube: barcode(), count: 20, operator: operator(), seen: seen() }.into());
    let report = Reported {
        tube: barcode(),
        outcome: Outcome::Negative,
        stage: Stage::Final,
        operator: operator(),
        seen: Some(vec![seal.id]),
    };
    facts.push(seal);
    facts.push(said(3, 1, report.into()));
    assert_eq!(facts.len(), FACTS, "the figures are per fact");
    facts
}

fn subject() -> Subject {
    Subject::Tube(barcode())
}

#[divan::bench]
fn document_of_23_facts_one_by_one(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(tube).bench_values(|facts| {
        let mut document = Document::build(subject(), [], &|_| true);
        for said in facts {
            document.apply([said], &|_| true);
        }
        document
    });
}

#[divan::bench]
fn document_of_23_facts_at_once(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(tube).bench_values(|facts| Document::build(subject(), facts, &|_| true));
}

#[divan::bench]
fn empty_document(bencher: Bencher<'_, '_>) {
    bencher.bench(|| Document::build(subject(), [], &|_| true));
}

#[divan::bench]
fn view_of_23_facts(bencher: Bencher<'_, '_>) {
    let document = Document::build(subject(), tube(), &|_| true);
    bencher.bench(|| black_box(&document).tube_view(&|_, _| None));
}

#[divan::bench]
fn heads_digest_of_23_facts(bencher: Bencher<'_, '_>) {
    let document = Document::build(subject(), tube(), &|_| true);
    bencher.bench(|| black_box(&document).heads_digest());
}

#[divan::bench]
fn summary_of_20_facts(bencher: Bencher<'_, '_>) {
    let facts = tube();
    let (facts, _) = facts.split_at(20);
    let subject = subject();
    bencher.bench(|| Summary::of(&subject, black_box(facts), &|_| true));
}

#[divan::bench]
fn summary_of_20_facts_of_one_desk(bencher: Bencher<'_, '_>) {
    let facts: Vec<DocumentFact> = (0..20).map(|n| said(1, u64::from(n) + 1, registered(n, None))).collect();
    let subject = subject();
    bencher.bench(|| Summary::of(&subject, black_box(&facts), &|_| true));
}
