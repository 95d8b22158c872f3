//! Drawing a code's text as a QR symbol, PNG and SVG.

use std::fmt::Write;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, GrayImage, ImageEncoder, ImageError, Luma};
use qrcodegen::{QrCode, QrCodeEcc, QrSegment, Version};

/// Modules of white around the symbol. Source: ISO/IEC 18004, and code-format.
pub const QUIET_ZONE_MODULES: u32 = 4;

/// Pixels a side of one module in an image.
pub const MODULE_PX_MAX: u32 = 32;

/// Characters that the largest symbol holds. Source: ISO/IEC 18004, version 40 at level L.
const CHARS_MAX: usize = 4_296;

/// Where the symbol will be looked at, which decides its error correction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// A phone or a monitor: level M, because fewer modules scan better on cheap phones than more correction.
    Screen,
    /// Paper: level Q, because prints crease and fade.
    Print,
    /// One of many frames that a camera films: level L, because a frame that is not read is made good by others.
    Film,
}

/// Why a text cannot be drawn. The caller is at fault; nothing was made.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A character that an alphanumeric segment cannot hold.
    #[error("a code holds digits, upper-case letters, spaces and $%*+-./: only")]
    Characters,
    /// More characters than the largest symbol holds at this level.
    #[error("{chars} characters do not fit a QR symbol")]
    TooLong {
        /// Characters given.
        chars: usize,
    },
    /// Not a size of module that an image can have.
    #[error("a module has 1 to {MODULE_PX_MAX} pixels a side")]
    ModulePx,
    /// The PNG could not be written to memory.
    #[error("the PNG could not be encoded")]
    Png(#[source] ImageError),
}

/// One QR symbol of one alphanumeric segment.
#[derive(Clone)]
pub struct Symbol {
    code: QrCode,
}

impl Symbol {
    /// Lays a text out, in the smallest symbol that holds it at the medium's level.
    ///
    /// The level is never raised to fill the symbol, so the version is the one that code-format promises.
    ///
    /// # Errors
    /// [`RenderError::Characters`], [`RenderError::TooLong`].
    pub fn new(text: &str, medium: Medium) -> Result<Self, RenderError> {
        if !QrSegment::is_alphanumeric(text) {
            return Err(RenderError::Characters);
        }
        Self::within(text, medium, Version::MAX)
    }

    fn within(text: &str, medium: Medium, largest: Version) -> Result<Self, RenderError> {
        let level = match medium {
            Medium::Screen => QrCodeEcc::Medium,
            Medium::Print => QrCodeEcc::Quartile,
            Medium::Film => QrCodeEcc::Low,
        };
        let segment = [QrSegment::make_alphanumeric(text)];
        QrCode::encode_segments_advanced(&segment, level, Version::MIN, largest, None, false)
            .map(|code| Self { code })
            .map_err(|_| RenderError::TooLong { chars: text.len() })
    }

    /// Characters that a symbol of this version holds at the medium's level; of a version that is none, of the nearest.
    #[must_use]
    pub fn chars_in(version: u8, medium: Medium) -> usize {
        let largest = Version::new(version.clamp(Version::MIN.value(), Version::MAX.value()));
        let (mut fits, mut does_not) = (0, CHARS_MAX + 1);
        while does_not - fits > 1 {
            let middle = usize::midpoint(fits, does_not);
            let fits_in = Self::within(&"A".repeat(middle), medium, largest).is_ok();
            *(if fits_in { &mut fits } else { &mut does_not }) = middle;
        }
        fits
    }

    /// The version, 1..=40.
    #[must_use]
    pub fn version(&self) -> u8 {
        self.code.version().value()
    }

    /// Modules a side, quiet zone included.
    #[must_use]
    pub fn modules(&self) -> u32 {
        self.code.size().unsigned_abs() + 2 * QUIET_ZONE_MODULES
    }

    /// Whether a module is dark, counted from the corner of the quiet zone.
    #[must_use]
    pub fn is_dark(&self, column: u32, row: u32) -> bool {
        let inside = |place: u32| place.checked_sub(QUIET_ZONE_MODULES).and_then(|place| i32::try_from(place).ok());
        matches!((inside(column), inside(row)), (Some(x), Some(y)) if self.code.get_module(x, y))
    }

    /// Draws black on white, `module_px` pixels a module.
    ///
    /// # Errors
    /// [`RenderError::ModulePx`] outside 1..=[`MODULE_PX_MAX`].
    pub fn luma(&self, module_px: u32) -> Result<GrayImage, RenderError> {
        if !(1..=MODULE_PX_MAX).contains(&module_px) {
            return Err(RenderError::ModulePx);
        }
        let side = self.modules() * module_px;
        let shade = |x, y| if self.is_dark(x / module_px, y / module_px) { 0 } else { 255 };
        Ok(GrayImage::from_fn(side, side, |x, y| Luma([shade(x, y)])))
    }

