//! One replica and a runner that answers by hand: what comes late, fails, or is asked twice.

use super::*;
use crate::chunk::OpenedChunk;
use crate::code::OfKind;
use crate::command::{Command, Issue, Refusal};
use crate::cose::Algorithm;
use crate::exchange::frame::{Held as AckOf, VERSION};
use crate::fact::{Opened, Operator};
use crate::io::PersistError;
use crate::merge::MergeRefusal;
use crate::text::Text;
use crate::time::Wall;
use crate::trust::{IssuerKey, TrustList};

const LINK: LinkId = LinkId(7);
const OTHER_LINK: LinkId = LinkId(8);
const SITE: u8 = 3;
const NEIGHBOUR: u8 = 4;

fn key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

fn certificate(n: u8, role: Role, lane: Lane) -> Vec<u8> {
    let (node, name) = (node_key(&key(n)), Text::truncated("node"));
    Certificate { node, role, name, lane, serial: 1, from: 0, until: u64::MAX }.sign(&key(1))
}

fn authority(held: Held) -> Replica {
    let identity = Identity {
        key: key(2),
        certificate: certificate(2, Role::Authority, Lane::CITY),
        root: key(1).verifying_key(),
        epoch: Epoch(1),
        seed: [5; 32],
        issuers: vec![key(9)],
    };
    let trust =
        TrustList::new(1, vec![IssuerKey::new(key(9).verifying_key())]).sign(&key(1), Algorithm::EdDsa).unwrap();
    let held = Held { signed: Signed { trust, ..held.signed }, ..held };
    let mut replica = Replica::restore(identity, held).unwrap();
    replica.sign_at = None;
    replica
}

fn now(ms: u64) -> Now {
    Now { mono: Mono(ms), wall: Wall(1_649_433_600_000 + ms) }
}

fn outputs(replica: &mut Replica, ms: u64, input: Input) -> Vec<Output> {
    replica.handle(now(ms), input);
    std::iter::from_fn(|| replica.next_output()).collect()
}

fn persists(outputs: &[Output]) -> Vec<RequestId> {
    let persist = |output: &Output| if let Output::Persist { request, .. } = output { Some(*request) } else { None };
    outputs.iter().filter_map(persist).collect()
}

fn loads(outputs: &[Output]) -> Vec<RequestId> {
    let load = |output: &Output| if let Output::Load { request, .. } = output { Some(*request) } else { None };
    outputs.iter().filter_map(load).collect()
}

fn acks(outputs: &[Output]) -> Vec<(LinkId, SeqNo)> {
    let ack = |output: &Output| {
        let Output::Send { link, bytes } = output else { return None };
        let Ok(Frame::Ack(held)) = Frame::from_bytes(bytes) else { return None };
        held.first().map(|AckOf { seq, .. }| (*link, *seq))
    };
    outputs.iter().filter_map(ack).collect()
}

fn frame(link: LinkId, frame: &Frame) -> Input {
    Input::Frame { link, bytes: frame.to_bytes() }
}

fn meet(replica: &mut Replica, link: LinkId, peer: u8) {
    outputs(replica, 0, Input::Connected { link, peer: node_key(&key(peer)), dialled: false });
    let hello = Hello {
        version_min: VERSION,
        version_max: VERSION,
        certificate: certificate(peer, Role::Site, Lane(1)).into(),
        epoch: Epoch(1),
        arrivals: 2,
        wall: now(0).wall.0,
        yours: None,
    };
    outputs(replica, 0, frame(link, &Frame::Hello(hello)));
}

/// Two chunks of the site's feed, one entry each.
fn two_chunks() -> [OpenedChunk; 2] {
    let header = crate::id::FeedHeader { writer: node_key(&key(SITE)), epoch: Epoch(1), lane: Lane(1) };
    let fact = |tube: &str| {
        let operator: Operator = Text::truncated("desk");
        Fact::from(Opened { tube: tube.parse().unwrap(), pool: 10, operator, seen: None }).to_bytes()
    };
    let first = OpenedChunk::write(&key(SITE), header, (SeqNo(0), Hash::ZERO), [(crate::time::Stamp(1), fact("T1"))]);
    let tip = (first.checkpoint.seq, first.checkpoint.head);
    let second = OpenedChunk::write(&key(SITE), header, tip, [(crate::time::Stamp(2), fact("T2"))]);
    [first, second]
}

fn sent(chunk: &OpenedChunk) -> Frame {
    Frame::Chunk(chunk.seal().into_bytes().into())
}

