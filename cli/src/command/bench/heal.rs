//! Two nodes on loopback, one with everything, one empty: how long until both hold the same.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command as Process, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use clap::{Args, ValueEnum};
use ed25519_dalek::{Signature, Signer, SigningKey};
use serde_json::{Value, json};
use swabmesh_node::runtime::NodeHandle;
use swabmesh_protocol::command::Command;
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::text::Text;

use super::city::{City, POOL, registration, tube};
use super::figures::{cpu_s, memory_mb, per_second, rounded};
use crate::Outcome;

mod again;

/// Commands under way at once while the first node is filled.
const FILLING: u64 = 64;
/// Bytes of the yardstick's records: a registration's fact, stamp and number.
const RECORD_BYTES: usize = 90;

/// Heals an empty node from a full one over loopback (补齐), both processes of their own.
///
/// The yardstick of the same run sends as many signed records over TCP, verifies one signature a record, appends, and
/// syncs once.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Registrations at the first node.
    #[arg(long, default_value_t = 100_000)]
    entries: u64,
    /// Where to write; a directory on the disk to be measured.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// One side of the measurement, in a process of its own.
#[derive(Debug, Args)]
pub(super) struct NodeArguments {
    #[arg(long)]
    side: Side,
    #[arg(long)]
    store: PathBuf,
    /// Entries to wait for.
    #[arg(long)]
    entries: u64,
    /// Where the other side listens.
    #[arg(long)]
    dial: Option<String>,
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
    /// Say so when as many entries are here.
    #[arg(long)]
    say_at: Option<u64>,
    /// Tell what crosses until roots are equal, of stores that have met.
    #[arg(long)]
    again: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Side {
    Full,
    Empty,
}

impl Arguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let dir = match &self.dir {
            Some(dir) => tempfile::tempdir_in(dir)?,
            None => tempfile::tempdir()?,
        };
        let full = dir.path().join("full");
        eprint_progress("filling the first node");
        let entries = fill(&full, 0..self.entries)?;
        eprint_progress("yardstick: one signature a record");
        let yardstick = yardstick(dir.path(), self.entries)?;
        eprint_progress("healing the second node");
        let mut sender = Node::start(Side::Full, &full, entries, None)?;
        let address = sender.line()?.get("address").and_then(Value::as_str).context("no address")?.to_owned();
        let mut receiver = Node::start(Side::Empty, &dir.path().join("empty"), entries, Some(&address))?;
        let received = receiver.line()?;
        let sent = sender.end()?;
        let seconds = received.get("durable_s").and_then(Value::as_f64).context("no time")?;
        let rate = per_second(self.entries, Duration::from_secs_f64(seconds));
        let indexed_s = received.get("indexed_s").and_then(Value::as_f64).context("no time")?;
        let bytes = received.get("bytes_in").and_then(Value::as_f64).context("no bytes")?;
        #[expect(clippy::cast_precision_loss, reason = "a mean")]
        let bytes_each = bytes / self.entries as f64;
        let yardstick_rate = per_second(self.entries, yardstick);
        receiver.end()?;
        let empty = dir.path().join("empty");
        let again = again::in_sync(&full, &empty, entries)?;
        let once = bytes;
        let resumed = [
            again::killed(dir.path(), &full, entries, once, Side::Empty)?,
            again::killed(dir.path(), &full, entries, once, Side::Full)?,
        ];
        let more = fill(&full, self.entries..self.entries + again::NEW)?;
        let new = again::in_sync(&full, &empty, more)?;
        let figures = json!({
            "entries": self.entries,
            "registrations_per_s": rate,
            "projected_per_s": per_second(self.entries, Duration::from_secs_f64(indexed_s)),
            "yardstick_per_s": yardstick_rate,
            "ratio": rounded(rate / yardstick_rate),
            "ratio_aim": 3.0,
            "bytes_per_registration": rounded(bytes_each),
            "bytes_per_registration_aim": 75.0,
            "receiver": received,
            "sender": sent,
            "again": again,
            "again_bytes_aim": 64,
            "ten_new": new,
            "ten_new_bytes_aim": 2_000,
            "ten_new_ms_aim": 50,
            "resumed": resumed,
            "resumed_bytes_sent_twice_aim": swabmesh_protocol::limits::CHUNK_BYTES_MAX,
        });
        super::print(out, self.json, &figures)
    }
}

