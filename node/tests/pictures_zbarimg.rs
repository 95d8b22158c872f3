//! Every picture we draw, read by zbar: a reader that shares no line with ours.

use std::process::Command;

use swabmesh_node::picture::render::{Medium, Symbol};

/// Set by `tests/run` once it has installed the tools: from then on a missing one is a failure.
const REQUIRED: &str = "SWABMESH_TOOLS_REQUIRED";
const VECTORS: &str = include_str!("../../protocol/tests/vectors/codes.json");

/// One green vector of each kind, by name.
const KINDS: [&str; 4] = ["static-8", "relative-8", "paper-8", "live-8"];

#[test]
fn zbar_reads_every_kind_as_drawn_for_screens_and_for_print() {
    if Command::new("zbarimg").arg("--version").output().is_err() {
        assert!(std::env::var_os(REQUIRED).is_none(), "zbarimg is missing: tests/run installs it");
        eprintln!("skipped: zbarimg is missing: tests/run installs it");
        return;
    }
    let file: serde_json::Value = serde_json::from_str(VECTORS).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for kind in KINDS {
        let vector = vectors.iter().find(|vector| vector["name"] == kind).unwrap_or_else(|| panic!("no vector {kind}"));
        let text = vector["text"].as_str().unwrap();
        for medium in [Medium::Screen, Medium::Print] {
            for module_px in [3, 4, 8] {
                let path = folder.path().join("code.png");
                std::fs::write(&path, Symbol::new(text, medium).unwrap().png(module_px).unwrap()).unwrap();
                let read = Command::new("zbarimg").args(["--quiet", "--raw"]).arg(&path).output().unwrap();
                let read = String::from_utf8(read.stdout).unwrap();
                assert_eq!(read.strip_suffix('\n'), Some(text), "{kind} for {medium:?}, {module_px} pixels a module");
            }
        }
    }
}
