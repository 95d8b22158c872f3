//! Facts of lying writers: nothing panics, and replicas fed in two orders end with equal heads.
#![no_main]

use libfuzzer_sys::fuzz_target;
use swabmesh_protocol::fact::{Fact, Moved, Operator, Outcome, Remark, Reported, Reviewed, Sealed, Stage, Subject, Voided};
use swabmesh_protocol::id::{Barcode, EntryId, FeedId, NodeKey, SeqNo};
use swabmesh_protocol::text::Text;
use swabmesh_protocol::time::Stamp;
use swabmesh_protocol::tube::summary::Summary;
use swabmesh_protocol::tube::{Document, DocumentFact, Health};

/// Facts of one input; more only make it slower.
const FACTS_MAX: usize = 64;

/// One byte names an entry: feed in the upper bits, number in the lower ones.
fn entry(byte: u8) -> EntryId {
    EntryId { feed: FeedId([byte >> 5; 16]), seq: SeqNo(u64::from(byte & 0x1f)) }
}

/// Five bytes make a fact: where it stands, what it is, a number, and two entries it claims to have seen.
fn said(bytes: &[u8; 5]) -> Option<DocumentFact> {
    let &[at, kind, number, one, other] = bytes;
    let tube: Barcode = "T-1".parse().ok()?;
    let (operator, reason) = (Operator::default(), Remark::default());
    let seen = match kind >> 6 {
        0 => None,
        1 => Some(vec![entry(one)]),
        _ => Some(vec![entry(one), entry(other)]),
    };
    let registration = entry(number);
    let review = |register: &str, value: &str| -> Option<Fact> {
        let (register, value) = (Text::new(register).ok()?, Text::new(value).ok()?);
        let (subject, seen) = (Subject::Tube("T-1".parse().ok()?), seen.clone());
        Some(Reviewed { subject, register, value, reason: Remark::default(), operator: Operator::default(), seen }.into())
    };
    let fact: Fact = match kind & 7 {
        0 | 1 => Sealed { tube, count: number, operator, seen }.into(),
        2 => Voided { tube, registration, reason, operator, seen }.into(),
        3 => {
            let registrations = (number..number.saturating_add(64)).map(entry).collect();
            Moved { registrations, from: "T-2".parse().ok()?, to: tube, reason, operator, seen }.into()
        }
        4 => Moved { registrations: vec![registration], from: tube.clone(), to: tube, reason, operator, seen }.into(),
        5 => Reported { tube, outcome: Outcome::Positive, stage: Stage::Final, operator, seen }.into(),
        6 => review("seal", "7")?,
        _ => review(&format!("void/{registration}"), "")?,
    };
    let id = entry(at);
    Some(DocumentFact { id, writer: NodeKey([id.feed.0[0] / 2; 32]), stamp: Stamp(u64::from(number)), fact })
}

fuzz_target!(|data: &[u8]| {
    let chunks = data.chunks_exact(5).filter_map(|bytes| said(bytes.try_into().ok()?));
    let mut facts: Vec<DocumentFact> = chunks.take(FACTS_MAX).collect();
    let mut arrived = facts.clone();
    // A log has one fact an entry; the first wins.
    facts.sort_by_key(|said| said.id);
    facts.dedup_by_key(|said| said.id);
    arrived.retain(|said| facts.contains(said));

    let Ok(barcode) = "T-1".parse() else { return };
    let subject = Subject::Tube(barcode);
    let is_held = |id: EntryId| id.feed.0[0] < 6;
    let built = Document::build(subject.clone(), facts.clone(), &is_held);
    let mut replica = Document::build(subject.clone(), [], &is_held);
    for said in arrived.into_iter().rev() {
        replica.apply([said], &is_held);
    }
    assert_eq!(built.health(), Health::Whole);
    assert_eq!(built.heads(), replica.heads());
    assert_eq!(built.save(), replica.save());
    assert_eq!(built.held_back(), replica.held_back());
    let shown = built.tube_view(&|_, _| None);
    assert_eq!(shown, replica.tube_view(&|_, _| None));

    let summary = Summary::of(&subject, &facts, &is_held);
    assert_eq!(summary.held(), built.held_back().len());
    assert_eq!(Some(summary.members().len()), shown.and_then(|shown| usize::try_from(shown.count).ok()));
});
