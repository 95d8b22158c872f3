//! The trust list: whose signature on a code counts, as the authority's root says.

use ed25519_dalek::{SigningKey, VerifyingKey};
use minicbor::Decoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::cbor;
use crate::cose::{self, Algorithm, CoseError, Header};
use crate::id::{IdError, hex, unhex};
use crate::limits::TRUST_LIST_BYTES_MAX;

/// Header type of a signed trust list.
const TYP: &str = "swabmesh-trust-list";

/// The first 8 bytes of SHA-256 of a raw public key: a hint which key signed, never a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 8]);

impl KeyId {
    /// The id of a raw Ed25519 public key.
    #[must_use]
    pub fn of(public: &[u8; 32]) -> Self {
        let hash: [u8; 32] = Sha256::digest(public).into();
        let mut kid = [0; 8];
        kid.copy_from_slice(&hash[..8]);
        Self(kid)
    }
}

/// What a key may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Codes.
    #[default]
    Codes,
    /// Status list tokens; never a code.
    StatusLists,
}

impl Purpose {
    const ALL: [Self; 2] = [Self::Codes, Self::StatusLists];
}

/// How far a key is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyStatus {
    /// Signs today.
    Active,
    /// Signs no more; what it signed in its time still verifies (C9).
    Retired,
    /// Stolen or misused: nothing it ever signed verifies (C9).
    Withdrawn,
    /// Signs examples and training material only.
    Specimen,
}

impl KeyStatus {
    const ALL: [Self; 4] = [Self::Active, Self::Retired, Self::Withdrawn, Self::Specimen];
}

/// One issuer key of the trust list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "IssuerEntry", into = "IssuerEntry")]
pub struct IssuerKey {
    /// The key, decompressed once so that no verification pays for it.
    pub public: VerifyingKey,
    /// Its id, derived.
    pub kid: KeyId,
    /// What it may sign.
    pub purpose: Purpose,
    /// First second of issue it is trusted for, since 1970 UTC.
    pub from_s: u64,
    /// Last second of issue it is trusted for.
    pub until_s: u64,
    /// How far it is trusted.
    pub status: KeyStatus,
}

impl IssuerKey {
    /// An active key for codes without bounds in time.
    #[must_use]
    pub fn new(public: VerifyingKey) -> Self {
        let kid = KeyId::of(public.as_bytes());
        Self { public, kid, purpose: Purpose::Codes, from_s: 0, until_s: u64::MAX, status: KeyStatus::Active }
    }

    /// Whether it is trusted for what was issued at `iat_s`.
    #[must_use]
    pub const fn covers(&self, iat_s: u64) -> bool {
        self.from_s <= iat_s && iat_s <= self.until_s
    }
}

/// Why a trust list is not taken or not signed; the one held stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// Not signed by the root, or not strict CBOR. The sender is at fault.
    #[error("the trust list is not signed by the pinned root key: {0}")]
    Cose(#[from] CoseError),
    /// Signed, but not a trust list this version can read. The authority is at fault.
    #[error("the trust list has another shape")]
    Shape,
    /// One of its keys is no Ed25519 key. The authority is at fault.
    #[error("the trust list holds something that is not an Ed25519 key")]
    Key,
    /// Longer than a fact may be.
    #[error("the trust list has more than {TRUST_LIST_BYTES_MAX} bytes")]
    TooLong,
}

/// Whose signatures count. A key that is absent is distrusted.
///
/// Wire form: a COSE_Sign1 by the root of `{1: version, 2: [[public, purpose, from, until, status]]}`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustList {
    version: u64,
    keys: Vec<IssuerKey>,
}

impl TrustList {
    /// A list of the authority's own making.
    #[must_use]
    pub const fn new(version: u64, keys: Vec<IssuerKey>) -> Self {
        Self { version, keys }
    }

    /// Grows with every list the root signs; 0 before the first.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The keys, in the root's order.
    #[must_use]
    pub fn keys(&self) -> &[IssuerKey] {
        &self.keys
    }

