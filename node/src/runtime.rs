//! A running node: one owner task drives the core; the store, the index and the network serve it.
//!
//! ```text
//! commands ─┐                                   ┌─→ store (journal thread) ─→ Persisted
//! network  ─┼─→ driver: Replica, one input at a time ─→ indexer (own thread) ─→ Indexed
//! deadlines ┘                                   └─→ network, replies, counters
//! ```

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::{SigningKey, VerifyingKey};
use swabmesh_protocol::certificate::Certificate;
use swabmesh_protocol::command::{Command, Refusal, Reply};
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::io::{Arrival, Carried, ImportRefusal, Imported};
use swabmesh_protocol::replica::{Identity, Replica, RestoreError, Signed};
use tokio::sync::{mpsc, oneshot, watch};

use crate::network::{self, NetworkConfig, NetworkError, NetworkTimes};
use crate::network::{AddressError, Hours, PeerAddress, PeerKind, Rates};
use crate::store::Store;
use crate::store::error::{OpenError, StoreError};
use crate::store::options::StoreOptions;

mod backlog;
mod driver;
mod indexer;
mod peers;
mod restore;
mod snapshot;
mod tables;

pub use snapshot::{Disk, Snapshot};
pub use tables::{Tables, store_write};

/// Commands that may wait for the driver; more wait in their callers.
const COMMANDS_QUEUE: usize = 256;
/// Network events that may wait for the driver; then the network stops reading.
const EVENTS_QUEUE: usize = 64;

/// What a node needs to start.
#[derive(Debug)]
pub struct Setup {
    /// Where its store is.
    pub store: PathBuf,
    /// How its store is kept.
    pub store_options: StoreOptions,
    /// Its key.
    pub key: SigningKey,
    /// Its certificate, as the root signed it.
    pub certificate: Vec<u8>,
    /// The root, pinned at enrolment.
    pub root: VerifyingKey,
    /// What the enrolment carried: certificates, trust list, policy.
    pub signed: Signed,
    /// The authority's issuing keys; none elsewhere.
    pub issuers: Vec<SigningKey>,
    /// Where to listen: `IP:PORT` or multiaddresses.
    pub listen: Vec<String>,
    /// Neighbours to keep a link to.
    pub peers: Vec<String>,
    /// Where the authority listens.
    pub authority: Vec<String>,
    /// Whether to look for neighbours by multicast.
    pub mdns: bool,
    /// The network's times.
    pub times: NetworkTimes,
    /// How fast bytes may cross, and when the authority may be dialled.
    pub carrying: Carrying,
}

/// What the operator allows the network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Carrying {
    /// How fast bytes may cross.
    pub rates: Rates,
    /// When the authority may be dialled, for a metered uplink.
    pub uplink_hours: Hours,
}

