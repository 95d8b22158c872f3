//! Machine-readable zones of passports: ICAO Doc 9303 parts 4 (TD3) and 5 (TD1).

use std::fmt;
use std::ops::Range;

use time::Date;

use super::identity_card::real_date;
use super::refusal::Problem;
use super::{Checked, DocumentType, Sex, Warning};
use crate::sensitive::Sensitive;

/// A field of the zone that has a check digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZoneField {
    /// The document number.
    Number,
    /// The date of birth.
    Born,
    /// The date of expiry.
    Expiry,
    /// The personal number of a passport.
    PersonalNumber,
    /// All of the above together.
    Composite,
}

impl fmt::Display for ZoneField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "document number",
            Self::Born => "date of birth",
            Self::Expiry => "date of expiry",
            Self::PersonalNumber => "personal number",
            Self::Composite => "last line",
        })
    }
}

/// Where things stand in the joined lines of one form of zone.
struct Layout {
    chars: usize,
    line_chars: usize,
    state: Range<usize>,
    names: Range<usize>,
    number: Range<usize>,
    born: Range<usize>,
    sex: usize,
    expiry: Range<usize>,
    /// Only in TD3; its check digit may be a filler when the field is empty.
    personal_number: Option<Range<usize>>,
    composite: &'static [Range<usize>],
    composite_check: usize,
}

/// Two lines of 44. The line of names has no check digit.
const TD3: Layout = Layout {
    chars: 88,
    line_chars: 44,
    state: 2..5,
    names: 5..44,
    number: 44..53,
    born: 57..63,
    sex: 64,
    expiry: 65..71,
    personal_number: Some(72..86),
    composite: &[44..54, 57..64, 65..87],
    composite_check: 87,
};

/// Three lines of 30.
const TD1: Layout = Layout {
    chars: 90,
    line_chars: 30,
    state: 2..5,
    names: 60..90,
    number: 5..14,
    born: 30..36,
    sex: 37,
    expiry: 38..44,
    personal_number: None,
    composite: &[5..30, 30..37, 38..45, 48..59],
    composite_check: 59,
};

/// Weights of the check digits, repeated along the field.
const WEIGHTS: [u32; 3] = [7, 3, 1];

/// Reads a zone whose lines may have been joined by the reader.
pub(super) fn read(lines: &[String], today: Date) -> Result<Checked, Problem> {
    let zone: Vec<u8> = lines.concat().into_bytes();
    let layout = [TD3, TD1].into_iter().find(|layout| layout.chars == zone.len()).ok_or(Problem::ZoneShape)?;
    let whole_lines = lines.len() == 1 || lines.iter().all(|line| line.len() == layout.line_chars);
    if !whole_lines || !zone.iter().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || *c == b'<') {
        return Err(Problem::ZoneShape);
    }
    layout.verify(&zone)?;
    Ok(layout.extract(&zone, today))
}

impl Layout {
    fn verify(&self, zone: &[u8]) -> Result<(), Problem> {
        let fields =
            [(ZoneField::Number, &self.number), (ZoneField::Born, &self.born), (ZoneField::Expiry, &self.expiry)];
        for (field, range) in fields {
            if at(zone, range.end) != check_digit(slice(zone, range)) {
                return Err(Problem::ZoneCheckDigit(field));
            }
        }
        if let Some(range) = &self.personal_number {
            let found = at(zone, range.end);
            let empty = found == b'<' && slice(zone, range).iter().all(|c| *c == b'<');
            if !empty && found != check_digit(slice(zone, range)) {
                return Err(Problem::ZoneCheckDigit(ZoneField::PersonalNumber));
            }
        }
        let composite: Vec<u8> = self.composite.iter().flat_map(|range| slice(zone, range)).copied().collect();
        if at(zone, self.composite_check) != check_digit(&composite) {
            return Err(Problem::ZoneCheckDigit(ZoneField::Composite));
        }
        Ok(())
    }

    fn extract(&self, zone: &[u8], today: Date) -> Checked {
        let mut checked = Checked::plain(DocumentType::Passport, words(slice(zone, &self.number)).concat());
        checked.state = Some(words(slice(zone, &self.state)).concat());
        checked.holder = Some(Sensitive::new(words(slice(zone, &self.names)).join(" ")));
        checked.sex = match at(zone, self.sex) {
            b'F' => Some(Sex::Female),
            b'M' => Some(Sex::Male),
            _ => None,
        };
        let born = slice(zone, &self.born);
        checked.born = birth(born, today);
        // Unknown parts of a date are fillers and no reason to look twice.
        if checked.born.is_none() && !born.contains(&b'<') {
            checked.warnings.push(Warning::Born);
        }
        checked
    }
}

