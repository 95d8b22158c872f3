use ed25519_dalek::SigningKey;
use proptest::prelude::*;

use super::*;
use crate::certificate::Certificate;
use crate::chunk::OpenedChunk;
use crate::entry::node_key;
use crate::fact::{Fact, Opened, Role};
use crate::frontier::Lanes;
use crate::id::{Epoch, FeedHeader, FeedId, Hash, Lane, NodeKey, SeqNo};
use crate::io::{Arrival, Carried, ImportRefusal, Imported, PersistError};
use crate::limits::BUNDLE_UNDER_WAY_MAX;
use crate::merge::MergeRefusal;
use crate::project::{Rules, apply};
use crate::text::Text;
use crate::time::{Stamp, Wall};
use crate::view::{Batch, MemoryTables, Write};

fn header(writer: u8, lane: Lane) -> FeedHeader {
    FeedHeader { writer: node_key(&SigningKey::from_bytes(&[writer; 32])), epoch: Epoch(1), lane }
}

fn fact(number: u64) -> Fact {
    let operator = Text::truncated("op1");
    Opened { tube: format!("T{number}").parse().unwrap(), pool: 10, operator, seen: None }.into()
}

/// A store that holds a feed of each writer: so many chunks of one entry each.
fn store(feeds: &[(u8, Lane, u64)]) -> MemoryTables {
    let mut tables = MemoryTables::default();
    let mut arrival = 0;
    for (writer, lane, chunks) in feeds {
        let (key, header) = (SigningKey::from_bytes(&[*writer; 32]), header(*writer, *lane));
        let mut tip = (SeqNo(0), Hash::ZERO);
        for number in 1..=*chunks {
            let stamped = (Stamp::default().next(Wall(number)), fact(number).to_bytes());
            let chunk = OpenedChunk::write(&key, header, tip, [stamped]);
            tip = (chunk.checkpoint.seq, chunk.checkpoint.head);
            arrival += 1;
            let rules = Rules { window_ms: 0, role_of: &|_| Some(Role::Site), keys_max: 1_000, prunes: false };
            let mut batch = Batch::new(&tables);
            apply(&mut batch, &chunk, Arrival(arrival), &rules).unwrap();
            let writes = batch.into_writes();
            tables.apply(writes);
        }
    }
    tables
}

fn wish(lanes: Lanes) -> Wish {
    Wish { lanes, above_receipts: false, without: None, first: None, held: [].into() }
}

fn manifest() -> Manifest {
    let lines = Vec::new();
    let (root, maker) = (NodeKey([1; 32]), NodeKey([2; 32]));
    Manifest { root, maker, epoch: Epoch(7), made: Wall(9), aim: Aim::All, lanes: None, held: Vec::new(), lines }
}

/// The records of a bundle of a small store; the first holds the magic bytes as well.
fn records() -> Vec<Vec<u8>> {
    let view = store(&[(3, Lane(1), 40), (4, Lane(1), 7)]);
    let planned = plan(&view, &wish(Lanes::All), &[].into()).unwrap();
    let certificates = vec![vec![0xcc; 90], vec![0xdd; 120]];
    Writing::new(&view, manifest(), planned, certificates).map(Result::unwrap).collect()
}

fn read(bytes: &[u8], step: usize) -> (Vec<Piece>, Condition) {
    let mut scanner = Scanner::default();
    let mut pieces = Vec::new();
    for bytes in bytes.chunks(step) {
        scanner.push(bytes);
        pieces.extend(std::iter::from_fn(|| scanner.next_piece()));
    }
    scanner.close();
    pieces.extend(std::iter::from_fn(|| scanner.next_piece()));
    (pieces, scanner.condition())
}

#[test]
fn what_was_written_is_read_back_and_its_end_is_known() {
    let (pieces, condition) = read(&records().concat(), usize::MAX);
    assert!(condition.whole && condition.begins && condition.damaged_bytes == 0, "{condition:?}");
    assert_eq!(condition.bytes, records().concat().len() as u64);
    let Some(Piece::Manifest(said)) = pieces.first() else { panic!("{pieces:?}") };
    let mut survey = Survey::default();
    survey.expect(said);
    for piece in &pieces {
        if let Piece::Chunk(sealed) = piece {
            let chunk = sealed.open().unwrap();
            survey.read(&chunk.header.id(), chunk.first(), chunk.checkpoint.seq);
        }
    }
    assert_eq!(survey.missing(), []);
    assert_eq!(pieces.iter().filter(|piece| matches!(piece, Piece::Certificate(_))).count(), 2);
}

