//! Whole nodes at work, without a disk or a network: what happened is kept (R7), whoever hears of it and when.

#![expect(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test fails by panicking")]

use swabmesh_protocol::chunk::OpenedChunk;
use swabmesh_protocol::command::{Command, Presented, Refusal, Register, Verdict};
use swabmesh_protocol::document::infant::{Infant, Relation};
use swabmesh_protocol::document::{Checked, DocumentType, check};
use swabmesh_protocol::fact::{Fact, Outcome, Registered, Remark, Route, Stage, Subject};
use swabmesh_protocol::id::{EntryId, Epoch, FeedHeader, Hash, Lane, Person, SeqNo};
use swabmesh_protocol::name::{last_four, mask_name};
use swabmesh_protocol::person::PersonKey;
use swabmesh_protocol::project::{FlagKind, FlagState, Owner};
use swabmesh_protocol::results::recalls;
use swabmesh_protocol::sensitive::Sensitive;
use swabmesh_protocol::text::Text;
use swabmesh_protocol::time::Stamp;
use swabmesh_protocol::verify::Verdict as Colour;
use time::macros::date;

#[path = "desk_day/node.rs"]
mod node;

use node::*;

fn open(code: &str, pool: u8) -> Command {
    Command::Open { tube: barcode(code), pool, operator: operator() }
}

fn seal(code: &str) -> Command {
    Command::Seal { tube: barcode(code), operator: operator(), not_full: true }
}

fn person(number: u8) -> Person {
    Person([number; 16])
}

fn present(person: Person, guardian: Option<Person>, route: Route, document: u8, name: &str) -> Presented {
    let (last_four, name) = (Text::truncated("002X"), Text::truncated(name));
    Presented::Document { person, route, document, last_four, name, guardian, details: None }
}

fn register_as(code: &str, presented: Presented, reason: Option<Remark>) -> Command {
    Command::Register(Box::new(Register { tube: barcode(code), presented, operator: operator(), reason }))
}

fn register(code: &str, number: u8) -> Command {
    register_as(code, present(person(number), None, Route::Document, 1, "张*"), None)
}

fn review(code: &str, register: &str, value: &str) -> Command {
    let (register, value) = (Text::new(register).unwrap(), Text::new(value).unwrap());
    Command::Review { subject: Subject::Tube(barcode(code)), register, value, reason: why(), operator: operator() }
}

fn report(code: &str, outcome: Outcome) -> Command {
    Command::Report { tube: barcode(code), outcome, stage: Stage::Final, operator: operator() }
}

mod infants {
    use super::*;

    const TODAY: time::Date = date!(2022 - 04 - 09);

    fn persons() -> PersonKey {
        PersonKey::new([9; 32])
    }

    fn mother() -> Checked {
        // The example number of GB 11643-1999.
        check(DocumentType::IdentityCard, "11010519491231002X", TODAY).unwrap()
    }

    /// What the desk makes of an infant with nothing but a mother; `draw` is the node's randomness.
    fn child(draw: u8) -> Presented {
        let parent = persons().person(&mother());
        let infant = Infant {
            name: None,
            parent_name: Sensitive::new("李四".to_owned()),
            parent,
            relation: Relation::Mother,
            born: date!(2022 - 04 - 01),
        };
        let checked = infant.register([draw; 16], TODAY).unwrap();
        let name = mask_name(checked.holder().unwrap().expose());
        let last_four = Text::truncated(&last_four(checked.number().expose()));
        let person = persons().person(&checked);
        let (route, document) = (Route::ByHand, DocumentType::Infant.number());
        Presented::Document {
            person,
            route,
            document,
            last_four,
            name: Text::truncated(&name),
            guardian: Some(parent),
            details: None,
        }
    }

    #[test]
    fn an_infant_with_nothing_is_registered_by_hand_beside_its_mother_and_linked_to_her() {
        let mut gate = Node::new(GATE);
        gate.does(open("T1", 5));
        let parent = persons().person(&mother());
        gate.registers(register_as("T1", present(parent, None, Route::Document, 1, "李*"), None));
        let verdict = gate.registers(register_as("T1", child(1), None));
        assert_eq!((verdict.verdict, verdict.route), (Colour::Green, Some(Route::ByHand)), "{verdict:?}");

        let mut authority = Node::new(AUTHORITY);
        authority.hear(&gate);
        for node in [&gate, &authority] {
            let tube = node.tube("T1");
            assert_eq!(tube.count, 2);
            let infant = tube.members[1].registered.as_ref().unwrap();
            assert_eq!((infant.guardian, infant.route), (Some(parent), Route::ByHand));
            assert_eq!(infant.document, DocumentType::Infant.number());
            assert_ne!(infant.person, parent);
            assert!(!infant.name.as_str().contains("四"), "the mother's name is masked in the child's too");
        }
    }

