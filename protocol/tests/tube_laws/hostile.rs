//! Facts of enrolled nodes that lie: about what they had seen, about whom, and how often.

use proptest::prelude::*;
use swabmesh_protocol::fact::{Fact, Moved, Remark, Reopened, Sealed, Voided};
use swabmesh_protocol::id::{EntryId, FeedId, SeqNo};
use swabmesh_protocol::text::Text;
use swabmesh_protocol::time::Stamp;
use swabmesh_protocol::tube::summary::{SEEN_ENTRIES_MAX, Summary};
use swabmesh_protocol::tube::{DOCUMENT_FACTS_MAX, Document, DocumentFact, Health};

use crate::laws::{shown, view};
use crate::world::{barcode, entry, feed, registered, tube, writer};

/// Feeds that lie, and entries of each.
const LIARS: usize = 4;
const ENTRIES: u64 = 12;

/// Any entry: real, its own, later than anything, of another document, of a feed nobody has.
fn any_entry() -> impl Strategy<Value = EntryId> {
    prop_oneof![
        6 => (0..LIARS, 0..ENTRIES + 3).prop_map(|(of, seq)| entry(of, seq)),
        1 => any::<u64>().prop_map(|seq| EntryId { feed: FeedId([0xee; 16]), seq: SeqNo(seq) }),
    ]
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let seen = prop::option::of(prop::collection::vec(any_entry(), 0..6));
    let tubes = prop::sample::select(vec!["T-1", "T-2"]);
    (0u8..5, any::<u8>(), tubes, seen, prop::collection::vec(any_entry(), 0..64)).prop_map(
        |(kind, small, name, seen, registrations)| {
            let tube = barcode(name);
            let (reason, operator) = (Remark::default(), Text::default());
            match kind {
                0 => swabmesh_protocol::fact::Registered { seen, ..registered(name, small) }.into(),
                1 if small.is_multiple_of(3) => Reopened { tube, reason, operator, seen }.into(),
                1 => Sealed { tube, count: small, operator, seen }.into(),
                2 => {
                    let registration = registrations.first().copied().unwrap_or(entry(0, 0));
                    Voided { tube, registration, reason, operator, seen }.into()
                }
                3 => Moved { registrations, from: tube.clone(), to: tube, reason, operator, seen }.into(),
                _ => {
                    let (from, to) = (barcode("T-2"), barcode("T-1"));
                    Moved { registrations, from, to, reason, operator, seen }.into()
                }
            }
        },
    )
}

fn lies() -> impl Strategy<Value = Vec<DocumentFact>> {
    let said = (0..LIARS, 1..=ENTRIES, any::<u64>(), any_fact());
    prop::collection::vec(said, 0..40).prop_map(|all| {
        let mut facts: Vec<DocumentFact> = all
            .into_iter()
            .map(|(of, seq, stamp, fact)| DocumentFact {
                id: entry(of, seq),
                writer: writer(of),
                stamp: Stamp(stamp),
                fact,
            })
            .collect();
        // A log has one fact an entry.
        facts.sort_by_key(|said| said.id);
        facts.dedup_by_key(|said| said.id);
        facts
    })
}

fn held(id: EntryId) -> bool {
    (0..LIARS).any(|of| feed(of) == id.feed) && id.seq.0 <= ENTRIES
}

proptest! {
    #[test]
    fn lies_about_what_was_seen_never_panic_and_replicas_agree(
        facts in lies(),
        keys in prop::collection::vec(any::<u32>(), 40),
        batch in 1usize..8,
    ) {
        for subject in [tube("T-1"), tube("T-2")] {
            let built = Document::build(subject.clone(), facts.clone(), &held);
            let mut shuffled: Vec<_> = facts.iter().cloned().zip(keys.iter().copied()).collect();
            shuffled.sort_by_key(|(said, key)| (*key, said.id));
            // Every fact twice, in other batches.
            let twice: Vec<_> = shuffled.iter().chain(&shuffled).map(|(said, _)| said.clone()).collect();
            let mut replica = Document::build(subject.clone(), Vec::new(), &|_| true);
            for facts in twice.chunks(batch) {
                replica.apply(facts.to_vec(), &held);
            }
            prop_assert_eq!(built.health(), Health::Whole);
            prop_assert_eq!(replica.heads(), built.heads());
            prop_assert!(replica.save() == built.save());
            prop_assert_eq!(replica.held_back(), built.held_back());
            prop_assert_eq!(shown(&replica), shown(&built));

            let summary = Summary::of(&subject, &facts, &held);
            let shown = view(&built);
            prop_assert_eq!(summary.held(), built.held_back().len());
            prop_assert_eq!(summary.members().len(), usize::try_from(shown.count).unwrap());
            prop_assert!(summary.next_seen(feed(0)).iter().all(|seen| !built.held_back().contains(seen)));
        }
    }

    #[test]
    fn a_late_answer_that_an_entry_is_held_ends_in_the_same_document(facts in lies(), known in 0..ENTRIES) {
        let subject = tube("T-1");
        let (early, late): (Vec<_>, Vec<_>) = facts.iter().cloned().partition(|said| said.id.seq.0 <= known);
        let mut replica = Document::build(subject.clone(), early, &|id| held(id) && id.seq.0 <= known);
        replica.apply(late, &held);
        prop_assert_eq!(replica.heads(), Document::build(subject, facts, &held).heads());
    }
}

