//! Links that nobody needs any more, and photographs that were decided on long ago, are removed (P3).

use swabmesh_node::durable;
use swabmesh_protocol::id::Person;
use swabmesh_protocol::time::Wall;

use super::{Link, LinkError, LinkId, Links, Sealed, State, rows};
use crate::registry::{RegistryError, Row, Rows};
use crate::residents::vault::VaultError;

/// Links looked at in one step.
const PAGE: usize = 256;

/// What became of links and photographs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ended {
    /// Links removed: refused or ended before.
    pub links_removed: u64,
    /// Photographs removed: decided on before.
    pub photos_removed: u64,
    /// Photographs that wait for a decision, or had one since, and were sealed anew.
    pub photos_carried: u64,
}

impl Links {
    /// Whether somebody is part of a link that stands or waits for a decision.
    ///
    /// # Errors
    /// [`LinkError::Registry`].
    pub fn hold(&self, person: Person) -> Result<bool, LinkError> {
        let stands = |link: &Link| matches!(link.state, State::Applied | State::Approved);
        let sides = [Rows::ByGuardian, Rows::ByRelative];
        for side in sides {
            if self.of(side, person)?.iter().any(stands) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Removes links refused or ended before `since`, and photographs decided on before it; of those that stay, what was
    /// sealed before `day` is sealed anew.
    ///
    /// # Errors
    /// [`LinkError`]: those before are done; doing it again completes it.
    pub async fn end(&self, (day, since): (u32, Wall), now: Wall) -> Result<Ended, LinkError> {
        let (mut ended, mut after) = (Ended::default(), None::<Vec<u8>>);
        loop {
            let _one = self.writing.lock().await;
            let page = self.registry.scan(Rows::Links, &[], after.as_deref(), PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(ended) };
            after = Some(last.clone());
            for (_, value) in &page {
                let link: Link = minicbor::decode(value).map_err(|_| RegistryError::Damaged)?;
                self.end_one(link, (day, since), now, &mut ended).await?;
            }
        }
    }

    async fn end_one(
        &self,
        link: Link,
        (day, since): (u32, Wall),
        now: Wall,
        ended: &mut Ended,
    ) -> Result<(), LinkError> {
        let path = self.path(link.link, link.sealed_on);
        let over = link.since < since && link.state != State::Applied;
        if over {
            if path.exists() {
                durable::remove(&path)?;
                ended.photos_removed += 1;
            }
            if link.state != State::Approved {
                self.registry.change(gone(&link)).await?;
                ended.links_removed += 1;
            }
        } else if path.exists() && link.sealed_on.is_none_or(|on| on < day) {
            self.carry(link, now).await?;
            ended.photos_carried += 1;
        }
        Ok(())
    }

    /// The new file first, then the row that names it, then the old one goes: cut off anywhere, the row names a file.
    async fn carry(&self, link: Link, now: Wall) -> Result<(), LinkError> {
        let old = self.path(link.link, link.sealed_on);
        let bytes = std::fs::read(&old).map_err(|_| LinkError::Gone)?;
        match self.vault.open_bytes(&link.link.0, &Sealed { bytes, on: link.sealed_on }) {
            Ok(photo) => {
                let sealed_on = self.keep_photo(link.link, &photo, now)?;
                self.registry.change(rows(&Link { sealed_on, ..link })).await?;
            }
            Err(VaultError::Destroyed) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(durable::remove(&old)?)
    }
}

fn gone(link: &Link) -> Vec<Row> {
    let beside = |person: Person, LinkId(link): LinkId| [person.0.as_slice(), &link].concat();
    vec![
        Row::remove(Rows::Links, link.link.0),
        Row::remove(Rows::ByGuardian, beside(link.guardian, link.link)),
        Row::remove(Rows::ByRelative, beside(link.relative, link.link)),
    ]
}