    /// Draws a PNG of 8-bit grey.
    ///
    /// # Errors
    /// As [`Symbol::luma`], and [`RenderError::Png`].
    pub fn png(&self, module_px: u32) -> Result<Vec<u8>, RenderError> {
        let image = self.luma(module_px)?;
        let mut bytes = Vec::new();
        PngEncoder::new(&mut bytes)
            .write_image(image.as_raw(), image.width(), image.height(), ExtendedColorType::L8)
            .map_err(RenderError::Png)?;
        Ok(bytes)
    }

    /// Draws an SVG without a size of its own, one unit a module.
    #[must_use]
    pub fn svg(&self) -> String {
        let side = self.modules();
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
             <path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path d=\"{}\"/></svg>\n",
            self.path()
        )
    }

    /// The dark modules as SVG path data, one rectangle for each run in a row.
    #[must_use]
    pub fn path(&self) -> String {
        let mut path = String::new();
        for row in 0..self.modules() {
            let mut column = 0;
            while column < self.modules() {
                let run =
                    (column..self.modules()).take_while(|&column| self.is_dark(column, row)).map(|_| 1).sum::<u32>();
                if run > 0 {
                    // Writing to a string cannot fail.
                    let _ = write!(path, "M{column} {row}h{run}v1h-{run}z");
                }
                column += run + 1;
            }
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_every_kind_have_the_version_that_the_format_promises() {
        for (chars, screen, print) in [(240, 9, 11), (270, 10, 12), (246, 9, 11), (468, 13, 16)] {
            let text = "HS1:A Z%".chars().cycle().take(chars).collect::<String>();
            assert_eq!(Symbol::new(&text, Medium::Screen).unwrap().version(), screen, "{chars} on a screen");
            assert_eq!(Symbol::new(&text, Medium::Print).unwrap().version(), print, "{chars} in print");
        }
    }

    #[test]
    fn a_symbol_holds_what_the_standard_says_and_not_one_character_more() {
        // ISO/IEC 18004, table 7.
        for (version, medium, chars) in
            [(1, Medium::Film, 25), (10, Medium::Screen, 311), (25, Medium::Print, 1_041), (40, Medium::Film, 4_296)]
        {
            assert_eq!(Symbol::chars_in(version, medium), chars, "{version} {medium:?}");
            assert_eq!(Symbol::new(&"A".repeat(chars), medium).unwrap().version(), version);
        }
    }

    #[test]
    fn texts_that_a_symbol_cannot_hold_are_refused() {
        assert!(matches!(Symbol::new("hs1:a", Medium::Screen), Err(RenderError::Characters)));
        assert!(matches!(Symbol::new("张", Medium::Screen), Err(RenderError::Characters)));
        assert!(matches!(Symbol::new(&"A".repeat(5_000), Medium::Print), Err(RenderError::TooLong { chars: 5_000 })));
        let symbol = Symbol::new("HS1:A", Medium::Screen).unwrap();
        assert!(matches!(symbol.luma(0), Err(RenderError::ModulePx)));
        assert!(matches!(symbol.png(MODULE_PX_MAX + 1), Err(RenderError::ModulePx)));
    }

    #[test]
    fn the_quiet_zone_is_white_and_the_finder_dark() {
        let symbol = Symbol::new("HS1:A", Medium::Screen).unwrap();
        let image = symbol.luma(2).unwrap();
        assert_eq!(image.width(), (21 + 8) * 2);
        assert_eq!((image.get_pixel(7, 7).0, image.get_pixel(8, 8).0), ([255], [0]));
        assert!(!symbol.is_dark(symbol.modules(), 0));
    }

    #[test]
    fn the_path_covers_exactly_the_dark_modules() {
        let symbol = Symbol::new("HS1:A", Medium::Print).unwrap();
        let path = symbol.path();
        let mut drawn = std::collections::BTreeSet::new();
        for run in path.split_terminator('z') {
            let numbers: Vec<u32> =
                run.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
            let [column, row, length, 1, back] = numbers[..] else { panic!("{run}") };
            assert_eq!(length, back);
            drawn.extend((column..column + length).map(|column| (column, row)));
        }
        for (column, row) in (0..symbol.modules()).flat_map(|y| (0..symbol.modules()).map(move |x| (x, y))) {
            assert_eq!(drawn.contains(&(column, row)), symbol.is_dark(column, row), "column {column}, row {row}");
        }
        assert!(symbol.svg().contains(&path));
    }
}
