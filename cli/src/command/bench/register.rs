//! One durable registration, verdict included, against the bare disk.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use clap::Args;
use serde_json::json;
use swabmesh_node::runtime::NodeHandle;
use swabmesh_protocol::command::{Command, Presented, Register, Reply};
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::replica::Replica;
use swabmesh_protocol::text::Text;

use super::city::{City, POOL, tube};
use super::figures::{micros, per_second, percentile, rounded};
use crate::Outcome;

/// Desks that register at once in the second part.
const DESKS: u64 = 16;
/// Between two looks whether the tables have caught up.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// Bytes of one registration's chunk in the journal with its frame, measured; what the yardstick appends.
const CHUNK_BYTES: usize = 260;

/// Durable registrations one by one (逐个登记), against one append and fdatasync of as many bytes. Aim: 1.5 at the median.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Registrations one by one, and again by 16 desks together.
    #[arg(long, default_value_t = 2_000)]
    registrations: u64,
    /// Where to write; a directory on the disk to be measured.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let figures = runtime.block_on(self.measure())?;
        super::print(out, self.json, &figures)
    }

    async fn measure(&self) -> anyhow::Result<serde_json::Value> {
        let dir = match &self.dir {
            Some(dir) => tempfile::tempdir_in(dir)?,
            None => tempfile::tempdir()?,
        };
        let city = City::new();
        let node = NodeHandle::start(city.setup(&dir.path().join("store"), 9, Role::Site)?).await?;
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let count = self.registrations;
        let codes = (0..3 * count).map(|number| city.code(number, now_s - 60)).collect::<Result<Vec<_>, _>>()?;
        for number in (0..3 * count).step_by(usize::try_from(POOL)?) {
            let command = Command::Open { tube: tube(number).parse()?, pool: 10, operator: Text::new("op1")? };
            node.command(command).await?;
        }
        let mut bare = File::create(dir.path().join("bare"))?;
        let mut sync_bare = || {
            let start = Instant::now();
            bare.write_all(&[7; CHUNK_BYTES])?;
            bare.sync_data()?;
            anyhow::Ok(start.elapsed())
        };
        let (mut ours, mut yardstick) = (Vec::new(), Vec::new());
        for number in 0..count {
            ours.push(register(&node, number, &codes).await?);
            yardstick.push(sync_bare()?);
        }
        // Above, the index works beside the yardstick. Here nothing does, and every thread sleeps before each.
        let (mut rested, mut rested_yardstick) = (Vec::new(), Vec::new());
        for number in count..count + count / 4 {
            settle(&node).await?;
            rested.push(register(&node, number, &codes).await?);
            settle(&node).await?;
            rested_yardstick.push(sync_bare()?);
        }
        let first = count + count / 4;
        let codes = Arc::new(codes);
        let next = Arc::new(AtomicU64::new(first));
        let start = Instant::now();
        let desks: Vec<_> = (0..DESKS)
            .map(|_| {
                let (node, codes, next) = (node.clone(), Arc::clone(&codes), Arc::clone(&next));
                tokio::spawn(async move {
                    let mut times = Vec::new();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= first + count {
                            return anyhow::Ok(times);
                        }
                        times.push(register(&node, number, &codes).await?);
                    }
                })
            })
            .collect();
        let mut together = Vec::new();
        for desk in desks {
            together.extend(desk.await??);
        }
        let together_time = start.elapsed();
        node.stop().await;
        let (p50, bare) = (percentile(&mut ours, 0.5), percentile(&mut yardstick, 0.5));
        let (at_rest, bare_at_rest) = (percentile(&mut rested, 0.5), percentile(&mut rested_yardstick, 0.5));
        Ok(json!({
            "p50_us": micros(p50),
            "p95_us": micros(percentile(&mut ours, 0.95)),
            "yardstick_append_fdatasync_p50_us": micros(bare),
            "yardstick_append_fdatasync_p95_us": micros(percentile(&mut yardstick, 0.95)),
            "ratio": rounded(p50.as_secs_f64() / bare.as_secs_f64()),
            "ratio_aim": 1.5,
            "at_rest_p50_us": micros(at_rest),
            "at_rest_yardstick_p50_us": micros(bare_at_rest),
            "at_rest_ratio": rounded(at_rest.as_secs_f64() / bare_at_rest.as_secs_f64()),
            "desks_16_registrations_per_s": per_second(count, together_time),
            "desks_16_p50_us": micros(percentile(&mut together, 0.5)),
            "desks_16_p99_us": micros(percentile(&mut together, 0.99)),
            "desks_16_over_bare_fdatasyncs": rounded(per_second(count, together_time) * bare.as_secs_f64()),
        }))
    }
}

/// Waits until the tables have caught up with the log.
async fn settle(node: &NodeHandle) -> anyhow::Result<()> {
    while !node.inspect(Replica::is_indexed).await? {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// Registers one person by the text of a code; the time until it is on disk.
async fn register(node: &NodeHandle, number: u64, codes: &[String]) -> anyhow::Result<Duration> {
    let code = codes.get(usize::try_from(number)?).context("a code for every registration")?.clone();
    let (tube, operator) = (tube(number).parse()?, Text::new("op1")?);
    let command = Register { tube, presented: Presented::Code(code), operator, reason: None };
    let command = Command::Register(Box::new(command));
    let start = Instant::now();
    let reply = node.command(command).await?;
    let time = start.elapsed();
    let registered = matches!(&reply, Reply::Verdict(verdict) if verdict.registration.is_some());
    anyhow::ensure!(registered, "not registered: {reply:?}");
    Ok(time)
}
