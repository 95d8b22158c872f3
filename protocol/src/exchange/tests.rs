//! Two nodes that exchange real frames, with the chunks between them taken as sent: what is said, and what it costs.

use super::*;
use crate::certificate::Certificate;
use crate::fact::Role;
use crate::frontier::Head;
use crate::id::{FeedHeader, Hash, Lane};
use crate::text::Text;
use crate::time::Stamp;

const LINK: LinkId = LinkId(1);
/// Bytes of the length before each frame.
const LENGTH_BYTES: usize = 4;

struct Tip<'f>(&'f Frontier);

impl Tips for Tip<'_> {
    fn tip(&self, feed: FeedShort) -> Option<(SeqNo, [u8; 4])> {
        let (id, head) = self.0.named(feed).next()?;
        let told = ToldHead::of(id, head);
        Some((told.seq, told.hash))
    }
}

struct Side {
    exchange: Exchange,
    frontier: Frontier,
    certificate: Certificate,
    epoch: Epoch,
}

fn head(n: u32, seq: u64, arrival: u64) -> Head {
    let mut writer = [0; 32];
    writer[..4].copy_from_slice(&n.to_be_bytes());
    let header = FeedHeader { writer: NodeKey(writer), epoch: Epoch(1), lane: Lane(1) };
    let hash = Hash(FeedHeader::id(&header).0.repeat(2).try_into().unwrap());
    Head { header, seq: SeqNo(seq), hash, stamp: Stamp(0), signature: [0; 64], arrival: Arrival(arrival) }
}

impl Side {
    fn new(number: u8, feeds: u32) -> Self {
        let own = Own { lanes: Lanes::All, epoch: Epoch(number.into()), certificate: vec![0; 200] };
        let node = NodeKey([number; 32]);
        let name = Text::truncated("node");
        let certificate = Certificate { node, role: Role::Lab, name, lane: Lane(1), serial: 1, from: 0, until: 9 };
        let mut frontier = Frontier::default();
        (0..feeds).for_each(|n| frontier.set(head(n, 20_000, u64::from(n) + 1)));
        let newest = frontier.newest();
        let exchange = Exchange::new(own, BTreeMap::new(), newest, [number; 32]);
        Self { exchange, frontier, certificate, epoch: Epoch(number.into()) }
    }

    fn append(&mut self, feeds: std::ops::Range<u32>) {
        for n in feeds {
            let arrival = self.frontier.newest().0 + 1;
            self.frontier.set(head(n, 20_001, arrival));
        }
    }
}

fn at(ms: u64) -> Now {
    Now { mono: Mono(ms), wall: Wall(1_000_000 + ms) }
}

/// Connects the two, the first dials; returns what followed the hellos: frames by name with their bytes.
fn meet(sides: &mut [Side; 2], ms: u64) -> Vec<(&'static str, usize)> {
    let peers = [sides[1].certificate.node, sides[0].certificate.node];
    for (n, side) in sides.iter_mut().enumerate() {
        side.exchange.connected(at(ms), LINK, (peers[n], n == 0), true, &side.frontier);
    }
    pump(sides, ms)
}

fn part(sides: &mut [Side; 2], ms: u64) {
    sides.iter_mut().for_each(|side| side.exchange.disconnected(at(ms), LINK));
}

/// Carries frames until nobody says anything more.
fn pump(sides: &mut [Side; 2], ms: u64) -> Vec<(&'static str, usize)> {
    let mut crossed = Vec::new();
    loop {
        let mut quiet = true;
        for n in [0, 1] {
            for out in sides[n].exchange.take_out() {
                let Out::Send(_, frame) = out else { continue };
                quiet = false;
                let bytes = frame.to_bytes();
                let frame = Frame::from_bytes(&bytes).unwrap();
                let [one, other] = sides;
                let (from, to) = if n == 0 { (one, other) } else { (other, one) };
                if let Frame::Hello(hello) = &frame {
                    assert_eq!(hello.epoch, from.epoch);
                    to.exchange.welcome(at(ms), LINK, hello, from.certificate.clone(), &to.frontier);
                    continue;
                }
                crossed.push((name(&frame), bytes.len() + LENGTH_BYTES));
                if let Frame::Want(wants) = &frame {
                    // The chunks, in one step.
                    for want in wants {
                        let (_, head) = to.frontier.named(want.feed).next().unwrap();
                        let arrival = Arrival(from.frontier.newest().0 + 1);
                        from.frontier.set(Head { arrival, ..*head });
                        from.exchange.arrived(at(ms), LINK, want.feed, want.to);
                        from.exchange.durable(at(ms), None, want.feed, Lane(1), want.to);
                    }
                    continue;
                }
                let Side { exchange, frontier, .. } = to;
                exchange.frame(at(ms), LINK, frame, frontier, &Tip(frontier));
            }
        }
        if quiet {
            return crossed;
        }
    }
}