    #[test]
    fn twins_of_one_mother_are_two_people_and_nobody_is_a_duplicate() {
        let mut gate = Node::new(GATE);
        gate.does(open("T1", 5));
        for draw in [1, 2] {
            assert_eq!(gate.registers(register_as("T1", child(draw), None)).verdict, Colour::Green);
        }
        assert_eq!(gate.tube("T1").count, 2);
        assert_eq!(gate.flags(FlagKind::Duplicate), []);
    }

    #[test]
    fn an_infant_is_voided_and_registered_again_like_everybody() {
        let mut gate = Node::new(GATE);
        gate.does(open("T1", 5));
        let registration = gate.registers(register_as("T1", child(1), None)).registration.unwrap();
        gate.does(Command::Void { registration, tube: barcode("T1"), reason: why(), operator: operator() });
        gate.registers(register_as("T1", child(2), None));
        assert_eq!((gate.tube("T1").count, gate.people_in_log().len()), (1, 2));
    }
}

/// Rule R7: a registration that happened is kept whatever arrives later; disagreement becomes a flag with an owner.
mod facts_are_never_rejected {
    use super::*;

    /// Two gates cut off from one another, with one barcode, one person in common, and a seal in between.
    fn cut_off() -> (Node, Node) {
        let (mut gate, mut other) = (Node::new(GATE), Node::new(OTHER_GATE));
        other.wait_ms(60_000);
        gate.does(open("T1", 5));
        other.does(open("T1", 10));
        gate.registers(register("T1", 1));
        gate.does(seal("T1"));
        other.registers(register("T1", 1));
        other.registers(register("T1", 2));
        other.does(seal("T1"));
        (gate, other)
    }

    fn states(node: &Node, kind: FlagKind) -> Vec<(FlagState, Owner)> {
        node.flags(kind).iter().map(|flag| (flag.state, flag.owner)).collect()
    }

    #[test]
    fn everything_two_sites_did_during_a_cut_stands_whoever_is_heard_first() {
        let (gate, other) = cut_off();
        for order in [[&gate, &other], [&other, &gate]] {
            let mut authority = Node::new(AUTHORITY);
            order.into_iter().for_each(|site| authority.hear(site));
            assert_eq!(authority.notices, [], "nothing is refused");
            assert_eq!(authority.people_in_log(), [person(1), person(1), person(2)]);
            let tube = authority.tube("T1");
            assert_eq!((tube.count, tube.opened.len(), tube.seals.len()), (3, 2, 2));
            let open = [(FlagState::Open, Owner::Authority)];
            for kind in [FlagKind::Duplicate, FlagKind::OpenedTwice, FlagKind::SealedTwice] {
                assert_eq!(states(&authority, kind), open, "{kind:?}");
            }
        }
    }

    #[test]
    fn the_site_that_hears_of_a_seal_keeps_what_it_registered_before_and_takes_nobody_after() {
        let (mut gate, mut other) = (Node::new(GATE), Node::new(OTHER_GATE));
        gate.does(open("T1", 5));
        other.hear(&gate);
        gate.does(seal("T1"));
        let late = other.registers(register("T1", 2)).registration.unwrap();
        other.hear(&gate);
        gate.hear(&other);
        for node in [&gate, &other] {
            let tube = node.tube("T1");
            let member = tube.members.iter().find(|member| member.registration == late).unwrap();
            assert!(member.late && member.counts, "{member:?}");
        }
        assert_eq!(other.ask(register("T1", 3)), Err(Refusal::TubeSealed { tube: barcode("T1") }));
    }

    #[test]
    fn a_person_dismisses_each_flag_and_every_registration_stays_in_the_log() {
        let (gate, other) = cut_off();
        let mut authority = Node::new(AUTHORITY);
        authority.hear(&gate);
        authority.hear(&other);
        authority.does(review("T1", "open", "10"));
        authority.does(review("T1", "seal", "3"));
        let registration = authority.flags(FlagKind::Duplicate)[0].parties[1].entry;
        authority.does(Command::Void { registration, tube: barcode("T1"), reason: why(), operator: operator() });
        let settled = [(FlagState::Settled, Owner::Authority)];
        for kind in [FlagKind::Duplicate, FlagKind::OpenedTwice, FlagKind::SealedTwice] {
            assert_eq!(states(&authority, kind), settled, "{kind:?}");
        }
        let tube = authority.tube("T1");
        assert_eq!((tube.count, tube.members.len(), tube.conflicts.len()), (2, 3, 0));
        assert_eq!(authority.people_in_log().len(), 3);
    }

