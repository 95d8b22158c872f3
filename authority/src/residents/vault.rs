//! Details and evidence at rest: XChaCha20-Poly1305 under the key of the day they were encrypted on.
//!
//! Sealed bytes: nonce (24), ciphertext, tag (16). Whom they are about is bound as associated data, so that sealed bytes
//! put under another person do not open. A key of a day is destroyed when nobody needs what it opens any more (P3):
//! then nothing opens it, in no copy of the registry. What was sealed before there were keys of days, under
//! `secrets/registry.key`, is of no day.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use swabmesh_node::clock;
use swabmesh_node::keys::{Daily, KeyError, Keys, draw};
use swabmesh_protocol::id::Person;
use swabmesh_protocol::seal::SealError;
use swabmesh_protocol::seal::details::Details;
use swabmesh_protocol::time::Wall;
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
        "these details do not open with this authority's keys: bring secrets/registry and secrets/registry.key back from the backup"
    )]
    Closed,
    /// The key of their day is gone.
    #[error("these details were destroyed when their time was over")]
    Destroyed,
    /// A key cannot be read or made.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Bytes that only a [`Vault`] opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Nonce, ciphertext, tag.
    pub bytes: Vec<u8>,
    /// The day whose key opens them, counted from 1970 in Asia/Shanghai; `None` before there were keys of days.
    pub on: Option<u32>,
}

/// Seals and opens. Its keys are wiped when they are destroyed and when it is dropped.
pub struct Vault {
    keys: Keys,
    ciphers: Mutex<BTreeMap<Option<u32>, Arc<XChaCha20Poly1305>>>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(<secret>)")
    }
}

impl Vault {
    /// A vault with an authority's keys.
    #[must_use]
    pub fn new(keys: Keys) -> Self {
        Self { keys, ciphers: Mutex::default() }
    }

