//! What honest writers do: orders, batches, conflicts, corrections, results.

use crate::world::{Event, FEEDS, World, barcode, entry, event, feed, is_held, registered, subjects, tube, writer};
use proptest::prelude::*;
use swabmesh_protocol::fact::{
    Amended, Corrected, Field, HandedOver, Moved, Opened, Outcome, Packed, Received, Registered, Remark, Reopened,
    Reported, Reviewed, Sealed, Stage, Subject, Voided,
};
use swabmesh_protocol::results::{Retest, recalls};
use swabmesh_protocol::text::Text;
use swabmesh_protocol::tube::view::TubeView;
use swabmesh_protocol::tube::{Document, Health};

pub(crate) fn shown(document: &Document) -> String {
    let tube = document.tube_view(&|_, _| None).map(|view| serde_json::to_string(&view).unwrap());
    let transport = document.box_view().map(|view| serde_json::to_string(&view).unwrap());
    format!("{tube:?} {transport:?}")
}

pub(crate) fn view(document: &Document) -> TubeView {
    document.tube_view(&|_, _| None).unwrap()
}

proptest! {
    #[test]
    fn replicas_fed_in_any_order_and_batching_agree(
        events in prop::collection::vec(event(), 0..80),
        one in prop::collection::vec(any::<u8>(), 1..40),
        other in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let world = World::after(&events);
        for subject in subjects() {
            let built = world.document_at(&subject, &world.everything());
            prop_assert_eq!(built.health(), Health::Whole);
            prop_assert_eq!(built.held_back(), Vec::new());
            for choices in [&one, &other] {
                let replica = world.replica(&subject, choices);
                prop_assert_eq!(replica.heads(), built.heads());
                prop_assert_eq!(replica.heads_digest(), built.heads_digest());
                prop_assert!(replica.save() == built.save());
                prop_assert_eq!(shown(&replica), shown(&built));
            }
        }
    }

    #[test]
    fn a_set_of_facts_in_no_order_at_all_gives_the_same_document(
        events in prop::collection::vec(event(), 0..60),
        keys in prop::collection::vec(any::<u32>(), 60),
        batch in 1usize..9,
    ) {
        let world = World::after(&events);
        let end = world.everything();
        let mut shuffled: Vec<_> = world.facts_at(&end).into_iter().zip(keys.into_iter().cycle()).collect();
        shuffled.sort_by_key(|(said, key)| (*key, said.id));
        let shuffled: Vec<_> = shuffled.into_iter().map(|(said, _)| said).collect();
        for subject in subjects() {
            let mut document = Document::build(subject.clone(), Vec::new(), &|_| true);
            for facts in shuffled.chunks(batch) {
                document.apply(facts.to_vec(), &|id| is_held(&end, id));
            }
            prop_assert_eq!(document.heads(), world.document_at(&subject, &end).heads());
        }
    }

    #[test]
    fn the_summary_agrees_with_the_document(events in prop::collection::vec(event(), 0..80)) {
        let world = World::after(&events);
        let everywhere = world.held.iter().copied().chain([world.everything()]);
        for heights in everywhere {
            for subject in subjects() {
                let document = world.document_at(&subject, &heights);
                let summary = world.summary_at(&subject, &heights);
                prop_assert_eq!(summary.held(), document.held_back().len());
                let Some(view) = document.tube_view(&|_, _| None) else { continue };
                let mut opened: Vec<_> = view.opened.iter().map(|opening| opening.by.entry.feed).collect();
                opened.sort_unstable();
                opened.dedup();
                prop_assert_eq!(summary.opened_by(), opened);
                prop_assert_eq!(summary.pool(), view.pool);
                prop_assert_eq!(summary.is_sealed(), !view.seals.is_empty());
                let mut members: Vec<_> =
                    view.members.iter().filter(|member| member.counts).map(|member| member.registration).collect();
                members.sort_unstable();
                prop_assert_eq!(summary.members(), members);
            }
        }
    }

    #[test]
    fn an_exported_document_opens_with_the_heads_it_had(events in prop::collection::vec(event(), 0..60)) {
        let world = World::after(&events);
        let document = world.document_at(&tube("T-1"), &world.everything());
        let opened = automerge::Automerge::load(&document.save()).unwrap();
        let heads: Vec<[u8; 32]> = opened.get_heads().into_iter().map(|head| head.0).collect();
        prop_assert_eq!(heads, document.heads());
    }

    #[test]
    fn a_fact_that_names_next_seen_is_the_only_head(events in prop::collection::vec(event(), 0..80)) {
        let mut world = World::after(&events);
        let end = world.everything();
        world.held = [end; FEEDS];
        let subject = tube("T-1");
        let seen = world.seen(0, std::slice::from_ref(&subject));
        world.say(0, Sealed { tube: barcode("T-1"), count: 3, operator: Text::default(), seen });
        let document = world.document_at(&subject, &world.everything());
        prop_assert_eq!(document.heads().len(), 1);
        prop_assert_eq!(view(&document).seals.len(), 1);
    }
}

