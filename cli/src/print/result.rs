//! Results, recalls and flags.

use std::fmt::Write;

use serde_json::Value;

use super::{at_ms, list, number, short, text};

/// `result`: what one person may know.
pub(crate) fn looked_up(answer: &Value) -> String {
    let mut out = format!("{}  {}\n", text(answer, "name"), text(answer, "last_four"));
    for result in list(answer, "results") {
        let outcome = text(&result["result"], "outcome");
        let said = match (outcome, result["retest"] == Value::Bool(true)) {
            ("", _) => "no result yet 尚无结果".to_owned(),
            ("negative", _) => "NEGATIVE 阴性".to_owned(),
            ("positive", true) => "the mixed sample was positive: test again, alone 混样异常，请单人复检".to_owned(),
            ("positive", false) => "POSITIVE 阳性".to_owned(),
            _ => format!("{outcome}: sample again 请重新采样"),
        };
        let _ = writeln!(out, "  {}  {said}", at_ms(number(result, "registered_at")));
    }
    if list(answer, "results").is_empty() {
        out.push_str("  no registrations 无采样记录\n");
    }
    out
}

/// `authority recall`.
pub(crate) fn recall(answer: &Value) -> String {
    let people = list(answer, "people");
    if people.is_empty() {
        return format!("tube {}: nobody is to be tested again\n", text(answer, "tube"));
    }
    let mut out =
        format!("tube {}: POSITIVE, {} people to be tested again, alone\n", text(answer, "tube"), people.len());
    for person in people {
        let retest = match text(&person["retest"], "state") {
            "cleared" => format!("cleared by tube {}", text(&person["retest"], "tube")),
            "confirmed" => format!("CONFIRMED by tube {}", text(&person["retest"], "tube")),
            _ => "awaited".to_owned(),
        };
        let late = if person["late"] == Value::Bool(true) { "  late" } else { "" };
        let site = short(text(person, "site"));
        let (name, last_four) = (text(person, "name"), text(person, "last_four"));
        let _ = writeln!(out, "  {name}  {last_four}  site {site}  {retest}{late}");
    }
    out
}

/// `authority flags`.
pub(crate) fn flags(flags: &Value) -> String {
    let line = |flag: &Value| {
        let about = flag["about"].as_object().and_then(|about| about.iter().next());
        let about = about.map(|(what, which)| format!("{what} {}", which.as_str().unwrap_or_default()));
        let parties = list(flag, "parties").iter().map(|party| {
            let (at, writer) = (at_ms(number(party, "at")), short(text(party, "writer")));
            format!("    {at}  node {writer}  {}\n", text(party, "entry"))
        });
        let (kind, state) = (text(flag, "kind").replace('-', " "), text(flag, "state"));
        format!("{kind}: {}  ({state})\n{}", about.unwrap_or_default(), parties.collect::<String>())
    };
    let lines: String = flags.as_array().into_iter().flatten().map(line).collect();
    if lines.is_empty() { "nothing waits for a decision\n".to_owned() } else { lines }
}

/// `authority nodes`.
pub(crate) fn nodes(nodes: &Value) -> String {
    let line = |node: &Value| {
        let until = at_ms(number(node, "until").saturating_mul(1_000));
        let (role, name, cell) = (text(node, "role"), text(node, "name"), number(node, "lane"));
        format!("{role:<10} cell {cell:<5} {name:<24} until {until}  {}\n", text(node, "node"))
    };
    nodes.as_array().into_iter().flatten().map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nobody_in_a_positive_pool_is_told_to_be_positive() {
        let answer = |retest| {
            looked_up(&json!({"name": "张*", "last_four": "002X", "results": [
                {"registered_at": 0, "result": {"outcome": "positive", "stage": "final"}, "retest": retest}]}))
        };
        assert!(answer(true).contains("test again") && !answer(true).contains("POSITIVE"));
        assert!(answer(false).contains("POSITIVE 阳性"));
    }

    #[test]
    fn a_flag_names_what_it_is_about() {
        let flag = json!([{"kind": "opened-twice", "about": {"tube": "T1"}, "state": "open", "parties": []}]);
        assert_eq!(flags(&flag), "opened twice: tube T1  (open)\n");
        assert_eq!(flags(&json!([])), "nothing waits for a decision\n");
    }
}
