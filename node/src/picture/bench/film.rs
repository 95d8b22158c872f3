//! Which QR symbol carries most past a phone that films a tablet.

use serde::Serialize;
use swabmesh_protocol::bundle::series::Frame;

use super::processor_ms;
use crate::picture::degrade::{Conditions, FRAME_PX, photograph};
use crate::picture::read::codes_in_luma;
use crate::picture::render::{Medium, RenderError, Symbol};

/// How a phone films: a name, the share of the picture's height that the symbol takes, and what else happens to it.
///
/// Source: guesses, between the benchmark's "clean" and what lies beyond it.
pub const FILMED: [(&str, f32, Conditions); 4] = [
    ("on a stand", 0.8, filmed(2.0, 0.03, 0.8, 6.0, 0.2, 85)),
    ("in the hand", 0.8, filmed(8.0, 0.1, 1.2, 10.0, 0.4, 75)),
    ("in a hurry", 0.8, filmed(15.0, 0.15, 1.8, 15.0, 0.5, 60)),
    ("from further away", 0.5, filmed(8.0, 0.1, 1.2, 10.0, 0.4, 75)),
];

const fn filmed(
    rotation_deg: f32,
    perspective: f32,
    blur_sigma_px: f32,
    noise_sigma: f32,
    gradient: f32,
    quality: u8,
) -> Conditions {
    let module_px = Conditions::CLEAN.module_px;
    Conditions {
        module_px,
        rotation_deg,
        perspective,
        blur_sigma_px,
        noise_sigma,
        gradient,
        jpeg_quality: Some(quality),
    }
}

/// What one size of symbol carried.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SizeFigures {
    /// Version of the symbol, 1..=40.
    pub version: u8,
    /// Its error correction: L, M or Q.
    pub level: char,
    /// Bytes of the bundle in one frame.
    pub symbol_bytes: usize,
    /// Share of the frames read, in the order of [`FILMED`].
    pub read: [f64; FILMED.len()],
    /// Bytes of the bundle for each frame shown, misread ones included, in the same order.
    pub bytes_per_frame: [f64; FILMED.len()],
    /// Mean processor time a frame, milliseconds of one core, over all conditions.
    pub mean_ms: f64,
}

/// Films `frames` frames of a symbol of each version, at each level, in each of [`FILMED`]; equal seeds give equal films.
///
/// # Errors
/// [`RenderError`] when a frame cannot be made in memory.
pub fn run(versions: &[u8], frames: u32, seed: u64) -> Result<Vec<SizeFigures>, RenderError> {
    let mut figures = Vec::new();
    for &version in versions {
        for (level, medium) in [('L', Medium::Film), ('M', Medium::Screen), ('Q', Medium::Print)] {
            figures.push(size(version, level, medium, frames, seed)?);
        }
    }
    Ok(figures)
}

#[expect(clippy::cast_precision_loss, reason = "nobody films 2^53 bytes or frames")]
fn size(version: u8, level: char, medium: Medium, frames: u32, seed: u64) -> Result<SizeFigures, RenderError> {
    let symbol_bytes = Frame::symbol_bytes_in(Symbol::chars_in(version, medium));
    let (mut read, mut spent_ms) = ([0_u32; FILMED.len()], 0.0);
    for (at, (share, (_, of_height, conditions))) in (0_u64..).zip(read.iter_mut().zip(&FILMED)) {
        for number in 0..frames {
            let frame_seed = seed.wrapping_mul(1_000_003).wrapping_add(at << 32 | u64::from(number));
            let symbol = (0..symbol_bytes as u64).map(|at| mixed(frame_seed ^ at << 20)).collect();
            let text = Frame { digest: [1; 8], bytes: 1 << 20, number, symbol }.to_text();
            let symbol = Symbol::new(&text, medium)?;
            let image = photograph(&symbol, &held(&symbol, *of_height, *conditions), frame_seed)?;
            let start = processor_ms();
            let found = codes_in_luma(image.width(), image.height(), image.as_raw()).unwrap_or_default();
            spent_ms += processor_ms() - start;
            *share += u32::from(found == [text]);
        }
    }
    let read = read.map(|read| f64::from(read) / f64::from(frames));
    let bytes_per_frame = read.map(|share| share * symbol_bytes as f64);
    let mean_ms = spent_ms / (f64::from(frames) * FILMED.len() as f64);
    Ok(SizeFigures { version, level, symbol_bytes, read, bytes_per_frame, mean_ms })
}

/// The conditions under which a symbol takes this share of the picture's height.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a symbol has fewer than 200 modules")]
pub fn held(symbol: &Symbol, of_height: f32, conditions: Conditions) -> Conditions {
    let module_px = FRAME_PX.1 as f32 * of_height / symbol.modules() as f32;
    Conditions { module_px, ..conditions }
}

/// A byte that does not compress (splitmix64, Steele et al. 2014).
fn mixed(number: u64) -> u8 {
    let z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb).to_be_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_symbol_on_a_stand_is_always_read() {
        let figures = run(&[10], 2, 1).unwrap();
        assert_eq!(figures.len(), 3);
        assert!(figures.iter().all(|size| size.read[0] > 0.99 && size.symbol_bytes > 50), "{figures:?}");
    }
}
