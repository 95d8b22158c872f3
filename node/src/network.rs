//! The carrier: links to other nodes over libp2p, and frames on them. It knows keys and bytes, no rule of the domain.
//!
//! ```text
//! transport (TCP or websocket, noise, muxer) → gate (who may connect) → streams (one a connection) → link (frames, heartbeats) → events
//! ```
//!
//! Everything reaches the upper layer through the one bounded channel given to [`start`], so a link's `Connected` comes before
//! its frames and its `Disconnected` after them. While that channel is full, links stop reading and their peers stop sending; the
//! channel's capacity times [`FRAME_BYTES_MAX`] is the memory set aside for it.
//!
//! What is left out, on purpose: *identify* tells a peer our version, addresses and protocols, to be told the same; the one protocol is
//! fixed, addresses come from configuration and sightings, and a stranger on probation shall learn nothing. *Ping* never closes a dead
//! connection; heartbeats on the stream do.
//!
//! [`FRAME_BYTES_MAX`]: swabmesh_protocol::limits::FRAME_BYTES_MAX

mod address;
mod backoff;
mod contact;
mod dialer;
mod driver;
mod figures;
mod frame;
mod gate;
mod hours;
mod link;
mod links;
mod muxer;
mod names;
mod outbox;
mod rate;
mod streams;
mod transport;
mod uplink;

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::SigningKey;
pub use libp2p::Multiaddr;
use swabmesh_protocol::id::NodeKey;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub use address::{AddressError, PeerAddress, PeerKind, node_key, plain};
pub use backoff::RedialWaits;
pub use contact::{Contact, ContactStage, Failure};
pub use figures::{DialFailure, Disconnect, NetworkFigures, Refusal};
pub use hours::{BadHours, ContactTime, Hours};
pub use rate::{LinkBytes, Rates};

use contact::Contacts;
use figures::Counters;
use outbox::Outboxes;
use rate::Meters;

/// Bytes of the one frame a stranger is heard with. A certificate in its hello takes a few hundred.
pub const PROBATION_FRAME_BYTES_MAX: usize = 4_096;

/// Commands waiting for the carrier; a sender waits when it is full, and the carrier never waits for the sender.
const COMMANDS_MAX: usize = 64;

/// Times of contact of a metered uplink that are remembered. Source: guess; a week of two a day.
pub const CONTACT_TIMES_MAX: usize = 14;

/// One connection to one peer, from its `Connected` to its `Disconnected`. Never used again in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// How a carrier is set up.
#[derive(Clone)]
pub struct NetworkConfig {
    /// The node's key. The transport needs the secret itself, and the peer id comes from it.
    pub key: SigningKey,
    /// Where to listen, for example `/ip4/0.0.0.0/tcp/4001`; empty for a node that only dials.
    pub listen: Vec<Multiaddr>,
    /// Whether to look for neighbours, and to be seen by them, by multicast on the local network.
    pub mdns: bool,
    /// Whether a key that is not on the roster is heard with one frame.
    pub open_probation: bool,
    /// How much of everything.
    pub limits: NetworkLimits,
    /// How long for everything.
    pub times: NetworkTimes,
    /// How fast.
    pub rates: Rates,
    /// When the authority may be dialled, for a metered uplink.
    pub uplink_hours: Hours,
}

impl NetworkConfig {
    /// Returns the defaults for a node: no listening, no multicast, strangers heard on probation.
    #[must_use]
    pub fn new(key: SigningKey) -> Self {
        let (limits, times) = (NetworkLimits::default(), NetworkTimes::default());
        let (rates, uplink_hours) = (Rates::default(), Hours::default());
        Self { key, listen: Vec::new(), mdns: false, open_probation: true, limits, times, rates, uplink_hours }
    }
}

impl fmt::Debug for NetworkConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key: _, listen, mdns, open_probation, limits, times, rates, uplink_hours } = self;
        f.debug_struct("NetworkConfig")
            .field("listen", listen)
            .field("mdns", mdns)
            .field("open_probation", open_probation)
            .field("limits", limits)
            .field("times", times)
            .field("rates", rates)
            .field("uplink_hours", uplink_hours)
            .finish_non_exhaustive()
    }
}

/// How much a carrier holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkLimits {
    /// Frames waiting for one link. Default 64.
    pub queue_frames_max: usize,
    /// Bytes waiting for one link, above which no further frame is taken; so at most this and one frame. Default 1 MiB.
    pub queue_bytes_max: usize,
    /// Inbound handshakes under way at once; each costs about 0.7 ms of processor. Default 256.
    pub pending_inbound_max: u32,
    /// Connections in all; each takes a file descriptor, so the process's limit must be higher. Default 20,000.
    pub connections_max: u32,
    /// Strangers on probation at once. Default 64.
    pub probation_max: usize,
}

impl Default for NetworkLimits {
    fn default() -> Self {
        Self {
            queue_frames_max: 64,
            queue_bytes_max: 1024 * 1024,
            pending_inbound_max: 256,
            connections_max: 20_000,
            probation_max: 64,
        }
    }
}

