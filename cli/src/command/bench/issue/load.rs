//! The crowd: many connections over HTTP/1.1, each with one request at a time.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Waiting;

/// A request without an answer for so long counts as failed: it hangs.
const HANGS_AFTER: Duration = Duration::from_secs(5);

/// Longest a part with a pace may take.
const PACED_S_MAX: f64 = 8.0;

/// How fast requests are sent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    /// The next when the one before is answered.
    AsFastAsAnswered,
    /// At moments fixed beforehand; latency counts from them, so that a stall is felt by all who would have come.
    PerSecond(f64),
}

/// Where requests go.
pub(super) struct Load {
    pub(super) address: SocketAddr,
    pub(super) credential: String,
    pub(super) path: &'static str,
}

/// What came back.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) sent: u64,
    pub(super) issued: u64,
    pub(super) shed: u64,
    pub(super) failed: u64,
    pub(super) times: Vec<Duration>,
    pub(super) took: Duration,
}

/// The body of one order.
pub(super) fn order(resident: &Value) -> Vec<u8> {
    json!({ "resident": resident, "kind": "static" }).to_string().into_bytes()
}

/// The body of many orders.
pub(super) fn batch(residents: &[Value]) -> Vec<u8> {
    let orders: Vec<Value> =
        residents.iter().map(|resident| json!({ "resident": resident, "kind": "static" })).collect();
    json!({ "orders": orders }).to_string().into_bytes()
}

impl Load {
    /// Sends every body; one that was shed is sent again, by whoever has a moment.
    pub(super) async fn run(&self, bodies: Vec<Vec<u8>>, connections: usize, pace: Pace) -> anyhow::Result<Seen> {
        let waiting = Waiting::new(Mutex::new(bodies.into_iter().collect()));
        // Everybody is connected before the clock starts.
        let mut streams = Vec::new();
        for _ in 0..connections {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            streams.push(stream);
        }
        let start = Instant::now();
        let mut tasks = Vec::new();
        for (number, stream) in streams.into_iter().enumerate() {
            let (waiting, head) = (Waiting::clone(&waiting), self.head());
            tasks.push(tokio::spawn(async move {
                Connection { stream, head, read: Vec::new() }.work(&waiting, (number, connections), pace, start).await
            }));
        }
        let mut all = Seen::default();
        for task in tasks {
            let seen: Seen = task.await??;
            all.sent += seen.sent;
            all.issued += seen.issued;
            all.shed += seen.shed;
            all.failed += seen.failed;
            all.times.extend(seen.times);
        }
        all.took = start.elapsed();
        Ok(all)
    }

    fn head(&self) -> String {
        let Self { path, credential, address } = self;
        format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {credential}\r\n\
             content-type: application/json\r\ncontent-length: "
        )
    }
}

struct Connection {
    stream: TcpStream,
    head: String,
    read: Vec<u8>,
}

impl Connection {
    async fn work(
        mut self,
        waiting: &Waiting,
        (number, connections): (usize, usize),
        pace: Pace,
        start: Instant,
    ) -> anyhow::Result<Seen> {
        let mut seen = Seen::default();
        for turn in 0_u32.. {
            let mut due = Instant::now();
            if let Pace::PerSecond(rate) = pace {
                #[expect(clippy::cast_precision_loss, reason = "a rate")]
                let after = (f64::from(turn) * connections as f64 + number as f64) / rate;
                if after > PACED_S_MAX {
                    break;
                }
                due = start + Duration::from_secs_f64(after);
                tokio::time::sleep_until(due.into()).await;
            }
            let Some(body) = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front() else { break };
            seen.sent += 1;
            let answered = tokio::time::timeout(HANGS_AFTER, self.ask(&body)).await;
            seen.times.push(due.elapsed());
            match answered {
                Ok(Ok((200, codes))) => seen.issued += codes,
                Ok(Ok((503, _))) => {
                    seen.shed += 1;
                    waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(body);
                }
                Ok(Ok(_) | Err(_)) | Err(_) => seen.failed += 1,
            }
        }
        Ok(seen)
    }

    /// One request: the status, and how many codes the answer holds.
    async fn ask(&mut self, body: &[u8]) -> anyhow::Result<(u16, u64)> {
        let request = [self.head.as_bytes(), format!("{}\r\n\r\n", body.len()).as_bytes(), body].concat();
        self.stream.write_all(&request).await?;
        let (head_bytes, body_bytes) = loop {
            if let Some(sizes) = sizes(&self.read)? {
                break sizes;
            }
            self.more().await?;
        };
        while self.read.len() < head_bytes + body_bytes {
            self.more().await?;
        }
        let answer: Vec<u8> = self.read.drain(..head_bytes + body_bytes).collect();
        let status = answer.get(9..12).and_then(|status| std::str::from_utf8(status).ok());
        let codes = answer.windows(5).filter(|part| part == b"\"HS1:").count() as u64;
        Ok((status.context("a status")?.parse()?, codes))
    }

    async fn more(&mut self) -> anyhow::Result<()> {
        if self.stream.read_buf(&mut self.read).await? == 0 {
            bail!("the connection was closed");
        }
        Ok(())
    }
}

/// Bytes of the head and of the body behind it, once the head is whole.
fn sizes(read: &[u8]) -> anyhow::Result<Option<(usize, usize)>> {
    let Some(end) = read.windows(4).position(|part| part == b"\r\n\r\n") else { return Ok(None) };
    let head = String::from_utf8_lossy(read.get(..end).unwrap_or_default()).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).map_or("0", str::trim);
    Ok(Some((end + 4, length.parse()?)))
}
