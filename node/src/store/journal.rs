//! The journal: segments of frames, written at the end, synced once a group, deleted from the front.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::catalogue::{Catalogue, Segment};
use super::directory::{read_checked, sync_directory, write_checked};
use super::error::OpenError;
use super::frame::{Arrival, FrameKind, HEADER_BYTES as FRAME_HEADER_BYTES, encode};
use super::recovery::{ArrivalRange, Chain, losses};
use super::segment;

/// The segment frames are appended to.
#[derive(Debug)]
struct Active {
    file: File,
    /// Offset after the last acknowledged frame, which is the file's length between groups.
    good_bytes: u64,
}

/// The writing end of the journal. One thread owns it.
#[derive(Debug)]
pub(super) struct Journal {
    dir: PathBuf,
    segment_bytes_max: u64,
    /// None until the next group begins a segment.
    active: Option<Active>,
    last: Arrival,
    next: Arrival,
    group: Vec<u8>,
}

/// What [`Journal::open`] found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) journal: Journal,
    pub(super) catalogue: Catalogue,
    /// Frames below it were deleted on purpose; none if that cannot be told.
    pub(super) start: Option<Arrival>,
    /// Numbers whose frames should be there and are not.
    pub(super) lost: Vec<ArrivalRange>,
    pub(super) torn_bytes: u64,
}

impl Journal {
    /// Reads every segment, cuts a torn tail, and makes what was found durable before anybody relies on it.
    ///
    /// `indexed_through`: frames up to here existed, whatever the journal says.
    pub(super) fn open(dir: &Path, segment_bytes_max: u64, indexed_through: Arrival) -> Result<Found, OpenError> {
        let start = read_start(dir);
        let firsts = list(dir).map_err(OpenError::at(dir))?;
        let mut segments = Vec::new();
        let mut chain = Vec::new();
        let mut tail = Tail { torn_bytes: 0, file: None };
        // From the last to the first: a segment's successor says which of its frames count.
        let mut ceiling = Arrival(u64::MAX);
        for &first in firsts.iter().rev() {
            let path = segment::path_of(dir, first);
            let bytes = fs::read(&path).unwrap_or_else(|error| {
                tracing::error!(%error, path = %path.display(), "a segment of the journal cannot be read");
                Vec::new()
            });
            let follows = segment::follows_of(&bytes, first);
            let survey = segment::survey(&bytes, first, ceiling);
            if follows.is_none() && survey.last < first {
                // Its creation was cut short, or all of it is damaged.
                tail.torn_bytes = tail.torn_bytes.saturating_add(set_aside(&path).map_err(OpenError::at(&path))?);
                continue;
            }
            if segments.is_empty() {
                tail.torn_bytes = tail.torn_bytes.saturating_add(survey.tail_bytes);
                tail.settle(&path, &survey).map_err(OpenError::at(&path))?;
            }
            let follows = follows.unwrap_or(first.previous());
            chain.push(Chain { first, follows, gaps: survey.gaps, last: survey.last });
            segments.push(Segment {
                path,
                first,
                last: survey.last.max(if ceiling.0 == u64::MAX { Arrival::NONE } else { ceiling }),
                own_last: survey.own_last,
                bytes: survey.good_end,
            });
            ceiling = follows;
        }
        segments.reverse();
        chain.reverse();
        sync_directory(dir).map_err(OpenError::at(dir))?;

        let lost = losses(start, &chain, indexed_through);
        let newest = chain.last().map_or(Arrival::NONE, |segment| segment.last.max(segment.first.previous()));
        let last = newest.max(indexed_through).max(start.unwrap_or_default().previous());
        // What was cut may have been acknowledged frames on a failing disk: their numbers are not given again.
        let skipped = tail.torn_bytes.div_ceil(u64::try_from(FRAME_HEADER_BYTES).unwrap_or(1));
        let next = Arrival(last.0.saturating_add(skipped)).next();
        let undamaged = tail.torn_bytes == 0 && last == newest && chain.last().is_some_and(|s| s.gaps.is_empty());
        let active = tail.file.filter(|_| undamaged);
        let journal = Self { dir: dir.to_owned(), segment_bytes_max, active, last, next, group: Vec::new() };
        Ok(Found { journal, catalogue: Catalogue::new(segments), start, lost, torn_bytes: tail.torn_bytes })
    }

