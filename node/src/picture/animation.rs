//! Symbols that follow each other on a screen: one GIF that goes round for ever.

use std::io::Write;

use gif::{DisposalMethod, Encoder, EncodingError, Frame, Repeat};

use super::render::{RenderError, Symbol};

/// Black and white.
const PALETTE: [u8; 6] = [0, 0, 0, 255, 255, 255];

/// Why a moving picture was not made.
#[derive(Debug, thiserror::Error)]
pub enum AnimationError {
    /// A frame cannot be drawn. The caller is at fault.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// The file cannot be written.
    #[error("the moving picture cannot be written: check the disk")]
    Write(#[from] EncodingError),
    /// A frame is larger than the first. The caller is at fault.
    #[error("the frames of one moving picture have one size")]
    Size,
}

/// A moving picture in the making.
pub struct Animation<W: Write> {
    encoder: Encoder<W>,
    side: u16,
    module_px: u32,
    /// Hundredths of a second.
    delay: u16,
}

impl<W: Write> Animation<W> {
    /// Begins with the size of a symbol, `module_px` pixels a module, each frame shown for `delay` hundredths of a second.
    ///
    /// # Errors
    /// [`AnimationError`].
    pub fn begin(to: W, first: &Symbol, module_px: u32, delay: u16) -> Result<Self, AnimationError> {
        let side = u16::try_from(first.luma(module_px)?.width()).map_err(|_| AnimationError::Size)?;
        let mut encoder = Encoder::new(to, side, side, &PALETTE)?;
        encoder.set_repeat(Repeat::Infinite)?;
        Ok(Self { encoder, side, module_px, delay })
    }

    /// Adds a symbol.
    ///
    /// # Errors
    /// [`AnimationError`].
    pub fn add(&mut self, symbol: &Symbol) -> Result<(), AnimationError> {
        let image = symbol.luma(self.module_px)?;
        if image.width() != u32::from(self.side) {
            return Err(AnimationError::Size);
        }
        let pixels: Vec<u8> = image.as_raw().iter().map(|grey| u8::from(*grey > 127)).collect();
        let mut frame = Frame::from_indexed_pixels(self.side, self.side, pixels, None);
        (frame.delay, frame.dispose) = (self.delay, DisposalMethod::Keep);
        Ok(self.encoder.write_frame(&frame)?)
    }

    /// Ends the file and gives back what it was written to.
    ///
    /// # Errors
    /// [`AnimationError::Write`].
    pub fn end(self) -> Result<W, AnimationError> {
        self.encoder.into_inner().map_err(|error| AnimationError::Write(error.into()))
    }
}
