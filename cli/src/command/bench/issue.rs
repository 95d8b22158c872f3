//! Codes for a city through the HTTP API of a running authority: the most it issues, its latency below that, and a crowd of five times as many.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use swabmesh_authority::channels;
use swabmesh_authority::invented::resident;
use swabmesh_authority::office::place;
use swabmesh_node::config::Config;
use swabmesh_node::durable;
use swabmesh_node::enrolment::found::found;
use swabmesh_node::home::Home;
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::id::Lane;
use swabmesh_protocol::policy::Policy;
use swabmesh_protocol::text::Text;

use self::load::{Load, Pace, Seen};
use super::figures::{cpu_s_of, micros, per_second, percentile, rounded};
use crate::client::Client;
use crate::{Outcome, clock};

mod load;

/// Residents registered in one request.
const TOGETHER: u64 = 500;
/// Orders in one request of the batch part.
const BATCH: usize = 128;
/// How long the authority may take to start.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// Codes through the HTTP API (发码). Aim: 10,000 a second, p99 100 ms at 80 % of that, 80 % of it in a crowd of five times as many.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Invented residents; each gets one code.
    #[arg(long, default_value_t = 120_000)]
    residents: u64,
    /// Connections at a time.
    #[arg(long, default_value_t = 256)]
    connections: usize,
    /// Where to write; a directory on the disk to be measured.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// An authority of its own process, ended with the measurement.
struct Authority(Child);

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Arguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let dir = match &self.dir {
            Some(dir) => tempfile::tempdir_in(dir)?,
            None => tempfile::tempdir()?,
        };
        let data = dir.path().join("city");
        let home = Home::at(&data);
        found(
            &home,
            &Config::new(Role::Authority, Text::new("city")?, Lane::CITY),
            &Policy::default(),
            clock::now_s(),
        )?;
        durable::make_directory(&place(&home))?;
        let credential = channels::add(&place(&home).join("channels.json"), "app", 10_000_000)?;
        let (authority, address) = start(&data)?;
        let process = authority.0.id().to_string();
        let seeded = Instant::now();
        let people = seed(&data, self.residents)?;
        let seeded = seeded.elapsed();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let mut figures = runtime.block_on(self.measure((address, &process), &credential, people))?;
        if let Value::Object(figures) = &mut figures {
            figures.insert("residents_registered_per_s".to_owned(), json!(per_second(self.residents, seeded)));
        }
        super::print(out, self.json, &figures)
    }

    async fn measure(
        &self,
        (address, process): (SocketAddr, &str),
        credential: &str,
        people: Vec<Value>,
    ) -> anyhow::Result<Value> {
        let all = people.len();
        let mut people = people.into_iter();
        let mut part = |share: usize| people.by_ref().take(all * share / 100).collect::<Vec<Value>>();
        let orders = |people: Vec<Value>| people.iter().map(load::order).collect::<Vec<_>>();
        let load = Load { address, credential: credential.to_owned(), path: "/api/v1/issuing/codes" };
        let before = cpu_s_of(process);
        let mut best = load.run(orders(part(35)), self.connections, Pace::AsFastAsAnswered).await?;
        let cpu_per_code = (cpu_s_of(process) - before) / best.issued_f64();
        let best_per_s = best.issued_per_s();
        let mut calm = load.run(orders(part(25)), self.connections, Pace::PerSecond(best_per_s * 0.8)).await?;
        let mut crowd = load.run(orders(part(20)), self.connections * 8, Pace::PerSecond(best_per_s * 5.0)).await?;
        let batches: Vec<Vec<u8>> = part(20).chunks(BATCH).map(load::batch).collect();
        let load = Load { path: "/api/v1/issuing/codes/batch", ..load };
        let before = cpu_s_of(process);
        let mut batch = load.run(batches, 8, Pace::AsFastAsAnswered).await?;
        let cpu_per_code_of_batch = (cpu_s_of(process) - before) / batch.issued_f64();
        Ok(json!({
            "single_codes_per_s": best_per_s.round(),
            "codes_per_s_aim": 10_000,
            "single_cpu_us_per_code": rounded(cpu_per_code * 1e6),
            "single_p50_us": micros(percentile(&mut best.times, 0.5)),
            "single_p99_us": micros(percentile(&mut best.times, 0.99)),
            "at_80_percent_codes_per_s": calm.issued_per_s().round(),
            "at_80_percent_p50_us": micros(percentile(&mut calm.times, 0.5)),
            "at_80_percent_p99_us": micros(percentile(&mut calm.times, 0.99)),
            "p99_us_aim": 100_000,
            "crowd_offered_per_s": per_second(crowd.sent, crowd.took).round(),
            "crowd_codes_per_s": crowd.issued_per_s().round(),
            "crowd_over_best": rounded(crowd.issued_per_s() / best_per_s),
            "crowd_over_best_aim": 0.8,
            "crowd_shed": crowd.shed,
            "crowd_failed": crowd.failed,
            "crowd_slowest_us": micros(percentile(&mut crowd.times, 1.0)),
            "batch_codes_per_s": batch.issued_per_s().round(),
            "batch_cpu_us_per_code": rounded(cpu_per_code_of_batch * 1e6),
            "batch_p99_us": micros(percentile(&mut batch.times, 0.99)),
            "failed": best.failed + calm.failed + batch.failed,
            "shed": best.shed + calm.shed + batch.shed,
        }))
    }
}

impl Seen {
    fn issued_f64(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let issued = self.issued as f64;
        issued
    }

    fn issued_per_s(&self) -> f64 {
        self.issued_f64() / self.took.as_secs_f64()
    }
}

fn start(data: &Path) -> anyhow::Result<(Authority, SocketAddr)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([
        "authority",
        "run",
        "--http-listen",
        "127.0.0.1:0",
        "--no-mdns",
        "--listen",
        "127.0.0.1:0",
        "--data",
    ]);
    let child = command.arg(data).stdout(Stdio::null()).stderr(Stdio::null()).env("RUST_LOG", "error").spawn()?;
    let authority = Authority(child);
    let begun = Instant::now();
    loop {
        if let Ok(url) = std::fs::read_to_string(Home::at(data).url()) {
            let address = url.trim().strip_prefix("http://").context("an address")?.parse()?;
            return Ok((authority, address));
        }
        anyhow::ensure!(begun.elapsed() < READY_WITHIN, "the authority does not start");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Registers invented residents; who has a number to be asked by is given back.
fn seed(data: &Path, residents: u64) -> anyhow::Result<Vec<Value>> {
    let client = Client::of_node(data)?;
    let mut people = Vec::new();
    for first in (0..residents).step_by(usize::try_from(TOGETHER)?) {
        let documents: Vec<_> = (first..(first + TOGETHER).min(residents)).map(|number| resident(1, number)).collect();
        let named = documents.iter().filter(|entry| entry.document == 1);
        people.extend(named.map(|entry| json!({ "type": 1, "number": entry.number })));
        let _: Value = client.post("/residents", &json!({ "documents": documents }))?;
    }
    Ok(people)
}

/// Requests that are still to be sent, shared by the connections.
type Waiting = Arc<std::sync::Mutex<std::collections::VecDeque<Vec<u8>>>>;
