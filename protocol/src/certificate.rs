//! Node certificates: who may take part, as what, in which cell, and until when (rule N2).
//!
//! A certificate is a COSE_Sign1 of the root key over a CBOR map with integer keys. It travels in the hello of
//! its node and as a fact of the authority's feed, so it is learnt by the ordinary sync and by bundle.

use ed25519_dalek::{SigningKey, VerifyingKey};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::cose::{self, Algorithm, CoseError, Header};
use crate::fact::Role;
use crate::id::{Lane, NodeKey};
use crate::text::Text;
use crate::time::DAY_S;

/// Type in the protected header: keeps a certificate from being read as anything else the root signs.
const TYPE: &str = "application/swabmesh-certificate";

/// Seconds before its end at which the authority renews a certificate, unless a third of its validity is shorter.
///
/// Source: guess; a site that only a courier reaches has two couriers a month.
pub const RENEWED_BEFORE_S: u64 = 30 * DAY_S;

/// What the root says of a node.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Certificate {
    /// The node's key.
    #[n(1)]
    pub node: NodeKey,
    /// What it may state.
    #[n(2)]
    pub role: Role,
    /// What people call it.
    #[n(3)]
    pub name: Text<32>,
    /// Its cell; city-wide for the authority and for laboratories.
    #[n(4)]
    pub lane: Lane,
    /// Rises with every certificate; of two for one node the higher holds.
    #[n(5)]
    pub serial: u32,
    /// Valid from, seconds since 1970 UTC.
    #[n(6)]
    pub from: u64,
    /// Valid until, seconds since 1970 UTC.
    #[n(7)]
    pub until: u64,
}

/// Why bytes are not a certificate of this root. Their bearer is at fault; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not signed by the root, or not a certificate at all.
    #[error("not a certificate of this authority: {0}")]
    Cose(#[from] CoseError),
    /// Signed, but not of the shape this version knows.
    #[error("a certificate of a shape that is not known here")]
    Shape,
    /// Outside its validity.
    #[error("the certificate is valid from {from} to {until} (seconds since 1970 UTC), not now")]
    Expired {
        /// Valid from.
        from: u64,
        /// Valid until.
        until: u64,
    },
}

impl Certificate {
    /// Signs it with the root key.
    #[must_use]
    pub fn sign(&self, root: &SigningKey) -> Vec<u8> {
        let payload = crate::cbor::encode(|e| e.encode(self)?.ok());
        cose::sign(Algorithm::EdDsa, Header { kid: None, typ: Some(TYPE) }, &payload, root)
    }

    /// Opens one the root signed.
    ///
    /// # Errors
    /// [`CertificateError::Cose`] or [`CertificateError::Shape`].
    pub fn open(bytes: &[u8], root: &VerifyingKey) -> Result<Self, CertificateError> {
        let payload = cose::open(bytes, TYPE, root)?;
        minicbor::decode(payload).map_err(|_| CertificateError::Shape)
    }

    /// Whether it holds at a moment.
    ///
    /// # Errors
    /// [`CertificateError::Expired`].
    pub const fn check_at(&self, now_s: u64) -> Result<(), CertificateError> {
        if self.from <= now_s && now_s < self.until {
            Ok(())
        } else {
            Err(CertificateError::Expired { from: self.from, until: self.until })
        }
    }

    /// Whether it is to be renewed: it ends within `before_s`, or within a third of its validity if that is shorter.
    #[must_use]
    pub fn is_due(&self, now_s: u64, before_s: u64) -> bool {
        self.left_s(now_s) <= self.renewal_s(before_s)
    }

    /// Whether half of the time in which it should have been renewed is over.
    #[must_use]
    pub fn is_late(&self, now_s: u64) -> bool {
        self.left_s(now_s).saturating_mul(2) <= self.renewal_s(RENEWED_BEFORE_S)
    }

    /// The moment from which on somebody who was not heard of is not renewed: half of the validity.
    #[must_use]
    pub const fn half_s(&self) -> u64 {
        self.from.saturating_add(self.until.saturating_sub(self.from) / 2)
    }

    /// Seconds until it ends; 0 once it has.
    #[must_use]
    pub const fn left_s(&self, now_s: u64) -> u64 {
        self.until.saturating_sub(now_s)
    }

    fn renewal_s(&self, before_s: u64) -> u64 {
        before_s.min(self.until.saturating_sub(self.from) / 3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> Certificate {
        Certificate {
            node: NodeKey([5; 32]),
            role: Role::Site,
            name: Text::new("Gate 3").unwrap(),
            lane: Lane(7),
            serial: 1,
            from: 100,
            until: 200,
        }
    }

    #[test]
    fn a_certificate_opens_under_its_root_only() {
        let (root, other) = (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
        let bytes = certificate().sign(&root);
        assert_eq!(Certificate::open(&bytes, &root.verifying_key()), Ok(certificate()));
        assert!(Certificate::open(&bytes, &other.verifying_key()).is_err());
    }

    #[test]
    fn a_certificate_is_due_within_the_margin_or_within_a_third_of_its_validity() {
        // Valid for 100 s: a third is 33.
        assert!(!certificate().is_due(166, 1_000) && certificate().is_due(167, 1_000));
        assert!(!certificate().is_due(189, 10) && certificate().is_due(190, 10) && certificate().is_due(500, 10));
        assert!(!certificate().is_late(183) && certificate().is_late(184));
    }

    #[test]
    fn a_certificate_holds_inside_its_validity_only() {
        assert!(certificate().check_at(99).is_err());
        assert!(certificate().check_at(100).is_ok());
        assert!(certificate().check_at(200).is_err());
    }
}
