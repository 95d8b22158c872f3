//! A frame: what the journal makes durable, and its bytes.
//!
//! ```text
//! magic 4 | payload bytes u32 | kind u8 | arrival u64 | CRC-32 u32 | payload      (big-endian)
//! ```
//! The checksum covers everything but itself. It finds a failing disk, not an adversary: whoever reads
//! a frame back verifies its content as if it came from the network.

use std::fmt;

use swabmesh_protocol::limits::CHUNK_BYTES_MAX;

/// Bytes of the longest payload of one frame.
pub const PAYLOAD_BYTES_MAX: usize = 1024 * 1024;

const _: () = assert!(CHUNK_BYTES_MAX <= PAYLOAD_BYTES_MAX, "a chunk fits one frame");

/// Bytes before a frame's payload.
pub(super) const HEADER_BYTES: usize = 4 + 4 + 1 + 8 + 4;

/// Begins with two bytes that UTF-8 never contains: text in a payload does not look like a frame.
pub(super) const MAGIC: [u8; 4] = [0xFE, 0xFF, b'S', b'W'];

/// Number of a frame in its store's life: the first is 1, each next one is greater, none is used twice.
///
/// Numbers may be skipped, after damage or a torn write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Arrival(pub u64);

impl Arrival {
    /// Before every frame.
    pub const NONE: Self = Self(0);

    /// The number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number before this one; [`Arrival::NONE`] has none and stays.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether anybody else could give a frame back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// Written here: stays in the journal until released, because it may exist nowhere else.
    Own,
    /// Received from a peer: stays until the index holds it.
    Foreign,
}

impl FrameKind {
    const fn code(self) -> u8 {
        match self {
            Self::Own => 1,
            Self::Foreign => 2,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Own),
            2 => Some(Self::Foreign),
            _ => None,
        }
    }
}

/// A frame read back from the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its number.
    pub arrival: Arrival,
    /// Its kind, as given when it was persisted.
    pub kind: FrameKind,
    /// Its bytes, as given when it was persisted.
    pub payload: Vec<u8>,
}

/// A frame inside the bytes of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct View<'a> {
    pub(super) arrival: Arrival,
    pub(super) kind: FrameKind,
    pub(super) payload: &'a [u8],
}

/// A frame's fields before its checksum is compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim<'a> {
    view: View<'a>,
    checked: &'a [u8],
    crc: u32,
}

impl<'a> Claim<'a> {
    /// Reads the frame that begins with the first byte, if its fields make sense. Costs no more than a header.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&MAGIC)?;
        let (length, rest) = rest.split_first_chunk()?;
        let (&[kind], rest) = rest.split_first_chunk()?;
        let (arrival, rest) = rest.split_first_chunk()?;
        let (crc, rest) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        if length == 0 || length > PAYLOAD_BYTES_MAX {
            return None;
        }
        let view = View {
            arrival: Arrival(u64::from_be_bytes(*arrival)),
            kind: FrameKind::from_code(kind)?,
            payload: rest.get(..length)?,
        };
        Some(Self { view, checked: bytes.get(..HEADER_BYTES - 4)?, crc: u32::from_be_bytes(*crc) })
    }

    pub(super) const fn arrival(&self) -> Arrival {
        self.view.arrival
    }

    pub(super) const fn frame_bytes(&self) -> usize {
        HEADER_BYTES + self.view.payload.len()
    }

    /// Compares the checksum. Costs as much as the payload is long.
    pub(super) fn verify(self) -> Option<View<'a>> {
        (checksum(self.checked, self.view.payload) == self.crc).then_some(self.view)
    }
}

/// Appends the bytes of a frame to `out`.
///
/// The payload's length is the caller's promise: 1 to [`PAYLOAD_BYTES_MAX`].
pub(super) fn encode(arrival: Arrival, kind: FrameKind, payload: &[u8], out: &mut Vec<u8>) {
    assert!(is_frame_size(payload.len()), "the store checks a frame's size before it queues it");
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut head = Vec::with_capacity(HEADER_BYTES);
    head.extend_from_slice(&MAGIC);
    head.extend_from_slice(&length.to_be_bytes());
    head.push(kind.code());
    head.extend_from_slice(&arrival.0.to_be_bytes());
    let crc = checksum(&head, payload);
    out.extend_from_slice(&head);
    out.extend_from_slice(&crc.to_be_bytes());
    out.extend_from_slice(payload);
}

/// Whether a payload of so many bytes is one the journal takes.
pub(super) const fn is_frame_size(bytes: usize) -> bool {
    bytes >= 1 && bytes <= PAYLOAD_BYTES_MAX
}

fn checksum(head: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Option<View<'_>> {
        Claim::read(bytes)?.verify()
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        let mut bytes = Vec::new();
        encode(Arrival(7), FrameKind::Foreign, b"tube", &mut bytes);
        assert_eq!(bytes[..17], [0xFE, 0xFF, b'S', b'W', 0, 0, 0, 4, 2, 0, 0, 0, 0, 0, 0, 0, 7]);
        assert_eq!(bytes[17..21], crc32fast::hash(&[&bytes[..17], b"tube".as_slice()].concat()).to_be_bytes());
        assert_eq!(bytes[21..], *b"tube");
    }

    #[test]
    fn a_frame_reads_back_and_any_flipped_bit_refuses_it() {
        let mut bytes = Vec::new();
        encode(Arrival(u64::MAX), FrameKind::Own, &[1, 2, 3], &mut bytes);
        assert_eq!(read(&bytes), Some(View { arrival: Arrival(u64::MAX), kind: FrameKind::Own, payload: &[1, 2, 3] }));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&damaged), None, "bit {bit}");
        }
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end]), None, "cut at {end}");
        }
    }
}
