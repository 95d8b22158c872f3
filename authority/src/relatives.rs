//! Relatives: a resident applies for a link with evidence, the authority decides, and the applicant gets the relative's codes (C4).
//!
//! ```text
//! applied ─→ approved ─→ ended
//!        └─→ refused
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use swabmesh_node::audit::{AuditError, Look};
use swabmesh_node::clock;
use swabmesh_node::durable::{self, Access, WriteError};
use swabmesh_node::keys::{KeyError, draw};
use swabmesh_protocol::code::Category;
use swabmesh_protocol::document::age::AgeCategory;
use swabmesh_protocol::id::{Person, hex, unhex};
use swabmesh_protocol::time::Wall;
use zeroize::Zeroizing;

use crate::registry::{Registry, RegistryError, Row, Rows};
use crate::residents::vault::{Sealed, Vault, VaultError};
use crate::residents::{ResidentError, Residents};

mod household;
pub mod http;
pub mod retention;

pub use household::{HouseholdError, Register};

/// Links of one person. Source: guess; a large family.
pub const LINKS_MAX: usize = 32;

/// Bytes of a photograph.
pub const PHOTO_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Number of a link: random, so that it tells nothing of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct LinkId(
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub [u8; 8],
);

impl std::fmt::Display for LinkId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl Serialize for LinkId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LinkId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        unhex(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// Where an application stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cbor(index_only)]
pub enum State {
    /// Somebody has to decide.
    #[n(0)]
    Applied,
    /// Codes are issued.
    #[n(1)]
    Approved,
    /// Not shown to be related.
    #[n(2)]
    Refused,
    /// It held, and does not any more.
    #[n(3)]
    Ended,
}

/// What shows that they are related.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cbor(index_only)]
pub enum Evidence {
    /// A photograph of the household register 户口簿, which a person looks at.
    #[n(0)]
    Photo,
    /// The electronic register 电子户籍.
    #[n(1)]
    Register,
}

/// A link between an applicant and a relative.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
pub struct Link {
    /// Its number.
    #[n(0)]
    pub link: LinkId,
    /// Who applied.
    #[n(1)]
    pub guardian: Person,
    /// For whom.
    #[n(2)]
    pub relative: Person,
    /// What the applicant calls them: child, mother, grandfather.
    #[n(3)]
    pub relation: String,
    /// Whether the applicant says that they cannot apply for themselves, whatever their age.
    #[n(4)]
    pub unable_to_apply: bool,
    /// What shows it.
    #[n(5)]
    pub evidence: Evidence,
    /// Where it stands.
    #[n(6)]
    pub state: State,
    /// Since when.
    #[n(7)]
    pub since: Wall,
    /// Who decided: an operator, or `register`.
    #[n(8)]
    pub decided_by: String,
    /// Why.
    #[n(9)]
    pub reason: String,
    /// The day whose key opens the photograph; none before there were keys of days. Nobody's business but the vault's.
    #[n(10)]
    #[serde(skip)]
    sealed_on: Option<u32>,
}

/// Why a link was not made, changed or used. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// No such link.
    #[error("there is no such link")]
    Unknown,
    /// Applicant and relative are one person.
    #[error("nobody is their own relative")]
    Self_,
    /// Too many.
    #[error("one person has at most {LINKS_MAX} links: end one that is not needed")]
    TooMany,
    /// It is there already.
    #[error("there is a link between these two already")]
    Exists(LinkId),
    /// Neither young nor old, and able to apply.
    #[error("a relative's code is for people under 18, from 60 on, or unable to apply for themselves")]
    NotEligible,
    /// Not in a state that allows it.
    #[error("the link is {}", word(*.0))]
    State(State),
    /// The picture.
    #[error("the photograph has more than {PHOTO_BYTES_MAX} bytes, or is neither JPEG nor PNG")]
    Photo,
    /// The electronic register.
    #[error(transparent)]
    Register(#[from] HouseholdError),
    /// A resident.
    #[error(transparent)]
    Resident(#[from] ResidentError),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The evidence cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The evidence cannot be read.
    #[error("the evidence is not there any more")]
    Gone,
    /// The evidence.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The look could not be recorded.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The system gives no randomness.
    #[error(transparent)]
    Random(#[from] KeyError),
}

const fn word(state: State) -> &'static str {
    match state {
        State::Applied => "not decided yet",
        State::Approved => "approved already",
        State::Refused => "refused",
        State::Ended => "ended",
    }
}

/// What somebody applies for.
#[derive(Debug, Clone)]
pub struct Application {
    /// Who applies.
    pub guardian: Person,
    /// For whom.
    pub relative: Person,
    /// What they call them.
    pub relation: String,
    /// Whether the relative cannot apply, whatever their age.
    pub unable_to_apply: bool,
    /// A photograph; without one the electronic register is asked.
    pub photo: Option<Vec<u8>>,
}

/// The links of a city.
#[derive(Debug)]
pub struct Links {
    registry: Registry,
    residents: Residents,
    vault: Arc<Vault>,
    evidence: PathBuf,
    register: Register,
    /// Applications are written one at a time: two for the same pair must see each other.
    writing: tokio::sync::Mutex<()>,
}

impl Links {
    /// The links in a registry; evidence lies in a directory.
    #[must_use]
    pub fn new(
        registry: Registry,
        residents: Residents,
        vault: Arc<Vault>,
        evidence: PathBuf,
        register: Register,
    ) -> Self {
        Self { registry, residents, vault, evidence, register, writing: tokio::sync::Mutex::new(()) }
    }

    /// The registry they are in.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Takes an application: what the electronic register shows is approved at once, a photograph waits for a person.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn apply(&self, application: Application) -> Result<Link, LinkError> {
        let Application { guardian, relative, relation, unable_to_apply, photo } = application;
        if guardian == relative {
            return Err(LinkError::Self_);
        }
        let _one = self.writing.lock().await;
        let held = self.of(Rows::ByGuardian, guardian)?;
        if held.len() >= LINKS_MAX {
            return Err(LinkError::TooMany);
        }
        let standing =
            |link: &&Link| link.relative == relative && matches!(link.state, State::Applied | State::Approved);
        if let Some(link) = held.iter().find(standing) {
            return Err(LinkError::Exists(link.link));
        }
        self.eligible(relative, unable_to_apply, clock::wall())?;
        let link = LinkId(draw()?);
        let mut sealed_on = None;
        let (evidence, state, decided_by, reason) = match photo {
            Some(photo) => {
                sealed_on = self.keep_photo(link, &photo, clock::wall())?;
                (Evidence::Photo, State::Applied, String::new(), String::new())
            }
            None => {
                let why = "an applicant asks the electronic register";
                let (one, other) =
                    (self.residents.look(guardian, "register", why)?, self.residents.look(relative, "register", why)?);
                let (state, reason) = match self.register.are_related(&one, &other).await? {
                    true => (State::Approved, "in the electronic register"),
                    false => (State::Refused, "not in one household of the electronic register"),
                };
                (Evidence::Register, state, "register".to_owned(), reason.to_owned())
            }
        };
        let since = clock::wall();
        let link = Link {
            link,
            guardian,
            relative,
            relation,
            unable_to_apply,
            evidence,
            state,
            since,
            decided_by,
            reason,
            sealed_on,
        };
        self.registry.change(rows(&link)).await?;
        Ok(link)
    }

    /// Whether the relative may have a relative's code at a moment, and why (C4).
    ///
    /// # Errors
    /// [`LinkError::NotEligible`].
    pub fn eligible(&self, relative: Person, unable_to_apply: bool, at: Wall) -> Result<Category, LinkError> {
        let why = "a relative's code is for the young, the old and those unable to apply";
        let by_age = match self.residents.age_category(relative, at, why)? {
            Some(AgeCategory::Minor) => Some(Category::Minor),
            Some(AgeCategory::Elder) => Some(Category::Elder),
            Some(AgeCategory::None) | None => None,
        };
        by_age.or_else(|| unable_to_apply.then_some(Category::UnableToApply)).ok_or(LinkError::NotEligible)
    }

    /// A link by its number. May wait for the disk.
    ///
    /// # Errors
    /// [`LinkError::Unknown`].
    pub fn get(&self, link: LinkId) -> Result<Link, LinkError> {
        self.registry.get(Rows::Links, &link.0)?.ok_or(LinkError::Unknown)
    }

    /// The links a person applied for ([`Rows::ByGuardian`]) or that are to them ([`Rows::ByRelative`]).
    ///
    /// # Errors
    /// [`LinkError::Registry`].
    pub fn of(&self, side: Rows, person: Person) -> Result<Vec<Link>, LinkError> {
        let keys = self.registry.scan(side, &person.0, None, 4 * LINKS_MAX)?;
        let ids = keys.iter().filter_map(|(key, _)| key.last_chunk::<8>().copied().map(LinkId));
        ids.map(|link| self.get(link)).collect()
    }

    /// Applications that wait for a decision, at most `limit`. Looks at all links.
    ///
    /// # Errors
    /// [`LinkError::Registry`].
    pub fn in_state(&self, state: State, limit: usize) -> Result<Vec<Link>, LinkError> {
        const PAGE: usize = 1_000;
        let (mut found, mut after) = (Vec::new(), None::<Vec<u8>>);
        loop {
            let page = self.registry.scan(Rows::Links, &[], after.as_deref(), PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(found) };
            after = Some(last.clone());
            for (_, bytes) in &page {
                let link: Link = minicbor::decode(bytes).map_err(|_| RegistryError::Damaged)?;
                if link.state == state {
                    found.push(link);
                }
                if found.len() >= limit {
                    return Ok(found);
                }
            }
        }
    }

    /// Decides about an application, or ends a link.
    ///
    /// # Errors
    /// [`LinkError::State`] when it is not in the state that allows it.
    pub async fn decide(&self, link: LinkId, state: State, who: &str, reason: &str) -> Result<Link, LinkError> {
        let _one = self.writing.lock().await;
        let held = self.get(link)?;
        let allowed = match state {
            State::Approved | State::Refused => held.state == State::Applied,
            State::Ended => held.state == State::Approved,
            State::Applied => false,
        };
        if !allowed {
            return Err(LinkError::State(held.state));
        }
        let (decided_by, reason) = (who.to_owned(), reason.to_owned());
        let link = Link { state, since: clock::wall(), decided_by, reason, ..held };
        self.registry.change(rows(&link)).await?;
        Ok(link)
    }

    /// Opens the photograph of an application. The look is on record before anything is read.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn photo(&self, link: LinkId, who: &str, why: &str) -> Result<Zeroizing<Vec<u8>>, LinkError> {
        let Link { relative, sealed_on, .. } = self.get(link)?;
        let whom = Some(relative);
        let look = Look { who: who.to_owned(), what: "evidence", whom, why: why.to_owned() };
        self.residents.audit().record(clock::wall(), &look)?;
        let bytes = std::fs::read(self.path(link, sealed_on)).map_err(|_| LinkError::Gone)?;
        Ok(self.vault.open_bytes(&link.0, &Sealed { bytes, on: sealed_on })?)
    }

    fn keep_photo(&self, link: LinkId, photo: &[u8], at: Wall) -> Result<Option<u32>, LinkError> {
        if photo.len() > PHOTO_BYTES_MAX || media_type(photo).is_none() {
            return Err(LinkError::Photo);
        }
        let Sealed { bytes, on } = self.vault.seal_bytes(&link.0, photo, at)?;
        durable::replace(&self.path(link, on), &bytes, Access::Secret)?;
        Ok(on)
    }

    fn path(&self, link: LinkId, sealed_on: Option<u32>) -> PathBuf {
        let day = sealed_on.map(|day| format!(".{day}")).unwrap_or_default();
        Path::new(&self.evidence).join(format!("{link}{day}"))
    }
}

/// JPEG or PNG, by how it begins.
#[must_use]
pub fn media_type(photo: &[u8]) -> Option<&'static str> {
    if photo.starts_with(&[0xff, 0xd8, 0xff]) {
        Some("image/jpeg")
    } else if photo.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else {
        None
    }
}

fn rows(link: &Link) -> Vec<Row> {
    let beside = |person: Person| [person.0.as_slice(), &link.link.0].concat();
    vec![
        Row::put(Rows::Links, link.link.0, link),
        Row::put_bytes(Rows::ByGuardian, beside(link.guardian), Vec::new()),
        Row::put_bytes(Rows::ByRelative, beside(link.relative), Vec::new()),
    ]
}