    fn cipher(
        &self,
        day: Option<u32>,
        key: impl FnOnce(&Keys) -> Result<Zeroizing<[u8; 32]>, KeyError>,
    ) -> Result<Arc<XChaCha20Poly1305>, KeyError> {
        let mut ciphers = self.ciphers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cipher) = ciphers.get(&day) {
            return Ok(Arc::clone(cipher));
        }
        let cipher = Arc::new(XChaCha20Poly1305::new(&(*key(&self.keys)?).into()));
        ciphers.insert(day, Arc::clone(&cipher));
        Ok(cipher)
    }

    /// Seals a person's details with the key of a moment's day.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn seal(&self, person: Person, details: &Details, at: Wall) -> Result<Sealed, VaultError> {
        self.seal_bytes(&person.0, &details.encode()?, at)
    }

    /// Opens a person's details. Callers record the look first (P4).
    ///
    /// # Errors
    /// [`VaultError`].
    pub(super) fn open(&self, person: Person, sealed: &Sealed) -> Result<Details, VaultError> {
        Ok(Details::decode(&self.open_bytes(&person.0, sealed)?)?)
    }

    /// Seals bytes about something with the key of a moment's day.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn seal_bytes(&self, about: &[u8], plain: &[u8], at: Wall) -> Result<Sealed, VaultError> {
        let day = clock::day(at);
        let cipher = self.cipher(Some(day), |keys| keys.registry(day))?;
        let nonce: [u8; NONCE_BYTES] = draw()?;
        let payload = Payload { msg: plain, aad: about };
        let sealed = cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| VaultError::Closed)?;
        Ok(Sealed { bytes: [nonce.as_slice(), &sealed].concat(), on: Some(day) })
    }

    /// Opens bytes about something. Callers record the look first (P4).
    ///
    /// # Errors
    /// [`VaultError::Destroyed`], [`VaultError::Closed`].
    pub fn open_bytes(&self, about: &[u8], Sealed { bytes, on }: &Sealed) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let cipher = match self.cipher(*on, |keys| keys.open_registry(*on)) {
            Err(KeyError::Missing { .. }) if on.is_some() => return Err(VaultError::Destroyed),
            Err(KeyError::Missing { .. }) => return Err(VaultError::Closed),
            found => found?,
        };
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(VaultError::Closed)?;
        let payload = Payload { msg: sealed, aad: about };
        cipher.decrypt(&XNonce::from(*nonce), payload).map(Zeroizing::new).map_err(|_| VaultError::Closed)
    }

    /// Whether bytes open with any key that is left, whatever day they say they are of.
    pub(crate) fn opens_at_all(&self, about: &[u8], bytes: &[u8], days: &[Option<u32>]) -> bool {
        days.iter().any(|on| self.open_bytes(about, &Sealed { bytes: bytes.to_vec(), on: *on }).is_ok())
    }

    /// The days whose keys are here, in order; `None` is the key from before there were any.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn days(&self) -> Result<Vec<Option<u32>>, KeyError> {
        let first = match self.keys.open_registry(None) {
            Ok(_) => Some(None),
            Err(KeyError::Missing { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(first.into_iter().chain(self.keys.days(Daily::Registry)?.into_iter().map(Some)).collect())
    }

    pub(crate) const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Destroys a key: what was sealed with it opens no more.
    ///
    /// # Errors
    /// [`KeyError`]; a key that is gone already is no error.
    pub fn destroy(&self, day: Option<u32>) -> Result<(), KeyError> {
        self.ciphers.lock().unwrap_or_else(PoisonError::into_inner).remove(&day);
        match day {
            Some(day) => self.keys.destroy(Daily::Registry, day),
            None => self.keys.destroy_first_registry(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use swabmesh_protocol::time::DAY_MS;

    use super::*;

    const NOW: Wall = Wall::from_seconds(1_649_433_600);

    fn vault(dir: &tempfile::TempDir) -> Vault {
        Vault::new(Keys::at(dir.path().to_owned()))
    }

    /// Seals as it was done before there were keys of days.
    pub(crate) fn seal_first(key: &[u8; 32], about: &[u8], plain: &[u8]) -> Sealed {
        let payload = Payload { msg: plain, aad: about };
        let sealed = XChaCha20Poly1305::new(&(*key).into()).encrypt(&XNonce::from([3; NONCE_BYTES]), payload);
        Sealed { bytes: [[3; NONCE_BYTES].as_slice(), &sealed.unwrap()].concat(), on: None }
    }

    #[test]
    fn what_is_sealed_about_one_opens_for_nobody_else_and_with_no_other_key() {
        let dir = tempfile::tempdir().unwrap();
        let vault = vault(&dir);
        let sealed = vault.seal_bytes(&[5; 16], b"a photograph", NOW).unwrap();
        let opens = |about: &[u8], sealed: &Sealed| vault.open_bytes(about, sealed).is_ok();
        assert_eq!(&**vault.open_bytes(&[5; 16], &sealed).unwrap(), b"a photograph");
        assert!(!opens(&[6; 16], &sealed));
        let tomorrow = vault.seal_bytes(&[5; 16], b"a photograph", Wall(NOW.0 + DAY_MS)).unwrap();
        assert!(!opens(&[5; 16], &Sealed { on: tomorrow.on, ..sealed.clone() }), "each day has a key of its own");
        let short = |bytes: &[u8]| Sealed { bytes: bytes.to_vec(), ..sealed.clone() };
        assert!(!opens(&[5; 16], &short(&sealed.bytes[..30])) && !opens(&[5; 16], &short(b"")));
        assert_ne!(sealed, vault.seal_bytes(&[5; 16], b"a photograph", NOW).unwrap());
    }

    #[test]
    fn what_was_sealed_before_there_were_keys_of_days_opens_as_ever() {
        let dir = tempfile::tempdir().unwrap();
        let sealed = seal_first(&[7; 32], &[5; 16], b"a photograph");
        assert!(matches!(vault(&dir).open_bytes(&[5; 16], &sealed), Err(VaultError::Closed)));
        let key = format!("{}\n", swabmesh_protocol::id::hex(&[7; 32]));
        let path = dir.path().join("registry.key");
        swabmesh_node::durable::replace(&path, key.as_bytes(), swabmesh_node::durable::Access::Secret).unwrap();
        assert_eq!(&**vault(&dir).open_bytes(&[5; 16], &sealed).unwrap(), b"a photograph");
    }

    #[test]
    fn once_the_key_of_a_day_is_destroyed_its_details_are_gone_here_and_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let here = vault(&dir);
        let sealed = here.seal_bytes(&[5; 16], b"a photograph", NOW).unwrap();
        let later = here.seal_bytes(&[5; 16], b"a photograph", Wall(NOW.0 + DAY_MS)).unwrap();
        assert_eq!(here.days().unwrap(), [sealed.on, later.on]);
        here.destroy(sealed.on).unwrap();
        here.destroy(sealed.on).unwrap();
        for vault in [&here, &vault(&dir)] {
            assert!(matches!(vault.open_bytes(&[5; 16], &sealed), Err(VaultError::Destroyed)));
            assert!(vault.open_bytes(&[5; 16], &later).is_ok());
            assert!(!vault.opens_at_all(&[5; 16], &sealed.bytes, &vault.days().unwrap()));
        }
    }
}
