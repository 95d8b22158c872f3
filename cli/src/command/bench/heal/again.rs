//! What follows the first healing: nothing new, ten new, and a side that is killed in the middle.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use swabmesh_node::runtime::{NodeHandle, Snapshot};

use super::{Node, Side, eprint_progress};
use crate::command::bench::figures::rounded;

/// Bytes of the length before each frame.
const LENGTH_BYTES: u64 = 4;
/// Longest wait for a side. Source: guess; a slow disk takes seconds.
const WAIT_MAX: Duration = Duration::from_secs(120);
/// Registrations added on top.
pub(super) const NEW: u64 = 10;

/// Connects two stores that hold the same: bytes until both know it.
pub(super) fn in_sync(full: &Path, empty: &Path, entries: u64) -> anyhow::Result<Value> {
    eprint_progress("again, with nothing new");
    let (sender, mut receiver) = meet(full, empty, entries)?;
    let told = receiver.line()?;
    drop((sender, receiver));
    Ok(told)
}

/// Kills one side with SIGKILL once half has arrived, starts it again, and counts what was sent twice.
pub(super) fn killed(dir: &Path, full: &Path, entries: u64, once: f64, which: Side) -> anyhow::Result<Value> {
    let (name, other) = if which == Side::Full { ("sender", "receiver") } else { ("receiver", "sender") };
    eprint_progress(&format!("the {name} is killed in the middle"));
    let empty = dir.join(format!("killed-{name}"));
    let sender = Node::start(Side::Full, full, entries, None)?;
    let (mut sender, address) = listening(sender)?;
    let half = entries / 2;
    let mut receiver = Node::start_until(Side::Empty, &empty, entries, Some(&address), half)?;
    let reached = receiver.line()?.get("entries").and_then(Value::as_u64).context("no count")?;
    let moved = if which == Side::Full {
        drop(sender);
        let again = Node::start_at(full, entries, &address)?;
        let (again, _) = listening(again)?;
        let told = receiver.line()?;
        drop(again);
        told.get("bytes_in").and_then(Value::as_f64).context("no bytes")?
    } else {
        drop(receiver);
        let mut again = Node::start(Side::Empty, &empty, entries, Some(&address))?;
        again.line()?;
        sender.end()?.get("bytes_out").and_then(Value::as_f64).context("no bytes")?
    };
    let twice = (moved - once).max(0.0).round();
    Ok(json!({ "killed": name, "counted_at": other, "entries_at_kill": reached, "bytes_sent_twice": twice }))
}

fn meet(full: &Path, empty: &Path, entries: u64) -> anyhow::Result<(Node, Node)> {
    let (sender, address) = listening(Node::start(Side::Full, full, entries, None)?)?;
    let receiver = Node::start(Side::Empty, empty, entries, Some(&address))?;
    Ok((sender, receiver))
}

fn listening(mut sender: Node) -> anyhow::Result<(Node, String)> {
    let address = sender.line()?.get("address").and_then(Value::as_str).context("no address")?.to_owned();
    Ok((sender, address))
}

/// Waits until roots were equal, and tells what crossed until then, hellos included.
pub(super) async fn until_in_sync(node: &NodeHandle, entries: u64, start: Instant) -> anyhow::Result<Value> {
    let mut durable = None;
    let deadline = start + WAIT_MAX;
    loop {
        if durable.is_none() && node.inspect(move |replica| replica.entries() >= entries).await? {
            durable = Some(start.elapsed());
        }
        let snapshot = node.snapshot();
        if let Some(durable) = durable
            && snapshot.core.entries >= entries
            && snapshot.core.peers.iter().any(|peer| peer.in_sync_since.is_some())
        {
            return Ok(crossed(&snapshot, durable));
        }
        if Instant::now() > deadline {
            bail!("roots were not equal within {WAIT_MAX:?}");
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn crossed(snapshot: &Snapshot, durable: Duration) -> Value {
    let count = |name: &str| snapshot.counters.get(name).copied().unwrap_or_default();
    let frames = count("network_frames_in") + count("network_frames_out");
    let bytes = count("network_bytes_in") + count("network_bytes_out") + LENGTH_BYTES * frames;
    let hellos = count("network_hello_bytes");
    json!({
        "durable_ms": rounded(durable.as_secs_f64() * 1e3),
        "frames": frames,
        "bytes": bytes,
        "bytes_after_hello": bytes.saturating_sub(hellos),
    })
}