#[test]
fn a_chunk_behind_one_that_failed_is_not_durable() {
    let mut replica = authority(Held::default());
    meet(&mut replica, LINK, SITE);
    let chunks = two_chunks();
    let writes: Vec<RequestId> =
        chunks.iter().flat_map(|chunk| persists(&outputs(&mut replica, 1, frame(LINK, &sent(chunk))))).collect();
    assert_eq!(writes.len(), 2);
    let full = Input::Persisted { request: writes[0], result: Err(PersistError::Full) };
    assert!(acks(&outputs(&mut replica, 2, full)).is_empty());
    let after = outputs(&mut replica, 2, Input::Persisted { request: writes[1], result: Ok(Arrival(1)) });
    assert!(acks(&after).is_empty(), "{after:?}");
    assert_eq!(replica.status(now(3)).entries, 0);
    assert!(replica.receipting.as_ref().unwrap().due().is_none());
}

#[test]
fn everybody_who_sent_a_chunk_hears_when_it_is_durable_and_nobody_sooner() {
    let mut replica = authority(Held::default());
    meet(&mut replica, LINK, SITE);
    meet(&mut replica, OTHER_LINK, NEIGHBOUR);
    let [first, _] = two_chunks();
    let writes = persists(&outputs(&mut replica, 1, frame(LINK, &sent(&first))));
    let again = outputs(&mut replica, 1, frame(OTHER_LINK, &sent(&first)));
    assert!(persists(&again).is_empty() && acks(&again).is_empty(), "{again:?}");
    let after = outputs(&mut replica, 2, Input::Persisted { request: writes[0], result: Ok(Arrival(1)) });
    assert_eq!(acks(&after), [(LINK, SeqNo(1)), (OTHER_LINK, SeqNo(1))]);
}

/// Of a machine with a dead battery.
#[test]
fn what_is_written_with_a_clock_of_1970_is_stamped_with_what_the_authority_signed_last() {
    use crate::status::delta::StatusDelta;
    let mut site = careful_site();
    // Later than what it wrote itself: a stamp rises along its feed anyway.
    let signed = now(0).wall.seconds() + 3_600;
    let sign = StatusDelta { list: 1, bits: 8, issued_at_s: signed, set: Vec::new() };
    let header = crate::id::FeedHeader { writer: node_key(&key(2)), epoch: Epoch(1), lane: Lane::CITY };
    let facts = [(crate::time::Stamp(1), Fact::from(sign).to_bytes())];
    let chunk = OpenedChunk::write(&key(2), header, (SeqNo(0), Hash::ZERO), facts);
    let enrolled = crate::io::Carried::Certificate(certificate(2, Role::Authority, Lane::CITY));
    outputs(&mut site, 2, import(1, enrolled));
    let sign = crate::io::Carried::Chunk(chunk.seal().into_bytes());
    let written = persists(&outputs(&mut site, 2, import(2, sign)));
    outputs(&mut site, 2, Input::Persisted { request: written[0], result: Ok(Arrival(2)) });
    let open = Command::Open { tube: "T2".parse().unwrap(), pool: 10, operator: Text::truncated("op1") };
    let dead = Now { mono: Mono(3), wall: Wall(0) };
    site.handle(dead, Input::Command { request: RequestId(3), command: Box::new(open) });
    let asked: Vec<Output> = std::iter::from_fn(|| site.next_output()).collect();
    let answer = Answer::Desk { through: Arrival(0), prior: Vec::new(), documents: vec![Vec::new()] };
    site.handle(dead, Input::Loaded { request: loads(&asked)[0], answer });
    let chunk = std::iter::from_fn(|| site.next_output());
    let mut chunks =
        chunk.filter_map(|output| if let Output::Persist { chunk, .. } = output { Some(chunk) } else { None });
    let chunk = SealedChunk::parse(chunks.next().unwrap()).unwrap().open().unwrap();
    assert!(chunk.entries[0].stamp.wall() >= Wall::from_seconds(signed), "{:?}", chunk.entries[0].stamp);
    assert!(site.status(dead).clock_doubtful);
}

