//! One frame of a series: which bundle, which symbol.

use super::{NUMBERS_MAX, Name, digest};
use crate::limits::{SERIES_BYTES_MAX, SERIES_FRAME_CHARS_MAX, SERIES_SYMBOLS_MAX};

const PREFIX: &str = "SMB1:";
const CHECK_BYTES: usize = 4;
/// Bytes of a frame that are not its symbol.
const AROUND_BYTES: usize = 8 + 4 + 3 + CHECK_BYTES;

/// Why a text is not a frame that counts. Whoever made it is at fault; it is counted and passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Another code that the camera saw.
    #[error("not a frame of a bundle (SMB1:)")]
    Prefix,
    /// Misread or cut.
    #[error("a damaged frame: its check does not hold")]
    Damaged,
    /// It claims more than is ever shown; nothing was set aside for it.
    #[error(
        "a frame of {bytes} bytes in symbols of {symbol_bytes}: up to {SERIES_BYTES_MAX} bytes and {SERIES_SYMBOLS_MAX} frames"
    )]
    Length {
        /// Bytes of the bundle it claims to be of.
        bytes: u32,
        /// Bytes of its symbol.
        symbol_bytes: usize,
    },
}

/// A symbol and where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The first bytes of the bundle's SHA-256.
    pub digest: [u8; 8],
    /// Bytes of the bundle.
    pub bytes: u32,
    /// Number of the symbol, below 2^24: first the bundle's pieces, then repair. RFC 6330 calls it ESI.
    pub number: u32,
    /// The symbol.
    pub symbol: Vec<u8>,
}

impl Frame {
    /// Bytes of a symbol that make a text of at most so many characters; 0 if none does.
    #[must_use]
    pub const fn symbol_bytes_in(chars: usize) -> usize {
        let chars = chars.saturating_sub(PREFIX.len());
        // Two bytes are three characters, one is two.
        let bytes = chars / 3 * 2 + if chars % 3 == 2 { 1 } else { 0 };
        bytes.saturating_sub(AROUND_BYTES)
    }

    /// The text of the QR symbol; only characters of its alphanumeric mode.
    #[must_use]
    pub fn to_text(&self) -> String {
        let [_, number @ ..] = self.number.to_be_bytes();
        let mut bytes = [&self.digest[..], &self.bytes.to_be_bytes(), &number, &self.symbol].concat();
        bytes.extend(digest::<CHECK_BYTES>(&bytes));
        format!("{PREFIX}{}", base45::encode(&bytes))
    }

    /// Reads a text; every length is checked before anything is set aside for it.
    ///
    /// # Errors
    /// [`FrameError`].
    pub fn from_text(text: &str) -> Result<Self, FrameError> {
        let body = text.trim_end_matches(['\r', '\n']).strip_prefix(PREFIX).ok_or(FrameError::Prefix)?;
        if body.len() > SERIES_FRAME_CHARS_MAX {
            return Err(FrameError::Damaged);
        }
        let bytes = base45::decode(body).map_err(|_| FrameError::Damaged)?;
        let (bytes, check) = bytes.split_last_chunk::<CHECK_BYTES>().ok_or(FrameError::Damaged)?;
        if digest(bytes) != *check {
            return Err(FrameError::Damaged);
        }
        let (digest, rest) = bytes.split_first_chunk().ok_or(FrameError::Damaged)?;
        let (length, rest) = rest.split_first_chunk().ok_or(FrameError::Damaged)?;
        let ([a, b, c], symbol) = rest.split_first_chunk().ok_or(FrameError::Damaged)?;
        let number = u32::from_be_bytes([0, *a, *b, *c]);
        let frame = Self { digest: *digest, bytes: u32::from_be_bytes(*length), number, symbol: symbol.to_vec() };
        frame.name().map(|_| frame)
    }

    /// Which series it is of.
    ///
    /// # Errors
    /// [`FrameError::Length`].
    pub fn name(&self) -> Result<Name, FrameError> {
        let (bytes, symbol_bytes) = (self.bytes, self.symbol.len());
        let refused = FrameError::Length { bytes, symbol_bytes };
        let name = Name { digest: self.digest, bytes, symbol_bytes: u16::try_from(symbol_bytes).map_err(|_| refused)? };
        if name.is_within_limits() && self.number < NUMBERS_MAX { Ok(name) } else { Err(refused) }
    }
}
