//! Numbers of 18 characters: GB 11643-1999, whose check character is ISO 7064 MOD 11-2.

use time::{Date, Month};

use super::refusal::Problem;
use super::{Checked, DocumentType, Sex, Warning, shape};

/// Characters of a full number.
const CHARS: usize = 18;

/// Characters of a card issued before 1999: the century and the check character were not written.
const CHARS_BEFORE_1999: usize = 15;

/// Weight of each of the first 17 digits.
const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

/// Check character by weighted sum modulo 11.
const CHECK: [u8; 11] = *b"10X98765432";

/// Beginnings of the permit for residents of Hong Kong, Macau and Taiwan, in this order.
const PERMIT_BEGINNINGS: [&str; 3] = ["810000", "820000", "830000"];

/// Judges a resident identity card of 18 characters, or of 15 and then completes it.
pub(super) fn resident(number: String, today: Date) -> Result<Checked, Problem> {
    let number = if number.chars().count() == CHARS_BEFORE_1999 { complete(&number)? } else { number };
    with_birth(DocumentType::IdentityCard, number, "18 (or 15 on old cards)", today)
}

/// Judges a residence permit: as a resident card, with one of three beginnings.
pub(super) fn residence_permit(number: String, today: Date) -> Result<Checked, Problem> {
    let checked = with_birth(DocumentType::ResidencePermit, number, "18", today)?;
    if PERMIT_BEGINNINGS.iter().any(|beginning| checked.number.expose().starts_with(beginning)) {
        Ok(checked)
    } else {
        Err(Problem::Beginning { expected: "810000, 820000 or 830000" })
    }
}

/// Judges a foreigner's card: strictly in the form since December 2023, by its shape in the older one.
pub(super) fn foreigner(number: String, today: Date) -> Result<Checked, Problem> {
    let document = DocumentType::ForeignerCard;
    if number.chars().count() != CHARS {
        return Ok(shape::judge(document, number));
    }
    let digits = digits(&number, "18")?;
    if !number.starts_with('9') {
        return Err(Problem::Beginning { expected: "9" });
    }
    check_character(&number, &digits)?;
    let mut checked = Checked::plain(document, number);
    // That digits 7 to 14 are a date here too is known second-hand, so a wrong one only warns.
    match birth(&digits, today) {
        Ok(born) => checked.born = Some(born),
        Err(_) => checked.warnings.push(Warning::Born),
    }
    checked.sex = Some(sex(&digits));
    Ok(checked)
}

fn with_birth(document: DocumentType, number: String, length: &'static str, today: Date) -> Result<Checked, Problem> {
    let digits = digits(&number, length)?;
    check_character(&number, &digits)?;
    let born = birth(&digits, today)?;
    Ok(Checked { born: Some(born), sex: Some(sex(&digits)), ..Checked::plain(document, number) })
}

/// Inserts the century after the sixth digit and appends the check character.
fn complete(number: &str) -> Result<String, Problem> {
    if let Some(position) = number.chars().position(|c| !c.is_ascii_digit()) {
        return Err(Problem::NotADigit { position: position + 1 });
    }
    let (region, rest) = number.split_at(6);
    let mut full = format!("{region}19{rest}");
    let digits: Vec<u32> = full.chars().filter_map(|c| c.to_digit(10)).collect();
    full.push(check_of(&digits));
    Ok(full)
}

/// The first 17 digits of a number of 18 characters.
fn digits(number: &str, expected: &'static str) -> Result<Vec<u32>, Problem> {
    let found = number.chars().count();
    if found != CHARS {
        return Err(Problem::Length { expected, found });
    }
    number
        .chars()
        .take(CHARS - 1)
        .enumerate()
        .map(|(index, c)| c.to_digit(10).ok_or(Problem::NotADigit { position: index + 1 }))
        .collect()
}

fn check_character(number: &str, digits: &[u32]) -> Result<(), Problem> {
    if number.ends_with(check_of(digits)) { Ok(()) } else { Err(Problem::CheckDigit) }
}

fn check_of(digits: &[u32]) -> char {
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum();
    let [check, ..] = rotated(sum % 11);
    char::from(check)
}

/// The check characters, the one for `remainder` first: an index that cannot be out of range.
fn rotated(remainder: u32) -> [u8; 11] {
    let mut check = CHECK;
    check.rotate_left(usize::try_from(remainder).unwrap_or(0) % CHECK.len());
    check
}

/// Digits 7 to 14, as a real date that is not ahead of today.
fn birth(digits: &[u32], today: Date) -> Result<Date, Problem> {
    let value = |from: usize, count: usize| digits.iter().skip(from).take(count).fold(0, |sum, digit| sum * 10 + digit);
    let date = real_date(value(6, 4), value(10, 2), value(12, 2)).ok_or(Problem::DateNotReal)?;
    if date > today { Err(Problem::DateInFuture) } else { Ok(date) }
}

/// The date of year, month and day, if the calendar has it.
pub(super) fn real_date(year: u32, month: u32, day: u32) -> Option<Date> {
    let year = i32::try_from(year).ok()?;
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    Date::from_calendar_date(year, month, u8::try_from(day).ok()?).ok()
}

/// The 17th digit: odd for men.
fn sex(digits: &[u32]) -> Sex {
    if digits.last().is_some_and(|digit| digit % 2 == 1) { Sex::Male } else { Sex::Female }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::date;

    use super::*;

    const TODAY: Date = date!(2022 - 04 - 09);

    #[test]
    fn each_hard_rule_names_itself() {
        let problem = |text: &str| resident(text.to_owned(), TODAY).unwrap_err();
        assert_eq!(problem("310101199002300011"), Problem::DateNotReal);
        assert_eq!(problem("X1010119900101001X"), Problem::NotADigit { position: 1 });
        assert_eq!(problem("11010549123100X"), Problem::NotADigit { position: 15 });
        assert_eq!(problem("31010119900101001"), Problem::Length { expected: "18 (or 15 on old cards)", found: 17 });
        let tomorrow = complete_for(20_220_410);
        assert_eq!(problem(&tomorrow), Problem::DateInFuture);
    }

    #[test]
    fn fifteen_characters_outside_ascii_are_refused_and_do_not_split_a_character() {
        let text = "一".repeat(CHARS_BEFORE_1999);
        assert_eq!(resident(text, TODAY), Err(Problem::NotADigit { position: 1 }));
    }

    #[test]
    fn a_residence_permit_has_no_fifteen_digit_predecessor() {
        assert!(matches!(residence_permit("810000920805001".into(), TODAY), Err(Problem::Length { .. })));
    }

    fn complete_for(birth: u32) -> String {
        let stem = format!("310101{birth:08}001");
        let digits: Vec<u32> = stem.chars().map(|c| c.to_digit(10).unwrap()).collect();
        format!("{stem}{}", check_of(&digits))
    }

    proptest! {
        #[test]
        fn one_changed_digit_never_passes(position in 0_usize..17, shift in 1_u8..10) {
            let mut changed = b"11010519491231002X".to_vec();
            changed[position] = b'0' + (changed[position] - b'0' + shift) % 10;
            prop_assert!(resident(String::from_utf8(changed).unwrap(), TODAY).is_err());
        }

        #[test]
        fn two_swapped_neighbours_never_pass(position in 0_usize..16) {
            let mut swapped = b"11010519491231002X".to_vec();
            swapped.swap(position, position + 1);
            prop_assume!(swapped != b"11010519491231002X");
            prop_assert!(resident(String::from_utf8(swapped).unwrap(), TODAY).is_err());
        }
    }
}
