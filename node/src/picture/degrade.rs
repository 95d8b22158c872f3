//! Phone-like photographs of a symbol, for the demonstration, the tests and the benchmark.
//!
//! The symbol is tilted, turned and put into a 1080p frame of noisy blocks; then the frame is lit unevenly,
//! blurred, made noisy and compressed, in the order in which a lens, a sensor and a phone do it.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{rotate90, rotate270};
use image::{GrayImage, ImageFormat, Luma};

use super::render::{RenderError, Symbol};

/// Pixels of a frame, width and height.
pub const FRAME_PX: (u32, u32) = (1_920, 1_080);

/// Pixels a side of the background's blocks.
const BLOCK_PX: u32 = 24;

/// Pixels a module of the drawing that the photograph is taken of.
const DRAWING_MODULE_PX: u32 = 8;

/// What happens between the symbol and the file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conditions {
    /// Pixels a module in the frame before tilting; 3.5 is a cheap phone at arm's length.
    pub module_px: f32,
    /// Degrees the symbol is turned, 0..=45.
    pub rotation_deg: f32,
    /// Share of the side by which each corner is moved towards the middle at most, 0..=0.25.
    pub perspective: f32,
    /// Standard deviation of the blur, pixels.
    pub blur_sigma_px: f32,
    /// Standard deviation of the noise, grey levels.
    pub noise_sigma: f32,
    /// Share of the light lost from the left edge to the right, 0..=0.8.
    pub gradient: f32,
    /// JPEG quality, 1..=100, if the phone compresses.
    pub jpeg_quality: Option<u8>,
}

impl Conditions {
    /// A sharp, straight, evenly lit view at 5 pixels a module.
    pub const CLEAN: Self = Self {
        module_px: 5.0,
        rotation_deg: 0.0,
        perspective: 0.0,
        blur_sigma_px: 0.0,
        noise_sigma: 0.0,
        gradient: 0.0,
        jpeg_quality: None,
    };
}

/// Photographs a symbol; equal arguments give equal frames.
///
/// A symbol too large for the frame is photographed from further away.
///
/// # Errors
/// [`RenderError::Png`] when the JPEG round trip fails in memory.
pub fn photograph(symbol: &Symbol, conditions: &Conditions, seed: u64) -> Result<GrayImage, RenderError> {
    let mut random = Random(seed);
    let drawing = symbol.luma(DRAWING_MODULE_PX)?;
    let mut frame = background(&mut random);
    let corners = corners(real(symbol.modules()), conditions, &mut random);
    project(&drawing, &corners, &mut frame);
    light(&mut frame, conditions.gradient);
    if conditions.blur_sigma_px > 0.0 {
        frame = blur(&frame, conditions.blur_sigma_px);
    }
    if conditions.noise_sigma > 0.0 {
        frame.iter_mut().for_each(|grey| *grey = level(f32::from(*grey) + conditions.noise_sigma * random.normal()));
    }
    match conditions.jpeg_quality {
        Some(quality) => compress(&frame, quality),
        None => Ok(frame),
    }
}

fn background(random: &mut Random) -> GrayImage {
    let (width, height) = FRAME_PX;
    let across = width.div_ceil(BLOCK_PX);
    let greys: Vec<u8> = (0..across * height.div_ceil(BLOCK_PX)).map(|_| level(random.between(30.0, 225.0))).collect();
    GrayImage::from_fn(width, height, |x, y| {
        let block = (y / BLOCK_PX) * across + x / BLOCK_PX;
        let grey = usize::try_from(block).ok().and_then(|block| greys.get(block)).copied();
        Luma([grey.unwrap_or_default()])
    })
}

/// The symbol's corners in the frame, clockwise from the top left.
fn corners(modules: f32, conditions: &Conditions, random: &mut Random) -> [(f32, f32); 4] {
    let (width, height) = (real(FRAME_PX.0), real(FRAME_PX.1));
    let (sin, cos) = conditions.rotation_deg.to_radians().sin_cos();
    // Turned by an angle, a square needs |sin| + |cos| of its side.
    let room = sin.abs() + cos.abs();
    let side = (modules * conditions.module_px).min((height - 4.0) / room);
    let free = (width - side * room, height - side * room);
    let middle =
        (width / 2.0 + free.0 * random.between(-0.45, 0.45), height / 2.0 + free.1 * random.between(-0.45, 0.45));
    [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)].map(|(x, y): (f32, f32)| {
        let mut inward = |place: f32| side * place * (1.0 - 2.0 * conditions.perspective * random.between(0.0, 1.0));
        let (x, y) = (inward(x), inward(y));
        (middle.0 + x * cos - y * sin, middle.1 + x * sin + y * cos)
    })
}