    /// The keys for one purpose that have this id: several may, and each is to be tried.
    pub fn with_kid<'a>(&'a self, purpose: Purpose, kid: &'a [u8]) -> impl Iterator<Item = &'a IssuerKey> + Clone {
        self.keys.iter().filter(move |key| key.purpose == purpose && key.kid.0 == kid)
    }

    /// Takes the other list if it is newer; tells whether it did.
    ///
    /// Two lists of one version, which an honest root never signs, are decided by their bytes, so that every node
    /// ends with the same one whatever the order of arrival.
    pub fn merge(&mut self, other: Self) -> bool {
        let newer = (other.version, other.payload()) > (self.version, self.payload());
        if newer {
            *self = other;
        }
        newer
    }

    /// Signs the list with the root key.
    ///
    /// # Errors
    /// [`TrustError::TooLong`] above [`TRUST_LIST_BYTES_MAX`].
    pub fn sign(&self, root: &SigningKey, alg: Algorithm) -> Result<Vec<u8>, TrustError> {
        let bytes = cose::sign(alg, Header { kid: None, typ: Some(TYP) }, &self.payload(), root);
        if bytes.len() > TRUST_LIST_BYTES_MAX { Err(TrustError::TooLong) } else { Ok(bytes) }
    }

    /// Opens a list signed by the pinned root.
    ///
    /// # Errors
    /// A [`TrustError`] that says whose fault it is.
    pub fn open(bytes: &[u8], root: &VerifyingKey) -> Result<Self, TrustError> {
        if bytes.len() > TRUST_LIST_BYTES_MAX {
            return Err(TrustError::TooLong);
        }
        let payload = cose::open(bytes, TYP, root)?;
        Self::read(&mut Decoder::new(payload))
    }

    fn payload(&self) -> Vec<u8> {
        cbor::encode(|e| {
            e.map(2)?.u8(1)?.u64(self.version)?.u8(2)?.array(self.keys.len() as u64)?;
            for key in &self.keys {
                e.array(5)?.bytes(key.public.as_bytes())?.u8(key.purpose as u8)?;
                e.u64(key.from_s)?.u64(key.until_s)?.u8(key.status as u8)?;
            }
            Ok(())
        })
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, TrustError> {
        let shape = |_| TrustError::Shape;
        if d.map().map_err(shape)? != Some(2) || d.u8().map_err(shape)? != 1 {
            return Err(TrustError::Shape);
        }
        let version = d.u64().map_err(shape)?;
        if d.u8().map_err(shape)? != 2 {
            return Err(TrustError::Shape);
        }
        let count = d.array().map_err(shape)?.ok_or(TrustError::Shape)?;
        let keys = (0..count).map(|_| read_key(d)).collect::<Result<_, _>>()?;
        Ok(Self { version, keys })
    }
}

fn read_key(d: &mut Decoder<'_>) -> Result<IssuerKey, TrustError> {
    let shape = |_| TrustError::Shape;
    if d.array().map_err(shape)? != Some(5) {
        return Err(TrustError::Shape);
    }
    let public = d.bytes().map_err(shape)?.try_into().map_err(|_| TrustError::Key)?;
    let public = VerifyingKey::from_bytes(public).map_err(|_| TrustError::Key)?;
    let purpose = d.u8().map_err(shape)?;
    let (from_s, until_s) = (d.u64().map_err(shape)?, d.u64().map_err(shape)?);
    let status = d.u8().map_err(shape)?;
    Ok(IssuerKey {
        purpose: *Purpose::ALL.get(usize::from(purpose)).ok_or(TrustError::Shape)?,
        from_s,
        until_s,
        status: *KeyStatus::ALL.get(usize::from(status)).ok_or(TrustError::Shape)?,
        ..IssuerKey::new(public)
    })
}

/// A key as files write it; `kid` may be left out, and is checked when it is there.
#[derive(Serialize, Deserialize)]
struct IssuerEntry {
    public: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    #[serde(default)]
    purpose: Purpose,
    status: KeyStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
}

/// Why an entry of a file is not an issuer key. The file's writer is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Not hexadecimal of the right length.
    #[error(transparent)]
    Hex(#[from] IdError),
    /// Not a point of the curve.
    #[error("`public` is not an Ed25519 key")]
    Key,
    /// The id is not that of the key.
    #[error("`kid` is not the first 8 bytes of SHA-256 of `public`")]
    Kid,
}

impl TryFrom<IssuerEntry> for IssuerKey {
    type Error = EntryError;

