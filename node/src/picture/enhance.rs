//! Second looks at a frame that could not be read as it is.

use image::imageops::{self, FilterType};
use image::{GrayImage, ImageBuffer, Luma};

use super::decoder::Frame;

/// A changed copy of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Enhancement {
    /// Half as wide and high, each pixel the mean of four: takes noise away, and moiré of large photographs.
    Halved,
    /// Edges raised (unsharp mask): takes blur away.
    Sharpened,
    /// Twice as wide and high: for symbols of less than 3 pixels a module.
    Doubled,
    /// Light on dark, as some phones show codes at night.
    Inverted,
}

impl Enhancement {
    /// Makes the copy.
    pub(super) fn apply(self, frame: Frame<'_>) -> GrayImage {
        let Some(view) = ImageBuffer::<Luma<u8>, _>::from_raw(frame.width, frame.height, frame.pixels) else {
            return GrayImage::new(0, 0);
        };
        match self {
            Self::Halved => imageops::thumbnail(&view, (frame.width / 2).max(1), (frame.height / 2).max(1)),
            Self::Sharpened => sharpen(&view),
            Self::Doubled => imageops::resize(&view, frame.width * 2, frame.height * 2, FilterType::Triangle),
            Self::Inverted => {
                ImageBuffer::from_fn(frame.width, frame.height, |x, y| Luma([!view.get_pixel(x, y).0[0]]))
            }
        }
    }
}

/// Half-width of the mask, pixels: a box this wide spreads as a Gauss of σ 3.2.
///
/// Source: guess from a blur of σ 2.5 at 5 pixels a module, where 60 of 60 frames were read, and
/// 29 without any second look.
const MASK_RADIUS_PX: usize = 5;

/// How much of the difference to the mask is added. Source: guess, as above.
const MASK_WEIGHT: i32 = 3;

fn sharpen(view: &ImageBuffer<Luma<u8>, &[u8]>) -> GrayImage {
    // A box, because a Gauss of the whole frame takes longer than the decoder.
    let original = GrayImage::from_fn(view.width(), view.height(), |x, y| *view.get_pixel(x, y));
    let across = imageops::rotate90(&box_blur_rows(&original));
    let mut sharp = imageops::rotate270(&box_blur_rows(&across));
    for (blurred, grey) in sharp.iter_mut().zip(original.iter()) {
        let (mask, grey) = (i32::from(*blurred), i32::from(*grey));
        *blurred = u8::try_from((grey + MASK_WEIGHT * (grey - mask)).clamp(0, 255)).unwrap_or(u8::MAX);
    }
    sharp
}

/// The mean of each pixel and its neighbours in the row; fewer at the ends.
fn box_blur_rows(image: &GrayImage) -> GrayImage {
    let mut blurred = image.clone();
    let width = usize::try_from(image.width()).unwrap_or(usize::MAX).max(1);
    for (row, out) in image.as_raw().chunks_exact(width).zip(blurred.chunks_exact_mut(width)) {
        let mut sum: u32 = row.iter().take(MASK_RADIUS_PX).map(|grey| u32::from(*grey)).sum();
        let mut count = u32::try_from(row.len().min(MASK_RADIUS_PX)).unwrap_or(u32::MAX);
        for (index, mean) in out.iter_mut().enumerate() {
            if let Some(entering) = row.get(index + MASK_RADIUS_PX) {
                sum += u32::from(*entering);
                count += 1;
            }
            if let Some(leaving) = index.checked_sub(MASK_RADIUS_PX + 1).and_then(|index| row.get(index)) {
                sum -= u32::from(*leaving);
                count -= 1;
            }
            *mean = u8::try_from(sum / count.max(1)).unwrap_or(u8::MAX);
        }
    }
    blurred
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_blurred_to_the_mean_of_the_neighbours_there_are() {
        let mut row = GrayImage::new(13, 1);
        row.put_pixel(6, 0, Luma([110]));
        let blurred = box_blur_rows(&row);
        // The first pixel has 6 neighbours, none of them lit; the second has 7, one of them lit.
        assert_eq!(blurred.as_raw()[..2], [0, 110 / 7]);
        assert_eq!(blurred.as_raw()[6], 110 / 11);
        assert_eq!(box_blur_rows(&GrayImage::from_pixel(20, 3, Luma([77]))), GrayImage::from_pixel(20, 3, Luma([77])));
    }

    #[test]
    fn flat_frames_stay_flat_and_edges_grow() {
        let pixels: Vec<u8> = (0..400_u32).map(|index| if index % 20 < 10 { 100 } else { 150 }).collect();
        let sharp = Enhancement::Sharpened.apply(Frame { width: 20, height: 20, pixels: &pixels });
        assert_eq!(sharp.dimensions(), (20, 20));
        assert!(sharp.get_pixel(9, 9).0[0] < 100 && sharp.get_pixel(10, 9).0[0] > 150);
        assert_eq!(sharp.get_pixel(1, 9).0[0], 100);
    }

    #[test]
    fn frames_of_one_pixel_can_be_enhanced() {
        for enhancement in [Enhancement::Halved, Enhancement::Sharpened, Enhancement::Doubled, Enhancement::Inverted] {
            let image = enhancement.apply(Frame { width: 1, height: 1, pixels: &[7] });
            assert!(image.width() >= 1 && image.height() >= 1, "{enhancement:?}");
        }
    }
}
