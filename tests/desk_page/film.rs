//! A film for the browser's camera: codes held before it, turned and out of focus.

use std::io::Write;
use std::path::Path;

use image::{GrayImage, Luma, imageops};

/// Pixels of a frame.
const WIDTH: u32 = 640;
/// See [`WIDTH`].
const HEIGHT: u32 = 480;

/// Frames of one code in a row: a second.
const FRAMES_EACH: u32 = 30;

/// Writes each code as a second of film, blurred, and turned by one degree more in every frame, from these degrees on.
pub(crate) fn write(path: &Path, codes: &[(GrayImage, f32)]) -> std::io::Result<()> {
    let mut film = std::io::BufWriter::new(std::fs::File::create(path)?);
    writeln!(film, "YUV4MPEG2 W{WIDTH} H{HEIGHT} F30:1 Ip A1:1 C420jpeg")?;
    let grey = vec![128_u8; (WIDTH * HEIGHT / 2) as usize];
    for (code, from) in codes {
        for frame in 0..FRAMES_EACH {
            let degrees = from + frame as f32;
            let picture = imageops::blur(&turned(code, degrees.to_radians()), 1.1);
            film.write_all(b"FRAME\n")?;
            film.write_all(picture.as_raw())?;
            film.write_all(&grey)?;
        }
    }
    film.flush()
}

/// The symbol in the middle of a grey table, turned.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to lie inside the symbol")]
fn turned(code: &GrayImage, angle: f32) -> GrayImage {
    let (sin, cos) = angle.sin_cos();
    let middle = |size: u32| size as f32 / 2.0;
    GrayImage::from_fn(WIDTH, HEIGHT, |x, y| {
        let (dx, dy) = (x as f32 - middle(WIDTH), y as f32 - middle(HEIGHT));
        let (from_x, from_y) =
            (dx * cos + dy * sin + middle(code.width()), dy * cos - dx * sin + middle(code.height()));
        let inside = from_x >= 0.0 && from_y >= 0.0 && from_x < code.width() as f32 && from_y < code.height() as f32;
        if inside { *code.get_pixel(from_x as u32, from_y as u32) } else { Luma([150]) }
    })
}