/// The peer was asked for what comes next before its history was in doubt: nothing held contradicts it.
#[test]
fn what_a_suspect_sends_beyond_what_is_held_is_not_acknowledged() {
    use crate::fork::Divergence;
    let mut replica = authority(Held::default());
    meet(&mut replica, LINK, SITE);
    let [first, second] = two_chunks();
    let write = persists(&outputs(&mut replica, 1, frame(LINK, &sent(&first))))[0];
    outputs(&mut replica, 1, Input::Persisted { request: write, result: Ok(Arrival(1)) });
    let fact = (crate::time::Stamp(1), second.entries[0].fact.clone());
    let other = OpenedChunk::write(&key(SITE), first.header, (SeqNo(0), Hash::ZERO), [fact]);
    let mut compared = |chunk: &OpenedChunk, divergence| {
        let asked = outputs(&mut replica, 2, frame(LINK, &sent(chunk)));
        assert!(persists(&asked).is_empty(), "{asked:?}");
        outputs(&mut replica, 2, Input::Loaded { request: loads(&asked)[0], answer: Answer::Diverges(divergence) })
    };
    compared(&other, Divergence::Below { from: SeqNo(1) });
    let beyond = compared(&second, Divergence::Agrees);
    let gone = |output: &Output| {
        let Output::Send { bytes, .. } = output else { return false };
        matches!(Frame::from_bytes(bytes), Ok(Frame::Gone(_)))
    };
    assert!(acks(&beyond).is_empty() && beyond.iter().any(gone), "{beyond:?}");
    assert_eq!(acks(&compared(&first, Divergence::Agrees)), [(LINK, SeqNo(1))], "that much is held");
}

#[test]
fn receipts_that_a_restart_or_a_full_disk_swallowed_are_written_again() {
    let [first, _] = two_chunks();
    let head = Head {
        header: first.header,
        seq: first.checkpoint.seq,
        hash: first.checkpoint.head,
        stamp: crate::time::Stamp(1),
        signature: first.checkpoint.signature,
        arrival: Arrival(1),
    };
    let mut replica = authority(Held { heads: vec![head], ..Held::default() });
    let writes = persists(&outputs(&mut replica, 1, Input::DeadlineReached));
    assert_eq!(writes.len(), 1, "a receipt for what was held and never signed for");
    outputs(&mut replica, 2, Input::Persisted { request: writes[0], result: Err(PersistError::Full) });
    let due = replica.receipting.as_ref().unwrap().due().unwrap();
    let writes = persists(&outputs(&mut replica, due.0, Input::DeadlineReached));
    assert_eq!(writes.len(), 1);
    let receipts = [(first.header.id(), SeqNo(1))].into();
    let signed = authority(Held { heads: vec![head], receipts, ..Held::default() });
    assert!(signed.receipting.unwrap().due().is_none());
}

/// A laboratory writes to each cell whose tubes it reads: more feeds than the marks of one fact.
#[test]
fn a_node_of_three_hundred_feeds_is_withdrawn_and_each_of_them_stands_up_to_its_mark() {
    use crate::limits::WITHDRAWN_MARKS_MAX;
    use crate::project::{self, Placed, Rules, quarantine};
    use crate::roster::Standing;
    use crate::view::{Batch, MemoryTables, Table, View};
    const UNHEARD_OF: u16 = 301;
    let [one, _] = two_chunks();
    let feed = |lane| crate::id::FeedHeader { lane: Lane(lane), ..one.header };
    let fact = || (crate::time::Stamp(1), one.entries[0].fact.clone());
    let written = |lane, entries| {
        OpenedChunk::write(&key(SITE), feed(lane), (SeqNo(0), Hash::ZERO), std::iter::repeat_with(fact).take(entries))
    };
    let head = |lane: u16| {
        let chunk = written(lane, 1);
        let (seq, hash, signature) = (chunk.checkpoint.seq, chunk.checkpoint.head, chunk.checkpoint.signature);
        Head { header: feed(lane), seq, hash, stamp: crate::time::Stamp(1), signature, arrival: Arrival(lane.into()) }
    };
    let mut replica = authority(Held { heads: (1..UNHEARD_OF).map(head).collect(), ..Held::default() });
    meet(&mut replica, LINK, SITE);
    // Another node holds an entry more of each, and a feed that the authority never heard of.
    let mut tables = MemoryTables::default();
    let mut apply = |chunk: &OpenedChunk, arrival| {
        let role_of =
            |writer: &NodeKey| Some(if *writer == node_key(&key(SITE)) { Role::Site } else { Role::Authority });
        let rules = Rules { window_ms: 1, role_of: &role_of, keys_max: 64, prunes: true };
        let mut largest = 0;
        loop {
            let mut batch = Batch::new(&tables);
            let placed = project::apply(&mut batch, chunk, Arrival(arrival), &rules).unwrap().placed;
            largest = batch.len().max(largest);
            tables.apply(batch.into_writes());
            if !matches!(placed, Placed::Partly { .. }) {
                return largest;
            }
        }
    };
    (1..=UNHEARD_OF).for_each(|lane| _ = apply(&written(lane, 2), lane.into()));
    let withdraw = Command::Withdraw { node: node_key(&key(SITE)), reason: Text::truncated(&"贼".repeat(40)) };
    let said = outputs(&mut replica, 1, Input::Command { request: RequestId(1), command: Box::new(withdraw) });
    let Some(Output::Persist { request, chunk, .. }) = said.into_iter().next() else { panic!("nothing is written") };
    let after = outputs(&mut replica, 2, Input::Persisted { request, result: Ok(Arrival(500)) });
    assert_eq!(after.iter().filter(|output| matches!(output, Output::Withdraw { .. })).count(), 1, "{after:?}");
    let chunk = SealedChunk::parse(chunk).unwrap().open().unwrap();
    assert!(chunk.entries.len() > 1);
    let largest = apply(&chunk, 500);
    assert!(largest <= 8 * 2 * WITHDRAWN_MARKS_MAX + 64, "{largest} keys in one batch");
    for lane in 1..=UNHEARD_OF {
        let (mark, id) = (SeqNo(u64::from(lane != UNHEARD_OF)), feed(lane).id());
        assert_eq!(replica.standing(&feed(lane).writer, &id), Standing::WithdrawnAbove(mark, Role::Site));
        assert_eq!(quarantine::cut(&tables, &id).unwrap().unwrap().from, mark.next());
    }
    let rows = tables.scan_prefix(Table::Quarantine, &[], usize::MAX).unwrap();
    assert!(rows.iter().all(|(key, value)| key.first() != Some(&6) && value.len() <= crate::limits::PAGE_BYTES_MAX));
}