/// Draws an image into four corners of a frame, four samples a pixel.
fn project(drawing: &GrayImage, corners: &[(f32, f32); 4], frame: &mut GrayImage) {
    let to_drawing = invert(&square_to_corners(corners));
    let side = real(drawing.width());
    for (x, y, pixel) in frame.enumerate_pixels_mut() {
        let samples = [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)].map(|(dx, dy)| {
            let (u, v) = apply(&to_drawing, real(x) + dx, real(y) + dy);
            let inside = (0.0..1.0).contains(&u) && (0.0..1.0).contains(&v);
            inside.then(|| bilinear(drawing, u * side - 0.5, v * side - 0.5))
        });
        let behind = f32::from(pixel.0[0]);
        pixel.0 = [level(samples.iter().map(|sample| sample.unwrap_or(behind)).sum::<f32>() / 4.0)];
    }
}

/// The grey between four neighbouring pixels; beyond the edge, the edge.
fn bilinear(image: &GrayImage, x: f32, y: f32) -> f32 {
    let (left, top) = (x.floor(), y.floor());
    let (right_share, bottom_share) = (x - left, y - top);
    let grey = |x: f32, y: f32| {
        let (x, y) = (pixel(x).min(image.width() - 1), pixel(y).min(image.height() - 1));
        f32::from(image.get_pixel(x, y).0[0])
    };
    let upper = grey(left, top) * (1.0 - right_share) + grey(left + 1.0, top) * right_share;
    let lower = grey(left, top + 1.0) * (1.0 - right_share) + grey(left + 1.0, top + 1.0) * right_share;
    upper * (1.0 - bottom_share) + lower * bottom_share
}

/// Rows of a projective map of the plane.
type Projection = [[f32; 3]; 3];

/// The projection that takes the unit square to four corners. Source: Heckbert, "Fundamentals of Texture
/// Mapping and Image Warping", 1989, §2.2.3.
fn square_to_corners(&[(x0, y0), (x1, y1), (x2, y2), (x3, y3)]: &[(f32, f32); 4]) -> Projection {
    let (dx1, dx2, dx3) = (x1 - x2, x3 - x2, x0 - x1 + x2 - x3);
    let (dy1, dy2, dy3) = (y1 - y2, y3 - y2, y0 - y1 + y2 - y3);
    let determinant = dx1 * dy2 - dx2 * dy1;
    let g = (dx3 * dy2 - dx2 * dy3) / determinant;
    let h = (dx1 * dy3 - dx3 * dy1) / determinant;
    [[x1 - x0 + g * x1, x3 - x0 + h * x3, x0], [y1 - y0 + g * y1, y3 - y0 + h * y3, y0], [g, h, 1.0]]
}

/// The inverse up to scale, which is all that a projection needs.
fn invert(&[[a, b, c], [d, e, f], [g, h, i]]: &Projection) -> Projection {
    [
        [e * i - f * h, c * h - b * i, b * f - c * e],
        [f * g - d * i, a * i - c * g, c * d - a * f],
        [d * h - e * g, b * g - a * h, a * e - b * d],
    ]
}

fn apply(projection: &Projection, x: f32, y: f32) -> (f32, f32) {
    let [u, v, w] = projection.map(|[a, b, c]| a * x + b * y + c);
    (u / w, v / w)
}

fn light(frame: &mut GrayImage, gradient: f32) {
    let width = real(frame.width());
    for (x, _, pixel) in frame.enumerate_pixels_mut() {
        pixel.0 = [level(f32::from(pixel.0[0]) * (1.0 - gradient * real(x) / width))];
    }
}

/// Gauss out to three deviations; `imageops::blur` stops at two for small ones and so blurs less than it says.
fn blur(frame: &GrayImage, sigma_px: f32) -> GrayImage {
    let weights: Vec<f32> = (0_u16..)
        .map(f32::from)
        .take_while(|x| *x <= 3.0 * sigma_px + 1.0)
        .map(|x| (-x * x / (2.0 * sigma_px * sigma_px)).exp())
        .collect();
    rotate270(&blur_rows(&rotate90(&blur_rows(frame, &weights)), &weights))
}

/// Weighs each pixel with its neighbours in the row; `weights` are for distances 0, 1, 2 and so on.
fn blur_rows(image: &GrayImage, weights: &[f32]) -> GrayImage {
    let mirrored: Vec<f32> = weights.iter().skip(1).rev().chain(weights).copied().collect();
    let total: f32 = mirrored.iter().sum();
    let reach = weights.len().saturating_sub(1);
    let mut blurred = image.clone();
    let width = usize::try_from(image.width()).unwrap_or(usize::MAX).max(1);
    for (row, out) in image.as_raw().chunks_exact(width).zip(blurred.chunks_exact_mut(width)) {
        let (first, last) = (row.first().copied().unwrap_or_default(), row.last().copied().unwrap_or_default());
        let edge = |grey| std::iter::repeat_n(f32::from(grey), reach);
        let padded: Vec<f32> = edge(first).chain(row.iter().copied().map(f32::from)).chain(edge(last)).collect();
        for (around, grey) in padded.windows(mirrored.len()).zip(out) {
            *grey = level(around.iter().zip(&mirrored).map(|(grey, weight)| grey * weight).sum::<f32>() / total);
        }
    }
    blurred
}

