//! An authority takes a city's registrations in: into its log, into the embedded projection, into a database.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use clap::Args;
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use swabmesh_authority::city::database::connect;
use swabmesh_authority::city::database::follow::Follower;
use swabmesh_node::reading;
use swabmesh_node::runtime::NodeHandle;
use swabmesh_node::store::Store;
use swabmesh_node::store::error::{Refused, StoreError};
use swabmesh_node::store::frame::FrameKind;
use swabmesh_node::store::options::StoreOptions;
use swabmesh_protocol::chunk::OpenedChunk;
use swabmesh_protocol::entry::node_key;
use swabmesh_protocol::fact::{Fact, Opened, Registered, Role, Route};
use swabmesh_protocol::id::{Epoch, FeedHeader, Hash, Lane, SeqNo};
use swabmesh_protocol::text::Text;
use swabmesh_protocol::time::{Stamp, Wall};

use super::city::{City, POOL, last_four, masked_name, person, tube};
use super::figures::{memory_mb, micros, per_second, percentile, rounded};
use super::heal::eprint_progress;
use crate::Outcome;

/// Sites that the registrations come from, two to a cell.
const SITES: u8 = 20;
/// The first of their key numbers.
const FIRST_KEY: u8 = 100;
/// Tubes of one chunk: what a busy site sends in ten minutes.
const CHUNK_TUBES: u64 = 40;
/// Memory for the index's pages.
const CACHE_BYTES: u64 = 512 * 1024 * 1024;
/// People whose results are looked up after each round.
const LOOKUPS: u64 = 2_000;

/// Ingests registrations of 20 sites (入库): 30,000/s into log and embedded projection, 15,000/s into a database.
///
/// Rounds of equal size into one store, so that a rate that falls with the size is seen. The embedded projection is timed as an
/// authority does it: with what its journal holds and its index does not.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Registrations in all.
    #[arg(long, default_value_t = 1_000_000)]
    registrations: u64,
    /// In so many rounds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    rounds: u64,
    /// Project into this database too. Its tables of this program are emptied first.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Where to write; a directory on the disk to be measured.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let dir = match &self.dir {
            Some(dir) => tempfile::tempdir_in(dir)?,
            None => tempfile::tempdir()?,
        };
        let store = dir.path().join("store");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let mut sites = Sites::new();
        let mut rounds = Vec::new();
        let each = self.registrations / self.rounds;
        for round in 0..self.rounds {
            eprint_progress(&format!("round {} of {}: {each} registrations", round + 1, self.rounds));
            let chunks = sites.chunks(round * each..(round + 1) * each)?;
            let logged = log(&store, chunks)?;
            rounds.push(runtime.block_on(self.project(&store, round, each, logged))?);
        }
        let rate = |name: &str| -> Vec<f64> {
            rounds.iter().filter_map(|round| round.get(name).and_then(Value::as_f64)).collect()
        };
        let flat = |rates: &[f64]| match (rates.first(), rates.last()) {
            (Some(first), Some(last)) if *first > 0.0 => rounded(last / first),
            _ => 0.0,
        };
        let (embedded, database) = (rate("log_and_embedded_per_s"), rate("database_per_s"));
        let figures = json!({
            "registrations": self.registrations,
            "log_and_embedded_per_s": embedded.last(),
            "log_and_embedded_per_s_aim": 30_000,
            "log_and_embedded_last_to_first": flat(&embedded),
            "database_per_s": database.last(),
            "database_per_s_aim": 15_000,
            "database_last_to_first": flat(&database),
            "peak_memory_mb": memory_mb().0,
            "peak_memory_mb_aim": 1_024,
            "rounds": rounds,
        });
        super::print(out, self.json, &figures)
    }

    async fn project(&self, store: &Path, round: u64, each: u64, logged: Duration) -> anyhow::Result<Value> {
        let city = City::new();
        let mut setup = city.setup(store, 9, Role::Authority)?;
        setup.store_options.cache_bytes = CACHE_BYTES;
        let mut roles = BTreeMap::from([(node_key(&setup.key), Role::Authority)]);
        for (number, key) in keys() {
            setup.signed.certificates.push(city.site_certificate(&key, &format!("site {number}"), lane(number))?);
            roles.insert(node_key(&key), Role::Site);
        }
        let start = Instant::now();
        let node = NodeHandle::start(setup).await?;
        let projected = start.elapsed();
        let mut lookups = Vec::new();
        let span = (round + 1) * each;
        for n in 0..LOOKUPS {
            let whom = person(n.wrapping_mul(7_919) % span.max(1));
            let start = Instant::now();
            anyhow::ensure!(!reading::results_of(node.view(), &whom)?.is_empty(), "a registration was lost");
            lookups.push(start.elapsed());
        }
        let database = match &self.database {
            None => None,
            Some(address) => {
                let mut client = connect::open(address).await?;
                connect::prepare(&client, &city.root()).await?;
                if round == 0 {
                    connect::clear(&mut client).await?;
                }
                let view = Arc::new(node.view().clone());
                let mut follower = Follower::new(view, Arc::new(roles), client, "bench".to_owned());
                follower.claim().await?;
                let start = Instant::now();
                follower.catch_up().await?;
                let took = start.elapsed();
                follower.release().await?;
                Some(per_second(each, took))
            }
        };
        node.stop().await;
        Ok(json!({
            "stored": span,
            "log_per_s": per_second(each, logged),
            "embedded_per_s": per_second(each, projected),
            "log_and_embedded_per_s": per_second(each, logged + projected),
            "database_per_s": database,
            "lookup_p50_us": micros(percentile(&mut lookups, 0.5)),
            "lookup_p99_us": micros(percentile(&mut lookups, 0.99)),
            "resident_mb": memory_mb().1,
        }))
    }
}

