//! Any bytes as a fact: what is read comes back the same, also kinds of a later version.
#![no_main]

use libfuzzer_sys::fuzz_target;
use swabmesh_protocol::fact::Fact;

fuzz_target!(|data: &[u8]| {
    if let Ok(fact) = Fact::from_bytes(data) {
        assert_eq!(Fact::from_bytes(&fact.to_bytes()).as_ref(), Ok(&fact));
    }
});
