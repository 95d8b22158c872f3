//! Residents: whoever can get a code, with whatever document they have.

use std::sync::Arc;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use swabmesh_node::api::DocumentEntry;
use swabmesh_node::audit::{Audit, AuditError, Look};
use swabmesh_node::clock;
use swabmesh_node::http::Shell;
use swabmesh_node::intake::{Identified, Intake, IntakeError};
use swabmesh_protocol::document::DocumentType;
use swabmesh_protocol::document::age::{AgeCategory, category_on, day_in_shanghai};
use swabmesh_protocol::id::Person;
use swabmesh_protocol::person::PersonKey;
use swabmesh_protocol::seal::details::Details;
use swabmesh_protocol::time::Wall;
use time::Date;
use time::macros::format_description;

use self::vault::{Sealed, Vault, VaultError};
use crate::registry::{Registry, RegistryError, Row, Rows};

pub mod http;
pub mod retention;
pub mod vault;

/// What the registry holds of a person.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Resident {
    /// Masked name.
    #[n(0)]
    pub name: String,
    /// Type of document, 1 to 9.
    #[n(1)]
    pub document: u8,
    /// Last four characters of the document.
    #[n(2)]
    pub last_four: String,
    /// When they were registered, or registered again.
    #[n(3)]
    pub registered_at: Wall,
    /// The details, see [`vault`].
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    details: Vec<u8>,
    /// The day whose key opens them; none before there were keys of days.
    #[n(5)]
    sealed_on: Option<u32>,
}

impl Resident {
    /// The details as the vault takes them.
    pub(crate) fn sealed(&self) -> Sealed {
        Sealed { bytes: self.details.clone(), on: self.sealed_on }
    }

    fn with(self, Sealed { bytes, on }: Sealed) -> Self {
        Self { details: bytes, sealed_on: on, ..self }
    }
}

/// Who a request is about: by pseudonym, or by document.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Named {
    /// The pseudonym, as an answer gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<Person>,
    /// Type of document, 1 to 9.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub document: Option<u8>,
    /// Its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
}

impl std::fmt::Debug for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Named(<personal>)")
    }
}

/// Somebody in the registry, as an answer tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// The pseudonym.
    pub person: Person,
    /// Masked name.
    pub name: String,
    /// Type of document, 1 to 9.
    #[serde(rename = "type")]
    pub document: u8,
    /// Last four characters of the document.
    pub last_four: String,
    /// Soft rules that did not hold, in words.
    pub warnings: Vec<String>,
}

/// Why a resident was not registered or found.
#[derive(Debug, thiserror::Error)]
pub enum ResidentError {
    /// The document.
    #[error(transparent)]
    Document(#[from] IntakeError),
    /// Neither a pseudonym nor a document, or both.
    #[error("a person is named by pseudonym, or by document type and number: send exactly one of them")]
    Unnamed,
    /// Not in the registry.
    #[error("this person is not registered: register them first, with any document")]
    Unknown,
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The details.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The look could not be recorded.
    #[error(transparent)]
    Audit(#[from] AuditError),
}

/// The residents of a city. Clones share them.
#[derive(Debug, Clone)]
pub struct Residents {
    registry: Registry,
    vault: Arc<Vault>,
    audit: Arc<Audit>,
    /// Whoever registers shares it; whoever ends what is old has it alone, so that nothing new is taken for old.
    writing: Arc<tokio::sync::RwLock<()>>,
}

impl Residents {
    /// The residents in a registry.
    #[must_use]
    pub fn new(registry: Registry, vault: Arc<Vault>, audit: Arc<Audit>) -> Self {
        Self { registry, vault, audit, writing: Arc::default() }
    }

    /// Judges a document and seals its details: what registers its holder.
    ///
    /// # Errors
    /// [`ResidentError`]; nothing is written yet.
    pub fn judge(
        &self,
        persons: &PersonKey,
        entry: &DocumentEntry,
        now: Wall,
    ) -> Result<(Row, Registered), ResidentError> {
        let intake = Intake { persons, seal_to: None, now };
        let identified = intake.identify(entry)?;
        let details = intake.details(entry, &identified)?;
        let Identified { person, name, last_four, document, warnings, .. } = identified;
        let document = document.number();
        let Sealed { bytes: details, on: sealed_on } = self.vault.seal(person, &details, now)?;
        let (name_too, last_four_too) = (name.clone(), last_four.clone());
        let resident =
            Resident { name: name_too, document, last_four: last_four_too, registered_at: now, details, sealed_on };
        let row = Row::put(Rows::Residents, person.0, &resident);
        Ok((row, Registered { person, name, document, last_four, warnings }))
    }

    /// Writes residents; returns when they are on disk.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn register(&self, rows: Vec<Row>) -> Result<(), RegistryError> {
        let _shared = self.writing.read().await;
        self.registry.change(rows).await
    }

    /// Reads what is not personal. May wait for the disk.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn get(&self, person: Person) -> Result<Option<Resident>, RegistryError> {
        self.registry.get(Rows::Residents, &person.0)
    }

