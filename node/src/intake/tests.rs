use swabmesh_protocol::seal::SealSecret;
use time::macros::date;

use super::*;

/// The example number of GB 11643-1999.
const NUMBER: &str = "11010519491231002X";
const DAY: Date = date!(2022 - 04 - 09);

fn intake(persons: &PersonKey, seal_to: Option<(u32, SealPublic)>) -> Intake<'_> {
    Intake { persons, seal_to, now: Wall::from_seconds(1_649_433_600) }
}

fn present(intake: &Intake<'_>, entry: &DocumentEntry, as_in: Option<EntryId>) -> Result<Prepared, IntakeError> {
    intake.present(entry, intake.identify(entry)?, as_in)
}

fn card() -> DocumentEntry {
    let text = |text: &str| Some(text.to_owned());
    DocumentEntry { document: 1, number: text(NUMBER), name: text("张小三"), ..DocumentEntry::default() }
}

fn parent() -> GuardianEntry {
    GuardianEntry {
        document: Some(1),
        number: Some(NUMBER.to_owned()),
        name: Some("李四".to_owned()),
        relation: Some("mother".to_owned()),
        ..GuardianEntry::default()
    }
}

#[test]
fn a_card_becomes_a_pseudonym_a_mask_and_details_that_only_the_authority_opens() {
    let persons = PersonKey::new([9; 32]);
    let (secret, public) = SealSecret::derive(&[1; 32]);
    let days = u32::try_from(DAY.to_julian_day() - UNIX_EPOCH_JULIAN_DAY).unwrap();
    let entry = DocumentEntry { phone: Some("138 0000 0000".to_owned()), ..card() };
    let Prepared { presented, warnings, holds_number } =
        present(&intake(&persons, Some((days, public))), &entry, None).unwrap();
    assert!(holds_number);
    let shown = format!("{presented:?}{entry:?}");
    assert!(!shown.contains("19491231") && !shown.contains("小"), "{shown}");
    assert!(warnings.is_empty());
    let Presented::Document { route, last_four, name, details, document, .. } = presented else { panic!() };
    assert_eq!((route, document, last_four.as_str(), name.as_str()), (Route::Document, 1, "002X", "张*三"));
    let opened = details::open(&secret, DAY, &details.unwrap()).unwrap();
    assert_eq!(opened.number.expose(), NUMBER);
    assert_eq!(opened.telephone.unwrap().number().unwrap().expose(), "13800000000");
}

#[test]
fn a_telephone_of_an_earlier_visit_is_sealed_as_where_it_was_given_unless_one_is_typed() {
    let persons = PersonKey::new([9; 32]);
    let (secret, public) = SealSecret::derive(&[1; 32]);
    let days = u32::try_from(DAY.to_julian_day() - UNIX_EPOCH_JULIAN_DAY).unwrap();
    let earlier: EntryId = "00112233445566778899aabbccddeeff:7".parse().unwrap();
    let intake = intake(&persons, Some((days, public)));
    let sealed = |entry: &DocumentEntry| {
        let Prepared { presented: Presented::Document { details, .. }, holds_number, .. } =
            present(&intake, entry, Some(earlier)).unwrap()
        else {
            panic!()
        };
        (details::open(&secret, DAY, &details.unwrap()).unwrap().telephone.unwrap(), holds_number)
    };
    assert_eq!(sealed(&card()), (Telephone::AsIn(earlier), false), "what holds no number is nothing to refer to");
    let typed = DocumentEntry { phone: Some("13900000000".to_owned()), ..card() };
    assert_eq!(sealed(&typed).0.number().unwrap().expose(), "13900000000");
    let prepared = present(&Intake { seal_to: None, ..intake }, &typed, None).unwrap();
    assert!(!prepared.holds_number, "nothing was sealed, so nothing was kept");
}

