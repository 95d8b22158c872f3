//! A city in a test: whole nodes with real stores, set up by hand.

#![allow(dead_code, reason = "each test binary uses a part of this")]

use std::path::Path;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use swabmesh_node::network::NetworkTimes;
use swabmesh_node::runtime::{Carrying, NodeHandle, Setup};
use swabmesh_node::store::options::StoreOptions;
use swabmesh_protocol::certificate::Certificate;
use swabmesh_protocol::cose::Algorithm;
use swabmesh_protocol::entry::node_key;
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::id::Lane;
use swabmesh_protocol::policy::Policy;
use swabmesh_protocol::replica::Signed;
use swabmesh_protocol::text::Text;
use swabmesh_protocol::trust::{IssuerKey, TrustList};

/// A root and an issuer, and what they sign.
pub(crate) struct City {
    root: SigningKey,
    issuer: SigningKey,
}

pub(crate) fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

impl City {
    pub(crate) fn new() -> Self {
        Self { root: key(1), issuer: key(2) }
    }

    /// A city with the same issuer and another root: its certificates are worth nothing here.
    pub(crate) fn foreign() -> Self {
        Self { root: key(3), issuer: key(2) }
    }

    pub(crate) fn certificate(&self, key: &SigningKey, role: Role, name: &str, lane: u16) -> Vec<u8> {
        let (node, name) = (node_key(key), Text::new(name).unwrap());
        Certificate { node, role, name, lane: Lane(lane), serial: 1, from: 0, until: u64::MAX >> 1 }.sign(&self.root)
    }

    pub(crate) fn setup(
        &self,
        dir: &Path,
        key: SigningKey,
        role: Role,
        name: &str,
        lane: u16,
        authority: &[String],
    ) -> Setup {
        let trust = TrustList::new(1, vec![IssuerKey::new(self.issuer.verifying_key())]);
        let policy = Policy { version: 1, receipt_interval_ms: 200, ..Policy::default() };
        Setup {
            store: dir.to_owned(),
            store_options: StoreOptions::new(u64::from(key.to_bytes()[0])),
            certificate: self.certificate(&key, role, name, lane),
            root: self.root.verifying_key(),
            signed: Signed {
                certificates: Vec::new(),
                trust: trust.sign(&self.root, Algorithm::EdDsa).unwrap(),
                policy: policy.sign(&self.root, Algorithm::EdDsa).unwrap(),
            },
            issuers: (role == Role::Authority).then(|| self.issuer.clone()).into_iter().collect(),
            key,
            listen: vec!["127.0.0.1:0".to_owned()],
            peers: Vec::new(),
            authority: authority.to_vec(),
            mdns: false,
            times: NetworkTimes::default(),
            carrying: Carrying::default(),
        }
    }
}

/// Waits until something holds; shows what was seen last instead.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> Result<(), String>) {
    let mut last = String::new();
    for _ in 0..200 {
        match holds().await {
            Ok(()) => return,
            Err(seen) => last = seen,
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what}: not within 10 s; last seen: {last}");
}

/// Where a node can be dialled.
pub(crate) async fn address(node: &NodeHandle) -> String {
    let mut found = None;
    eventually("an address", async || {
        found = node.snapshot().listening.first().cloned();
        found.as_ref().map(|_| ()).ok_or_else(|| "none".to_owned())
    })
    .await;
    found.unwrap()
}
