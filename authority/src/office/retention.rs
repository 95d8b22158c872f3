//! What the office itself keeps of people ends too: residents, links, photographs, and the keys of their days (P3).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use swabmesh_node::keys::KeyError;
use swabmesh_protocol::id::{Hash, Person, hex};
use swabmesh_protocol::time::Wall;
use swabmesh_protocol::view::ViewError;

use crate::city::day::Day;
use crate::registry::{RegistryError, Rows};
use crate::relatives::{LinkError, Links};
use crate::residents::vault::Vault;
use crate::residents::{Resident, ResidentError, Residents};
use crate::trial::Trial;

/// A key is known by the hash of this and its 32 bytes.
const KEY_ID: &[u8] = b"swabmesh registry key 1";

/// Why not everything ended. What did stays so; ending again completes it.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A resident.
    #[error(transparent)]
    Resident(#[from] ResidentError),
    /// A link.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The tables of the log.
    #[error(transparent)]
    View(#[from] ViewError),
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A key of the office that was destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfficeKey {
    /// The day it encrypted; `null` of the one from before there were keys of days.
    pub day: Option<String>,
    /// SHA-256 of `swabmesh registry key 1` and its 32 bytes, first 16 bytes in hexadecimal.
    pub id: String,
}

/// What the office no longer holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfficeReport {
    /// Keys destroyed now.
    pub keys: Vec<OfficeKey>,
    /// Days whose keys are still here.
    pub kept: Vec<String>,
    /// Residents removed: registered before the day, with no valid code, no link, no registration since.
    pub residents_removed: u64,
    /// SHA-256 over them in the order of pseudonyms: pseudonym (16), SHA-256 of the sealed details.
    pub residents_digest: Hash,
    /// Residents still needed whose details were sealed anew.
    pub residents_sealed_anew: u64,
    /// Residents whose details were sealed since.
    pub residents_left: u64,
    /// Links refused or ended before the day, removed.
    pub links_removed: u64,
    /// Photographs decided on before the day, removed.
    pub photos_removed: u64,
    /// Photographs that are still needed, sealed anew.
    pub photos_sealed_anew: u64,
    /// Details of earlier days that still lie in the registry's journal.
    pub sealed: u64,
    /// Of those, how many were tried with every key that is left.
    pub tried: u64,
    /// Of those, how many opened: always 0.
    pub opened: u64,
}

/// Who and what the office keeps. Clones share it.
#[derive(Debug, Clone)]
pub struct Retention {
    residents: Residents,
    links: Arc<Links>,
}

impl Retention {
    /// Of residents and their links.
    #[must_use]
    pub const fn new(residents: Residents, links: Arc<Links>) -> Self {
        Self { residents, links }
    }

    /// Ends what is older than a day and not needed; `in_use` says who of the log still needs to be known.
    ///
    /// May wait for the disk.
    ///
    /// # Errors
    /// [`RetentionError`].
    pub async fn end(
        &self,
        before: Day,
        now: Wall,
        in_use: impl Fn(Person) -> Result<bool, ViewError>,
    ) -> Result<OfficeReport, RetentionError> {
        let since = (before.0, Wall(before.start_ms()));
        let links = self.links.end(since, now).await?;
        let needed = |person| -> Result<bool, RetentionError> { Ok(in_use(person)? || self.links.hold(person)?) };
        let residents = self.residents.end(since, now, needed).await?;
        let vault = self.residents.vault();
        let keys = destroy(vault, before)?;
        let left = vault.days()?;
        let trial = self.look_through(before, &left)?;
        Ok(OfficeReport {
            keys,
            kept: left.iter().flatten().map(|day| Day(*day).to_string()).collect(),
            residents_removed: residents.removed,
            residents_digest: residents.digest,
            residents_sealed_anew: residents.carried,
            residents_left: residents.left,
            links_removed: links.links_removed,
            photos_removed: links.photos_removed,
            photos_sealed_anew: links.photos_carried,
            sealed: trial.sealed,
            tried: trial.tried,
            opened: trial.opened,
        })
    }

    /// The journal keeps every frame: what lies there sealed is tried.
    fn look_through(&self, before: Day, left: &[Option<u32>]) -> Result<Trial, RetentionError> {
        let (vault, mut trial) = (self.residents.vault(), Trial::default());
        self.links.registry().history(Rows::Residents, |person, value| {
            let Ok(resident) = minicbor::decode::<Resident>(value) else { return };
            let sealed = resident.sealed();
            if sealed.on.is_some_and(|on| on >= before.0) {
                return;
            }
            trial.of(|| vault.opens_at_all(person, &sealed.bytes, left));
        })?;
        Ok(trial)
    }
}

/// Destroys the keys of earlier days, and the one from before there were any: nothing is left that they open.
fn destroy(vault: &Vault, before: Day) -> Result<Vec<OfficeKey>, KeyError> {
    let mut destroyed = Vec::new();
    for day in vault.days()?.into_iter().filter(|day| day.is_none_or(|day| day < before.0)) {
        let id = vault.key_id(day, KEY_ID)?;
        vault.destroy(day)?;
        destroyed.push(OfficeKey { day: day.map(|day| Day(day).to_string()), id });
    }
    Ok(destroyed)
}

impl Vault {
    fn key_id(&self, day: Option<u32>, prefix: &[u8]) -> Result<String, KeyError> {
        let key = self.keys().open_registry(day)?;
        let hash: [u8; 32] = Sha256::new().chain_update(prefix).chain_update(*key).finalize().into();
        Ok(hex(hash.first_chunk::<16>().unwrap_or(&[0; 16])))
    }
}
