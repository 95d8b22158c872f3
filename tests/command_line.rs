//! The published vectors through the binary, and what its exit codes mean to a script.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use swabmesh_tests::program::{Answer, swabmesh};
use swabmesh_tests::repository::root;

const CODES: &str = "protocol/tests/vectors/codes.json";
const DOCUMENTS: &str = "protocol/tests/vectors/documents.json";

fn vectors(name: &str) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(root().join(name)).unwrap()).unwrap()
}

fn path(name: &str) -> String {
    root().join(name).to_str().unwrap().to_owned()
}

/// Runs the arguments and asserts that every vector of the file passed.
fn all_pass(arguments: &[&str], file: &str) {
    let count = vectors(file)["vectors"].as_array().unwrap().len();
    let answer = swabmesh(&[arguments, &[&path(file)]].concat(), "").unwrap();
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert_eq!(answer.out.lines().last(), Some(format!("{count} passed, 0 failed").as_str()));
}

#[test]
fn every_published_code_gets_its_verdict_and_reason() {
    all_pass(&["code", "verify", "--vectors"], CODES);
}

#[test]
fn every_published_document_is_judged_as_it_says() {
    all_pass(&["document", "check", "--vectors"], DOCUMENTS);
}

#[test]
fn a_vector_that_fails_is_named_and_ends_in_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    for (command, file, field, wrong) in [
        (["code", "verify"], CODES, "reason", serde_json::json!("expired")),
        (["document", "check"], DOCUMENTS, "valid", serde_json::json!(false)),
    ] {
        let mut changed = vectors(file);
        changed["vectors"][0][field] = wrong;
        let at = folder.path().join("changed.json");
        std::fs::write(&at, changed.to_string()).unwrap();
        let answer = swabmesh(&[&command[..], &["--vectors", at.to_str().unwrap()]].concat(), "").unwrap();
        assert_eq!(answer.code, Some(1), "{answer:?}");
        assert!(answer.out.lines().last().unwrap().ends_with(" passed, 1 failed"), "{answer:?}");
    }
}

#[test]
fn the_line_a_third_party_reads_begins_with_verdict_and_reason() {
    let file = vectors(CODES);
    let codes = file["vectors"].as_array().unwrap();
    let named = |name: &str| codes.iter().find(|code| code["name"] == name).unwrap();
    let both = path(CODES);
    for (name, keys) in [("static-8", 7), ("signature-bit", 2)] {
        let code = named(name);
        let at = code["at"].to_string();
        let arguments = ["code", "verify", "--issuers", &both, "--status", &both, "--at", &at, "--json"];
        let Answer { code: exit, out, .. } = swabmesh(&arguments, code["text"].as_str().unwrap()).unwrap();
        assert_eq!(exit, Some(0), "a refused code is an answer: {out}");
        let start = format!("{{\"verdict\":{},\"reason\":{}", code["verdict"], code["reason"]);
        assert!(out.starts_with(&start), "{out}");
        let judged: serde_json::Value = serde_json::from_str(out.trim_end()).unwrap();
        assert_eq!(judged.as_object().unwrap().len(), keys, "{out}");
    }
}

#[test]
fn what_cannot_be_done_ends_in_exit_code_1_and_a_wrong_command_line_in_2_both_on_standard_error() {
    for (arguments, code) in [
        (&["code", "verify", "--vectors", "does-not-exist.json"][..], 1),
        (&["code", "verify", "--issuers", "does-not-exist.json"], 1),
        (&["code", "show", "not a code"], 1),
        (&["code", "verify"], 2),
        (&["no-such-command"], 2),
    ] {
        let answer = swabmesh(arguments, "").unwrap();
        assert_eq!(answer.code, Some(code), "{arguments:?}: {answer:?}");
        assert!(answer.out.is_empty() && !answer.err.is_empty(), "{arguments:?}: {answer:?}");
    }
}

#[test]
fn a_megabyte_where_a_code_should_be_is_refused_and_the_next_line_is_still_read() {
    let file = vectors(CODES);
    let both = path(CODES);
    let good = file["vectors"][0]["text"].as_str().unwrap();
    let at = file["vectors"][0]["at"].to_string();
    let arguments = ["code", "verify", "--issuers", &both, "--status", &both, "--at", &at, "--json"];
    let answer = swabmesh(&arguments, &format!("{}\n{good}\n", "7".repeat(1_000_000))).unwrap();
    let lines: Vec<&str> = answer.out.lines().collect();
    assert_eq!(lines.len(), 2, "{answer:?}");
    assert!(lines[0].contains("\"red\"") && lines[1].contains("\"green\""), "{lines:?}");
}