fn seal(of: usize, seq: u64, seen: Vec<EntryId>) -> DocumentFact {
    let fact = Sealed { tube: barcode("T-1"), count: 1, operator: Text::default(), seen: Some(seen) }.into();
    DocumentFact { id: entry(of, seq), writer: writer(of), stamp: Stamp(0), fact }
}

#[test]
fn two_feeds_that_claim_to_have_seen_each_other_hold_back_only_themselves() {
    let facts = vec![seal(0, 1, vec![entry(1, 1)]), seal(1, 1, vec![entry(0, 1)]), seal(2, 1, vec![])];
    let document = Document::build(tube("T-1"), facts, &|_| true);
    assert_eq!(document.held_back(), [entry(0, 1), entry(1, 1)]);
    assert_eq!(view(&document).seals.len(), 1);
}

#[test]
fn a_fact_that_names_a_future_entry_of_an_honest_feed_does_not_block_that_feed() {
    let liar = seal(0, 1, vec![entry(1, 1)]);
    let summary = Summary::of(&tube("T-1"), std::slice::from_ref(&liar), &|id| id == liar.id);
    assert_eq!(summary.next_seen(feed(1)), []);
    let honest = seal(1, 1, summary.next_seen(feed(1)));
    let document = Document::build(tube("T-1"), vec![liar, honest], &|_| true);
    assert_eq!(document.held_back(), []);
}

#[test]
fn a_void_of_a_registration_nobody_made_is_shown_as_unknown() {
    let registration = entry(3, 77);
    let (reason, operator) = (Remark::default(), Text::default());
    let fact = Voided { tube: barcode("T-1"), registration, reason, operator, seen: None }.into();
    let said = DocumentFact { id: entry(0, 1), writer: writer(0), stamp: Stamp(0), fact };
    let view = view(&Document::build(tube("T-1"), vec![said], &|_| true));
    assert_eq!((view.unknown, view.count), (vec![registration], 0));
}

#[test]
fn a_flooded_document_says_so_in_whatever_order_the_flood_came() {
    let flood: Vec<_> = (1..=DOCUMENT_FACTS_MAX as u64 + 1).map(|seq| seal(0, seq, vec![])).collect();
    let built = Document::build(tube("T-1"), flood.clone(), &|_| true);
    let mut replica = Document::build(tube("T-1"), flood[1..].to_vec(), &|_| true);
    assert_eq!(replica.health(), Health::Whole);
    replica.apply(flood[..1].to_vec(), &|_| true);
    for document in [&built, &replica] {
        assert_eq!(document.health(), Health::TooMany);
        assert_eq!(document.heads(), Vec::<[u8; 32]>::new());
        assert_eq!(view(document).health, Health::TooMany);
    }
    assert_eq!(Summary::of(&tube("T-1"), &flood, &|_| true).health(), Health::TooMany);
}

#[test]
fn the_fullest_document_of_seals_by_as_many_feeds_still_derives() {
    let feed_of = |n: usize| FeedId(u128::try_from(n).unwrap().to_be_bytes());
    let facts: Vec<_> = (0..DOCUMENT_FACTS_MAX)
        .map(|n| DocumentFact { id: EntryId { feed: feed_of(n), seq: SeqNo(1) }, ..seal(0, 1, vec![]) })
        .collect();
    let document = Document::build(tube("T-1"), facts.clone(), &|_| true);
    assert_eq!(document.heads().len(), DOCUMENT_FACTS_MAX);
    assert_eq!(view(&document).conflicts[0].values.len(), DOCUMENT_FACTS_MAX);
    assert_eq!(Summary::of(&tube("T-1"), &facts, &|_| true).next_seen(feed(0)).len(), SEEN_ENTRIES_MAX);
}
