//! Boxes (R5): packed, handed over, received; counts by hand beside what was packed.

use super::*;

fn transported(code: &str) -> Subject {
    Subject::Box(barcode(code))
}

#[test]
fn only_a_sealed_tube_goes_into_a_box() {
    let mut book = Book::default();
    book.filled(GATE, "T1", 1, 1);
    assert_eq!(book.decide(GATE, pack("T1", "B1")), Err(Refusal::TubeNotSealed { tube: barcode("T1") }));
    assert_eq!(book.decide(GATE, pack("T9", "B1")), Err(Refusal::TubeNotSealed { tube: barcode("T9") }));
    book.act(GATE, seal("T1", false)).unwrap();
    let decision = book.act(GATE, pack("T1", "B1")).unwrap();
    assert!(matches!(decision.facts.as_slice(), [(CELL, Fact::Packed(_))]), "{decision:?}");
    let tube_view = book.document(tube("T1")).tube_view(&|_, _| None).unwrap();
    assert_eq!(tube_view.boxes[0].value, "B1");
    let box_view = book.document(transported("B1")).box_view().unwrap();
    assert_eq!(box_view.tubes[0].tube, barcode("T1"));
}

#[test]
fn a_hand_over_and_a_receipt_are_recorded_with_the_counts_of_the_hands_that_counted() {
    let mut book = Book::default();
    for code in ["T1", "T2"] {
        book.filled(GATE, code, 1, 1);
        book.act(GATE, seal(code, false)).unwrap();
        book.act(GATE, pack(code, "B1")).unwrap();
    }
    book.act(GATE, hand_over("B1", 2)).unwrap();
    let view = book.document(transported("B1")).box_view().unwrap();
    assert_eq!((view.handed_over[0].count, view.handed_over[0].to.as_str()), (2, "courier"));
    assert_eq!(view.miscounts, []);
    let decision = book.act(LAB, receive(transported("B1"), 1)).unwrap();
    let [(lane, Fact::Received(received))] = decision.facts.as_slice() else { panic!("{decision:?}") };
    assert_eq!((*lane, received.count), (CELL, 1), "in the cell that packed it");
    assert!(received.seen.is_some(), "after the hand-over it had seen");
    let view = book.document(transported("B1")).box_view().unwrap();
    assert_eq!((view.miscounts[0].counted, view.miscounts[0].packed), (1, 2), "one tube is missing, and that is shown");
    assert_eq!(view.received[0].by.node, LAB);
}

#[test]
fn every_hand_that_held_the_box_stays_on_record() {
    let mut book = Book::default();
    book.act(GATE, hand_over("B1", 3)).unwrap();
    book.act(LAB, hand_over("B1", 3)).unwrap();
    let view = book.document(transported("B1")).box_view().unwrap();
    let hands: Vec<(NodeKey, bool)> = view.handed_over.iter().map(|handed| (handed.by.node, handed.newest)).collect();
    assert_eq!(hands, [(GATE, false), (LAB, true)]);
}

#[test]
fn what_nobody_here_has_heard_of_is_received_all_the_same() {
    let mut book = Book::default();
    for subject in [tube("T9"), transported("B9")] {
        let decision = book.act(LAB, receive(subject, 1)).unwrap();
        assert!(matches!(decision.facts.as_slice(), [(Lane::CITY, Fact::Received(_))]), "{decision:?}");
    }
}