fn sealed(count: u8, seen: Option<Vec<swabmesh_protocol::id::EntryId>>) -> Sealed {
    Sealed { tube: barcode("T-1"), count, operator: Text::new("op").unwrap(), seen }
}

fn opened(pool: u8) -> Opened {
    Opened { tube: barcode("T-1"), pool, operator: Text::new("op").unwrap(), seen: None }
}

fn tell_everybody(world: &mut World) {
    let end = world.everything();
    world.held = [end; FEEDS];
}

fn whole(world: &World, subject: &Subject) -> Document {
    world.document_at(subject, &world.everything())
}

#[test]
fn two_seals_unaware_of_each_other_stand_side_by_side_until_a_review_that_saw_both() {
    let mut world = World::default();
    world.say(0, sealed(10, None));
    world.say(1, sealed(11, None));
    let before = view(&whole(&world, &tube("T-1")));
    assert_eq!(before.seals.iter().map(|seal| seal.count).collect::<Vec<_>>(), [10, 11]);
    assert_eq!(before.conflicts.len(), 1);
    assert_eq!(before.conflicts[0].register, "seal");

    tell_everybody(&mut world);
    let seen = world.seen(2, &[tube("T-1")]);
    let review = Reviewed {
        subject: tube("T-1"),
        register: Text::new(before.conflicts[0].register.as_str()).unwrap(),
        value: Text::new("11").unwrap(),
        reason: Remark::new("counted again").unwrap(),
        operator: Text::default(),
        seen,
    };
    world.say(2, review);
    let after = view(&whole(&world, &tube("T-1")));
    assert_eq!(after.seals.iter().map(|seal| seal.count).collect::<Vec<_>>(), [11]);
    assert_eq!(after.conflicts, []);
}

#[test]
fn a_seal_unaware_of_a_reopening_keeps_the_tube_closed_and_both_show() {
    let mut world = World::default();
    world.say(0, sealed(3, None));
    tell_everybody(&mut world);
    let seen = world.seen(0, &[tube("T-1")]);
    let reason = Remark::new("a swab broke").unwrap();
    world.say(0, Reopened { tube: barcode("T-1"), reason, operator: Text::default(), seen });
    let seen = world.seen(1, &[tube("T-1")]);
    world.say(1, sealed(4, seen));
    let shown = view(&whole(&world, &tube("T-1")));
    assert_eq!(shown.seals.iter().map(|seal| seal.count).collect::<Vec<_>>(), [4]);
    assert_eq!((shown.reopened.len(), shown.conflicts.len()), (1, 1), "{shown:?}");
    assert!(world.summary_at(&tube("T-1"), &world.everything()).is_sealed());
}

#[test]
fn a_seal_replaces_one_it_saw_only_through_others() {
    let mut world = World::default();
    let first = world.say(0, sealed(1, None));
    let between = world.say(1, Registered { seen: Some(vec![first]), ..registered("T-1", 1) });
    world.say(2, sealed(2, Some(vec![between])));
    assert_eq!(view(&whole(&world, &tube("T-1"))).seals.len(), 1);
}

#[test]
fn one_barcode_opened_at_two_desks_is_a_conflict_even_with_one_pool_size() {
    let mut world = World::default();
    world.say(0, opened(10));
    world.say(1, opened(10));
    let document = whole(&world, &tube("T-1"));
    assert_eq!(view(&document).opened.len(), 2);
    assert_eq!(view(&document).conflicts.len(), 1);
    assert_eq!(world.summary_at(&tube("T-1"), &world.everything()).opened_by(), [feed(0), feed(1)]);
}

#[test]
fn a_fact_waits_for_what_its_writer_had_seen_and_holds_back_only_its_own_feed() {
    let mut world = World::default();
    let first = world.say(0, opened(10));
    world.say(1, Registered { seen: Some(vec![first]), ..registered("T-1", 1) });
    world.say(1, registered("T-1", 2));
    world.say(2, registered("T-1", 3));
    let mut heights = world.everything();
    heights[0] = 0;
    let mut document = world.document_at(&tube("T-1"), &heights);
    assert_eq!(document.held_back(), [entry(1, 1), entry(1, 2)]);
    assert_eq!((view(&document).count, view(&document).held), (1, 2));

    document.apply(vec![world.log[&first].clone()], &|id| is_held(&world.everything(), id));
    assert_eq!(document.held_back(), []);
    assert_eq!(view(&document).count, 3);
}

