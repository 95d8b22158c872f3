//! What people read on the terminal, at 6 a.m. and in a hurry.

pub(crate) mod city;
pub(crate) mod result;
pub(crate) mod status;
pub(crate) mod symbol;
pub(crate) mod tube;
pub(crate) mod verdict;

use serde_json::Value;

use crate::clock;

/// A moment in milliseconds since 1970 as date and time in Shanghai.
pub(crate) fn at_ms(ms: u64) -> String {
    let text = clock::shanghai(ms / 1_000);
    text.strip_suffix(" +08:00").map_or(text.clone(), str::to_owned)
}

/// The moment of a stamp.
pub(crate) fn at_stamp(stamp: &Value) -> String {
    at_ms(swabmesh_protocol::time::Stamp(stamp.as_u64().unwrap_or_default()).wall().0)
}

/// The beginning of a key, enough to tell nodes apart.
pub(crate) fn short(key: &str) -> &str {
    key.get(..8).unwrap_or(key)
}

/// A field's text, or nothing.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A field's number, or nought.
pub(crate) fn number(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or_default()
}

/// A field's list, or none.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// What a command did, when there is nothing more to tell than warnings.
pub(crate) fn done(what: &str, answer: &Value) -> String {
    let warnings = list(answer, "warnings").iter().filter_map(Value::as_str);
    let warnings: String = warnings.map(|warning| format!("  warning: {}\n", warning.replace('-', " "))).collect();
    format!("{what}\n{warnings}")
}
