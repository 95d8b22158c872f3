//! Invented residents, for trials and measurements: every type of document, the same for the same seed, belonging to nobody.
//!
//! Identity numbers begin with 999999, which is no place, and are made at run time only.

use swabmesh_node::api::{DocumentEntry, GuardianEntry};

const SURNAMES: [&str; 14] = ["王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "欧阳", "司马"];
const GIVEN: [&str; 16] =
    ["小明", "芳", "伟", "秀英", "娜", "敏", "静", "强", "磊", "洋", "建国", "桂英", "勇", "艳", "杰", "婷"];

/// Residents that differ by their place in the day and year of birth; above, numbers of one seed meet again.
pub const RESIDENTS_MAX: u64 = 25_000_000;

/// One invented resident; `number` below [`RESIDENTS_MAX`].
#[must_use]
pub fn resident(seed: u64, number: u64) -> DocumentEntry {
    let text = |text: String| Some(text);
    let person = |document: u8, of: String| DocumentEntry {
        document,
        number: Some(of),
        name: Some(name(seed, number)),
        ..DocumentEntry::default()
    };
    let short = scatter(seed, number);
    let of = (seed % 10) * RESIDENTS_MAX + number;
    // Out of 100: 93 cards, the others in the order of the documents.
    match number % 100 {
        93 => DocumentEntry {
            state: text("UTO".to_owned()),
            born: text("1988-02-03".to_owned()),
            name: text("ANNA ERIKSSON".to_owned()),
            ..person(2, format!("X{of:08}"))
        },
        94 => person(3, format!("H{of:08}")),
        95 => person(4, format!("{of:08}")),
        96 => person(5, permit(of)),
        97 => person(6, foreigner(of)),
        98 if number % 200 == 98 => person(7, format!("U{of:09}")),
        98 => DocumentEntry { remark: text(format!("certificate {short}")), ..person(9, format!("军字第{of}号")) },
        99 => DocumentEntry {
            document: 8,
            born: text("2022-03-01".to_owned()),
            guardian: Some(GuardianEntry {
                document: Some(1),
                number: Some(card(of - 99)),
                name: text(name(seed, number - 99)),
                relation: text("mother".to_owned()),
                ..GuardianEntry::default()
            }),
            ..DocumentEntry::default()
        },
        _ => DocumentEntry { phone: text(format!("138{:08}", short % 100_000_000)), ..person(1, card(of)) },
    }
}

fn name(seed: u64, number: u64) -> String {
    let at = scatter(seed, number.wrapping_add(1 << 60));
    let pick = |list: &[&'static str], at: u64| {
        usize::try_from(at).ok().and_then(|at| list.get(at % list.len())).copied().unwrap_or("王")
    };
    format!("{}{}", pick(&SURNAMES, at % 1_009), pick(&GIVEN, at / 1_009 % 1_013))
}

/// An identity card: 100 years of days, a thousand numbers a day, so 36 million in all.
fn card(of: u64) -> String {
    with_check_digit(&format!("999999{}", born_and_order(of)))
}

/// A residence permit of Hong Kong, Macau and Taiwan begins with 81, 82 or 83 and has the form of a card.
fn permit(of: u64) -> String {
    with_check_digit(&format!("8{}0000{}", 1 + of % 3, born_and_order(of)))
}

/// A foreigner's permanent residence card in the form of 2023 begins with 9.
fn foreigner(of: u64) -> String {
    with_check_digit(&format!("911999{}", born_and_order(of)))
}

fn born_and_order(of: u64) -> String {
    // Neighbours in number are born decades apart: every age comes up among the first hundred.
    let day = (of * 7_919) % 30_000;
    let (year, day) = (1_935 + day / 336, day % 336);
    format!("{year:04}{:02}{:02}{:03}", 1 + day / 28, 1 + day % 28, of / 30_000 % 1_000)
}

/// GB 11643: weights and check characters.
fn with_check_digit(body: &str) -> String {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let digits = body.chars().filter_map(|digit| digit.to_digit(10));
    let sum: u32 = digits.zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum();
    let check = "10X98765432".chars().nth(usize::try_from(sum % 11).unwrap_or(0)).unwrap_or('0');
    format!("{body}{check}")
}

/// Spreads numbers over 64 bits (splitmix64, Steele et al. 2014).
fn scatter(seed: u64, number: u64) -> u64 {
    let mut z = number.wrapping_add(seed << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use swabmesh_node::intake::Intake;
    use swabmesh_protocol::person::PersonKey;
    use swabmesh_protocol::time::Wall;

    use super::*;

    #[test]
    fn every_type_of_document_is_there_and_holds_and_nobody_is_twice() {
        let persons = PersonKey::new([9; 32]);
        let intake = Intake { persons: &persons, seal_to: None, now: Wall::from_seconds(1_800_000_000) };
        let (mut types, mut people) = (BTreeSet::new(), BTreeSet::new());
        for number in 0..2_000 {
            let entry = resident(7, number);
            types.insert(entry.document);
            let found = intake.identify(&entry).unwrap_or_else(|error| panic!("{number} {}: {error}", entry.document));
            assert!(people.insert(found.person), "{number}");
        }
        assert_eq!(types.len(), 9);
    }

    #[test]
    fn one_seed_invents_the_same_people_and_another_invents_others() {
        assert_eq!(resident(1, 5).number, resident(1, 5).number);
        assert_ne!(resident(1, 5).number, resident(2, 5).number);
    }
}
