//! How fast bytes may cross, and how many did.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::LinkId;
use super::figures::count;

/// Bytes a second, both directions together; absent for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    /// Of the whole node.
    pub node: Option<NonZeroU64>,
    /// Of each peer.
    pub peer: Option<NonZeroU64>,
}

/// What may cross at once after a time of rest. Source: guess; half a second of what is allowed.
const BURST: Duration = Duration::from_millis(500);

/// A limit that several tasks share. Whoever moved bytes waits until they are paid for.
#[derive(Debug)]
pub(super) struct Bucket {
    bytes_per_s: NonZeroU64,
    paid_until: Mutex<Instant>,
}

impl Bucket {
    pub(super) fn new(bytes_per_s: NonZeroU64, now: Instant) -> Self {
        Self { bytes_per_s, paid_until: Mutex::new(now) }
    }

    /// Notes bytes that moved, and returns how long nothing more may.
    pub(super) fn moved(&self, bytes: usize, now: Instant) -> Duration {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let cost = Duration::from_micros(bytes.saturating_mul(1_000_000) / self.bytes_per_s);
        let mut paid_until = self.paid_until.lock().unwrap_or_else(PoisonError::into_inner);
        let rested = now.checked_sub(BURST).unwrap_or(now);
        *paid_until = (*paid_until).max(rested) + cost;
        paid_until.saturating_duration_since(now)
    }
}

/// What crossed on one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkBytes {
    /// Bytes of frames received, without lengths.
    pub bytes_in: u64,
    /// Bytes of frames sent, without lengths.
    pub bytes_out: u64,
    /// Whether a limit makes this link wait at the moment.
    pub limited: bool,
}

/// One link's bytes and limits.
#[derive(Debug, Default)]
pub(super) struct Meter {
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    limited: AtomicBool,
    buckets: Vec<Arc<Bucket>>,
}

impl Meter {
    pub(super) fn new(buckets: Vec<Arc<Bucket>>) -> Self {
        Self { buckets, ..Self::default() }
    }

    /// Notes bytes received, and returns how long to wait before the next.
    pub(super) fn received(&self, bytes: usize) -> Duration {
        count(&self.bytes_in, bytes);
        self.moved(bytes)
    }

    /// Notes bytes sent, and returns how long to wait before the next.
    pub(super) fn sent(&self, bytes: usize) -> Duration {
        count(&self.bytes_out, bytes);
        self.moved(bytes)
    }

    fn moved(&self, bytes: usize) -> Duration {
        let now = Instant::now();
        let wait = self.buckets.iter().map(|bucket| bucket.moved(bytes, now)).max().unwrap_or_default();
        self.limited.store(!wait.is_zero(), Ordering::Relaxed);
        wait
    }

    pub(super) fn bytes(&self) -> LinkBytes {
        LinkBytes {
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
            limited: self.limited.load(Ordering::Relaxed),
        }
    }
}

/// The meters of all links that are up.
#[derive(Debug, Default)]
pub(super) struct Meters(Mutex<HashMap<LinkId, Arc<Meter>>>);

impl Meters {
    pub(super) fn insert(&self, link: LinkId, meter: Arc<Meter>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(link, meter);
    }

    pub(super) fn remove(&self, link: LinkId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&link);
    }

    pub(super) fn get(&self, link: LinkId) -> Option<LinkBytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&link).map(|meter| meter.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_above_the_rate_are_waited_for_and_a_rest_is_worth_half_a_second_at_most() {
        let start = Instant::now();
        let bucket = Bucket::new(NonZeroU64::new(1_000).unwrap(), start);
        assert_eq!(bucket.moved(2_000, start), Duration::from_secs(2) - Duration::ZERO);
        assert_eq!(bucket.moved(1_000, start + Duration::from_secs(2)), Duration::from_secs(1));
        let later = start + Duration::from_secs(60);
        assert_eq!(bucket.moved(500, later), Duration::ZERO);
        assert_eq!(bucket.moved(500, later), Duration::from_millis(500));
    }

    #[test]
    fn links_of_one_node_share_its_rate() {
        let bucket = Arc::new(Bucket::new(NonZeroU64::new(1_000).unwrap(), Instant::now()));
        let (one, other) = (Meter::new(vec![Arc::clone(&bucket)]), Meter::new(vec![bucket]));
        one.sent(10_000);
        assert!(other.received(1) > Duration::from_secs(5));
        assert!(other.bytes().limited);
        assert_eq!((one.bytes().bytes_out, other.bytes().bytes_in), (10_000, 1));
    }
}
