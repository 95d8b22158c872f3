//! A document that was shown or stated becomes what the core registers: judged, pseudonymised, masked, sealed.
//!
//! The full number lives only inside these functions; it is never logged or stored in the clear (P1, P2).

use swabmesh_protocol::command::Presented;
use swabmesh_protocol::document::age::{AgeCategory, category_on, day_in_shanghai};
use swabmesh_protocol::document::infant::{Infant, InfantError, Relation};
use swabmesh_protocol::document::refusal::{DocumentError, Problem, Route as OpenRoute};
use swabmesh_protocol::document::{Checked, DocumentType, UnknownDocumentType, Warning, check};
use swabmesh_protocol::fact::Route;
use swabmesh_protocol::id::{EntryId, Person, hex};
use swabmesh_protocol::name::{last_four, mask_name};
use swabmesh_protocol::person::PersonKey;
use swabmesh_protocol::seal::details::{self, Details};
use swabmesh_protocol::seal::{SealError, SealPublic};
use swabmesh_protocol::sensitive::Sensitive;
use swabmesh_protocol::telephone::{self, Telephone, TelephoneError};
use swabmesh_protocol::text::Text;
use swabmesh_protocol::time::Wall;
use time::Date;
use time::macros::format_description;

use crate::api::{DocumentEntry, GuardianEntry};
use crate::keys::{KeyError, draw};

/// Julian day of 1970-01-01, from which days of seal keys are counted.
const UNIX_EPOCH_JULIAN_DAY: i32 = 2_440_588;

