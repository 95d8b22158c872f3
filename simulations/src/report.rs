//! What a run came to.

use serde::Serialize;
use swabmesh_protocol::id::Hash;

mod chart;
mod lessons;
mod page;
mod wording;

pub use page::page;

/// The figures of one run, as `swabmesh simulate --json` prints them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The scenario.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// Sites.
    pub sites: usize,
    /// Registrations asked for.
    pub registrations: u64,
    /// Registrations shown as accepted.
    pub accepted: u64,
    /// Of those, missing at the authority in the end although a disk that lived held them: always a violation.
    pub lost: u64,
    /// Of those, on a disk that died and nowhere else yet. No protocol keeps them; the policy
    /// `acknowledge = "neighbour"` answers only when there are two.
    pub died_with_disk: u64,
    /// Pairs of registrations flagged at the authority.
    pub duplicates_flagged: u64,
    /// Feeds of which two histories were found.
    pub forks_proved: u64,
    /// Entries kept in quarantine at the authority.
    pub quarantined: u64,
    /// Entries that the authority let go of, and keeps.
    pub let_go: u64,
    /// Whether all agreed within the bound.
    pub converged: bool,
    /// Virtual milliseconds from healing to agreement; the whole time waited if there was none.
    pub converge_ms: u64,
    /// Bytes handed to connections.
    pub bytes_on_wire: u64,
    /// Inputs handed to cores: calls of `Replica::handle`.
    pub events: u64,
    /// SHA-256 of the trace.
    pub trace_hash: Hash,
    /// Rules that did not hold.
    pub violations: Vec<String>,
}
