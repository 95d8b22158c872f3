//! Photographs of codes as bad phones take them: turned, tilted, blurred, noisy, unevenly lit.

use std::fs;
use std::path::Path;

use anyhow::Context;
use image::codecs::jpeg::JpegEncoder;
use swabmesh_node::picture::degrade::{Conditions, photograph};
use swabmesh_node::picture::render::{Medium, Symbol};

/// JPEG quality of the files.
const QUALITY: u8 = 85;

/// Conditions of the n-th photograph, from nearly clean to the worst of the measurements.
fn conditions(number: u64) -> Conditions {
    let turn = [0.0, 7.0, 15.0, 24.0, 33.0, 45.0];
    let tilt = [0.0, 0.06, 0.12];
    let pick = |list: &[f32], n: u64| usize::try_from(n).ok().and_then(|n| list.get(n % list.len())).copied();
    Conditions {
        rotation_deg: pick(&turn, number).unwrap_or(0.0),
        perspective: pick(&tilt, number / 6).unwrap_or(0.0),
        blur_sigma_px: pick(&[0.0, 0.7, 1.2], number / 2).unwrap_or(0.0),
        noise_sigma: pick(&[0.0, 8.0, 15.0], number / 3).unwrap_or(0.0),
        gradient: pick(&[0.0, 0.3, 0.5], number / 5).unwrap_or(0.0),
        ..Conditions::CLEAN
    }
}

/// Takes a photograph of each text into a directory, on two threads; the file names rise with the order of texts.
pub(super) fn take(texts: &[String], directory: &Path, seed: u64) -> anyhow::Result<()> {
    fs::create_dir_all(directory)?;
    let half = texts.len().div_ceil(2);
    std::thread::scope(|scope| {
        let (first, second) = texts.split_at(half);
        let other = scope.spawn(move || take_from(second, half, directory, seed));
        take_from(first, 0, directory, seed)?;
        other.join().map_err(|_| anyhow::anyhow!("taking photographs failed"))?
    })
}

fn take_from(texts: &[String], first: usize, directory: &Path, seed: u64) -> anyhow::Result<()> {
    for (number, text) in texts.iter().enumerate().map(|(at, text)| (first + at, text)) {
        let symbol = Symbol::new(text, Medium::Screen)?;
        let frame = photograph(&symbol, &conditions(number as u64), seed + number as u64)?;
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, QUALITY).encode_image(&frame)?;
        let path = directory.join(format!("{number:04}.jpg"));
        fs::write(&path, jpeg).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
