//! Sealing to one reader: personal details to the authority, the person key to a node (rule P2).
//!
//! HPKE (RFC 9180), base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305. Sealed bytes are
//! the encapsulated key (32) and then the ciphertext with its tag (16).

pub mod details;

use std::fmt;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable, single_shot_open, single_shot_seal_with_rng};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};
use time::Date;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::id::{NodeKey, hex};
use crate::limits::SEALED_PLAIN_BYTES_MAX;

/// Bytes of an encapsulated X25519 key.
const ENCAPSULATED_BYTES: usize = 32;

/// Bytes that sealing adds: encapsulated key and tag.
pub const SEAL_OVERHEAD_BYTES: usize = ENCAPSULATED_BYTES + 16;

/// Why something could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The plain bytes are too many. The caller is at fault; nothing was sealed.
    #[error("{found} bytes to seal, at most {SEALED_PLAIN_BYTES_MAX} are allowed")]
    TooLong {
        /// Bytes given.
        found: usize,
    },
    /// The reader's public key is not one. Whoever published it is at fault.
    #[error("the public key to seal to is not an X25519 key")]
    PublicKey,
    /// Not sealed to this key for this purpose, or damaged. The sealer or the carrier is at fault.
    #[error("cannot be opened with this key for this purpose")]
    NotForThisKey,
    /// The opened bytes are not what the purpose promises. The sealer is at fault.
    #[error("the sealed content is malformed")]
    Content,
}

/// What sealed bytes are for. Bytes sealed for one purpose do not open for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Details of a person, sealed to the authority's key of that day in Asia/Shanghai.
    Details(Date),
    /// The person key, sealed to the node with this key at its enrolment.
    PersonKey(NodeKey),
}

impl Purpose {
    /// HPKE's `info`: `"swabmesh details 1 2022-04-09"` or `"swabmesh person key 1 "` and the node in hexadecimal.
    fn info(&self) -> String {
        match self {
            Self::Details(day) => {
                format!("swabmesh details 1 {:04}-{:02}-{:02}", day.year(), u8::from(day.month()), day.day())
            }
            Self::PersonKey(node) => format!("swabmesh person key 1 {}", hex(&node.0)),
        }
    }
}

/// The public half of a [`SealSecret`]: 32 bytes of X25519.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SealPublic(pub [u8; 32]);

/// The key that opens what was sealed: 32 bytes of X25519, wiped when dropped.
///
/// Destroying the last copy destroys everything sealed to it (rule P3).
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct SealSecret([u8; 32]);

impl SealSecret {
    /// Derives a key pair from 32 random bytes (RFC 9180 §7.1.3, `DeriveKeyPair`).
    #[must_use]
    pub fn derive(seed: &[u8; 32]) -> (Self, SealPublic) {
        let (secret, public) = X25519HkdfSha256::derive_keypair(seed);
        (Self(secret.to_bytes().into()), SealPublic(public.to_bytes().into()))
    }

    /// Takes a secret that [`SealSecret::expose`] gave out.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads the raw secret, to write it to its owner's disk.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SealSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealSecret(<secret>)")
    }
}

/// Seals bytes to one reader for one purpose; [`SEAL_OVERHEAD_BYTES`] longer than `plain`.
///
/// `seed` is 32 fresh random bytes: the same seed twice to one reader gives the same ephemeral key twice.
///
/// # Errors
/// [`SealError::TooLong`], [`SealError::PublicKey`].
pub fn seal_bytes(to: &SealPublic, purpose: &Purpose, seed: [u8; 32], plain: &[u8]) -> Result<Vec<u8>, SealError> {
    if plain.len() > SEALED_PLAIN_BYTES_MAX {
        return Err(SealError::TooLong { found: plain.len() });
    }
    let public = public_key(&to.0)?;
    let info = purpose.info();
    let mut rng = ChaCha20Rng::from_seed(seed);
    let (encapsulated, ciphertext) = single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &public,
        info.as_bytes(),
        plain,
        &[],
        &mut rng,
    )
    // A key of low order is the only thing left to go wrong.
    .map_err(|_| SealError::PublicKey)?;
    Ok([encapsulated.to_bytes().as_slice(), &ciphertext].concat())
}

