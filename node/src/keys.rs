//! The secrets of a node: one file each, mode 0600, 32 bytes in hexadecimal.
//!
//! | file | what | who has it |
//! |---|---|---|
//! | `node.key` | Ed25519: signs the node's feeds and is its network identity | every node |
//! | `seal.key` | X25519: opens what is sealed to the node, as the person key in its answer | every node |
//! | `api-token` | what the API wants to see | every node |
//! | `root.key` | Ed25519: signs certificates, trust lists, policies | the authority |
//! | `issuer.key` | Ed25519: signs codes, the first of its kind | the authority |
//! | `issuers/KEY.key` | Ed25519: sign codes in their time, named by the public key | the authority |
//! | `registry.key` | XChaCha20-Poly1305: opens what the office encrypted before it had keys of days; then it goes | the authority |
//! | `registry/DAY.key` | XChaCha20-Poly1305: opens what the office encrypted on that day (P3) | the authority |
//! | `details/DAY.key` | X25519: opens details sealed on that day; destroying it destroys them (P3) | the authority |

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;
use swabmesh_protocol::id::{hex, unhex};
use swabmesh_protocol::seal::{SealPublic, SealSecret};
use zeroize::Zeroizing;

use crate::durable::{self, Access, WriteError};

/// The directory of secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys(PathBuf);

/// An Ed25519 key of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signing {
    /// The node's own.
    Node,
    /// The root of the authority.
    Root,
    /// The key that signs codes.
    Issuer,
}

impl Signing {
    const fn file(self) -> &'static str {
        match self {
            Self::Node => "node.key",
            Self::Root => "root.key",
            Self::Issuer => "issuer.key",
        }
    }
}

/// What keys of days open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Daily {
    /// Details that desks sealed to the authority.
    Details,
    /// Details and photographs that the authority's own office keeps.
    Registry,
}

impl Daily {
    const fn directory(self) -> &'static str {
        match self {
            Self::Details => "details",
            Self::Registry => "registry",
        }
    }

    fn file(self, day: u32) -> String {
        format!("{}/{day}.key", self.directory())
    }
}

const SEAL_FILE: &str = "seal.key";
const TOKEN_FILE: &str = "api-token";
const REGISTRY_FILE: &str = "registry.key";
const ISSUERS_DIRECTORY: &str = "issuers";

/// Why a secret is not at hand. It is never part of the text.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No such file.
    #[error(
        "{path} does not exist: this node has no such key; restore the directory from its backup, or init a new node"
    )]
    Missing {
        /// Which file.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("{path} cannot be read: check its owner and permissions")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Others may read it.
    #[error("{path} can be read by others (mode {mode:03o}): run `chmod 600 {path}`, and think who may have read it")]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Not 32 bytes in hexadecimal.
    #[error("{path} is damaged: restore it from the backup")]
    Damaged {
        /// Which file.
        path: PathBuf,
    },
    /// There is one already.
    #[error("{path} exists already: keys are never overwritten; move it away if it is to be replaced")]
    Exists {
        /// Which file.
        path: PathBuf,
    },
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The system gives no randomness.
    #[error("the system gives no random bytes: {0}")]
    Random(getrandom::Error),
}

/// Draws bytes from the system.
///
/// # Errors
/// [`KeyError::Random`].
pub fn draw<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(KeyError::Random)?;
    Ok(bytes)
}

impl Keys {
    /// The secrets in a directory.
    #[must_use]
    pub const fn at(directory: PathBuf) -> Self {
        Self(directory)
    }

    /// Draws and writes a signing key.
    ///
    /// # Errors
    /// [`KeyError`]; a key that exists is never overwritten.
    pub fn make_signing(&self, which: Signing) -> Result<SigningKey, KeyError> {
        self.make(which.file()).map(|bytes| SigningKey::from_bytes(&bytes))
    }

