//! The day of `swabmesh demo`, judged by the object it prints.

use serde_json::Value;
use swabmesh_tests::program::swabmesh;

/// Other invented people, other photographs, another site killed at another moment than in the README.
const SEED: &str = "7";

#[test]
fn a_day_of_cuts_kills_and_bad_codes_loses_nobody() {
    let answer = swabmesh(&["demo", "--json", "--seed", SEED], "").unwrap();
    let figures: Value = serde_json::from_str(answer.out.trim()).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
    let count = |name: &str| figures[name].as_u64().unwrap();
    assert_eq!(count("lost"), 0, "{figures}");
    assert_eq!(figures["heads_equal"], true, "{figures}");
    assert!(count("registered") > 290, "{figures}");
    assert_eq!(count("at_authority"), count("registered"), "{figures}");
    assert!(count("duplicates_flagged") >= 1, "{figures}");
    assert!(count("recall_list") >= 1, "{figures}");
    assert_eq!(count("photographs_read"), count("photographs_taken"), "{figures}");
    assert_eq!(figures["wrong_verdicts"].as_array().map(Vec::len), Some(0), "{figures}");
    for reason in ["revoked", "expired", "unknown-issuer", "bad-signature", "not-a-code", "legacy-code", "screenshot"] {
        assert!(figures["refused"][reason].as_u64().is_some(), "{reason}: {figures}");
    }
    assert_eq!(answer.code, Some(0), "{answer:?}");
}
