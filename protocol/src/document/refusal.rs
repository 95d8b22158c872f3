//! What a hard rule says when it fails, and which routes stay open.

use std::fmt;

use serde::Serialize;

use super::DocumentType;
use super::zone::ZoneField;
use crate::limits::DOCUMENT_CHARS_MAX;

/// Where an operator can go when a hard rule fails. No list is ever empty (rule D9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Route {
    /// Enter the number again: typing errors are what the rules find.
    EnterAgain,
    /// Use another document of the same person.
    AnotherDocument,
    /// Register by hand, type 9, with a remark.
    ByHandWithRemark,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EnterAgain => "enter it again",
            Self::AnotherDocument => "use another document",
            Self::ByHandWithRemark => "register by hand with a remark",
        })
    }
}

/// A hard rule failed. Whoever entered the number is asked again; nothing was changed.
///
/// Never carries the number itself, so it may be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{problem}: enter it again, use another document or register by hand with a remark")]
pub struct DocumentError {
    /// The type of document the number was given for.
    pub document: DocumentType,
    /// Which rule failed.
    pub problem: Problem,
}

impl DocumentError {
    /// The routes still open, the most likely first.
    #[must_use]
    pub const fn routes(&self) -> &'static [Route] {
        &[Route::EnterAgain, Route::AnotherDocument, Route::ByHandWithRemark]
    }
}

/// The hard rule that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Nothing is left after folding.
    #[error("the number is empty")]
    Empty,
    /// More characters than any document has.
    #[error("the number is longer than {DOCUMENT_CHARS_MAX} characters")]
    TooLong,
    /// Another number of characters than the document has.
    #[error("{found} characters, where the document has {expected}")]
    Length {
        /// Characters on the document, in words.
        expected: &'static str,
        /// Characters given, after folding.
        found: usize,
    },
    /// A character that cannot stand there.
    #[error("character {position} is not a digit")]
    NotADigit {
        /// Counted from 1, after folding.
        position: usize,
    },
    /// The first digits belong to another type of document.
    #[error("documents of this type begin with {expected}")]
    Beginning {
        /// The beginnings there are, in words.
        expected: &'static str,
    },
    /// Digits 7 to 14 are no date.
    #[error("the date of birth in the number does not exist")]
    DateNotReal,
    /// Digits 7 to 14 are a date after today.
    #[error("the date of birth in the number lies in the future")]
    DateInFuture,
    /// The last character does not follow from the others.
    #[error("the check digit does not fit the other digits")]
    CheckDigit,
    /// Neither two lines of 44 nor three of 30 characters.
    #[error("a machine-readable zone has 2 lines of 44 or 3 lines of 30 characters")]
    ZoneShape,
    /// A check digit of the zone does not follow from its field.
    #[error("the check digit of the zone's {0} does not fit")]
    ZoneCheckDigit(ZoneField),
    /// An infant has no number to be found by.
    #[error("an infant is registered with a name, a date of birth and a parent, not with a number")]
    InfantHasNoNumber,
}
