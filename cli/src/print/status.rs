//! `status`: what needs somebody, what is where, who is connected, how old everything is.

use std::fmt::Write;

use serde_json::Value;
use swabmesh_node::advice::duration;

use super::{at_ms, list, number, short, text};

const MIB: u64 = 1024 * 1024;

/// The whole page.
pub(crate) fn page(status: &Value) -> String {
    let mut out = format!("{}  {}", text(status, "name"), text(status, "role"));
    let cell = number(status, "lane");
    if cell > 0 {
        let _ = write!(out, ", cell {cell}");
    }
    let _ = writeln!(out, "  (node {})\n", short(text(status, "node")));
    for advice in list(status, "advice") {
        let mark = match text(advice, "level") {
            "act" => "ACT NOW",
            "look" => "look",
            _ => "fine",
        };
        let _ = writeln!(out, "{mark:>8}  {}", text(advice, "what"));
        let what_to_do = text(advice, "what_to_do");
        if !what_to_do.is_empty() {
            let _ = writeln!(out, "          → {what_to_do}");
        }
    }
    copies(status, &mut out);
    contacts(status, &mut out);
    knowledge(status, &mut out);
    out
}

fn copies(status: &Value, out: &mut String) {
    let own = &status["own"];
    let _ = writeln!(
        out,
        "\nregistered here: {}\n{:>8} only here\n{:>8} at a neighbour as well\n{:>8} at the authority",
        number(own, "registrations"),
        number(own, "only_here"),
        number(own, "at_neighbour"),
        number(own, "at_authority"),
    );
}

fn contacts(status: &Value, out: &mut String) {
    let contacts = list(status, "contacts");
    let _ =
        writeln!(out, "\nother nodes:{}", if contacts.is_empty() { " none connected, none configured" } else { "" });
    for contact in contacts {
        let role = match text(contact, "role") {
            "" => String::new(),
            role => format!(" ({role})"),
        };
        let state = state(contact);
        let _ = writeln!(out, "  {}{role}  {state}", text(contact, "name"));
        missing(contact, "missing here", &contact["missing_here"], out);
        missing(contact, "missing there", &contact["missing_there"], out);
        dialling(contact, out);
        let what_to_do = text(contact, "what_to_do");
        if !what_to_do.is_empty() {
            let _ = writeln!(out, "      → {what_to_do}");
        }
    }
    times(status, out);
}

/// What is the case, since when, and the last proof that both held the same.
fn state(contact: &Value) -> String {
    let moment = |key: &str| contact[key].as_u64().map(at_ms);
    match (text(contact, "state"), moment("roots_equal_at")) {
        ("in_sync", Some(at)) => format!("in sync: both held the same at {at}, and nothing changed since"),
        ("caught_up", Some(at)) => format!("caught up; both held the same at {at}"),
        (_, proof) => {
            let since = moment("since").map(|since| format!(", since {since}")).unwrap_or_default();
            let proof = proof.map_or("not compared yet".to_owned(), |at| format!("both held the same at {at}"));
            format!("{}{since}; {proof}", text(contact, "what"))
        }
    }
}

fn missing(contact: &Value, label: &str, missing: &Value, out: &mut String) {
    let (feeds, entries) = (number(missing, "feeds"), number(missing, "entries"));
    if feeds == 0 && entries == 0 {
        return;
    }
    let connected = ["catching_up", "bandwidth_limit", "disk_full"].contains(&text(contact, "state"));
    let at_most = if connected { "" } else { "at most " };
    let oldest = contact["oldest"].as_u64().map(|at| format!(", the oldest since {}", at_ms(at))).unwrap_or_default();
    let kib = number(missing, "bytes").div_ceil(1_024);
    let _ = writeln!(out, "      {label}: {at_most}{entries} entries of {feeds} feeds, about {kib} KiB{oldest}");
}

fn dialling(contact: &Value, out: &mut String) {
    let next = contact["next_attempt_s"].as_u64();
    let attempts = number(contact, "attempts");
    if next.is_none() && attempts == 0 {
        return;
    }
    let tried = if attempts > 0 { format!("{attempts} attempts failed") } else { "no attempt failed".to_owned() };
    let last = contact["last_error_at"].as_u64().map(|at| format!(", the last at {}", at_ms(at))).unwrap_or_default();
    let next = next.map(|seconds| format!("; next in {}", duration(seconds))).unwrap_or_default();
    let _ = writeln!(out, "      {tried}{last}{next}");
}