/// Why a node does not start. Nothing is left running.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store, once open.
    #[error("reading the store: {0}")]
    Store(#[from] StoreError),
    /// The tables of the store.
    #[error(transparent)]
    View(#[from] swabmesh_protocol::view::ViewError),
    /// The layout of the tables.
    #[error(transparent)]
    Layout(#[from] swabmesh_protocol::project::LayoutError),
    /// The certificate.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// An address in the configuration.
    #[error("in the addresses of the configuration: {0}")]
    Address(#[from] AddressError),
    /// The network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The operating system gives no randomness or no thread.
    #[error("the operating system: {0}")]
    System(#[from] std::io::Error),
}

/// A node that did not answer: it is stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node is stopping")]
pub struct Stopping;

type Inspection = Box<dyn FnOnce(&Replica) + Send>;

/// What callers ask of the driver.
pub(crate) enum Request {
    Command(Box<Command>, oneshot::Sender<Result<Reply, Refusal>>),
    Import(Carried, oneshot::Sender<Result<Imported, ImportRefusal>>),
    Inspect(Inspection),
    Stop,
}

/// A running node. Clones speak to the same one.
#[derive(Debug, Clone)]
pub struct NodeHandle {
    requests: mpsc::Sender<Request>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    certificate: watch::Receiver<Vec<u8>>,
    tables: Tables,
    /// Up to where the tables reflect the log.
    indexed: watch::Receiver<Arrival>,
    ended: watch::Receiver<bool>,
}

impl NodeHandle {
    /// Opens the store, restores the core, opens the network.
    ///
    /// # Errors
    /// [`StartError`]: says which of them and what to do.
    #[expect(clippy::unused_async, reason = "it starts tasks, so it needs a runtime around it")]
    pub async fn start(setup: Setup) -> Result<Self, StartError> {
        let opened = tokio::task::block_in_place(|| Store::open(&setup.store, &setup.store_options))?;
        if !opened.recovery.is_clean() {
            tracing::warn!(recovery = ?opened.recovery, "the store was repaired");
        }
        let tables = Tables::new(opened.store.clone());
        let (drawn, seed) = (draw::<8>()?, draw::<32>()?);
        let identity = Identity {
            epoch: restore::epoch(&opened, u64::from_be_bytes(drawn))?,
            key: setup.key.clone(),
            certificate: setup.certificate.clone(),
            root: setup.root,
            seed,
            issuers: setup.issuers.clone(),
        };
        let own = Certificate::open(&identity.certificate, &identity.root).map_err(RestoreError::from)?;
        // The authority's log is where everything can be looked up and counted again.
        let mut applier = indexer::Applier::new(tables.clone(), own.role != Role::Authority);
        let restored = tokio::task::block_in_place(|| {
            restore::restore(&opened.store, &tables, &mut applier, &identity, setup.signed.clone())
        })?;
        let (indexer, indexed) = indexer::start(applier, restore::reflected(&tables, &opened.store)?)?;
        let replica = Replica::restore(identity, restored.found.held)?;
        let (events, network_events) = mpsc::channel(EVENTS_QUEUE);
        let mut config = NetworkConfig::new(setup.key.clone());
        for address in &setup.listen {
            config.listen.extend(PeerAddress::parse(address, PeerKind::Lan)?.addresses);
        }
        config.mdns = setup.mdns;
        config.times = setup.times;
        let Carrying { rates, uplink_hours } = setup.carrying;
        (config.rates, config.uplink_hours) = (rates, uplink_hours.clone());
        let carrier = network::start(config, events)?;
        let mut peers = Vec::new();
        for (addresses, kind) in [(&setup.authority, PeerKind::Authority), (&setup.peers, PeerKind::Lan)] {
            for address in addresses {
                peers.push(PeerAddress::parse(address, kind)?);
            }
        }
        let (requests, request_queue) = mpsc::channel(COMMANDS_QUEUE);
        let (ended_sender, ended) = watch::channel(false);
        let known = (peers, peers::Peers::new(uplink_hours));
        let queues = driver::Queues { network: network_events, requests: request_queue, indexed: indexed.clone() };
        let driver = driver::Driver::new(queues, replica, tables.clone(), carrier, indexer, known, restored.stranded);
        let (snapshots, certificate) = (driver.snapshots(), driver.certificate());
        // Timers of its own: on the shared runtime each new deadline would wake one of its threads to take note of it.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        std::thread::Builder::new().name("core".to_owned()).spawn(move || {
            runtime.block_on(driver.run());
            let _ = ended_sender.send(true);
        })?;
        Ok(Self { requests, snapshots, certificate, tables, indexed, ended })
    }

    /// Does what a person at this node wants, and answers when it is on disk.
    ///
    /// # Errors
    /// [`Refusal`]: nothing was done, and what to do instead.
    pub async fn command(&self, command: Command) -> Result<Reply, Refusal> {
        let (answer, answered) = oneshot::channel();
        let request = Request::Command(Box::new(command), answer);
        self.requests.send(request).await.map_err(|_| Refusal::Busy)?;
        answered.await.map_err(|_| Refusal::Busy)?
    }

    /// Waits until the tables show everything that is on disk by now, or for as long as said: whoever decided something
    /// is not asked for it again.
    ///
    /// # Errors
    /// [`Stopping`].
    pub async fn shown(&self, within: Duration) -> Result<(), Stopping> {
        let arrived = self.inspect(Replica::arrived).await?;
        let mut indexed = self.indexed.clone();
        let shown = indexed.wait_for(|through| *through >= arrived);
        tokio::time::timeout(within, shown).await.map_or(Ok(()), |shown| shown.map(drop).map_err(|_| Stopping))
    }

    /// Gives the core something that was carried here; the answer comes when it is held durably, or refused.
    ///
    /// Waits for room in the driver's queue, not for the answer.
    ///
    /// # Errors
    /// [`Stopping`].
    pub async fn import(
        &self,
        carried: Carried,
    ) -> Result<oneshot::Receiver<Result<Imported, ImportRefusal>>, Stopping> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(Request::Import(carried, answer)).await.map_err(|_| Stopping)?;
        Ok(answered)
    }

    /// Waits until everything that arrived is written, signed for and shown by the tables, or for as long as said.
    ///
    /// # Errors
    /// [`Stopping`].
    pub async fn settle(&self, within: Duration) -> Result<(), Stopping> {
        let mut snapshots = self.snapshots.clone();
        let settled = async {
            while !self.inspect(Replica::is_settled).await? {
                snapshots.changed().await.map_err(|_| Stopping)?;
            }
            Ok(())
        };
        // A node with much to do never rests; what was asked for is done with what is there by then.
        tokio::time::timeout(within, settled).await.unwrap_or(Ok(()))
    }

    /// Looks at the core between two inputs. `look` must be quick: the node stands still meanwhile.
    ///
    /// # Errors
    /// [`Stopping`].
    pub async fn inspect<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Replica) -> T + Send + 'static,
    ) -> Result<T, Stopping> {
        let (answer, answered) = oneshot::channel();
        let look = Box::new(move |replica: &Replica| {
            let _ = answer.send(look(replica));
        });
        self.requests.send(Request::Inspect(look)).await.map_err(|_| Stopping)?;
        answered.await.map_err(|_| Stopping)
    }

    /// The tables, readable from any thread; they follow the log by milliseconds.
    #[must_use]
    pub const fn view(&self) -> &Tables {
        &self.tables
    }

    /// The newest certificate that the log brought this node, empty until one came; closed when the node has stopped.
    #[must_use]
    pub fn certificate(&self) -> watch::Receiver<Vec<u8>> {
        self.certificate.clone()
    }

    /// The node's state, at most a quarter of a second old.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshots.borrow().clone()
    }

    /// Stops: what was asked for before is finished, peers are told, the store is closed.
    pub async fn stop(&self) {
        let mut ended = self.ended.clone();
        if self.requests.send(Request::Stop).await.is_ok() {
            let _ = ended.wait_for(|ended| *ended).await;
        }
    }
}

fn draw<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(std::io::Error::from)?;
    Ok(bytes)
}

/// Counters by name, for the metrics and the log.
pub(crate) type Counters = BTreeMap<String, u64>;