fn keys() -> impl Iterator<Item = (u8, SigningKey)> {
    (0..SITES).map(|number| (number, SigningKey::from_bytes(&[FIRST_KEY + number; 32])))
}

const fn lane(site: u8) -> Lane {
    Lane(site as u16 / 2 + 1)
}

/// Makes a round's chunks durable in the journal; returns how long that took.
fn log(store: &Path, chunks: Vec<Vec<u8>>) -> anyhow::Result<Duration> {
    let store = Store::open(store, &StoreOptions::new(9))?.store;
    let (done, durable) = sync_channel(chunks.len());
    let start = Instant::now();
    let count = chunks.len();
    for mut bytes in chunks {
        loop {
            let done = done.clone();
            let told = Box::new(move |result| {
                let _ = done.send(result);
            });
            match store.persist(FrameKind::Foreign, bytes, told) {
                Ok(()) => break,
                Err(Refused { why: StoreError::Busy, given: (back, _) }) => {
                    bytes = back;
                    std::thread::yield_now();
                }
                Err(refused) => return Err(refused.why.into()),
            }
        }
    }
    for _ in 0..count {
        durable.recv()??;
    }
    let took = start.elapsed();
    store.close()?;
    Ok(took)
}

/// Where each site's feed stands.
struct Sites(BTreeMap<u8, (SigningKey, FeedHeader, SeqNo, Hash, Stamp)>);

impl Sites {
    fn new() -> Self {
        let site = |(number, key): (u8, SigningKey)| {
            let header = FeedHeader { writer: node_key(&key), epoch: Epoch(1), lane: lane(number) };
            (number, (key, header, SeqNo(0), Hash::ZERO, Stamp::default()))
        };
        Self(keys().map(site).collect())
    }

    /// Registrations as chunks, tubes dealt to the sites in turn.
    fn chunks(&mut self, numbers: std::ops::Range<u64>) -> anyhow::Result<Vec<Vec<u8>>> {
        let mut chunks = Vec::new();
        let tubes: Vec<u64> = numbers.step_by(usize::try_from(POOL)?).collect();
        for (turn, tubes) in (0..).zip(tubes.chunks(usize::try_from(CHUNK_TUBES)?)) {
            let site = u8::try_from(turn % u64::from(SITES))?;
            let Some((key, header, seq, head, stamp)) = self.0.get_mut(&site) else { continue };
            let mut said: Vec<(Stamp, Vec<u8>)> = Vec::new();
            for first in tubes {
                let barcode = tube(*first).parse()?;
                let opened = Opened { tube: barcode, pool: 10, operator: Text::new("op1")?, seen: None };
                let registered = (*first..*first + POOL).map(|number| registered(number).map(Fact::from));
                for fact in std::iter::once(Ok(Fact::from(opened))).chain(registered) {
                    *stamp = stamp.next(Wall(1_649_462_400_000 + first * 7));
                    said.push((*stamp, fact?.to_bytes()));
                }
            }
            let chunk = OpenedChunk::write(key, *header, (*seq, *head), said);
            (*seq, *head) = (chunk.checkpoint.seq, chunk.checkpoint.head);
            chunks.push(chunk.seal().into_bytes());
        }
        Ok(chunks)
    }
}

fn registered(number: u64) -> anyhow::Result<Registered> {
    Ok(Registered {
        tube: tube(number).parse()?,
        person: person(number),
        route: Route::Static,
        document: 1,
        last_four: Text::new(last_four(number))?,
        name: Text::new(masked_name(number))?,
        operator: Text::new("op1")?,
        warnings: 0,
        code: None,
        guardian: None,
        reason: None,
        details: None,
        seen: None,
    })
}
