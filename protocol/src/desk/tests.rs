//! What the desk decides once the documents it asked for are read: each decision is said, and the next one sees it.

use super::*;
use crate::fact::{Field, Operator, Registered, Remark, Route};
use crate::id::{Person, SeqNo};
use crate::text::Text;
use crate::tube::Document;

mod corrections;
mod readings;
mod transport;

const GATE: NodeKey = NodeKey([1; 32]);
const NEIGHBOUR: NodeKey = NodeKey([2; 32]);
const LAB: NodeKey = NodeKey([3; 32]);
const OTHER_LAB: NodeKey = NodeKey([4; 32]);
const REVIEWER: NodeKey = NodeKey([5; 32]);
const CELL: Lane = Lane(7);

/// A node's feed in a lane; its id begins with the node and ends with the lane.
fn feed(node: NodeKey, lane: Lane) -> FeedId {
    let mut id = [node.0[0]; 16];
    id[15] = u8::try_from(lane.0).unwrap();
    FeedId(id)
}

fn lane_of(feed: &FeedId) -> Option<Lane> {
    Some(Lane(u16::from(feed.0[15])))
}

fn barcode(code: &str) -> Barcode {
    code.parse().unwrap()
}

fn tube(code: &str) -> Subject {
    Subject::Tube(barcode(code))
}

fn operator() -> Operator {
    Text::new("op1").unwrap()
}

fn why() -> Remark {
    Text::new("wrong swab").unwrap()
}

/// Everything that was said, held by everybody at once.
#[derive(Default)]
struct Book {
    said: Vec<DocumentFact>,
}

impl Book {
    /// What one node says in one lane; the entry it stands in.
    fn say(&mut self, node: NodeKey, lane: Lane, fact: impl Into<Fact>) -> EntryId {
        let feed = feed(node, lane);
        let before = self.said.iter().filter(|said| said.id.feed == feed).count() as u64;
        let id = EntryId { feed, seq: SeqNo(before + 1) };
        let stamp = Stamp(self.said.len() as u64 + 1);
        self.said.push(DocumentFact { id, writer: node, stamp, fact: fact.into() });
        id
    }

    fn about(&self, subject: &Subject) -> Vec<DocumentFact> {
        self.said.iter().filter(|said| said.fact.subjects().contains(subject)).cloned().collect()
    }

    fn summary(&self, subject: &Subject) -> Summary {
        Summary::of(subject, &self.about(subject), &|_| true)
    }

    fn members(&self, code: &str) -> Vec<EntryId> {
        self.summary(&tube(code)).members().to_vec()
    }

    fn document(&self, subject: Subject) -> Document {
        let facts = self.about(&subject);
        Document::build(subject, facts, &|_| true)
    }

    /// What a node decides, with everything said so far before it.
    fn decide(&self, node: NodeKey, command: Command) -> Result<Decision, Refusal> {
        let role = match node {
            LAB | OTHER_LAB => Role::Lab,
            REVIEWER => Role::Authority,
            _ => Role::Site,
        };
        let paper = |subject: Subject| Paper { facts: self.about(&subject), summary: self.summary(&subject), subject };
        let papers: Vec<Paper> = needs(&command).into_iter().map(paper).collect();
        let own = |lane| feed(node, lane);
        let lane = if role == Role::Site { CELL } else { Lane::CITY };
        Desk { own: node, role, lane, feed: &own, lane_of: &lane_of }.decide(command, &papers)
    }

    /// Decides, and says what was decided.
    fn act(&mut self, node: NodeKey, command: Command) -> Result<Decision, Refusal> {
        let decision = self.decide(node, command)?;
        for (lane, fact) in &decision.facts {
            self.say(node, *lane, fact.clone());
        }
        Ok(decision)
    }

    /// Opens a tube at a node and registers people into it.
    fn filled(&mut self, node: NodeKey, code: &str, pool: u8, people: u8) -> Vec<EntryId> {
        self.act(node, Command::Open { tube: barcode(code), pool, operator: operator() }).unwrap();
        (0..people).map(|number| self.register(node, code, number)).collect()
    }

