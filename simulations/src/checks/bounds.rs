//! Nothing grows without a bound: outputs of one input, frames, bytes under way, deadlines that come again at once.

use swabmesh_protocol::exchange::frame::{BadFrame, Frame};
use swabmesh_protocol::id::{FeedId, SeqNo};
use swabmesh_protocol::io::{Deadline, Output};
use swabmesh_protocol::limits::{CHUNK_BYTES_MAX, COMMANDS_MAX, FRAME_BYTES_MAX, UNACKED_BYTES_MAX};

use swabmesh_protocol::project;

use crate::disk::Disk;
use crate::trace::frame_name;

/// Its name in reports.
pub const RULE: &str = "bounds-hold";

/// Its name in reports: none may say that a range is gone which it holds and the authority did not let go of.
pub const GONE_RULE: &str = "what-is-held-is-not-gone";

/// Its name in reports: a peer may let go of nothing because of what is not on disk.
pub const ACK_RULE: &str = "acknowledged-is-durable";

/// Outputs of one input, besides one for each connection. Source: every command that waits is refused at once, and every
/// session is told something.
const OUTPUTS_MAX: usize = 4 * COMMANDS_MAX;
/// Bytes under way on one connection one way: a window of chunks, the chunk that filled it, and as much of the rest.
pub const UNDER_WAY_BYTES_MAX: usize = UNACKED_BYTES_MAX + CHUNK_BYTES_MAX + FRAME_BYTES_MAX;
/// Times a deadline may come again at one moment.
const REPEATS_MAX: u32 = 16;

/// What one node's deadlines did last.
#[derive(Debug, Clone, Copy, Default)]
pub struct Deadlines {
    last: Option<Deadline>,
    repeats: u32,
}

impl Deadlines {
    /// A deadline was served and this one is next, at the same moment or not.
    pub fn next(&mut self, next: Deadline) -> Option<String> {
        self.repeats = if self.last == Some(next) { self.repeats + 1 } else { 0 };
        self.last = Some(next);
        (self.repeats > REPEATS_MAX).then(|| format!("the deadline {next:?} comes again and again"))
    }
}

/// A node says that a range will not come to pass: the part of it that its disk holds, below where `cut` says that the
/// feed's own name ends.
#[must_use]
pub fn held_and_gone(bytes: &[u8], disk: &Disk, cut: impl Fn(&FeedId) -> Option<SeqNo>) -> Option<String> {
    let Ok(Frame::Gone(range)) = named(bytes, "gone")? else { return None };
    let (feed, height) = disk.named(range.feed).next()?;
    let begins = project::head(disk.tables(), &feed).ok().flatten().map_or(range.from, |record| record.first());
    let stands = cut(&feed).is_none_or(|cut| range.from < cut);
    (height >= range.from && range.from >= begins && stands)
        .then(|| format!("{feed} from {} is gone, the disk holds {}", range.from.0, height.0))
}

/// Reads a frame if it is of this name: every frame that anybody sends comes by here.
fn named(bytes: &[u8], name: &str) -> Option<Result<Frame, BadFrame>> {
    (frame_name(bytes) == name).then(|| Frame::from_bytes(bytes))
}

/// A node acknowledges more of a feed than its disk holds.
#[must_use]
pub fn acknowledged_too_early(bytes: &[u8], disk: &Disk) -> Option<String> {
    let Ok(Frame::Ack(held)) = named(bytes, "ack")? else { return None };
    let early = held.into_iter().find(|held| disk.height_under_short(held.feed) < held.seq)?;
    let height = disk.height_under_short(early.feed);
    Some(format!("{:?} up to {} was acknowledged, the disk holds {}", early.feed, early.seq.0, height.0))
}

/// Outputs of one input that exceed a bound, of a node with so many connections.
#[must_use]
pub fn exceeded(outputs: &[Output], connections: usize) -> Option<String> {
    if outputs.len() > OUTPUTS_MAX + connections {
        return Some(format!("{} outputs of one input", outputs.len()));
    }
    outputs.iter().find_map(|output| {
        if let Output::Send { bytes, .. } = output {
            (bytes.len() > FRAME_BYTES_MAX).then(|| format!("a frame of {} bytes", bytes.len()))
        } else if let Output::Persist { chunk, .. } = output {
            (chunk.len() > CHUNK_BYTES_MAX).then(|| format!("a chunk of {} bytes", chunk.len()))
        } else {
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use swabmesh_protocol::io::{DeadlineReason, LinkId};
    use swabmesh_protocol::time::Mono;

    use super::*;

    #[test]
    fn a_frame_one_byte_too_long_is_seen() {
        let frame = |len| [Output::Send { link: LinkId(1), bytes: vec![0; len] }];
        assert_eq!(exceeded(&frame(FRAME_BYTES_MAX), 1), None);
        assert!(exceeded(&frame(FRAME_BYTES_MAX + 1), 1).is_some());
    }

    #[test]
    fn a_deadline_that_comes_again_and_again_is_seen_and_one_that_moves_is_not() {
        let mut deadlines = Deadlines::default();
        assert!((0..100).all(|ms| deadlines.next((Mono(ms), DeadlineReason::Announce)).is_none()));
        assert!((0..100).any(|_| deadlines.next((Mono(7), DeadlineReason::Announce)).is_some()));
    }
}
