use super::*;

fn registration() -> Fact {
    Registered {
        tube: "T-0001".parse().unwrap(),
        person: Person([7; 16]),
        route: Route::Static,
        document: 1,
        last_four: Text::new("002X").unwrap(),
        name: Text::new("张*三").unwrap(),
        operator: Text::new("op1").unwrap(),
        warnings: 0,
        code: Some(CodeId([9; 8])),
        guardian: None,
        reason: None,
        details: None,
        seen: None,
    }
    .into()
}

#[test]
fn a_fact_reads_back_as_it_was_written() {
    let fact = registration();
    assert_eq!(Fact::from_bytes(&fact.to_bytes()), Ok(fact));
}

#[test]
fn a_registration_by_code_is_small() {
    assert!(registration().to_bytes().len() <= 66, "{}", registration().to_bytes().len());
}

#[test]
fn a_kind_of_a_newer_version_is_named_and_not_mistaken() {
    assert_eq!(Fact::from_bytes(&[0x82, 0x18, 0xc8, 0x80]), Err(FactError::UnknownKind { kind: 200 }));
}

#[test]
fn bytes_after_a_fact_are_refused() {
    let mut bytes = registration().to_bytes();
    bytes.push(0);
    assert!(matches!(Fact::from_bytes(&bytes), Err(FactError::Shape { .. })));
}

#[test]
fn a_lab_cannot_register_and_a_site_cannot_report() {
    assert!(!registration().allowed(Role::Lab));
    let reported: Fact = Reported {
        tube: "T-0001".parse().unwrap(),
        outcome: Outcome::Negative,
        stage: Stage::Final,
        operator: Text::default(),
        seen: None,
    }
    .into();
    assert!(!reported.allowed(Role::Site) && reported.allowed(Role::Lab));
}

#[test]
fn the_safer_reading_of_two_is_the_one_that_keeps_looking() {
    assert_eq!(Outcome::Negative.safer(Outcome::Positive), Outcome::Positive);
    assert_eq!(Outcome::Inconclusive.safer(Outcome::Negative), Outcome::Inconclusive);
}

proptest::proptest! {
    #[test]
    fn hostile_bytes_are_an_error_and_never_a_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..256)) {
        let _ = Fact::from_bytes(&bytes);
    }

    #[test]
    fn a_damaged_fact_is_another_fact_or_an_error(at in 0usize..60, with in proptest::num::u8::ANY) {
        let mut bytes = registration().to_bytes();
        if let Some(byte) = bytes.get_mut(at) { *byte = with; }
        if let Ok(fact) = Fact::from_bytes(&bytes) {
            proptest::prop_assert_eq!(Fact::from_bytes(&fact.to_bytes()), Ok(fact));
        }
    }
}