#[test]
fn bytes_behind_the_end_and_a_second_bundle_behind_it_are_not_whole() {
    let bundle = records().concat();
    assert!(!read(&[bundle.as_slice(), b"x"].concat(), 9).1.whole);
    let (pieces, condition) = read(&[bundle.as_slice(), &bundle].concat(), 999);
    assert!(!condition.whole);
    assert_eq!(pieces.len(), 2 * read(&bundle, 999).0.len(), "and everything that holds is given out");
}

#[test]
fn a_plan_leaves_out_what_the_reader_holds_what_is_receipted_and_what_never_travels() {
    let mut view = store(&[(3, Lane(1), 5), (4, Lane(2), 5), (5, Lane::PRIVATE, 5), (6, Lane::CITY, 2)]);
    let of = |wish: &Wish, view: &MemoryTables| {
        let planned = plan(view, wish, &[].into()).unwrap();
        planned.into_iter().map(|Planned { line, .. }| (line.header, line.from.0, line.to.0)).collect::<Vec<_>>()
    };
    let site = |from| (header(3, Lane(1)), from, 5);
    let cell = Lanes::Of([Lane(1)].into());
    assert_eq!(of(&wish(cell.clone()), &view), [site(1)]);
    assert_eq!(of(&wish(Lanes::All), &view).len(), 3);
    let receipt = [&[6], header(3, Lane(1)).id().0.as_slice()].concat();
    let value = Some(2u64.to_be_bytes().to_vec());
    view.apply(vec![Write { table: crate::view::Table::Control, key: receipt, value }]);
    let above = Wish { above_receipts: true, ..wish(cell.clone()) };
    assert_eq!(of(&above, &view), [site(3)]);
    let held = [(header(3, Lane(1)).id(), SeqNo(3))].into();
    assert_eq!(of(&Wish { held, ..above }, &view), [site(4)]);
    let held = [(header(3, Lane(1)).id(), SeqNo(5))].into();
    assert_eq!(of(&Wish { held, ..wish(cell) }, &view), []);
    let authority = header(6, Lane::CITY).writer;
    let first = of(&Wish { first: Some(authority), ..wish(Lanes::All) }, &view);
    assert_eq!(first[0].0.writer, authority);
    assert!(of(&Wish { without: Some(authority), ..wish(Lanes::All) }, &view).iter().all(|l| l.0.writer != authority));
}

#[test]
fn a_feed_that_cannot_be_read_ends_the_bundle_with_an_error_and_without_an_end() {
    let view = store(&[(3, Lane(1), 3)]);
    let mut planned = plan(&view, &wish(Lanes::All), &[].into()).unwrap();
    planned[0].name = FeedId([9; 16]);
    let pieces: Vec<_> = Writing::new(&view, manifest(), planned, Vec::new()).collect();
    assert_eq!(pieces.len(), 2);
    assert!(matches!(pieces[1], Err(WriteError::Gone { .. })), "{:?}", pieces[1]);
}

#[test]
fn a_file_of_nothing_but_beginnings_costs_no_more_than_the_bound() {
    let claim =
        [&MARKER[..], &[CHUNK], &u32::try_from(BUNDLE_RECORD_BYTES_MAX).unwrap().to_be_bytes(), &[0; CHECK_BYTES]]
            .concat();
    let file = claim.repeat(40_000);
    let (pieces, condition) = read(&file, 64 * 1024);
    assert!(pieces.is_empty() && !condition.is_bundle(), "{condition:?}");
    assert_eq!(condition.damaged_bytes, file.len() as u64);
}

