//! What a run looked like over time, for people: who knew what when, how long it took, what each fault did.
//!
//! Nothing here takes part in the run: leaving it out would change no line of the trace.

use std::collections::{BTreeMap, VecDeque};

use swabmesh_protocol::id::{EntryId, FeedId, Lane, SeqNo};

use crate::city::NodeId;
use crate::network::Traffic;
use crate::queue::At;

mod delays;
mod episodes;

pub use delays::Delays;
pub use episodes::{Episode, Episodes, Hit};

/// Moments at which a run is looked at, about: as many as a chart has room for.
const SAMPLES: u64 = 240;
/// Virtual time between two looks, at least. Milliseconds.
const SAMPLE_MS_MIN: u64 = 5_000;

/// Where registrations are, summed over the city.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Known {
    /// Shown as accepted at a desk.
    pub accepted: u64,
    /// Of those, on a second machine too.
    pub copied: u64,
    /// Of those, on the authority's disk.
    pub held: u64,
    /// Of those, signed for by the authority, as their desks know.
    pub receipted: u64,
}

/// One look.
#[derive(Debug, Clone)]
pub struct Sample {
    /// When.
    pub at: At,
    /// Where registrations were.
    pub known: Known,
    /// What had crossed the wire.
    pub traffic: Traffic,
    /// Registrations of each cell that the authority did not hold, in the order of [`History::cells`].
    pub backlog: Vec<u64>,
}

/// A registration on its way to the authority.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    seq: SeqNo,
    since: At,
}

/// The registrations of one feed that the authority does not hold.
#[derive(Debug)]
struct Feed {
    node: NodeId,
    cell: usize,
    waiting: VecDeque<Waiting>,
    /// How many of those, from the front, are on a second machine.
    copied: usize,
}

/// The most registrations that ever were on one machine only: what its loss would have cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exposure {
    /// Which machine.
    pub node: NodeId,
    /// When.
    pub at: At,
    /// How many.
    pub registrations: u64,
}

/// The record of one run.
#[derive(Debug, Default)]
pub struct History {
    every_ms: u64,
    next: At,
    /// When everything was healed, if it came to that.
    pub healed: Option<At>,
    /// Looks, oldest first.
    pub samples: Vec<Sample>,
    /// The cells, in order.
    pub cells: Vec<Lane>,
    /// From the desk to the authority's disk.
    pub delays: Delays,
    /// What went wrong.
    pub episodes: Episodes,
    /// What the loss of one machine would have cost at worst.
    pub exposure: Option<Exposure>,
    known: Known,
    backlog: Vec<u64>,
    feeds: BTreeMap<FeedId, Feed>,
    only_here: BTreeMap<NodeId, u64>,
}

impl History {
    /// An empty record of a run of so many minutes in these cells.
    #[must_use]
    pub fn new(minutes: u64, cells: Vec<Lane>) -> Self {
        let every_ms = (minutes * 60_000 / SAMPLES).max(SAMPLE_MS_MIN);
        Self { every_ms, backlog: vec![0; cells.len()], cells, ..Self::default() }
    }

    /// A desk showed a registration as accepted.
    pub fn accepted(&mut self, at: At, node: NodeId, lane: Lane, entry: EntryId) {
        self.known.accepted += 1;
        let cell = self.cells.binary_search(&lane).unwrap_or(0);
        let feed = self.feeds.entry(entry.feed);
        let feed = feed.or_insert_with(|| Feed { node, cell, waiting: VecDeque::new(), copied: 0 });
        feed.waiting.push_back(Waiting { seq: entry.seq, since: at });
        if let Some(backlog) = self.backlog.get_mut(cell) {
            *backlog += 1;
        }
        let here = self.only_here.entry(node).or_default();
        *here += 1;
        if self.exposure.is_none_or(|worst| worst.registrations < *here) {
            self.exposure = Some(Exposure { node, at, registrations: *here });
        }
    }

    /// A machine other than the writer's holds a feed up to an entry.
    pub fn copied(&mut self, feed: &FeedId, through: SeqNo) {
        let Some(feed) = self.feeds.get_mut(feed) else { return };
        let before = feed.copied;
        while feed.waiting.get(feed.copied).is_some_and(|waiting| waiting.seq <= through) {
            feed.copied += 1;
        }
        let more = (feed.copied - before) as u64;
        self.known.copied += more;
        let here = self.only_here.entry(feed.node).or_default();
        *here = here.saturating_sub(more);
    }

    /// The authority's disk holds a feed up to an entry.
    pub fn held(&mut self, at: At, id: &FeedId, through: SeqNo) {
        self.copied(id, through);
        let Some(feed) = self.feeds.get_mut(id) else { return };
        while let Some(waiting) = feed.waiting.front().copied().filter(|waiting| waiting.seq <= through) {
            feed.waiting.pop_front();
            feed.copied = feed.copied.saturating_sub(1);
            self.known.held += 1;
            if let Some(backlog) = self.backlog.get_mut(feed.cell) {
                *backlog = backlog.saturating_sub(1);
            }
            self.delays.add(at.since_ms(waiting.since));
            self.episodes.arrived(feed.node, waiting.since, at);
        }
    }

    /// Whether it is time for a look; the caller says how many registrations are receipted.
    #[must_use]
    pub fn is_due(&self, at: At) -> bool {
        at >= self.next
    }

    /// Takes a look.
    pub fn look(&mut self, at: At, receipted: u64, traffic: Traffic) {
        self.next = at.after_ms(self.every_ms);
        let known = Known { receipted, ..self.known };
        self.samples.push(Sample { at, known, traffic, backlog: self.backlog.clone() });
    }

    /// Where registrations are now.
    #[must_use]
    pub const fn known(&self) -> Known {
        self.known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: u64) -> EntryId {
        EntryId { feed: FeedId([1; 16]), seq: SeqNo(seq) }
    }

    #[test]
    fn a_registration_is_here_then_on_a_second_machine_then_at_the_authority() {
        let mut history = History::new(60, vec![Lane(1), Lane(2)]);
        (1..=3).for_each(|seq| history.accepted(At(1_000), NodeId(4), Lane(2), entry(seq)));
        history.copied(&FeedId([1; 16]), SeqNo(2));
        assert_eq!(history.known(), Known { accepted: 3, copied: 2, ..Known::default() });
        history.held(At(5_000), &FeedId([1; 16]), SeqNo(1));
        history.look(At(5_000), 0, Traffic::default());
        assert_eq!(history.known(), Known { accepted: 3, copied: 2, held: 1, receipted: 0 });
        assert_eq!(history.samples.last().unwrap().backlog, [0, 2]);
        history.held(At(9_000), &FeedId([1; 16]), SeqNo(3));
        assert_eq!(history.known(), Known { accepted: 3, copied: 3, held: 3, receipted: 0 });
        assert_eq!(history.exposure, Some(Exposure { node: NodeId(4), at: At(1_000), registrations: 3 }));
        assert_eq!((history.delays.quantile(0, 100), history.delays.quantile(100, 100)), (Some(4_000), Some(8_000)));
    }
}
