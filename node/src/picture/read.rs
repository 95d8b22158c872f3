//! Reading every code in a picture: a file, bytes, or one frame of a camera.
//!
//! Texts come back as they are in the symbol, inner spaces included; judging them is the core's work.

use std::io::{Cursor, Read};
use std::path::Path;

use image::{ImageError, ImageFormat, ImageReader, Limits};

use super::decoder::{Decoder, Frame, Panicked};
use super::enhance::Enhancement;

/// Pixels of a picture: a phone's largest photograph is below.
pub const PICTURE_PIXELS_MAX: u64 = 40_000_000;

/// Bytes of a picture file.
pub const PICTURE_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Bytes the decoder of a file may set aside: four a pixel, and as much again for its own tables.
pub(super) const DECODE_BYTES_MAX: u64 = 2 * 4 * PICTURE_PIXELS_MAX;

/// Pixels above which a frame is not doubled: at 1080p that took over 300 ms and only found modules below 2 pixels.
const DOUBLE_PIXELS_MAX: u64 = 1_000_000;

/// Why no code came out of a picture. Nothing was changed; each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The file cannot be read.
    #[error("the picture cannot be opened: check the path and its permissions")]
    Open(#[source] std::io::Error),
    /// The file is too long to be looked at.
    #[error("the picture has more than {PICTURE_BYTES_MAX} bytes: take a screenshot or a smaller photograph")]
    TooManyBytes,
    /// The image's header claims too many pixels; nothing was decoded.
    #[error(
        "the picture has {pixels} pixels, more than {PICTURE_PIXELS_MAX}: take a screenshot or a smaller photograph"
    )]
    TooManyPixels {
        /// Width times height.
        pixels: u64,
    },
    /// Neither PNG nor JPEG.
    #[error("the picture is neither PNG nor JPEG: save it as one of them")]
    Format,
    /// The image is cut short or damaged.
    #[error("the picture is damaged: take it again")]
    Damaged(#[source] ImageError),
    /// Width times height is not the number of bytes. The caller is at fault.
    #[error("a frame of {width} × {height} needs as many bytes, found {found}")]
    FrameBytes {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
        /// Bytes given.
        found: usize,
    },
    /// The picture is fine and shows no code that can be read.
    #[error(
        "no code can be read: hold the camera straight and closer, wipe the lens, avoid reflections, or type the number"
    )]
    NoCode,
    /// A decoding library failed on this image, and no other read it.
    #[error("the picture cannot be read: take it again from another angle, or type the number")]
    DecoderFailed,
}

/// Reads every code in a PNG or JPEG file; never an empty list.
///
/// # Errors
/// [`PictureError`], with what the operator can do.
pub fn codes_in(path: &Path) -> Result<Vec<String>, PictureError> {
    let file = std::fs::File::open(path).map_err(PictureError::Open)?;
    let mut bytes = Vec::new();
    file.take(PICTURE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(PictureError::Open)?;
    codes_in_bytes(&bytes)
}

/// Reads every code in the bytes of a PNG or JPEG file; never an empty list.
///
/// # Errors
/// [`PictureError`], with what the operator can do.
pub fn codes_in_bytes(bytes: &[u8]) -> Result<Vec<String>, PictureError> {
    if u64::try_from(bytes.len()).map_or(true, |length| length > PICTURE_BYTES_MAX) {
        return Err(PictureError::TooManyBytes);
    }
    let format = match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Png | ImageFormat::Jpeg)) => format,
        Ok(_) | Err(_) => return Err(PictureError::Format),
    };
    let reader = || ImageReader::with_format(Cursor::new(bytes), format);
    let (width, height) = reader().into_dimensions().map_err(PictureError::Damaged)?;
    check_pixels(width, height)?;
    let mut reader = reader();
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODE_BYTES_MAX);
    reader.limits(limits);
    let image = reader.decode().map_err(PictureError::Damaged)?.into_luma8();
    codes_in_luma(image.width(), image.height(), image.as_raw())
}

/// Reads every code in a grey frame, one byte a pixel, row by row; never an empty list.
///
/// # Errors
/// [`PictureError::FrameBytes`], [`PictureError::TooManyPixels`], [`PictureError::NoCode`],
/// [`PictureError::DecoderFailed`].
pub fn codes_in_luma(width: u32, height: u32, pixels: &[u8]) -> Result<Vec<String>, PictureError> {
    codes_at(&ATTEMPTS, width, height, pixels)
}

