//! `swabmesh bundle frames`: a bundle that is filmed instead of carried.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;
use swabmesh_node::bundle::Contents;
use swabmesh_node::bundle::series::{SHOWN_VERSION, lay_out, symbols};
use swabmesh_node::picture::animation::Animation;
use swabmesh_protocol::bundle::series::Series;
use swabmesh_protocol::limits::SERIES_BYTES_MAX;

use super::target::Aside;
use crate::Outcome;

/// Pixels a side of a module: 750 pixels a frame, which a tablet shows without making it smaller.
const MODULE_PX: u32 = 6;

/// Hundredths of a second in a second, the unit of a GIF.
const HUNDREDTHS: u32 = 100;

/// Show a bundle as a moving picture of QR codes, for a camera instead of a stick
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh bundle frames gate3.swab --out gate3.gif
  swabmesh bundle frames gate3.swab --out frames/ --spare 100
Show the picture on a tablet, in any browser, as large as it goes and bright; film it with a phone that is held still, from
the first frame for at least one round. Some frames may be missed: any sufficiently many will do. At the other node:
  swabmesh bundle import film.gif --data city
  ffmpeg -i film.mp4 -vf fps=15 pictures/%05d.png        for films that a phone recorded
  swabmesh bundle import pictures/ --data city")]
pub(super) struct Arguments {
    /// The bundle, as `bundle export` wrote it
    file: PathBuf,
    /// Where to: a file ending in .gif, or a new directory for one PNG a frame
    #[arg(long, value_name = "FILE.gif|DIR")]
    out: PathBuf,
    /// Frames a second. A film at 30 has each three times at 10, one of them while the screen changes
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=25))]
    rate: u16,
    /// Frames beyond those needed, in percent of them: what may be missed in one round
    #[arg(long, value_name = "PERCENT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(0..=900))]
    spare: u32,
    /// Print JSON, one object
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let series = lay_out(self.bundle()?)?;
        let name = series.name();
        // At least two: as many as are needed are nearly always enough, with two more they always are.
        let spare = (name.needed() * self.spare).div_ceil(100).max(2);
        let frames = name.needed() + spare;
        if self.out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gif")) {
            self.animation(&series, spare)?;
        } else {
            self.folder(&series, spare)?;
        }
        let round_s = f64::from(frames) / f64::from(self.rate);
        let digest = data_encoding::HEXLOWER.encode(&name.digest);
        if self.json {
            let line = json!({
                "out": self.out, "bundle": digest, "bytes": name.bytes, "bytes_per_frame": name.symbol_bytes,
                "qr_version": SHOWN_VERSION, "needed": name.needed(), "frames": frames, "rate": self.rate, "round_s": round_s,
            });
            writeln!(out, "{line}")?;
        } else {
            writeln!(
                out,
                "{}: bundle {digest}, {} bytes in {frames} frames, {} of them needed; {round_s:.0} s a round",
                self.out.display(),
                name.bytes,
                name.needed()
            )?;
            writeln!(
                out,
                "  → show it full screen, film one round, and at the other node: swabmesh bundle import FILM"
            )?;
        }
        Ok(Outcome::Done)
    }

    /// The bundle's bytes, which have to be a whole bundle: a damaged one is not worth the time in front of a camera.
    fn bundle(&self) -> anyhow::Result<Vec<u8>> {
        let path = self.file.display();
        let file = File::open(&self.file).with_context(|| format!("cannot read {path}: check the path"))?;
        let mut bytes = Vec::new();
        // One byte more shows that it is too long, and no more is read.
        file.take(u64::from(SERIES_BYTES_MAX) + 1).read_to_end(&mut bytes).with_context(|| path.to_string())?;
        if bytes.len() > SERIES_BYTES_MAX as usize {
            bail!("{path} has more than {SERIES_BYTES_MAX} bytes: carry it on a stick, or export fewer cells");
        }
        let contents = Contents::read(BufReader::new(bytes.as_slice()), |_| {})?;
        if !contents.condition.whole {
            bail!("{path} is no bundle, or a damaged one: export it again");
        }
        Ok(bytes)
    }

    fn animation(&self, series: &Series, spare: u32) -> anyhow::Result<()> {
        // The rate is at least 1.
        let delay = u16::try_from(HUNDREDTHS / u32::from(self.rate)).unwrap_or(u16::MAX);
        let mut symbols = symbols(series, spare);
        let first = symbols.next().context("a series has a frame")??;
        let mut animation = Animation::begin(Aside::create(&self.out)?, &first, MODULE_PX, delay)?;
        animation.add(&first)?;
        for symbol in symbols {
            animation.add(&symbol?)?;
        }
        animation.end()?.finish()
    }

    fn folder(&self, series: &Series, spare: u32) -> anyhow::Result<()> {
        let made =
            |path: &Path| format!("cannot write {}: name a new directory, or a file ending in .gif", path.display());
        std::fs::create_dir(&self.out).with_context(|| made(&self.out))?;
        for (number, symbol) in (1_u32..).zip(symbols(series, spare)) {
            let path = self.out.join(format!("{number:05}.png"));
            std::fs::write(&path, symbol?.png(MODULE_PX)?).with_context(|| made(&path))?;
        }
        Ok(())
    }
}
