//! From a code's text to its verdict, against one bare signature verification.

use std::io::Write;
use std::time::{Duration, Instant};

use clap::Args;
use ed25519_dalek::Signer;
use serde_json::json;
use swabmesh_protocol::policy::Policy;
use swabmesh_protocol::scan::Scanned;
use swabmesh_protocol::status::{StatusList, StatusLists};
use swabmesh_protocol::trust::{IssuerKey, TrustList};
use swabmesh_protocol::verify::{Knowledge, Verdict, verify};

use super::city::City;
use super::figures::{micros, percentile, rounded};
use crate::Outcome;

/// A moment at which the codes are valid, seconds since 1970 UTC.
const NOW_S: u64 = 1_649_520_000;
/// Codes judged between two looks at the clock, and codes made.
const BATCH: usize = 50;

/// Text to verdict (验码), as a multiple of one bare Ed25519 strict verification. Aim: at most 1.15.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Pairs of measurements; the medians count.
    #[arg(long, default_value_t = 400)]
    rounds: usize,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let city = City::new();
        let texts = (0..BATCH as u64).map(|number| city.code(number, NOW_S - 100)).collect::<Result<Vec<_>, _>>()?;
        let mut status = StatusLists::default();
        status.merge_list(1, &StatusList::new(1 << 20, NOW_S - 60)?);
        let trust = TrustList::new(1, vec![IssuerKey::new(city.issuer.verifying_key())]);
        let knowledge = Knowledge { trust, status, policy: Policy::default() };
        // The message a static code signs is 170 bytes long with its COSE frame.
        let message = [7; 170];
        let (signature, key) = (city.issuer.sign(&message), city.issuer.verifying_key());
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            ours.push(timed(&texts, |text| {
                verify(NOW_S, &Scanned::from_text(text), &knowledge)
                    .is_ok_and(|verified| verified.reasons().verdict() == Verdict::Green)
            })?);
            bare.push(timed(&texts, |_| key.verify_strict(std::hint::black_box(&message), &signature).is_ok())?);
        }
        let (ours, bare) = (percentile(&mut ours, 0.5), percentile(&mut bare, 0.5));
        let figures = json!({
            "text_to_verdict_us": micros(ours),
            "yardstick_bare_strict_verification_us": micros(bare),
            "ratio": rounded(ours.as_secs_f64() / bare.as_secs_f64()),
            "ratio_aim": 1.15,
        });
        super::print(out, self.json, &figures)
    }
}

/// The time of one call, over a batch; every call must succeed.
fn timed(texts: &[String], judge: impl Fn(&str) -> bool) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let all = texts.iter().all(|text| judge(std::hint::black_box(text)));
    let time = start.elapsed();
    anyhow::ensure!(all, "a code that should be green was not");
    Ok(time / u32::try_from(texts.len())?)
}
