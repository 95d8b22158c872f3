//! Identity documents: how a typed or read number is judged.
//!
//! A check digit proves there is no typing error, not who somebody is. A *hard* rule that fails is a
//! [`DocumentError`] which names the routes still open; a *soft* rule only leaves a [`Warning`] on the
//! [`Checked`] value, because its source is second-hand. Neither ever turns a person away.

pub mod age;
pub mod fold;
mod identity_card;
pub mod infant;
pub mod refusal;
mod shape;
pub mod zone;

use std::str::FromStr;

use serde::Serialize;
use time::Date;

use self::refusal::{DocumentError, Problem};
use crate::limits::DOCUMENT_CHARS_MAX;
use crate::sensitive::Sensitive;

/// What a person shows or states: resident card, passport, permit and so on.
///
/// The discriminant is the number in codes and facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum DocumentType {
    /// Resident identity card 居民身份证, or its 15-digit predecessor.
    IdentityCard = 1,
    /// Passport 护照, typed or read from its machine-readable zone.
    Passport = 2,
    /// Mainland travel permit for Hong Kong and Macau residents 回乡证.
    HongKongMacauPermit = 3,
    /// Taiwan compatriot permit 台胞证.
    TaiwanPermit = 4,
    /// Residence permit for Hong Kong, Macau and Taiwan residents 港澳台居住证.
    ResidencePermit = 5,
    /// Foreigner's permanent residence card 外国人永久居留身份证.
    ForeignerCard = 6,
    /// Birth certificate 出生医学证明.
    BirthCertificate = 7,
    /// Infant with nothing yet; see [`infant::Infant`].
    Infant = 8,
    /// Any other document, with a remark.
    Other = 9,
}

impl DocumentType {
    /// Every type, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::IdentityCard,
        Self::Passport,
        Self::HongKongMacauPermit,
        Self::TaiwanPermit,
        Self::ResidencePermit,
        Self::ForeignerCard,
        Self::BirthCertificate,
        Self::Infant,
        Self::Other,
    ];

    /// The number in codes, facts and pseudonyms, 1..=9.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The name in English and in Chinese, as printed beside the last four characters.
    #[must_use]
    pub const fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::IdentityCard => ("resident identity card", "居民身份证"),
            Self::Passport => ("passport", "护照"),
            Self::HongKongMacauPermit => ("Hong Kong/Macau travel permit", "港澳居民来往内地通行证"),
            Self::TaiwanPermit => ("Taiwan compatriot permit", "台湾居民来往大陆通行证"),
            Self::ResidencePermit => ("Hong Kong/Macau/Taiwan residence permit", "港澳台居民居住证"),
            Self::ForeignerCard => ("foreigner's permanent residence card", "外国人永久居留身份证"),
            Self::BirthCertificate => ("birth certificate", "出生医学证明"),
            Self::Infant => ("infant without a document", "无证件婴幼儿"),
            Self::Other => ("other document", "其他证件"),
        }
    }
}

/// A number that names no document type. Its writer is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a document type is a number from 1 to 9")]
pub struct UnknownDocumentType;

impl TryFrom<u8> for DocumentType {
    type Error = UnknownDocumentType;
    fn try_from(number: u8) -> Result<Self, UnknownDocumentType> {
        Self::ALL.into_iter().find(|kind| kind.number() == number).ok_or(UnknownDocumentType)
    }
}

impl FromStr for DocumentType {
    type Err = UnknownDocumentType;
    fn from_str(text: &str) -> Result<Self, UnknownDocumentType> {
        text.parse().map_err(|_| UnknownDocumentType).and_then(|number: u8| Self::try_from(number))
    }
}

/// Sex as the document states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Sex {
    /// Female 女.
    #[serde(rename = "F")]
    Female,
    /// Male 男.
    #[serde(rename = "M")]
    Male,
}

/// A document number that broke no hard rule, in the form that all later steps compare.
///
/// Only [`check`] and [`infant::Infant::register`] make one, so a pseudonym is never computed over a number that
/// was not folded first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    pub(crate) document: DocumentType,
    pub(crate) number: Sensitive<String>,
    pub(crate) born: Option<Date>,
    pub(crate) sex: Option<Sex>,
    pub(crate) state: Option<String>,
    pub(crate) holder: Option<Sensitive<String>>,
    pub(crate) warnings: Vec<Warning>,
}

impl Checked {
    pub(crate) const fn plain(document: DocumentType, number: String) -> Self {
        Self {
            document,
            number: Sensitive::new(number),
            born: None,
            sex: None,
            state: None,
            holder: None,
            warnings: Vec::new(),
        }
    }

    /// The type of document.
    #[must_use]
    pub const fn document(&self) -> DocumentType {
        self.document
    }

    /// The number in normal form: folded, a 15-digit card as its 18 characters.
    #[must_use]
    pub const fn number(&self) -> &Sensitive<String> {
        &self.number
    }

    /// The date of birth, where the document carries one.
    #[must_use]
    pub const fn born(&self) -> Option<Date> {
        self.born
    }

    /// The sex, where the document carries one.
    #[must_use]
    pub const fn sex(&self) -> Option<Sex> {
        self.sex
    }

