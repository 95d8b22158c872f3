//! Strict CBOR: what may arrive from outside (RFC 8949 §4.2).
//!
//! [`check`] walks foreign bytes once, allocates nothing, and leaves only what every decoder reads alike;
//! `minicbor` then reads the fields.

use std::convert::Infallible;

use minicbor::Encoder;

use crate::limits::{CBOR_DEPTH_MAX, CBOR_KEYS_MAX};

/// Whether the keys of a map must stand in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Bytewise ascending (RFC 8949 §4.2.1): what this project writes.
    Sorted,
    /// Any order, at most [`CBOR_KEYS_MAX`] keys: what other issuers write.
    Any,
}

/// Why bytes are not one strict CBOR item. Whoever wrote them is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    /// A length or a count promises more than the input holds.
    #[error("the data ends before its lengths say so")]
    Truncated,
    /// Bytes follow the item.
    #[error("bytes follow the end of the data")]
    Trailing,
    /// An indefinite length, or its break.
    #[error("a length is left open")]
    Indefinite,
    /// An integer or a length takes more bytes than it needs.
    #[error("a number is not in its shortest form")]
    NotShortest,
    /// The same key twice in one map.
    #[error("a key stands twice in one map")]
    DuplicateKey,
    /// Keys of a map out of order, where order is demanded.
    #[error("the keys of a map are out of order")]
    KeyOrder,
    /// More keys than [`CBOR_KEYS_MAX`] in a map of free order.
    #[error("a map has more than {CBOR_KEYS_MAX} keys")]
    TooManyKeys,
    /// A floating-point number.
    #[error("a number is a floating-point number")]
    Float,
    /// A simple value other than false, true and null, or a reserved initial byte.
    #[error("a value has an unassigned type")]
    Unassigned,
    /// More than [`CBOR_DEPTH_MAX`] levels.
    #[error("the data is nested more than {CBOR_DEPTH_MAX} deep")]
    Depth,
    /// A text that is not UTF-8.
    #[error("a text is not UTF-8")]
    Text,
}

/// Checks that `bytes` is exactly one strict CBOR item.
///
/// # Errors
/// The first fault met, reading from the front.
pub fn check(bytes: &[u8], order: Order) -> Result<(), CborError> {
    let mut walk = Walk { rest: bytes, order };
    walk.item(CBOR_DEPTH_MAX)?;
    if walk.rest.is_empty() { Ok(()) } else { Err(CborError::Trailing) }
}

/// Encodes with `minicbor` into a fresh vector.
///
/// # Panics
/// When `write` fails: a vector takes every byte, so that is a mistake of the caller.
pub fn encode<F>(write: F) -> Vec<u8>
where
    F: FnOnce(&mut Encoder<&mut Vec<u8>>) -> Result<(), minicbor::encode::Error<Infallible>>,
{
    let mut bytes = Vec::new();
    let written = write(&mut Encoder::new(&mut bytes));
    assert!(written.is_ok(), "a vector takes every byte");
    bytes
}

struct Walk<'b> {
    rest: &'b [u8],
    order: Order,
}