    /// Opens somebody's details. The look is on record before anything is read.
    ///
    /// # Errors
    /// [`ResidentError`].
    pub fn look(&self, person: Person, who: &str, why: &str) -> Result<Details, ResidentError> {
        let look = Look { who: who.to_owned(), what: "details", whom: Some(person), why: why.to_owned() };
        self.audit.record(clock::wall(), &look)?;
        let resident = self.get(person)?.ok_or(ResidentError::Unknown)?;
        Ok(self.vault.open(person, &resident.sealed())?)
    }

    /// Which relatives' codes a person's age allows at a moment; `None` when no date of birth is known.
    ///
    /// Opens the details, and says so in the audit log.
    ///
    /// # Errors
    /// [`ResidentError`].
    pub fn age_category(&self, person: Person, at: Wall, why: &str) -> Result<Option<AgeCategory>, ResidentError> {
        let details = self.look(person, "the rule of age", why)?;
        let born = details
            .born
            .as_ref()
            .and_then(|born| Date::parse(born.expose(), format_description!("[year]-[month]-[day]")).ok());
        Ok(born.map(|born| category_on(born, day_in_shanghai(at))))
    }

    /// What opens their details, and the photographs of their relatives.
    #[must_use]
    pub(crate) fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The audit log of these residents.
    #[must_use]
    pub fn audit(&self) -> &Audit {
        &self.audit
    }
}

/// Finds out whose pseudonym is meant.
///
/// # Errors
/// [`ResidentError::Unnamed`], [`ResidentError::Document`].
pub fn whose(shell: &Shell, named: &Named) -> Result<Person, ResidentError> {
    match named {
        Named { person: Some(person), document: None, number: None } => Ok(*person),
        Named { person: None, document: Some(document), number } => {
            let kind = DocumentType::try_from(*document).map_err(IntakeError::from)?;
            if number.is_none() {
                return Err(IntakeError::Needed("the document's number").into());
            }
            let entry = DocumentEntry { document: kind.number(), number: number.clone(), ..DocumentEntry::default() };
            Ok(shell.intake().person(&entry)?)
        }
        Named { .. } => Err(ResidentError::Unnamed),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use swabmesh_node::keys::Keys;

    use super::*;
    use swabmesh_node::audit;

    const NOW: Wall = Wall::from_seconds(1_649_433_600);

    fn residents() -> (tempfile::TempDir, Residents) {
        let dir = tempfile::tempdir().unwrap();
        let registry = Registry::open(&dir.path().join("registry"), 1).unwrap();
        let audit = Arc::new(Audit::open(&dir.path().join("audit.log")).unwrap());
        let vault = Arc::new(Vault::new(Keys::at(dir.path().join("secrets"))));
        (dir, Residents::new(registry, vault, audit))
    }

    fn entry(document: u8, number: &str) -> DocumentEntry {
        let text = |text: &str| Some(text.to_owned());
        DocumentEntry {
            document,
            number: text(number),
            name: text("张三"),
            phone: text("13800000000"),
            ..Default::default()
        }
    }

    /// Somebody's details.
    pub(crate) fn details() -> Details {
        let persons = PersonKey::new([9; 32]);
        let intake = Intake { persons: &persons, seal_to: None, now: NOW };
        let entry = entry(1, "11010519491231002X");
        intake.details(&entry, &intake.identify(&entry).unwrap()).unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_look_at_details_is_on_record_before_it_is_answered() {
        let (dir, residents) = residents();
        let persons = PersonKey::new([9; 32]);
        let (row, registered) = residents.judge(&persons, &entry(1, "11010519491231002X"), NOW).unwrap();
        residents.register(vec![row]).await.unwrap();
        let details = residents.look(registered.person, "desk 3", "asked at the counter").unwrap();
        assert_eq!(details.name.expose(), "张三");
        assert_eq!(residents.age_category(registered.person, NOW, "a test").unwrap(), Some(AgeCategory::Elder));
        let unknown = residents.look(Person([1; 16]), "desk 3", "curiosity");
        assert!(matches!(unknown, Err(ResidentError::Unknown)));
        let mut lines = Vec::new();
        audit::check(&dir.path().join("audit.log"), None, |line| lines.push((line.who, line.whom))).unwrap();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0], ("desk 3".to_owned(), Some(registered.person)));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn nothing_personal_lies_in_the_registry_in_the_clear() {
        let (dir, residents) = residents();
        let (row, _) = residents.judge(&PersonKey::new([9; 32]), &entry(2, "E12345678"), NOW).unwrap();
        residents.register(vec![row]).await.unwrap();
        let registry = residents.registry.clone();
        drop(residents);
        registry.close().unwrap();
        let mut files = vec![dir.path().to_owned()];
        while let Some(path) = files.pop() {
            if path.is_dir() {
                files.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            } else {
                let bytes = std::fs::read(&path).unwrap();
                for secret in ["E12345678", "13800000000", "张三"] {
                    assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{path:?}");
                }
            }
        }
    }
}
