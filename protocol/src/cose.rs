//! Signed documents: COSE_Sign1 with Ed25519 (RFC 9052 §4, RFC 9864).
//!
//! Codes, trust lists, policies, status tokens and certificates are all this. What was received is what
//! is verified: bytes are kept and never encoded again.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use minicbor::Decoder;
use minicbor::data::{Tag, Type};

use crate::cbor::{self, CborError, Order};

/// CBOR tag of a COSE_Sign1.
const TAG: u64 = 18;
/// Header parameters: algorithm, key id, type (RFC 9596).
const ALG: i64 = 1;
const KID: i64 = 4;
const TYP: i64 = 16;

/// Messages up to this length are put together on the stack before they are verified; every code is shorter.
const STACK_MESSAGE_BYTES: usize = 1_024;

/// An algorithm identifier that means Ed25519.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Algorithm {
    /// −8, EdDSA: what every library verifies today.
    #[default]
    EdDsa,
    /// −19, Ed25519 (RFC 9864).
    Ed25519,
}

impl Algorithm {
    /// The number in the header.
    #[must_use]
    pub const fn number(self) -> i8 {
        match self {
            Self::EdDsa => -8,
            Self::Ed25519 => -19,
        }
    }

    const fn from_number(number: i64) -> Option<Self> {
        match number {
            -8 => Some(Self::EdDsa),
            -19 => Some(Self::Ed25519),
            _ => None,
        }
    }
}

/// Why bytes are not a document signed by that key. Whoever wrote them is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CoseError {
    /// Not strict CBOR.
    #[error(transparent)]
    Cbor(#[from] CborError),
    /// Not a tagged array of protected header, empty map, payload and 64 bytes of signature.
    #[error("not a COSE_Sign1 with an empty unprotected header and an Ed25519 signature")]
    Shape,
    /// A protected header parameter of an unexpected name or type.
    #[error("the protected header holds something unexpected")]
    Header,
    /// The algorithm is missing or is not Ed25519.
    #[error("the signature algorithm is neither -8 (EdDSA) nor -19 (Ed25519)")]
    Algorithm,
    /// A document of another type.
    #[error("a document of another type")]
    Type,
    /// The signature does not fit the key and the bytes.
    #[error("the signature does not fit")]
    Signature,
}

/// The protected header parameters beside the algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header<'b> {
    /// Which key may have signed: a hint, never a proof.
    pub kid: Option<&'b [u8]>,
    /// What the payload is. Keeps a document signed for one purpose from being read as another.
    pub typ: Option<&'b str>,
}

/// One parsed COSE_Sign1, not yet verified; borrows the bytes it came from.
#[derive(Debug, Clone, Copy)]
pub struct Sign1<'b> {
    /// The algorithm, if it is one of ours.
    pub alg: Option<Algorithm>,
    /// The other protected parameters.
    pub header: Header<'b>,
    /// The payload as received. Unproven until [`Sign1::verify`].
    pub payload: &'b [u8],
    protected: &'b [u8],
    signature: Signature,
}

impl<'b> Sign1<'b> {
    /// Parses a tagged COSE_Sign1 whose unprotected header is empty. The payload's inside is not looked at.
    ///
    /// # Errors
    /// [`CoseError::Cbor`], [`CoseError::Shape`] or [`CoseError::Header`].
    pub fn parse(bytes: &'b [u8], order: Order) -> Result<Self, CoseError> {
        cbor::check(bytes, order)?;
        let (protected, payload, signature) = parts(bytes).map_err(|_| CoseError::Shape)?.ok_or(CoseError::Shape)?;
        let signature = Signature::from_slice(signature).map_err(|_| CoseError::Shape)?;
        let mut sign1 = Self { alg: None, header: Header::default(), payload, protected, signature };
        // RFC 9052 §3 writes an empty protected header as no bytes at all.
        if !protected.is_empty() {
            cbor::check(protected, order)?;
            sign1.read_protected()?;
        }
        Ok(sign1)
    }

    fn read_protected(&mut self) -> Result<(), CoseError> {
        let wrong = |_| CoseError::Header;
        let mut decoder = Decoder::new(self.protected);
        for _ in 0..decoder.map().map_err(wrong)?.ok_or(CoseError::Header)? {
            match decoder.i64().map_err(wrong)? {
                ALG if decoder.datatype().map_err(wrong)? == Type::String => decoder.skip().map_err(wrong)?,
                ALG => self.alg = Algorithm::from_number(decoder.i64().map_err(wrong)?),
                KID => self.header.kid = Some(decoder.bytes().map_err(wrong)?),
                TYP => self.header.typ = Some(decoder.str().map_err(wrong)?),
                _ => return Err(CoseError::Header),
            }
        }
        Ok(())
    }