fn compress(frame: &GrayImage, quality: u8) -> Result<GrayImage, RenderError> {
    let mut bytes = Vec::new();
    frame.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, quality)).map_err(RenderError::Png)?;
    let decoded = image::load(Cursor::new(bytes), ImageFormat::Jpeg).map_err(RenderError::Png)?;
    Ok(decoded.into_luma8())
}

/// Pixel counts and places: far below 2^24, so exact in `f32`.
#[expect(clippy::cast_precision_loss, reason = "a frame has fewer than 2^24 pixels a side")]
const fn real(pixels: u32) -> f32 {
    pixels as f32
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, which is what a sensor does"
)]
const fn level(grey: f32) -> u8 {
    (grey + 0.5) as u8
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates: left of the edge is the edge"
)]
const fn pixel(place: f32) -> u32 {
    place as u32
}

/// SplitMix64: small, and the same on every machine. Source: Steele, Lea, Flood, OOPSLA 2014.
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        // 16 bits are exact in an f32 and finer than any pixel.
        let [first, second, ..] = self.next().to_be_bytes();
        low + (high - low) * f32::from(u16::from_be_bytes([first, second])) / f32::from(u16::MAX)
    }

    /// Normal to within what eight bits of grey can show: twelve uniforms (Irwin–Hall), of 5 bits each.
    fn normal(&mut self) -> f32 {
        let mut bits = self.next();
        let mut sum = 0_u16;
        for _ in 0..12 {
            sum += u16::from(bits.to_le_bytes()[0] & 31);
            bits >>= 5;
        }
        // Each uniform has mean 15.5 and variance (32² − 1) / 12, so twelve have 1,023 together.
        (f32::from(sum) - 186.0) / 31.984
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::render::Medium;

    fn frame(conditions: &Conditions, seed: u64) -> GrayImage {
        photograph(&Symbol::new("HS1:A B", Medium::Screen).unwrap(), conditions, seed).unwrap()
    }

    #[test]
    fn equal_seeds_give_equal_frames_and_others_differ() {
        let rough = Conditions {
            rotation_deg: 30.0,
            perspective: 0.1,
            blur_sigma_px: 1.0,
            noise_sigma: 8.0,
            gradient: 0.4,
            jpeg_quality: Some(70),
            ..Conditions::CLEAN
        };
        assert_eq!(frame(&rough, 7), frame(&rough, 7));
        assert_ne!(frame(&rough, 7), frame(&rough, 8));
        assert_eq!(frame(&rough, 7).dimensions(), FRAME_PX);
    }

    #[test]
    fn a_symbol_larger_than_the_frame_still_fits_when_turned() {
        let huge = Conditions { module_px: 100.0, rotation_deg: 45.0, ..Conditions::CLEAN };
        let corners = corners(61.0, &huge, &mut Random(3));
        let (width, height) = (real(FRAME_PX.0), real(FRAME_PX.1));
        assert!(corners.iter().all(|(x, y)| (0.0..=width).contains(x) && (0.0..=height).contains(y)), "{corners:?}");
    }

    #[test]
    fn a_projection_takes_the_corners_back_to_the_square() {
        let corners = [(10.0, 20.0), (110.0, 30.0), (100.0, 140.0), (5.0, 120.0)];
        let back = invert(&square_to_corners(&corners));
        for ((x, y), (u, v)) in corners.into_iter().zip([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]) {
            let (found_u, found_v) = apply(&back, x, y);
            assert!((found_u - u).abs() < 1e-3 && (found_v - v).abs() < 1e-3, "({x}, {y}) → ({found_u}, {found_v})");
        }
    }

    #[test]
    fn blur_has_the_deviation_it_is_asked_for_in_both_directions() {
        let mut point = GrayImage::new(41, 41);
        (18..23).for_each(|x| (18..23).for_each(|y| point.put_pixel(x, y, Luma([255]))));
        let blurred = blur(&point, 2.5);
        let weight = |x, y| f32::from(blurred.get_pixel(x, y).0[0]);
        let all: f32 = (0..41).flat_map(|x| (0..41).map(move |y| (x, y))).map(|(x, y)| weight(x, y)).sum();
        let spread: f32 = (0..41_u32)
            .flat_map(|x| (0..41).map(move |y| (x, y)))
            .map(|(x, y)| weight(x, y) * (real(x) - 20.0) * (real(x) - 20.0))
            .sum::<f32>()
            / all;
        // The square itself has a variance of 2, the blur of 6.25.
        assert!((spread - 8.25).abs() < 0.4, "variance {spread}");
        // The two passes round apart, by one grey level at most.
        assert!(blurred.iter().zip(rotate90(&blurred).iter()).all(|(a, b)| a.abs_diff(*b) <= 1));
    }

    #[test]
    fn noise_has_the_deviation_it_is_asked_for() {
        let mut random = Random(1);
        let drawn: Vec<f32> = (0..100_000).map(|_| random.normal()).collect();
        let mean = drawn.iter().sum::<f32>() / 100_000.0;
        let variance = drawn.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / 100_000.0;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "mean {mean}, variance {variance}");
    }
}
