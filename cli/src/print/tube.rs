//! Tubes, registrations and boxes.

use std::fmt::Write;

use serde_json::Value;

use super::{at_ms, at_stamp, list, number, text};

/// Who said something: operator and moment.
fn by(value: &Value) -> String {
    let by = &value["by"];
    format!("{} by {}", at_stamp(&by["stamp"]), text(by, "operator"))
}

/// A reading such as `negative final`.
fn reading(value: &Value) -> String {
    match value.get("outcome") {
        Some(_) => format!("{} {}", text(value, "outcome"), text(value, "stage")),
        None => "no result yet".to_owned(),
    }
}

/// `site tube show`.
pub(crate) fn full(tube: &Value) -> String {
    let mut out = format!("tube {}: {} of {}", text(tube, "barcode"), number(tube, "count"), number(tube, "pool"));
    let state = match (list(tube, "seals").is_empty(), tube["full"].as_bool()) {
        (false, _) => "sealed",
        (true, Some(true)) => "full, not sealed",
        (true, _) => "open",
    };
    let _ = writeln!(out, ", {state}, {}", reading(&tube["verdict"]));
    for opening in list(tube, "opened") {
        let _ = writeln!(out, "  opened {}", by(opening));
    }
    for member in list(tube, "members") {
        let _ = writeln!(out, "  {}", member_line(member));
    }
    for seal in list(tube, "seals") {
        let _ = writeln!(out, "  sealed with {} {}", number(seal, "count"), by(seal));
    }
    for claim in list(tube, "boxes") {
        let _ = writeln!(out, "  in box {} {}", text(claim, "value"), by(claim));
    }
    for arrival in list(tube, "received") {
        let _ = writeln!(out, "  received {}", by(arrival));
    }
    for conflict in list(tube, "conflicts") {
        let values: Vec<&str> = list(conflict, "values").iter().map(|claim| text(claim, "value")).collect();
        let _ = writeln!(out, "  CONFLICT in {}: {}", text(conflict, "register"), values.join(" / "));
    }
    let held = number(tube, "held");
    if held > 0 {
        let _ = writeln!(out, "  {held} facts wait for others that are not here yet");
    }
    out
}

fn member_line(member: &Value) -> String {
    let registered = &member["registered"];
    let mut line = match registered.as_object() {
        Some(_) => format!("{}  {}  {}", text(registered, "name"), text(registered, "last_four"), by(registered)),
        None => "registered elsewhere, not here yet".to_owned(),
    };
    let moved: Vec<&str> = list(member, "moved_to").iter().filter_map(Value::as_str).collect();
    if !moved.is_empty() {
        let _ = write!(line, "  moved to {}", moved.join(", "));
    } else if member["counts"] == Value::Bool(false) {
        line.push_str("  void");
    }
    if member["late"] == Value::Bool(true) {
        line.push_str("  late");
    }
    format!("{line}  {}", text(member, "registration"))
}

/// `site tube list`.
pub(crate) fn lines(tubes: &Value) -> String {
    let line = |tube: &Value| {
        let state = if tube["sealed"] == Value::Bool(true) { "sealed" } else { "open" };
        let count = format!("{} of {}", number(tube, "count"), number(tube, "pool"));
        let conflicts = if number(tube, "conflicts") > 0 { "  CONFLICT" } else { "" };
        format!("{:<20} {count:<9} {state:<7} {}{conflicts}\n", text(tube, "tube"), reading(&tube["result"]))
    };
    let lines: String = tubes.as_array().into_iter().flatten().map(line).collect();
    if lines.is_empty() { "no tubes\n".to_owned() } else { lines }
}

/// `site list`.
pub(crate) fn registrations(registrations: &Value) -> String {
    let line = |each: &Value| {
        let (at, tube) = (at_ms(number(each, "at")), text(each, "tube"));
        let (name, last_four, id) = (text(each, "name"), text(each, "last_four"), text(each, "registration"));
        format!("{at}  {tube:<16} {name}  {last_four}  by {}  {id}\n", text(each, "operator"))
    };
    let lines: String = registrations.as_array().into_iter().flatten().map(line).collect();
    if lines.is_empty() { "no registrations\n".to_owned() } else { lines }
}

/// `site box`, `lab box`.
pub(crate) fn transport(transport: &Value) -> String {
    let tubes = list(transport, "tubes");
    let mut out = format!("box {}: {} tubes\n", text(transport, "barcode"), tubes.len());
    for tube in tubes {
        let _ = writeln!(out, "  {}", text(tube, "tube"));
    }
    for hand_over in list(transport, "handed_over") {
        let (count, to) = (number(hand_over, "count"), text(hand_over, "to"));
        let _ = writeln!(out, "  handed over to {to} with {count} tubes {}", by(hand_over));
    }
    for arrival in list(transport, "received") {
        let _ = writeln!(out, "  received with {} tubes {}", number(arrival, "count"), by(arrival));
    }
    for miscount in list(transport, "miscounts") {
        let (counted, packed) = (number(miscount, "counted"), number(miscount, "packed"));
        let _ = writeln!(out, "  MISCOUNT: {counted} counted by hand, {packed} packed: count again");
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tube_shows_its_members_and_what_is_wrong() {
        let by = json!({"stamp": 1_649_433_600_000_u64 << 16, "operator": "desk 1"});
        let shown = full(&json!({
            "barcode": "T1", "count": 1, "pool": 10, "seals": [], "full": false, "verdict": null,
            "opened": [{"pool": 10, "by": by}],
            "members": [{"registration": "f:1", "counts": true, "late": true, "moved_to": [],
                "registered": {"name": "张*", "last_four": "002X", "by": by}}],
            "conflicts": [{"register": "open", "values": [{"value": "10"}, {"value": "5"}]}],
        }));
        assert!(shown.starts_with("tube T1: 1 of 10, open, no result yet\n"), "{shown}");
        assert!(shown.contains("张*  002X  2022-04-09 00:00:00 by desk 1  late  f:1"), "{shown}");
        assert!(shown.contains("CONFLICT in open: 10 / 5"), "{shown}");
        assert_eq!(lines(&json!([])), "no tubes\n");
    }
}
