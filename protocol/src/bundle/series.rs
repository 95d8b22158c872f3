//! A bundle as a series of QR frames: shown as a moving picture where no stick may be plugged in.
//!
//! A camera misses frames, so any sufficiently many of them do: frames carry the symbols of RaptorQ (RFC 6330), one
//! source block without sub-blocks, first the bundle itself in pieces of one length, then as many repair symbols as are
//! wanted. What comes out is the bundle byte for byte, or nothing: its digest is in every frame.
//!
//! ```text
//! text:   "SMB1:" + base45 of: digest 8 · bundle bytes u32 · symbol number u24 · symbol · check 4   (integers big-endian)
//! digest: first 8 bytes of SHA-256 over the bundle
//! check:  first 4 bytes of SHA-256 over everything before it
//! ```
//! Nothing is believed because a frame says it: the bundle is verified as one from a stick is.

mod frame;
mod gathering;

pub use frame::{Frame, FrameError};
pub use gathering::{Gathered, Gathering, Taken};

use raptorq::{ObjectTransmissionInformation, SourceBlockEncoder};
use sha2::{Digest, Sha256};

use crate::limits::{SERIES_BYTES_MAX, SERIES_SYMBOLS_MAX};

/// Symbol numbers are 24 bits wide. Source: RFC 6330, 3.2.
const NUMBERS_MAX: u32 = 1 << 24;

/// Which bundle a frame is of, and in pieces of which length; frames agree in all of it or belong to different series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// The first bytes of the bundle's SHA-256.
    pub digest: [u8; 8],
    /// Bytes of the bundle, 1..=[`SERIES_BYTES_MAX`].
    pub bytes: u32,
    /// Bytes of one symbol, at least 1.
    pub symbol_bytes: u16,
}

impl Name {
    fn of(bundle: &[u8], symbol_bytes: u16) -> Result<Self, SeriesError> {
        let too_long = SeriesError::Length { bytes: bundle.len(), symbol_bytes };
        let bytes = u32::try_from(bundle.len()).map_err(|_| too_long)?;
        let name = Self { digest: digest(bundle), bytes, symbol_bytes };
        if name.is_within_limits() { Ok(name) } else { Err(too_long) }
    }

    const fn is_within_limits(&self) -> bool {
        let Self { bytes, symbol_bytes, .. } = *self;
        bytes > 0 && bytes <= SERIES_BYTES_MAX && symbol_bytes > 0 && self.needed() <= SERIES_SYMBOLS_MAX
    }

    /// Symbols that hold the bundle: with as many different frames it is nearly always complete, with two more always.
    #[must_use]
    pub const fn needed(&self) -> u32 {
        self.bytes.div_ceil(self.symbol_bytes as u32)
    }

    /// One source block, no sub-blocks, symbols of any length.
    fn information(&self) -> ObjectTransmissionInformation {
        ObjectTransmissionInformation::new(u64::from(self.bytes), self.symbol_bytes, 1, 1, 1)
    }
}

/// Why a bundle cannot be shown. The caller is at fault; nothing was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SeriesError {
    /// Nothing, or too much for one sitting in front of a camera.
    #[error(
        "{bytes} bytes in frames of {symbol_bytes} are none or too many: frames show up to {SERIES_BYTES_MAX} bytes \
         and {SERIES_SYMBOLS_MAX} frames; carry a stick, or export less"
    )]
    Length {
        /// Bytes of the bundle.
        bytes: usize,
        /// Bytes of a symbol.
        symbol_bytes: u16,
    },
}

/// A bundle ready to be shown.
#[derive(Debug)]
pub struct Series {
    name: Name,
    bundle: Vec<u8>,
    repair: SourceBlockEncoder,
}

impl Series {
    /// Lays a bundle out in symbols of `symbol_bytes`.
    ///
    /// # Errors
    /// [`SeriesError`].
    pub fn new(bundle: Vec<u8>, symbol_bytes: u16) -> Result<Self, SeriesError> {
        let name = Name::of(&bundle, symbol_bytes)?;
        let mut bundle = bundle;
        bundle.resize(name.needed() as usize * usize::from(symbol_bytes), 0);
        let repair = SourceBlockEncoder::new(0, &name.information(), &bundle);
        Ok(Self { name, bundle, repair })
    }

    /// Which bundle, and in what pieces.
    #[must_use]
    pub const fn name(&self) -> Name {
        self.name
    }

    /// The text of every frame in order: as many as are needed, and `spare` more.
    pub fn texts(&self, spare: u32) -> impl Iterator<Item = String> + '_ {
        let needed = self.name.needed();
        let spare = spare.min(NUMBERS_MAX - needed);
        let pieces = self.bundle.chunks(usize::from(self.name.symbol_bytes)).map(<[u8]>::to_vec);
        let repair = (0..spare).flat_map(|at| self.repair.repair_packets(at, 1)).map(|packet| packet.split().1);
        (0..needed + spare).zip(pieces.chain(repair)).map(|(number, symbol)| {
            let Name { digest, bytes, .. } = self.name;
            Frame { digest, bytes, number, symbol }.to_text()
        })
    }
}

fn digest<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    digest.first_chunk().copied().unwrap_or([0; N])
}

#[cfg(test)]
mod tests;
