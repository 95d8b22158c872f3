//! A stick: the bytes of a bundle, and what happens to them on the way.

use std::sync::Arc;

use crate::chance::Chance;

/// Bits of a damaged stick that are not what was written, at most.
const FLIPPED_BITS_MAX: u64 = 8;

/// What is on a stick. Copies share their bytes until one is damaged.
#[derive(Debug, Clone, Default)]
pub(super) struct Stick(Arc<Vec<u8>>);

impl Stick {
    pub(super) fn new(bundle: Vec<u8>) -> Self {
        Self(Arc::new(bundle))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The bytes from a place on, so many at most; none at the end.
    pub(super) fn read(&self, from: usize, bytes_max: usize) -> &[u8] {
        let rest = self.0.get(from..).unwrap_or_default();
        rest.get(..bytes_max).unwrap_or(rest)
    }

    /// It was pulled out while it was written: any part of it is there, from the front.
    pub(super) fn truncate(&mut self, chance: &mut Chance) {
        let kept = chance.index(self.len()).unwrap_or(0);
        Arc::make_mut(&mut self.0).truncate(kept);
    }

    /// It has bad places: a few bits, anywhere.
    pub(super) fn damage(&mut self, chance: &mut Chance) {
        let bytes = Arc::make_mut(&mut self.0);
        for _ in 0..chance.between(1, FLIPPED_BITS_MAX) {
            let at = chance.index(bytes.len());
            let bit = 1_u8 << chance.below(8);
            if let Some(byte) = at.and_then(|at| bytes.get_mut(at)) {
                *byte ^= bit;
            }
        }
    }
}
