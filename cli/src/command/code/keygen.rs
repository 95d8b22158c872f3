//! `swabmesh code keygen`: a key, and the entry that makes verifiers trust it.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use swabmesh_protocol::id::hex;
use swabmesh_protocol::trust::{IssuerKey, KeyId, KeyStatus};
use swabmesh_protocol::verify::file::KnowledgeFile;

use crate::{Outcome, key_file};

/// Everybody may read which keys are trusted.
const PUBLIC_MODE: u32 = 0o644;

/// Make a key, of an issuer or of a phone.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh code keygen issuer.key --issuers issuers.json
  swabmesh code keygen phone.key")]
pub(crate) struct Arguments {
    /// File for the secret key; must not exist yet, readable by you alone
    key: PathBuf,
    /// File to add the public key to as an issuer, for `code verify --issuers`; made when missing
    #[arg(long, value_name = "FILE.json")]
    issuers: Option<PathBuf>,
    /// First second of issue the key is trusted for, since 1970 UTC
    #[arg(long, value_name = "SECONDS", requires = "issuers")]
    from: Option<u64>,
    /// Last second of issue the key is trusted for
    #[arg(long, value_name = "SECONDS", requires = "issuers")]
    until: Option<u64>,
    /// The key signs examples only; verifiers say so
    #[arg(long, requires = "issuers")]
    specimen: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Made {
    public: String,
    kid: String,
}

impl Arguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        // A trust file that cannot be read must not leave a key behind that nobody trusts.
        let file = self.issuers.as_deref().map(read_or_new).transpose()?;
        let key = key_file::create(&self.key)?;
        let public = key.verifying_key();
        if let (Some(path), Some(mut file)) = (&self.issuers, file) {
            file.issuers.push(IssuerKey {
                from_s: self.from.unwrap_or(0),
                until_s: self.until.unwrap_or(u64::MAX),
                status: if self.specimen { KeyStatus::Specimen } else { KeyStatus::Active },
                ..IssuerKey::new(public)
            });
            replace(path, &file)?;
        }
        let made = Made { public: hex(public.as_bytes()), kid: hex(&KeyId::of(public.as_bytes()).0) };
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&made)?)?;
        } else {
            writeln!(out, "public {}\nkid    {}\nsecret in {}: keep it", made.public, made.kid, self.key.display())?;
        }
        Ok(Outcome::Done)
    }
}

fn read_or_new(path: &Path) -> anyhow::Result<KnowledgeFile> {
    if path.exists() { super::verify::read_file(path) } else { Ok(KnowledgeFile::default()) }
}

/// Writes beside the file and renames, so that a reader never sees half of it.
fn replace(path: &Path, file: &KnowledgeFile) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut new = tempfile::Builder::new().permissions(Permissions::from_mode(PUBLIC_MODE)).tempfile_in(folder)?;
    writeln!(new, "{}", serde_json::to_string_pretty(file)?)?;
    new.as_file().sync_all()?;
    new.persist(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}
