//! What the carrier counts, for `/metrics` and the answer to "why are we not in sync".

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use swabmesh_protocol::id::NodeKey;

/// Why a connection was refused before it became a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Refusal {
    /// The key is not on the roster, and strangers are not heard here.
    #[error("unknown-key")]
    Unknown,
    /// The key was withdrawn.
    #[error("withdrawn")]
    Withdrawn,
    /// As many strangers as are heard at once are on probation already.
    #[error("probation-full")]
    ProbationFull,
    /// The peer's key is not Ed25519, so it is no node of ours.
    #[error("foreign-key")]
    ForeignKey,
    /// Too many handshakes under way, too many connections of this peer, or too many in all.
    #[error("connection-limit")]
    Limit,
    /// The handshake failed or took too long: another protocol, another key than dialled, a port scan.
    #[error("handshake")]
    Handshake,
    /// Connected, but the stream was not opened in time.
    #[error("no-stream")]
    NoStream,
    /// A second connection to a peer that has a better one.
    #[error("duplicate")]
    Duplicate,
}

/// Why a dial gave no link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialFailure {
    /// Nobody answered; what the system said of each address.
    #[error("unreachable: {}", .0.join("; "))]
    Unreachable(Vec<String>),
    /// Another node answered, of this key if it is one of ours.
    #[error("another node answered")]
    OtherKey(Option<NodeKey>),
    /// The address is our own.
    #[error("the address is this node's own")]
    Ourselves,
    /// Our own gate or limits refused it.
    #[error("refused here: {0}")]
    RefusedHere(Refusal),
    /// The peer closed it right after the handshake: to it we are unknown or withdrawn, or it is full.
    #[error("refused there")]
    RefusedThere,
}

/// Why a link ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Disconnect {
    /// We asked for it.
    #[error("closed-here")]
    Here,
    /// The peer closed it.
    #[error("closed-by-peer")]
    Peer,
    /// The transport failed: reset, unreachable.
    #[error("lost")]
    Lost,
    /// Nothing was heard for longer than a live peer stays silent.
    #[error("silent")]
    Silent,
    /// The peer did not take our bytes in time.
    #[error("slow-peer")]
    SlowPeer,
    /// The peer announced a frame above the bound.
    #[error("oversize-frame")]
    Oversize,
    /// The other connection of the same two nodes is kept.
    #[error("duplicate")]
    Duplicate,
    /// The hours of the metered uplink are over.
    #[error("paused")]
    Paused,
    /// The peer's key was withdrawn.
    #[error("withdrawn")]
    Withdrawn,
    /// A stranger did not prove itself in time.
    #[error("probation-expired")]
    Probation,
    /// This node stops.
    #[error("shutdown")]
    Shutdown,
}

/// The carrier's counters at one moment. All but `links` only grow, from zero at start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkFigures {
    /// Links up now.
    pub links: u64,
    /// Links that were up, these included.
    pub links_total: u64,
    /// Links to an admitted peer that had one before.
    pub reconnects: u64,
    /// Dials begun.
    pub dials: u64,
    /// Dials that gave no link.
    pub dials_failed: u64,
    /// Frames handed up, heartbeats not counted.
    pub frames_in: u64,
    /// Frames given to the stream, heartbeats not counted.
    pub frames_out: u64,
    /// Bytes of `frames_in`, without lengths.
    pub bytes_in: u64,
    /// Bytes of `frames_out`, without lengths.
    pub bytes_out: u64,
    /// Sends turned away because the link's queue was full.
    pub busy: u64,
    /// Events that are hints only (sightings, failed dials, refusals) left out because the queue of events was full.
    pub hints_dropped: u64,
    /// Connections refused, by reason.
    pub refused: BTreeMap<Refusal, u64>,
    /// Links ended, by reason.
    pub disconnected: BTreeMap<Disconnect, u64>,
}

impl NetworkFigures {
    pub(super) fn link_ended(&mut self, reason: Disconnect) {
        self.links = self.links.saturating_sub(1);
        *self.disconnected.entry(reason).or_default() += 1;
    }
}

/// The counters themselves, shared by the tasks of one carrier.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) frames_in: AtomicU64,
    pub(super) frames_out: AtomicU64,
    pub(super) bytes_in: AtomicU64,
    pub(super) bytes_out: AtomicU64,
    pub(super) busy: AtomicU64,
    /// Everything that happens per connection, not per frame.
    rare: Mutex<NetworkFigures>,
}

impl Counters {
    pub(super) fn change(&self, change: impl FnOnce(&mut NetworkFigures)) {
        change(&mut self.rare.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn refused(&self, reason: Refusal) {
        self.change(|figures| *figures.refused.entry(reason).or_default() += 1);
    }

    pub(super) fn received(&self, bytes: usize) {
        count(&self.frames_in, 1);
        count(&self.bytes_in, bytes);
    }

    pub(super) fn sent(&self, bytes: usize) {
        count(&self.frames_out, 1);
        count(&self.bytes_out, bytes);
    }

    pub(super) fn figures(&self) -> NetworkFigures {
        NetworkFigures {
            frames_in: self.frames_in.load(Ordering::Relaxed),
            frames_out: self.frames_out.load(Ordering::Relaxed),
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
            busy: self.busy.load(Ordering::Relaxed),
            ..self.rare.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }
    }
}

pub(super) fn count(counter: &AtomicU64, by: usize) {
    counter.fetch_add(u64::try_from(by).unwrap_or(u64::MAX), Ordering::Relaxed);
}
