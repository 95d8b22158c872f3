//! Corrections (R6): void, amend, move; each a new fact, none of which takes anything away from the log.

use super::*;

#[test]
fn a_void_takes_one_registration_out_of_the_count_once_and_says_why() {
    let mut book = Book::default();
    let made = book.filled(GATE, "T1", 5, 2);
    let before = book.said.clone();
    let decision = book.act(GATE, void(made[0], "T1")).unwrap();
    let [(CELL, Fact::Voided(voided))] = decision.facts.as_slice() else { panic!("{decision:?}") };
    assert_eq!((voided.registration, &voided.reason, &voided.operator), (made[0], &why(), &operator()));
    assert_eq!(book.members("T1"), made[1..]);
    assert!(book.said.starts_with(&before), "what was said stays said");
    let gone = Err(Refusal::NoSuchRegistration { tube: barcode("T1") });
    assert_eq!(book.decide(GATE, void(made[0], "T1")), gone, "it counts no more");
    assert_eq!(book.decide(GATE, amend(made[0], "T1")), gone);
}

#[test]
fn a_correction_names_the_tube_that_the_registration_is_in() {
    let mut book = Book::default();
    let made = book.filled(GATE, "T1", 5, 1)[0];
    book.filled(GATE, "T2", 5, 0);
    let nowhere = Err(Refusal::NoSuchRegistration { tube: barcode("T2") });
    assert_eq!(book.decide(GATE, void(made, "T2")), nowhere);
    assert_eq!(book.decide(GATE, amend(made, "T2")), nowhere);
    assert_eq!(book.decide(GATE, shift(vec![made], "T2", "T1")), nowhere);
}

#[test]
fn an_amendment_puts_a_field_right_even_after_the_seal() {
    let mut book = Book::default();
    let made = book.filled(GATE, "T1", 1, 1)[0];
    book.act(GATE, seal("T1", false)).unwrap();
    let decision = book.act(GATE, amend(made, "T1")).unwrap();
    let [(CELL, Fact::Amended(amended))] = decision.facts.as_slice() else { panic!("{decision:?}") };
    assert_eq!((amended.registration, amended.field, amended.value.as_str()), (made, Field::Name, "李*"));
    let view = book.document(tube("T1")).tube_view(&|_, _| None).unwrap();
    let member = &view.members[0];
    assert_eq!(member.registered.as_ref().unwrap().name.as_str(), "张*", "as registered");
    assert_eq!(member.amended[0].values[0].value, "李*");
    assert!(member.counts);
}

#[test]
fn a_neighbour_and_the_authority_correct_a_registration_they_did_not_make() {
    let mut book = Book::default();
    let made = book.filled(GATE, "T1", 5, 2);
    let decision = book.act(REVIEWER, void(made[0], "T1")).unwrap();
    let [(lane, Fact::Voided(voided))] = decision.facts.as_slice() else { panic!("{decision:?}") };
    assert_eq!(*lane, CELL, "into the cell of the tube, where the site hears of it");
    assert_eq!(voided.seen, Some(vec![made[1]]), "it had seen the head of the gate's feed");
    book.act(NEIGHBOUR, void(made[1], "T1")).unwrap();
    assert_eq!(book.members("T1"), []);
}

#[test]
fn a_move_without_names_takes_everybody_who_counts_and_leaves_the_wrong_tube_empty() {
    let mut book = Book::default();
    let made = book.filled(GATE, "T1", 5, 3);
    book.act(GATE, void(made[1], "T1")).unwrap();
    book.filled(GATE, "T2", 5, 0);
    book.act(GATE, shift(Vec::new(), "T1", "T2")).unwrap();
    assert_eq!(book.members("T1"), []);
    assert_eq!(book.members("T2"), [made[0], made[2]], "the one that was voided stays where it was");
    assert_eq!(book.act(GATE, shift(Vec::new(), "T1", "T2")).unwrap(), Decision::default(), "nobody is left to move");
    book.act(GATE, shift(vec![made[0]], "T2", "T1")).unwrap();
    assert_eq!((book.members("T1"), book.members("T2")), (vec![made[0]], vec![made[2]]), "and back");
}

#[test]
fn a_move_reaches_only_a_tube_that_is_open_and_may_leave_one_that_is_sealed() {
    let mut book = Book::default();
    let made = book.filled(GATE, "T1", 1, 1);
    book.act(GATE, seal("T1", false)).unwrap();
    let to = |code| shift(made.clone(), "T1", code);
    assert_eq!(book.decide(GATE, to("T2")), Err(Refusal::TubeNotOpen { tube: barcode("T2") }));
    book.filled(GATE, "T2", 1, 0);
    book.filled(GATE, "T3", 1, 0);
    book.act(GATE, seal("T3", true)).unwrap();
    assert_eq!(book.decide(GATE, to("T3")), Err(Refusal::TubeSealed { tube: barcode("T3") }));
    book.act(GATE, to("T2")).unwrap();
    assert_eq!(book.members("T2"), made);
}

#[test]
fn a_move_beyond_the_pool_is_made_and_warned_of() {
    let mut book = Book::default();
    let made = book.filled(GATE, "T1", 5, 2);
    book.filled(GATE, "T2", 1, 0);
    assert_eq!(book.decide(GATE, shift(vec![made[0]], "T1", "T2")).unwrap().warnings, [""; 0]);
    let decision = book.act(GATE, shift(Vec::new(), "T1", "T2")).unwrap();
    assert_eq!(decision.warnings, ["overfull"], "the swabs are in it, whatever the pool says");
    assert_eq!(book.members("T2"), made);
}

#[test]
fn a_move_of_more_than_one_fact_can_name_is_several_and_loses_nobody() {
    let mut book = Book::default();
    let made = book.filled(GATE, "T1", 20, 130);
    book.filled(GATE, "T2", 20, 0);
    let decision = book.act(GATE, shift(Vec::new(), "T1", "T2")).unwrap();
    let sizes: Vec<usize> = decision
        .facts
        .iter()
        .map(|(_, fact)| if let Fact::Moved(moved) = fact { moved.registrations.len() } else { 0 })
        .collect();
    assert_eq!(sizes, [MOVED_MAX, MOVED_MAX, 2]);
    assert!(decision.facts.iter().all(|(_, fact)| fact.to_bytes().len() <= crate::limits::FACT_BYTES_MAX));
    assert_eq!(book.members("T2"), made);
}

#[test]
fn a_move_into_the_tube_they_are_in_changes_nothing() {
    let mut book = Book::default();
    let made = book.filled(GATE, "T1", 5, 2);
    assert_eq!(book.act(GATE, shift(Vec::new(), "T1", "T1")).unwrap(), Decision::default());
    assert_eq!(book.members("T1"), made);
}
