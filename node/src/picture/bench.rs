//! How many photographed codes are read, and how fast, beside each decoder alone in the same run.

pub mod film;

use std::hint::black_box;

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use super::decoder::{Decoder, Frame};
use super::degrade::{Conditions, photograph};
use super::read::codes_in_luma;
use super::render::{Medium, RenderError, Symbol};

/// Characters of the code that is photographed, as the storage study had it.
const CODE_CHARS: usize = 335;

/// The conditions of the storage study (section 4) at 5 pixels a module, and rotation 30, by name.
///
/// The study does not say how it tilted; here each corner moves by up to that share of the side, at random.
pub const CONDITIONS: [(&str, Conditions); 10] = [
    ("clean", Conditions::CLEAN),
    ("blur 1.5", Conditions { blur_sigma_px: 1.5, ..Conditions::CLEAN }),
    ("rotation 15", Conditions { rotation_deg: 15.0, ..Conditions::CLEAN }),
    ("rotation 30", Conditions { rotation_deg: 30.0, ..Conditions::CLEAN }),
    ("rotation 45", Conditions { rotation_deg: 45.0, ..Conditions::CLEAN }),
    ("perspective 0.15", Conditions { perspective: 0.15, ..Conditions::CLEAN }),
    ("perspective 0.25", Conditions { perspective: 0.25, ..Conditions::CLEAN }),
    ("noise 15", Conditions { noise_sigma: 15.0, ..Conditions::CLEAN }),
    ("noise 30", Conditions { noise_sigma: 30.0, ..Conditions::CLEAN }),
    (
        "combination",
        Conditions {
            rotation_deg: 10.0,
            perspective: 0.1,
            blur_sigma_px: 1.0,
            noise_sigma: 8.0,
            gradient: 0.4,
            ..Conditions::CLEAN
        },
    ),
];

/// Photographs worse than anything above: measured, and not part of the target.
pub const BEYOND: [(&str, Conditions); 3] = [
    ("blur 2.5", Conditions { blur_sigma_px: 2.5, ..Conditions::CLEAN }),
    ("combination, 3.5 px a module", Conditions { module_px: 3.5, ..CONDITIONS[9].1 }),
    ("combination, turned 45, JPEG 60", Conditions { rotation_deg: 45.0, jpeg_quality: Some(60), ..CONDITIONS[9].1 }),
];

/// What one way of reading did with a set of frames.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ReaderFigures {
    /// Frames looked at.
    pub frames: usize,
    /// Frames whose code was read, character for character.
    pub read: usize,
    /// `read / frames`.
    pub share: f64,
    /// Median processor time a frame, milliseconds of one core.
    pub median_ms: f64,
    /// 99th percentile of the same.
    pub p99_ms: f64,
}

/// The figures of one set of frames.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetFigures {
    /// Name of the conditions.
    pub conditions: &'static str,
    /// Both decoders with second looks, as the node reads.
    pub together: ReaderFigures,
    /// rxing alone.
    pub rxing: ReaderFigures,
    /// rqrr alone.
    pub rqrr: ReaderFigures,
}

/// The figures of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScanFigures {
    /// All of [`CONDITIONS`] together: what the target of 99 % and 15 ms is about.
    pub target: SetFigures,
    /// Each of [`CONDITIONS`], then each of [`BEYOND`].
    pub sets: Vec<SetFigures>,
}

#[derive(Default)]
struct Samples {
    together: Vec<Sample>,
    rxing: Vec<Sample>,
    rqrr: Vec<Sample>,
}

#[derive(Clone, Copy)]
struct Sample {
    read: bool,
    ms: f64,
}

