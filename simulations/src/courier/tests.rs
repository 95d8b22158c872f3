use std::ops::Range;

use swabmesh_protocol::bundle::{Piece, Scanner};
use swabmesh_protocol::chunk::SealedChunk;

use super::*;
use crate::scenario::Scenario;
use crate::trace::Trace;

const SITE: NodeId = NodeId(1);
const TRIP: Trip = Trip { route: 0, site: SITE, way: Way::There };

/// Three sites without a line, after ten minutes of their day; their courier comes in a week.
fn cut_off() -> World {
    let text = "name = 'cut off'\nminutes = 10\n\
                [city]\ncells = 1\nsites = 3\nlabs = 0\nwithout_line = [1]\n\
                [[courier]]\nserves = 'site-1'\nevery_min = 100800";
    let mut world = World::new(Scenario::parse(text).unwrap(), 1, Trace::new(None)).unwrap();
    while world.step(At(10 * MINUTE_MS)).unwrap() {}
    assert!(world.couriers.last.is_empty(), "nobody left yet");
    world
}

/// Has the authority read a stick to its end.
fn read_at_authority(world: &mut World, stick: Stick) {
    world.begin_reading(TRIP, stick).unwrap();
    while !world.couriers.readings.is_empty() {
        assert!(world.step(At(20 * MINUTE_MS)).unwrap(), "it is read within minutes");
    }
    assert_eq!(world.violations.len(), 0);
}

/// Bytes of a record before its payload.
const HEADER_BYTES: usize = 17;

/// The chunks on a stick, and where the record of each lies.
fn chunks(stick: &Stick) -> Vec<(SealedChunk, Range<usize>)> {
    let bytes = stick.read(0, stick.len());
    let mut scanner = Scanner::default();
    scanner.push(bytes);
    scanner.close();
    let place = |payload: &[u8]| {
        let at = bytes.windows(payload.len()).position(|window| window == payload).unwrap();
        at - HEADER_BYTES..at + payload.len()
    };
    let pieces = std::iter::from_fn(|| scanner.next_piece());
    let chunks = pieces.filter_map(|piece| if let Piece::Chunk(chunk) = piece { Some(chunk) } else { None });
    chunks.map(|chunk| (chunk.clone(), place(chunk.as_bytes()))).collect()
}

fn is_at_authority(world: &World, chunk: &SealedChunk) -> bool {
    world.nodes[AUTHORITY.0].disk.height(&chunk.header().id()) >= chunk.last()
}

#[test]
fn a_truncated_bundle_of_a_site_delivers_its_whole_chunks_and_no_other() {
    let mut world = cut_off();
    let whole = world.write(SITE, Ask::default()).unwrap();
    let chunks = chunks(&whole);
    assert_eq!(chunks.len(), 3, "its own day, and its neighbours'");
    for cut in chunks.iter().flat_map(|(_, at)| [at.end - 1, at.end]).chain([0, 1, whole.len() - 1]) {
        let mut world = cut_off();
        read_at_authority(&mut world, Stick::new(whole.read(0, cut).to_vec()));
        for (chunk, at) in &chunks {
            assert_eq!(is_at_authority(&world, chunk), at.end <= cut, "cut at {cut}, its record is {at:?}");
        }
    }
}

#[test]
fn a_damaged_bundle_of_a_site_delivers_the_chunks_that_are_as_they_were_written() {
    let mut spoilt = 0;
    for seed in 0..12 {
        let mut world = cut_off();
        let whole = world.write(SITE, Ask::default()).unwrap();
        let mut stick = whole.clone();
        stick.damage(&mut Chance::new(seed, "test"));
        let is_untouched = |at: &Range<usize>| whole.read(at.start, at.len()) == stick.read(at.start, at.len());
        let chunks: Vec<_> = chunks(&whole).into_iter().map(|(chunk, at)| (chunk, is_untouched(&at))).collect();
        read_at_authority(&mut world, stick);
        for (chunk, untouched) in chunks {
            spoilt += u32::from(!untouched);
            assert_eq!(is_at_authority(&world, &chunk), untouched, "seed {seed}");
        }
    }
    assert!(spoilt > 0, "some of it was damaged");
}

#[test]
fn a_stick_is_read_again_when_the_power_went_while_it_was_read() {
    let mut world = cut_off();
    let stick = world.write(SITE, Ask::default()).unwrap();
    let chunks = chunks(&stick);
    world.begin_reading(TRIP, stick).unwrap();
    assert!(!world.couriers.requests.is_empty() && !chunks.iter().any(|(chunk, _)| is_at_authority(&world, chunk)));
    world.switch_off(AUTHORITY);
    assert!(world.couriers.readings.is_empty() && world.couriers.requests.is_empty());
    world.switch_on(AUTHORITY).unwrap();
    while world.step(At(20 * MINUTE_MS)).unwrap() {}
    assert!(chunks.iter().all(|(chunk, _)| is_at_authority(&world, chunk)));
}
