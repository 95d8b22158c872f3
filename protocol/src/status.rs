//! Status lists: one bit a code, 1 = revoked (C8).
//!
//! A bit never goes back, so merging two versions is OR: in any order, any number of times, the result is the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::code::StatusRef;
use crate::limits::STATUS_LIST_BITS_MAX;

pub mod delta;
pub mod token;

use delta::StatusDelta;

/// Why something is not a status list or does not fit the one held. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    /// Empty, longer than 2^20, or not whole bytes.
    #[error("a status list has 8 to {STATUS_LIST_BITS_MAX} bits, in whole bytes")]
    Bits,
    /// An index outside the list.
    #[error("index {index} lies outside a list of {bits} bits")]
    Index {
        /// The index.
        index: u32,
        /// Bits of the list.
        bits: u32,
    },
    /// The compressed form is damaged, or would grow beyond the longest list.
    #[error("the compressed list is damaged or too long")]
    Compressed,
}

/// One status list. Takes one bit of memory a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusList {
    /// Bit `i` of the list is bit `i % 8` of byte `i / 8`, as the Token Status List draft has it.
    bytes: Vec<u8>,
    issued_at_s: u64,
}

impl StatusList {
    /// A list with nothing revoked, as of `issued_at_s`.
    ///
    /// # Errors
    /// [`StatusError::Bits`].
    pub fn new(bits: u32, issued_at_s: u64) -> Result<Self, StatusError> {
        if bits == 0 || bits > STATUS_LIST_BITS_MAX || !bits.is_multiple_of(8) {
            return Err(StatusError::Bits);
        }
        Ok(Self { bytes: vec![0; bits as usize / 8], issued_at_s })
    }

    /// Codes in the list.
    #[must_use]
    pub fn bits(&self) -> u32 {
        u32::try_from(self.bytes.len() * 8).unwrap_or(STATUS_LIST_BITS_MAX)
    }

    /// Seconds since 1970 UTC of the newest word from the authority on this list.
    #[must_use]
    pub const fn issued_at_s(&self) -> u64 {
        self.issued_at_s
    }

    /// Codes revoked.
    #[must_use]
    pub fn revoked_count(&self) -> u64 {
        self.bytes.iter().map(|byte| u64::from(byte.count_ones())).sum()
    }

    /// Whether a code is revoked; `None` outside the list.
    #[must_use]
    pub fn is_revoked(&self, index: u32) -> Option<bool> {
        let byte = self.bytes.get(index as usize / 8)?;
        Some(byte >> (index % 8) & 1 == 1)
    }

    /// Revokes a code.
    ///
    /// # Errors
    /// [`StatusError::Index`].
    pub fn revoke(&mut self, index: u32) -> Result<(), StatusError> {
        let bits = self.bits();
        let byte = self.bytes.get_mut(index as usize / 8).ok_or(StatusError::Index { index, bits })?;
        *byte |= 1 << (index % 8);
        Ok(())
    }

    /// Indices of the revoked codes, ascending.
    pub fn revoked(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.bits()).filter(|index| self.is_revoked(*index) == Some(true))
    }

    /// Takes what the other version of this list knows: OR of the bits, the longer length, the later time.
    pub fn merge(&mut self, other: &Self) {
        if other.bytes.len() > self.bytes.len() {
            self.bytes.resize(other.bytes.len(), 0);
        }
        for (own, theirs) in self.bytes.iter_mut().zip(&other.bytes) {
            *own |= theirs;
        }
        self.issued_at_s = self.issued_at_s.max(other.issued_at_s);
    }

    /// The form of the Token Status List draft (`lst`): zlib of the bits.
    #[must_use]
    pub fn compress(&self) -> Vec<u8> {
        const LEVEL: u8 = 9;
        miniz_oxide::deflate::compress_to_vec_zlib(&self.bytes, LEVEL)
    }

    /// Reads the compressed form; never unpacks more than the longest list has.
    ///
    /// # Errors
    /// [`StatusError::Compressed`] or [`StatusError::Bits`].
    pub fn decompress(lst: &[u8], issued_at_s: u64) -> Result<Self, StatusError> {
        let bytes_max = STATUS_LIST_BITS_MAX as usize / 8;
        let bytes = miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(lst, bytes_max)
            .map_err(|_| StatusError::Compressed)?;
        if bytes.is_empty() { Err(StatusError::Bits) } else { Ok(Self { bytes, issued_at_s }) }
    }
}

/// What is known of one code's revocation bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// No such list is held.
    Missing,
    /// The list is held and has no such index.
    OutOfRange,
    /// The list is held.
    Known {
        /// The bit.
        revoked: bool,
        /// As of when, seconds since 1970 UTC.
        issued_at_s: u64,
    },
}

/// All status lists held, by number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatusLists {
    lists: BTreeMap<u32, StatusList>,
}

impl StatusLists {
    /// Looks one code up.
    #[must_use]
    pub fn standing(&self, status: StatusRef) -> Standing {
        let Some(list) = self.lists.get(&status.list) else { return Standing::Missing };
        match list.is_revoked(status.index) {
            None => Standing::OutOfRange,
            Some(revoked) => Standing::Known { revoked, issued_at_s: list.issued_at_s },
        }
    }

