//! Frames of a bundle: any texts, a line each, and any frames whose check holds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use swabmesh_protocol::bundle::series::{Frame, Gathering};

fuzz_target!(|data: &[u8]| {
    let mut gathering = Gathering::default();
    for text in String::from_utf8_lossy(data).lines() {
        let _ = gathering.take(text);
    }
    for bytes in data.chunks(24) {
        let [digest, length, number, symbol @ ..] = bytes else { return };
        let frame = Frame {
            digest: [*digest; 8],
            bytes: u32::from(*length),
            number: u32::from(*number),
            symbol: symbol.to_vec(),
        };
        let _ = gathering.take(&frame.to_text());
    }
});
