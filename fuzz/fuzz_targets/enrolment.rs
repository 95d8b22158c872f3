//! Any text as an enrolment request or answer, and any bytes as a certificate: never a panic, never believed.
#![no_main]

use ed25519_dalek::SigningKey;
use libfuzzer_sys::fuzz_target;
use swabmesh_protocol::certificate::Certificate;
use swabmesh_protocol::enrolment::{JoinAnswer, JoinRequest};
use swabmesh_protocol::entry::node_key;

fuzz_target!(|data: &[u8]| {
    let key = SigningKey::from_bytes(&[7; 32]);
    assert!(Certificate::open(data, &key.verifying_key()).is_err());
    let text = String::from_utf8_lossy(data);
    assert!(JoinRequest::from_text(&text).is_err());
    assert!(JoinAnswer::from_text(&text, &node_key(&key)).is_err());
});