    #[test]
    fn a_registration_that_comes_after_the_positive_result_is_recalled_with_the_others() {
        let (mut gate, mut lab, mut authority) = (Node::new(GATE), Node::new(LAB), Node::new(AUTHORITY));
        gate.does(open("T1", 5));
        gate.registers(register("T1", 1));
        lab.hear(&gate);
        lab.does(report("T1", Outcome::Positive));
        authority.hear(&lab);
        let recalled = |authority: &Node| recalls(&authority.tube("T1"), &|_| Vec::new()).len();
        assert_eq!(recalled(&authority), 1);
        gate.registers(register("T1", 2));
        authority.hear(&gate);
        assert_eq!(recalled(&authority), 2);
    }

    #[test]
    fn what_a_role_may_not_state_is_kept_flagged_and_applied_to_nothing() {
        let fact = Registered {
            tube: barcode("T1"),
            person: person(1),
            route: Route::Stated,
            document: 1,
            last_four: Text::default(),
            name: Text::default(),
            operator: operator(),
            warnings: 0,
            code: None,
            guardian: None,
            reason: None,
            details: None,
            seen: None,
        };
        let header = FeedHeader { writer: key(LAB), epoch: Epoch(1), lane: Lane(1) };
        let facts = [(Stamp(1), Fact::from(fact).to_bytes())];
        let chunk = OpenedChunk::write(&signing_key(LAB), header, (SeqNo(0), Hash::ZERO), facts);
        let (mut lab, mut authority) = (Node::new(LAB), Node::new(AUTHORITY));
        lab.disk.push(chunk.seal().into_bytes());
        authority.hear(&lab);
        assert_eq!(authority.people_in_log(), [person(1)]);
        let flag = &authority.flags(FlagKind::AboveRole)[0];
        assert_eq!((flag.owner, flag.state), (Owner::Authority, FlagState::Open));
        assert_eq!(flag.parties[0].entry, EntryId { feed: header.id(), seq: SeqNo(1) });
        assert_eq!(authority.tube("T1").count, 0);
    }
}

#[test]
fn a_duplicate_at_the_desk_asks_for_a_reason_names_the_other_site_and_then_stands() {
    let (mut gate, mut other) = (Node::new(GATE), Node::new(OTHER_GATE));
    gate.does(open("T1", 5));
    other.does(open("T2", 5));
    gate.registers(register("T1", 1));
    other.hear(&gate);
    let Ok(swabmesh_protocol::command::Reply::Verdict(asked)) = other.ask(register("T2", 1)) else { panic!() };
    let Verdict { needs_reason, registration, earlier, .. } = *asked;
    assert_eq!((needs_reason, registration, earlier[0].site.as_str()), (true, None, "node 3"));
    assert_eq!(other.tube("T2").count, 0, "asking registers nobody");
    let presented = present(person(1), None, Route::Document, 1, "张*");
    let verdict = other.registers(register_as("T2", presented, Some(why())));
    assert_eq!(verdict.verdict, Colour::Amber);
    assert_eq!(other.tube("T2").count, 1);
}

#[test]
fn a_review_settles_a_dispute_although_one_laboratory_had_heard_of_the_other() {
    let [mut gate, mut lab, mut other, mut authority] = [GATE, LAB, OTHER_LAB, AUTHORITY].map(Node::new);
    gate.does(open("T1", 1));
    gate.registers(register("T1", 1));
    lab.hear(&gate);
    lab.does(report("T1", Outcome::Positive));
    other.hear(&lab);
    other.does(report("T1", Outcome::Negative));
    authority.hear(&other);
    let state = |node: &Node| node.flags(FlagKind::DifferingResults)[0].state;
    assert_eq!(state(&authority), FlagState::Open);
    let verdict = authority.tube("T1").verdict.unwrap();
    assert!(verdict.disputed && verdict.reading.outcome == Outcome::Positive, "the safer one counts: {verdict:?}");
    authority.does(review("T1", "result", "negative final"));
    assert_eq!(state(&authority), FlagState::Settled);
    let verdict = authority.tube("T1").verdict.unwrap();
    assert!(verdict.reviewed && verdict.reading.outcome == Outcome::Negative, "{verdict:?}");
    // The site that sampled hears of it with everything else (T5).
    gate.hear(&authority);
    assert_eq!(gate.tube("T1").verdict, authority.tube("T1").verdict);
}
