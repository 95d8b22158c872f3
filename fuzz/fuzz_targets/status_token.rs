//! Any bytes as a compressed status list: bounded memory, and what opens comes back; as the claims of a token the
//! authority signed: never a panic.
#![no_main]

use ed25519_dalek::SigningKey;
use libfuzzer_sys::fuzz_target;
use swabmesh_protocol::cose::{Algorithm, Header, sign};
use swabmesh_protocol::status::StatusList;
use swabmesh_protocol::status::delta::StatusDelta;
use swabmesh_protocol::status::token::StatusToken;

fuzz_target!(|data: &[u8]| {
    if let Ok(list) = StatusList::decompress(data, 5) {
        assert_eq!(StatusList::decompress(&list.compress(), 5), Ok(list));
    }
    if let Ok(delta) = minicbor::decode::<StatusDelta>(data) {
        let _ = delta.to_list();
    }
    let key = SigningKey::from_bytes(&[7; 32]);
    let header = Header { kid: None, typ: Some("application/statuslist+cwt") };
    let _ = StatusToken::open(&sign(Algorithm::EdDsa, header, data, &key), &key.verifying_key());
});