    fn register(&mut self, node: NodeKey, code: &str, number: u8) -> EntryId {
        let fact = Registered {
            tube: barcode(code),
            person: Person([number; 16]),
            route: Route::Document,
            document: 1,
            last_four: Text::truncated("002X"),
            name: Text::truncated("张*"),
            operator: operator(),
            warnings: 0,
            code: None,
            guardian: None,
            reason: None,
            details: None,
            seen: None,
        };
        self.say(node, CELL, fact)
    }
}

fn seal(code: &str, not_full: bool) -> Command {
    Command::Seal { tube: barcode(code), operator: operator(), not_full }
}

fn reopen(code: &str) -> Command {
    Command::Reopen { tube: barcode(code), reason: why(), operator: operator() }
}

fn void(registration: EntryId, code: &str) -> Command {
    Command::Void { registration, tube: barcode(code), reason: why(), operator: operator() }
}

fn amend(registration: EntryId, code: &str) -> Command {
    let value = Text::new("李*").unwrap();
    Command::Amend { registration, tube: barcode(code), field: Field::Name, value, reason: why(), operator: operator() }
}

fn shift(registrations: Vec<EntryId>, from: &str, to: &str) -> Command {
    Command::Move { registrations, from: barcode(from), to: barcode(to), reason: why(), operator: operator() }
}

fn pack(code: &str, transport: &str) -> Command {
    Command::Pack { tube: barcode(code), transport: barcode(transport), operator: operator() }
}

fn hand_over(transport: &str, count: u16) -> Command {
    Command::HandOver { transport: barcode(transport), to: Text::new("courier").unwrap(), count, operator: operator() }
}

fn receive(subject: Subject, count: u16) -> Command {
    Command::Receive { subject, count, operator: operator() }
}

fn report(code: &str, outcome: Outcome, stage: Stage) -> Command {
    Command::Report { tube: barcode(code), outcome, stage, operator: operator() }
}

fn correct(code: &str, outcome: Outcome) -> Command {
    Command::Correct { tube: barcode(code), outcome, reason: why(), operator: operator() }
}

fn review(subject: Subject, register: &str, value: &str) -> Command {
    let (register, value) = (Text::new(register).unwrap(), Text::new(value).unwrap());
    Command::Review { subject, register, value, reason: why(), operator: operator() }
}

#[test]
fn nobody_states_what_is_not_of_their_role() {
    let mut book = Book::default();
    let registered = book.filled(GATE, "T1", 1, 1)[0];
    book.filled(GATE, "T2", 1, 0);
    let everybody = [GATE, LAB, REVIEWER];
    for (command, allowed) in [
        (Command::Open { tube: barcode("T9"), pool: 1, operator: operator() }, &[GATE][..]),
        (seal("T1", false), &[GATE]),
        (reopen("T1"), &[GATE]),
        (pack("T1", "B1"), &[GATE]),
        (void(registered, "T1"), &[GATE, REVIEWER]),
        (amend(registered, "T1"), &[GATE, REVIEWER]),
        (shift(vec![registered], "T1", "T2"), &[GATE, REVIEWER]),
        (hand_over("B1", 1), &[GATE, LAB]),
        (receive(tube("T1"), 1), &[LAB]),
        (report("T1", Outcome::Negative, Stage::Final), &[LAB]),
        (correct("T1", Outcome::Negative), &[LAB]),
        (review(tube("T1"), "seal", "1"), &[REVIEWER]),
    ] {
        for node in everybody {
            let decided = book.decide(node, command.clone());
            let refused = matches!(decided, Err(Refusal::Role { .. }));
            assert_eq!(refused, !allowed.contains(&node), "{node:?} {command:?}: {decided:?}");
            let facts = decided.map(|decision| decision.facts).unwrap_or_default();
            let role = if node == GATE {
                Role::Site
            } else if node == LAB {
                Role::Lab
            } else {
                Role::Authority
            };
            assert!(facts.iter().all(|(_, fact)| fact.allowed(role)), "what the desk lets through, the log lets stand");
        }
    }
}

