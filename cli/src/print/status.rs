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
    peers(status, &mut out);
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

fn peers(status: &Value, out: &mut String) {
    let peers = list(status, "peers");
    let _ =
        writeln!(out, "\nconnected: {}", if peers.is_empty() { "nobody".to_owned() } else { peers.len().to_string() });
    for peer in peers {
        let role = match text(peer, "role") {
            "" => "unknown",
            role => role,
        };
        let state = match peer["in_sync_since"].as_u64() {
            Some(since) => format!("in sync since {}", at_ms(since)),
            None => {
                let here = peer["missing_here"].get(1).and_then(Value::as_u64).unwrap_or_default();
                format!("{here} entries still to come, {} on their way there", number(peer, "missing_there"))
            }
        };
        let name = text(peer, "name");
        let _ = writeln!(out, "  {name} ({role})  {state}");
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
            "peers": [{"name": "city", "role": "authority", "in_sync_since": null, "missing_here": [1, 30], "missing_there": 2}],
            "lists": [{"list": 1, "age_s": 200_000, "stale": true}],
            "disk": {"free_bytes": 10_485_760, "journal_bytes": 0},
        }));
        assert!(
            page.starts_with("Gate 3  site, cell 3  (node 00112233)\n\n ACT NOW  registrations are refused"),
            "{page}"
        );
        for said in
            ["2 only here", "city (authority)  30 entries still to come, 2 on", "2 days old  TOO OLD", "10 MiB free"]
        {
            assert!(page.contains(said), "{said}: {page}");
        }
    }
}
