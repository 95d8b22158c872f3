//! The table of links: who has one, and how it is made to end.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use libp2p::Multiaddr;
use libp2p::swarm::{ConnectionId, Stream};
use swabmesh_protocol::id::NodeKey;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::figures::{Counters, Disconnect};
use super::link::{Link, Shared, Stop};
use super::outbox::{Outboxes, queue};
use super::rate::{Bucket, LinkBytes, Meter, Meters, Rates};
use super::{LinkId, NetworkEvent, NetworkLimits, NetworkTimes};

/// Ended links the driver has not heard of yet; a link waits when it is full, and the driver never waits for a link.
const ENDED_MAX: usize = 64;

/// Links of one peer whose last event is still on its way up. Two are the rule; more only while the upper layer is busy.
const UNFINISHED_PER_PEER_MAX: usize = 4;

/// A connection that is to become a link.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) key: NodeKey,
    pub(super) connection: ConnectionId,
    pub(super) stream: Stream,
    /// When the connection came up; probation counts from then.
    pub(super) since: Instant,
    pub(super) outbound: bool,
    pub(super) admitted: bool,
    pub(super) address: Multiaddr,
}

/// What the driver knows of a link.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) key: NodeKey,
    pub(super) connection: ConnectionId,
    pub(super) outbound: bool,
    meter: Arc<Meter>,
    admitted: watch::Sender<bool>,
    /// Taken once the link is told to stop.
    stop: Option<oneshot::Sender<Stop>>,
    /// The connection is closed; what had arrived is still being read.
    gone: bool,
}

impl Live {
    /// Whether the link is meant to stay.
    const fn is_up(&self) -> bool {
        self.stop.is_some() && !self.gone
    }

    /// What crossed so far.
    pub(super) fn bytes(&self) -> LinkBytes {
        self.meter.bytes()
    }

    fn stop(&mut self, stop: Stop) {
        if let Some(sender) = self.stop.take() {
            // A link that has ended by itself meanwhile keeps its own reason.
            let _ = sender.send(stop);
        }
    }
}

/// What links share with the handle.
pub(super) struct Tables {
    pub(super) outboxes: Arc<Outboxes>,
    pub(super) counters: Arc<Counters>,
    pub(super) meters: Arc<Meters>,
}

/// All links.
#[derive(Debug)]
pub(super) struct Links {
    live: HashMap<LinkId, Live>,
    by_key: HashMap<NodeKey, BTreeSet<LinkId>>,
    by_connection: HashMap<ConnectionId, LinkId>,
    tasks: JoinSet<()>,
    next: u64,
    ended: mpsc::Receiver<(LinkId, Disconnect)>,
    shared: Shared,
    rates: Rates,
    /// The limit of the whole node.
    bucket: Option<Arc<Bucket>>,
}

impl Links {
    pub(super) fn new(
        events: mpsc::Sender<NetworkEvent>,
        tables: Tables,
        limits: NetworkLimits,
        times: NetworkTimes,
        rates: Rates,
    ) -> Self {
        let (sender, ended) = mpsc::channel(ENDED_MAX);
        let Tables { outboxes, counters, meters } = tables;
        let shared = Shared { events, ended: sender, outboxes, counters, meters, limits, times };
        let bucket = rates.node.map(|rate| Arc::new(Bucket::new(rate, std::time::Instant::now())));
        let (live, by_key, by_connection) = Default::default();
        Self { live, by_key, by_connection, tasks: JoinSet::new(), next: 1, ended, shared, rates, bucket }
    }