#[test]
fn an_entry_that_is_held_and_about_something_else_holds_nothing_back() {
    let mut world = World::default();
    let other = world.say(0, Opened { tube: barcode("T-9"), ..opened(10) });
    world.say(1, Registered { seen: Some(vec![other]), ..registered("T-1", 1) });
    assert_eq!(view(&whole(&world, &tube("T-1"))).count, 1);
}

#[test]
fn a_registration_the_seal_had_not_seen_is_late_and_counts() {
    let mut world = World::default();
    let early = world.say(0, registered("T-1", 1));
    world.say(0, sealed(1, None));
    let beside = world.say(1, registered("T-1", 2));
    let after = world.say(0, registered("T-1", 3));
    let view = view(&whole(&world, &tube("T-1")));
    let late: Vec<_> = view.members.iter().filter(|member| member.late).map(|member| member.registration).collect();
    assert_eq!(late, [beside, after]);
    assert!(!late.contains(&early));
    assert_eq!(view.count, 3);
}

#[test]
fn a_full_tube_and_an_overfull_one_say_so() {
    let mut world = World::default();
    world.say(0, opened(1));
    world.say(0, registered("T-1", 1));
    let full = view(&whole(&world, &tube("T-1")));
    assert!(full.full && !full.overfull);
    world.say(0, registered("T-1", 2));
    assert!(view(&whole(&world, &tube("T-1"))).overfull);
}

#[test]
fn a_void_takes_a_registration_out_of_the_count_and_a_review_puts_it_back() {
    let mut world = World::default();
    let registration = world.say(0, registered("T-1", 1));
    let reason = Remark::default();
    world.say(0, Voided { tube: barcode("T-1"), registration, reason, operator: Text::default(), seen: None });
    let voided = view(&whole(&world, &tube("T-1")));
    assert_eq!((voided.count, voided.members.len()), (0, 1));
    tell_everybody(&mut world);
    let review = Reviewed {
        subject: tube("T-1"),
        register: Text::new(format!("void/{registration}")).unwrap(),
        value: Text::default(),
        reason: Remark::default(),
        operator: Text::default(),
        seen: world.seen(2, &[tube("T-1")]),
    };
    world.say(2, review);
    assert_eq!(view(&whole(&world, &tube("T-1"))).count, 1);
}

#[test]
fn two_corrections_of_a_name_unaware_of_each_other_both_show() {
    let mut world = World::default();
    let registration = world.say(0, registered("T-1", 1));
    for (node, name) in [(1, "李*"), (2, "王*")] {
        world.say(
            node,
            Amended {
                tube: barcode("T-1"),
                registration,
                field: Field::Name,
                value: Text::new(name).unwrap(),
                reason: Remark::default(),
                operator: Text::default(),
                seen: Some(vec![registration]),
            },
        );
    }
    let view = view(&whole(&world, &tube("T-1")));
    assert_eq!(view.members[0].amended[0].values.len(), 2);
    assert_eq!(view.conflicts[0].register, format!("amend/{registration}/name"));
}

#[test]
fn registrations_moved_in_bulk_leave_one_tube_and_reach_the_other_with_their_names() {
    let mut world = World::default();
    let registrations: Vec<_> = (0..64).map(|person| world.say(0, registered("T-1", person))).collect();
    let reason = Remark::new("wrong tube").unwrap();
    let (from, to) = (barcode("T-1"), barcode("T-2"));
    world.say(0, Moved { registrations, from, to, reason, operator: Text::default(), seen: None });
    let left = view(&whole(&world, &tube("T-1")));
    assert_eq!((left.count, left.members.len()), (0, 64));
    let reached = whole(&world, &tube("T-2"));
    let member = |of: &swabmesh_protocol::id::Barcode, id| {
        assert_eq!(*of, barcode("T-1"));
        left.members.iter().find(|member| member.registration == id).cloned()
    };
    let reached = reached.tube_view(&member).unwrap();
    assert_eq!(reached.count, 64);
    assert!(reached.members.iter().all(|member| member.registered.is_some()));
    assert_eq!(reached.members[0].moved_from, Some(barcode("T-1")));
}

fn reported(outcome: Outcome) -> Reported {
    Reported { tube: barcode("T-1"), outcome, stage: Stage::Final, operator: Text::default(), seen: None }
}

