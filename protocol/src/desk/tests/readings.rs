//! Readings (T1, T2): reported, corrected by who reported, reviewed by a person where laboratories differ.

use super::*;
use crate::results::Reading;
use crate::tube::view::TubeView;

fn view(book: &Book, code: &str) -> TubeView {
    book.document(tube(code)).tube_view(&|_, _| None).unwrap()
}

fn counts(book: &Book, code: &str) -> String {
    view(book, code).verdict.map(|verdict| verdict.reading.to_string()).unwrap_or_default()
}

#[test]
fn every_outcome_is_reported_as_preliminary_and_then_as_final() {
    for outcome in [Outcome::Negative, Outcome::Positive, Outcome::Inconclusive, Outcome::Invalid] {
        let mut book = Book::default();
        book.filled(GATE, "T1", 1, 1);
        for stage in [Stage::Preliminary, Stage::Final] {
            let decision = book.act(LAB, report("T1", outcome, stage)).unwrap();
            assert!(matches!(decision.facts.as_slice(), [(CELL, Fact::Reported(_))]), "to the cell: {decision:?}");
            assert_eq!(counts(&book, "T1"), Reading { outcome, stage }.to_string());
        }
    }
}

#[test]
fn a_tube_nobody_has_heard_of_is_reported_with_a_warning() {
    let mut book = Book::default();
    let decision = book.act(LAB, report("T9", Outcome::Positive, Stage::Final)).unwrap();
    assert_eq!(decision.warnings, ["tube-unknown-here"]);
    assert_eq!(counts(&book, "T9"), "positive final");
}

#[test]
fn a_correction_is_of_a_reading_this_laboratory_gave_and_cannot_pass_as_a_report() {
    let mut book = Book::default();
    book.filled(GATE, "T1", 1, 1);
    let not_reported = Err(Refusal::NotReported { tube: barcode("T1") });
    assert_eq!(book.decide(LAB, correct("T1", Outcome::Negative)), not_reported);
    book.act(OTHER_LAB, report("T1", Outcome::Positive, Stage::Final)).unwrap();
    assert_eq!(book.decide(LAB, correct("T1", Outcome::Negative)), not_reported, "another laboratory's");
    let without_reason = report("T1", Outcome::Negative, Stage::Corrected);
    assert_eq!(book.decide(OTHER_LAB, without_reason), Err(Refusal::CorrectedWithoutReason { tube: barcode("T1") }));
    book.act(OTHER_LAB, correct("T1", Outcome::Negative)).unwrap();
    assert_eq!(counts(&book, "T1"), "negative corrected");
    book.act(OTHER_LAB, correct("T1", Outcome::Inconclusive)).unwrap();
    assert_eq!(counts(&book, "T1"), "inconclusive corrected", "a correction is corrected too");
}

#[test]
fn while_two_laboratories_differ_the_safer_reading_counts_until_a_person_who_saw_both_decides() {
    let mut book = Book::default();
    book.filled(GATE, "T1", 1, 1);
    book.act(LAB, report("T1", Outcome::Positive, Stage::Preliminary)).unwrap();
    book.act(OTHER_LAB, report("T1", Outcome::Negative, Stage::Final)).unwrap();
    assert_eq!(counts(&book, "T1"), "positive preliminary", "though the other is final and later");
    assert!(view(&book, "T1").verdict.unwrap().disputed);
    let conflict = view(&book, "T1").conflicts[0].register.clone();

    let decision = book.act(REVIEWER, review(tube("T1"), &conflict, "negative final")).unwrap();
    assert_eq!(decision.facts.len(), 1, "everybody who spoke of it did so in one cell");
    assert_eq!(counts(&book, "T1"), "negative final");
    let verdict = view(&book, "T1").verdict.unwrap();
    assert!(verdict.reviewed && !verdict.disputed);

    book.act(LAB, correct("T1", Outcome::Positive)).unwrap();
    let verdict = view(&book, "T1").verdict.unwrap();
    assert!(verdict.disputed && !verdict.reviewed, "a reading that the reviewer had not seen opens it again");
    assert_eq!(verdict.reading.outcome, Outcome::Positive);
    assert_eq!(view(&book, "T1").results.len(), 2, "both laboratories' words are kept");
}

#[test]
fn a_review_is_said_in_every_lane_that_spoke_of_the_document_and_names_only_what_can_be_found_there() {
    let mut book = Book::default();
    // The laboratory spoke before it had heard of the tube: city-wide.
    book.act(LAB, report("T1", Outcome::Positive, Stage::Final)).unwrap();
    book.filled(GATE, "T1", 1, 1);
    book.act(GATE, seal("T1", false)).unwrap();
    let decision = book.decide(REVIEWER, review(tube("T1"), "seal", "1")).unwrap();
    let lanes: Vec<Lane> = decision.facts.iter().map(|(lane, _)| *lane).collect();
    assert_eq!(lanes, [Lane::CITY, CELL]);
    for (lane, fact) in &decision.facts {
        let Fact::Reviewed(reviewed) = fact else { panic!("{fact:?}") };
        let seen = reviewed.seen.clone().unwrap();
        assert!(
            seen.iter().all(|id| [Some(*lane), Some(Lane::CITY)].contains(&lane_of(&id.feed))),
            "{lane:?} {seen:?}"
        );
    }
}
