//! How long registrations took, from the desk to the authority's disk.

/// Delays of all registrations that arrived.
#[derive(Debug, Clone, Default)]
pub struct Delays {
    /// Milliseconds; capped at 49 days.
    ms: Vec<u32>,
}

impl Delays {
    /// Bounds of the bars of the chart, and what they are called. Milliseconds.
    pub const BARS: [(u64, &str); 10] = [
        (100, "≤ 0.1 s"),
        (300, "≤ 0.3 s"),
        (1_000, "≤ 1 s"),
        (10_000, "≤ 10 s"),
        (60_000, "≤ 1 min"),
        (600_000, "≤ 10 min"),
        (1_800_000, "≤ 30 min"),
        (7_200_000, "≤ 2 h"),
        (28_800_000, "≤ 8 h"),
        (u64::MAX, "> 8 h"),
    ];

    /// One arrived.
    pub fn add(&mut self, ms: u64) {
        self.ms.push(u32::try_from(ms).unwrap_or(u32::MAX));
    }

    /// The delay that `part` of `whole` do not exceed; `None` if nothing arrived. Milliseconds.
    #[must_use]
    pub fn quantile(&self, part: usize, whole: usize) -> Option<u64> {
        let mut sorted = self.ms.clone();
        let last = sorted.len().checked_sub(1)?;
        let (_, at, _) = sorted.select_nth_unstable(last * part / whole.max(1));
        Some(u64::from(*at))
    }

    /// How many took no longer than each bar and longer than the one before.
    #[must_use]
    pub fn bars(&self) -> [u64; Self::BARS.len()] {
        let mut bars = [0; Self::BARS.len()];
        for ms in &self.ms {
            let bar = Self::BARS.iter().position(|(bound, _)| u64::from(*ms) <= *bound);
            if let Some(bar) = bar.and_then(|bar| bars.get_mut(bar)) {
                *bar += 1;
            }
        }
        bars
    }
}
