//! Reading a bundle: what holds is given out, what does not is passed over and counted.

use sha2::{Digest, Sha256};

use super::{CERTIFICATE, CHUNK, END, HEADER_BYTES, MAGIC, MANIFEST, MARKER, Manifest, bytes_max, check};
use crate::chunk::SealedChunk;
use crate::limits::BUNDLE_VAIN_BYTES_MAX;

/// A record that holds. Only its check was made: what it says is verified by whoever takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// What the bundle says of itself.
    Manifest(Manifest),
    /// A certificate as the root signed it, or something that says it is.
    Certificate(Vec<u8>),
    /// A chunk, not verified.
    Chunk(SealedChunk),
}

/// In what condition a bundle was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Condition {
    /// Bytes read.
    pub bytes: u64,
    /// Bytes that are part of no record that holds.
    pub damaged_bytes: u64,
    /// Records that hold and that this version cannot read.
    pub unreadable: u64,
    /// Whether it begins as a bundle of this version does.
    pub begins: bool,
    /// Whether its end was reached and the digest there holds over everything before it.
    pub whole: bool,
}

impl Condition {
    /// Whether any of it looks like a bundle.
    #[must_use]
    pub const fn is_bundle(&self) -> bool {
        self.begins || self.damaged_bytes < self.bytes
    }
}

/// Finds the records in bytes as they come. Keeps no more than one record and what was pushed last.
#[derive(Debug, Default)]
pub struct Scanner {
    buffer: Vec<u8>,
    at: usize,
    hash: Sha256,
    records: u64,
    begun: bool,
    closed: bool,
    ended: bool,
    /// Bytes hashed for records that did not hold: a file made to cost us gets no further than this.
    vain_bytes: usize,
    condition: Condition,
}

/// What lies at the place read next.
enum Next {
    /// A record of this kind and these bytes of payload.
    Record(u8, usize),
    /// None: look one byte further.
    Nothing,
    /// Unknown until more bytes come.
    More,
}

impl Scanner {
    /// Takes the next bytes; [`Scanner::next_piece`] is drained before the next call.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.extend_from_slice(bytes);
        self.condition.bytes += bytes.len() as u64;
    }

    /// No more bytes will come; what was held back for them is read now.
    pub const fn close(&mut self) {
        self.closed = true;
    }

    /// The next record that holds; `None` until more bytes are pushed, and at the end.
    pub fn next_piece(&mut self) -> Option<Piece> {
        if !self.begun && !self.begin() {
            return None;
        }
        loop {
            match self.look() {
                Next::More => return None,
                Next::Nothing => self.pass_over(),
                Next::Record(kind, length) => {
                    if let Some(piece) = self.take(kind, length) {
                        return Some(piece);
                    }
                }
            }
        }
    }

    /// What was found so far; of the whole file once everything was pushed, closed and drained.
    #[must_use]
    pub const fn condition(&self) -> Condition {
        self.condition
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.at..).unwrap_or_default()
    }

    fn begin(&mut self) -> bool {
        if self.rest().len() < MAGIC.len() && !self.closed {
            return false;
        }
        self.begun = true;
        self.condition.begins = self.rest().starts_with(MAGIC);
        if self.condition.begins {
            self.consume(MAGIC.len());
        }
        true
    }

    fn look(&self) -> Next {
        let rest = self.rest();
        let Some((header, payload)) = rest.split_at_checked(HEADER_BYTES) else {
            // Too short for a record, and for more of one if this is the end.
            return if rest.is_empty() || !self.closed { Next::More } else { Next::Nothing };
        };
        let Some((&kind, length)) = header.strip_prefix(&MARKER).and_then(<[u8]>::split_first) else {
            return Next::Nothing;
        };
        let length = length.first_chunk().map_or(u32::MAX, |length| u32::from_be_bytes(*length)) as usize;
        if length > bytes_max(kind) || self.vain_bytes > BUNDLE_VAIN_BYTES_MAX {
            Next::Nothing
        } else if payload.len() >= length {
            Next::Record(kind, length)
        } else if self.closed {
            Next::Nothing
        } else {
            Next::More
        }
    }

    /// Goes to where a record may begin.
    fn pass_over(&mut self) {
        let rest = self.rest().get(1..).unwrap_or_default();
        let found = rest.windows(MARKER.len()).position(|window| window == MARKER);
        // The last bytes may be the beginning of a marker.
        let kept = if self.closed { 0 } else { MARKER.len() - 1 };
        let passed = 1 + found.unwrap_or_else(|| rest.len().saturating_sub(kept));
        self.condition.damaged_bytes += passed as u64;
        // Nothing belongs behind the end.
        self.condition.whole = false;
        self.consume(passed);
    }

    fn take(&mut self, kind: u8, length: usize) -> Option<Piece> {
        let record = self.rest().get(..HEADER_BYTES + length).unwrap_or_default();
        let (header, payload) = record.split_at_checked(HEADER_BYTES)?;
        if !header.ends_with(&check(kind, payload)) {
            self.vain_bytes += length;
            self.pass_over();
            return None;
        }
        let payload = payload.to_vec();
        if kind == END {
            self.end(&payload);
        }
        self.consume(HEADER_BYTES + length);
        self.records += 1;
        // Nothing belongs behind the end.
        self.condition.whole &= !self.ended || kind == END;
        let piece = match kind {
            MANIFEST => Manifest::from_bytes(&payload).map(Piece::Manifest),
            CERTIFICATE => Some(Piece::Certificate(payload)),
            CHUNK => SealedChunk::parse(payload).ok().map(Piece::Chunk),
            _ => None,
        };
        self.condition.unreadable += u64::from(piece.is_none() && kind != END);
        piece
    }

    fn end(&mut self, payload: &[u8]) {
        let digest: [u8; 32] = self.hash.clone().finalize().into();
        let expected = [self.records.to_be_bytes().as_slice(), &digest].concat();
        self.condition.whole = !self.ended && self.condition.begins && payload == expected;
        self.ended = true;
    }

    fn consume(&mut self, bytes: usize) {
        let end = (self.at + bytes).min(self.buffer.len());
        self.hash.update(self.buffer.get(self.at..end).unwrap_or_default());
        self.at = end;
    }
}
