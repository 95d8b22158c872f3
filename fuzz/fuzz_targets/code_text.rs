//! Any text or bytes from a scanner: never a panic, and never accepted, for no issuer is trusted.
#![no_main]

use libfuzzer_sys::fuzz_target;
use swabmesh_protocol::code::text;
use swabmesh_protocol::scan::Scanned;
use swabmesh_protocol::verify::{Knowledge, verify};

fuzz_target!(|data: &[u8]| {
    let knowledge = Knowledge::default();
    assert!(verify(1_649_520_000, &Scanned::from_bytes(data), &knowledge).is_err());
    // The same bytes as the inside of a code reach the parser at once.
    assert!(verify(1_649_520_000, &Scanned::from_text(&text::encode(data)), &knowledge).is_err());
});
