//! What changed in a status list: travels as a fact in the authority's feed.

use minicbor::{Decoder, Encoder};

use super::{StatusError, StatusList};
use crate::limits::STATUS_DELTA_INDICES_MAX;

/// Codes revoked since the delta before; without indices a heartbeat.
///
/// Wire form: `[list, bits, issued_at, [gaps]]`, the indices ascending, each as the distance from the one before
/// (the first from 0), so that a set has one encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusDelta {
    /// Number of the list.
    pub list: u32,
    /// Length of the list, so that a node that never saw it can begin it.
    pub bits: u32,
    /// As of when, seconds since 1970 UTC.
    pub issued_at_s: u64,
    /// Indices revoked, strictly ascending, at most [`STATUS_DELTA_INDICES_MAX`].
    pub set: Vec<u32>,
}

impl StatusDelta {
    /// Splits any number of indices, in any order, into deltas that each fit a fact; at least one, the heartbeat.
    #[must_use]
    pub fn split(list: u32, bits: u32, issued_at_s: u64, mut set: Vec<u32>) -> Vec<Self> {
        set.sort_unstable();
        set.dedup();
        let delta = |set: &[u32]| Self { list, bits, issued_at_s, set: set.to_vec() };
        if set.is_empty() { vec![delta(&[])] } else { set.chunks(STATUS_DELTA_INDICES_MAX).map(delta).collect() }
    }

    /// A list with exactly these codes revoked.
    ///
    /// # Errors
    /// [`StatusError::Bits`] or [`StatusError::Index`].
    pub fn to_list(&self) -> Result<StatusList, StatusError> {
        let mut list = StatusList::new(self.bits, self.issued_at_s)?;
        for index in &self.set {
            list.revoke(*index)?;
        }
        Ok(list)
    }
}

impl<C> minicbor::Encode<C> for StatusDelta {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.array(4)?.u32(self.list)?.u32(self.bits)?.u64(self.issued_at_s)?.array(self.set.len() as u64)?;
        let mut last = 0;
        for index in &self.set {
            e.u32(index.saturating_sub(last))?;
            last = *index;
        }
        Ok(())
    }
}

impl<'b, C> minicbor::Decode<'b, C> for StatusDelta {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let wrong = || minicbor::decode::Error::message("not a status delta");
        if d.array()? != Some(4) {
            return Err(wrong());
        }
        let (list, bits, issued_at_s) = (d.u32()?, d.u32()?, d.u64()?);
        let count = d.array()?.ok_or_else(wrong)?;
        let count = usize::try_from(count).ok().filter(|count| *count <= STATUS_DELTA_INDICES_MAX).ok_or_else(wrong)?;
        let mut set = Vec::with_capacity(count);
        let mut last = None;
        for _ in 0..count {
            let gap = d.u32()?;
            let index = match last {
                Some(_) if gap == 0 => return Err(wrong()),
                Some(last) => gap.checked_add(last).ok_or_else(wrong)?,
                None => gap,
            };
            set.push(index);
            last = Some(index);
        }
        Ok(Self { list, bits, issued_at_s, set })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cbor;
    use crate::limits::FACT_BYTES_MAX;
    use crate::status::StatusLists;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn deltas_fit_a_fact_come_back_and_set_every_index(set in proptest::collection::vec(0_u32..1 << 20, 0..1_500)) {
            let mut lists = StatusLists::default();
            for delta in StatusDelta::split(17, 1 << 20, 5, set.clone()) {
                let bytes = cbor::encode(|e| e.encode(&delta)?.ok());
                prop_assert!(bytes.len() + 32 < FACT_BYTES_MAX);
                let read: StatusDelta = minicbor::decode(&bytes).unwrap();
                prop_assert_eq!(&read, &delta);
                lists.apply(&read).unwrap();
            }
            let list = lists.get(17).unwrap();
            prop_assert!(set.iter().all(|index| list.is_revoked(*index) == Some(true)));
            prop_assert!(list.revoked_count() <= set.len() as u64);
        }
    }
}
