//! Frames that wait because the carrier's queue for a link is full.

use std::collections::{BTreeMap, VecDeque};

use swabmesh_protocol::io::LinkId;
use swabmesh_protocol::limits::{CHUNK_BYTES_MAX, FRAME_BYTES_MAX, UNACKED_BYTES_MAX};

use super::driver::to_carrier;
use crate::network::{NetworkHandle, UnsentReason};

/// Frames kept for one peer. More close the link: the peer asks again when it is back.
const FRAMES_MAX: usize = 1_024;

/// Bytes kept for one peer; more close the link.
///
/// What is sent and not acknowledged, and two frames of heads of a whole city beside it: who has acknowledged what it
/// did not read does not get more.
pub(super) const BYTES_MAX: usize = UNACKED_BYTES_MAX + CHUNK_BYTES_MAX + 2 * FRAME_BYTES_MAX;

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Vec<u8>>,
    bytes: usize,
}

/// The frames that wait, of all links.
#[derive(Debug, Default)]
pub(super) struct Backlog(BTreeMap<LinkId, Waiting>);

impl Backlog {
    /// Sends a frame behind those that wait; `false` when too much waits already: then the link is to be closed.
    pub(super) fn send(&mut self, link: LinkId, frame: Vec<u8>, carrier: &NetworkHandle) -> bool {
        let waiting = self.0.entry(link).or_default();
        waiting.bytes += frame.len();
        waiting.frames.push_back(frame);
        self.flush(link, carrier);
        self.0.get(&link).is_none_or(|waiting| waiting.frames.len() <= FRAMES_MAX && waiting.bytes <= BYTES_MAX)
    }

    /// Gives the carrier what it has room for.
    pub(super) fn flush(&mut self, link: LinkId, carrier: &NetworkHandle) {
        let Some(waiting) = self.0.get_mut(&link) else { return };
        while let Some(frame) = waiting.frames.pop_front() {
            let bytes = frame.len();
            if let Err(unsent) = carrier.send(to_carrier(link), frame) {
                match unsent.reason {
                    UnsentReason::Busy => {
                        waiting.frames.push_front(unsent.frame);
                        return;
                    }
                    UnsentReason::Gone | UnsentReason::Length => break,
                }
            }
            waiting.bytes -= bytes;
        }
        self.0.remove(&link);
    }

    /// Forgets what waits for a link that is gone.
    pub(super) fn forget(&mut self, link: LinkId) {
        self.0.remove(&link);
    }

    /// The most bytes that wait for one link.
    pub(super) fn bytes_max(&self) -> usize {
        self.0.values().map(|waiting| waiting.bytes).max().unwrap_or_default()
    }
}
