//! Bundles: the log as a write-once file, carried by hand (rule N1).
//!
//! A bundle holds the same chunks that travel between peers, each under its writer's checkpoint, and the certificates
//! of their writers: a reader needs nothing else but the root it was enrolled with. So nothing in it is believed
//! because it is in it. The manifest is not signed: it says what to expect, which is how a reader knows what a damaged
//! file lacks, and what its maker holds, which is how the answer is made.
//!
//! ```text
//! file:    "swabmesh bundle 1\n" · records
//! record:  FE 53 57 42 · kind u8 · payload bytes u32 · check 8 · payload      (integers big-endian)
//! check:   first 8 bytes of SHA-256 over kind, payload bytes, payload
//! kinds:   1 manifest (first) · 2 certificate · 3 chunk · 4 end (last: records before it u64, SHA-256 of all bytes before it)
//! ```
//! A reader that meets damage goes on at the next record that holds. Kinds it does not know it passes over.

mod export;
mod intake;
mod manifest;
mod plan;
mod scan;
pub mod series;
mod survey;
mod write;

pub use export::{Ask, Maker, export};
pub use intake::{Came, Intake, IntakeError, Step};
pub use manifest::{Aim, Line, Manifest};
pub use plan::{Planned, Wish, plan};
pub use scan::{Condition, Piece, Scanner};
pub use survey::{Missing, Stretches, Survey};
pub use write::{WriteError, Writing};

use sha2::{Digest, Sha256};

use crate::limits::{BUNDLE_MANIFEST_BYTES_MAX, BUNDLE_RECORD_BYTES_MAX};

/// The first bytes of a bundle, its version included.
pub const MAGIC: &[u8; 18] = b"swabmesh bundle 1\n";
/// The first bytes of a record.
const MARKER: [u8; 4] = [0xfe, b'S', b'W', b'B'];
const CHECK_BYTES: usize = 8;
/// Bytes before a payload.
const HEADER_BYTES: usize = MARKER.len() + 1 + 4 + CHECK_BYTES;

const MANIFEST: u8 = 1;
const CERTIFICATE: u8 = 2;
const CHUNK: u8 = 3;
const END: u8 = 4;

/// Bytes a payload of a kind may have.
const fn bytes_max(kind: u8) -> usize {
    if kind == MANIFEST { BUNDLE_MANIFEST_BYTES_MAX } else { BUNDLE_RECORD_BYTES_MAX }
}

fn check(kind: u8, payload: &[u8]) -> [u8; CHECK_BYTES] {
    // No payload has more than four mebibytes.
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut hash = Sha256::new();
    hash.update([kind]);
    hash.update(length.to_be_bytes());
    hash.update(payload);
    let digest: [u8; 32] = hash.finalize().into();
    digest.first_chunk().copied().unwrap_or_default()
}

fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    [&MARKER[..], &[kind], &length.to_be_bytes(), &check(kind, payload), payload].concat()
}

#[cfg(test)]
mod tests;