fn name(frame: &Frame) -> &'static str {
    match frame {
        Frame::Hello(_) => "hello",
        Frame::Resume { .. } => "resume",
        Frame::Compare { .. } => "compare",
        Frame::Same { .. } => "same",
        Frame::Differ { .. } => "differ",
        Frame::Show { .. } => "show",
        Frame::Heads { .. } => "heads",
        Frame::Want(_) => "want",
        Frame::Chunk(_) => "chunk",
        Frame::Ack(_) => "ack",
        Frame::Gone(_) => "gone",
        Frame::Bye => "bye",
        Frame::Sync { .. } => "sync",
        Frame::Told { .. } => "told",
    }
}

fn cost(crossed: &[(&'static str, usize)]) -> usize {
    crossed.iter().filter(|(name, _)| *name != "want").map(|(_, bytes)| bytes).sum()
}

fn roots_equal(sides: &[Side; 2]) -> bool {
    sides[0].frontier.root(&Lanes::All) == sides[1].frontier.root(&Lanes::All)
}

#[test]
fn two_nodes_that_hold_the_same_know_it_after_one_round_trip_of_64_bytes() {
    let mut sides = [Side::new(1, 15_000), Side::new(2, 15_000)];
    meet(&mut sides, 0);
    part(&mut sides, 1);
    let again = meet(&mut sides, 2);
    assert_eq!(again.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["sync", "same"]);
    assert!(cost(&again) <= 64, "{again:?}");
    assert!(sides.iter().all(|side| side.exchange.in_sync(LINK).is_some()), "both know");
}

#[test]
fn what_changed_on_either_side_costs_16_bytes_a_feed_and_64_once() {
    for (here, there) in [(1, 0), (0, 1), (1, 1), (100, 0), (0, 500), (30, 40)] {
        let mut sides = [Side::new(1, 3_000), Side::new(2, 3_000)];
        meet(&mut sides, 0);
        part(&mut sides, 1);
        sides[0].append(0..here);
        sides[1].append(1_000..1_000 + there);
        let crossed = meet(&mut sides, 2);
        assert!(roots_equal(&sides), "{crossed:?}");
        let bound = 64 + 16 * (here + there) as usize;
        assert!(cost(&crossed) <= bound, "{here} and {there}: {} of {bound}: {crossed:?}", cost(&crossed));
    }
}

#[test]
fn first_contact_of_one_change_costs_4_kilobytes_and_of_all_180() {
    let mut sides = [Side::new(1, 15_000), Side::new(2, 15_000)];
    sides[1].append(7..8);
    let crossed = meet(&mut sides, 0);
    assert!(roots_equal(&sides));
    assert!(cost(&crossed) <= 4_000, "{}: {crossed:?}", cost(&crossed));
    let mut sides = [Side::new(1, 15_000), Side::new(2, 15_000)];
    sides[0].append(7..8);
    let crossed = meet(&mut sides, 0);
    assert!(roots_equal(&sides), "the other way round");
    assert!(cost(&crossed) <= 4_000, "{}: {crossed:?}", cost(&crossed));
    let mut sides = [Side::new(1, 0), Side::new(2, 15_000)];
    let crossed = meet(&mut sides, 0);
    assert!(roots_equal(&sides));
    assert!(cost(&crossed) <= 180_000, "{}", cost(&crossed));
}

#[test]
fn a_node_of_version_1_and_one_of_version_2_sync_in_version_1() {
    for old in [0, 1] {
        let mut sides = [Side::new(1, 50), Side::new(2, 50)];
        sides[old].exchange.speak_versions(1, 1);
        sides[0].append(0..3);
        sides[1].append(10..14);
        let crossed = meet(&mut sides, 0);
        assert!(roots_equal(&sides), "{crossed:?}");
        assert!(crossed.iter().all(|(name, _)| !["sync", "told"].contains(name)), "{crossed:?}");
        for side in &sides {
            assert_eq!(side.exchange.session(LINK).unwrap().open.as_ref().unwrap().version, 1);
        }
        // What is new later is told in the same version.
        sides[0].append(20..21);
        let Side { exchange, frontier, .. } = &mut sides[0];
        exchange.announce(at(50), frontier);
        let told = pump(&mut sides, 50);
        assert_eq!(told.first().map(|(name, _)| *name), Some("heads"));
        assert!(roots_equal(&sides));
    }
}

#[test]
fn nodes_without_a_version_in_common_part_and_both_know_why() {
    let mut sides = [Side::new(1, 5), Side::new(2, 5)];
    sides[0].exchange.speak_versions(1, 1);
    sides[1].exchange.speak_versions(2, 2);
    let peers = [sides[1].certificate.node, sides[0].certificate.node];
    for n in [0, 1] {
        let side = &mut sides[n];
        side.exchange.connected(at(0), LINK, (peers[n], n == 0), true, &side.frontier);
    }
    for n in [0, 1] {
        let hello = sides[n].exchange.take_out().into_iter().find_map(|out| match out {
            Out::Send(_, Frame::Hello(hello)) => Some(hello),
            Out::Send(..) | Out::Close(..) | Out::Remember(..) | Out::InSync(_) => None,
        });
        let certificate = sides[n].certificate.clone();
        let other = &mut sides[1 - n];
        other.exchange.welcome(at(0), LINK, &hello.unwrap(), certificate, &other.frontier);
        let closed = other.exchange.out.contains(&Out::Close(LINK, CloseReason::Version));
        assert!(closed, "side {}", 1 - n);
    }
}

#[test]
fn what_is_written_while_the_comparison_is_on_its_way_is_told_all_the_same() {
    let mut sides = [Side::new(1, 50), Side::new(2, 50)];
    meet(&mut sides, 0);
    part(&mut sides, 1);
    // The dialler writes after its root has left and before the answer is here: nobody announces to a session that just opens.
    let peers = [sides[1].certificate.node, sides[0].certificate.node];
    for n in [0, 1] {
        let side = &mut sides[n];
        side.exchange.connected(at(2), LINK, (peers[n], n == 0), true, &side.frontier);
    }
    let hello = |side: &mut Side| {
        let first = side.exchange.take_out().remove(0);
        let Out::Send(_, Frame::Hello(hello)) = first else { panic!("{first:?}") };
        hello
    };
    let (one, other) = (hello(&mut sides[0]), hello(&mut sides[1]));
    let certificates = [sides[0].certificate.clone(), sides[1].certificate.clone()];
    let [a, b] = &mut sides;
    a.exchange.welcome(at(2), LINK, &other, certificates[1].clone(), &a.frontier);
    b.exchange.welcome(at(2), LINK, &one, certificates[0].clone(), &b.frontier);
    a.append(5..6);
    a.exchange.announce(at(2), &a.frontier);
    pump(&mut sides, 3);
    assert!(roots_equal(&sides));
}

/// Lets both compare roots whenever it is time, up to `until_ms`; returns when roots were equal.
fn compare_until_equal(sides: &mut [Side; 2], until_ms: u64) -> Option<u64> {
    loop {
        if roots_equal(sides) {
            return sides.iter().filter_map(|side| side.exchange.compare_at()).map(|at| at.0).min();
        }
        let due = sides.iter().filter_map(|side| side.exchange.compare_at()).min()?;
        if due.0 > until_ms {
            return None;
        }
        sides.iter_mut().for_each(|side| side.exchange.compare(at(due.0), &side.frontier));
        pump(sides, due.0);
    }
}

#[test]
fn more_feeds_than_a_frame_holds_are_told_in_several_and_all_of_them_come() {
    let many = 2 * u32::try_from(FRAME_HEADS_MAX).unwrap() + 5;
    for versions in [(1, 1), (1, 2)] {
        // First contact, either way round.
        for holder in [0, 1] {
            let mut sides = [0, 1].map(|n| Side::new(n + 1, if usize::from(n) == holder { many } else { 0 }));
            sides[0].exchange.speak_versions(versions.0, versions.1);
            meet(&mut sides, 0);
            assert!(compare_until_equal(&mut sides, 20_000).is_some(), "{versions:?}, held by {holder}");
            part(&mut sides, 30_000);
            // Everything changed while they were apart.
            sides[holder].append(0..many);
            let crossed = meet(&mut sides, 40_000);
            assert!(crossed.iter().all(|(_, bytes)| *bytes < 1024 * 1024), "{crossed:?}");
            assert!(compare_until_equal(&mut sides, 60_000).is_some(), "{versions:?}, changed at {holder}");
        }
        // Each has what the other lacks.
        let mut sides = [Side::new(1, many), Side::new(2, 0)];
        sides[0].exchange.speak_versions(versions.0, versions.1);
        (many..2 * many).for_each(|n| sides[1].frontier.set(head(n, 20_000, u64::from(n))));
        meet(&mut sides, 0);
        assert!(compare_until_equal(&mut sides, 60_000).is_some(), "{versions:?}, both");
    }
}

#[test]
fn a_peer_that_leaves_while_feeds_were_passed_over_is_asked_for_them_when_it_is_back() {
    let many = 2 * u32::try_from(FRAME_HEADS_MAX).unwrap();
    let mut sides = [Side::new(1, 0), Side::new(2, many)];
    meet(&mut sides, 0);
    assert!(!roots_equal(&sides));
    part(&mut sides, 10);
    meet(&mut sides, 20);
    assert!(compare_until_equal(&mut sides, 20_000).is_some());
}
