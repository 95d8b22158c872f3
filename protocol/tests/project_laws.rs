//! Laws of the fold: whatever order chunks arrive in, however often, wherever it stops, the tables are the same.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::Index;
use swabmesh_protocol::chunk::{OpenedChunk, SealedChunk};
use swabmesh_protocol::fact::Fact;
use swabmesh_protocol::id::{EntryId, SeqNo};
use swabmesh_protocol::io::Arrival;
use swabmesh_protocol::limits::{CHUNK_BYTES_MAX, FACT_BYTES_MAX, PAGE_BYTES_MAX};
use swabmesh_protocol::project::{
    self, About, DUPLICATE_NEIGHBOURS_MAX, FlagKind, Placed, entries, flags, head, read_range,
};
use swabmesh_protocol::view::{MemoryTables, Table};

#[path = "project_laws/answers.rs"]
mod answers;
#[path = "project_laws/world.rs"]
mod world;

use world::*;

fn hear_all(chunks: &[OpenedChunk]) -> Replica {
    let mut replica = Replica::default();
    for chunk in chunks {
        assert_eq!(replica.hear(chunk).placed, Placed::Applied);
    }
    replica
}

fn picks() -> impl Strategy<Value = Vec<Index>> {
    prop::collection::vec(any::<Index>(), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn tables_do_not_depend_on_the_order_of_arrival(
        said in prop_oneof![3 => sayings(1..160).boxed(), 1 => crowds().boxed()],
        one in picks(),
        other in picks(),
    ) {
        let feeds = written(&said);
        let one = hear_all(&interleaved(&feeds, &one));
        let other = hear_all(&interleaved(&feeds, &other));
        prop_assert_eq!(contents(&one.tables), contents(&other.tables));
    }

    #[test]
    fn hearing_again_changes_nothing(said in sayings(1..100), order in picks(), again in any::<Index>()) {
        let chunks = interleaved(&written(&said), &order);
        let mut replica = hear_all(&chunks);
        let before = replica.tables.clone();
        replica.arrival = Arrival(0);
        let again = &chunks[again.index(chunks.len())];
        prop_assert_eq!(replica.hear(again).placed, Placed::Contained);
        for chunk in &chunks[1..] {
            prop_assert_eq!(replica.hear(chunk).placed, Placed::Contained);
        }
        prop_assert_eq!(replica.tables, before);
    }

    #[test]
    fn a_fold_killed_between_any_two_commits_resumes(
        said in sayings(1..100),
        order in picks(),
        keys_max in 1usize..40,
        killed_after in any::<Index>(),
    ) {
        let chunks = interleaved(&written(&said), &order);
        let whole = hear_all(&chunks);
        // Every state a kill can leave behind: the tables after each commit.
        let mut tables = MemoryTables::default();
        let mut left = vec![tables.clone()];
        for (at, chunk) in chunks.iter().enumerate() {
            while let Placed::Partly { .. } = step(&mut tables, chunk, Arrival(at as u64 + 1), keys_max).placed {
                left.push(tables.clone());
            }
            left.push(tables.clone());
        }
        prop_assert_eq!(&tables, &whole.tables);
        let mut tables = left.swap_remove(killed_after.index(left.len()));
        let through = project::indexed(&tables).unwrap().0;
        for (at, chunk) in chunks.iter().enumerate().skip(usize::try_from(through).unwrap()) {
            step(&mut tables, chunk, Arrival(at as u64 + 1), usize::MAX);
        }
        prop_assert_eq!(tables, whole.tables);
    }

    #[test]
    fn whoever_let_go_of_a_beginning_holds_what_one_holds_who_never_heard_it(
        said in sayings(1..160),
        order in picks(),
        again in picks(),
        minute in 0..300u64,
        keys_max in 1usize..40,
    ) {
        let feeds = written(&said);
        let chunks = interleaved(&feeds, &order);
        let mut whole = hear_all(&chunks);
        let (receipts, pruned) = let_go(&mut whole, MORNING + minute * MINUTE);
        let mut late = Replica::default();
        feeds[AUTHORITY].iter().chain([&receipts, &pruned]).for_each(|chunk| drop(late.hear_in_parts(chunk, keys_max)));
        interleaved(&feeds, &again).iter().for_each(|chunk| drop(late.hear_in_parts(chunk, keys_max)));
        prop_assert_eq!(but_pages_and_pasts(&late), but_pages_and_pasts(&whole));
        for record in project::heads(&whole.tables).unwrap() {
            let feed = record.header.id();
            let read = |replica: &Replica| {
                entries(&replica.tables, &feed, SeqNo(1), SeqNo(u64::MAX)).unwrap().map(Result::unwrap).collect::<Vec<_>>()
            };
            prop_assert_eq!(read(&late), read(&whole));
            prop_assert_eq!(read(&whole).len() as u64, record.height.next().0 - record.first().0);
            let sealed = read_range(&late.tables, &feed, record.first(), SeqNo(u64::MAX), 5_000).unwrap();
            prop_assert_eq!(sealed.is_some(), record.height >= record.first());
            if let Some(sealed) = sealed {
                prop_assert!(sealed.open().is_ok(), "what is left still verifies");
            }
            prop_assert_eq!(read_range(&whole.tables, &feed, SeqNo(record.first().0 - 1), SeqNo(u64::MAX), 5_000).unwrap(), None);
        }
        // The authority's feed goes on, and so does every other.
        for late in [&mut late, &mut whole] {
            let before = project::heads(&late.tables).unwrap();
            for record in before {
                let of = (0..FEEDS).find(|of| header(*of) == record.header).unwrap();
                let fact = (record.stamp.next(record.stamp.wall()), registered(1, 1));
                let facts = [(fact.0, Fact::from(fact.1).to_bytes())];
                let next = OpenedChunk::write(&signing_key(of), record.header, (record.height, record.head), facts);
                prop_assert_eq!(late.hear_in_parts(&next, keys_max).placed, Placed::Applied);
            }
        }
        prop_assert_eq!(but_pages_and_pasts(&late), but_pages_and_pasts(&whole));
    }

    #[test]
    fn ranges_carry_the_log_to_another_replica(said in sayings(1..100), order in picks(), bytes_max in 200usize..5_000) {
        let source = hear_all(&interleaved(&written(&said), &order));
        let mut copy = Replica::default();
        for record in project::heads(&source.tables).unwrap() {
            let feed = record.header.id();
            let mut next = SeqNo(1);
            while let Some(sealed) = read_range(&source.tables, &feed, next, SeqNo(u64::MAX), bytes_max).unwrap() {
                next = sealed.last().next();
                copy.hear(&sealed.open().unwrap());
            }
            prop_assert_eq!(next, record.height.next());
        }
        // The checkpoints kept in pages follow how chunks were cut; nothing else does.
        let but_pages = |replica: &Replica| {
            contents(&replica.tables).into_iter().filter(|(table, _)| *table != Table::Pages).collect::<Vec<_>>()
        };
        prop_assert_eq!(but_pages(&copy), but_pages(&source));
    }

    #[test]
    fn a_range_from_any_entry_opens_to_the_entries_written(said in sayings(1..100), bytes_max in 1usize..3_000) {
        let feeds = written(&said);
        let source = hear_all(&feeds.concat());
        for chunks in &feeds {
            let Some(first) = chunks.first() else { continue };
            let feed = first.header.id();
            let all: Vec<_> = chunks.iter().flat_map(|chunk| chunk.entries.clone()).collect();
            for (place, entry) in all.iter().enumerate() {
                let opened = read_range(&source.tables, &feed, entry.seq, SeqNo(u64::MAX), bytes_max).unwrap().unwrap().open().unwrap();
                prop_assert_eq!(&opened.entries[..], &all[place..place + opened.entries.len()]);
                let alone = project::entry(&source.tables, EntryId { feed, seq: entry.seq }).unwrap();
                prop_assert_eq!(alone.as_ref(), Some(entry));
                let rest: Vec<_> = entries(&source.tables, &feed, entry.seq, SeqNo(u64::MAX)).unwrap().map(Result::unwrap).collect();
                prop_assert_eq!(&rest[..], &all[place..]);
            }
            let past = SeqNo(all.len() as u64 + 1);
            prop_assert_eq!(read_range(&source.tables, &feed, past, SeqNo(u64::MAX), bytes_max).unwrap(), None);
        }
    }

    #[test]
    fn duplicates_are_the_near_pairs_of_each_person(said in prop_oneof![sayings(1..160).boxed(), crowds().boxed()], order in picks()) {
        let chunks = interleaved(&written(&said), &order);
        let replica = hear_all(&chunks);
        let mut all = Vec::new();
        for chunk in &chunks {
            for entry in &chunk.entries {
                let allowed = |fact: &Fact| role_of(&chunk.header.writer).is_some_and(|role| fact.allowed(role));
                match Fact::from_bytes(&entry.fact) {
                    Ok(fact) if !allowed(&fact) => {}
                    Ok(Fact::Registered(fact)) => {
                        all.push((fact.person, entry.stamp, EntryId { feed: chunk.header.id(), seq: entry.seq }));
                    }
                    Ok(_) | Err(_) => {}
                }
            }
        }
        all.sort_unstable();
        let mut expected = BTreeSet::new();
        for (place, (person, stamp, entry)) in all.iter().enumerate() {
            for (other, later, pair) in all[place + 1..].iter().take(DUPLICATE_NEIGHBOURS_MAX) {
                if other == person && later.wall().0 - stamp.wall().0 <= WINDOW_MS {
                    expected.insert((*entry, *pair));
                }
            }
        }
        let found: BTreeSet<_> = flags(&replica.tables, Some(FlagKind::Duplicate), usize::MAX)
            .unwrap()
            .into_iter()
            .map(|flag| (flag.parties[0].entry, flag.parties[1].entry))
            .collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn any_bytes_are_kept_and_at_worst_flagged(facts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..40)) {
        let mut writer = Writer::new(AUTHORITY);
        for fact in &facts {
            writer.say_bytes(MORNING, fact.clone());
        }
        writer.close();
        let mut replica = Replica::default();
        let projected = replica.hear(&writer.chunks[0]);
        let unreadable = facts.iter().filter(|fact| Fact::from_bytes(fact).is_err()).count();
        prop_assert_eq!(projected.unreadable.len(), unreadable);
        prop_assert_eq!(flags(&replica.tables, Some(FlagKind::Unreadable), usize::MAX).unwrap().len(), unreadable);
        let kept = entries(&replica.tables, &feed(AUTHORITY), SeqNo(1), SeqNo(u64::MAX)).unwrap();
        prop_assert_eq!(kept.map(|entry| entry.unwrap().fact).collect::<Vec<_>>(), facts);
    }

    #[test]
    fn no_value_is_longer_than_a_page(lengths in prop::collection::vec(0..=FACT_BYTES_MAX, 1..60), cut in 1usize..20) {
        let mut writer = Writer::new(SITE);
        for (place, bytes) in lengths.iter().enumerate() {
            writer.say_bytes(MORNING + place as u64, vec![7; *bytes]);
            if place % cut == 0 {
                writer.close();
            }
        }
        writer.close();
        let replica = hear_all(&writer.chunks);
        for table in Table::ALL {
            for (key, value) in rows(&replica.tables, table) {
                prop_assert!(key.len() <= 128 && value.len() <= PAGE_BYTES_MAX, "{table:?}: {} bytes", value.len());
            }
        }
    }
}

#[test]
fn a_chunk_with_a_gap_or_of_another_history_changes_nothing() {
    let mut writer = Writer::new(SITE);
    for person in 0..4 {
        writer.chunk(MORNING, registered(person, 0));
    }
    let mut replica = hear_all(&writer.chunks[..2]);
    let before = contents(&replica.tables);
    assert_eq!(replica.hear(&writer.chunks[3]).placed, Placed::Gap { missing: SeqNo(3) });
    let mut liar = Writer::new(SITE);
    for person in 0..3 {
        liar.chunk(MORNING, registered(person, 1));
    }
    assert_eq!(replica.hear(&liar.chunks[2]).placed, Placed::Fork { seq: SeqNo(3) });
    assert_eq!(replica.hear(&liar.chunks[1]).placed, Placed::Fork { seq: SeqNo(2) });
    assert_eq!(contents(&replica.tables), before);
    assert_eq!(project::indexed(&replica.tables).unwrap(), Arrival(5), "they count as applied all the same");
}

#[test]
fn a_chunk_that_overlaps_adds_what_is_new_in_it() {
    let mut writer = Writer::new(SITE);
    for person in 0..3 {
        writer.chunk(MORNING, registered(person, 0));
    }
    let whole = hear_all(&writer.chunks);
    let long = read_range(&whole.tables, &feed(SITE), SeqNo(1), SeqNo(u64::MAX), CHUNK_BYTES_MAX)
        .unwrap()
        .unwrap()
        .open()
        .unwrap();
    assert_eq!(long.entries.len(), 3);
    let mut replica = hear_all(&writer.chunks[..2]);
    assert_eq!(replica.hear(&long).placed, Placed::Applied);
    assert_eq!(contents(&replica.tables), contents(&whole.tables));
}

#[test]
fn a_long_feed_is_read_back_in_chunks_that_travel() {
    let mut writer = Writer::new(SITE);
    for place in 0..3_000u64 {
        let person = u8::try_from(place % 251).unwrap();
        writer.say(MORNING + place * 7_000, registered(person, 0));
        if place % 64 == 63 {
            writer.close();
        }
    }
    writer.close();
    let replica = hear_all(&writer.chunks);
    for bytes_max in [1, 16 * 1024, CHUNK_BYTES_MAX] {
        let mut next = SeqNo(1);
        while let Some(sealed) = read_range(&replica.tables, &feed(SITE), next, SeqNo(u64::MAX), bytes_max).unwrap() {
            let opened = sealed.open().unwrap();
            assert!(sealed.as_bytes().len() <= bytes_max || opened.entries.len() <= 128, "{bytes_max}");
            next = opened.checkpoint.seq.next();
        }
        assert_eq!(next, SeqNo(3_001));
    }
    assert_eq!(head(&replica.tables, &feed(SITE)).unwrap().unwrap().registered, 3_000);
}

#[test]
fn what_a_role_may_not_say_is_flagged_and_changes_nothing_else() {
    let mut lab = Writer::new(LAB);
    let mut stranger = Writer::new(STRANGER);
    let mut replica = Replica::default();
    let projected = replica.hear(&lab.chunk(MORNING, registered(1, 1)));
    assert_eq!(projected.above_role, [entry_of(LAB, 1)]);
    assert_eq!(replica.hear(&stranger.chunk(MORNING, registered(1, 1))).above_role, [entry_of(STRANGER, 1)]);
    for table in [Table::Documents, Table::People, Table::Control, Table::Codes, Table::Counts] {
        assert_eq!(rows(&replica.tables, table), [], "{table:?}");
    }
    let about: Vec<About> = flags(&replica.tables, None, 9).unwrap().into_iter().map(|flag| flag.about).collect();
    assert_eq!(about.len(), 2);
    assert!(about.contains(&About::Entry(entry_of(LAB, 1))));
}

#[test]
fn the_largest_chunk_can_be_passed_on_after_its_last_page_filled_up() {
    let mut writer = Writer::new(SITE);
    for _ in 0..340 {
        writer.say_bytes(MORNING, vec![7; FACT_BYTES_MAX]);
    }
    writer.say_bytes(MORNING, vec![7; 1_700]);
    writer.close();
    assert!(SealedChunk::parse(writer.chunks[0].seal().into_bytes()).is_ok(), "such a chunk may travel");
    for _ in 0..8 {
        writer.say_bytes(MORNING, vec![7; 100]);
        writer.close();
    }
    let replica = hear_all(&writer.chunks);
    let sealed = read_range(&replica.tables, &feed(SITE), SeqNo(1), SeqNo(u64::MAX), CHUNK_BYTES_MAX).unwrap().unwrap();
    assert_eq!(SealedChunk::parse(sealed.into_bytes()).unwrap().open().unwrap(), writer.chunks[0]);
    let rest = read_range(&replica.tables, &feed(SITE), SeqNo(342), SeqNo(u64::MAX), CHUNK_BYTES_MAX).unwrap().unwrap();
    assert_eq!(rest.last(), SeqNo(349));
}