/// How long a carrier waits. Both nodes of a link should agree on `heartbeat` and `silence_max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkTimes {
    /// Longest time without a frame of ours before an empty one is sent. Default 3 s.
    pub heartbeat: Duration,
    /// Longest time without a byte of the peer's before its link is given up; over three heartbeats. Default 10 s.
    pub silence_max: Duration,
    /// Longest time the peer may take no byte of ours. Default 30 s.
    pub stall_max: Duration,
    /// How long a stranger has to prove itself, and a connected peer to open its stream. Default 5 s.
    pub probation: Duration,
    /// Longest handshake, dialled or accepted. Default 10 s: five round trips on a poor mobile link.
    pub handshake_max: Duration,
    /// How long queued frames may take to leave when a link is closed. Default 2 s.
    pub drain_max: Duration,
    /// Waits between dials of a neighbour. Default 1 to 15 s.
    pub redial_lan: RedialWaits,
    /// Waits between dials of the authority. Default 2 to 15 s, so that a healed uplink is used within 20 s.
    pub redial_authority: RedialWaits,
}

impl Default for NetworkTimes {
    fn default() -> Self {
        let cap = Duration::from_secs(15);
        Self {
            heartbeat: Duration::from_secs(3),
            silence_max: Duration::from_secs(10),
            stall_max: Duration::from_secs(30),
            probation: Duration::from_secs(5),
            handshake_max: Duration::from_secs(10),
            drain_max: Duration::from_secs(2),
            redial_lan: RedialWaits { first: Duration::from_secs(1), cap },
            redial_authority: RedialWaits { first: Duration::from_secs(2), cap },
        }
    }
}

/// What the carrier tells the upper layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkEvent {
    /// This node can be dialled here; also said of addresses that come up later.
    Listening(Multiaddr),
    /// This node can no longer be dialled here.
    ListeningEnded(Multiaddr),
    /// A link is up. Two nodes that dial each other at once may see two for a moment; one of them is then closed as a duplicate.
    Connected {
        /// Who holds the key of the other end, proved by the handshake.
        peer: NodeKey,
        /// The link.
        link: LinkId,
        /// Whether we dialled.
        outbound: bool,
        /// Whether the key was on the roster. If not, one frame of [`PROBATION_FRAME_BYTES_MAX`] is heard, and
        /// [`NetworkCommand::Admit`] must follow within [`NetworkTimes::probation`].
        admitted: bool,
        /// The other end's address.
        address: Multiaddr,
    },
    /// A frame arrived: at least one byte, at most `FRAME_BYTES_MAX`.
    Frame {
        /// On which link.
        link: LinkId,
        /// What was sent.
        bytes: Vec<u8>,
    },
    /// A link that had turned a frame away has room again.
    Writable {
        /// The link.
        link: LinkId,
    },
    /// A link ended; the last event of that link. What was sent and not acknowledged by the peer's own frames may or may not have arrived.
    Disconnected {
        /// The link.
        link: LinkId,
        /// Why.
        reason: Disconnect,
    },
    /// Somebody on the local network claims to be `peer` at `address`. A hint: nothing was proved.
    Sighted {
        /// The claimed key.
        peer: NodeKey,
        /// The claimed address.
        address: Multiaddr,
    },
    /// A connection was refused. A hint: left out when the channel is full, counted always.
    Refused {
        /// The key, when the handshake had come that far.
        peer: Option<NodeKey>,
        /// From where, when it was inbound.
        address: Option<Multiaddr>,
        /// Why.
        reason: Refusal,
    },
    /// A dial gave no link. A hint like [`NetworkEvent::Refused`].
    DialFailed {
        /// The configured key, if any.
        peer: Option<NodeKey>,
        /// What was tried.
        addresses: Vec<Multiaddr>,
        /// Why.
        failure: DialFailure,
    },
}

/// What the upper layer tells the carrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkCommand {
    /// These keys are admitted at the handshake; replaces the roster before. Live links stay, and named keys are no longer withdrawn.
    Roster(BTreeSet<NodeKey>),
    /// The stranger on this link has proved itself: its key joins the roster. Ignored when the link is gone.
    Admit(LinkId),
    /// This key is refused from now on, and its connections are cut at once, queued frames with them.
    Withdraw(NodeKey),
    /// What is queued for this link leaves, within [`NetworkTimes::drain_max`], then it is closed.
    Close(LinkId),
    /// The peers to keep a link to; replaces those before. Live links stay.
    Peers(Vec<PeerAddress>),
}

/// Why a frame was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnsentReason {
    /// The link's queue is full. [`NetworkEvent::Writable`] follows when there is room; a link whose frames cannot wait is to be closed.
    #[error("the link's queue is full")]
    Busy,
    /// The link is closed or closing.
    #[error("the link is gone")]
    Gone,
    /// The frame is empty or longer than the bound: the caller's fault.
    #[error("a frame has 1 to 1,048,576 bytes")]
    Length,
}

