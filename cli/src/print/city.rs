//! Reviews, recalls, proofs, reports of the city.

use std::fmt::Write;

use serde_json::Value;
use swabmesh_authority::city::purge::Report;

use super::{at_ms, list, number, short, text};

/// `authority reviews`.
pub(crate) fn reviews(cases: &Value) -> String {
    let mut out = String::new();
    for case in cases.as_array().into_iter().flatten() {
        let about = case["about"].as_object().and_then(|about| about.iter().next());
        let about = about.map(|(what, which)| format!("{what} {}", which.as_str().unwrap_or_default()));
        let (kind, state) = (text(case, "kind").replace('-', " "), text(case, "state"));
        let (since, owner) = (at_ms(number(case, "since")), text(case, "owner_name"));
        let _ = writeln!(out, "{kind}: {}  ({state}, owner {owner}, since {since})", about.unwrap_or_default());
        let meanwhile = &case["meanwhile"];
        if let Some(outcome) = meanwhile["outcome"].as_str() {
            let _ = writeln!(out, "    meanwhile {outcome} {} counts", text(meanwhile, "stage"));
        }
        for choice in list(case, "choices") {
            let _ = writeln!(out, "    {} says '{}'", text(choice, "by"), text(choice, "value"));
        }
        if let Some(decision) = case["decision"].get("value").and_then(Value::as_str) {
            let _ = writeln!(out, "    decided: '{decision}' by {}", text(&case["decision"], "by"));
        } else if let Some(register) = case["register"].as_str() {
            let _ = writeln!(out, "    decide with --register {register}");
        }
    }
    if out.is_empty() { "nothing waits for a decision\n".to_owned() } else { out }
}

/// `authority recall` without a tube.
pub(crate) fn recalls(answer: &Value) -> String {
    let count = |name| number(answer, name);
    let mut out = format!(
        "{} to be tested again, {} confirmed positive, {} cleared\n",
        count("awaited"),
        count("confirmed"),
        count("cleared")
    );
    for person in list(answer, "people") {
        let retest = match text(&person["retest"], "state") {
            "cleared" => format!("cleared by tube {}", text(&person["retest"], "tube")),
            "confirmed" => format!("CONFIRMED by tube {}", text(&person["retest"], "tube")),
            _ => "awaited".to_owned(),
        };
        let late = if person["late"] == Value::Bool(true) { "  late" } else { "" };
        let (name, last_four, site) = (text(person, "name"), text(person, "last_four"), text(person, "site"));
        let _ = writeln!(out, "  tube {}  {name}  {last_four}  {site}  {retest}{late}", text(person, "tube"));
    }
    out
}

/// `authority rebuild`.
pub(crate) fn proof(proof: &Value) -> String {
    let mut out =
        format!("{} entries of the log, {} projection\n", number(proof, "entries"), text(proof, "projection"));
    for table in list(proof, "tables") {
        let equal = if table["equal"] == Value::Bool(true) { "equal" } else { "DIFFERS" };
        let (log, held) = (number(table, "log_rows"), number(table, "held_rows"));
        let digest = short(text(table, "log_digest"));
        let _ = writeln!(
            out,
            "  {:<24} {log:>10} rows by the log, {held:>10} held  {equal}  {digest}",
            text(table, "table")
        );
    }
    let said = if proof["equal"] == Value::Bool(true) { "they are equal\n" } else { "they differ\n" };
    out + said
}

/// `authority report reconcile`.
pub(crate) fn reconciliation(report: &Value) -> String {
    const COLUMNS: [&str; 9] =
        ["issued", "registered", "voided", "tubes", "sealed", "boxes", "results", "positive", "unresolved"];
    let mut out = format!("{}\n{:<5} {:<20} {:>4}", text(report, "day"), "cell", "site", "hour");
    let head: String = COLUMNS.iter().map(|column| format!(" {column:>10}")).collect();
    let _ = writeln!(out, "{head}");
    let figures =
        |line: &Value| COLUMNS.iter().map(|column| format!(" {:>10}", number(line, column))).collect::<String>();
    for line in list(report, "lines") {
        let cell = line["cell"].as_u64().map_or_else(|| "-".to_owned(), |cell| cell.to_string());
        let _ = writeln!(out, "{cell:<5} {:<20} {:>4}{}", text(line, "name"), number(line, "hour"), figures(line));
    }
    let _ = writeln!(out, "{:<31}{}", "all", figures(&report["total"]));
    out
}

/// `authority purge`.
pub(crate) fn purge(report: &Report) -> String {
    let destroyed = report.keys.iter().filter(|key| key.now).count();
    let mut out = format!("personal details of days before {} are destroyed\n", report.before);
    let _ = writeln!(out, "  keys destroyed now {destroyed}, gone before {}", report.keys.len() - destroyed);
    for key in &report.keys {
        let _ = writeln!(out, "    {}  key {}  published in {}", key.day, short(&key.public), key.entry);
    }
    let _ = writeln!(out, "  sealed details of those days {}, digest {}", report.sealed, report.sealed_digest);
    let _ = writeln!(out, "  tried with every key that is left {}, opened {}", report.tried, report.opened);
    if let Some(office) = &report.office {
        let _ = writeln!(
            out,
            "  residents removed {}, digest {}; still needed and sealed anew {}; sealed since {}",
            office.residents_removed, office.residents_digest, office.residents_sealed_anew, office.residents_left
        );
        let _ = writeln!(
            out,
            "  links removed {}; photographs removed {}, sealed anew {}",
            office.links_removed, office.photos_removed, office.photos_sealed_anew
        );
        let _ = writeln!(out, "  keys of the office destroyed now {}", office.keys.len());
        for key in &office.keys {
            let _ = writeln!(out, "    {}  key {}", key.day.as_deref().unwrap_or("of no day"), short(&key.id));
        }
        let _ = writeln!(
            out,
            "  older details in the registry's journal {}, tried {}, opened {}",
            office.sealed, office.tried, office.opened
        );
    }
    if let Some(log) = &report.log {
        let _ = writeln!(out, "  entries of before {} that only the authority keeps from now on:", log.before);
        let _ = writeln!(out, "    {} of {} feeds, digest {}", log.entries, log.feeds, log.digest);
    }
    out
}
