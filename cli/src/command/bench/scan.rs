//! Codes read from photographs.

use std::io::Write;

use clap::Args;
use serde_json::json;
use swabmesh_node::picture::bench::{self, ReaderFigures};

use super::figures::rounded;
use crate::Outcome;

/// Reads codes from 1080p photographs (拍照识码): rotated, blurred, skewed, noisy. Aim: 99 % read, 15 ms median.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Photographs of each of ten conditions.
    #[arg(long, default_value_t = 40)]
    frames: u32,
    /// Seed of the photographs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let figures = bench::run(self.frames, self.seed)?;
        let reader = |reader: &ReaderFigures| {
            json!({
                "read": reader.read, "frames": reader.frames, "share": rounded(reader.share),
                "median_ms": rounded(reader.median_ms), "p99_ms": rounded(reader.p99_ms),
            })
        };
        let set = |set: &bench::SetFigures| {
            json!({
                "conditions": set.conditions, "together": reader(&set.together),
                "rxing_alone": reader(&set.rxing), "rqrr_alone": reader(&set.rqrr),
            })
        };
        let figures = json!({
            "seed": self.seed,
            "share": rounded(figures.target.together.share),
            "share_aim": 0.99,
            "median_ms": rounded(figures.target.together.median_ms),
            "median_ms_aim": 15.0,
            "target": set(&figures.target),
            "sets": figures.sets.iter().map(set).collect::<Vec<_>>(),
        });
        super::print(out, self.json, &figures)
    }
}
