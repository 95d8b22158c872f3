//! Many pictures of one screen: a moving picture, a film, or a folder, a frame at a time.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::{AnimationDecoder, DynamicImage, Frames, GrayImage, ImageDecoder, ImageFormat, Limits};

use super::read::{self, DECODE_BYTES_MAX, PictureError};
use super::y4m;

/// Files of one folder: an hour of film at 15 frames a second, and some.
pub const FOLDER_FILES_MAX: usize = 65_536;

/// Bytes that tell what a file is.
const BEGINNING_BYTES: usize = 16;

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory: each file in it is a picture.
    Folder,
    /// One picture, or several that follow each other.
    Picture(ImageFormat),
    /// A film that needs no decoder (YUV4MPEG2).
    Y4m,
    /// A film that does.
    Film,
    /// Something else: a bundle, for one.
    Other,
}

/// Why there are no frames at all. Nothing was changed; each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum FilmError {
    /// It cannot be read.
    #[error("cannot read {}: check the path and its permissions", path.display())]
    Open {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A film as phones and cameras record it.
    #[error(
        "{} is a film, and films are not decoded here: make a folder of its frames, for example with \
         `mkdir frames && ffmpeg -i {} -vf fps=15 frames/%05d.png`, and name the folder",
        path.display(), path.display()
    )]
    Film {
        /// Which.
        path: PathBuf,
    },
    /// More than anybody films in one go.
    #[error(
        "the folder has more than {FOLDER_FILES_MAX} files: put the frames of one series into a folder of their own"
    )]
    TooManyFiles,
    /// The file's beginning is damaged, or claims too much.
    #[error("{} cannot be read: {source}", path.display())]
    Picture {
        /// Which.
        path: PathBuf,
        /// Why.
        source: PictureError,
    },
}

/// What a frame showed.
pub type Seen = Result<Vec<String>, PictureError>;

/// The frames of a path, read one after another; only one is in memory.
pub struct Film {
    frames: Box<dyn Iterator<Item = Seen>>,
    about: Option<usize>,
}

impl Kind {
    /// Looks at what a path leads to.
    ///
    /// # Errors
    /// [`FilmError::Open`].
    pub fn of(path: &Path) -> Result<Self, FilmError> {
        let open = |source| FilmError::Open { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(open)?.is_dir() {
            return Ok(Self::Folder);
        }
        let mut beginning = Vec::new();
        let file = File::open(path).map_err(open)?;
        file.take(BEGINNING_BYTES as u64).read_to_end(&mut beginning).map_err(open)?;
        Ok(Self::begins(&beginning))
    }

    fn begins(bytes: &[u8]) -> Self {
        // MP4, MOV and HEIF name their brand behind four bytes of length; Matroska and WebM are EBML.
        let boxed = bytes.get(4..8) == Some(b"ftyp");
        let riff = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"AVI ");
        if boxed || riff || bytes.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]) {
            Self::Film
        } else if bytes.starts_with(y4m::MAGIC) {
            Self::Y4m
        } else {
            match image::guess_format(bytes) {
                Ok(format @ (ImageFormat::Gif | ImageFormat::Png | ImageFormat::Jpeg)) => Self::Picture(format),
                Ok(_) | Err(_) => Self::Other,
            }
        }
    }
}

impl Film {
    /// Opens the frames of a path; `None` when it leads to something else.
    ///
    /// # Errors
    /// [`FilmError`].
    pub fn open(path: &Path) -> Result<Option<Self>, FilmError> {
        let file = || {
            let file = File::open(path).map_err(|source| FilmError::Open { path: path.to_owned(), source })?;
            Ok(BufReader::new(file))
        };
        let damaged = |source| FilmError::Picture { path: path.to_owned(), source };
        let frames: Box<dyn Iterator<Item = Seen>> = match Kind::of(path)? {
            Kind::Folder => return folder(path).map(Some),
            Kind::Other => return Ok(None),
            Kind::Film => return Err(FilmError::Film { path: path.to_owned() }),
            Kind::Y4m => Box::new(y4m::Frames::new(file()?).map_err(damaged)?.map(|frame| seen(&frame?))),
            Kind::Picture(ImageFormat::Gif) => Box::new(moving(gif(file()?).map_err(damaged)?)),
            Kind::Picture(ImageFormat::Png) => match apng(file()?).map_err(damaged)? {
                Some(frames) => Box::new(moving(frames)),
                None => still(path),
            },
            Kind::Picture(_) => still(path),
        };
        Ok(Some(Self { frames, about: None }))
    }

    /// Frames there are, if that is known beforehand.
    #[must_use]
    pub const fn about(&self) -> Option<usize> {
        self.about
    }
}

impl Iterator for Film {
    type Item = Seen;

    fn next(&mut self) -> Option<Seen> {
        self.frames.next()
    }
}

fn still(path: &Path) -> Box<dyn Iterator<Item = Seen>> {
    let path = path.to_owned();
    Box::new(std::iter::once_with(move || read::codes_in(&path)))
}

/// The files of a folder by name; what is in a folder within it is no concern of ours.
fn folder(path: &Path) -> Result<Film, FilmError> {
    let open = |source| FilmError::Open { path: path.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(open)? {
        let entry = entry.map_err(open)?.path();
        if entry.is_file() {
            files.push(entry);
        }
        if files.len() > FOLDER_FILES_MAX {
            return Err(FilmError::TooManyFiles);
        }
    }
    files.sort();
    let about = Some(files.len());
    Ok(Film { frames: Box::new(files.into_iter().map(|file| read::codes_in(&file))), about })
}

fn bounds() -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODE_BYTES_MAX);
    limits
}

fn gif<R: std::io::BufRead + Seek + 'static>(file: R) -> Result<Frames<'static>, PictureError> {
    let mut decoder = GifDecoder::new(file).map_err(PictureError::Damaged)?;
    let (width, height) = decoder.dimensions();
    read::check_pixels(width, height)?;
    decoder.set_limits(bounds()).map_err(PictureError::Damaged)?;
    Ok(decoder.into_frames())
}

fn apng<R: std::io::BufRead + Seek + 'static>(file: R) -> Result<Option<Frames<'static>>, PictureError> {
    let decoder = PngDecoder::with_limits(file, bounds()).map_err(PictureError::Damaged)?;
    let (width, height) = decoder.dimensions();
    read::check_pixels(width, height)?;
    if !decoder.is_apng().map_err(PictureError::Damaged)? {
        return Ok(None);
    }
    Ok(Some(decoder.apng().map_err(PictureError::Damaged)?.into_frames()))
}

/// Frames up to the first that is damaged: what comes behind it cannot be found.
fn moving(frames: Frames<'static>) -> impl Iterator<Item = Seen> {
    let mut ended = false;
    let until_damaged = frames.take_while(move |frame| !std::mem::replace(&mut ended, frame.is_err()));
    until_damaged.map(|frame| {
        let frame = frame.map_err(PictureError::Damaged)?;
        seen(&DynamicImage::ImageRgba8(frame.into_buffer()).into_luma8())
    })
}

fn seen(frame: &GrayImage) -> Seen {
    read::codes_in_luma(frame.width(), frame.height(), frame.as_raw())
}