fn codes_at(attempts: &[Attempt], width: u32, height: u32, pixels: &[u8]) -> Result<Vec<String>, PictureError> {
    let claimed = check_pixels(width, height)?;
    if claimed == 0 || u64::try_from(pixels.len()).ok() != Some(claimed) {
        return Err(PictureError::FrameBytes { width, height, found: pixels.len() });
    }
    let frame = Frame { width, height, pixels };
    let mut failed = false;
    for attempt in attempts {
        match attempt.run(frame) {
            Ok(texts) if !texts.is_empty() => return Ok(distinct(texts)),
            Ok(_) => {}
            Err(Panicked) => failed = true,
        }
    }
    Err(if failed { PictureError::DecoderFailed } else { PictureError::NoCode })
}

/// Reads every code in a grey frame of a camera, or else the barcode of a tube or a box, at the first look only: the
/// next frame comes sooner than a second look would end. Never an empty list.
///
/// # Errors
/// As [`codes_in_luma`].
pub fn codes_in_frame(width: u32, height: u32, pixels: &[u8]) -> Result<Vec<String>, PictureError> {
    codes_at(&[FIRST_LOOK, BARS], width, height, pixels)
}

pub(super) fn check_pixels(width: u32, height: u32) -> Result<u64, PictureError> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels > PICTURE_PIXELS_MAX { Err(PictureError::TooManyPixels { pixels }) } else { Ok(pixels) }
}

/// One way to look at a frame.
struct Attempt {
    enhancement: Option<Enhancement>,
    decoder: Decoder,
}

/// The look that finds nearly every code.
const FIRST_LOOK: Attempt = Attempt { enhancement: None, decoder: Decoder::Rxing };

/// The look for the label of a tube or a box.
const BARS: Attempt = Attempt { enhancement: None, decoder: Decoder::Code128 };

/// The ways to look, in order; a label is looked for where no code is.
///
/// Source: `picture::bench`, 60 frames a set, seed 11. The first look read 736 of 780 frames in 4 ms, halving 2 of
/// the other 44 (8 ms), sharpening 34 of 42 (19 ms), inverting none of 8 (7 ms; no frame there is inverted), rqrr 5
/// of 8 (32 ms). Doubling is for small pictures, of which the benchmark has none.
const ATTEMPTS: [Attempt; 7] = [
    FIRST_LOOK,
    Attempt { enhancement: Some(Enhancement::Halved), decoder: Decoder::Rxing },
    Attempt { enhancement: Some(Enhancement::Sharpened), decoder: Decoder::Rxing },
    Attempt { enhancement: Some(Enhancement::Inverted), decoder: Decoder::Rxing },
    Attempt { enhancement: None, decoder: Decoder::Rqrr },
    Attempt { enhancement: Some(Enhancement::Doubled), decoder: Decoder::Rxing },
    BARS,
];

impl Attempt {
    fn run(&self, frame: Frame<'_>) -> Result<Vec<String>, Panicked> {
        let Some(enhancement) = self.enhancement else {
            return self.decoder.read(frame);
        };
        let pixels = u64::from(frame.width) * u64::from(frame.height);
        if enhancement == Enhancement::Doubled && pixels > DOUBLE_PIXELS_MAX {
            return Ok(Vec::new());
        }
        let image = enhancement.apply(frame);
        self.decoder.read(Frame { width: image.width(), height: image.height(), pixels: image.as_raw() })
    }
}

/// Each text once, in the order found.
fn distinct(texts: Vec<String>) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::with_capacity(texts.len());
    for text in texts {
        if !distinct.contains(&text) {
            distinct.push(text);
        }
    }
    distinct
}

#[cfg(test)]
mod tests {
    use image::codecs::png::PngEncoder;
    use image::{ExtendedColorType, GrayImage, ImageEncoder, imageops};
    use proptest::prelude::*;

    use super::*;
    use crate::picture::degrade::{Conditions, photograph};
    use crate::picture::render::{Medium, Symbol};

    /// A text of a code's alphabet, with the spaces that readers like to lose.
    fn code(chars: usize) -> String {
        "HS1:6BF OXN%TS3DH0YOJ58S  S-W5HDC *M0II5XHC9B5G2+$N IOP".chars().cycle().take(chars).collect()
    }

    fn read_luma(image: &GrayImage) -> Result<Vec<String>, PictureError> {
        codes_in_luma(image.width(), image.height(), image.as_raw())
    }

    #[test]
    fn every_drawn_symbol_of_every_kind_of_code_is_read_back_with_its_spaces() {
        for chars in [240, 270, 246, 468] {
            let text = code(chars);
            for medium in [Medium::Screen, Medium::Print] {
                for module_px in [2, 3, 8] {
                    let png = Symbol::new(&text, medium).unwrap().png(module_px).unwrap();
                    assert_eq!(codes_in_bytes(&png).unwrap(), [text.as_str()], "{chars} {medium:?} {module_px}");
                }
            }
        }
    }