#[test]
fn a_number_that_was_stated_meets_the_card_it_was_stated_from() {
    let persons = PersonKey::new([9; 32]);
    let intake = intake(&persons, None);
    let stated = DocumentEntry { stated: true, number: Some("11010519491231 002x".to_owned()), ..card() };
    let Prepared { presented: Presented::Document { person, route, details, .. }, warnings, .. } =
        present(&intake, &stated, None).unwrap()
    else {
        panic!()
    };
    assert_eq!((route, details), (Route::Stated, None));
    assert_eq!(person, intake.identify(&card()).unwrap().person);
    assert_eq!(warnings.len(), 1, "without a key of the day nothing is kept, and that is said");
}

#[test]
fn a_failed_hard_rule_keeps_routes_open_and_never_repeats_the_number() {
    let persons = PersonKey::new([9; 32]);
    let wrong = DocumentEntry { number: Some("110105194912310021".to_owned()), ..card() };
    let error = present(&intake(&persons, None), &wrong, None).unwrap_err();
    assert!(matches!(error, IntakeError::Document(DocumentError { problem: Problem::CheckDigit, .. })));
    assert_eq!(error.routes().len(), 3);
    assert!(!format!("{error} {error:?}").contains("1949"));
}

#[test]
fn an_infant_is_its_parents_child_and_never_another_infant() {
    let persons = PersonKey::new([9; 32]);
    let intake = intake(&persons, None);
    let infant = DocumentEntry {
        document: 8,
        born: Some("2022-04-01".to_owned()),
        guardian: Some(parent()),
        ..DocumentEntry::default()
    };
    let (first, second) = (intake.identify(&infant).unwrap(), intake.identify(&infant).unwrap());
    assert_ne!(first.person, second.person);
    assert_eq!(first.guardian, Some(intake.identify(&card()).unwrap().person));
    assert_eq!(first.age, Some(AgeCategory::Minor));
    let without = DocumentEntry { guardian: None, ..infant.clone() };
    assert!(matches!(intake.identify(&without), Err(IntakeError::Needed("the parent"))));
    let strange = GuardianEntry { relation: Some("aunt".to_owned()), ..parent() };
    let strange = DocumentEntry { guardian: Some(strange), ..infant };
    assert!(matches!(intake.identify(&strange), Err(IntakeError::Relation)));
}

#[test]
fn somebody_with_nothing_to_show_needs_a_name_and_a_remark() {
    let persons = PersonKey::new([9; 32]);
    let intake = intake(&persons, None);
    let nothing = DocumentEntry { document: 9, name: Some("王五".to_owned()), ..DocumentEntry::default() };
    assert!(matches!(intake.identify(&nothing), Err(IntakeError::Needed(_))));
    let noted = DocumentEntry { remark: Some("lost everything in the fire".to_owned()), ..nothing.clone() };
    assert!(intake.identify(&noted).unwrap().warnings.is_empty());
    let presented = present(&intake, &noted, None).unwrap().presented;
    let Presented::Document { route, .. } = presented else { panic!() };
    assert_eq!(route, Route::ByHand);
    let foreign = DocumentEntry { number: Some("士字第1234号".to_owned()), ..nothing };
    let identified = intake.identify(&foreign).unwrap();
    assert_eq!((identified.last_four.as_str(), identified.warnings.len()), ("234*", 1));
}

#[test]
fn missing_names_bad_dates_bad_telephones_and_unknown_types_are_asked_for_again() {
    let persons = PersonKey::new([9; 32]);
    let intake = intake(&persons, None);
    let error = |entry: DocumentEntry| present(&intake, &entry, None).unwrap_err();
    assert!(matches!(error(DocumentEntry { name: None, ..card() }), IntakeError::Needed("the name")));
    assert!(matches!(error(DocumentEntry { born: Some("9 April".to_owned()), ..card() }), IntakeError::Born));
    assert!(matches!(error(DocumentEntry { phone: Some("12".to_owned()), ..card() }), IntakeError::Telephone(_)));
    assert!(matches!(error(DocumentEntry { document: 0, ..card() }), IntakeError::Type(_)));
}
