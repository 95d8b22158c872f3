//! Frames as a camera saw them, in any order, of any number of bundles, put together again.

use std::collections::{BTreeMap, BTreeSet};

use raptorq::{EncodingPacket, PayloadId, SourceBlockDecoder};

use super::{Frame, FrameError, Name, digest};
use crate::limits::{SERIES_AT_ONCE_MAX, SERIES_SURPLUS_MAX};

/// What became of a frame that reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It was new.
    New,
    /// It was there already, or its bundle is complete.
    Again,
    /// It was the last that was needed.
    Completed,
    /// With it the frames should give their bundle and do not: one of them is false, so all are forgotten.
    Misled,
}

/// What was gathered of one series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gathered<'g> {
    /// Which.
    pub name: Name,
    /// Different frames that came.
    pub read: u32,
    /// How often its frames contradicted its digest and were forgotten.
    pub misled: u32,
    /// The bundle, once it is complete: its digest holds.
    pub bundle: Option<&'g [u8]>,
}

/// Puts bundles together from frames. Keeps at most [`SERIES_AT_ONCE_MAX`] series, each with few frames more than it needs.
#[derive(Debug, Default)]
pub struct Gathering {
    series: BTreeMap<Name, Part>,
}

#[derive(Debug)]
struct Part {
    seen: BTreeSet<u32>,
    misled: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    Open(SourceBlockDecoder),
    Whole(Vec<u8>),
}

impl Gathering {
    /// Takes one text that a camera read.
    ///
    /// # Errors
    /// [`FrameError`]; nothing was changed.
    pub fn take(&mut self, text: &str) -> Result<Taken, FrameError> {
        let frame = Frame::from_text(text)?;
        let name = frame.name()?;
        if !self.series.contains_key(&name) {
            self.make_room();
        }
        Ok(self.series.entry(name).or_insert_with(|| Part::new(&name, 0)).take(&name, frame))
    }

    /// What was gathered so far, series by series.
    pub fn gathered(&self) -> impl Iterator<Item = Gathered<'_>> {
        self.series.iter().map(|(name, part)| Gathered {
            name: *name,
            // No more are kept than a series needs and few above.
            read: u32::try_from(part.seen.len()).unwrap_or(u32::MAX),
            misled: part.misled,
            bundle: if let State::Whole(bundle) = &part.state { Some(bundle) } else { None },
        })
    }

    /// Forgets the series that is least complete, if there are as many as are kept: whoever shows one frame of each of
    /// many bundles does not push out the one that is being read.
    fn make_room(&mut self) {
        if self.series.len() < SERIES_AT_ONCE_MAX {
            return;
        }
        let open = self.series.iter().filter(|(_, part)| matches!(part.state, State::Open(_)));
        let least = open.min_by_key(|(_, part)| part.seen.len()).map(|(name, _)| *name);
        // All complete: then the first by name goes, which whoever reads so many has taken out long ago.
        let least = least.or_else(|| self.series.keys().next().copied());
        self.series.retain(|name, _| Some(*name) != least);
    }
}

impl Part {
    fn new(name: &Name, misled: u32) -> Self {
        let block_bytes = u64::from(name.needed()) * u64::from(name.symbol_bytes);
        let state = State::Open(SourceBlockDecoder::new(0, &name.information(), block_bytes));
        Self { seen: BTreeSet::new(), misled, state }
    }

    fn take(&mut self, name: &Name, frame: Frame) -> Taken {
        let State::Open(decoder) = &mut self.state else { return Taken::Again };
        if !self.seen.insert(frame.number) {
            return Taken::Again;
        }
        // The length of the symbol and its number were checked with the frame: the decoder asserts both.
        let packet = EncodingPacket::new(PayloadId::new(0, frame.number), frame.symbol);
        let Some(mut bundle) = decoder.decode([packet]) else {
            let surplus = self.seen.len().saturating_sub(name.needed() as usize);
            return if surplus < SERIES_SURPLUS_MAX { Taken::New } else { self.forget(name) };
        };
        bundle.truncate(name.bytes as usize);
        if digest(&bundle) != name.digest {
            return self.forget(name);
        }
        self.state = State::Whole(bundle);
        Taken::Completed
    }

    fn forget(&mut self, name: &Name) -> Taken {
        *self = Self::new(name, self.misled.saturating_add(1));
        Taken::Misled
    }
}
