//! The bounded queue of frames waiting for one link, and the table of all of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use swabmesh_protocol::limits::FRAME_BYTES_MAX;
use tokio::sync::mpsc;

use super::{LinkId, Unsent, UnsentReason};

/// What both ends of a queue see.
#[derive(Debug, Default)]
struct Fill {
    bytes: AtomicUsize,
    /// A frame was turned away since room was last announced.
    refused: AtomicBool,
}

/// The sending end of one link's queue.
#[derive(Debug)]
pub(super) struct Outbox {
    frames: mpsc::Sender<Vec<u8>>,
    fill: Arc<Fill>,
    bytes_max: usize,
}

/// The link's end.
#[derive(Debug)]
pub(super) struct Waiting {
    frames: mpsc::Receiver<Vec<u8>>,
    fill: Arc<Fill>,
    bytes_max: usize,
}

/// Makes a queue of at most `frames_max` frames that takes frames while fewer than `bytes_max` bytes wait.
pub(super) fn queue(frames_max: usize, bytes_max: usize) -> (Outbox, Waiting) {
    let (sender, receiver) = mpsc::channel(frames_max.max(1));
    let fill = Arc::new(Fill::default());
    let outbox = Outbox { frames: sender, fill: Arc::clone(&fill), bytes_max };
    (outbox, Waiting { frames: receiver, fill, bytes_max })
}

impl Outbox {
    fn push(&self, frame: Vec<u8>) -> Result<(), Unsent> {
        self.try_push(frame).or_else(|unsent| {
            if unsent.reason != UnsentReason::Busy {
                return Err(unsent);
            }
            // Marked first and tried again: the link may have emptied the queue in between and would never look again.
            self.fill.refused.store(true, Ordering::SeqCst);
            self.try_push(unsent.frame)
        })
    }

    fn try_push(&self, frame: Vec<u8>) -> Result<(), Unsent> {
        if self.fill.bytes.load(Ordering::SeqCst) >= self.bytes_max {
            return Err(Unsent { frame, reason: UnsentReason::Busy });
        }
        let bytes = frame.len();
        self.fill.bytes.fetch_add(bytes, Ordering::SeqCst);
        self.frames.try_send(frame).map_err(|error| {
            self.fill.bytes.fetch_sub(bytes, Ordering::SeqCst);
            match error {
                mpsc::error::TrySendError::Full(frame) => Unsent { frame, reason: UnsentReason::Busy },
                mpsc::error::TrySendError::Closed(frame) => Unsent { frame, reason: UnsentReason::Gone },
            }
        })
    }
}

impl Waiting {
    /// Waits for the next frame; `None` once the link left the table and the queue is empty.
    pub(super) async fn next(&mut self) -> Option<Vec<u8>> {
        self.frames.recv().await
    }

    /// Whether nothing waits at this moment.
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Notes that a frame has left for the stream; until then its bytes count as waiting.
    pub(super) fn left(&self, bytes: usize) {
        self.fill.bytes.fetch_sub(bytes, Ordering::SeqCst);
    }

    /// Whether a frame was turned away and there is room again: half of either bound. True once for each time it is owed.
    ///
    /// Taken before the word is given: taken after, a frame turned away in between would wait for ever.
    pub(super) fn take_word_of_room(&self) -> bool {
        self.frames.len() <= self.frames.max_capacity() / 2
            && self.fill.bytes.load(Ordering::SeqCst) <= self.bytes_max / 2
            && self.fill.refused.swap(false, Ordering::SeqCst)
    }
}

/// The queues of all links. The lock is held for a lookup and a push, never across a wait.
#[derive(Debug, Default)]
pub(super) struct Outboxes(Mutex<HashMap<LinkId, Outbox>>);

impl Outboxes {
    pub(super) fn insert(&self, link: LinkId, outbox: Outbox) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(link, outbox);
    }

    pub(super) fn remove(&self, link: LinkId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&link);
    }

    /// The most bytes that wait for one link.
    pub(super) fn bytes_max(&self) -> usize {
        let outboxes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        outboxes.values().map(|outbox| outbox.fill.bytes.load(Ordering::SeqCst)).max().unwrap_or_default()
    }

    pub(super) fn push(&self, link: LinkId, frame: Vec<u8>) -> Result<(), Unsent> {
        if frame.is_empty() || frame.len() > FRAME_BYTES_MAX {
            return Err(Unsent { frame, reason: UnsentReason::Length });
        }
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&link) {
            Some(outbox) => outbox.push(frame),
            None => Err(Unsent { frame, reason: UnsentReason::Gone }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: LinkId = LinkId(1);

    fn one(frames_max: usize, bytes_max: usize) -> (Outboxes, Waiting) {
        let (outbox, waiting) = queue(frames_max, bytes_max);
        let outboxes = Outboxes::default();
        outboxes.insert(LINK, outbox);
        (outboxes, waiting)
    }

    fn refusal(outboxes: &Outboxes, bytes: usize) -> UnsentReason {
        outboxes.push(LINK, vec![0; bytes]).unwrap_err().reason
    }

    #[tokio::test]
    async fn a_full_queue_turns_frames_away_and_says_so_when_there_is_room() {
        let (outboxes, mut waiting) = one(4, 1_000);
        for _ in 0..4 {
            outboxes.push(LINK, vec![0; 10]).unwrap();
        }
        assert!(!waiting.take_word_of_room());
        assert_eq!(refusal(&outboxes, 10), UnsentReason::Busy);
        for left in [false, true] {
            let frame = waiting.next().await.unwrap();
            waiting.left(frame.len());
            assert_eq!(waiting.take_word_of_room(), left);
        }
        assert!(!waiting.take_word_of_room(), "given once");
    }

    #[tokio::test]
    async fn bytes_count_until_they_have_left() {
        let (outboxes, mut waiting) = one(64, 1_000);
        outboxes.push(LINK, vec![0; 999]).unwrap();
        outboxes.push(LINK, vec![0; 5_000]).unwrap();
        assert_eq!(refusal(&outboxes, 1), UnsentReason::Busy);
        let frame = waiting.next().await.unwrap();
        assert_eq!(refusal(&outboxes, 1), UnsentReason::Busy);
        waiting.left(frame.len());
        let frame = waiting.next().await.unwrap();
        waiting.left(frame.len());
        outboxes.push(LINK, vec![0; 1]).unwrap();
    }

    #[tokio::test]
    async fn a_removed_link_takes_nothing_more_but_keeps_what_waits() {
        let (outboxes, mut waiting) = one(4, 1_000);
        outboxes.push(LINK, vec![7]).unwrap();
        outboxes.remove(LINK);
        assert_eq!(refusal(&outboxes, 1), UnsentReason::Gone);
        assert_eq!(waiting.next().await, Some(vec![7]));
        assert_eq!(waiting.next().await, None);
    }

    #[test]
    fn a_frame_of_no_or_too_many_bytes_never_waits() {
        let (outboxes, waiting) = one(4, 1_000);
        assert_eq!(refusal(&outboxes, 0), UnsentReason::Length);
        assert_eq!(refusal(&outboxes, FRAME_BYTES_MAX + 1), UnsentReason::Length);
        assert!(waiting.is_empty());
    }
}