    /// Newest frame that counts.
    pub(super) const fn last(&self) -> Arrival {
        self.last
    }

    /// Makes a group durable with one sync and gives the number of its first frame; the others follow it.
    ///
    /// On an error none of the group counts: it is cut off again, or left behind in a closed segment.
    pub(super) fn append<'a>(
        &mut self,
        catalogue: &Catalogue,
        frames: impl Iterator<Item = (FrameKind, &'a [u8])>,
    ) -> io::Result<Arrival> {
        let first = self.next;
        let mut after = first;
        let mut own_last = Arrival::NONE;
        self.group.clear();
        for (kind, payload) in frames {
            encode(after, kind, payload, &mut self.group);
            if kind == FrameKind::Own {
                own_last = after;
            }
            after = after.next();
        }
        self.roll(catalogue, first)?;
        let Some(active) = &mut self.active else { return Err(io::ErrorKind::NotFound.into()) };
        if let Err(error) = write_and_sync(&mut active.file, &self.group) {
            self.abandon(catalogue, after);
            return Err(error);
        }
        active.good_bytes = active.good_bytes.saturating_add(u64::try_from(self.group.len()).unwrap_or(u64::MAX));
        self.last = after.previous();
        self.next = after;
        catalogue.grow(self.last, own_last, active.good_bytes);
        Ok(first)
    }

    /// Begins a segment if there is none or the last one is long enough.
    fn roll(&mut self, catalogue: &Catalogue, first: Arrival) -> io::Result<()> {
        if self.active.as_ref().is_some_and(|active| active.good_bytes < self.segment_bytes_max) {
            return Ok(());
        }
        self.active = None;
        let (file, good_bytes) = match segment::create(&self.dir, first, self.last) {
            Ok(created) => created,
            Err(error) => {
                // Left behind it would be read as a segment; a failure to remove it is repaired at the next start.
                let _ = fs::remove_file(segment::path_of(&self.dir, first));
                return Err(error);
            }
        };
        self.active = Some(Active { file, good_bytes });
        catalogue.begin(Segment {
            path: segment::path_of(&self.dir, first),
            first,
            last: self.last,
            own_last: Arrival::NONE,
            bytes: good_bytes,
        });
        Ok(())
    }

    /// Cuts a failed group off and leaves the segment: after a failed sync the system may have forgotten
    /// pages it never wrote, so only a new file can be trusted. Should the cut fail too, the next segment's
    /// `follows` says that the group does not count.
    fn abandon(&mut self, catalogue: &Catalogue, after: Arrival) {
        self.next = after;
        let Some(active) = self.active.take() else { return };
        let cut = active.file.set_len(active.good_bytes).and_then(|()| active.file.sync_all());
        if let Err(error) = cut {
            tracing::warn!(%error, "a failed group could not be cut off the journal; its segment is closed");
        }
        // A disk that refuses everything must not collect empty segments.
        if let Some(path) = catalogue.forget_empty_last()
            && let Err(error) = fs::remove_file(&path)
        {
            tracing::warn!(%error, path = %path.display(), "an empty segment stays");
        }
    }
}

/// What happens to the end of the last segment.
struct Tail {
    torn_bytes: u64,
    file: Option<Active>,
}

impl Tail {
    fn settle(&mut self, path: &Path, survey: &segment::Survey) -> io::Result<()> {
        let file = File::options().append(true).open(path)?;
        if survey.tail_bytes > 0 {
            file.set_len(survey.good_end)?;
        }
        // A killed process leaves frames that only the page cache has: they count from now on, so sync them.
        file.sync_all()?;
        self.file = Some(Active { file, good_bytes: survey.good_end });
        Ok(())
    }
}