/// Photographs and reads `frames` frames for each set of conditions; equal seeds give equal frames.
///
/// # Errors
/// [`RenderError`] when a photograph cannot be made in memory.
pub fn run(frames: u32, seed: u64) -> Result<ScanFigures, RenderError> {
    let text: String = "HS1:6BF OXN%TS3DH0YOJ58S S-W5HDC *M0II5XHC9B5G2+$N IOP-IA%NFQGRJPC%OQHIZC4.OI1R"
        .chars()
        .cycle()
        .take(CODE_CHARS)
        .collect();
    let symbol = Symbol::new(&text, Medium::Screen)?;
    let mut target = Samples::default();
    let mut sets = Vec::new();
    for (index, (name, conditions)) in (0_u64..).zip(CONDITIONS.iter().chain(&BEYOND)) {
        let mut samples = Samples::default();
        for frame in 0..u64::from(frames) {
            let frame_seed = seed.wrapping_mul(1_000_003).wrapping_add(index * 1_000_000 + frame);
            samples.take(&photograph(&symbol, conditions, frame_seed)?, &text);
        }
        sets.push(samples.figures(name));
        if index < CONDITIONS.len() as u64 {
            target.extend(&samples);
        }
    }
    Ok(ScanFigures { target: target.figures("target"), sets })
}

impl Samples {
    fn take(&mut self, image: &image::GrayImage, text: &str) {
        let frame = Frame { width: image.width(), height: image.height(), pixels: image.as_raw() };
        let alone = |decoder: Decoder| timed(text, || decoder.read(frame).unwrap_or_default());
        self.rxing.push(alone(Decoder::Rxing));
        self.rqrr.push(alone(Decoder::Rqrr));
        self.together.push(timed(text, || codes_in_luma(frame.width, frame.height, frame.pixels).unwrap_or_default()));
    }

    fn extend(&mut self, other: &Self) {
        self.together.extend_from_slice(&other.together);
        self.rxing.extend_from_slice(&other.rxing);
        self.rqrr.extend_from_slice(&other.rqrr);
    }

    fn figures(&self, conditions: &'static str) -> SetFigures {
        SetFigures {
            conditions,
            together: ReaderFigures::of(&self.together),
            rxing: ReaderFigures::of(&self.rxing),
            rqrr: ReaderFigures::of(&self.rqrr),
        }
    }
}

fn timed(text: &str, read: impl FnOnce() -> Vec<String>) -> Sample {
    let start = processor_ms();
    let texts = black_box(read());
    Sample { ms: processor_ms() - start, read: texts == [text] }
}

/// Processor time of this thread, milliseconds: on a busy machine the only clock that measures the decoder.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a thread's seconds are exact in an f64 for 285 million years")]
pub fn processor_ms() -> f64 {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    spent.tv_sec as f64 * 1e3 + spent.tv_nsec as f64 / 1e6
}

impl ReaderFigures {
    #[expect(clippy::cast_precision_loss, reason = "nobody reads 2^53 frames")]
    fn of(samples: &[Sample]) -> Self {
        let mut times: Vec<f64> = samples.iter().map(|sample| sample.ms).collect();
        times.sort_by(f64::total_cmp);
        // The nearest rank: no value between two samples is made up.
        let rank = |share: usize| {
            let position = (times.len() * share).div_ceil(100).saturating_sub(1);
            times.get(position).copied().unwrap_or(f64::NAN)
        };
        let read = samples.iter().filter(|sample| sample.read).count();
        Self {
            frames: samples.len(),
            read,
            share: read as f64 / samples.len() as f64,
            median_ms: rank(50),
            p99_ms: rank(99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_run_reads_the_frames_of_the_target_and_measures_every_reader() {
        let figures = run(1, 1).unwrap();
        assert_eq!(figures.sets.len(), CONDITIONS.len() + BEYOND.len());
        assert_eq!(figures.target.together.frames, CONDITIONS.len());
        // Of the set with the worst perspective one frame may fail; so may no other.
        assert!(figures.target.together.read + 1 >= figures.target.together.frames, "{:?}", figures.target);
        assert!(figures.target.together.read >= figures.target.rxing.read.max(figures.target.rqrr.read));
        assert!(figures.target.rqrr.median_ms > 0.0 && figures.target.rxing.p99_ms >= figures.target.rxing.median_ms);
    }
}