#[test]
fn a_decision_without_the_documents_it_needs_is_none() {
    let desk = Desk { own: GATE, role: Role::Site, lane: CELL, feed: &|lane| feed(GATE, lane), lane_of: &lane_of };
    assert_eq!(desk.decide(seal("T1", false), &[]), Err(Refusal::Store));
    let paper = Paper { subject: tube("T1"), facts: Vec::new(), summary: Book::default().summary(&tube("T1")) };
    assert_eq!(desk.decide(shift(Vec::new(), "T1", "T2"), std::slice::from_ref(&paper)), Err(Refusal::Store));
    assert_eq!(desk.decide(pack("T1", "B1"), &[paper]), Err(Refusal::Store));
}

#[test]
fn a_tube_is_opened_once_at_a_desk_and_with_a_warning_at_a_second_one() {
    let mut book = Book::default();
    let open = |pool| Command::Open { tube: barcode("T1"), pool, operator: operator() };
    for pool in [0, 2, 15, 21] {
        assert_eq!(book.decide(GATE, open(pool)), Err(Refusal::PoolSize));
    }
    assert_eq!(book.act(GATE, open(5)).unwrap().warnings, [""; 0]);
    assert_eq!(book.decide(GATE, open(5)), Err(Refusal::TubeOpen { tube: barcode("T1") }));
    assert_eq!(book.act(NEIGHBOUR, open(10)).unwrap().warnings, ["opened-elsewhere"]);
    assert_eq!(book.summary(&tube("T1")).pool(), Some(10), "as the one says who had seen the other");
    book.act(GATE, seal("T1", true)).unwrap();
    assert_eq!(book.decide(NEIGHBOUR, open(10)), Err(Refusal::TubeSealed { tube: barcode("T1") }));
}

#[test]
fn a_tube_that_is_not_full_is_sealed_only_when_that_is_confirmed_and_never_twice() {
    let mut book = Book::default();
    book.filled(GATE, "T1", 5, 4);
    let not_full = Refusal::TubeNotFull { tube: barcode("T1"), count: 4, pool: 5 };
    assert_eq!(book.decide(GATE, seal("T1", false)), Err(not_full));
    let decision = book.act(GATE, seal("T1", true)).unwrap();
    assert!(matches!(decision.facts.as_slice(), [(CELL, Fact::Sealed(Sealed { count: 4, .. }))]));
    assert_eq!(book.decide(GATE, seal("T1", true)), Err(Refusal::TubeSealed { tube: barcode("T1") }));
    assert_eq!(book.decide(GATE, seal("T2", true)), Err(Refusal::TubeNotOpen { tube: barcode("T2") }));
}

#[test]
fn a_sealed_tube_is_filled_again_only_when_somebody_says_why_and_never_out_of_its_box() {
    let mut book = Book::default();
    book.filled(GATE, "T1", 5, 2);
    assert_eq!(book.decide(GATE, reopen("T1")), Err(Refusal::TubeStillOpen { tube: barcode("T1") }));
    book.act(GATE, seal("T1", true)).unwrap();
    let decision = book.act(GATE, reopen("T1")).unwrap();
    assert!(matches!(decision.facts.as_slice(), [(CELL, Fact::Reopened(_))]), "{decision:?}");
    let late = book.register(GATE, "T1", 9);
    let view = book.document(tube("T1")).tube_view(&|_, _| None).unwrap();
    assert!(view.seals.is_empty() && view.conflicts.is_empty(), "it is open: {view:?}");
    assert_eq!(view.reopened.iter().map(|one| one.reason.as_str()).collect::<Vec<_>>(), ["wrong swab"]);
    assert!(view.members.iter().all(|member| !member.late), "{view:?}");
    book.act(GATE, seal("T1", true)).unwrap();
    let view = book.document(tube("T1")).tube_view(&|_, _| None).unwrap();
    assert_eq!((view.seals.len(), view.count, view.reopened.len()), (1, 3, 1));
    assert!(book.summary(&tube("T1")).counts(late));
    book.act(GATE, pack("T1", "B1")).unwrap();
    assert_eq!(book.decide(GATE, reopen("T1")), Err(Refusal::TubePacked { tube: barcode("T1") }));
}
