use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::id::{FeedId, SeqNo};
use crate::view::MemoryTables;

/// Bytes of a person that tell the persons of these tests apart: before, at, and behind the half bytes of the keys.
const BYTES: [usize; 4] = [2, 3, 4, 15];

/// Persons of whom many begin alike, each with few visits or with very many.
fn visits(count: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<Visit>> {
    let person = prop::array::uniform4(prop_oneof![3 => Just(0u8), 1 => Just(1u8), 1 => Just(0x10u8)]);
    let visit = (person, 0..400u64).prop_map(|(bytes, number)| {
        let mut person = [7; 16];
        BYTES.iter().zip(bytes).for_each(|(at, byte)| person[*at] = byte);
        Visit::new(&Person(person), Stamp(number / 3), EntryId { feed: FeedId([9; 16]), seq: SeqNo(number) })
    });
    prop::collection::vec(visit, count)
}

fn changed(tables: &mut MemoryTables, change: impl FnOnce(&mut Batch<'_, MemoryTables>)) -> usize {
    let mut batch = Batch::new(&*tables);
    change(&mut batch);
    let writes = batch.into_writes();
    let rows = writes.len();
    tables.apply(writes);
    rows
}

fn inserted(visits: impl IntoIterator<Item = Visit>) -> MemoryTables {
    let mut tables = MemoryTables::default();
    for visit in visits {
        assert!(changed(&mut tables, |batch| held(batch, &visit.0).unwrap().insert(batch, visit)) <= 20);
    }
    tables
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rows_follow_from_the_visits_alone(visits in visits(0..600), gone in visits(0..600), again in any::<bool>()) {
        let left: BTreeSet<Visit> = visits.iter().copied().filter(|visit| !gone.contains(visit)).collect();
        let mut tables = inserted(visits.clone());
        for visit in gone.iter().chain(if again { gone.as_slice() } else { &[] }) {
            changed(&mut tables, |batch| remove(batch, visit).unwrap());
        }
        prop_assert_eq!(&tables, &inserted(left.iter().copied()));
        prop_assert_eq!(&tables, &inserted(left.iter().rev().copied()));
    }

    #[test]
    fn a_person_is_found_among_all_others(visits in visits(1..600), of in any::<prop::sample::Index>(), limit in 0..200usize) {
        let tables = inserted(visits.iter().copied());
        let person = visits[of.index(visits.len())].0[..16].to_vec();
        let (from, to) = ([person.as_slice(), &10u64.to_be_bytes()].concat(), after_prefix(&person));
        let all: BTreeSet<Visit> = visits.iter().copied().filter(|visit| visit.0[..16] == person).collect();
        let late: Vec<Visit> = all.iter().copied().filter(|visit| visit.0[..] >= from[..]).collect();
        let held = held(&tables, &person).unwrap();
        let first: Vec<Visit> = late.iter().copied().take(limit).collect();
        prop_assert_eq!(held.first(&tables, (&from, &to), limit).unwrap(), first);
        let last: Vec<Visit> = late.iter().rev().copied().take(limit).collect();
        prop_assert_eq!(held.last(&tables, (&from, &to), limit).unwrap(), last);
        for visit in &visits {
            let here = held.contains(&tables, visit).unwrap();
            prop_assert!(here || !all.contains(visit));
        }
    }
}
