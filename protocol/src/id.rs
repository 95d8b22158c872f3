//! Names of things: nodes, feeds, entries, people, tubes, boxes.

use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::limits::BARCODE_CHARS_MAX;

/// Why a text is not one of these names. The text's writer is at fault; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not an even number of hexadecimal digits of the expected length.
    #[error("expected {expected} bytes as {} hexadecimal digits", expected * 2)]
    Hex {
        /// Bytes the name has.
        expected: usize,
    },
    /// A barcode is empty, too long, or holds something a Code 128 label of a tube does not.
    #[error("a barcode has 1 to {BARCODE_CHARS_MAX} letters, digits, '-', '_', '.' or '/'")]
    Barcode,
    /// An entry is written FEED:NUMBER.
    #[error("an entry is written FEED:NUMBER, the feed as 32 hexadecimal digits")]
    Entry,
}

/// Writes bytes as lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads exactly `N` bytes of hexadecimal, either case.
///
/// # Errors
/// [`IdError::Hex`] when the text has another length or other characters.
pub fn unhex<const N: usize>(text: &str) -> Result<[u8; N], IdError> {
    let wrong = IdError::Hex { expected: N };
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return Err(wrong);
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).map_err(|_| wrong)?;
        if pair.starts_with('+') {
            return Err(wrong);
        }
        *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong)?;
    }
    Ok(bytes)
}

macro_rules! byte_name {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let text = hex(&self.0);
                write!(f, "{}({})", stringify!($name), text.get(..8).unwrap_or(&text))
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                unhex(text).map(Self)
            }
        }

        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                let at = d.position();
                let wrong = || minicbor::decode::Error::message("another length").at(at);
                d.bytes()?.try_into().map(Self).map_err(|_| wrong())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

byte_name!(
    /// A node: its raw Ed25519 public key, 32 bytes. The libp2p peer id comes from the same key.
    NodeKey, 32
);
byte_name!(
    /// A feed: SHA-256 over writer, epoch and lane, truncated to 16 bytes; see [`FeedHeader::id`].
    ///
    /// Two headers of one id would have one writer's signature under both, which is a fork of its own making.
    FeedId, 16
);
byte_name!(
    /// A link of a hash chain: SHA-256, 32 bytes.
    Hash, 32
);
byte_name!(
    /// The first six bytes of a feed id: names a feed between two nodes that both know it.
    ///
    /// With 15,000 feeds two share one with a chance of 4 in 10 million; then both feeds are asked for.
    FeedShort, 6
);
byte_name!(
    /// A person's keyed pseudonym: HMAC-SHA-256 of the document, truncated to 16 bytes (rule P1).
    Person, 16
);
byte_name!(
    /// A code's own random identifier (CWT claim `cti`), 8 bytes.
    CodeId, 8
);

impl Hash {
    /// What the first entry of a feed names as its predecessor.
    pub const ZERO: Self = Self([0; 32]);
}