    /// Makes a link of a connection and starts its task.
    pub(super) fn open(&mut self, opened: Opened) {
        let link = LinkId(self.next);
        self.next += 1;
        let limits = self.shared.limits;
        let (outbox, waiting) = queue(limits.queue_frames_max, limits.queue_bytes_max);
        let (admit, admitted) = watch::channel(opened.admitted);
        let (stop, stopped) = oneshot::channel();
        let Opened { key, connection, stream, since, outbound, admitted: known, address } = opened;
        let own = self.rates.peer.map(|rate| Arc::new(Bucket::new(rate, std::time::Instant::now())));
        let meter = Arc::new(Meter::new(self.bucket.iter().cloned().chain(own).collect()));
        self.shared.meters.insert(link, Arc::clone(&meter));
        let metered = Arc::clone(&meter);
        let live = Live { key, connection, outbound, meter, admitted: admit, stop: Some(stop), gone: false };
        self.live.insert(link, live);
        self.by_key.entry(key).or_default().insert(link);
        self.by_connection.insert(connection, link);
        self.shared.outboxes.insert(link, outbox);
        let probation_ends = since + self.shared.times.probation;
        let connected = NetworkEvent::Connected { peer: key, link, outbound, admitted: known, address };
        let task = Link { link, shared: self.shared.clone(), meter: metered, waiting, admitted, probation_ends };
        self.tasks.spawn(task.run(connected, stream, stopped));
    }

    /// Waits for the next link to end, and forgets it.
    pub(super) async fn next_ended(&mut self) -> Option<(Live, Disconnect)> {
        loop {
            let (link, reason) = self.ended.recv().await?;
            while self.tasks.try_join_next().is_some() {}
            if let Some(live) = self.live.remove(&link) {
                self.by_connection.remove(&live.connection);
                if let Some(links) = self.by_key.get_mut(&live.key) {
                    links.remove(&link);
                    if links.is_empty() {
                        self.by_key.remove(&live.key);
                    }
                }
                return Some((live, reason));
            }
        }
    }

    /// Waits until the last events of all ended links are handed up.
    pub(super) async fn finish(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }

    pub(super) fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    pub(super) fn get(&self, link: LinkId) -> Option<&Live> {
        self.live.get(&link)
    }

    /// Returns the links to a peer that are meant to stay; more than one only while a duplicate is being settled.
    pub(super) fn up(&self, key: &NodeKey) -> impl Iterator<Item = (LinkId, &Live)> {
        let links = self.by_key.get(key).into_iter().flatten();
        links.filter_map(|link| self.live.get(link).filter(|live| live.is_up()).map(|live| (*link, live)))
    }

    /// The links to these peers.
    pub(super) fn of(&self, keys: &[NodeKey]) -> impl Iterator<Item = (LinkId, &Live)> {
        keys.iter()
            .filter_map(|key| self.by_key.get(key))
            .flatten()
            .filter_map(|link| Some((*link, self.live.get(link)?)))
    }

    pub(super) fn has_link(&self, key: &NodeKey) -> bool {
        self.up(key).next().is_some()
    }

    /// Whether the upper layer has yet to hear the end of too many links of this peer.
    pub(super) fn is_crowded(&self, key: &NodeKey) -> bool {
        self.by_key.get(key).is_some_and(|links| links.len() >= UNFINISHED_PER_PEER_MAX)
    }

    pub(super) fn stop(&mut self, link: LinkId, stop: Stop) {
        if let Some(live) = self.live.get_mut(&link) {
            live.stop(stop);
        }
    }

    pub(super) fn stop_all(&mut self, stop: Stop) {
        self.live.values_mut().for_each(|live| live.stop(stop));
    }

    /// Ends the probation of every link whose key `may`.
    pub(super) fn admit(&mut self, may: impl Fn(&NodeKey) -> bool) {
        for live in self.live.values().filter(|live| may(&live.key)) {
            live.admitted.send_if_modified(|admitted| !std::mem::replace(admitted, true));
        }
    }

    /// Notes that a connection has closed, and returns whose it was. Its task still reads what had arrived.
    pub(super) fn connection_closed(&mut self, connection: ConnectionId) -> Option<NodeKey> {
        let live = self.live.get_mut(self.by_connection.get(&connection)?)?;
        live.gone = true;
        Some(live.key)
    }
}
