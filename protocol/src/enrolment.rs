//! Joining, offline: a node prints a request, the authority answers (file or QR code, both ways).
//!
//! ```text
//! request  "SMQ1:" + base45( COSE_Sign1 by the node's own key over map {1 node, 2 role, 3 name, 4 lane, 5 seal key} )
//! answer   "SMA1:" + base45( CBOR map {1 root, 2 certificate, 3 authority's certificate, 4 trust list, 5 policy,
//!                             6 person key sealed to the node, 7 addresses} )
//! ```

use ed25519_dalek::{SigningKey, VerifyingKey};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::certificate::{Certificate, CertificateError};
use crate::cose::{self, Algorithm, CoseError, Header};
use crate::fact::Role;
use crate::id::{Lane, NodeKey};
use crate::text::Text;

const REQUEST_TYPE: &str = "application/swabmesh-join-request";
const REQUEST_PREFIX: &str = "SMQ1:";
const ANSWER_PREFIX: &str = "SMA1:";

/// Characters of a request or an answer; checked before anything is decoded.
pub const ENROLMENT_CHARS_MAX: usize = 8_192;

/// A node asks to take part.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct JoinRequest {
    /// Its key; the request is signed with it.
    #[n(1)]
    pub node: NodeKey,
    /// What it wants to be.
    #[n(2)]
    pub role: Role,
    /// What people call it.
    #[n(3)]
    pub name: Text<32>,
    /// Its cell.
    #[n(4)]
    pub lane: Lane,
    /// X25519 public key that the authority seals the person key to.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub seal_key: [u8; 32],
}

/// The authority's answer: all a node needs to verify codes and to be believed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct JoinAnswer {
    /// The root key, pinned from here on.
    #[n(1)]
    pub root: NodeKey,
    /// The node's certificate.
    #[n(2)]
    pub certificate: ByteVec,
    /// The authority's own certificate.
    #[n(3)]
    pub authority: ByteVec,
    /// The issuing keys, signed by the root.
    #[n(4)]
    pub trust: ByteVec,
    /// The policy, signed by the root.
    #[n(5)]
    pub policy: ByteVec,
    /// The campaign's person key, sealed to the node.
    #[n(6)]
    pub person_key: ByteVec,
    /// Where the authority listens, as multiaddresses.
    #[n(7)]
    pub addresses: Vec<String>,
}

/// Why a text is not a request or an answer. Whoever made it is at fault; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnrolmentError {
    /// Begins with something else.
    #[error("not a swabmesh join request (SMQ1:) or answer (SMA1:)")]
    Prefix,
    /// Cut, mistyped, or of a newer version.
    #[error("damaged: scan or copy it again")]
    Damaged,
    /// The request is not signed by the key it names.
    #[error("the request is not signed by the key it names: {0}")]
    Signature(#[from] CoseError),
    /// The certificate in the answer.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The answer is for another node.
    #[error("this answer is for another node ({node:?})")]
    OtherNode {
        /// For which.
        node: NodeKey,
    },
}

fn unwrap(text: &str, prefix: &str) -> Result<Vec<u8>, EnrolmentError> {
    let body = text.trim().strip_prefix(prefix).ok_or(EnrolmentError::Prefix)?;
    if body.len() > ENROLMENT_CHARS_MAX {
        return Err(EnrolmentError::Damaged);
    }
    base45::decode(body).map_err(|_| EnrolmentError::Damaged)
}

impl JoinRequest {
    /// The text of the file and of the QR code, signed with the node's key.
    #[must_use]
    pub fn to_text(&self, key: &SigningKey) -> String {
        let payload = crate::cbor::encode(|e| e.encode(self)?.ok());
        let header = Header { kid: None, typ: Some(REQUEST_TYPE) };
        format!("{REQUEST_PREFIX}{}", base45::encode(cose::sign(Algorithm::EdDsa, header, &payload, key)))
    }

    /// Reads a request and checks that the key it names signed it.
    ///
    /// # Errors
    /// [`EnrolmentError`].
    pub fn from_text(text: &str) -> Result<Self, EnrolmentError> {
        let bytes = unwrap(text, REQUEST_PREFIX)?;
        let sealed = cose::Sign1::parse(&bytes, crate::cbor::Order::Sorted)?;
        let request: Self = minicbor::decode(sealed.payload).map_err(|_| EnrolmentError::Damaged)?;
        let key = VerifyingKey::from_bytes(&request.node.0).map_err(|_| EnrolmentError::Damaged)?;
        cose::open(&bytes, REQUEST_TYPE, &key)?;
        Ok(request)
    }
}

impl JoinAnswer {
    /// The text of the file and of the QR code.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{ANSWER_PREFIX}{}", base45::encode(crate::cbor::encode(|e| e.encode(self)?.ok())))
    }

    /// Reads an answer for the node `own` and checks both certificates under the root it names.
    ///
    /// The root is believed because a person carried the answer: compare its fingerprint.
    ///
    /// # Errors
    /// [`EnrolmentError`].
    pub fn from_text(text: &str, own: &NodeKey) -> Result<(Self, Certificate), EnrolmentError> {
        let bytes = unwrap(text, ANSWER_PREFIX)?;
        crate::cbor::check(&bytes, crate::cbor::Order::Sorted).map_err(|_| EnrolmentError::Damaged)?;
        let answer: Self = minicbor::decode(&bytes).map_err(|_| EnrolmentError::Damaged)?;
        let root = VerifyingKey::from_bytes(&answer.root.0).map_err(|_| EnrolmentError::Damaged)?;
        Certificate::open(&answer.authority, &root)?;
        let certificate = Certificate::open(&answer.certificate, &root)?;
        if certificate.node == *own {
            Ok((answer, certificate))
        } else {
            Err(EnrolmentError::OtherNode { node: certificate.node })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::node_key;

    #[test]
    fn a_request_proves_its_own_key() {
        let key = SigningKey::from_bytes(&[4; 32]);
        let request = JoinRequest {
            node: node_key(&key),
            role: Role::Site,
            name: Text::new("Gate 3").unwrap(),
            lane: Lane(2),
            seal_key: [9; 32],
        };
        assert_eq!(JoinRequest::from_text(&request.to_text(&key)), Ok(request.clone()));
        let forged = request.to_text(&SigningKey::from_bytes(&[5; 32]));
        assert!(matches!(JoinRequest::from_text(&forged), Err(EnrolmentError::Signature(_))));
        assert_eq!(JoinRequest::from_text("hello"), Err(EnrolmentError::Prefix));
    }
}
