//! Reading frames back from the journal.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};

use super::catalogue::Segment;
use super::error::StoreError;
use super::frame::{Arrival, Frame};
use super::segment::Cursor;

/// Durable frames in order, one segment in memory at a time.
///
/// Ends at what was durable when it was asked for. Damaged frames and segments deleted meanwhile are passed
/// over; [`Recovery`](super::recovery::Recovery) names the former.
#[derive(Debug)]
pub struct Frames {
    from: Arrival,
    segments: VecDeque<Segment>,
    current: Option<Open>,
}

#[derive(Debug)]
struct Open {
    bytes: Vec<u8>,
    cursor: Cursor,
    last: Arrival,
}

impl Frames {
    pub(super) const fn new(from: Arrival, segments: VecDeque<Segment>) -> Self {
        Self { from, segments, current: None }
    }
}

impl Open {
    /// Reads the durable part of a segment; none if it was deleted.
    fn read(segment: &Segment) -> io::Result<Option<Self>> {
        let file = match File::open(&segment.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(segment.bytes).read_to_end(&mut bytes)?;
        let cursor = Cursor::new(segment.first, bytes.len());
        Ok(Some(Self { bytes, cursor, last: segment.last }))
    }
}

impl Iterator for Frames {
    type Item = Result<Frame, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(open) = &mut self.current {
                while let Some(view) = open.cursor.next(&open.bytes).filter(|view| view.arrival <= open.last) {
                    if view.arrival >= self.from {
                        let payload = view.payload.to_vec();
                        return Some(Ok(Frame { arrival: view.arrival, kind: view.kind, payload }));
                    }
                }
            }
            let segment = self.segments.pop_front()?;
            match Open::read(&segment) {
                Ok(open) => self.current = open,
                Err(error) => {
                    self.current = None;
                    return Some(Err(StoreError::journal(error)));
                }
            }
        }
    }
}
