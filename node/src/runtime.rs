//! The running core, as the rest of the node sees it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use ed25519_dalek::{SigningKey, VerifyingKey};
use serde::Serialize;
use swabmesh_protocol::command::{Command, Refusal, Reply};
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::id::{Epoch, Lane, NodeKey};
use swabmesh_protocol::time::Wall;
use swabmesh_protocol::view::{MemoryTables, View};

use crate::config::StoreLimits;

/// Everything a node needs to start.
pub struct Setup {
    /// Where the store lives.
    pub data_dir: PathBuf,
    /// The node's own key.
    pub key: SigningKey,
    /// The node's own certificate, signed by the root.
    pub certificate: Vec<u8>,
    /// The authority's certificate.
    pub authority_certificate: Vec<u8>,
    /// The pinned root.
    pub root: VerifyingKey,
    /// The signed trust list of the join answer, used until a newer one arrives in the log.
    pub trust: Vec<u8>,
    /// The signed policy of the join answer, likewise.
    pub policy: Vec<u8>,
    /// Signs codes; the authority only.
    pub issuer_key: Option<SigningKey>,
    /// Multiaddresses to listen at.
    pub listen: Vec<String>,
    /// Multiaddresses of neighbours.
    pub peers: Vec<String>,
    /// Multiaddresses of the authority.
    pub authority_addresses: Vec<String>,
    /// Whether neighbours are looked for on the LAN.
    pub mdns: bool,
    /// Bounds of the store.
    pub store: StoreLimits,
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The certificate is not one.
    #[error("the certificate does not hold: ask the authority for a new answer")]
    Certificate,
}

/// A handle on the running core; clones share it.
#[derive(Debug, Clone)]
pub struct NodeHandle {
    snapshot: Arc<Snapshot>,
}

impl NodeHandle {
    /// Starts store, core and network; returns when the store is open and the core restored.
    ///
    /// # Errors
    /// [`StartError`].
    #[expect(clippy::unused_async, reason = "the core is not wired yet")]
    pub async fn start(setup: Setup) -> Result<Self, StartError> {
        use swabmesh_protocol::certificate::Certificate;
        let certificate = Certificate::open(&setup.certificate, &setup.root).map_err(|_| StartError::Certificate)?;
        let snapshot = Snapshot {
            node: certificate.node,
            name: certificate.name.to_string(),
            role: certificate.role,
            lane: certificate.lane,
            epoch: Epoch(0),
            started_at: Wall(0),
            wall: Wall(0),
            own: Copies::default(),
            peers: Vec::new(),
            feeds: 0,
            arrivals: 0,
            indexed: 0,
            lists: Vec::new(),
            policy_version: 0,
            trust_version: 0,
            clock_offset_ms: 0,
            clock_doubtful: false,
            seal_key: None,
            store: StoreStatus::default(),
            counters: BTreeMap::new(),
            forks: 0,
            quarantined: 0,
        };
        Ok(Self { snapshot: Arc::new(snapshot) })
    }

    /// Hands a command to the core and waits for what came of it.
    ///
    /// # Errors
    /// [`Refusal`].
    #[expect(clippy::unused_async, reason = "the core is not wired yet")]
    pub async fn command(&self, command: Command) -> Result<Reply, Refusal> {
        drop(command);
        Err(Refusal::Busy)
    }

    /// Reads of the tables, from any thread.
    #[must_use]
    pub fn view(&self) -> impl View + Clone + Send + Sync + 'static {
        MemoryTables::default()
    }

    /// The newest snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot)
    }

    /// Stops gracefully.
    ///
    /// # Errors
    /// [`StartError`] when the store could not be closed.
    #[expect(clippy::unused_async, reason = "the core is not wired yet")]
    pub async fn stop(&self) -> Result<(), StartError> {
        Ok(())
    }
}

/// The state of a node at one moment.
#[derive(Debug, Clone, Serialize)]
pub struct Snapshot {
    /// The node's key.
    pub node: NodeKey,
    /// What people call it.
    pub name: String,
    /// What it is enrolled as.
    pub role: Role,
    /// Its cell.
    pub lane: Lane,
    /// This lifetime of its store.
    pub epoch: Epoch,
    /// When the process started.
    pub started_at: Wall,
    /// When the snapshot was taken.
    pub wall: Wall,
    /// Where this node's own registrations are.
    pub own: Copies,
    /// The nodes it is connected to, or wants to be.
    pub peers: Vec<PeerStatus>,
    /// Feeds held.
    pub feeds: u64,
    /// Chunks held.
    pub arrivals: u64,
    /// Chunks the tables reflect.
    pub indexed: u64,
    /// How old the lists are.
    pub lists: Vec<ListAge>,
    /// The policy's version.
    pub policy_version: u64,
    /// The trust list's version.
    pub trust_version: u64,
    /// How far the peers' clocks are ahead, milliseconds.
    pub clock_offset_ms: i64,
    /// Whether the clock is not to be relied on.
    pub clock_doubtful: bool,
    /// The authority's key of the day: days since 1970 in Asia/Shanghai, and the X25519 key in hexadecimal.
    pub seal_key: Option<(u32, String)>,
    /// How the store is doing.
    pub store: StoreStatus,
    /// Counters since the start.
    pub counters: BTreeMap<String, u64>,
    /// Feeds with two histories.
    pub forks: u64,
    /// Entries in quarantine.
    pub quarantined: u64,
}

/// Where this node's own registrations are.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Copies {
    /// All of them.
    pub registrations: u64,
    /// Nowhere else.
    pub only_here: u64,
    /// On a neighbour's disk as well, and not yet at the authority.
    pub at_neighbour: u64,
    /// Receipted by the authority.
    pub at_authority: u64,
}

/// One peer.
#[derive(Debug, Clone, Serialize)]
pub struct PeerStatus {
    /// Its key.
    pub node: NodeKey,
    /// What people call it.
    pub name: String,
    /// What it is enrolled as, if that is known.
    pub role: Option<Role>,
    /// Where it is.
    pub address: String,
    /// Since when it is connected; absent while it is not.
    pub connected_since: Option<Wall>,
    /// Since when both hold the same; absent while they do not.
    pub in_sync_since: Option<Wall>,
    /// Entries it has and this node lacks.
    pub missing_here: u64,
    /// Entries this node has and it lacks.
    pub missing_there: u64,
    /// Why they are not in sync.
    pub why: String,
    /// What the operator can do about it.
    pub what_to_do: String,
}

/// How old a list of the authority is.
#[derive(Debug, Clone, Serialize)]
pub struct ListAge {
    /// Which.
    pub list: u32,
    /// As of when.
    pub issued_at: Wall,
    /// Seconds since then.
    pub age_s: u64,
}

/// How the store is doing.
#[derive(Debug, Clone, Default, Serialize)]
pub struct StoreStatus {
    /// Bytes free on its file system.
    pub free_bytes: Option<u64>,
    /// Bytes of the journal.
    pub journal_bytes: u64,
    /// Why registrations are refused, if they are.
    pub degraded: Option<String>,
}