#[expect(clippy::print_stderr, reason = "progress belongs to the person who waits")]
pub(super) fn eprint_progress(what: &str) {
    eprintln!("bench: {what} …");
}

/// Fills a store with registrations of one site; returns the entries it holds.
pub(super) fn fill(store: &Path, numbers: std::ops::Range<u64>) -> anyhow::Result<u64> {
    let count = numbers.end;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let city = Arc::new(City::new());
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() - 60;
    runtime.block_on(async {
        let node = NodeHandle::start(city.setup(store, 9, Role::Site)?).await?;
        for first in numbers.step_by(usize::try_from(FILLING * POOL)?) {
            let numbers = first..(first + FILLING * POOL).min(count);
            let opened = numbers.clone().step_by(usize::try_from(POOL)?).map(|number| {
                let (node, tube) = (node.clone(), tube(number));
                tokio::spawn(async move {
                    let command = Command::Open { tube: tube.parse()?, pool: 10, operator: Text::new("op1")? };
                    anyhow::Ok(node.command(command).await.map(|_| ())?)
                })
            });
            for opened in opened.collect::<Vec<_>>() {
                opened.await??;
            }
            // Desks side by side, each filling its own tube.
            let desks =
                (0..POOL).flat_map(|place| numbers.clone().skip(usize::try_from(place).unwrap_or(0)).step_by(10));
            let commands = desks.map(|number| {
                let (node, city) = (node.clone(), Arc::clone(&city));
                tokio::spawn(async move {
                    let command = Command::Register(Box::new(registration(&city, number, now_s)?));
                    anyhow::Ok(node.command(command).await.map(|_| ())?)
                })
            });
            for command in commands.collect::<Vec<_>>() {
                command.await??;
            }
        }
        let entries = node.inspect(swabmesh_protocol::replica::Replica::entries).await?;
        node.stop().await;
        anyhow::Ok(entries)
    })
}

