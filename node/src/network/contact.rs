//! How each peer that is to have a link is at the moment: what the answer to "why are we not in sync" starts from.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use libp2p::Multiaddr;
use swabmesh_protocol::id::NodeKey;

use super::address::PeerKind;
use super::figures::DialFailure;
use super::hours::ContactTime;

/// A dial that gave no link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Why.
    pub why: DialFailure,
    /// When, by this machine's clock.
    pub at: SystemTime,
}

/// Where the dialling of a peer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactStage {
    /// There is a link.
    Linked,
    /// A dial is under way.
    Dialling,
    /// The next dial is due then.
    Waiting {
        /// When.
        until: Instant,
    },
    /// It is not dialled outside of the hours set for it.
    Paused,
}

/// One peer to keep a link to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Its key, or that of whoever answered last at its addresses in this run.
    pub key: Option<NodeKey>,
    /// Where it is dialled.
    pub addresses: Vec<Multiaddr>,
    /// How far away it is.
    pub kind: PeerKind,
    /// Where the dialling stands.
    pub stage: ContactStage,
    /// Dials in a row that gave no link.
    pub failures: u32,
    /// When the first of them did not.
    pub failing_since: Option<SystemTime>,
    /// Why the last of them did not.
    pub failure: Option<Failure>,
    /// When its last link of this run ended.
    pub linked_until: Option<SystemTime>,
}

/// The contacts as the carrier left them last; readers never wait for the carrier's work.
#[derive(Debug, Default)]
pub(super) struct Contacts {
    contacts: Mutex<Arc<[Contact]>>,
    times: Mutex<Vec<ContactTime>>,
}

impl Contacts {
    pub(super) fn set(&self, contacts: Vec<Contact>) {
        *self.contacts.lock().unwrap_or_else(PoisonError::into_inner) = contacts.into();
    }

    pub(super) fn get(&self) -> Arc<[Contact]> {
        Arc::clone(&self.contacts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn set_times(&self, times: Vec<ContactTime>) {
        *self.times.lock().unwrap_or_else(PoisonError::into_inner) = times;
    }

    pub(super) fn times(&self) -> Vec<ContactTime> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