    /// Verifies the signature over the bytes as received, strictly (RFC 8032, no small-order keys).
    ///
    /// # Errors
    /// [`CoseError::Algorithm`] or [`CoseError::Signature`].
    pub fn verify(&self, key: &VerifyingKey) -> Result<(), CoseError> {
        self.alg.ok_or(CoseError::Algorithm)?;
        let mut stack = [0; STACK_MESSAGE_BYTES];
        let mut rest = stack.as_mut_slice();
        let verified = if put_message(&mut rest, self.protected, self.payload).is_some() {
            let left = rest.len();
            let message = stack.get(..STACK_MESSAGE_BYTES - left).unwrap_or_default();
            key.verify_strict(message, &self.signature)
        } else {
            key.verify_strict(&message(self.protected, self.payload), &self.signature)
        };
        verified.map_err(|_| CoseError::Signature)
    }
}

/// Opens a document of one type signed by one key: returns its payload, proven and strict CBOR with sorted keys.
///
/// # Errors
/// Any [`CoseError`]; nothing of the payload has been used.
pub fn open<'b>(bytes: &'b [u8], typ: &str, key: &VerifyingKey) -> Result<&'b [u8], CoseError> {
    let sign1 = Sign1::parse(bytes, Order::Sorted)?;
    if sign1.header.typ != Some(typ) {
        return Err(CoseError::Type);
    }
    sign1.verify(key)?;
    cbor::check(sign1.payload, Order::Sorted)?;
    Ok(sign1.payload)
}

/// Signs a payload: a tagged COSE_Sign1 in deterministic CBOR.
#[must_use]
pub fn sign(alg: Algorithm, header: Header<'_>, payload: &[u8], key: &SigningKey) -> Vec<u8> {
    let protected = cbor::encode(|e| {
        e.map(1 + u64::from(header.kid.is_some()) + u64::from(header.typ.is_some()))?;
        e.i64(ALG)?.i8(alg.number())?;
        if let Some(kid) = header.kid {
            e.i64(KID)?.bytes(kid)?;
        }
        if let Some(typ) = header.typ {
            e.i64(TYP)?.str(typ)?;
        }
        Ok(())
    });
    let signature = key.sign(&message(&protected, payload)).to_bytes();
    cbor::encode(|e| e.tag(Tag::new(TAG))?.array(4)?.bytes(&protected)?.map(0)?.bytes(payload)?.bytes(&signature)?.ok())
}

type Parts<'b> = (&'b [u8], &'b [u8], &'b [u8]);

/// Protected header, payload and signature, or `None` when the frame around them is another.
fn parts(bytes: &[u8]) -> Result<Option<Parts<'_>>, minicbor::decode::Error> {
    let mut decoder = Decoder::new(bytes);
    if decoder.tag()? != Tag::new(TAG) || decoder.array()? != Some(4) {
        return Ok(None);
    }
    let protected = decoder.bytes()?;
    if decoder.map()? != Some(0) {
        return Ok(None);
    }
    Ok(Some((protected, decoder.bytes()?, decoder.bytes()?)))
}

/// The Sig_structure of RFC 9052 §4.4: what is signed.
fn message(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    cbor::encode(|e| e.array(4)?.str("Signature1")?.bytes(protected)?.bytes(&[])?.bytes(payload)?.ok())
}

/// The same into a buffer; `None` when it is too short.
fn put_message(buffer: &mut &mut [u8], protected: &[u8], payload: &[u8]) -> Option<()> {
    let mut e = minicbor::Encoder::new(buffer);
    e.array(4).ok()?.str("Signature1").ok()?.bytes(protected).ok()?.bytes(&[]).ok()?.bytes(payload).ok()?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    const HEADER: Header<'_> = Header { kid: Some(b"12345678"), typ: Some("a-type") };

    #[test]
    fn a_signed_document_opens_with_its_key_and_type_only() {
        let bytes = sign(Algorithm::Ed25519, HEADER, &[0x81, 0x01], &key());
        let public = key().verifying_key();
        assert_eq!(open(&bytes, "a-type", &public), Ok([0x81, 0x01].as_slice()));
        assert_eq!(open(&bytes, "another", &public), Err(CoseError::Type));
        let other = SigningKey::from_bytes(&[8; 32]).verifying_key();
        assert_eq!(open(&bytes, "a-type", &other), Err(CoseError::Signature));
    }

    #[test]
    fn a_long_document_verifies_like_a_short_one() {
        let payload = cbor::encode(|e| e.bytes(&[3; 5_000])?.ok());
        let bytes = sign(Algorithm::EdDsa, HEADER, &payload, &key());
        assert_eq!(open(&bytes, "a-type", &key().verifying_key()), Ok(payload.as_slice()));
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let bytes = sign(Algorithm::EdDsa, HEADER, &[0x81, 0x01], &key());
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(open(&changed, "a-type", &key().verifying_key()).is_err(), "byte {at}");
        }
    }
}