    /// One list.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&StatusList> {
        self.lists.get(&number)
    }

    /// The lists, by ascending number.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &StatusList)> {
        self.lists.iter().map(|(number, list)| (*number, list))
    }

    /// Merges a whole list in, as from a token.
    pub fn merge_list(&mut self, number: u32, list: &StatusList) {
        match self.lists.get_mut(&number) {
            Some(held) => held.merge(list),
            None => drop(self.lists.insert(number, list.clone())),
        }
    }

    /// Merges everything another node holds.
    pub fn merge(&mut self, other: &Self) {
        for (number, list) in other.iter() {
            self.merge_list(number, list);
        }
    }

    /// Applies what the authority said since. A delta without indices is a heartbeat: nothing new as of its time.
    ///
    /// A delta's time vouches for all before it, so deltas are applied in the order of the authority's feed, which
    /// has no gaps.
    ///
    /// # Errors
    /// [`StatusError`] when it does not fit; then nothing was changed.
    pub fn apply(&mut self, delta: &StatusDelta) -> Result<(), StatusError> {
        let list = delta.to_list()?;
        self.merge_list(delta.list, &list);
        Ok(())
    }

    /// The age of the oldest list held, in seconds; `None` when none is held. What a site shows as how old its lists are.
    #[must_use]
    pub fn age_s(&self, now_s: u64) -> Option<u64> {
        self.lists.values().map(|list| now_s.saturating_sub(list.issued_at_s)).max()
    }
}

/// A status list as files write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusListFile {
    /// Its number.
    pub list: u32,
    /// Its length.
    pub bits: u32,
    /// Indices of the revoked codes.
    pub revoked: Vec<u32>,
    /// As of when, seconds since 1970 UTC.
    pub issued_at: u64,
}

impl StatusListFile {
    /// The list itself.
    ///
    /// # Errors
    /// [`StatusError::Bits`] or [`StatusError::Index`].
    pub fn to_list(&self) -> Result<StatusList, StatusError> {
        let mut list = StatusList::new(self.bits, self.issued_at)?;
        for index in &self.revoked {
            list.revoke(*index)?;
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(bits: u32, issued_at_s: u64, set: &[u32]) -> StatusList {
        let mut list = StatusList::new(bits, issued_at_s).unwrap();
        for index in set {
            list.revoke(index % bits).unwrap();
        }
        list
    }

    prop_compose! {
        fn any_list()(bytes in 1_u32..40, at in 0_u64..99, set in proptest::collection::vec(any::<u32>(), 0..20)) -> StatusList {
            list(bytes * 8, at, &set)
        }
    }

    fn merged(a: &StatusList, b: &StatusList) -> StatusList {
        let mut merged = a.clone();
        merged.merge(b);
        merged
    }

    proptest! {
        #[test]
        fn merging_commutes_associates_repeats_safely_and_never_clears_a_bit(a in any_list(), b in any_list(), c in any_list()) {
            let ab = merged(&a, &b);
            prop_assert_eq!(&ab, &merged(&b, &a));
            prop_assert_eq!(merged(&ab, &c), merged(&a, &merged(&b, &c)));
            prop_assert_eq!(&ab, &merged(&ab, &b));
            prop_assert!(a.revoked().chain(b.revoked()).all(|index| ab.is_revoked(index) == Some(true)));
            prop_assert!(ab.issued_at_s() >= a.issued_at_s().max(b.issued_at_s()));
        }

        #[test]
        fn the_compressed_form_comes_back(a in any_list()) {
            prop_assert_eq!(StatusList::decompress(&a.compress(), a.issued_at_s()), Ok(a));
        }
    }

    #[test]
    fn bits_stand_where_the_draft_puts_them() {
        // draft-ietf-oauth-status-list, one-bit example: statuses 1,0,0,1,1,1,0,1 1,1,0,0,0,1,0,1 are b9 a3.
        let set = [0, 3, 4, 5, 7, 8, 9, 13, 15];
        assert_eq!(list(16, 0, &set).bytes, [0xb9, 0xa3]);
        let lst = [0x78, 0xda, 0xdb, 0xb9, 0x18, 0x00, 0x02, 0x17, 0x01, 0x5d];
        assert_eq!(StatusList::decompress(&lst, 0), Ok(list(16, 0, &set)));
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let bomb = miniz_oxide::deflate::compress_to_vec_zlib(&vec![0; 200_000_000], 9);
        assert_eq!(StatusList::decompress(&bomb, 0), Err(StatusError::Compressed));
    }

    #[test]
    fn a_refused_delta_changes_nothing() {
        let mut lists = StatusLists::default();
        let delta = StatusDelta { list: 3, bits: 8, issued_at_s: 5, set: vec![1, 9] };
        assert_eq!(lists.apply(&delta), Err(StatusError::Index { index: 9, bits: 8 }));
        assert_eq!(lists, StatusLists::default());
    }
}
