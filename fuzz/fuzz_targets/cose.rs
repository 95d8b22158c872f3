//! Any bytes as a signed document: never a panic, and never verified by a key that signed nothing.
#![no_main]

use ed25519_dalek::SigningKey;
use libfuzzer_sys::fuzz_target;
use swabmesh_protocol::cbor::Order;
use swabmesh_protocol::code::parse::Code;
use swabmesh_protocol::cose::Sign1;
use swabmesh_protocol::policy::Policy;
use swabmesh_protocol::trust::TrustList;

fuzz_target!(|data: &[u8]| {
    let key = SigningKey::from_bytes(&[7; 32]).verifying_key();
    if let Ok(sign1) = Sign1::parse(data, Order::Any) {
        assert!(sign1.verify(&key).is_err());
    }
    let _ = Code::parse(data);
    assert!(TrustList::open(data, &key).is_err());
    assert!(Policy::open(data, &key).is_err());
});
