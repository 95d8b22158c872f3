//! The root key away from the machine: a file on a stick, locked with a passphrase.
//!
//! JSON: `format` (`swabmesh root key 1`), `public` (32 bytes), `salt` (16), `nonce` (24), `sealed` (48), all hexadecimal. The key of
//! XChaCha20-Poly1305 is Argon2id of passphrase and salt, 64 MiB, 3 passes, 1 lane (RFC 9106, second recommended option, with
//! one lane); the public key is bound as associated data.

use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use ed25519_dalek::{SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use swabmesh_node::durable::{self, Access, WriteError};
use swabmesh_node::home::Home;
use swabmesh_node::keys::{KeyError, Signing, draw};
use swabmesh_protocol::id::{hex, unhex};
use zeroize::Zeroizing;

const FORMAT: &str = "swabmesh root key 1";

/// Memory, passes and lanes of Argon2id.
const COST: (u32, u32, u32) = (64 * 1024, 3, 1);

/// Fewest characters of a passphrase. Source: guess; five words of a dictionary have more.
pub const PASSPHRASE_CHARS_MIN: usize = 12;

/// Why the root key is not at hand.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// It is not in the directory.
    #[error("{0}: if it is on a stick, name its file with --root")]
    Here(#[source] KeyError),
    /// The file cannot be read.
    #[error("{path} cannot be read: put the stick in, or name the right file with --root")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Not such a file.
    #[error("{path} is not a locked root key: name the right file with --root")]
    Format {
        /// Which.
        path: PathBuf,
    },
    /// It does not open.
    #[error("the passphrase is wrong, or the file is damaged: try again, or take the other copy")]
    Passphrase,
    /// Of another city.
    #[error("this is the root key of another authority: name the right file with --root")]
    Other,
    /// Too short.
    #[error(
        "a passphrase has at least {PASSPHRASE_CHARS_MIN} characters: whoever finds the stick can try as long as they like"
    )]
    Short,
    /// The system.
    #[error(transparent)]
    Random(#[from] KeyError),
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

#[derive(Serialize, Deserialize)]
struct Locked {
    format: String,
    public: String,
    salt: String,
    nonce: String,
    sealed: String,
}

fn cipher(passphrase: &str, salt: &[u8; 16]) -> Result<XChaCha20Poly1305, RootError> {
    let (memory_kib, passes, lanes) = COST;
    let params = Params::new(memory_kib, passes, lanes, Some(32)).map_err(|_| RootError::Passphrase)?;
    let mut key = Zeroizing::new([0; 32]);
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon.hash_password_into(passphrase.as_bytes(), salt, &mut *key).map_err(|_| RootError::Passphrase)?;
    Ok(XChaCha20Poly1305::new(&(*key).into()))
}

/// Locks a root key with a passphrase, to a file that must open again before this returns.
///
/// # Errors
/// [`RootError`].
pub fn lock(root: &SigningKey, passphrase: &str, path: &Path) -> Result<(), RootError> {
    if passphrase.chars().count() < PASSPHRASE_CHARS_MIN {
        return Err(RootError::Short);
    }
    let (salt, nonce) = (draw::<16>()?, draw::<24>()?);
    let public = root.verifying_key();
    let payload = Payload { msg: root.as_bytes(), aad: public.as_bytes() };
    let sealed =
        cipher(passphrase, &salt)?.encrypt(&XNonce::from(nonce), payload).map_err(|_| RootError::Passphrase)?;
    let locked = Locked {
        format: FORMAT.to_owned(),
        public: hex(public.as_bytes()),
        salt: hex(&salt),
        nonce: hex(&nonce),
        sealed: data_encoding::HEXLOWER.encode(&sealed),
    };
    let text = serde_json::to_string_pretty(&locked).unwrap_or_default();
    durable::replace(path, format!("{text}\n").as_bytes(), Access::Secret)?;
    unlock(path, passphrase, &public).map(drop)
}

/// Opens a locked root key, and checks that it is this authority's.
///
/// # Errors
/// [`RootError`].
pub fn unlock(path: &Path, passphrase: &str, pinned: &VerifyingKey) -> Result<SigningKey, RootError> {
    let text = std::fs::read_to_string(path).map_err(|source| RootError::Read { path: path.to_owned(), source })?;
    let format = || RootError::Format { path: path.to_owned() };
    let locked: Locked = serde_json::from_str(&text).map_err(|_| format())?;
    if locked.format != FORMAT {
        return Err(format());
    }
    let public: [u8; 32] = unhex(&locked.public).map_err(|_| format())?;
    let (salt, nonce) = (unhex(&locked.salt).map_err(|_| format())?, unhex::<24>(&locked.nonce).map_err(|_| format())?);
    let sealed = data_encoding::HEXLOWER_PERMISSIVE.decode(locked.sealed.as_bytes()).map_err(|_| format())?;
    if public != *pinned.as_bytes() {
        return Err(RootError::Other);
    }
    let payload = Payload { msg: &sealed, aad: &public };
    let seed = cipher(passphrase, &salt)?.decrypt(&XNonce::from(nonce), payload).map(Zeroizing::new);
    let seed = seed.map_err(|_| RootError::Passphrase)?;
    let seed: &[u8; 32] = seed.first_chunk().ok_or(RootError::Passphrase)?;
    let key = SigningKey::from_bytes(seed);
    if key.verifying_key() == *pinned { Ok(key) } else { Err(RootError::Other) }
}

/// The root key in the directory of an authority.
///
/// # Errors
/// [`RootError::Here`].
pub fn here(home: &Home) -> Result<SigningKey, RootError> {
    home.keys().signing(Signing::Root).map_err(RootError::Here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locked_root_key_opens_with_its_passphrase_and_for_its_city_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("root");
        let root = SigningKey::from_bytes(&[1; 32]);
        assert!(matches!(lock(&root, "short", &path), Err(RootError::Short)));
        lock(&root, "correct horse battery", &path).unwrap();
        assert!(!std::fs::read_to_string(&path).unwrap().contains(&hex(root.as_bytes())));
        let public = root.verifying_key();
        assert_eq!(unlock(&path, "correct horse battery", &public).unwrap(), root);
        assert!(matches!(unlock(&path, "correct horse batterz", &public), Err(RootError::Passphrase)));
        let other = SigningKey::from_bytes(&[2; 32]).verifying_key();
        assert!(matches!(unlock(&path, "correct horse battery", &other), Err(RootError::Other)));
    }
}
