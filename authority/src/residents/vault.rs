//! Details and evidence at rest: XChaCha20-Poly1305 under the registry's key.
//!
//! Sealed bytes: nonce (24), ciphertext, tag (16). Whom they are about is bound as associated data, so that sealed bytes
//! put under another person do not open.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use swabmesh_node::keys::{KeyError, draw};
use swabmesh_protocol::id::Person;
use swabmesh_protocol::seal::SealError;
use swabmesh_protocol::seal::details::Details;
use zeroize::Zeroizing;

/// Bytes of the nonce before the ciphertext.
const NONCE_BYTES: usize = 24;

/// Why something is not sealed or not opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The plain form.
    #[error("the details do not have their form: {0}")]
    Form(#[from] SealError),
    /// Another key, another person, or changed bytes.
    #[error(
        "these details do not open with this authority's registry key: bring secrets/registry.key back from the backup"
    )]
    Closed,
    /// The system gives no randomness.
    #[error(transparent)]
    Random(#[from] KeyError),
}

/// Seals and opens. Its key is wiped when it is dropped.
pub struct Vault(Box<XChaCha20Poly1305>);

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(<secret>)")
    }
}

impl Vault {
    /// A vault with the registry's key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(Box::new(XChaCha20Poly1305::new(&(*key).into())))
    }

    /// Seals a person's details.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn seal(&self, person: Person, details: &Details) -> Result<Vec<u8>, VaultError> {
        self.seal_bytes(&person.0, &details.encode()?)
    }

    /// Opens a person's details. Callers record the look first (P4).
    ///
    /// # Errors
    /// [`VaultError`].
    pub(super) fn open(&self, person: Person, sealed: &[u8]) -> Result<Details, VaultError> {
        Ok(Details::decode(&self.open_bytes(&person.0, sealed)?)?)
    }

    /// Seals bytes about something.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn seal_bytes(&self, about: &[u8], plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        let nonce: [u8; NONCE_BYTES] = draw()?;
        let payload = Payload { msg: plain, aad: about };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload).map_err(|_| VaultError::Closed)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens bytes about something. Callers record the look first (P4).
    ///
    /// # Errors
    /// [`VaultError::Closed`].
    pub fn open_bytes(&self, about: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(VaultError::Closed)?;
        let payload = Payload { msg: sealed, aad: about };
        self.0.decrypt(&XNonce::from(*nonce), payload).map(Zeroizing::new).map_err(|_| VaultError::Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_about_one_opens_for_nobody_else_and_with_no_other_key() {
        let vault = Vault::new(&[1; 32]);
        let sealed = vault.seal_bytes(&[5; 16], b"a photograph").unwrap();
        assert_eq!(&**vault.open_bytes(&[5; 16], &sealed).unwrap(), b"a photograph");
        assert!(vault.open_bytes(&[6; 16], &sealed).is_err());
        assert!(Vault::new(&[2; 32]).open_bytes(&[5; 16], &sealed).is_err());
        assert!(vault.open_bytes(&[5; 16], &sealed[..30]).is_err() && vault.open_bytes(&[5; 16], b"").is_err());
        assert_ne!(sealed, vault.seal_bytes(&[5; 16], b"a photograph").unwrap());
    }
}