/// A record with its own signature, each verified strictly and appended; one sync at the end.
fn yardstick(dir: &Path, count: u64) -> anyhow::Result<Duration> {
    let key = SigningKey::from_bytes(&[5; 32]);
    let mut records = Vec::new();
    for number in 0..count {
        let mut record = [0; RECORD_BYTES];
        record[..8].copy_from_slice(&number.to_be_bytes());
        records.extend_from_slice(&record);
        records.extend_from_slice(&key.sign(&record).to_bytes());
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let sender = std::thread::spawn(move || TcpStream::connect(address)?.write_all(&records));
    let (stream, _) = listener.accept()?;
    let start = Instant::now();
    let mut stream = BufReader::with_capacity(1 << 18, stream);
    let mut file = std::io::BufWriter::with_capacity(1 << 18, File::create(dir.join("yardstick"))?);
    let mut record = [0; RECORD_BYTES + 64];
    for _ in 0..count {
        stream.read_exact(&mut record)?;
        let (message, signature) = record.split_at(RECORD_BYTES);
        key.verifying_key().verify_strict(message, &Signature::from_slice(signature)?)?;
        file.write_all(&record)?;
    }
    file.into_inner()?.sync_data()?;
    let time = start.elapsed();
    sender.join().map_err(|_| anyhow::anyhow!("the sender failed"))??;
    Ok(time)
}

/// A child process that is one side. Its standard input is its life: it ends when that is closed.
struct Node {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Node {
    fn start(side: Side, store: &Path, entries: u64, dial: Option<&str>) -> anyhow::Result<Self> {
        Self::start_with(side, store, entries, dial, &[])
    }

    /// One that says so when it holds some of the entries.
    fn start_until(side: Side, store: &Path, entries: u64, dial: Option<&str>, some: u64) -> anyhow::Result<Self> {
        Self::start_with(side, store, entries, dial, &["--say-at", &some.to_string()])
    }

    /// The full side again, where it listened before.
    fn start_at(store: &Path, entries: u64, address: &str) -> anyhow::Result<Self> {
        Self::start_with(Side::Full, store, entries, None, &["--listen", address])
    }

    fn start_with(side: Side, store: &Path, entries: u64, dial: Option<&str>, more: &[&str]) -> anyhow::Result<Self> {
        let mut process = Process::new(std::env::current_exe()?);
        process.args(["bench", "heal-node", "--side", if side == Side::Full { "full" } else { "empty" }]);
        process.arg("--store").arg(store).args(["--entries", &entries.to_string()]).args(more);
        if let Some(address) = dial {
            process.args(["--dial", address]);
        }
        if dial.is_some() && more.is_empty() && store.exists() {
            process.arg("--again");
        }
        let mut child = process.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let lines = BufReader::new(child.stdout.take().context("no output")?);
        Ok(Self { child, lines })
    }

    fn line(&mut self) -> anyhow::Result<Value> {
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        serde_json::from_str(&line).with_context(|| format!("a side of the measurement said {line:?}"))
    }

    /// Closes its input and takes its last line.
    fn end(&mut self) -> anyhow::Result<Value> {
        drop(self.child.stdin.take());
        let last = self.line();
        self.child.wait()?;
        last
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl NodeArguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(self.serve(out))
    }

    async fn serve(&self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let full = self.side == Side::Full;
        // A laboratory follows every cell and signs for nothing: what crosses is the log and what it takes to agree.
        let (number, role) = if full { (9, Role::Site) } else { (10, Role::Lab) };
        let mut setup = City::new().setup(&self.store, number, role)?;
        setup.issuers = Vec::new();
        if full {
            setup.listen = vec![self.listen.clone()];
        }
        setup.peers.extend(self.dial.clone());
        let node = NodeHandle::start(setup).await?;
        if full {
            let address = loop {
                if let Some(address) = node.snapshot().listening.first() {
                    break address.clone();
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            };
            writeln!(out, "{}", json!({ "address": address }))?;
        } else {
            let told = if self.again {
                again::until_in_sync(&node, self.entries, Instant::now()).await?
            } else {
                self.heal(&node, out).await?
            };
            writeln!(out, "{told}")?;
        }
        out.flush()?;
        // Lives until the measurement is over.
        tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
        writeln!(
            out,
            "{}",
            json!({
                "cpu_s": rounded(cpu_s()),
                "peak_memory_mb": memory_mb().0,
                "bytes_out": node.snapshot().counters.get("network_bytes_out"),
            })
        )?;
        node.stop().await;
        Ok(Outcome::Done)
    }

    /// Times from the first connection until every entry is durable, and until the tables show them.
    async fn heal(&self, node: &NodeHandle, out: &mut dyn Write) -> anyhow::Result<Value> {
        while node.inspect(|replica| replica.entries() == 0 && replica.sessions() == 0).await? {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let (start, cpu) = (Instant::now(), cpu_s());
        if let Some(some) = self.say_at {
            let held = loop {
                let held = node.inspect(swabmesh_protocol::replica::Replica::entries).await?;
                if held >= some {
                    break held;
                }
            };
            writeln!(out, "{}", json!({ "entries": held }))?;
            out.flush()?;
        }
        let entries = self.entries;
        while node.inspect(move |replica| replica.entries() < entries).await? {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let durable = start.elapsed();
        while node.inspect(|replica| !replica.is_indexed()).await? {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let indexed = start.elapsed();
        tokio::time::sleep(Duration::from_millis(600)).await;
        let snapshot = node.snapshot();
        Ok(json!({
            "durable_s": rounded(durable.as_secs_f64()),
            "indexed_s": rounded(indexed.as_secs_f64()),
            "bytes_in": snapshot.counters.get("network_bytes_in"),
            "cpu_s": rounded(cpu_s() - cpu),
            "peak_memory_mb": memory_mb().0,
        }))
    }
}
