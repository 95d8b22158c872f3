//! Chunks: contiguous entries of one feed, closed by a checkpoint.
//!
//! The same bytes travel over the wire, lie in the journal and fill bundles. A chunk carries only what cannot
//! be recomputed: facts and stamps as deltas; numbers and hash links follow, and the signature proves them.
//!
//! ```text
//! CBOR array(8): version 1 · writer bstr 32 · epoch uint · lane uint · first number uint ·
//!                previous hash bstr 32 (empty when the first number is 1) · body · signature bstr 64
//! body:          CBOR array(4): entries uint · plain bytes uint · packing uint (0 plain, 1 zstd) · bstr
//! plain bytes:   for each entry uint 2·(ms since the stamp before) + (1 if a counter follows) · [counter uint] · fact bstr
//! ```

use std::convert::Infallible;

use ed25519_dalek::SigningKey;
use minicbor::encode::Write;
use minicbor::{Decoder, Encoder};

use crate::entry::{self, BadSignature, Checkpoint, Entry, Strict, Verifier};
use crate::id::{Epoch, FeedHeader, Hash, Lane, NodeKey, SeqNo};
use crate::limits::{CHUNK_BYTES_MAX, CHUNK_ENTRIES_MAX, CHUNK_PLAIN_BYTES_MAX, FACT_BYTES_MAX};
use crate::time::Stamp;

/// Version of the chunk's own layout.
const VERSION: u8 = 1;
/// Bits of a stamp below its milliseconds.
const COUNTER_BITS: u32 = 16;
/// Below this many plain bytes zstd's frame costs more than it saves. Measured: one registration grows by 11 bytes.
const PACK_BYTES_MIN: usize = 256;
/// zstd level. Measured on 1,000 registrations: level 3 packs to 51 bytes each, level 9 to 50 at a third of the speed.
const PACK_LEVEL: i32 = 3;

/// Why bytes are not a chunk that holds. The sender is at fault; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// More bytes than a chunk may have.
    #[error("{bytes} bytes; a chunk has at most {CHUNK_BYTES_MAX}")]
    TooLong {
        /// Bytes given.
        bytes: usize,
    },
    /// A layout of a newer version.
    #[error("chunk version {version} is not known here")]
    Version {
        /// The version found.
        version: u8,
    },
    /// Not the layout described above.
    #[error("not a chunk: wrong shape near byte {at}")]
    Shape {
        /// Offset where reading stopped.
        at: usize,
    },
    /// The entries do not unpack to what the chunk says, or to more than a chunk may hold.
    #[error("the entries do not unpack to the size stated")]
    Packing,
    /// The checkpoint does not verify over the recomputed chain.
    #[error("the chain of entries: {0}")]
    Signature(#[from] BadSignature),
}

/// A chunk as it travels, header read, nothing verified. [`SealedChunk::open`] is the only way to its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedChunk {
    header: FeedHeader,
    first: SeqNo,
    previous: Hash,
    count: usize,
    plain_bytes: usize,
    packed: bool,
    body: std::ops::Range<usize>,
    signature: [u8; 64],
    bytes: Vec<u8>,
}

/// A chunk whose chain was recomputed and whose signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedChunk {
    /// Whose feed.
    pub header: FeedHeader,
    /// The hash its first entry names as predecessor.
    pub previous: Hash,
    /// At least one entry, numbers rising by one.
    pub entries: Vec<Entry>,
    /// Covers the last entry.
    pub checkpoint: Checkpoint,
}

fn shape(error: minicbor::decode::Error) -> ChunkError {
    ChunkError::Shape { at: error.position().unwrap_or(0) }
}

fn fixed<const N: usize>(d: &mut Decoder<'_>) -> Result<[u8; N], ChunkError> {
    let at = d.position();
    d.bytes().map_err(shape)?.try_into().map_err(|_| ChunkError::Shape { at })
}