/// The times of contact of a metered uplink.
fn times(status: &Value, out: &mut String) {
    for time in list(status, "contact_times") {
        let ended = time["ended"].as_u64().map_or("now".to_owned(), at_ms);
        let kib = |key: &str| number(time, key).div_ceil(1_024);
        let (received, sent) = (kib("bytes_in"), kib("bytes_out"));
        let began = at_ms(number(time, "began"));
        let _ = writeln!(out, "  uplink used {began} to {ended}: {received} KiB received, {sent} KiB sent");
    }
}

fn knowledge(status: &Value, out: &mut String) {
    out.push('\n');
    for age in list(status, "lists") {
        let stale = if age["stale"] == Value::Bool(true) { "  TOO OLD" } else { "" };
        let _ = writeln!(out, "revocation list {}: {} old{stale}", number(age, "list"), duration(number(age, "age_s")));
    }
    let _ = writeln!(
        out,
        "policy {}, trust list {}, {} nodes enrolled, {} entries of {} feeds held",
        number(status, "policy_version"),
        number(status, "trust_version"),
        number(status, "enrolled"),
        number(status, "entries"),
        number(status, "feeds"),
    );
    let certificate = &status["certificate"];
    if let Some(until) = certificate["until"].as_u64() {
        let ended = if number(certificate, "left_s") == 0 { "  ENDED" } else { "" };
        let _ = writeln!(out, "certificate valid until {}{ended}", at_ms(until.saturating_mul(1_000)));
    }
    if number(status, "forks") > 0 || number(status, "quarantined") > 0 {
        let (forks, kept) = (number(status, "forks"), number(status, "quarantined"));
        let _ = writeln!(out, "quarantine: {kept} entries kept above {forks} forks and withdrawals");
    }
    let offset = status["clock_offset_ms"].as_i64().unwrap_or_default();
    let doubtful = if status["clock_doubtful"] == Value::Bool(true) { "  DOUBTFUL" } else { "" };
    if offset != 0 || !doubtful.is_empty() {
        let side = if offset >= 0 { "behind" } else { "ahead of" };
        let _ = writeln!(out, "clock: {} {side} the peers{doubtful}", duration(offset.unsigned_abs() / 1_000));
    }
    let disk = &status["disk"];
    if let Some(free) = disk["free_bytes"].as_u64() {
        let _ = writeln!(out, "disk: {} MiB free, journal {} MiB", free / MIB, number(disk, "journal_bytes") / MIB);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_needs_somebody_comes_before_the_figures() {
        let page = page(&json!({
            "name": "Gate 3", "role": "site", "lane": 3, "node": "0011223344556677",
            "advice": [{"level": "act", "what": "registrations are refused: the disk is full", "what_to_do": "Free some space."}],
            "own": {"registrations": 9, "only_here": 2, "at_neighbour": 3, "at_authority": 4},
            "contacts": [
                {"name": "city", "role": "authority", "state": "unreachable", "since": 1_649_433_600_000_u64,
                 "roots_equal_at": 1_649_433_600_000_u64, "missing_there": {"feeds": 2, "entries": 30, "bytes": 5_000},
                 "oldest": 1_649_433_600_000_u64, "attempts": 4, "next_attempt_s": 9, "what": "unreachable: no route",
                 "what_to_do": "Check the uplink."},
                {"name": "Gate 4", "role": "site", "state": "in_sync", "roots_equal_at": 1_649_433_600_000_u64},
            ],
            "lists": [{"list": 1, "age_s": 200_000, "stale": true}],
            "disk": {"free_bytes": 10_485_760, "journal_bytes": 0},
        }));
        assert!(
            page.starts_with("Gate 3  site, cell 3  (node 00112233)\n\n ACT NOW  registrations are refused"),
            "{page}"
        );
        for said in [
            "2 only here",
            "city (authority)  unreachable: no route, since 2022-04-09 00:00:00; both held the same at 2022-04-09 00:00:00",
            "missing there: at most 30 entries of 2 feeds, about 5 KiB, the oldest since 2022-04-09",
            "4 attempts failed; next in 9 s",
            "→ Check the uplink.",
            "Gate 4 (site)  in sync: both held the same at 2022-04-09 00:00:00, and nothing changed since",
            "2 days old  TOO OLD",
            "10 MiB free",
        ] {
            assert!(page.contains(said), "{said}: {page}");
        }
    }
}