#[test]
fn of_two_laboratories_the_safer_reading_counts_until_a_review_and_again_after_a_new_report() {
    let mut world = World::default();
    world.say(2, reported(Outcome::Negative));
    world.say(3, reported(Outcome::Positive));
    let disputed = view(&whole(&world, &tube("T-1")));
    let verdict = disputed.verdict.unwrap();
    assert_eq!((verdict.reading.outcome, verdict.disputed, verdict.reviewed), (Outcome::Positive, true, false));
    assert_eq!(disputed.conflicts[0].register, "result");
    assert_eq!(disputed.conflicts[0].values.len(), 2);

    tell_everybody(&mut world);
    let review = Reviewed {
        subject: tube("T-1"),
        register: Text::new("result").unwrap(),
        value: Text::new("negative final").unwrap(),
        reason: Remark::default(),
        operator: Text::default(),
        seen: world.seen(1, &[tube("T-1")]),
    };
    world.say(1, review);
    let decided = view(&whole(&world, &tube("T-1")));
    let verdict = decided.verdict.unwrap();
    assert_eq!((verdict.reading.outcome, verdict.disputed, verdict.reviewed), (Outcome::Negative, false, true));
    assert_eq!(decided.conflicts, []);

    let corrected = Corrected {
        tube: barcode("T-1"),
        outcome: Outcome::Positive,
        reason: Remark::default(),
        operator: Text::default(),
        seen: None,
    };
    world.say(3, corrected);
    let verdict = view(&whole(&world, &tube("T-1"))).verdict.unwrap();
    assert_eq!((verdict.reading.outcome, verdict.disputed), (Outcome::Positive, true));
}

#[test]
fn two_feeds_of_one_laboratory_share_its_register() {
    let mut world = World::default();
    assert_eq!(writer(3), writer(4));
    world.say(3, reported(Outcome::Negative));
    world.say(4, reported(Outcome::Invalid));
    let view = view(&whole(&world, &tube("T-1")));
    assert_eq!(view.results.len(), 1);
    assert_eq!(view.results[0].reports.len(), 2);
    assert!(view.verdict.unwrap().disputed);
}

#[test]
fn a_positive_pool_recalls_everyone_and_a_negative_tube_of_ones_own_clears() {
    let mut world = World::default();
    world.say(0, opened(10));
    world.say(0, registered("T-1", 1));
    world.say(0, sealed(1, None));
    world.say(1, registered("T-1", 2));
    world.say(3, reported(Outcome::Positive));
    world.say(0, Opened { tube: barcode("T-2"), ..opened(1) });
    world.say(0, registered("T-2", 1));
    let pool = view(&whole(&world, &tube("T-1")));
    let own = |world: &World| {
        let own = view(&whole(world, &tube("T-2")));
        recalls(&pool, &|_| vec![own.clone(), pool.clone()])
    };
    let awaited = own(&world);
    assert_eq!(awaited.iter().map(|recall| recall.late).collect::<Vec<_>>(), [false, true]);
    assert!(awaited.iter().all(|recall| recall.retest == Retest::Awaited));
    world.say(3, Reported { tube: barcode("T-2"), ..reported(Outcome::Negative) });
    let cleared = own(&world);
    assert_eq!(cleared[0].retest, Retest::Cleared { tube: barcode("T-2") });
    assert_eq!(cleared[1].retest, Retest::Awaited);
}

#[test]
fn a_box_whose_count_by_hand_differs_from_what_was_packed_says_so() {
    let mut world = World::default();
    let transport = barcode("BOX-1");
    for name in ["T-1", "T-2"] {
        let operator = Text::default();
        world.say(0, Packed { tube: barcode(name), transport: transport.clone(), operator, seen: None });
    }
    let to = Text::new("courier 7").unwrap();
    world.say(0, HandedOver { transport: transport.clone(), to, count: 2, operator: Text::default(), seen: None });
    let subject = Subject::Box(transport);
    let seen = Some(vec![entry(0, 3)]);
    world.say(3, Received { subject: subject.clone(), count: 1, operator: Text::default(), seen });
    let view = whole(&world, &subject).box_view().unwrap();
    assert_eq!(view.tubes.len(), 2);
    assert_eq!(view.handed_over[0].to, "courier 7");
    assert_eq!(view.miscounts.iter().map(|miscount| miscount.counted).collect::<Vec<_>>(), [1]);
    assert_eq!(view.conflicts, []);
}

#[test]
fn gossip_events_alone_say_nothing() {
    let world = World::after(&[Event::Gossips { from: 0, to: 1, feed: 0, count: 3 }]);
    assert_eq!(whole(&world, &tube("T-1")).heads(), Vec::<[u8; 32]>::new());
}