fn order() -> Command {
    Command::Issue(Box::new(Issue {
        person: crate::id::Person([2; 16]),
        name: "张*".to_owned(),
        document: 1,
        last_four: "002X".to_owned(),
        of_kind: OfKind::Static,
    }))
}

/// Asks for a code and answers from an empty registry.
fn issue(replica: &mut Replica, ms: u64) -> Vec<Output> {
    let asked = outputs(replica, ms, Input::Command { request: RequestId(ms), command: Box::new(order()) });
    let answer = Answer::Registry { through: Arrival(0), issued: Vec::new() };
    outputs(replica, ms, Input::Loaded { request: loads(&asked)[0], answer })
}

/// The status list and bit of the code in the first chunk to be written.
fn place(outputs: &[Output]) -> (u32, u32) {
    let chunk = |output: &Output| if let Output::Persist { chunk, .. } = output { Some(chunk.clone()) } else { None };
    let sealed = SealedChunk::parse(outputs.iter().find_map(chunk).unwrap()).unwrap();
    let Ok(Fact::Issued(issued)) = Fact::from_bytes(&sealed.open().unwrap().entries[0].fact) else { unreachable!() };
    (issued.list, issued.index)
}

#[test]
fn the_place_of_a_code_that_never_reached_the_disk_is_free_again() {
    let mut replica = authority(Held::default());
    let written = issue(&mut replica, 1);
    let full = Input::Persisted { request: persists(&written)[0], result: Err(PersistError::Full) };
    let refused = outputs(&mut replica, 2, full);
    assert!(matches!(refused.as_slice(), [Output::Reply { result: Err(Refusal::Disk(_)), .. }]), "{refused:?}");
    // A node restored from the same disk, which holds no code, gives this place away first.
    assert_eq!(place(&issue(&mut replica, 3)), place(&issue(&mut authority(Held::default()), 3)));
}

#[test]
fn an_answer_read_before_the_tables_caught_up_does_not_hide_what_this_node_wrote() {
    let mut replica = authority(Held::default());
    let written = issue(&mut replica, 1);
    let request = persists(&written)[0];
    outputs(&mut replica, 2, Input::Persisted { request, result: Ok(Arrival(1)) });
    let asked = outputs(&mut replica, 3, Input::Command { request: RequestId(3), command: Box::new(order()) });
    // The store read its tables, then they caught up, and only then the answer arrives.
    outputs(&mut replica, 4, Input::Indexed { through: Arrival(1) });
    let answer = Answer::Registry { through: Arrival(0), issued: Vec::new() };
    let decided = outputs(&mut replica, 5, Input::Loaded { request: loads(&asked)[0], answer });
    assert_eq!(persists(&decided).len(), 2, "the registry's entry and the revocation of the code before");
}