fn write_and_sync(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_data()
}

/// First numbers of the segments in a directory, in order.
fn list(dir: &Path) -> io::Result<Vec<Arrival>> {
    let mut firsts = Vec::new();
    for entry in fs::read_dir(dir)? {
        firsts.extend(segment::first_of(&entry?.path()));
    }
    firsts.sort_unstable();
    Ok(firsts)
}

/// Takes a segment without a readable frame out of the journal and gives its length. If it may have held
/// frames it is kept under another name, in case the disk can be made to read it.
fn set_aside(path: &Path) -> io::Result<u64> {
    let bytes = fs::metadata(path)?.len();
    if bytes > u64::try_from(segment::HEADER_BYTES).unwrap_or(u64::MAX) {
        fs::rename(path, path.with_extension("unreadable"))?;
    } else {
        fs::remove_file(path)?;
    }
    Ok(bytes)
}

fn start_path(dir: &Path) -> PathBuf {
    dir.join("start")
}

fn read_start(dir: &Path) -> Option<Arrival> {
    read_checked(&start_path(dir))?.parse().ok().map(Arrival)
}

/// Records, durably, that frames below `start` are no longer expected.
pub(super) fn write_start(dir: &Path, start: Arrival) -> io::Result<()> {
    write_checked(&start_path(dir), &start.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::replay::Frames;

    struct Fixture {
        dir: tempfile::TempDir,
        journal: Journal,
        catalogue: Catalogue,
    }

    impl Fixture {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            write_start(dir.path(), Arrival(1)).unwrap();
            let Found { journal, catalogue, .. } = Journal::open(dir.path(), 1 << 20, Arrival::NONE).unwrap();
            Self { dir, journal, catalogue }
        }

        fn append(&mut self, payloads: &[&str]) -> io::Result<Arrival> {
            let frames = payloads.iter().map(|payload| (FrameKind::Own, payload.as_bytes()));
            self.journal.append(&self.catalogue, frames)
        }

        fn reopen(&self) -> Found {
            Journal::open(self.dir.path(), 1 << 20, Arrival::NONE).unwrap()
        }

        /// Replaces the active segment's file by one that takes no bytes and cannot be cut.
        fn break_disk(&mut self) {
            let full = File::options().write(true).open("/dev/full").unwrap();
            self.journal.active.as_mut().unwrap().file = full;
        }
    }

    fn texts(catalogue: &Catalogue) -> Vec<(u64, String)> {
        Frames::new(Arrival::NONE, catalogue.from(Arrival::NONE))
            .map(|frame| frame.unwrap())
            .map(|frame| (frame.arrival.0, String::from_utf8(frame.payload).unwrap()))
            .collect()
    }

    fn owned(texts: &[(u64, &str)]) -> Vec<(u64, String)> {
        texts.iter().map(|(number, text)| (*number, (*text).to_owned())).collect()
    }

    #[test]
    fn a_group_that_failed_does_not_count_even_if_its_bytes_cannot_be_cut_off() {
        let mut fixture = Fixture::new();
        assert_eq!(fixture.append(&["a", "b"]).unwrap(), Arrival(1));
        let mut leftover = Vec::new();
        encode(Arrival(3), FrameKind::Own, b"failed", &mut leftover);
        let path = segment::path_of(fixture.dir.path(), Arrival(1));
        File::options().append(true).open(path).unwrap().write_all(&leftover).unwrap();
        fixture.break_disk();
        assert_eq!(fixture.append(&["failed"]).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fixture.append(&["c"]).unwrap(), Arrival(4), "its number is not given again");

        let expected = owned(&[(1, "a"), (2, "b"), (4, "c")]);
        assert_eq!(texts(&fixture.catalogue), expected);
        let found = fixture.reopen();
        assert_eq!(texts(&found.catalogue), expected);
        assert_eq!((found.lost, found.torn_bytes, found.journal.last), (vec![], 0, Arrival(4)));
    }

    #[test]
    fn a_disk_that_refuses_everything_collects_no_empty_segments() {
        let mut fixture = Fixture::new();
        fixture.append(&["a"]).unwrap();
        for _ in 0..3 {
            let next = fixture.journal.next;
            fixture.journal.active = None;
            fixture.journal.roll(&fixture.catalogue, next).unwrap();
            fixture.break_disk();
            fixture.append(&["x"]).unwrap_err();
        }
        assert_eq!(list(fixture.dir.path()).unwrap(), [Arrival(1)]);
        assert_eq!(fixture.append(&["b"]).unwrap(), Arrival(5));
        assert_eq!(texts(&fixture.catalogue), owned(&[(1, "a"), (5, "b")]));
    }

    #[test]
    fn a_torn_tail_is_cut_and_no_number_it_may_have_had_is_given_again() {
        let mut fixture = Fixture::new();
        fixture.append(&["a", "b"]).unwrap();
        let path = segment::path_of(fixture.dir.path(), Arrival(1));
        let length = fs::metadata(&path).unwrap().len();
        File::options().write(true).open(&path).unwrap().set_len(length - 1).unwrap();
        let mut found = fixture.reopen();
        assert_eq!(texts(&found.catalogue), owned(&[(1, "a")]));
        let torn = u64::try_from(FRAME_HEADER_BYTES).unwrap();
        assert_eq!((found.torn_bytes, found.journal.next), (torn, Arrival(3)));
        found.journal.append(&found.catalogue, std::iter::once((FrameKind::Own, b"c".as_slice()))).unwrap();
        let found = fixture.reopen();
        assert_eq!(texts(&found.catalogue), owned(&[(1, "a"), (3, "c")]));
        assert_eq!((found.lost, found.torn_bytes), (vec![], 0), "a cut is reported once");
    }

    #[test]
    fn a_segment_whose_creation_was_cut_short_is_no_loss() {
        let mut fixture = Fixture::new();
        fixture.append(&["a"]).unwrap();
        fs::write(segment::path_of(fixture.dir.path(), Arrival(2)), b"swab").unwrap();
        let mut found = fixture.reopen();
        assert_eq!((found.lost, found.torn_bytes), (vec![], 4));
        let frame = std::iter::once((FrameKind::Own, b"b".as_slice()));
        assert_eq!(found.journal.append(&found.catalogue, frame).unwrap(), Arrival(3));
    }

    #[test]
    fn a_segment_without_a_readable_frame_is_kept_under_another_name() {
        let mut fixture = Fixture::new();
        fixture.append(&["a"]).unwrap();
        let path = segment::path_of(fixture.dir.path(), Arrival(1));
        fs::write(&path, vec![0; 500]).unwrap();
        let found = fixture.reopen();
        assert!(path.with_extension("unreadable").exists() && !path.exists());
        assert_eq!(texts(&found.catalogue), []);
        assert!(found.journal.next > Arrival(1));
    }

    #[test]
    fn the_same_segment_is_continued_after_a_clean_start_and_numbers_follow_the_index() {
        let mut fixture = Fixture::new();
        fixture.append(&["a"]).unwrap();
        let mut found = fixture.reopen();
        let frame = || std::iter::once((FrameKind::Own, b"b".as_slice()));
        assert_eq!(found.journal.append(&found.catalogue, frame()).unwrap(), Arrival(2));
        assert_eq!(list(fixture.dir.path()).unwrap(), [Arrival(1)]);
        let mut found = Journal::open(fixture.dir.path(), 1 << 20, Arrival(40)).unwrap();
        assert_eq!(found.lost, [ArrivalRange { first: Arrival(3), last: Arrival(40) }]);
        assert_eq!(found.journal.append(&found.catalogue, frame()).unwrap(), Arrival(41));
    }
}
