//! Status list tokens: a whole list in the form of the IETF draft (`statuslist+cwt`), for bundles and other verifiers.

use ed25519_dalek::{SigningKey, VerifyingKey};
use minicbor::Decoder;

use super::{StatusError, StatusList};
use crate::cbor::{self, CborError, Order};
use crate::cose::{self, Algorithm, CoseError, Header, Sign1};
use crate::limits::STATUS_TOKEN_BYTES_MAX;
use crate::trust::KeyId;

/// Protected header 16 of the draft.
const TYP: &str = "application/statuslist+cwt";
/// Subject of the token: which list it is.
const SUBJECT: &str = "urn:swabmesh:status-list:";

mod claim {
    pub(super) const SUB: i64 = 2;
    pub(super) const EXP: i64 = 4;
    pub(super) const IAT: i64 = 6;
    pub(super) const STATUS_LIST: i64 = 65_533;
    pub(super) const TTL: i64 = 65_534;
}

/// Why bytes are not a status list token by that key. Nothing of it was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not signed by that key, or not strict CBOR.
    #[error(transparent)]
    Cose(#[from] CoseError),
    /// The claims are not strict CBOR.
    #[error("in the claims: {0}")]
    Cbor(#[from] CborError),
    /// A claim is missing or of another type, or the list has more than one bit a code.
    #[error("not a status list of one bit a code")]
    Shape,
    /// The list inside is damaged or too long.
    #[error(transparent)]
    List(#[from] StatusError),
    /// Longer than any honest token.
    #[error("the token has more than {STATUS_TOKEN_BYTES_MAX} bytes")]
    TooLong,
}

/// One status list, signed as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusToken {
    /// Number of the list.
    pub number: u32,
    /// The list; its time is the claim `iat`.
    pub list: StatusList,
    /// When to stop using it, seconds since 1970 UTC.
    pub exp_s: Option<u64>,
    /// How long to keep it before asking again, seconds.
    pub ttl_s: Option<u64>,
}

impl StatusToken {
    /// Signs the list.
    #[must_use]
    pub fn sign(&self, key: &SigningKey, alg: Algorithm) -> Vec<u8> {
        let lst = self.list.compress();
        let payload = cbor::encode(|e| {
            e.map(3 + u64::from(self.exp_s.is_some()) + u64::from(self.ttl_s.is_some()))?;
            e.i64(claim::SUB)?.str(&format!("{SUBJECT}{}", self.number))?;
            if let Some(exp_s) = self.exp_s {
                e.i64(claim::EXP)?.u64(exp_s)?;
            }
            e.i64(claim::IAT)?.u64(self.list.issued_at_s())?;
            e.i64(claim::STATUS_LIST)?.map(2)?.str("lst")?.bytes(&lst)?.str("bits")?.u8(1)?;
            if let Some(ttl_s) = self.ttl_s {
                e.i64(claim::TTL)?.u64(ttl_s)?;
            }
            Ok(())
        });
        let kid = KeyId::of(key.verifying_key().as_bytes());
        cose::sign(alg, Header { kid: Some(&kid.0), typ: Some(TYP) }, &payload, key)
    }

    /// Opens a token signed by one key. Whether it has expired is the caller's to say.
    ///
    /// # Errors
    /// A [`TokenError`]; nothing is unpacked before the signature holds.
    pub fn open(bytes: &[u8], key: &VerifyingKey) -> Result<Self, TokenError> {
        if bytes.len() > STATUS_TOKEN_BYTES_MAX {
            return Err(TokenError::TooLong);
        }
        let sign1 = Sign1::parse(bytes, Order::Any)?;
        if sign1.header.typ != Some(TYP) {
            return Err(CoseError::Type.into());
        }
        sign1.verify(key)?;
        cbor::check(sign1.payload, Order::Any)?;
        let claims = Claims::read(&mut Decoder::new(sign1.payload)).map_err(|_| TokenError::Shape)?;
        claims.token()
    }
}

#[derive(Default)]
struct Claims<'b> {
    subject: Option<&'b str>,
    iat_s: Option<u64>,
    exp_s: Option<u64>,
    ttl_s: Option<u64>,
    bits: Option<u8>,
    lst: Option<&'b [u8]>,
}

impl<'b> Claims<'b> {
    fn read(d: &mut Decoder<'b>) -> Result<Self, minicbor::decode::Error> {
        let mut claims = Self::default();
        for _ in 0..d.map()?.unwrap_or_default() {
            match d.i64()? {
                claim::SUB => claims.subject = Some(d.str()?),
                claim::IAT => claims.iat_s = Some(d.u64()?),
                claim::EXP => claims.exp_s = Some(d.u64()?),
                claim::TTL => claims.ttl_s = Some(d.u64()?),
                claim::STATUS_LIST => claims.read_list(d)?,
                _ => d.skip()?,
            }
        }
        Ok(claims)
    }

    fn read_list(&mut self, d: &mut Decoder<'b>) -> Result<(), minicbor::decode::Error> {
        for _ in 0..d.map()?.unwrap_or_default() {
            match d.str()? {
                "bits" => self.bits = Some(d.u8()?),
                "lst" => self.lst = Some(d.bytes()?),
                _ => d.skip()?,
            }
        }
        Ok(())
    }

    fn token(&self) -> Result<StatusToken, TokenError> {
        let number = self.subject.and_then(|subject| subject.strip_prefix(SUBJECT)).and_then(|n| n.parse().ok());
        let (Some(number), Some(iat_s), Some(1), Some(lst)) = (number, self.iat_s, self.bits, self.lst) else {
            return Err(TokenError::Shape);
        };
        Ok(StatusToken { number, list: StatusList::decompress(lst, iat_s)?, exp_s: self.exp_s, ttl_s: self.ttl_s })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_with_its_key_only() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let mut list = StatusList::new(1 << 20, 1_649_433_600).unwrap();
        for index in [0, 4_242, (1 << 20) - 1] {
            list.revoke(index).unwrap();
        }
        let token = StatusToken { number: 17, list, exp_s: None, ttl_s: Some(3_600) };
        let bytes = token.sign(&key, Algorithm::EdDsa);
        assert!(bytes.len() < 2_000, "{} bytes for three revoked codes", bytes.len());
        assert_eq!(StatusToken::open(&bytes, &key.verifying_key()), Ok(token));
        let other = SigningKey::from_bytes(&[8; 32]).verifying_key();
        assert_eq!(StatusToken::open(&bytes, &other), Err(TokenError::Cose(CoseError::Signature)));
    }

    #[test]
    fn the_least_compressible_list_fits_a_token() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let mut list = StatusList::new(1 << 20, 5).unwrap();
        let mut state = 0x9e37_79b9_u32;
        for index in 0..1 << 20 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if state >> 31 == 1 {
                list.revoke(index).unwrap();
            }
        }
        let token = StatusToken { number: 1, list, exp_s: Some(9), ttl_s: None };
        let bytes = token.sign(&key, Algorithm::Ed25519);
        assert_eq!(StatusToken::open(&bytes, &key.verifying_key()), Ok(token));
    }
}
