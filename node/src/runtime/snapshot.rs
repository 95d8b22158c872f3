//! What a running node says of itself.

use serde::Serialize;
use swabmesh_protocol::fact::SealKey;
use swabmesh_protocol::replica::Status;

use super::Counters;
use crate::contact::Contact;
use crate::network::ContactTime;

/// A node's state at one moment: the core's, the store's, the network's.
#[derive(Debug, Clone, Serialize)]
pub struct Snapshot {
    /// The core's.
    #[serde(flatten)]
    pub core: Status,
    /// Every peer that is connected, configured, or was here, and why it is not in sync.
    pub contacts: Vec<Contact>,
    /// The times of contact of a metered uplink, with their bytes.
    pub contact_times: Vec<ContactTime>,
    /// Addresses this node can be dialled at.
    pub listening: Vec<String>,
    /// Counters by name.
    pub counters: Counters,
    /// The disk.
    pub disk: Disk,
    /// Bytes that wait for the one peer that takes them most slowly.
    pub queued_bytes_max: u64,
}

/// How the disk is doing.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Disk {
    /// Bytes free; absent if the system does not say.
    pub free_bytes: Option<u64>,
    /// Bytes that must stay free.
    pub floor_bytes: u64,
    /// Bytes of the journal.
    pub journal_bytes: u64,
    /// Why registrations are refused at the moment.
    pub trouble: Option<String>,
}

impl Snapshot {
    /// The key that details are sealed to.
    #[must_use]
    pub const fn seal_key(&self) -> Option<&SealKey> {
        self.core.seal_key.as_ref()
    }
}