fn import(number: u64, carried: crate::io::Carried) -> Input {
    Input::Import { request: Some(RequestId(number)), carried }
}

fn imported(outputs: &[Output]) -> Vec<(u64, Result<crate::io::Imported, crate::io::ImportRefusal>)> {
    let imported = |output: &Output| {
        if let Output::Imported { request, result } = output { Some((request.0, *result)) } else { None }
    };
    outputs.iter().filter_map(imported).collect()
}

#[test]
fn an_import_is_answered_once_it_is_on_disk_and_again_as_known() {
    use crate::io::{Carried, ImportRefusal, Imported};
    let mut replica = authority(Held::default());
    let [first, second] = two_chunks().map(|chunk| Carried::Chunk(chunk.seal().into_bytes()));
    let stranger = outputs(&mut replica, 1, import(1, second.clone()));
    assert_eq!(imported(&stranger), [(1, Err(ImportRefusal::Chunk(MergeRefusal::UnknownWriter)))]);
    let certificate = Carried::Certificate(certificate(SITE, Role::Site, Lane(1)));
    let enrolled = outputs(&mut replica, 2, import(2, certificate.clone()));
    assert_eq!(imported(&enrolled), [(2, Ok(Imported::Taken))]);
    assert!(enrolled.iter().any(|output| matches!(output, Output::Keep { .. })), "{enrolled:?}");
    assert_eq!(imported(&outputs(&mut replica, 2, import(3, certificate))), [(3, Ok(Imported::Known))]);
    let gap = MergeRefusal::Gap { expected: SeqNo(1), first: SeqNo(2) };
    assert_eq!(imported(&outputs(&mut replica, 3, import(4, second))), [(4, Err(gap.into()))]);
    let written = outputs(&mut replica, 4, import(5, first.clone()));
    let again = outputs(&mut replica, 4, import(6, first.clone()));
    assert!(imported(&written).is_empty() && imported(&again).is_empty(), "not on disk yet");
    let durable = Input::Persisted { request: persists(&written)[0], result: Ok(Arrival(1)) };
    let answers = imported(&outputs(&mut replica, 5, durable));
    assert_eq!(answers, [(5, Ok(Imported::Taken)), (6, Ok(Imported::Taken))]);
    assert_eq!(imported(&outputs(&mut replica, 6, import(7, first))), [(7, Ok(Imported::Known))]);
    assert!(!replica.is_settled(), "a receipt is owed");
}

#[test]
fn many_codes_are_answered_at_once_when_all_are_on_disk_and_nobody_holds_two_of_a_kind() {
    let mut replica = authority(Held::default());
    let Command::Issue(one) = order() else { unreachable!() };
    let other = Issue { person: crate::id::Person([3; 16]), ..*one.clone() };
    let nameless = Issue { name: String::new(), ..other.clone() };
    let orders = vec![*one.clone(), other, nameless, *one];
    let command = Box::new(Command::IssueMany(orders));
    let asked = outputs(&mut replica, 1, Input::Command { request: RequestId(1), command });
    let answer = Answer::Registry { through: Arrival(0), issued: Vec::new() };
    let written = outputs(&mut replica, 1, Input::Loaded { request: loads(&asked)[0], answer });
    let persists = persists(&written);
    assert_eq!(persists.len(), 2, "the registry's entries, and what died");
    let first = outputs(&mut replica, 2, Input::Persisted { request: persists[0], result: Ok(Arrival(1)) });
    assert!(!first.iter().any(|output| matches!(output, Output::Reply { .. })));
    let second = outputs(&mut replica, 3, Input::Persisted { request: persists[1], result: Ok(Arrival(2)) });
    let codes = |output| {
        let Output::Reply { result: Ok(crate::command::Reply::IssuedMany(codes)), .. } = output else { return None };
        Some(codes)
    };
    let reply = second.into_iter().find_map(codes);
    let codes = reply.unwrap();
    assert!(codes[2].is_err() && codes[0].as_ref().unwrap().replaced.is_none());
    assert_eq!(codes[3].as_ref().unwrap().replaced, Some(codes[0].as_ref().unwrap().code));
}