/// A frame that was not taken, unchanged.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unsent {
    /// The frame.
    pub frame: Vec<u8>,
    /// Why.
    pub reason: UnsentReason,
}

/// Why a carrier did not start. Nothing is left running.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The transport could not be set up from the key.
    #[error("the node key cannot carry the transport's handshake")]
    Key(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An address cannot be listened on: taken, not of this machine, or not TCP over IP.
    #[error("cannot listen on {address}: {reason}; stop what runs there, or choose another address with --listen")]
    Listen {
        /// The address.
        address: Multiaddr,
        /// What the system said.
        reason: String,
    },
    /// The network interfaces cannot be watched, which multicast needs.
    #[error("cannot look for neighbours by multicast")]
    Multicast(#[source] io::Error),
}

/// The carrier has stopped; the command had no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the network has stopped")]
pub struct Stopped;

/// A running carrier. It stops when this is dropped; [`NetworkHandle::shutdown`] also waits for it.
#[derive(Debug)]
pub struct NetworkHandle {
    key: NodeKey,
    commands: mpsc::Sender<NetworkCommand>,
    outboxes: Arc<Outboxes>,
    counters: Arc<Counters>,
    contacts: Arc<Contacts>,
    meters: Arc<Meters>,
    driver: JoinHandle<()>,
}

impl NetworkHandle {
    /// Returns the key peers know this node by.
    #[must_use]
    pub const fn key(&self) -> NodeKey {
        self.key
    }

    /// Queues a frame for a link. Never waits.
    ///
    /// # Errors
    /// [`Unsent`] gives the frame back with the reason; the link is as it was.
    pub fn send(&self, link: LinkId, frame: Vec<u8>) -> Result<(), Unsent> {
        self.outboxes.push(link, frame).inspect_err(|unsent| {
            if unsent.reason == UnsentReason::Busy {
                figures::count(&self.counters.busy, 1);
            }
        })
    }

    /// Gives a command, in order with those before. Waits only for the carrier's own task, which waits for nobody.
    ///
    /// # Errors
    /// [`Stopped`] when the carrier has stopped.
    pub async fn command(&self, command: NetworkCommand) -> Result<(), Stopped> {
        self.commands.send(command).await.map_err(|_| Stopped)
    }

    /// Returns the counters of this moment.
    #[must_use]
    pub fn figures(&self) -> NetworkFigures {
        self.counters.figures()
    }

    /// Returns how each peer that is to have a link is.
    #[must_use]
    pub fn contacts(&self) -> Arc<[Contact]> {
        self.contacts.get()
    }

    /// Returns the times in which a metered uplink was used, the oldest first; at most [`CONTACT_TIMES_MAX`].
    #[must_use]
    pub fn contact_times(&self) -> Vec<ContactTime> {
        self.contacts.times()
    }

    /// Returns what crossed on a link; `None` when it is gone.
    #[must_use]
    pub fn bytes(&self, link: LinkId) -> Option<LinkBytes> {
        self.meters.get(link)
    }

    /// Returns the most bytes that wait for one link.
    #[must_use]
    pub fn queued_bytes_max(&self) -> usize {
        self.outboxes.bytes_max()
    }

    /// Stops: what is queued leaves within [`NetworkTimes::drain_max`], links close, listening ends.
    pub async fn shutdown(self) {
        let Self { key: _, commands, outboxes, counters: _, contacts: _, meters: _, driver } = self;
        drop((commands, outboxes));
        if let Err(error) = driver.await {
            tracing::error!(%error, "the network task failed");
        }
    }
}

/// Starts a carrier on the current tokio runtime. Events go to `events`, whose capacity the caller chooses; 64 is a good one.
///
/// # Errors
/// [`NetworkError`]; an address that comes up or goes away later is an event.
///
/// # Panics
/// Outside a tokio runtime.
pub fn start(config: NetworkConfig, events: mpsc::Sender<NetworkEvent>) -> Result<NetworkHandle, NetworkError> {
    let key = NodeKey(config.key.verifying_key().to_bytes());
    let outboxes = Arc::new(Outboxes::default());
    let counters = Arc::new(Counters::default());
    let (commands, orders) = mpsc::channel(COMMANDS_MAX);
    let swarm = transport::swarm(&config)?;
    let (contacts, meters) = (Arc::new(Contacts::default()), Arc::new(Meters::default()));
    let shared =
        links::Tables { outboxes: Arc::clone(&outboxes), counters: Arc::clone(&counters), meters: Arc::clone(&meters) };
    let links = links::Links::new(events.clone(), shared, config.limits, config.times, config.rates);
    let uplink = uplink::Uplink::new(config.uplink_hours, Arc::clone(&contacts));
    let driver = driver::Driver::new(key, swarm, links, events, (Arc::clone(&counters), uplink), config.times);
    let driver = tokio::spawn(driver.run(orders));
    Ok(NetworkHandle { key, commands, outboxes, counters, contacts, meters, driver })
}
