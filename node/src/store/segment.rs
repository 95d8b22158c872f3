//! A segment: one file of the journal, and how frames are found in it after damage.
//!
//! ```text
//! `swabseg1` | first arrival u64 | follows u64 | CRC-32 u32 | frame | frame | ...      (big-endian)
//! ```
//! The file's name is the number of its first frame. `follows` is the last number that counts before it:
//! frames above it in earlier segments were never acknowledged, and numbers between the two were never given.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::directory::sync_directory;
use super::frame::{Arrival, Claim, FrameKind, HEADER_BYTES as FRAME_HEADER_BYTES, MAGIC, View};
use super::recovery::ArrivalRange;

/// Names the format version with its last character.
const SEGMENT_MAGIC: [u8; 8] = *b"swabseg1";

/// Bytes before a segment's first frame.
pub(super) const HEADER_BYTES: usize = 8 + 8 + 8 + 4;

/// Decimal digits of a segment's name, enough for every [`Arrival`].
const NAME_DIGITS: usize = 20;

/// How often a damaged segment is read over in search of its frames, as a multiple of its length.
///
/// A payload full of false frame headers would otherwise keep a starting node busy for hours. Source: guess.
const SEARCH_FACTOR_MAX: usize = 16;

pub(super) fn path_of(journal: &Path, first: Arrival) -> PathBuf {
    journal.join(format!("{:0NAME_DIGITS$}.seg", first.0))
}

/// The number in a segment's file name; none for other files.
pub(super) fn first_of(path: &Path) -> Option<Arrival> {
    let digits = path.file_name()?.to_str()?.strip_suffix(".seg")?;
    let first = digits.parse().ok().filter(|_| digits.len() == NAME_DIGITS && !digits.starts_with('+'))?;
    Some(Arrival(first))
}

/// Creates a segment whose header and name are durable.
pub(super) fn create(journal: &Path, first: Arrival, follows: Arrival) -> io::Result<(File, u64)> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend_from_slice(&SEGMENT_MAGIC);
    header.extend_from_slice(&first.0.to_be_bytes());
    header.extend_from_slice(&follows.0.to_be_bytes());
    header.extend_from_slice(&crc32fast::hash(&header).to_be_bytes());
    let mut file = File::create(path_of(journal, first))?;
    file.write_all(&header)?;
    file.sync_all()?;
    sync_directory(journal)?;
    Ok((file, u64::try_from(HEADER_BYTES).unwrap_or(u64::MAX)))
}

/// What a segment's header says it follows; none if the header is damaged.
pub(super) fn follows_of(bytes: &[u8], first: Arrival) -> Option<Arrival> {
    let (header, _) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let (fields, crc) = header.split_last_chunk::<4>()?;
    let (start, follows) = fields.split_last_chunk::<8>()?;
    let named = start == [SEGMENT_MAGIC, first.0.to_be_bytes()].concat();
    (named && crc32fast::hash(fields) == u32::from_be_bytes(*crc)).then(|| Arrival(u64::from_be_bytes(*follows)))
}

/// Walks the frames of one segment, stepping over damage.
///
/// Numbers in a segment are contiguous, so a candidate after damage must have a number that the bytes
/// stepped over could have led up to; that and its checksum make it a frame.
#[derive(Debug)]
pub(super) struct Cursor {
    at: usize,
    good_end: usize,
    expected: Arrival,
    checked_bytes_left: usize,
}

impl Cursor {
    /// A walk from the first frame of a segment of so many bytes.
    pub(super) const fn new(first: Arrival, segment_bytes: usize) -> Self {
        Self {
            at: HEADER_BYTES,
            good_end: HEADER_BYTES,
            expected: first,
            checked_bytes_left: segment_bytes.saturating_mul(SEARCH_FACTOR_MAX),
        }
    }

    /// The next good frame; none at the end of what can be read.
    pub(super) fn next<'a>(&mut self, bytes: &'a [u8]) -> Option<View<'a>> {
        loop {
            let rest = bytes.get(self.at..)?;
            let claim = Claim::read(rest).filter(|claim| self.could_be_next(claim.arrival()));
            if let Some(claim) = claim {
                self.checked_bytes_left = self.checked_bytes_left.checked_sub(claim.frame_bytes())?;
                if let Some(view) = claim.verify() {
                    self.at += claim.frame_bytes();
                    self.good_end = self.at;
                    self.expected = view.arrival.next();
                    return Some(view);
                }
            }
            let onwards = rest.get(1..)?;
            self.at += 1 + onwards.windows(MAGIC.len()).position(|window| window == MAGIC)?;
        }
    }

    fn could_be_next(&self, arrival: Arrival) -> bool {
        let stepped_over = (self.at - self.good_end) / FRAME_HEADER_BYTES;
        let newest = self.expected.0.saturating_add(u64::try_from(stepped_over).unwrap_or(u64::MAX));
        (self.expected.0..=newest).contains(&arrival.0)
    }

    /// Offset after the last good frame so far.
    pub(super) const fn good_end(&self) -> usize {
        self.good_end
    }
}

/// What a whole segment holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Survey {
    /// Last good frame; the number before the segment's first if there is none.
    pub(super) last: Arrival,
    /// Last good frame of kind own, or [`Arrival::NONE`].
    pub(super) own_last: Arrival,
    /// Numbers of which the frame is damaged, between good ones.
    pub(super) gaps: Vec<ArrivalRange>,
    /// Offset after the last good frame.
    pub(super) good_end: u64,
    /// Bytes after that.
    pub(super) tail_bytes: u64,
}

