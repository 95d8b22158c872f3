//! Builds codes: deterministic CBOR, signed. Randomness (`cti`) and time are the caller's.

use ed25519_dalek::SigningKey;

use super::parse::{is_document_type, is_last_four, is_masked_name};
use super::{Credential, Kind, OfKind, body, claim};
use crate::cbor;
use crate::cose::{self, Algorithm, Header};
use crate::id::CodeId;
use crate::trust::KeyId;

/// Why a credential is not issued. The caller is at fault; nothing was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// The code would expire before it is issued.
    #[error("a code expires after it is issued")]
    Times,
    /// The masked name is empty, too long or holds a control character.
    #[error("a masked name has 1 to 64 bytes and no control characters")]
    MaskedName,
    /// Not a type of document.
    #[error("a document type is a number from 1 to 9")]
    DocumentType,
    /// Not four characters.
    #[error("the last four of a document are four characters")]
    LastFour,
}

/// Signs a credential; returns the bytes that [`super::text::encode`] turns into the text of a code.
///
/// # Errors
/// An [`IssueError`] naming the field that no verifier would accept.
pub fn credential(credential: &Credential, key: &SigningKey, alg: Algorithm) -> Result<Vec<u8>, IssueError> {
    if credential.exp_s <= credential.iat_s {
        return Err(IssueError::Times);
    }
    if !is_masked_name(&credential.masked_name) {
        return Err(IssueError::MaskedName);
    }
    if !is_document_type(credential.document_type) {
        return Err(IssueError::DocumentType);
    }
    if !is_last_four(&credential.last_four) {
        return Err(IssueError::LastFour);
    }
    let kid = KeyId::of(key.verifying_key().as_bytes());
    Ok(cose::sign(alg, Header { kid: Some(&kid.0), typ: None }, &claims(credential), key))
}

/// Signs a presentation of a live credential with the phone's key; the phone draws a new one every few seconds.
///
/// `credential` is the credential's bytes as issued; a verifier accepts `exp_s - iat_s` up to the policy's
/// [`live_life_s`](crate::policy::Policy::live_life_s).
///
/// # Errors
/// [`IssueError::Times`].
pub fn presentation(
    credential: &[u8],
    times: super::parse::Times,
    device: &SigningKey,
    alg: Algorithm,
) -> Result<Vec<u8>, IssueError> {
    if times.exp_s <= times.iat_s {
        return Err(IssueError::Times);
    }
    let payload = cbor::encode(|e| {
        e.map(4)?.i64(claim::EXP)?.u64(times.exp_s)?.i64(claim::IAT)?.u64(times.iat_s)?;
        e.i64(claim::CTI)?.bytes(&times.cti.0)?;
        e.i64(claim::BODY)?.map(2)?.i64(body::KIND)?.u8(Kind::LivePresentation.number())?;
        e.i64(body::CREDENTIAL)?.bytes(credential)?.ok()
    });
    Ok(cose::sign(alg, Header::default(), &payload, device))
}

/// The payload; keys ascend within each kind, as deterministic CBOR wants them.
fn claims(credential: &Credential) -> Vec<u8> {
    let CodeId(cti) = credential.cti;
    cbor::encode(|e| {
        let device = match credential.of_kind {
            OfKind::Live { device } => Some(device),
            OfKind::Static | OfKind::Relative { .. } | OfKind::Paper { .. } => None,
        };
        e.map(4 + u64::from(device.is_some()))?;
        e.i64(claim::EXP)?.u64(credential.exp_s)?.i64(claim::IAT)?.u64(credential.iat_s)?;
        e.i64(claim::CTI)?.bytes(&cti)?;
        if let Some(x) = device {
            e.i64(claim::CNF)?.map(1)?.u8(1)?.map(3)?.u8(1)?.u8(1)?.i8(-1)?.u8(6)?.i8(-2)?.bytes(&x)?;
        }
        e.i64(claim::BODY)?.map(match credential.of_kind {
            OfKind::Static | OfKind::Live { .. } => 6,
            OfKind::Relative { .. } | OfKind::Paper { .. } => 8,
        })?;
        e.i64(body::KIND)?.u8(credential.kind().number())?;
        e.i64(body::PERSON)?.bytes(&credential.person.0)?;
        e.i64(body::MASKED_NAME)?.str(&credential.masked_name)?;
        e.i64(body::DOCUMENT_TYPE)?.u8(credential.document_type)?;
        e.i64(body::LAST_FOUR)?.str(&credential.last_four)?;
        if let OfKind::Relative { guardian, category } = credential.of_kind {
            e.i64(body::GUARDIAN)?.bytes(&guardian.0)?.i64(body::CATEGORY)?.u8(category.number())?;
        }
        if let OfKind::Paper { category, .. } = credential.of_kind {
            e.i64(body::CATEGORY)?.u8(category.number())?;
        }
        e.i64(body::STATUS)?.array(2)?.u32(credential.status.list)?.u32(credential.status.index)?;
        if let OfKind::Paper { serial, .. } = credential.of_kind {
            e.i64(body::SERIAL)?.u64(serial)?;
        }
        Ok(())
    })
}