/// Opens what [`seal_bytes`] sealed to this secret's public key for the same purpose.
///
/// # Errors
/// [`SealError::NotForThisKey`] for anything else, whatever is wrong with it.
pub fn open_bytes(secret: &SealSecret, purpose: &Purpose, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let refused = SealError::NotForThisKey;
    if sealed.len() > SEALED_PLAIN_BYTES_MAX + SEAL_OVERHEAD_BYTES {
        return Err(refused);
    }
    let (encapsulated, ciphertext) = sealed.split_at_checked(ENCAPSULATED_BYTES).ok_or(refused)?;
    let encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(encapsulated).map_err(|_| refused)?;
    let private = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(&secret.0).map_err(|_| refused)?;
    single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &private,
        &encapsulated,
        purpose.info().as_bytes(),
        ciphertext,
        &[],
    )
    .map(Zeroizing::new)
    .map_err(|_| refused)
}

fn public_key(bytes: &[u8; 32]) -> Result<<X25519HkdfSha256 as Kem>::PublicKey, SealError> {
    <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(bytes).map_err(|_| SealError::PublicKey)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::date;

    use super::*;

    const PURPOSE: Purpose = Purpose::Details(date!(2022 - 04 - 09));

    #[test]
    fn only_the_reader_opens_it_and_only_for_its_purpose() {
        let (secret, public) = SealSecret::derive(&[1; 32]);
        let (other, _) = SealSecret::derive(&[2; 32]);
        let sealed = seal_bytes(&public, &PURPOSE, [3; 32], b"details").unwrap();
        assert_eq!(sealed.len(), 7 + SEAL_OVERHEAD_BYTES);
        assert_eq!(open_bytes(&secret, &PURPOSE, &sealed).unwrap().as_slice(), b"details");
        assert_eq!(open_bytes(&other, &PURPOSE, &sealed), Err(SealError::NotForThisKey));
        for purpose in [Purpose::Details(date!(2022 - 04 - 10)), Purpose::PersonKey(NodeKey([0; 32]))] {
            assert_eq!(open_bytes(&secret, &purpose, &sealed), Err(SealError::NotForThisKey));
        }
    }

    #[test]
    fn a_secret_written_down_opens_what_was_sealed_before() {
        let (secret, public) = SealSecret::derive(&[1; 32]);
        let sealed = seal_bytes(&public, &PURPOSE, [3; 32], b"details").unwrap();
        let restored = SealSecret::new(*secret.expose());
        assert!(open_bytes(&restored, &PURPOSE, &sealed).is_ok());
        assert_eq!(format!("{restored:?}"), "SealSecret(<secret>)");
    }

    #[test]
    fn too_many_bytes_and_keys_of_low_order_are_refused() {
        let (_, public) = SealSecret::derive(&[1; 32]);
        let long = vec![0; SEALED_PLAIN_BYTES_MAX + 1];
        assert_eq!(seal_bytes(&public, &PURPOSE, [3; 32], &long), Err(SealError::TooLong { found: long.len() }));
        assert_eq!(seal_bytes(&SealPublic([0; 32]), &PURPOSE, [3; 32], b""), Err(SealError::PublicKey));
    }

    #[test]
    fn every_seed_gives_other_bytes_and_the_same_seed_the_same() {
        let (_, public) = SealSecret::derive(&[1; 32]);
        let seal = |seed| seal_bytes(&public, &PURPOSE, [seed; 32], b"details").unwrap();
        assert_eq!(seal(3), seal(3));
        assert_ne!(seal(3), seal(4));
    }

    proptest! {
        #[test]
        fn damaged_bytes_never_open(byte in 0_usize..55, flip in 1_u8..=255) {
            let (secret, public) = SealSecret::derive(&[1; 32]);
            let mut sealed = seal_bytes(&public, &PURPOSE, [3; 32], b"details").unwrap();
            sealed[byte] ^= flip;
            // RFC 7748 ignores the top bit of an encapsulated key, but HPKE binds the key as it travelled.
            prop_assert_eq!(open_bytes(&secret, &PURPOSE, &sealed), Err(SealError::NotForThisKey));
        }

        #[test]
        fn any_bytes_are_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..96)) {
            let (secret, _) = SealSecret::derive(&[1; 32]);
            prop_assert!(open_bytes(&secret, &PURPOSE, &bytes).is_err());
        }
    }
}