/// A site whose policy wants every registration at a neighbour before it is green, with an open tube.
fn careful_site() -> Replica {
    use crate::policy::{Acknowledge, Policy};
    let policy = Policy { version: 1, acknowledge: Acknowledge::Neighbour, ..Policy::default() };
    let signed = Signed { policy: policy.sign(&key(1), Algorithm::EdDsa).unwrap(), ..Signed::default() };
    let identity = Identity {
        key: key(SITE),
        certificate: certificate(SITE, Role::Site, Lane(1)),
        root: key(1).verifying_key(),
        epoch: Epoch(1),
        seed: [5; 32],
        issuers: Vec::new(),
    };
    let mut site = Replica::restore(identity, Held { signed, ..Held::default() }).unwrap();
    let open = Command::Open { tube: "T1".parse().unwrap(), pool: 10, operator: Text::truncated("op1") };
    let written = decided(&mut site, 1, open);
    outputs(&mut site, 1, Input::Persisted { request: persists(&written)[0], result: Ok(Arrival(1)) });
    site
}

/// Gives a command, and answers its question from empty tables.
fn decided(replica: &mut Replica, number: u64, command: Command) -> Vec<Output> {
    let asked = outputs(replica, number, Input::Command { request: RequestId(number), command: Box::new(command) });
    let answer = Answer::Desk { through: Arrival(0), prior: Vec::new(), documents: vec![Vec::new()] };
    outputs(replica, number, Input::Loaded { request: loads(&asked)[0], answer })
}

/// Registers somebody at `ms`; what comes out when it is on disk here.
fn registered(site: &mut Replica, ms: u64, arrival: u64) -> Vec<Output> {
    use crate::command::{Presented, Register};
    use crate::fact::Route;
    let presented = Presented::Document {
        person: crate::id::Person([9; 16]),
        route: Route::Stated,
        document: 3,
        last_four: Text::truncated("0007"),
        name: Text::truncated("I*"),
        guardian: None,
        details: None,
    };
    let (tube, operator) = ("T1".parse().unwrap(), Text::truncated("op1"));
    let written = decided(site, ms, Command::Register(Box::new(Register { tube, presented, operator, reason: None })));
    outputs(site, ms, Input::Persisted { request: persists(&written)[0], result: Ok(Arrival(arrival)) })
}

fn verdicts(outputs: &[Output]) -> Vec<(crate::verify::Verdict, String)> {
    let verdict = |output: &Output| {
        let Output::Reply { result: Ok(crate::command::Reply::Verdict(verdict)), .. } = output else { return None };
        assert!(verdict.registration.is_some(), "{verdict:?}");
        Some((verdict.verdict, verdict.reason.clone()))
    };
    outputs.iter().filter_map(verdict).collect()
}

#[test]
fn green_is_said_once_a_neighbour_holds_it_durably() {
    let mut site = careful_site();
    meet(&mut site, LINK, NEIGHBOUR);
    assert!(verdicts(&registered(&mut site, 10, 2)).is_empty(), "on this disk only");
    let feed = site.append.feed(Lane(1)).short();
    let acked = |seq| frame(LINK, &Frame::Ack(vec![AckOf { feed, seq: SeqNo(seq) }]));
    assert!(verdicts(&outputs(&mut site, 11, acked(1))).is_empty(), "what came before it is no news");
    let said = verdicts(&outputs(&mut site, 12, acked(2)));
    assert_eq!(said, [(crate::verify::Verdict::Green, "ok".to_owned())]);
    assert!(!site.outputs.iter().any(|output| matches!(output, Output::Reply { .. })));
    assert_eq!(site.status(now(13)).own.at_neighbour, 1);
}

#[test]
fn without_a_neighbour_in_time_the_verdict_is_amber_and_never_a_refusal() {
    let only_here = [(crate::verify::Verdict::Amber, "only-here".to_owned())];
    assert_eq!(verdicts(&registered(&mut careful_site(), 10, 2)), only_here, "nobody is connected: no wait");
    let mut site = careful_site();
    meet(&mut site, LINK, NEIGHBOUR);
    assert!(verdicts(&registered(&mut site, 10, 2)).is_empty());
    assert!(verdicts(&outputs(&mut site, 709, Input::DeadlineReached)).is_empty());
    assert!(site.next_deadline().unwrap().0 <= Mono(710));
    assert_eq!(verdicts(&outputs(&mut site, 710, Input::DeadlineReached)), only_here);
    assert!(verdicts(&outputs(&mut site, 711, Input::DeadlineReached)).is_empty(), "said once");
}
