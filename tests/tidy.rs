//! The rules of the house, held against the repository as it is.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use swabmesh_tests::repository::{self, Source};
use swabmesh_tests::tidy::{Broken, files, layers, links, rules, words};

#[track_caller]
fn none(rule: fn(&[Source]) -> Vec<Broken>) {
    let sources = repository::sources().unwrap();
    assert!(sources.len() > 100, "only {} files found: this looks at the wrong directory", sources.len());
    let broken: Vec<String> = rule(&sources).iter().map(|broken| format!("{}: {}", broken.path, broken.what)).collect();
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn crates_depend_downward() {
    none(layers::crates);
}

#[test]
fn modules_of_the_core_use_their_own_layer_and_those_below() {
    none(layers::modules);
}

#[test]
fn every_name_says_what_is_inside() {
    none(files::names);
}

#[test]
fn no_source_file_has_more_than_600_lines() {
    none(files::lengths);
}

#[test]
fn every_rust_file_is_compiled_by_something() {
    none(files::forgotten);
}

#[test]
fn nothing_is_left_for_later_and_nothing_names_one_machine() {
    none(words::banned);
}

#[test]
fn every_dependency_comes_from_the_public_registry() {
    none(words::registries);
}

#[test]
fn no_number_could_be_somebodys_but_the_published_examples() {
    none(words::numbers);
}

#[test]
fn every_link_in_a_document_leads_to_a_file() {
    none(links::dead);
}

#[test]
fn every_rule_of_the_mission_names_tests_that_exist() {
    none(rules::unheld);
}