impl SealedChunk {
    /// Reads the header and checks every stated length before anything is set aside for it.
    ///
    /// # Errors
    /// [`ChunkError`], all but `Signature`.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, ChunkError> {
        if bytes.len() > CHUNK_BYTES_MAX {
            return Err(ChunkError::TooLong { bytes: bytes.len() });
        }
        let mut d = Decoder::new(&bytes);
        if d.array().map_err(shape)? != Some(8) {
            return Err(ChunkError::Shape { at: 0 });
        }
        let version = d.u8().map_err(shape)?;
        if version != VERSION {
            return Err(ChunkError::Version { version });
        }
        let header = FeedHeader {
            writer: NodeKey(fixed(&mut d)?),
            epoch: Epoch(d.u64().map_err(shape)?),
            lane: Lane(d.u16().map_err(shape)?),
        };
        let at = d.position();
        let first = SeqNo(d.u64().map_err(shape)?);
        let previous = match (first.0, d.bytes().map_err(shape)?) {
            (1, []) => Hash::ZERO,
            (2.., hash) => Hash(hash.try_into().map_err(|_| ChunkError::Shape { at })?),
            _ => return Err(ChunkError::Shape { at }),
        };
        let at = d.position();
        if d.array().map_err(shape)? != Some(4) {
            return Err(ChunkError::Shape { at });
        }
        let number = |d: &mut Decoder<'_>| d.u32().map(|n| n as usize).map_err(shape);
        let (count, plain_bytes, packing) = (number(&mut d)?, number(&mut d)?, d.u8().map_err(shape)?);
        let body_len = d.bytes().map_err(shape)?.len();
        let body = d.position() - body_len..d.position();
        let signature = fixed(&mut d)?;
        let sizes_hold = (1..=CHUNK_ENTRIES_MAX).contains(&count)
            && plain_bytes <= CHUNK_PLAIN_BYTES_MAX
            && packing <= 1
            && (packing == 1 || plain_bytes == body_len)
            && first.0.checked_add(count as u64).is_some();
        if !sizes_hold || d.position() != bytes.len() {
            return Err(ChunkError::Shape { at });
        }
        Ok(Self { header, first, previous, count, plain_bytes, packed: packing == 1, body, signature, bytes })
    }

    /// The feed it claims to be of.
    #[must_use]
    pub const fn header(&self) -> &FeedHeader {
        &self.header
    }

    /// The number of its first entry.
    #[must_use]
    pub const fn first(&self) -> SeqNo {
        self.first
    }

    /// The number of its last entry.
    #[must_use]
    pub const fn last(&self) -> SeqNo {
        SeqNo(self.first.0 + self.count as u64 - 1)
    }

    /// The bytes as received; what the journal keeps.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The bytes as received.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Recomputes the chain and checks the signature over it.
    ///
    /// # Errors
    /// [`ChunkError::Packing`], [`ChunkError::Shape`] or [`ChunkError::Signature`].
    pub fn open(&self) -> Result<OpenedChunk, ChunkError> {
        self.open_with(&Strict)
    }

    /// [`SealedChunk::open`], the signature checked by `verifier`.
    ///
    /// # Errors
    /// As of [`SealedChunk::open`].
    pub fn open_with(&self, verifier: &dyn Verifier) -> Result<OpenedChunk, ChunkError> {
        let chunk = self.read()?;
        verifier.check(&chunk.checkpoint, &self.header)?;
        Ok(chunk)
    }

    /// Reads a chunk that this node opened before it wrote it down: the signature is not checked again.
    ///
    /// # Errors
    /// [`ChunkError::Packing`] or [`ChunkError::Shape`].
    pub fn reopen(&self) -> Result<OpenedChunk, ChunkError> {
        self.read()
    }

    fn read(&self) -> Result<OpenedChunk, ChunkError> {
        let body = self.bytes.get(self.body.clone()).unwrap_or_default();
        let unpacked;
        let plain = if self.packed {
            unpacked = zstd::bulk::decompress(body, self.plain_bytes).map_err(|_| ChunkError::Packing)?;
            if unpacked.len() != self.plain_bytes {
                return Err(ChunkError::Packing);
            }
            unpacked.as_slice()
        } else {
            body
        };
        let feed = self.header.id();
        let mut entries = Vec::with_capacity(self.count.min(plain.len()));
        let (mut seq, mut hash, mut stamp) = (self.first, self.previous, Stamp::default());
        let mut d = Decoder::new(plain);
        for _ in 0..self.count {
            stamp = read_stamp(&mut d, stamp)?;
            let fact = d.bytes().map_err(shape)?;
            if fact.len() > FACT_BYTES_MAX {
                return Err(ChunkError::Shape { at: d.position() });
            }
            hash = entry::link(&feed, seq, &hash, stamp, fact);
            entries.push(Entry { seq, stamp, hash, fact: fact.to_vec() });
            seq = seq.next();
        }
        if d.position() != plain.len() {
            return Err(ChunkError::Shape { at: d.position() });
        }
        let checkpoint = Checkpoint { seq: self.last(), head: hash, signature: self.signature };
        Ok(OpenedChunk { header: self.header, previous: self.previous, entries, checkpoint })
    }
}

fn read_stamp(d: &mut Decoder<'_>, before: Stamp) -> Result<Stamp, ChunkError> {
    let at = d.position();
    let wrong = ChunkError::Shape { at };
    let step = d.u64().map_err(shape)?;
    let counter = if step & 1 == 1 { d.u16().map_err(shape)? } else { 0 };
    if step & 1 == 1 && counter == 0 {
        return Err(wrong);
    }
    let wall = before.wall().0.checked_add(step >> 1).ok_or(wrong)?;
    if wall >> (u64::BITS - COUNTER_BITS) != 0 {
        return Err(wrong);
    }
    Ok(Stamp((wall << COUNTER_BITS) | u64::from(counter)))
}

