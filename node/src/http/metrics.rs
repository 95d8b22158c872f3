//! Figures for Prometheus, text format 0.0.4.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use super::Shell;
use crate::beside::Figures;
use crate::runtime::Snapshot;

pub(super) async fn metrics(State((shell, beside)): State<(Shell, Arc<[Figures]>)>) -> impl IntoResponse {
    let mut text = text(&shell.node.snapshot());
    beside.iter().for_each(|figures| figures(&mut text));
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text)
}

/// All figures of a snapshot.
fn text(snapshot: &Snapshot) -> String {
    let mut out = String::new();
    let (core, disk) = (&snapshot.core, &snapshot.disk);
    let own = &core.own;
    let connected = core.peers.len();
    let in_sync = core.peers.iter().filter(|peer| peer.in_sync_since.is_some()).count();
    gauge(
        &mut out,
        "own_registrations",
        "Registrations made here, by where the farthest copy is.",
        [
            ("held=\"here\"", own.only_here.to_string()),
            ("held=\"neighbour\"", own.at_neighbour.to_string()),
            ("held=\"authority\"", own.at_authority.to_string()),
        ],
    );
    gauge(
        &mut out,
        "peers",
        "Peers, by state.",
        [("state=\"connected\"", connected.to_string()), ("state=\"in_sync\"", in_sync.to_string())],
    );
    for (name, help, value) in [
        ("feeds", "Feeds held.", core.feeds),
        ("entries", "Entries held.", core.entries),
        ("chunks", "Chunks held.", core.arrivals),
        ("chunks_indexed", "Chunks the tables reflect.", core.indexed),
        ("policy_version", "Version of the policy.", core.policy_version),
        ("trust_version", "Version of the trust list.", core.trust_version),
        ("journal_bytes", "Bytes of the journal.", disk.journal_bytes),
        ("queued_bytes_max", "Bytes that wait for the peer that takes them most slowly.", snapshot.queued_bytes_max),
        ("store_degraded", "1 while registrations are refused.", u64::from(disk.trouble.is_some())),
        ("withdrawn", "1 once the authority withdrew this node.", u64::from(core.withdrawn)),
        ("clock_doubtful", "1 while the clock is not to be relied on.", u64::from(core.clock_doubtful)),
    ] {
        gauge(&mut out, name, help, [("", value.to_string())]);
    }
    gauge(
        &mut out,
        "clock_offset_ms",
        "How far the peers' clocks are ahead.",
        [("", core.clock_offset_ms.to_string())],
    );
    if let Some(free) = disk.free_bytes {
        gauge(&mut out, "store_free_bytes", "Bytes free on the file system of the store.", [("", free.to_string())]);
    }
    let ages = core.lists.iter().map(|list| (format!("list=\"{}\"", list.list), list.age_s.to_string()));
    gauge(&mut out, "list_age_seconds", "Age of each status list.", ages);
    for (name, value) in &snapshot.counters {
        let name = metric_name(name);
        let _ = writeln!(out, "# TYPE swabmesh_{name}_total counter\nswabmesh_{name}_total {value}");
    }
    out
}

fn gauge(out: &mut String, name: &str, help: &str, samples: impl IntoIterator<Item = (impl AsRef<str>, String)>) {
    let _ = writeln!(out, "# HELP swabmesh_{name} {help}\n# TYPE swabmesh_{name} gauge");
    for (labels, value) in samples {
        let labels = labels.as_ref();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let _ = writeln!(out, "swabmesh_{name}{labels} {value}");
    }
}

/// A counter's name with the characters that Prometheus takes.
fn metric_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::fixture::snapshot;
    use swabmesh_protocol::replica::ListAge;

    #[test]
    fn every_line_is_a_comment_or_a_sample() {
        let mut snapshot = snapshot();
        snapshot.core.own.only_here = 3;
        snapshot.counters.insert("refused/tube-full".to_owned(), 2);
        snapshot.core.lists.push(ListAge { list: 1, issued_at: 0, age_s: 60, stale: false });
        let text = text(&snapshot);
        assert!(text.contains("swabmesh_own_registrations{held=\"here\"} 3\n"), "{text}");
        assert!(text.contains("swabmesh_refused_tube_full_total 2\n"), "{text}");
        assert!(text.contains("swabmesh_list_age_seconds{list=\"1\"} 60\n"), "{text}");
        for line in text.lines() {
            let sample = line.strip_prefix("swabmesh_").and_then(|rest| rest.rsplit_once(' '));
            assert!(line.starts_with("# ") || sample.is_some_and(|(_, value)| value.parse::<i64>().is_ok()), "{line}");
        }
    }
}
