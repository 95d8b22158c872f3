//! Every document vector is judged as the file says.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "functions beside a test fail by panicking, as tests do"
)]

use serde_json::Value;
use swabmesh_protocol::document::{DocumentType, age::category_on, check};
use time::{Date, Month};

fn date(text: &str) -> Date {
    let parts: Vec<u16> = text.split('-').map(|part| part.parse().unwrap()).collect();
    let month = Month::try_from(u8::try_from(parts[1]).unwrap()).unwrap();
    Date::from_calendar_date(i32::from(parts[0]), month, u8::try_from(parts[2]).unwrap()).unwrap()
}

/// A vector is valid when no rule, hard or soft, speaks against it.
#[test]
fn every_vector_is_judged_as_it_says() {
    let file: Value = serde_json::from_str(include_str!("vectors/documents.json")).unwrap();
    let today = date(file["today"].as_str().unwrap());
    let vectors = file["vectors"].as_array().unwrap();
    assert!(vectors.len() >= 36, "the file lost vectors");
    for vector in vectors {
        let document = DocumentType::try_from(u8::try_from(vector["type"].as_u64().unwrap()).unwrap()).unwrap();
        let judged = check(document, vector["input"].as_str().unwrap(), today);
        let Some(checked) = judged.as_ref().ok().filter(|checked| checked.warnings().is_empty()) else {
            assert_eq!(vector["valid"], false, "{vector} gave {judged:?}");
            continue;
        };
        assert_eq!(vector["valid"], true, "{vector}");
        let sex = checked.sex().map(|sex| serde_json::to_value(sex).unwrap());
        let found = [
            ("normal", Some(Value::from(checked.number().expose().as_str()))),
            ("sex", sex),
            ("born", checked.born().map(|born| Value::from(born.to_string()))),
            ("state", checked.state().map(Value::from)),
        ];
        for (key, value) in found {
            assert!(vector.get(key).is_none_or(|expected| Some(expected) == value.as_ref()), "{key} of {vector}");
        }
        for (day, category) in vector.get("category_on").and_then(Value::as_object).into_iter().flatten() {
            let found = category_on(checked.born().unwrap(), date(day));
            assert_eq!(serde_json::to_value(found).unwrap(), *category, "{vector} on {day}");
        }
    }
}