    /// Reads a signing key.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn signing(&self, which: Signing) -> Result<SigningKey, KeyError> {
        self.read(which.file()).map(|bytes| SigningKey::from_bytes(&bytes))
    }

    /// Where the root's key lies, if it is on this machine.
    #[must_use]
    pub fn root_path(&self) -> PathBuf {
        self.0.join(Signing::Root.file())
    }

    /// Draws and writes the key that opens what is sealed to the node.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn make_seal(&self) -> Result<SealPublic, KeyError> {
        self.make(SEAL_FILE).map(|seed| SealSecret::derive(&seed).1)
    }

    /// Reads the key that opens what is sealed to the node.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn seal(&self) -> Result<(SealSecret, SealPublic), KeyError> {
        self.read(SEAL_FILE).map(|seed| SealSecret::derive(&seed))
    }

    /// Draws and writes what the API wants to see.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn make_token(&self) -> Result<(), KeyError> {
        self.make(TOKEN_FILE).map(drop)
    }

    /// Reads what the API wants to see: 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn token(&self) -> Result<String, KeyError> {
        self.read(TOKEN_FILE).map(|bytes| hex(&*bytes))
    }

    /// Draws and writes a further issuing key. It signs once the trust list has it in force.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn make_issuer(&self) -> Result<SigningKey, KeyError> {
        let key = SigningKey::from_bytes(&draw()?);
        durable::make_directory(&self.0.join(ISSUERS_DIRECTORY))?;
        let file = format!("{ISSUERS_DIRECTORY}/{}.key", hex(key.verifying_key().as_bytes()));
        self.write(&file, key.as_bytes())?;
        Ok(key)
    }

    /// Reads every issuing key, the first one first.
    ///
    /// # Errors
    /// [`KeyError`]; without the first key there are no issuing keys.
    pub fn issuers(&self) -> Result<Vec<SigningKey>, KeyError> {
        let mut keys = vec![self.signing(Signing::Issuer)?];
        let directory = self.0.join(ISSUERS_DIRECTORY);
        let entries = match std::fs::read_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(keys),
            entries => entries.map_err(|source| KeyError::Read { path: directory.clone(), source })?,
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| name.ends_with(".key")).collect();
        names.sort_unstable();
        for name in names {
            let bytes = self.read(&format!("{ISSUERS_DIRECTORY}/{name}"))?;
            keys.push(SigningKey::from_bytes(&bytes));
        }
        Ok(keys)
    }

    /// The key that the office encrypts with on a day; drawn and written if there is none yet.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn registry(&self, day: u32) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        self.of_day(Daily::Registry, day)
    }

    /// The key that opens what the office encrypted on a day, or before there were keys of days. Every caller is a look
    /// at personal details, or their end (P4, P3).
    ///
    /// # Errors
    /// [`KeyError::Missing`] when it was destroyed, or never made.
    pub fn open_registry(&self, day: Option<u32>) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        self.read(&day.map_or_else(|| REGISTRY_FILE.to_owned(), |day| Daily::Registry.file(day)))
    }

    /// The public half of the key that opens details of a day; drawn and written if there is none yet.
    ///
    /// `day` counts from 1970 in Asia/Shanghai.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn details(&self, day: u32) -> Result<SealPublic, KeyError> {
        self.of_day(Daily::Details, day).map(|seed| SealSecret::derive(&seed).1)
    }

    fn of_day(&self, what: Daily, day: u32) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        let file = what.file(day);
        durable::make_directory(&self.0.join(what.directory()))?;
        match self.read(&file) {
            Err(KeyError::Missing { .. }) => self.make(&file),
            read => read,
        }
    }

    /// The key that opens details of a day. Every caller is a look at personal details, or their end (P4, P3).
    ///
    /// # Errors
    /// [`KeyError::Missing`] when it was destroyed, or never made.
    pub fn open_details(&self, day: u32) -> Result<(SealSecret, SealPublic), KeyError> {
        self.read(&Daily::Details.file(day)).map(|seed| SealSecret::derive(&seed))
    }

    /// The days whose keys are here, in order.
    ///
    /// # Errors
    /// [`KeyError::Read`].
    pub fn days(&self, of: Daily) -> Result<Vec<u32>, KeyError> {
        let path = self.0.join(of.directory());
        let files = match std::fs::read_dir(&path) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(KeyError::Read { path, source }),
        };
        let names = files.flatten().filter_map(|file| file.file_name().into_string().ok());
        let mut days: Vec<u32> = names.filter_map(|name| name.strip_suffix(".key")?.parse().ok()).collect();
        days.sort_unstable();
        Ok(days)
    }

    /// Destroys the key of a day: what was sealed with it opens no more, wherever it lies (P3).
    ///
    /// Written over first. A file system that keeps old blocks, and a backup, keep the key: neither belongs under it.
    ///
    /// # Errors
    /// [`KeyError`]; a key that is gone already is no error.
    pub fn destroy(&self, of: Daily, day: u32) -> Result<(), KeyError> {
        self.destroy_file(&of.file(day))
    }

    /// Destroys the key of what the office encrypted before there were keys of days: nothing needs it any more.
    ///
    /// # Errors
    /// [`KeyError`]; a key that is gone already is no error.
    pub fn destroy_first_registry(&self) -> Result<(), KeyError> {
        self.destroy_file(REGISTRY_FILE)
    }

    fn destroy_file(&self, file: &str) -> Result<(), KeyError> {
        let path = self.0.join(file);
        let failed = |source| WriteError { path: path.clone(), source };
        let mut file = match std::fs::OpenOptions::new().write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(failed(source).into()),
        };
        let over = draw::<65>()?;
        io::Write::write_all(&mut file, &over).and_then(|()| file.sync_all()).map_err(failed)?;
        durable::remove(&path)?;
        Ok(())
    }

    fn make(&self, file: &str) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        let bytes = Zeroizing::new(draw::<32>()?);
        self.write(file, &bytes)?;
        Ok(bytes)
    }

    fn write(&self, file: &str, bytes: &[u8; 32]) -> Result<(), KeyError> {
        let path = self.0.join(file);
        if path.exists() {
            return Err(KeyError::Exists { path });
        }
        let text = Zeroizing::new(format!("{}\n", *Zeroizing::new(hex(bytes))));
        durable::replace(&path, text.as_bytes(), Access::Secret)?;
        Ok(())
    }

    fn read(&self, file: &str) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        let path = self.0.join(file);
        let text = read_private(&path)?;
        unhex(text.trim()).map(Zeroizing::new).map_err(|_| KeyError::Damaged { path })
    }
}

