//! Residents whose time is over are removed; whoever is still needed is sealed anew, so that old keys can go (P3).

use sha2::{Digest, Sha256};
use swabmesh_protocol::id::{Hash, Person};
use swabmesh_protocol::time::Wall;

use super::vault::VaultError;
use super::{Resident, ResidentError, Residents};
use crate::registry::{RegistryError, Row, Rows};

/// Residents looked at while nobody can register. Source: guess; some milliseconds.
const PAGE: usize = 256;

/// What became of the residents.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Removed.
    pub removed: u64,
    /// Still needed, and sealed anew with the key of the day.
    pub carried: u64,
    /// Not touched: sealed since.
    pub left: u64,
    /// SHA-256 over the removed in the order of pseudonyms: pseudonym (16), SHA-256 of the sealed bytes.
    pub digest: Hash,
}

enum Fate {
    Left,
    Removed,
    Carried(Box<Resident>),
}

impl Residents {
    /// Removes residents who were registered before `since` and are not `needed`; of those who stay, details sealed
    /// before `day` are sealed anew.
    ///
    /// # Errors
    /// [`ResidentError`], [`RegistryError`] or what `needed` answers: those before are done; doing it again completes it.
    pub async fn end<E: From<ResidentError> + From<RegistryError>>(
        &self,
        (day, since): (u32, Wall),
        now: Wall,
        needed: impl Fn(Person) -> Result<bool, E>,
    ) -> Result<Ended, E> {
        let mut ended = Ended { removed: 0, carried: 0, left: 0, digest: Hash::ZERO };
        let (mut digest, mut after) = (Sha256::new(), None::<Vec<u8>>);
        loop {
            let _alone = self.writing.write().await;
            let page = self.registry.scan(Rows::Residents, &[], after.as_deref(), PAGE)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            let mut rows = Vec::new();
            for (key, value) in &page {
                let resident: Resident = minicbor::decode(value).map_err(|_| RegistryError::Damaged)?;
                let person = Person(key.as_slice().try_into().map_err(|_| RegistryError::Damaged)?);
                let sealed = Sha256::digest(&resident.details);
                match self.fate(person, resident, (day, since), now, &needed)? {
                    Fate::Left => ended.left += 1,
                    Fate::Carried(resident) => {
                        ended.carried += 1;
                        rows.push(Row::put(Rows::Residents, person.0, &*resident));
                    }
                    Fate::Removed => {
                        ended.removed += 1;
                        digest.update(person.0);
                        digest.update(sealed);
                        rows.push(Row::remove(Rows::Residents, person.0));
                        // Their codes lie there to be drawn again; none of them is valid.
                        let texts = self.registry.scan(Rows::Texts, &person.0, None, PAGE)?;
                        rows.extend(texts.into_iter().map(|(key, _)| Row::remove(Rows::Texts, key)));
                    }
                }
            }
            if !rows.is_empty() {
                self.registry.change(rows).await?;
            }
        }
        Ok(Ended { digest: Hash(digest.finalize().into()), ..ended })
    }

    fn fate<E: From<ResidentError>>(
        &self,
        person: Person,
        resident: Resident,
        (day, since): (u32, Wall),
        now: Wall,
        needed: &impl Fn(Person) -> Result<bool, E>,
    ) -> Result<Fate, E> {
        if resident.registered_at < since && !needed(person)? {
            return Ok(Fate::Removed);
        }
        let held = resident.sealed();
        if held.on.is_some_and(|on| on >= day) {
            return Ok(Fate::Left);
        }
        match self.vault.open(person, &held) {
            Ok(details) => {
                let sealed = self.vault.seal(person, &details, now).map_err(ResidentError::from)?;
                Ok(Fate::Carried(Box::new(resident.with(sealed))))
            }
            // Nothing is left that anybody could need.
            Err(VaultError::Destroyed) => Ok(Fate::Removed),
            Err(error) => Err(ResidentError::from(error).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use swabmesh_node::durable::{self, Access};
    use swabmesh_node::keys::Keys;
    use swabmesh_protocol::id::hex;

    use super::super::vault::Vault;
    use super::super::vault::tests::seal_first;
    use super::*;
    use crate::registry::Registry;
    use crate::residents::tests::details;
    use swabmesh_node::audit::Audit;

    const NOW: Wall = Wall::from_seconds(1_649_433_600);
    const TODAY: u32 = 19_091;

    #[tokio::test(flavor = "multi_thread")]
    async fn whoever_was_sealed_before_there_were_keys_of_days_is_carried_over_and_that_key_can_go() {
        let dir = tempfile::tempdir().unwrap();
        let key = format!("{}\n", hex(&[7; 32]));
        durable::replace(&dir.path().join("registry.key"), key.as_bytes(), Access::Secret).unwrap();
        let vault = Arc::new(Vault::new(Keys::at(dir.path().to_owned())));
        let registry = Registry::open(&dir.path().join("registry"), 1).unwrap();
        let audit = Arc::new(Audit::open(&dir.path().join("audit.log")).unwrap());
        let residents = Residents::new(registry, Arc::clone(&vault), audit);
        // A row as it was written then: five fields.
        let person = Person([5; 16]);
        let sealed = seal_first(&[7; 32], &person.0, &details().encode().unwrap());
        let old = ("张*三", 1_u8, "002X", NOW, minicbor::bytes::ByteVec::from(sealed.bytes));
        residents.register(vec![Row::put(Rows::Residents, person.0, &old)]).await.unwrap();
        assert_eq!(residents.look(person, "a test", "before").unwrap(), details());

        let end = residents.end::<EndError>((TODAY, NOW), NOW, |_| Ok(true)).await.unwrap();
        assert_eq!((end.removed, end.carried, end.left), (0, 1, 0));
        vault.destroy(None).unwrap();
        assert!(!dir.path().join("registry.key").exists());
        assert_eq!(residents.look(person, "a test", "after").unwrap(), details());
    }

    #[derive(Debug, thiserror::Error)]
    enum EndError {
        #[error(transparent)]
        Resident(#[from] ResidentError),
        #[error(transparent)]
        Registry(#[from] RegistryError),
    }
}
