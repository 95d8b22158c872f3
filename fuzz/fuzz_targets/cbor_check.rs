//! What the strict check accepts, minicbor reads to the same end; what it accepts sorted, it accepts unsorted.
#![no_main]

use libfuzzer_sys::fuzz_target;
use swabmesh_protocol::cbor::{CborError, Order, check};

fuzz_target!(|data: &[u8]| {
    let free = check(data, Order::Any);
    if check(data, Order::Sorted).is_ok() {
        assert!(matches!(free, Ok(()) | Err(CborError::TooManyKeys)));
    }
    if free.is_ok() {
        let mut decoder = minicbor::Decoder::new(data);
        assert!(decoder.skip().is_ok());
        assert_eq!(decoder.position(), data.len());
    }
});
