//! A day's bundle past a camera.

use std::io::Write;
use std::path::Path;

use clap::Args;
use serde_json::json;
use swabmesh_node::bundle::series::{lay_out, symbols};
use swabmesh_node::picture::bench::film::{self, FILMED, SizeFigures};
use swabmesh_node::picture::bench::processor_ms;
use swabmesh_node::picture::degrade::photograph;
use swabmesh_node::picture::read::codes_in_luma;
use swabmesh_node::runtime::NodeHandle;
use swabmesh_protocol::bundle::series::{Gathering, Series};
use swabmesh_protocol::bundle::{Aim, Manifest, Wish, Writing, plan};
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::frontier::Lanes;
use swabmesh_protocol::id::{Epoch, NodeKey};
use swabmesh_protocol::time::Wall;

use super::city::City;
use super::figures::rounded;
use super::heal::{eprint_progress, fill};
use crate::Outcome;

/// Every so many frames one is missed: a fifth.
const MISSED_EVERY: usize = 5;

/// Frames a second, and spare ones in percent, as `bundle frames` has them by default.
const RATE: f64 = 10.0;
const SPARE_PERCENT: u32 = 50;

/// Films QR symbols of many sizes, and then a day's bundle with a fifth of its frames missed (离线包拍屏传输).
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Registrations of the day; a busy site has 1,700.
    #[arg(long, default_value_t = 1_700)]
    registrations: u64,
    /// Pictures of each size, level and way of filming; 0 leaves the sizes out.
    #[arg(long, default_value_t = 10)]
    frames: u32,
    /// Seed of the pictures.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let mut sizes = Vec::new();
        for version in [15, 20, 25, 30, 35, 40].into_iter().filter(|_| self.frames > 0) {
            eprint_progress(&format!("filming version {version}"));
            sizes.extend(film::run(&[version], self.frames, self.seed)?);
        }
        let dir = tempfile::tempdir()?;
        eprint_progress("making a day");
        let bundle = day(&dir.path().join("store"), self.registrations)?;
        let bundle_bytes = bundle.len();
        let series = lay_out(bundle)?;
        eprint_progress("filming the day");
        let filmed = self.film(&series)?;
        let name = series.name();
        let frames = name.needed() + (name.needed() * SPARE_PERCENT).div_ceil(100);
        let figures = json!({
            "registrations": self.registrations,
            "bundle_bytes": bundle_bytes,
            "bytes_per_frame": name.symbol_bytes,
            "needed": name.needed(),
            "shown": frames,
            "seconds_needed": rounded(f64::from(name.needed()) / RATE),
            "seconds_a_round": rounded(f64::from(frames) / RATE),
            "pictures_taken": filmed.taken,
            "pictures_read": filmed.read,
            "complete": filmed.complete,
            "reading_cpu_s": rounded(filmed.spent_ms / 1e3),
            "conditions": FILMED.map(|(name, _, _)| name),
            "sizes": sizes.iter().map(size).collect::<Vec<_>>(),
        });
        super::print(out, self.json, &figures)
    }

    /// Films a round in the hand, a fifth of it missed, until the bundle is complete.
    fn film(&self, series: &Series) -> anyhow::Result<Filmed> {
        let [_, (_, of_height, conditions), ..] = FILMED;
        let (mut filmed, mut gathering) = (Filmed::default(), Gathering::default());
        let spare = (series.name().needed() * SPARE_PERCENT).div_ceil(100);
        for (number, symbol) in symbols(series, spare).enumerate() {
            if number % MISSED_EVERY == 0 || filmed.complete {
                continue;
            }
            let symbol = symbol?;
            let conditions = film::held(&symbol, of_height, conditions);
            let picture = photograph(&symbol, &conditions, self.seed.wrapping_add(number as u64))?;
            let start = processor_ms();
            let texts = codes_in_luma(picture.width(), picture.height(), picture.as_raw()).unwrap_or_default();
            filmed.spent_ms += processor_ms() - start;
            filmed.taken += 1;
            filmed.read += usize::from(texts.iter().any(|text| gathering.take(text).is_ok()));
            filmed.complete = gathering.gathered().any(|gathered| gathered.bundle.is_some());
        }
        Ok(filmed)
    }
}

#[derive(Default)]
struct Filmed {
    taken: usize,
    read: usize,
    complete: bool,
    spent_ms: f64,
}

fn size(size: &SizeFigures) -> serde_json::Value {
    json!({
        "version": size.version, "level": size.level, "bytes": size.symbol_bytes, "read": size.read.map(rounded),
        "bytes_per_frame": size.bytes_per_frame.map(rounded), "mean_ms": rounded(size.mean_ms),
    })
}

/// The bundle of a site's day for the authority: nothing of it has a receipt.
fn day(store: &Path, registrations: u64) -> anyhow::Result<Vec<u8>> {
    fill(store, 0..registrations)?;
    let city = City::new();
    let setup = city.setup(store, 9, Role::Site)?;
    let (certificate, maker) = (setup.certificate.clone(), swabmesh_protocol::entry::node_key(&setup.key));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let node = runtime.block_on(NodeHandle::start(setup))?;
    let wish = Wish { lanes: Lanes::All, above_receipts: true, without: None, first: None, held: [].into() };
    let planned = plan(node.view(), &wish, &[].into())?;
    let held = planned.iter().map(|planned| (planned.name, planned.line.to)).collect();
    let manifest = Manifest {
        root: NodeKey(city.root()),
        maker,
        epoch: Epoch(9),
        made: Wall(0),
        aim: Aim::Authority,
        lanes: None,
        held,
        lines: Vec::new(),
    };
    let pieces: Result<Vec<_>, _> = Writing::new(node.view(), manifest, planned, vec![certificate]).collect();
    let bundle = pieces?.concat();
    runtime.block_on(node.stop());
    Ok(bundle)
}