/// One lifetime of a store: random, drawn anew whenever a store is created, restored or cloned (rule N5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode)]
#[serde(transparent)]
#[cbor(transparent)]
pub struct Epoch(#[n(0)] pub u64);

/// A cell: a district or smaller. Lane 0 is city-wide; every node follows lane 0 and its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode)]
#[serde(transparent)]
#[cbor(transparent)]
pub struct Lane(#[n(0)] pub u16);

impl Lane {
    /// The lane every node follows.
    pub const CITY: Self = Self(0);
    /// The lane that never leaves its writer: the authority's registry of issued codes.
    pub const PRIVATE: Self = Self(u16::MAX);
}

/// What makes a feed this feed and no other: one writer, one epoch, one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(array)]
pub struct FeedHeader {
    /// Who signs its checkpoints.
    #[n(0)]
    pub writer: NodeKey,
    /// Which lifetime of the writer's store.
    #[n(1)]
    pub epoch: Epoch,
    /// Whom it concerns.
    #[n(2)]
    pub lane: Lane,
}

impl FeedHeader {
    /// The feed's id: SHA-256 of `"swabmesh feed 1"`, writer (32 bytes), epoch (8, big-endian), lane (2, big-endian),
    /// its first 16 bytes.
    #[must_use]
    pub fn id(&self) -> FeedId {
        let mut hash = Sha256::new();
        hash.update(b"swabmesh feed 1");
        hash.update(self.writer.0);
        hash.update(self.epoch.0.to_be_bytes());
        hash.update(self.lane.0.to_be_bytes());
        let digest: [u8; 32] = hash.finalize().into();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        FeedId(id)
    }
}

impl FeedId {
    /// The short form used between two nodes.
    #[must_use]
    pub fn short(&self) -> FeedShort {
        let mut short = [0; 6];
        short.copy_from_slice(&self.0[..6]);
        FeedShort(short)
    }
}

/// Position of an entry in its feed; the first is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, Encode, Decode)]
#[serde(transparent)]
#[cbor(transparent)]
pub struct SeqNo(#[n(0)] pub u64);

impl SeqNo {
    /// The number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// One entry: its feed and its number there. Also the name of the fact in it, so of a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(array)]
pub struct EntryId {
    /// The feed.
    #[n(0)]
    pub feed: FeedId,
    /// The number in the feed.
    #[n(1)]
    pub seq: SeqNo,
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.feed, self.seq.0)
    }
}

impl FromStr for EntryId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let (feed, seq) = text.split_once(':').ok_or(IdError::Entry)?;
        let feed = feed.parse().map_err(|_| IdError::Entry)?;
        let seq = seq.parse().map(SeqNo).map_err(|_| IdError::Entry)?;
        Ok(Self { feed, seq })
    }
}

impl Serialize for EntryId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EntryId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A printed barcode of a tube or a box: 1 to 32 characters, upper case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Barcode(String);

impl Barcode {
    /// The characters as printed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Barcode {
    type Err = IdError;
    /// Trims, raises to upper case and checks; what a label printer can print and a person can read out.
    fn from_str(text: &str) -> Result<Self, IdError> {
        let text = text.trim().to_ascii_uppercase();
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
        if text.is_empty() || text.len() > BARCODE_CHARS_MAX || !text.chars().all(allowed) {
            return Err(IdError::Barcode);
        }
        Ok(Self(text))
    }
}

impl fmt::Display for Barcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<C> Encode<C> for Barcode {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Barcode {
    /// Accepts only the form [`Barcode::from_str`] produces, so that one tube has one name.
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let at = d.position();
        let wrong = || minicbor::decode::Error::message("not a barcode").at(at);
        let text = d.str()?;
        let barcode = text.parse::<Self>().map_err(|_| wrong())?;
        if barcode.0 == text { Ok(barcode) } else { Err(wrong()) }
    }
}

impl<'de> Deserialize<'de> for Barcode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_print_as_they_parse() {
        let entry = EntryId { feed: FeedId([7; 16]), seq: SeqNo(9) };
        assert_eq!(entry.to_string().parse::<EntryId>().unwrap(), entry);
        assert_eq!("tube-1".parse::<Barcode>().unwrap().as_str(), "TUBE-1");
        assert_eq!("a b".parse::<Barcode>(), Err(IdError::Barcode));
        assert!("+1".repeat(32).parse::<NodeKey>().is_err());
    }

    #[test]
    fn feeds_differ_by_writer_epoch_and_lane() {
        let header = FeedHeader { writer: NodeKey([1; 32]), epoch: Epoch(2), lane: Lane(3) };
        assert_ne!(header.id(), FeedHeader { writer: NodeKey([2; 32]), ..header }.id());
        assert_ne!(header.id(), FeedHeader { epoch: Epoch(3), ..header }.id());
        assert_ne!(header.id(), FeedHeader { lane: Lane(4), ..header }.id());
    }
}
