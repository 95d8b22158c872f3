use super::*;

const NOW: Wall = Wall(1_649_462_400_000);

fn later(seconds: u64) -> Wall {
    Wall(NOW.0 + seconds * 1_000)
}

fn name(text: &str) -> Operator {
    Operator::new(text).unwrap()
}

fn pin(text: &str) -> Pin {
    Pin::new(text).unwrap()
}

#[test]
fn who_was_added_is_let_in_with_their_pin_only_and_until_they_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let operators = Operators::at(dir.path().join("desk"));
    operators.add(&name("王芳"), Duty::Supervisor, &pin("271828")).unwrap();
    operators.add(&name("li"), Duty::Operator, &pin("314159")).unwrap();
    assert_eq!(operators.sign_in(&name("li"), "314159", NOW).unwrap().duty, Duty::Operator);
    assert!(matches!(operators.sign_in(&name("li"), "271828", NOW), Err(SignInError::Wrong { left: 4 })));
    assert!(matches!(operators.sign_in(&name("nobody"), "271828", NOW), Err(SignInError::Wrong { left: 4 })));
    assert!(matches!(operators.add(&name("li"), Duty::Operator, &pin("141421")), Err(OperatorsError::Taken { .. })));
    assert!(matches!(operators.remove(&name("王芳")), Err(OperatorsError::LastSupervisor { .. })));
    // Another process, such as the command line.
    Operators::at(dir.path().join("desk")).remove(&name("li")).unwrap();
    assert_eq!(operators.duty(&name("li")).unwrap(), None);
    assert!(!std::fs::read_to_string(dir.path().join("desk/operators.json")).unwrap().contains("271828"));
}

#[test]
fn wrong_pins_lock_a_name_for_longer_and_longer_and_a_restart_forgives_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let operators = Operators::at(dir.path().to_owned());
    operators.add(&name("li"), Duty::Supervisor, &pin("314159")).unwrap();
    for _ in 0..4 {
        assert!(matches!(operators.sign_in(&name("li"), "000001", NOW), Err(SignInError::Wrong { .. })));
    }
    assert!(matches!(operators.sign_in(&name("li"), "000001", NOW), Err(SignInError::Locked { wait_s: 30 })));
    let restarted = Operators::at(dir.path().to_owned());
    assert!(matches!(restarted.sign_in(&name("li"), "314159", later(29)), Err(SignInError::Locked { wait_s: 1 })));
    assert!(matches!(restarted.sign_in(&name("li"), "000001", later(30)), Err(SignInError::Locked { wait_s: 60 })));
    restarted.reset(&name("li"), &pin("141421")).unwrap();
    assert!(restarted.sign_in(&name("li"), "141421", later(31)).is_ok());
}

#[test]
fn pins_that_are_tried_first_are_not_taken() {
    for text in ["123456", "987654", "000000", "12345", "1234567890123", "12a456", ""] {
        assert!(Pin::new(text).is_err(), "{text}");
    }
    assert_eq!(Pin::draw().unwrap().expose().len(), 6);
}
