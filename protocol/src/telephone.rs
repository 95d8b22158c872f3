//! Telephone numbers as stated at a desk, and where one was stated before.

use crate::document::fold::fold_number;
use crate::id::EntryId;
use crate::sensitive::Sensitive;

/// Digits of a telephone in the mainland, mobile numbers.
const MAINLAND_DIGITS: usize = 11;

/// Characters of a number with a country code, extension included.
const FOREIGN_CHARS_MAX: usize = 32;

/// Before the registration that a telephone is to be looked up in. No number begins so.
const AS_IN: &str = "as in ";

/// The telephone among somebody's details.
///
/// Whoever typed a number cannot read it again (P2): a later registration says where it was typed, and the authority,
/// which reads both, follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Telephone {
    /// The number, see [`check`].
    Number(Sensitive<String>),
    /// As typed at an earlier registration of the same person.
    AsIn(EntryId),
}

impl Telephone {
    /// The text among details: the number, or `as in FEED:NUMBER`.
    #[must_use]
    pub fn to_text(&self) -> Sensitive<String> {
        match self {
            Self::Number(number) => number.clone(),
            Self::AsIn(registration) => Sensitive::new(format!("{AS_IN}{registration}")),
        }
    }

    /// Reads the text among details; `None` when it names no registration where it should.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        match text.strip_prefix(AS_IN) {
            Some(registration) => registration.parse().ok().map(Self::AsIn),
            None => Some(Self::Number(Sensitive::new(text.to_owned()))),
        }
    }

    /// The number, if it is here.
    #[must_use]
    pub const fn number(&self) -> Option<&Sensitive<String>> {
        match self {
            Self::Number(number) => Some(number),
            Self::AsIn(_) => None,
        }
    }
}

/// Why a telephone number was not taken. Whoever entered it is asked again; a registration goes on without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("enter 11 digits, or + and the country code; a registration needs no telephone")]
pub struct TelephoneError;

/// Checks a telephone number: 11 digits from the mainland, or free text that begins with a country code.
///
/// Spaces and hyphens go; `+86` and `0086` before a mainland number go too, so that one telephone has one form.
///
/// # Errors
/// [`TelephoneError`] when it is neither.
pub fn check(text: &str) -> Result<Sensitive<String>, TelephoneError> {
    let folded = fold_number(text);
    let national = folded.strip_prefix("+86").or_else(|| folded.strip_prefix("0086")).unwrap_or(&folded);
    let mainland = national.len() == MAINLAND_DIGITS && national.bytes().all(|c| c.is_ascii_digit());
    if mainland && national.starts_with('1') {
        return Ok(Sensitive::new(national.to_owned()));
    }
    let country_code = folded.strip_prefix('+').and_then(|rest| rest.chars().next());
    let foreign = country_code.is_some_and(|first| matches!(first, '1'..='9'));
    if foreign && (5..=FOREIGN_CHARS_MAX).contains(&folded.chars().count()) {
        return Ok(Sensitive::new(folded));
    }
    Err(TelephoneError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mainland_telephone_has_one_form() {
        for text in ["13800000000", "138 0000-0000", "+86 138 0000 0000", "0086１３８００００００００"] {
            assert_eq!(check(text).unwrap().expose(), "13800000000", "{text}");
        }
    }

    #[test]
    fn a_telephone_is_a_number_or_names_the_registration_it_was_typed_at() {
        let earlier: EntryId = "00112233445566778899aabbccddeeff:7".parse().unwrap();
        for telephone in [Telephone::Number(check("13800000000").unwrap()), Telephone::AsIn(earlier)] {
            assert_eq!(Telephone::from_text(telephone.to_text().expose()), Some(telephone));
        }
        assert!(
            check(Telephone::AsIn(earlier).to_text().expose()).is_err(),
            "nobody's number can pass for a reference"
        );
        for hostile in ["as in ", "as in 7", "as in 00112233445566778899aabbccddeeff:-1", "as in yesterday's"] {
            assert_eq!(Telephone::from_text(hostile), None, "{hostile}");
        }
    }

    #[test]
    fn foreign_telephones_need_a_country_code() {
        assert_eq!(check("+44 20 7946 0000 ext 3").unwrap().expose(), "+442079460000EXT3");
        for text in ["", "2079460000", "+0 20 7946", "+1", "1380000000", "138000000000"] {
            assert_eq!(check(text), Err(TelephoneError), "{text}");
        }
    }
}
