//! Reports and exports of a day, held against the log and against the published model of FHIR R4.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use swabmesh_authority::city::day::Day;
use swabmesh_authority::city::decisions::{cases, recalls};
use swabmesh_authority::city::export;
use swabmesh_authority::city::report::reconcile;
use swabmesh_protocol::fact::Outcome;
use swabmesh_protocol::id::NodeKey;
use swabmesh_protocol::project::FlagKind;

use crate::world::{DAY, LABS, SITES, World, roles};

fn name_of(node: &NodeKey) -> String {
    node.to_string().chars().take(4).collect()
}

#[test]
fn a_reconciliation_accounts_for_everybody() {
    let world = World::day();
    let report = reconcile(&world.tables(), &roles(), Day(DAY), &name_of).unwrap();
    let total = report.total;
    assert_eq!((total.issued, total.registered, total.voided), (15, 18, 1));
    assert_eq!((total.tubes, total.sealed, total.boxes), (4, 3, 3));
    // T1 is negative, T3 was decided to be; T2 is a positive pool, T4 has no reading.
    assert_eq!((total.results, total.positive), (2, 1));
    assert_eq!(total.unresolved, 7, "six of T2, one of T4");
    let lines = report.csv();
    assert_eq!(lines.lines().count(), report.lines.len() + 1);
    assert!(lines.starts_with("day,cell,site,") && lines.contains("2022-04-09,2,"));
    for other in [DAY - 1, DAY + 1] {
        assert!(reconcile(&world.tables(), &roles(), Day(other), &name_of).unwrap().lines.is_empty());
    }
}

#[test]
fn the_recall_list_grows_with_late_registrations_and_is_cleared_person_by_person() {
    let mut world = World::day();
    let list = |world: &World| recalls(&world.tables(), &name_of).unwrap();
    let before = list(&world);
    assert_eq!((before.awaited, before.cleared, before.confirmed), (6, 0, 0));
    assert_eq!(before.people.iter().filter(|person| person.recall.late).count(), 1, "whoever came after the seal");
    let site = SITES[1];
    for (person, outcome) in [(20, Outcome::Negative), (21, Outcome::Positive)] {
        let name = format!("S{person}");
        world.open(site, &name, 1);
        world.register(site, person, &name);
        world.report(LABS[0], site, &name, outcome);
    }
    let after = list(&world);
    assert_eq!((after.awaited, after.cleared, after.confirmed), (4, 1, 1));
    world.register(site, 50, "T2");
    assert_eq!(list(&world).awaited, 5, "and another one came late");
}

#[test]
fn laboratories_that_differ_are_a_case_with_an_owner_and_the_safer_reading_until_somebody_decides() {
    let mut world = World::default();
    let site = SITES[0];
    world.open(site, "T1", 10);
    world.register(site, 1, "T1");
    world.report(LABS[0], site, "T1", Outcome::Negative);
    let queue = |world: &World, all| cases(&world.tables(), all, 100, &name_of).unwrap();
    assert!(queue(&world, true).is_empty());
    world.report(LABS[1], site, "T1", Outcome::Positive);
    let open = queue(&world, false);
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].kind, open[0].owner_name.as_str()), (FlagKind::DifferingResults, "authority"));
    assert_eq!(open[0].meanwhile.unwrap().reading.outcome, Outcome::Positive);
    assert_eq!(open[0].choices.len(), 2);
    world.review(site.1, "T1", "negative final");
    assert!(queue(&world, false).is_empty());
    let all = queue(&world, true);
    assert_eq!(all[0].decision.as_ref().unwrap().value, "negative final");
    assert_eq!(all[0].meanwhile.unwrap().reading.outcome, Outcome::Negative);
}

#[test]
fn a_csv_has_a_line_for_everybody_who_counts_and_no_sealed_detail() {
    let mut csv = Vec::new();
    let lines = export::csv(&World::day().tables(), &roles(), &BTreeMap::new(), Day(DAY), &mut csv).unwrap();
    let text = String::from_utf8(csv).unwrap();
    assert_eq!((lines, text.lines().count()), (17, 18));
    assert!(text.contains(",T4,1,,,none"), "the one that was moved is where it was moved to: {text}");
    assert!(text.contains(",T2,10,positive,final,retest"));
    assert!(!text.contains("070707"));
}

/// A Python interpreter with the model; `tests/run` installs it.
fn python() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
    let named = std::env::var_os("SWABMESH_PYTHON").map(PathBuf::from);
    let python = named.unwrap_or_else(|| root.join("target/python/bin/python"));
    let import = Command::new(&python).args(["-c", "import fhir.resources"]).stderr(Stdio::null()).status();
    if import.is_ok_and(|status| status.success()) {
        return Some(python);
    }
    assert!(std::env::var_os("SWABMESH_TOOLS_REQUIRED").is_none(), "fhir.resources is missing: tests/run installs it");
    let said = "skipped: fhir.resources is missing: tests/run installs it\n";
    let _ = std::io::stderr().write_all(said.as_bytes());
    None
}

#[test]
fn bundles_hold_against_the_published_model_of_fhir_r4() {
    let mut bundles = Vec::new();
    let count =
        export::fhir::write(&World::day().tables(), &roles(), &BTreeMap::new(), Day(DAY), &mut bundles).unwrap();
    assert_eq!(count, bundles.iter().filter(|byte| **byte == b'\n').count() as u64);
    let Some(python) = python() else { return };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/interop/fhir_bundles.py");
    let mut child = Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&bundles).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let counts = String::from_utf8(output.stdout).unwrap();
    // Everybody who counts is a patient and has a specimen; a report needs a reading.
    assert!(counts.contains("\"Specimen\": 17") && counts.contains("\"DiagnosticReport\": 16"), "{counts}");
}