/// Why a document was not taken. Whoever entered it is asked again; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// No such type of document.
    #[error(transparent)]
    Type(#[from] UnknownDocumentType),
    /// A hard rule failed.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// An infant cannot be registered as given.
    #[error(transparent)]
    Infant(#[from] InfantError),
    /// The telephone is none.
    #[error("telephone: {0}")]
    Telephone(#[from] TelephoneError),
    /// Something that is needed is not there.
    #[error("{0} is needed: enter it")]
    Needed(&'static str),
    /// Not a date.
    #[error("the date of birth is written YYYY-MM-DD: enter it again")]
    Born,
    /// Not a relation.
    #[error("a relation is mother, father or guardian: enter it again")]
    Relation,
    /// The details do not fit.
    #[error("the details cannot be sealed ({0}): shorten the address or the remark")]
    Seal(#[from] SealError),
    /// The system gives no randomness.
    #[error(transparent)]
    Random(#[from] KeyError),
}

impl IntakeError {
    /// The routes still open; never none (D9).
    #[must_use]
    pub const fn routes(&self) -> &'static [OpenRoute] {
        &[OpenRoute::EnterAgain, OpenRoute::AnotherDocument, OpenRoute::ByHandWithRemark]
    }
}

/// Somebody whose document was judged.
#[derive(Debug, Clone)]
pub struct Identified {
    /// Who, as a pseudonym.
    pub person: Person,
    /// Masked name.
    pub name: String,
    /// Last four characters of the document.
    pub last_four: String,
    /// Type of document.
    pub document: DocumentType,
    /// The parent or guardian, if one was named.
    pub guardian: Option<Person>,
    /// Which relatives' codes their age allows today, where the date of birth is known.
    pub age: Option<AgeCategory>,
    /// Soft rules that did not hold, in words.
    pub warnings: Vec<String>,
    full_name: Sensitive<String>,
    checked: Checked,
    born: Option<Sensitive<Date>>,
}

/// What a node registers of a document.
#[derive(Debug)]
pub struct Prepared {
    /// What the core registers.
    pub presented: Presented,
    /// Soft rules that did not hold, in words.
    pub warnings: Vec<String>,
    /// Whether the sealed details hold a telephone's number: what a later visit may refer to.
    pub holds_number: bool,
}

/// What a node needs to take documents in.
#[derive(Debug)]
pub struct Intake<'a> {
    /// The campaign's person key.
    pub persons: &'a PersonKey,
    /// The authority's key of a day, counted from 1970 in Asia/Shanghai; none before the first arrived.
    pub seal_to: Option<(u32, SealPublic)>,
    /// The time.
    pub now: Wall,
}

impl Intake<'_> {
    /// Judges a document and names its holder.
    ///
    /// # Errors
    /// [`IntakeError`].
    pub fn identify(&self, entry: &DocumentEntry) -> Result<Identified, IntakeError> {
        let document = DocumentType::try_from(entry.document)?;
        let today = day_in_shanghai(self.now);
        let stated = entry.born.as_deref().map(parse_day).transpose()?;
        let guardian = entry.guardian.as_ref().map(|guardian| self.guardian(guardian, today)).transpose()?;
        let checked = if document == DocumentType::Infant {
            infant(entry, guardian, stated)?.register(draw()?, today)?
        } else {
            number(entry, document, today)?
        };
        let holder = || checked.holder().map(|holder| holder.expose().clone());
        let full_name = given(entry.name.as_ref()).or_else(holder).ok_or(IntakeError::Needed("the name"))?;
        let born = checked.born().or(stated);
        let noted = given(entry.remark.as_ref()).is_some();
        let warnings = checked.warnings().iter().filter(|warning| !(noted && **warning == Warning::RemarkNeeded));
        Ok(Identified {
            person: self.persons.person(&checked),
            name: mask_name(&full_name),
            last_four: shown_last_four(&checked),
            document,
            guardian,
            age: born.map(|born| category_on(born, today)),
            warnings: warnings.map(ToString::to_string).collect(),
            full_name: Sensitive::new(full_name),
            born: born.map(Sensitive::new),
            checked,
        })
    }

    /// Names the holder of a document by its number alone.
    ///
    /// # Errors
    /// [`IntakeError`].
    pub fn person(&self, entry: &DocumentEntry) -> Result<Person, IntakeError> {
        let document = DocumentType::try_from(entry.document)?;
        Ok(self.persons.person(&number(entry, document, day_in_shanghai(self.now))?))
    }

    /// Makes of a document what the core registers. Without a telephone it is the one of the registration `as_in`.
    ///
    /// # Errors
    /// [`IntakeError`].
    pub fn present(
        &self,
        entry: &DocumentEntry,
        identified: Identified,
        as_in: Option<EntryId>,
    ) -> Result<Prepared, IntakeError> {
        let mut plain = self.details(entry, &identified)?;
        let given = plain.telephone.is_some();
        plain.telephone = plain.telephone.or(as_in.map(Telephone::AsIn));
        let details = self.seal(&plain)?;
        let mut warnings = identified.warnings;
        if details.is_none() {
            warnings.push("no key of the authority is here yet: telephone and address were not kept".to_owned());
        }
        let sealed = details.is_some();
        let by_hand = matches!(identified.document, DocumentType::Infant | DocumentType::Other);
        let route = match (by_hand, entry.stated) {
            (true, _) => Route::ByHand,
            (false, true) => Route::Stated,
            (false, false) => Route::Document,
        };
        let presented = Presented::Document {
            person: identified.person,
            route,
            document: identified.document.number(),
            last_four: Text::truncated(&identified.last_four),
            name: Text::truncated(&identified.name),
            guardian: identified.guardian,
            details,
        };
        Ok(Prepared { holds_number: given && sealed, presented, warnings })
    }

    fn guardian(&self, guardian: &GuardianEntry, today: Date) -> Result<Person, IntakeError> {
        if let Some(person) = guardian.person {
            return Ok(person);
        }
        let (Some(document), Some(number)) = (guardian.document, &guardian.number) else {
            return Err(IntakeError::Needed("the parent's or guardian's document type and number, or pseudonym,"));
        };
        Ok(self.persons.person(&check(DocumentType::try_from(document)?, number, today)?))
    }

    /// The personal details of somebody, in the clear: seal them at once.
    ///
    /// # Errors
    /// [`IntakeError::Telephone`].
    pub fn details(&self, entry: &DocumentEntry, identified: &Identified) -> Result<Details, IntakeError> {
        let personal = |text: &Option<String>| given(text.as_ref()).map(Sensitive::new);
        let telephone = given(entry.phone.as_ref()).map(|phone| telephone::check(&phone)).transpose()?;
        Ok(Details {
            name: identified.full_name.clone(),
            document: identified.document,
            number: identified.checked.number().clone(),
            telephone: telephone.map(Telephone::Number),
            address: personal(&entry.address),
            remark: personal(&entry.remark),
            born: identified.born.as_ref().map(|born| Sensitive::new(born.expose().to_string())),
            state: identified.checked.state().map(|state| Sensitive::new(state.to_owned())),
        })
    }

    fn seal(&self, details: &Details) -> Result<Option<Vec<u8>>, IntakeError> {
        let Some((day, public)) = self.seal_to else { return Ok(None) };
        let day = i32::try_from(day).ok().and_then(|day| Date::from_julian_day(UNIX_EPOCH_JULIAN_DAY + day).ok());
        Ok(Some(details::seal(&public, day.unwrap_or(Date::MAX), draw()?, details)?))
    }
}

/// A document with a number, judged; of type 9 the number may be drawn when a remark says who it is.
fn number(entry: &DocumentEntry, document: DocumentType, today: Date) -> Result<Checked, IntakeError> {
    let number = match given(entry.number.as_ref()) {
        Some(number) => number,
        None if document != DocumentType::Other => {
            return Err(DocumentError { document, problem: Problem::Empty }.into());
        }
        None if given(entry.remark.as_ref()).is_none() => {
            return Err(IntakeError::Needed("a remark that says who this is"));
        }
        None => hex(&draw::<8>()?),
    };
    let checked = check(document, &number, today)?;
    Ok(match &entry.state {
        Some(state) => checked.issued_by(state),
        None => checked,
    })
}

fn infant(entry: &DocumentEntry, parent: Option<Person>, born: Option<Date>) -> Result<Infant, IntakeError> {
    let guardian = entry.guardian.clone().unwrap_or_default();
    let relation = match guardian.relation.as_deref() {
        None | Some("guardian") => Relation::Guardian,
        Some("mother") => Relation::Mother,
        Some("father") => Relation::Father,
        Some(_) => return Err(IntakeError::Relation),
    };
    Ok(Infant {
        name: entry.name.clone().map(Sensitive::new),
        parent_name: Sensitive::new(guardian.name.unwrap_or_default()),
        parent: parent.ok_or(IntakeError::Needed("the parent"))?,
        relation,
        born: born.ok_or(IntakeError::Needed("the infant's date of birth"))?,
    })
}

/// The last four as a fact can hold them: one byte a character.
fn shown_last_four(checked: &Checked) -> String {
    last_four(checked.number().expose()).chars().map(|c| if c.is_ascii() { c } else { '*' }).collect()
}

/// A text with something in it.
fn given(text: Option<&String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty()).cloned()
}

fn parse_day(text: &str) -> Result<Date, IntakeError> {
    Date::parse(text.trim(), format_description!("[year]-[month]-[day]")).map_err(|_| IntakeError::Born)
}

#[cfg(test)]
mod tests;
