//! Medians and what the system says of a process.

use std::fs;
use std::time::Duration;

/// Clock ticks of `/proc` in a second; fixed by Linux for every architecture that runs this.
const TICKS_PER_S: f64 = 100.0;

/// The value below which a share of the samples lies.
pub(super) fn percentile(samples: &mut [Duration], share: f64) -> Duration {
    samples.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index among samples"
    )]
    let at = ((samples.len() as f64 - 1.0) * share).round() as usize;
    samples.get(at).copied().unwrap_or_default()
}

/// Microseconds, with a fraction.
pub(super) fn micros(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e7).round() / 10.0
}

/// Rounds to three digits after the point.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

/// How many a second.
pub(super) fn per_second(count: u64, time: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let count = count as f64;
    (count / time.as_secs_f64()).round()
}

/// Processor seconds this process has used, user and system.
pub(super) fn cpu_s() -> f64 {
    cpu_s_of("self")
}

/// Processor seconds a process has used, user and system.
pub(super) fn cpu_s_of(process: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_PER_S
}

/// Peak and present resident memory of this process, MB.
pub(super) fn memory_mb() -> (f64, f64) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    let mb = |kb: Option<f64>| rounded(kb.unwrap_or_default() / 1024.0);
    (mb(field("VmHWM:")), mb(field("VmRSS:")))
}