/// Reads a segment through. Frames above `ceiling` were never acknowledged and are passed over.
pub(super) fn survey(bytes: &[u8], first: Arrival, ceiling: Arrival) -> Survey {
    let mut cursor = Cursor::new(first, bytes.len());
    let mut survey = Survey { last: first.previous(), ..Survey::default() };
    let mut end = HEADER_BYTES.min(bytes.len());
    while let Some(view) = cursor.next(bytes) {
        if view.arrival > ceiling {
            break;
        }
        survey.gaps.extend(ArrivalRange::between(survey.last, view.arrival));
        survey.last = view.arrival;
        if view.kind == FrameKind::Own {
            survey.own_last = view.arrival;
        }
        end = cursor.good_end();
    }
    survey.good_end = u64::try_from(end).unwrap_or(u64::MAX);
    survey.tail_bytes = u64::try_from(bytes.len() - end).unwrap_or(u64::MAX);
    survey
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::frame::encode;

    /// A segment of frames 1 to 5, number 3 foreign, each payload 100 bytes.
    fn segment() -> Vec<u8> {
        let mut bytes = vec![0; HEADER_BYTES];
        for number in 1..=5 {
            let kind = if number == 3 { FrameKind::Foreign } else { FrameKind::Own };
            encode(Arrival(number), kind, &[b'x'; 100], &mut bytes);
        }
        bytes
    }

    fn arrivals(bytes: &[u8]) -> Vec<u64> {
        let mut cursor = Cursor::new(Arrival(1), bytes.len());
        std::iter::from_fn(|| cursor.next(bytes).map(|view| view.arrival.0)).collect()
    }

    const FRAME: usize = FRAME_HEADER_BYTES + 100;

    #[test]
    fn every_flipped_bit_costs_exactly_the_frame_it_hits() {
        let bytes = segment();
        for at in HEADER_BYTES..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            let hit = u64::try_from((at - HEADER_BYTES) / FRAME).unwrap() + 1;
            assert_eq!(arrivals(&damaged), (1..=5).filter(|n| *n != hit).collect::<Vec<_>>(), "byte {at}");
        }
    }

    #[test]
    fn a_survey_names_what_is_lost_and_where_the_good_part_ends() {
        let mut bytes = segment();
        bytes[HEADER_BYTES + FRAME..HEADER_BYTES + FRAME * 3].fill(0);
        bytes.truncate(HEADER_BYTES + FRAME * 5 - 1);
        let survey = survey(&bytes, Arrival(1), Arrival(u64::MAX));
        assert_eq!(survey.gaps, [ArrivalRange { first: Arrival(2), last: Arrival(3) }]);
        assert_eq!((survey.last, survey.own_last), (Arrival(4), Arrival(4)));
        assert_eq!(survey.good_end, u64::try_from(HEADER_BYTES + FRAME * 4).unwrap());
        assert_eq!(survey.tail_bytes, u64::try_from(FRAME - 1).unwrap());
    }

    #[test]
    fn frames_above_the_ceiling_do_not_count() {
        let survey = survey(&segment(), Arrival(1), Arrival(3));
        assert_eq!((survey.last, survey.own_last), (Arrival(3), Arrival(2)));
        assert_eq!(survey.tail_bytes, u64::try_from(FRAME * 2).unwrap());
    }

    #[test]
    fn a_frame_inside_a_damaged_payload_with_an_impossible_number_is_not_believed() {
        let mut inner = Vec::new();
        encode(Arrival(900), FrameKind::Foreign, b"planted", &mut inner);
        let mut bytes = vec![0; HEADER_BYTES];
        encode(Arrival(1), FrameKind::Foreign, &inner, &mut bytes);
        bytes[HEADER_BYTES + 5] ^= 1;
        assert_eq!(arrivals(&bytes), [0; 0]);
    }

    #[test]
    fn a_segment_made_of_false_headers_is_given_up_soon() {
        let mut bytes = vec![0; HEADER_BYTES];
        let mut header = Vec::new();
        encode(Arrival(1), FrameKind::Own, &[0; 4_000], &mut header);
        header.truncate(FRAME_HEADER_BYTES);
        header[FRAME_HEADER_BYTES - 1] ^= 1;
        for _ in 0..50_000 {
            bytes.extend_from_slice(&header);
        }
        let mut cursor = Cursor::new(Arrival(1), bytes.len());
        assert_eq!(cursor.next(&bytes), None);
        assert!(cursor.at < bytes.len() / 2, "it stopped by its bound, at {} of {}", cursor.at, bytes.len());
    }

    #[test]
    fn a_header_says_what_it_follows_unless_any_of_its_bits_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        drop(create(dir.path(), Arrival(9), Arrival(4)).unwrap());
        let path = path_of(dir.path(), Arrival(9));
        assert_eq!(first_of(&path), Some(Arrival(9)));
        let bytes = std::fs::read(path).unwrap();
        assert_eq!(follows_of(&bytes, Arrival(9)), Some(Arrival(4)));
        assert_eq!(follows_of(&bytes, Arrival(8)), None);
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(follows_of(&damaged, Arrival(9)), None, "bit {bit}");
        }
    }
}