    /// The issuing state of a passport: ISO 3166 alpha-3, or ICAO 9303's own codes such as `D` and `UTO`.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// The holder's name as the machine-readable zone spells it, surname first.
    #[must_use]
    pub const fn holder(&self) -> Option<&Sensitive<String>> {
        self.holder.as_ref()
    }

    /// What the operator should look at again before going on; empty when every rule held.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Adds the issuing state of a typed passport; a state that is not three letters leaves a warning.
    #[must_use]
    pub fn issued_by(mut self, state: &str) -> Self {
        let state = fold::fold_number(state);
        if !shape::matches(&state, "AAA") {
            self.warnings.push(Warning::State);
        }
        self.state = Some(state.chars().take(3).collect());
        self
    }
}

/// A soft rule that did not hold. The number is kept as it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Warning {
    /// The characters are not arranged as on documents of this type.
    #[error("unusual for this document: {expected} expected; compare with the document in the hand")]
    Shape {
        /// The usual arrangement, in words.
        expected: &'static str,
    },
    /// The issuing state is not three letters.
    #[error("the issuing state is three letters, such as CHN or USA")]
    State,
    /// The document carries a date of birth that is not a date, or lies ahead.
    #[error("the date of birth on the document is not a date in the past")]
    Born,
    /// A document with nothing known about it needs a remark that says what it is.
    #[error("say in the remark what document this is")]
    RemarkNeeded,
}

/// Judges a number, typed or read, against the rules of its document.
///
/// `text` is folded first (see [`fold`]); `today` is the day in Asia/Shanghai, see [`age::day_in_shanghai`].
///
/// # Errors
/// [`DocumentError`] when a hard rule fails; whoever entered the text is asked again.
pub fn check(document: DocumentType, text: &str, today: Date) -> Result<Checked, DocumentError> {
    judge(document, text, today).map_err(|problem| DocumentError { document, problem })
}

fn judge(document: DocumentType, text: &str, today: Date) -> Result<Checked, Problem> {
    if text.chars().nth(DOCUMENT_CHARS_MAX).is_some() {
        return Err(Problem::TooLong);
    }
    let number = fold::fold_number(text);
    if number.is_empty() {
        return Err(Problem::Empty);
    }
    match document {
        DocumentType::IdentityCard => identity_card::resident(number, today),
        DocumentType::ResidencePermit => identity_card::residence_permit(number, today),
        DocumentType::ForeignerCard => identity_card::foreigner(number, today),
        DocumentType::Passport if number.contains('<') => zone::read(&fold::fold_lines(text), today),
        DocumentType::Infant => Err(Problem::InfantHasNoNumber),
        DocumentType::Other => {
            Ok(Checked { warnings: vec![Warning::RemarkNeeded], ..Checked::plain(document, number) })
        }
        DocumentType::Passport
        | DocumentType::HongKongMacauPermit
        | DocumentType::TaiwanPermit
        | DocumentType::BirthCertificate => Ok(shape::judge(document, number)),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    const TODAY: Date = date!(2022 - 04 - 09);

    fn problem(document: DocumentType, text: &str) -> Problem {
        check(document, text, TODAY).unwrap_err().problem
    }

    #[test]
    fn a_failed_check_offers_three_routes_and_does_not_repeat_the_number() {
        let refused = check(DocumentType::IdentityCard, "110105194912310021", TODAY).unwrap_err();
        assert_eq!(refused.problem, Problem::CheckDigit);
        assert_eq!(refused.routes().len(), 3);
        assert!(!format!("{refused} {refused:?}").contains("110105"));
    }

    #[test]
    fn a_typed_passport_meets_the_same_passport_read_from_its_zone() {
        let zone = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<L898902C36UTO7408122F1204159ZE184226B<<<<<10";
        let read = check(DocumentType::Passport, zone, TODAY).unwrap();
        let typed = check(DocumentType::Passport, "l898902c3", TODAY).unwrap().issued_by("uto");
        assert_eq!(read.number(), typed.number());
        assert_eq!(read.state(), typed.state());
        assert_eq!(read.holder().unwrap().expose(), "ERIKSSON ANNA MARIA");
    }

    #[test]
    fn unusual_numbers_of_soft_documents_pass_with_a_warning() {
        for (document, text) in [
            (DocumentType::Passport, "TOOLONGNUMBER"),
            (DocumentType::HongKongMacauPermit, "A12345678"),
            (DocumentType::TaiwanPermit, "1234567"),
            (DocumentType::ForeignerCard, "ABC12345678901"),
            (DocumentType::BirthCertificate, "A12345678"),
            (DocumentType::Other, "士字第1234号"),
        ] {
            assert_eq!(check(document, text, TODAY).unwrap().warnings().len(), 1, "{document:?}");
        }
    }

    #[test]
    fn nothing_and_too_much_are_refused_for_every_type() {
        for document in DocumentType::ALL {
            assert_eq!(problem(document, " - \u{200b}"), Problem::Empty, "{document:?}");
            assert_eq!(problem(document, &"9".repeat(DOCUMENT_CHARS_MAX + 1)), Problem::TooLong);
        }
    }

    #[test]
    fn every_type_is_found_by_its_number_and_no_other_is() {
        for document in DocumentType::ALL {
            assert_eq!(DocumentType::try_from(document.number()), Ok(document));
        }
        assert!(DocumentType::try_from(0).is_err() && "10".parse::<DocumentType>().is_err());
    }
}