/// Reads a file that nobody else can read.
fn read_private(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let failed = |source: io::Error| {
        let (path, kind) = (path.to_owned(), source.kind());
        if kind == io::ErrorKind::NotFound {
            KeyError::Missing { path }
        } else if kind == io::ErrorKind::InvalidData {
            KeyError::Damaged { path }
        } else {
            KeyError::Read { path, source }
        }
    };
    let mode = std::fs::metadata(path).map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Open { path: path.to_owned(), mode });
    }
    std::fs::read_to_string(path).map(Zeroizing::new).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> (tempfile::TempDir, Keys) {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::at(dir.path().to_owned());
        (dir, keys)
    }

    #[test]
    fn a_key_comes_back_as_it_was_made_and_is_never_overwritten() {
        let (_dir, keys) = keys();
        let made = keys.make_signing(Signing::Node).unwrap();
        assert_eq!(keys.signing(Signing::Node).unwrap().to_bytes(), made.to_bytes());
        assert!(matches!(keys.make_signing(Signing::Node), Err(KeyError::Exists { .. })));
        assert_eq!(keys.make_seal().unwrap(), keys.seal().unwrap().1);
        assert_eq!(keys.details(19_000).unwrap(), keys.details(19_000).unwrap());
        assert_ne!(keys.details(19_000).unwrap(), keys.details(19_001).unwrap());
    }

    #[test]
    fn further_issuing_keys_stand_beside_the_first() {
        let (_dir, keys) = keys();
        let first = keys.make_signing(Signing::Issuer).unwrap();
        let second = keys.make_issuer().unwrap();
        assert_eq!(keys.issuers().unwrap(), [first, second]);
    }

    #[test]
    fn the_key_of_a_day_is_destroyed_for_good_and_the_others_stay() {
        let (dir, keys) = keys();
        assert_eq!(keys.days(Daily::Details).unwrap(), Vec::<u32>::new());
        let made = keys.details(19_000).unwrap();
        keys.details(19_001).unwrap();
        assert_eq!(keys.open_details(19_000).unwrap().1, made);
        keys.destroy(Daily::Details, 19_000).unwrap();
        keys.destroy(Daily::Details, 19_000).unwrap();
        assert!(matches!(keys.open_details(19_000), Err(KeyError::Missing { .. })));
        assert_eq!(keys.days(Daily::Details).unwrap(), [19_001]);
        assert!(!dir.path().join("details/19000.key").exists());
    }

    #[test]
    fn a_key_that_others_can_read_is_refused_with_the_command_that_helps() {
        let (dir, keys) = keys();
        keys.make_token().unwrap();
        let path = dir.path().join("api-token");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = keys.token().unwrap_err().to_string();
        assert!(error.contains("mode 644") && error.contains("chmod 600"), "{error}");
    }

    #[test]
    fn missing_and_damaged_keys_are_told_apart_and_never_shown() {
        let (dir, keys) = keys();
        assert!(matches!(keys.signing(Signing::Root), Err(KeyError::Missing { .. })));
        keys.make_signing(Signing::Root).unwrap();
        durable::replace(&dir.path().join("root.key"), b"5ec2e7", Access::Secret).unwrap();
        let error = keys.signing(Signing::Root).unwrap_err();
        assert!(matches!(error, KeyError::Damaged { .. }) && !error.to_string().contains("5ec2e7"));
    }
}
