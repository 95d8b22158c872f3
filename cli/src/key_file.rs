//! A file that holds one Ed25519 key: of an issuer, or of a phone in tests.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, bail};
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};
use swabmesh_protocol::id::{hex, unhex};

/// Only the owner reads it.
const MODE: u32 = 0o600;

#[derive(Serialize, Deserialize)]
struct KeyFile {
    public: String,
    secret: String,
}

/// Writes a fresh key; refuses to replace a file.
pub(crate) fn create(path: &Path) -> anyhow::Result<SigningKey> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("the machine gives no random numbers")?;
    let key = SigningKey::from_bytes(&seed);
    let file = KeyFile { public: hex(key.verifying_key().as_bytes()), secret: hex(&seed) };
    let mut handle = OpenOptions::new().write(true).create_new(true).mode(MODE).open(path).with_context(|| {
        format!("cannot create {}: name another file, or remove that key if nothing needs it", path.display())
    })?;
    writeln!(handle, "{}", serde_json::to_string(&file)?)?;
    handle.sync_all()?;
    Ok(key)
}

/// Reads a key.
pub(crate) fn read(path: &Path) -> anyhow::Result<SigningKey> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read {}: make a key with `swabmesh code keygen`", path.display()))?;
    let file: KeyFile = serde_json::from_str(&text).with_context(|| format!("{} is not a key file", path.display()))?;
    let key = SigningKey::from_bytes(&unhex(&file.secret).context("`secret` in the key file")?);
    if hex(key.verifying_key().as_bytes()) != file.public {
        bail!("{} is damaged: its `public` does not belong to its `secret`", path.display());
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_comes_back_is_private_and_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("issuer.key");
        let key = create(&path).unwrap();
        assert_eq!(read(&path).unwrap(), key);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        assert!(create(&path).unwrap_err().to_string().contains("name another file"));
    }
}
