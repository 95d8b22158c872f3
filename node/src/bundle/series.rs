//! A bundle as frames on a screen, and back from pictures of that screen.

use serde::Serialize;
use swabmesh_protocol::bundle::series::{Frame, Gathered, Gathering, Series, SeriesError};

use crate::picture::film::{Film, Seen};
use crate::picture::render::{Medium, RenderError, Symbol};

/// Version of the QR symbols: 117 modules a side, 1,213 bytes of the bundle in each at level L.
///
/// Source: `swabmesh bench frames`, 10 frames of each condition: versions 15 to 30 were all read, from half the height of a
/// 1080p film too, at L as well as at Q; 30 needed second looks (13.5 ms against 9.6), 35 lost 4 of 10 in a hurry.
/// 25 leaves room for what the benchmark does not do: moiré, reflections, two frames in one picture.
pub const SHOWN_VERSION: u8 = 25;

/// Where the symbols are looked at.
pub const SHOWN_MEDIUM: Medium = Medium::Film;

/// What was seen in pictures of a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Tally {
    /// Pictures looked at.
    pub seen: u64,
    /// Pictures that showed a frame of a bundle.
    pub read: u64,
    /// Pictures with no code that can be read, and files that are no pictures.
    pub unreadable: u64,
    /// Pictures that showed other codes only, or frames whose check does not hold.
    pub foreign: u64,
}

/// What was gathered of one bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// The first bytes of its SHA-256, hexadecimal.
    pub digest: String,
    /// Bytes of it.
    pub bytes: u32,
    /// Frames it takes.
    pub needed: u32,
    /// Different frames that were read.
    pub read: u32,
    /// How often its frames contradicted its digest and were forgotten.
    pub misled: u32,
    /// Whether it came out whole.
    pub complete: bool,
    /// The bundle, if so.
    #[serde(skip)]
    pub bundle: Option<Vec<u8>>,
}

/// What pictures of a screen gave.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Harvest {
    /// The pictures.
    #[serde(flatten)]
    pub tally: Tally,
    /// The bundles of which a frame was read.
    pub bundles: Vec<Shown>,
}

/// Lays a bundle out in frames of the one size that is shown.
///
/// # Errors
/// [`SeriesError`].
pub fn lay_out(bundle: Vec<u8>) -> Result<Series, SeriesError> {
    let symbol_bytes = Frame::symbol_bytes_in(Symbol::chars_in(SHOWN_VERSION, SHOWN_MEDIUM));
    // The largest symbol holds fewer than 2^16 bytes.
    Series::new(bundle, u16::try_from(symbol_bytes).unwrap_or(u16::MAX))
}

/// Draws the frames of a series in order, `spare` more than are needed.
pub fn symbols(series: &Series, spare: u32) -> impl Iterator<Item = Result<Symbol, RenderError>> + '_ {
    series.texts(spare).map(|text| Symbol::new(&text, SHOWN_MEDIUM))
}

/// Reads a film to its end: it may show more than one bundle. `each` hears how far it is.
pub fn gather(film: Film, mut each: impl FnMut(Tally, &Gathering)) -> Harvest {
    let (mut tally, mut gathering) = (Tally::default(), Gathering::default());
    for seen in film {
        tally.count(seen, &mut gathering);
        each(tally, &gathering);
    }
    Harvest { tally, bundles: gathering.gathered().map(Shown::of).collect() }
}

impl Tally {
    fn count(&mut self, seen: Seen, gathering: &mut Gathering) {
        self.seen += 1;
        match seen.map(|texts| texts.iter().filter(|text| gathering.take(text).is_ok()).count()) {
            Err(_) => self.unreadable += 1,
            Ok(0) => self.foreign += 1,
            Ok(_) => self.read += 1,
        }
    }
}

impl Shown {
    fn of(gathered: Gathered<'_>) -> Self {
        let Gathered { name, read, misled, bundle } = gathered;
        Self {
            digest: data_encoding::HEXLOWER.encode(&name.digest),
            bytes: name.bytes,
            needed: name.needed(),
            read,
            misled,
            complete: bundle.is_some(),
            bundle: bundle.map(<[u8]>::to_vec),
        }
    }
}