#[test]
fn what_is_no_bundle_is_told_from_one_that_is_damaged() {
    assert!(!read(b"root:x:0:0", 4).1.is_bundle());
    assert!(!read(b"", 4).1.is_bundle());
    assert!(read(MAGIC, 4).1.is_bundle());
    let headless = records().concat().split_off(5);
    let (pieces, condition) = read(&headless, 100);
    assert!(condition.is_bundle() && !condition.begins && !condition.whole);
    assert!(matches!(pieces[0], Piece::Manifest(_)));
}

fn intake(file: &[u8]) -> Intake {
    let mut intake = Intake::new(manifest().root);
    intake.push(file);
    intake.close();
    intake
}

/// Everything that is given until an outcome has to be waited for, or there is nothing more.
fn given(intake: &mut Intake) -> (Vec<(u64, Carried)>, Step) {
    let mut given = Vec::new();
    loop {
        match intake.next_step().unwrap() {
            Step::Give(number, carried) => given.push((number, carried)),
            step @ (Step::Await | Step::More | Step::Settle | Step::Done) => return (given, step),
        }
    }
}

#[test]
fn an_intake_gives_a_few_pieces_at_a_time_and_all_of_them() {
    let mut intake = intake(&records().concat());
    let mut pieces = 0;
    let last = loop {
        let (given, step) = given(&mut intake);
        assert!(given.len() <= BUNDLE_UNDER_WAY_MAX, "{}", given.len());
        pieces += given.len();
        if step != Step::Await {
            break step;
        }
        for (number, _) in given {
            intake.came(number, Ok(Imported::Taken)).unwrap();
        }
    };
    assert_eq!((pieces, last), (2 + 2, Step::Settle), "two certificates, and a chunk for each feed");
    assert_eq!(intake.next_step(), Ok(Step::Done));
    assert!(intake.missing().is_empty() && intake.condition().whole);
    assert_eq!(intake.manifest().map(|manifest| manifest.maker), Some(manifest().maker));
}

#[test]
fn a_chunk_that_did_not_fit_is_tried_once_more_when_the_node_has_settled() {
    let mut intake = intake(&records().concat());
    let gap = ImportRefusal::Chunk(MergeRefusal::Gap { expected: SeqNo(1), first: SeqNo(2) });
    let (first, _) = given(&mut intake);
    let outcome = |carried: &Carried| if matches!(carried, Carried::Chunk(_)) { Err(gap) } else { Ok(Imported::Taken) };
    let came: Vec<Came> = first.iter().map(|(number, what)| intake.came(*number, outcome(what)).unwrap()).collect();
    assert_eq!(came.iter().filter(|came| **came == Came::Later).count(), 2);
    for chunk in first.iter().filter(|(_, what)| matches!(what, Carried::Chunk(_))) {
        assert_eq!(intake.next_step(), Ok(Step::Settle));
        let (again, step) = given(&mut intake);
        assert_eq!((again[0].1.clone(), again.len(), step), (chunk.1.clone(), 1, Step::Await));
        let came = intake.came(again[0].0, Err(gap)).unwrap();
        assert!(matches!(came, Came::Chunk(_, Err(refusal)) if refusal == gap), "not a third time: {came:?}");
    }
    assert_eq!((intake.next_step(), intake.next_step()), (Ok(Step::Settle), Ok(Step::Done)));
    assert_eq!(intake.missing().len(), 2);
}

#[test]
fn another_citys_bundle_what_is_none_and_a_full_disk_end_an_intake() {
    let mut other = Intake::new(NodeKey([7; 32]));
    other.push(&records().concat());
    assert_eq!(other.next_step(), Err(IntakeError::OtherRoot(manifest().root)));
    assert_eq!(intake(b"root:x:0:0").next_step(), Err(IntakeError::NotABundle));
    let mut full = intake(&records().concat());
    let (given, _) = given(&mut full);
    assert_eq!(full.came(given[0].0, Err(PersistError::Full.into())), Err(PersistError::Full));
}