fn write_stamp<W: Write<Error = Infallible>>(e: &mut Encoder<W>, before: Stamp, stamp: Stamp) {
    let counter = stamp.0 & ((1 << COUNTER_BITS) - 1);
    let step = stamp.wall().0.saturating_sub(before.wall().0) << 1;
    // Writing to a vector cannot fail.
    let _ =
        if counter == 0 { e.u64(step).map(|_| ()) } else { e.u64(step | 1).and_then(|e| e.u64(counter)).map(|_| ()) };
}

/// Lays entries out as the body of a chunk or of a page; the first stamp is absolute.
#[must_use]
pub fn encode_entries<'a>(entries: impl Iterator<Item = (Stamp, &'a [u8])>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut before = Stamp::default();
    for (stamp, fact) in entries {
        append_entry(&mut bytes, before, stamp, fact);
        before = stamp;
    }
    bytes
}

/// Lays one entry out behind those in `bytes`, the last of which has the stamp `before`.
///
/// The wall time of `stamp` must not lie before that of `before`: a step back has no form here.
pub fn append_entry(bytes: &mut Vec<u8>, before: Stamp, stamp: Stamp, fact: &[u8]) {
    let mut e = Encoder::new(bytes);
    write_stamp(&mut e, before, stamp);
    let _ = e.bytes(fact);
}

/// Reads what [`encode_entries`] wrote.
///
/// # Errors
/// [`ChunkError::Shape`] on anything else.
pub fn decode_entries(bytes: &[u8]) -> Result<Vec<(Stamp, &[u8])>, ChunkError> {
    let mut d = Decoder::new(bytes);
    let mut entries = Vec::new();
    let mut stamp = Stamp::default();
    while d.position() < bytes.len() {
        stamp = read_stamp(&mut d, stamp)?;
        entries.push((stamp, d.bytes().map_err(shape)?));
    }
    Ok(entries)
}

impl OpenedChunk {
    /// Chains new facts onto a feed and signs them.
    ///
    /// `facts` must not be empty and hold at most [`crate::limits::GROUP_ENTRIES_MAX`]; the caller keeps that bound.
    #[must_use]
    pub fn write(
        key: &SigningKey,
        header: FeedHeader,
        after: (SeqNo, Hash),
        facts: impl IntoIterator<Item = (Stamp, Vec<u8>)>,
    ) -> Self {
        let feed = header.id();
        let (mut seq, mut hash) = after;
        let mut entries = Vec::new();
        for (stamp, fact) in facts {
            seq = seq.next();
            hash = entry::link(&feed, seq, &hash, stamp, &fact);
            entries.push(Entry { seq, stamp, hash, fact });
        }
        let checkpoint = Checkpoint::sign(key, &feed, seq, hash);
        Self { header, previous: after.1, entries, checkpoint }
    }

    /// The number of its first entry.
    #[must_use]
    pub fn first(&self) -> SeqNo {
        self.entries.first().map_or(self.checkpoint.seq, |entry| entry.seq)
    }

    /// The form that travels, packed when that makes it smaller.
    #[must_use]
    pub fn seal(&self) -> SealedChunk {
        let plain = encode_entries(self.entries.iter().map(|entry| (entry.stamp, entry.fact.as_slice())));
        seal(&self.header, self.first(), &self.previous, self.entries.len(), &plain, &self.checkpoint)
    }
}

/// Puts a chunk together from entries already laid out by [`encode_entries`].
#[must_use]
pub fn seal(
    header: &FeedHeader,
    first: SeqNo,
    previous: &Hash,
    count: usize,
    plain: &[u8],
    checkpoint: &Checkpoint,
) -> SealedChunk {
    let packed = (plain.len() >= PACK_BYTES_MIN)
        .then(|| zstd::bulk::compress(plain, PACK_LEVEL).ok())
        .flatten()
        .filter(|packed| packed.len() < plain.len());
    let body = packed.as_deref().unwrap_or(plain);
    let mut e = Encoder::new(Vec::with_capacity(body.len() + 192));
    let previous_bytes: &[u8] = if first.0 == 1 { &[] } else { &previous.0 };
    let mut write = || {
        e.array(8)?.u8(VERSION)?.bytes(&header.writer.0)?.u64(header.epoch.0)?.u16(header.lane.0)?;
        e.u64(first.0)?.bytes(previous_bytes)?;
        e.array(4)?.u64(count as u64)?.u64(plain.len() as u64)?.u8(u8::from(packed.is_some()))?.bytes(body)?;
        e.bytes(&checkpoint.signature)?.ok()
    };
    // Writing to a vector cannot fail.
    let _: Result<(), minicbor::encode::Error<Infallible>> = write();
    let bytes = e.into_writer();
    let end = bytes.len() - 66;
    SealedChunk {
        header: *header,
        first,
        previous: *previous,
        count,
        plain_bytes: plain.len(),
        packed: packed.is_some(),
        body: end - body.len()..end,
        signature: checkpoint.signature,
        bytes,
    }
}

#[cfg(test)]
mod tests;
