//! Entries of a feed, the hash chain through them, and the signature that closes a group of them.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::id::{FeedHeader, FeedId, Hash, NodeKey, SeqNo};
use crate::time::Stamp;

/// One entry of a chunk that was opened: numbered, hashed, and covered by a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub seq: SeqNo,
    /// When, by the writer's hybrid clock.
    pub stamp: Stamp,
    /// Its hash: the link the next entry names.
    pub hash: Hash,
    /// The fact's bytes, as written; perhaps of a kind not known here.
    pub fact: Vec<u8>,
}

/// Hashes one entry: SHA-256 of `"swabmesh entry 1"`, feed (16 bytes), number (8, big-endian), previous hash (32),
/// stamp (8, big-endian), fact.
#[must_use]
pub fn link(feed: &FeedId, seq: SeqNo, previous: &Hash, stamp: Stamp, fact: &[u8]) -> Hash {
    let mut fixed = [0; 80];
    fixed[..16].copy_from_slice(b"swabmesh entry 1");
    fixed[16..32].copy_from_slice(&feed.0);
    fixed[32..40].copy_from_slice(&seq.0.to_be_bytes());
    fixed[40..72].copy_from_slice(&previous.0);
    fixed[72..].copy_from_slice(&stamp.0.to_be_bytes());
    let mut hash = Sha256::new();
    hash.update(fixed);
    hash.update(fact);
    Hash(hash.finalize().into())
}

/// A writer's signature over its feed up to an entry: authenticates the whole prefix below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last entry covered.
    pub seq: SeqNo,
    /// That entry's hash.
    pub head: Hash,
    /// Ed25519 over the checkpoint's message, 64 bytes.
    pub signature: [u8; 64],
}

/// A checkpoint's signature does not verify under its writer's key. The sender is at fault; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify under the writer's key")]
pub struct BadSignature;

impl Checkpoint {
    /// What is signed: `"swabmesh checkpoint 1"`, feed (16 bytes), number (8, big-endian), head (32).
    fn message(feed: &FeedId, seq: SeqNo, head: &Hash) -> [u8; 77] {
        let mut message = [0; 77];
        message[..21].copy_from_slice(b"swabmesh checkpoint 1");
        message[21..37].copy_from_slice(&feed.0);
        message[37..45].copy_from_slice(&seq.0.to_be_bytes());
        message[45..].copy_from_slice(&head.0);
        message
    }

    /// Signs a feed up to an entry.
    #[must_use]
    pub fn sign(key: &SigningKey, feed: &FeedId, seq: SeqNo, head: Hash) -> Self {
        let signature = key.sign(&Self::message(feed, seq, &head)).to_bytes();
        Self { seq, head, signature }
    }

    /// Checks the signature strictly (RFC 8032, no small-order points).
    ///
    /// # Errors
    /// [`BadSignature`], also when the writer's key is not a point of the curve.
    pub fn verify(&self, header: &FeedHeader) -> Result<(), BadSignature> {
        let key = VerifyingKey::from_bytes(&header.writer.0).map_err(|_| BadSignature)?;
        let message = Self::message(&header.id(), self.seq, &self.head);
        key.verify_strict(&message, &Signature::from_bytes(&self.signature)).map_err(|_| BadSignature)
    }
}

/// Checks the signatures that close chunks.
///
/// The core's own check is [`Strict`]. Whoever runs many nodes in one process may give each a verifier that remembers
/// what another has checked; it must say of every checkpoint what [`Strict`] says.
pub trait Verifier: std::fmt::Debug + Send {
    /// Checks the signature of a checkpoint of a feed.
    ///
    /// # Errors
    /// [`BadSignature`].
    fn check(&self, checkpoint: &Checkpoint, header: &FeedHeader) -> Result<(), BadSignature>;
}

/// Checks every signature each time.
#[derive(Debug, Clone, Copy)]
pub struct Strict;

impl Verifier for Strict {
    fn check(&self, checkpoint: &Checkpoint, header: &FeedHeader) -> Result<(), BadSignature> {
        checkpoint.verify(header)
    }
}

/// The public half of a node's key.
#[must_use]
pub fn node_key(key: &SigningKey) -> NodeKey {
    NodeKey(key.verifying_key().to_bytes())
}