impl<'b> Walk<'b> {
    fn take(&mut self, len: u64) -> Result<&'b [u8], CborError> {
        let len = usize::try_from(len).map_err(|_| CborError::Truncated)?;
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(CborError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, CborError> {
        let (first, rest) = self.rest.split_first().ok_or(CborError::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    /// The argument of an initial byte, in its shortest form.
    fn argument(&mut self, info: u8) -> Result<u64, CborError> {
        let (width, least) = match info {
            0..=23 => return Ok(u64::from(info)),
            24 => (1, 24),
            25 => (2, 0x100),
            26 => (4, 0x1_0000),
            27 => (8, 0x1_0000_0000),
            31 => return Err(CborError::Indefinite),
            _ => return Err(CborError::Unassigned),
        };
        let value = self.take(width)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        if value < least { Err(CborError::NotShortest) } else { Ok(value) }
    }

    fn item(&mut self, depth: usize) -> Result<(), CborError> {
        let first = self.byte()?;
        let (major, info) = (first >> 5, first & 0x1f);
        if major == 7 {
            return match info {
                20..=22 => Ok(()),
                25..=27 => Err(CborError::Float),
                31 => Err(CborError::Indefinite),
                _ => Err(CborError::Unassigned),
            };
        }
        let argument = self.argument(info)?;
        match major {
            2 => self.take(argument).map(drop),
            3 => std::str::from_utf8(self.take(argument)?).map(drop).map_err(|_| CborError::Text),
            4 => self.array(argument, depth),
            5 => self.map(argument, depth),
            6 => self.item(depth.checked_sub(1).ok_or(CborError::Depth)?),
            _ => Ok(()),
        }
    }

    /// Every item takes a byte at least, so a count beyond the rest is known to lie before it is walked.
    fn bounded(&self, items: u64) -> Result<(), CborError> {
        if usize::try_from(items).is_ok_and(|items| items <= self.rest.len()) {
            Ok(())
        } else {
            Err(CborError::Truncated)
        }
    }

    fn array(&mut self, items: u64, depth: usize) -> Result<(), CborError> {
        let depth = depth.checked_sub(1).ok_or(CborError::Depth)?;
        self.bounded(items)?;
        for _ in 0..items {
            self.item(depth)?;
        }
        Ok(())
    }

    fn map(&mut self, pairs: u64, depth: usize) -> Result<(), CborError> {
        let depth = depth.checked_sub(1).ok_or(CborError::Depth)?;
        self.bounded(pairs.saturating_mul(2))?;
        let mut keys = Keys::new(self.order);
        for _ in 0..pairs {
            let before = self.rest;
            self.item(depth)?;
            let key_len = before.len() - self.rest.len();
            keys.add(before.get(..key_len).unwrap_or(before))?;
            self.item(depth)?;
        }
        Ok(())
    }
}

/// The keys of one map met so far, on the stack.
struct Keys<'b> {
    order: Order,
    ascending: bool,
    last: &'b [u8],
    met: [&'b [u8]; CBOR_KEYS_MAX],
    count: usize,
}

impl<'b> Keys<'b> {
    const fn new(order: Order) -> Self {
        Self { order, ascending: true, last: &[], met: [&[]; CBOR_KEYS_MAX], count: 0 }
    }

    fn add(&mut self, key: &'b [u8]) -> Result<(), CborError> {
        if key == self.last {
            return Err(CborError::DuplicateKey);
        }
        // Keys that have only risen so far cannot hold this one, which lies above them.
        self.ascending = self.ascending && self.last < key;
        self.last = key;
        match self.order {
            Order::Sorted if self.ascending => Ok(()),
            Order::Sorted => Err(CborError::KeyOrder),
            Order::Any => {
                if !self.ascending && self.met.iter().take(self.count).any(|met| *met == key) {
                    return Err(CborError::DuplicateKey);
                }
                *self.met.get_mut(self.count).ok_or(CborError::TooManyKeys)? = key;
                self.count += 1;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::hex;
    use proptest::prelude::*;

    fn unhex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
    }

    #[test]
    fn every_kind_of_fault_is_named() {
        let faults = [
            ("", CborError::Truncated),
            ("0000", CborError::Trailing),
            ("9f00ff", CborError::Indefinite),
            ("ff", CborError::Indefinite),
            ("1817", CborError::NotShortest),
            ("1900ff", CborError::NotShortest),
            ("5803010203", CborError::NotShortest),
            ("a200000000", CborError::DuplicateKey),
            ("f93c00", CborError::Float),
            ("fb3ff0000000000000", CborError::Float),
            ("f7", CborError::Unassigned),
            ("1c", CborError::Unassigned),
            ("61ff", CborError::Text),
            ("9bffffffffffffffff", CborError::Truncated),
            ("bbffffffffffffffff", CborError::Truncated),
            ("5bffffffffffffffff00", CborError::Truncated),
            ("818181818181818181", CborError::Depth),
        ];
        for (text, fault) in faults {
            assert_eq!(check(&unhex(text), Order::Any), Err(fault), "{text}");
        }
        assert_eq!(check(&unhex("8181818181818180"), Order::Any), Ok(()));
        assert_eq!(check(&unhex("83f4f5f6"), Order::Sorted), Ok(()));
    }

    #[test]
    fn order_of_keys_matters_only_where_it_is_demanded() {
        let swapped = unhex("a201000000");
        assert_eq!(check(&swapped, Order::Any), Ok(()));
        assert_eq!(check(&swapped, Order::Sorted), Err(CborError::KeyOrder));
        assert_eq!(check(&unhex("a3010000000100"), Order::Any), Err(CborError::DuplicateKey));
        // A negative key sorts after the positive ones: -1 is 0x20.
        assert_eq!(check(&unhex("a203002000"), Order::Sorted), Ok(()));
    }

    #[test]
    fn a_map_of_free_order_has_a_bounded_number_of_keys() {
        let wide = encode(|e| {
            e.map(40)?;
            for key in 0..40_u8 {
                e.u8(key)?.null()?;
            }
            Ok(())
        });
        assert_eq!(check(&wide, Order::Sorted), Ok(()));
        assert_eq!(check(&wide, Order::Any), Err(CborError::TooManyKeys));
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic_and_sorted_is_the_stricter_mode(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let sorted = check(&bytes, Order::Sorted);
            let free = check(&bytes, Order::Any);
            prop_assert!(sorted.is_err() || free.is_ok() || free == Err(CborError::TooManyKeys), "{}", hex(&bytes));
            if free.is_ok() {
                let mut decoder = minicbor::Decoder::new(&bytes);
                prop_assert!(decoder.skip().is_ok());
                prop_assert_eq!(decoder.position(), bytes.len());
            }
        }
    }
}
