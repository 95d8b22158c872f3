//! The libraries that find and decode QR symbols, and the bars of a tube, each behind the same call.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rqrr::PreparedImage;
use rxing::common::HybridBinarizer;
use rxing::multi::MultipleBarcodeReader;
use rxing::oned::Code128Reader;
use rxing::qrcode::cpp_port::QrReader;
use rxing::{BarcodeFormat, BinaryBitmap, DecodeHints, Luma8Source, Reader};

/// A grey image, row by row, one byte a pixel; as many bytes as `width * height`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) pixels: &'a [u8],
}

/// A decoder panicked on an image. The library is at fault; the frame was only read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Panicked;

/// One decoding library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decoder {
    /// The port of ZXing-C++.
    Rxing,
    /// The port of quirc.
    Rqrr,
    /// The port of ZXing for Code 128 (ISO/IEC 15417), lying or standing; the first one it finds.
    Code128,
}

impl Decoder {
    /// Reads every symbol in a frame; none is an empty list.
    pub(super) fn read(self, frame: Frame<'_>) -> Result<Vec<String>, Panicked> {
        let decode = match self {
            Self::Rxing => rxing,
            Self::Rqrr => rqrr,
            Self::Code128 => code128,
        };
        // Both libraries index into images that strangers made.
        catch_unwind(AssertUnwindSafe(|| decode(frame))).map_err(|_| Panicked)
    }
}

/// A frame as rxing takes it; `None` for a size that is none.
fn bitmap(frame: Frame<'_>) -> Option<BinaryBitmap<HybridBinarizer<Luma8Source<'_>>>> {
    let source = Luma8Source::new_with_slice(frame.pixels, frame.width, frame.height).ok()?;
    Some(BinaryBitmap::new(HybridBinarizer::new(source)))
}

fn hints(format: BarcodeFormat) -> DecodeHints {
    DecodeHints { PossibleFormats: Some(HashSet::from([format])), TryHarder: Some(true), ..DecodeHints::default() }
}

fn rxing(frame: Frame<'_>) -> Vec<String> {
    let Some(mut bitmap) = bitmap(frame) else { return Vec::new() };
    let found = QrReader.decode_multiple_with_hints(&mut bitmap, &hints(BarcodeFormat::QR_CODE)).unwrap_or_default();
    found.iter().map(|symbol| symbol.getText().to_owned()).collect()
}

fn code128(frame: Frame<'_>) -> Vec<String> {
    let Some(mut bitmap) = bitmap(frame) else { return Vec::new() };
    let found = Code128Reader.decode_with_hints(&mut bitmap, &hints(BarcodeFormat::CODE_128));
    found.iter().map(|symbol| symbol.getText().to_owned()).collect()
}

fn rqrr(frame: Frame<'_>) -> Vec<String> {
    let (Ok(width), Ok(height)) = (usize::try_from(frame.width), usize::try_from(frame.height)) else {
        return Vec::new();
    };
    let pixel = |x, y| frame.pixels.get(y * width + x).copied().unwrap_or(u8::MAX);
    let mut image = PreparedImage::prepare_from_greyscale(width, height, pixel);
    let grids = image.detect_grids();
    grids.iter().filter_map(|grid| grid.decode().ok()).map(|(_, text)| text).collect()
}
