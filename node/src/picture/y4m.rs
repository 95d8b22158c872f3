//! The grey part of a film in YUV4MPEG2, 8 bits a sample.
//!
//! The crates that read it multiply what the header claims without a look; a film comes from whoever brings it.

use std::io::{BufRead, Read};

use image::GrayImage;

use super::read::{PictureError, check_pixels};

/// The first bytes of such a film.
pub(super) const MAGIC: &[u8; 10] = b"YUV4MPEG2 ";

/// Bytes of the film's header line, and of each frame's.
const LINE_BYTES_MAX: u64 = 1_024;

/// The frames of a film.
pub(super) struct Frames<R> {
    film: R,
    width: u32,
    height: u32,
    /// Bytes of colour behind the grey ones of a frame.
    colour_bytes: u64,
    ended: bool,
}

impl<R: BufRead> Frames<R> {
    /// Reads the header.
    pub(super) fn new(mut film: R) -> Result<Self, PictureError> {
        let line = line(&mut film)?.ok_or(PictureError::Format)?;
        let of = |name: u8| line.split(|byte| *byte == b' ').skip(1).find_map(move |part| part.strip_prefix(&[name]));
        let number = |name| std::str::from_utf8(of(name)?).ok()?.parse::<u32>().ok();
        let (Some(width), Some(height)) = (number(b'W'), number(b'H')) else { return Err(PictureError::Format) };
        let pixels = check_pixels(width, height)?;
        let (halved_width, halved_height) = (u64::from(width.div_ceil(2)), u64::from(height.div_ceil(2)));
        let colour_bytes = match of(b'C').unwrap_or(b"420") {
            b"mono" => 0,
            b"420" | b"420jpeg" | b"420paldv" | b"420mpeg2" => 2 * halved_width * halved_height,
            b"422" => 2 * halved_width * u64::from(height),
            b"444" => 2 * pixels,
            _ => return Err(PictureError::Format),
        };
        Ok(Self { film, width, height, colour_bytes, ended: false })
    }

    fn frame(&mut self) -> Result<Option<GrayImage>, PictureError> {
        let Some(line) = line(&mut self.film)? else { return Ok(None) };
        if !line.starts_with(b"FRAME") {
            return Err(PictureError::Format);
        }
        let mut grey = vec![0; self.width as usize * self.height as usize];
        self.film.read_exact(&mut grey).map_err(PictureError::Open)?;
        let skipped = std::io::copy(&mut self.film.by_ref().take(self.colour_bytes), &mut std::io::sink());
        skipped.map_err(PictureError::Open)?;
        Ok(GrayImage::from_raw(self.width, self.height, grey))
    }
}

impl<R: BufRead> Iterator for Frames<R> {
    type Item = Result<GrayImage, PictureError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let frame = self.frame().transpose();
        // Behind a damaged frame none can be found.
        self.ended = !matches!(frame, Some(Ok(_)));
        frame
    }
}

/// A line without its end; `None` at the end of the film.
fn line(film: &mut impl BufRead) -> Result<Option<Vec<u8>>, PictureError> {
    let mut line = Vec::new();
    film.take(LINE_BYTES_MAX).read_until(b'\n', &mut line).map_err(PictureError::Open)?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(line)),
        Some(_) => Err(PictureError::Format),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn film(header: &str, frames: usize, bytes: usize) -> Vec<u8> {
        let mut film = header.as_bytes().to_vec();
        for at in 0..frames {
            film.extend(b"FRAME\n");
            film.extend(std::iter::repeat_n(u8::try_from(at).unwrap(), bytes));
        }
        film
    }

    #[test]
    fn the_grey_part_of_every_frame_is_read_whatever_colour_follows_it() {
        for (colour, bytes) in
            [(" Cmono", 15), (" C420jpeg", 15 + 12), ("", 15 + 12), (" C422", 15 + 18), (" C444", 45)]
        {
            let film = film(&format!("YUV4MPEG2 W5 H3 F30:1{colour}\n"), 3, bytes);
            let frames: Vec<_> = Frames::new(&film[..]).unwrap().map(Result::unwrap).collect();
            assert_eq!(frames.len(), 3, "{colour}");
            assert!(frames[2].pixels().all(|pixel| pixel.0 == [2]));
        }
    }

    #[test]
    fn a_film_that_breaks_off_or_claims_too_much_is_an_error_and_ends() {
        let mut short = film("YUV4MPEG2 W5 H3 Cmono\n", 2, 15);
        short.truncate(short.len() - 1);
        let frames: Vec<_> = Frames::new(&short[..]).unwrap().collect();
        assert!(matches!(frames[..], [Ok(_), Err(_)]));
        for header in ["YUV4MPEG2 W5\n", "YUV4MPEG2 W5 H3 C420p10\n", "YUV4MPEG2 W5 H-3\n", "YUV4MPEG2 W5 H3"] {
            assert!(matches!(Frames::new(header.as_bytes()), Err(PictureError::Format)), "{header}");
        }
        let large = b"YUV4MPEG2 W4294967295 H4294967295\n";
        assert!(matches!(Frames::new(&large[..]), Err(PictureError::TooManyPixels { .. })));
        assert!(matches!(Frames::new(&[b'Y'; 5_000][..]), Err(PictureError::Format)));
    }
}
