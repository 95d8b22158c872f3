//! Invented residents of every category. Their numbers pass the checks and belong to nobody.

use serde_json::{Value, json};

/// How a resident gets registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Category {
    /// Static code on the phone, shown as a screenshot.
    Static,
    /// A child's code, shown by a parent.
    Child,
    /// An old relative's code, shown by a son or a daughter.
    Elder,
    /// Paper code of somebody without a phone.
    Paper,
    /// Live code.
    Live,
    /// Foreigner with a passport and a code.
    Passport,
    /// From Hong Kong, Macau or Taiwan, with a code.
    Permit,
    /// No code: the card is typed.
    Card,
    /// No code, no card: the number is stated.
    Stated,
    /// Infant without a number: by hand.
    Infant,
}

impl Category {
    /// Out of 300 residents, how many of each.
    const SHARES: [(Self, u32); 10] = [
        (Self::Static, 160),
        (Self::Child, 18),
        (Self::Elder, 18),
        (Self::Paper, 24),
        (Self::Live, 18),
        (Self::Passport, 12),
        (Self::Permit, 10),
        (Self::Card, 24),
        (Self::Stated, 10),
        (Self::Infant, 6),
    ];

    /// The kind of code asked for; none for people without a code.
    pub(super) const fn code(self) -> Option<&'static str> {
        match self {
            Self::Static | Self::Passport | Self::Permit => Some("static"),
            Self::Child | Self::Elder => Some("relative"),
            Self::Paper => Some("paper"),
            Self::Live => Some("live"),
            Self::Card | Self::Stated | Self::Infant => None,
        }
    }
}

/// Somebody who does not exist.
#[derive(Debug, Clone)]
pub(super) struct Resident {
    /// What sort of resident.
    pub(super) category: Category,
    /// The document as the API takes it.
    pub(super) document: Value,
    /// The text of the code, once issued.
    pub(super) code: Option<String>,
}

/// Invents residents.
pub(super) fn invent(count: u32, seed: u64) -> Vec<Resident> {
    let mut categories = Vec::new();
    for (category, share) in Category::SHARES {
        let of_all = (share * count).div_ceil(300);
        categories.extend(std::iter::repeat_n(category, usize::try_from(of_all).unwrap_or(0)));
    }
    categories.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    let resident = |(number, category): (usize, Category)| {
        let number = number as u64 + seed * 1_000;
        Resident { category, document: document(category, number), code: None }
    };
    categories.into_iter().enumerate().map(resident).collect()
}

const SURNAMES: [&str; 12] = ["王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "欧阳", "司马"];
const GIVEN: [&str; 10] = ["小明", "芳", "伟", "秀英", "娜", "敏", "静", "强", "磊", "洋"];

fn pick<T: Copy>(list: &[T], number: u64) -> Option<T> {
    list.get(usize::try_from(number).ok()? % list.len()).copied()
}

fn name(number: u64) -> String {
    format!("{}{}", pick(&SURNAMES, number).unwrap_or("王"), pick(&GIVEN, number / 7).unwrap_or("芳"))
}

fn document(category: Category, number: u64) -> Value {
    let adult = card(number, 1970 + number % 25);
    match category {
        Category::Static | Category::Live | Category::Card => {
            json!({ "type": 1, "number": adult, "name": name(number) })
        }
        Category::Stated => json!({ "type": 1, "number": adult, "name": name(number), "stated": true }),
        Category::Child => {
            let parent = json!({ "type": 1, "number": card(number + 500, 1985), "relation": "mother" });
            json!({ "type": 1, "number": card(number, 2012), "name": name(number), "guardian": parent })
        }
        Category::Elder => {
            let child = json!({ "type": 1, "number": card(number + 500, 1985), "relation": "guardian" });
            json!({ "type": 1, "number": card(number, 1941), "name": name(number), "guardian": child })
        }
        Category::Paper => json!({ "type": 1, "number": card(number, 1938), "name": name(number) }),
        Category::Passport => {
            json!({ "type": 2, "number": format!("X{number:07}"), "state": "UTO", "name": "ANNA ERIKSSON" })
        }
        Category::Permit if number.is_multiple_of(2) => {
            json!({ "type": 3, "number": format!("H{:08}", number), "name": name(number) })
        }
        Category::Permit => json!({ "type": 4, "number": format!("{:08}", number), "name": name(number) }),
        Category::Infant => {
            let parent = json!({
                "type": 1, "number": card(number + 500, 1990), "name": name(number + 1), "relation": "mother",
            });
            json!({ "type": 8, "born": "2022-03-01", "guardian": parent })
        }
    }
}

/// A resident identity card number of the given year of birth, check digit included.
fn card(number: u64, year: u64) -> String {
    let body = format!("999999{year:04}{:02}{:02}{:03}", 1 + number % 12, 1 + number % 28, number % 1_000);
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let digits = body.chars().filter_map(|digit| digit.to_digit(10));
    let sum: u32 = digits.zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum();
    let check = "10X98765432".chars().nth(usize::try_from(sum % 11).unwrap_or(0)).unwrap_or('0');
    format!("{body}{check}")
}

#[cfg(test)]
mod tests {
    use swabmesh_protocol::document::{DocumentType, check};
    use time::macros::date;

    use super::*;

    #[test]
    fn invented_numbers_pass_the_checks_of_their_documents() {
        for resident in invent(300, 1) {
            let document = &resident.document;
            let Some(number) = document.get("number").and_then(Value::as_str) else { continue };
            let kind = u8::try_from(document["type"].as_u64().unwrap()).unwrap();
            let kind = DocumentType::try_from(kind).unwrap();
            assert!(check(kind, number, date!(2026 - 01 - 01)).is_ok(), "{:?} {number}", resident.category);
        }
    }

    #[test]
    fn every_category_is_there_and_nobody_twice() {
        let residents = invent(300, 1);
        assert_eq!(residents.len(), 300);
        for (category, _) in Category::SHARES {
            assert!(residents.iter().any(|resident| resident.category == category), "{category:?}");
        }
        let mut numbers: Vec<&str> = residents.iter().filter_map(|r| r.document["number"].as_str()).collect();
        let all = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), all);
    }
}