    fn try_from(entry: IssuerEntry) -> Result<Self, EntryError> {
        let public = VerifyingKey::from_bytes(&unhex(&entry.public)?).map_err(|_| EntryError::Key)?;
        let key = Self {
            purpose: entry.purpose,
            from_s: entry.from.unwrap_or(0),
            until_s: entry.until.unwrap_or(u64::MAX),
            status: entry.status,
            ..Self::new(public)
        };
        match entry.kid {
            Some(kid) if unhex(&kid)? != key.kid.0 => Err(EntryError::Kid),
            _ => Ok(key),
        }
    }
}

impl From<IssuerKey> for IssuerEntry {
    fn from(key: IssuerKey) -> Self {
        Self {
            public: hex(key.public.as_bytes()),
            kid: Some(hex(&key.kid.0)),
            purpose: key.purpose,
            status: key.status,
            from: (key.from_s > 0).then_some(key.from_s),
            until: (key.until_s < u64::MAX).then_some(key.until_s),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> SigningKey {
        SigningKey::from_bytes(&[1; 32])
    }

    fn list(version: u64, count: u8) -> TrustList {
        let key = |n| IssuerKey::new(SigningKey::from_bytes(&[n; 32]).verifying_key());
        let bounded = |n| IssuerKey { from_s: 1_649_347_200, until_s: 1_683_993_600, ..key(n) };
        TrustList::new(version, (0..count).map(bounded).collect())
    }

    #[test]
    fn a_signed_list_opens_with_the_root_only() {
        let bytes = list(3, 4).sign(&root(), Algorithm::EdDsa).unwrap();
        assert_eq!(TrustList::open(&bytes, &root().verifying_key()), Ok(list(3, 4)));
        let stranger = SigningKey::from_bytes(&[2; 32]).verifying_key();
        assert_eq!(TrustList::open(&bytes, &stranger), Err(TrustError::Cose(CoseError::Signature)));
    }

    #[test]
    fn fifty_five_keys_fit_and_a_longer_list_is_not_signed() {
        assert!(list(9, 55).sign(&root(), Algorithm::EdDsa).is_ok());
        assert_eq!(list(9, 65).sign(&root(), Algorithm::EdDsa), Err(TrustError::TooLong));
    }

    #[test]
    fn the_highest_version_wins_in_either_order_of_arrival() {
        for (a, b) in [(list(1, 2), list(2, 1)), (list(2, 1), list(2, 3))] {
            let (mut ab, mut ba) = (a.clone(), b.clone());
            ab.merge(b.clone());
            ba.merge(a.clone());
            assert_eq!(ab, ba);
            assert!(!ab.merge(a) && !ab.merge(b), "nothing is news twice");
        }
    }

    #[test]
    fn an_entry_whose_kid_is_not_of_its_key_is_refused() {
        let entry = serde_json::to_string(&list(1, 1).keys()[0]).unwrap();
        assert_eq!(serde_json::from_str::<IssuerKey>(&entry).unwrap(), list(1, 1).keys()[0]);
        let kid = hex(&list(1, 1).keys()[0].kid.0);
        assert!(serde_json::from_str::<IssuerKey>(&entry.replace(&kid, "0000000000000000")).is_err());
    }
}