#[test]
fn an_answer_holds_what_its_reader_follows_and_does_not_hold() {
    let key = SigningKey::from_bytes(&[6; 32]);
    let name = Text::truncated("authority");
    let own = Certificate {
        node: node_key(&key),
        role: Role::Authority,
        name,
        lane: Lane::CITY,
        serial: 1,
        from: 0,
        until: 9,
    };
    let signed = vec![own.sign(&key)];
    let maker = Maker { own, root: key.verifying_key(), epoch: Epoch(7), authority: None, neighbour: [].into() };
    let view = store(&[(3, Lane(1), 5), (4, Lane(2), 5), (6, Lane::CITY, 2)]);
    let held = vec![(header(3, Lane(1)).id(), SeqNo(5))];
    let asked = Manifest { lanes: Some(vec![Lane::CITY, Lane(1)]), held, ..manifest() };
    let stick: Vec<_> = export(&view, &maker, signed, Wall(9), Ask::answering(&asked)).unwrap().collect();
    let (pieces, condition) = read(&stick.into_iter().map(Result::unwrap).collect::<Vec<_>>().concat(), 64);
    assert!(condition.whole);
    let writers = |piece: &Piece| if let Piece::Chunk(chunk) = piece { Some(chunk.header().writer) } else { None };
    assert_eq!(pieces.iter().filter_map(writers).collect::<Vec<_>>(), [header(6, Lane::CITY).writer]);
    assert_eq!(pieces.iter().filter(|piece| matches!(piece, Piece::Certificate(_))).count(), 1, "its maker's");
    let Piece::Manifest(said) = &pieces[0] else { panic!("{pieces:?}") };
    assert_eq!((said.aim, said.lanes.as_ref(), said.held.len()), (Aim::All, None, 3));
}

/// The pieces of the records that begin and end within these bytes.
fn untouched(records: &[Vec<u8>], is_touched: impl Fn(usize) -> bool) -> Vec<Piece> {
    let mut at = 0;
    let mut pieces = Vec::new();
    for (number, record) in records.iter().enumerate() {
        let magic = if number == 0 { MAGIC.len() } else { 0 };
        if !(at + magic..at + record.len()).any(&is_touched) {
            pieces.extend(read(record, usize::MAX).0);
        }
        at += record.len();
    }
    pieces
}

proptest! {
    #[test]
    fn a_truncated_bundle_gives_every_record_that_is_there(cut in 0usize..20_000, step in 1usize..5_000) {
        let records = records();
        let bundle = records.concat();
        let cut = cut % bundle.len();
        let (pieces, condition) = read(&bundle[..cut], step);
        prop_assert!(!condition.whole);
        prop_assert_eq!(pieces, untouched(&records, |at| at >= cut));
    }

    #[test]
    fn a_damaged_bundle_gives_every_record_that_is_untouched_and_nothing_else(
        hits in proptest::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..6),
        step in 1usize..5_000,
    ) {
        let records = records();
        let mut bundle = records.concat();
        let mut touched = std::collections::BTreeMap::new();
        for (at, flip) in &hits {
            *touched.entry(at.index(bundle.len())).or_insert(0) ^= flip;
        }
        touched.retain(|_, flip| *flip != 0);
        touched.iter().for_each(|(at, flip)| bundle[*at] ^= flip);
        let (pieces, condition) = read(&bundle, step);
        prop_assert_eq!(condition.whole, touched.is_empty());
        prop_assert_eq!(pieces, untouched(&records, |at| touched.contains_key(&at)));
    }

    #[test]
    fn anything_else_is_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..4_096)) {
        let mut seeded = MAGIC.to_vec();
        seeded.extend_from_slice(&MARKER);
        seeded.extend_from_slice(&bytes);
        prop_assert_eq!(read(&seeded, 7).1.bytes, seeded.len() as u64);
    }

    #[test]
    fn gaps_are_what_was_never_added(added in proptest::collection::vec((1u64..40, 0u64..6), 0..12)) {
        let mut stretches = Stretches::default();
        let mut model = [false; 64];
        for (first, more) in added {
            stretches.add(SeqNo(first), SeqNo(first + more));
            (first..=first + more).for_each(|number| model[usize::try_from(number).unwrap()] = true);
        }
        let gaps: Vec<u64> = stretches.gaps(SeqNo(3), SeqNo(37)).flat_map(|(from, to)| from.0..=to.0).collect();
        let expected: Vec<u64> = (3..=37).filter(|number| !model[usize::try_from(*number).unwrap()]).collect();
        prop_assert_eq!(gaps, expected);
    }
}
