//! Everything random in a world, drawn from its seed. Whole numbers only: equal on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// 32 bytes that follow from a seed and a label, for keys and for independent streams.
#[must_use]
pub fn derive(seed: u64, label: &str, number: u64) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"swabmesh simulation 1");
    hash.update(seed.to_be_bytes());
    hash.update(label);
    hash.update(number.to_be_bytes());
    hash.finalize().into()
}

/// One stream of chance. Each part of the world has its own, so that a change in one leaves the others alone.
#[derive(Debug)]
pub struct Chance(ChaCha8Rng);

impl Chance {
    /// The stream of a label.
    #[must_use]
    pub fn new(seed: u64, label: &str) -> Self {
        Self(ChaCha8Rng::from_seed(derive(seed, label, 0)))
    }

    /// A number below `bound`; 0 if that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.0.next_u64() % bound }
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// A wait whose mean is `mean_ms`, at least 1.
    pub fn around(&mut self, mean_ms: u64) -> u64 {
        self.between(1, mean_ms.saturating_mul(2).max(1))
    }

    /// Whether something happens that happens `per_mille` times in a thousand.
    pub fn happens(&mut self, per_mille: u32) -> bool {
        self.below(1_000) < u64::from(per_mille)
    }

    /// An index into `len` things; `None` if there are none.
    pub fn index(&mut self, len: usize) -> Option<usize> {
        (len > 0).then(|| usize::try_from(self.below(len as u64)).unwrap_or(0))
    }
}
