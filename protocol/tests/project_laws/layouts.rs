//! Rows of the layout before this one, and what becomes of them.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what the tests build is what they expect")]

use swabmesh_protocol::fact::Subject;
use swabmesh_protocol::project::{LayoutError, Relayout, document_facts, subjects};
use swabmesh_protocol::view::{Batch, View, Write};

use super::*;

const VISIT_BYTES: usize = 48;

/// The tables as version 1 wrote them: a row for each fact of a document, a row for each visit.
fn as_version_1(tables: &MemoryTables) -> MemoryTables {
    let mut old = tables.clone();
    let mut writes = Vec::new();
    for (key, value) in rows(tables, Table::People) {
        let visits = if value.is_empty() { &key[1..] } else { &value[..] };
        for visit in visits.chunks_exact(VISIT_BYTES) {
            let value = Some(b"what it said".to_vec());
            writes.push(Write { table: Table::People, key: visit.to_vec(), value });
        }
        writes.push(Write { table: Table::People, key, value: None });
    }
    for (key, _) in rows(tables, Table::Documents) {
        writes.push(Write { table: Table::Documents, key, value: None });
    }
    for subject in subjects(tables, None, usize::MAX).unwrap() {
        let (tag, barcode) = match &subject {
            Subject::Tube(barcode) => (0, barcode),
            Subject::Box(barcode) => (1, barcode),
        };
        for said in document_facts(tables, &subject).unwrap() {
            let number = said.id.seq.0.to_be_bytes();
            let key = [&[tag], barcode.as_str().as_bytes(), &[0], &said.id.feed.0[..], &number].concat();
            let value = Some([said.stamp.0.to_be_bytes().to_vec(), said.fact.to_bytes()].concat());
            writes.push(Write { table: Table::Documents, key, value });
        }
    }
    old.apply(writes);
    old
}

/// Rewrites rows to the end, beginning again after so many steps as if the process had been killed there.
fn rewrite(tables: &mut MemoryTables, killed_after: usize) {
    let mut steps = 0;
    let mut walk = Relayout::begin(tables).unwrap();
    while let Some(relayout) = &mut walk {
        let mut batch = Batch::new(&*tables);
        let more = relayout.step(&mut batch).unwrap();
        let writes = batch.into_writes();
        tables.apply(writes);
        steps += 1;
        if !more || steps == killed_after {
            walk = Relayout::begin(tables).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_index_of_the_older_layout_becomes_what_a_fresh_fold_is(said in sayings(1..160), order in picks(), killed_after in 1..8usize) {
        let replica = hear_all(&interleaved(&written(&said), &order));
        let mut old = as_version_1(&replica.tables);
        rewrite(&mut old, killed_after);
        prop_assert_eq!(contents(&old), contents(&replica.tables));
        prop_assert!(Relayout::begin(&old).unwrap().is_none(), "it is done once");
    }
}

#[test]
fn many_visits_of_one_person_change_their_layout_too() {
    let mut site = Writer::new(SITE);
    for minute in 0..400 {
        site.say(MORNING + minute * MINUTE, registered(1, 0));
    }
    site.close();
    let replica = hear_all(&site.chunks);
    let mut old = as_version_1(&replica.tables);
    assert!(rows(&old, Table::People).len() >= 400 && old != replica.tables);
    rewrite(&mut old, 3);
    assert_eq!(contents(&old), contents(&replica.tables));
}

#[test]
fn an_index_of_a_newer_program_is_refused_with_both_numbers() {
    let mut tables = MemoryTables::default();
    let value = Some(3u32.to_be_bytes().to_vec());
    tables.apply(vec![Write { table: Table::Meta, key: b"layout".to_vec(), value }]);
    let refused = Relayout::begin(&tables).unwrap_err();
    assert!(matches!(refused, LayoutError::Newer { found: 3 }));
    assert!(refused.to_string().contains("layout 3") && refused.to_string().contains("up to 2"), "{refused}");
    assert!(tables.get(Table::Meta, b"layout").unwrap().is_some());
}