    #[test]
    fn a_photograph_in_a_file_is_read() {
        let symbol = Symbol::new(&code(240), Medium::Screen).unwrap();
        let rough = Conditions { rotation_deg: 30.0, blur_sigma_px: 1.0, noise_sigma: 8.0, ..Conditions::CLEAN };
        let file = tempfile::Builder::new().suffix(".jpg").tempfile().unwrap();
        photograph(&symbol, &rough, 1).unwrap().save(file.path()).unwrap();
        assert_eq!(codes_in(file.path()).unwrap(), [code(240)]);
    }

    #[test]
    fn every_code_in_a_picture_is_read_and_each_only_once() {
        let first = Symbol::new(&code(240), Medium::Screen).unwrap().luma(4).unwrap();
        let second = Symbol::new("HS1:OTHER", Medium::Screen).unwrap().luma(4).unwrap();
        let mut page = GrayImage::from_pixel(1_000, 400, image::Luma([255]));
        for (image, x) in [(&first, 10), (&second, 400), (&second, 700)] {
            imageops::replace(&mut page, image, x, 20);
        }
        let mut found = read_luma(&page).unwrap();
        found.sort();
        assert_eq!(found, [code(240).as_str(), "HS1:OTHER"]);
    }

    #[test]
    fn light_symbols_on_dark_and_strong_blur_are_read_at_a_second_look() {
        let symbol = Symbol::new(&code(240), Medium::Screen).unwrap();
        let mut inverted = symbol.luma(4).unwrap();
        imageops::invert(&mut inverted);
        assert_eq!(read_luma(&inverted).unwrap(), [code(240)]);
        let blurred = photograph(&symbol, &Conditions { blur_sigma_px: 2.6, ..Conditions::CLEAN }, 4).unwrap();
        assert_eq!(read_luma(&blurred).unwrap(), [code(240)]);
    }

    #[test]
    fn a_picture_without_a_code_says_what_to_do() {
        let mut png = Vec::new();
        let grey = GrayImage::from_fn(320, 240, |x, y| image::Luma([u8::try_from((x * 7 + y * 13) % 251).unwrap()]));
        PngEncoder::new(&mut png).write_image(grey.as_raw(), 320, 240, ExtendedColorType::L8).unwrap();
        let refused = codes_in_bytes(&png).unwrap_err();
        assert!(matches!(refused, PictureError::NoCode));
        assert!(refused.to_string().contains("type the number"));
    }

    #[test]
    fn a_header_of_too_many_pixels_is_refused_before_anything_is_decoded() {
        let mut png = Symbol::new("HS1:A", Medium::Screen).unwrap().png(1).unwrap();
        png[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
        png[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
        let checksum = crc32fast::hash(&png[12..29]);
        png[29..33].copy_from_slice(&checksum.to_be_bytes());
        assert!(matches!(codes_in_bytes(&png), Err(PictureError::TooManyPixels { pixels: 3_600_000_000 })));
    }

    #[test]
    fn files_that_are_no_picture_or_a_damaged_one_are_refused() {
        assert!(matches!(codes_in_bytes(b"GIF89a"), Err(PictureError::Format)));
        assert!(matches!(codes_in_bytes(b""), Err(PictureError::Format)));
        let png = Symbol::new("HS1:A", Medium::Screen).unwrap().png(4).unwrap();
        assert!(matches!(codes_in_bytes(&png[..60]), Err(PictureError::Damaged(_))));
        assert!(matches!(codes_in(Path::new("/nowhere/at/all.png")), Err(PictureError::Open(_))));
        let long = vec![0; usize::try_from(PICTURE_BYTES_MAX).unwrap() + 1];
        assert!(matches!(codes_in_bytes(&long), Err(PictureError::TooManyBytes)));
    }

    #[test]
    fn frames_whose_size_does_not_fit_their_bytes_are_refused() {
        assert!(matches!(codes_in_luma(2, 2, &[0; 3]), Err(PictureError::FrameBytes { found: 3, .. })));
        assert!(matches!(codes_in_luma(0, 9, &[]), Err(PictureError::FrameBytes { .. })));
        assert!(matches!(codes_in_luma(u32::MAX, u32::MAX, &[]), Err(PictureError::TooManyPixels { .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn small_frames_of_anything_are_looked_at_without_a_panic(
            width in 1_u32..40,
            height in 1_u32..40,
            seed in proptest::collection::vec(any::<u8>(), 1..64),
        ) {
            let pixels: Vec<u8> = seed.into_iter().cycle().take(usize::try_from(width * height).unwrap()).collect();
            prop_assert!(matches!(codes_in_luma(width, height, &pixels), Err(PictureError::NoCode)));
        }
    }
}
