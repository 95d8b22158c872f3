//! Any bytes as a frame of a peer: what is read comes back the same, and heads are bounded by their bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use swabmesh_protocol::exchange::frame::{Frame, decode_heads};

fuzz_target!(|data: &[u8]| {
    if let Ok(frame) = Frame::from_bytes(data) {
        assert_eq!(Frame::from_bytes(&frame.to_bytes()).as_ref(), Ok(&frame));
    }
    if let Ok(heads) = decode_heads(data) {
        assert!(heads.len() <= data.len());
    }
});