/// A date of two-digit year: of this century unless that lies ahead.
fn birth(field: &[u8], today: Date) -> Option<Date> {
    let text = std::str::from_utf8(field).ok()?;
    let part = |range| text.get(range).and_then(|digits: &str| digits.parse::<u32>().ok());
    let (year, month, day) = (part(0..2)?, part(2..4)?, part(4..6)?);
    let this_century = real_date(2_000 + year, month, day).filter(|born| *born <= today);
    this_century.or_else(|| real_date(1_900 + year, month, day))
}

/// The check digit of a field: digits count as themselves, A to Z as 10 to 35, fillers as nothing.
fn check_digit(field: &[u8]) -> u8 {
    let value = |c: u8| char::from(c).to_digit(36).unwrap_or(0);
    let sum: u32 = field.iter().zip(WEIGHTS.iter().cycle()).map(|(c, weight)| value(*c) * weight).sum();
    b'0' + u8::try_from(sum % 10).unwrap_or(0)
}

/// The parts of a field between fillers.
fn words(field: &[u8]) -> Vec<String> {
    let parts = field.split(|c| *c == b'<').filter(|part| !part.is_empty());
    parts.map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}

fn slice<'a>(zone: &'a [u8], range: &Range<usize>) -> &'a [u8] {
    zone.get(range.clone()).unwrap_or(&[])
}

fn at(zone: &[u8], index: usize) -> u8 {
    zone.get(index).copied().unwrap_or(b'<')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::date;

    use super::*;

    const TODAY: Date = date!(2022 - 04 - 09);
    const TD3_LINES: [&str; 2] =
        ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"];
    const TD1_LINES: [&str; 3] =
        ["I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"];

    fn owned(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn both_forms_give_number_state_birth_sex_and_name() {
        for (lines, number) in [(owned(&TD3_LINES), "L898902C3"), (owned(&TD1_LINES), "D23145890")] {
            let checked = read(&lines, TODAY).unwrap();
            assert_eq!(checked.number.expose(), number);
            assert_eq!(checked.state(), Some("UTO"));
            assert_eq!(checked.born, Some(date!(1974 - 08 - 12)));
            assert_eq!(checked.sex, Some(Sex::Female));
            assert_eq!(checked.holder.unwrap().expose(), "ERIKSSON ANNA MARIA");
            assert_eq!(read(&[lines.concat()], TODAY).unwrap().number, checked.number);
        }
    }

    #[test]
    fn an_empty_personal_number_may_have_a_filler_as_check_digit() {
        let mut line = *b"L898902C36UTO7408122F1204159<<<<<<<<<<<<<<<_";
        let composite: Vec<u8> = [&line[..10], &line[13..20], &line[21..43]].concat();
        line[43] = check_digit(&composite);
        let line = String::from_utf8(line.to_vec()).unwrap();
        assert!(read(&owned(&[TD3_LINES[0], &line]), TODAY).is_ok());
    }

    #[test]
    fn lines_broken_elsewhere_are_not_a_zone() {
        let joined = TD3_LINES.concat();
        let (first, second) = joined.split_at(40);
        assert_eq!(read(&owned(&[first, second]), TODAY), Err(Problem::ZoneShape));
    }

    #[test]
    fn a_two_digit_year_is_never_in_the_future() {
        assert_eq!(birth(b"220409", TODAY), Some(TODAY));
        assert_eq!(birth(b"220410", TODAY), Some(date!(1922 - 04 - 10)));
        assert_eq!(birth(b"74<<<<", TODAY), None);
    }

    proptest! {
        #[test]
        fn one_changed_digit_of_a_checked_field_never_passes(index in 0_usize..9, shift in 1_u8..10) {
            let mut line = TD3_LINES[1].as_bytes().to_vec();
            prop_assume!(line[index].is_ascii_digit());
            line[index] = b'0' + (line[index] - b'0' + shift) % 10;
            let line = String::from_utf8(line).unwrap();
            prop_assert!(read(&owned(&[TD3_LINES[0], &line]), TODAY).is_err());
        }

        #[test]
        fn any_text_is_judged_without_a_panic(lines in proptest::collection::vec("[A-Z0-9<é]{0,90}", 0..4)) {
            let _ = read(&lines, TODAY);
        }
    }
}
