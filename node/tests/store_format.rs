//! docs/formats.md against the journal: the example segment is written again and compared, byte for byte.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "what a test calls is part of the test"
)]

use std::fs;

use swabmesh_node::store::Store;
use swabmesh_node::store::frame::FrameKind;
use swabmesh_node::store::options::StoreOptions;

#[path = "store/fixture.rs"]
mod fixture;

const DOCUMENT: &str = include_str!("../../docs/formats.md");

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

#[test]
fn the_files_of_a_new_store_are_those_in_the_document() {
    let folder = tempfile::tempdir().unwrap();
    let opened = Store::open(folder.path(), &StoreOptions::new(0x0102_0304_0506_0708)).unwrap();
    fixture::persist(&opened.store, FrameKind::Own, b"tube").unwrap();
    opened.store.close().unwrap();
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    let text = |name: &str| String::from_utf8(read(name)).unwrap();
    let example = format!(
        "```text\nformat      {}identity    {}start       {}segment     {}\n```\n",
        text("format"),
        text("identity"),
        text("journal/start"),
        hex(&read("journal/00000000000000000001.seg")),
    );
    assert!(DOCUMENT.contains(&example), "docs/formats.md is stale. It should hold:\n\n{example}");
}
