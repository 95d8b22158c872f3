//! The carrier's one task: swarm events, commands and ended links in; dials, links and hints out. It waits for nobody.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt;
use libp2p::core::ConnectedPoint;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionDenied, ConnectionId, DialError, ListenError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, mdns};
use swabmesh_protocol::id::NodeKey;
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};

use super::address::{node_key, peer_id, without_key};
use super::dialer::{Attempt, Dialer, TargetId};
use super::figures::{Counters, DialFailure, Disconnect, Refusal};
use super::link::Stop;
use super::links::{Links, Live, Opened};
use super::rate::LinkBytes;
use super::streams::{Opening, StreamEvent};
use super::transport::{Behaviours, BehavioursEvent, root_cause};
use super::uplink::{Change, Uplink};
use super::{LinkId, NetworkCommand, NetworkEvent, NetworkTimes};

/// Refusals and failed dials waiting for room in the queue of events; more are counted and left out.
const HINTS_MAX: usize = 64;

/// The same for sightings. A neighbour is reported once until its answer expires, so these get more room.
const SIGHTINGS_MAX: usize = 256;

/// A connection whose stream is not open yet.
#[derive(Debug)]
struct Connecting {
    outbound: bool,
    address: Multiaddr,
}

/// Drives the swarm.
pub(super) struct Driver {
    key: NodeKey,
    swarm: Swarm<Behaviours>,
    links: Links,
    dialer: Dialer,
    /// Dials in flight, and the connections they gave until those have a stream.
    dials: HashMap<ConnectionId, Attempt>,
    connecting: HashMap<ConnectionId, Connecting>,
    /// Admitted peers that had a link in this run.
    met: HashSet<NodeKey>,
    events: mpsc::Sender<NetworkEvent>,
    hints: VecDeque<NetworkEvent>,
    counters: Arc<Counters>,
    uplink: Uplink,
    look_at: Instant,
    times: NetworkTimes,
}

impl Driver {
    pub(super) fn new(
        key: NodeKey,
        swarm: Swarm<Behaviours>,
        links: Links,
        events: mpsc::Sender<NetworkEvent>,
        (counters, uplink): (Arc<Counters>, Uplink),
        times: NetworkTimes,
    ) -> Self {
        let mut dialer = Dialer::new(times.redial_lan, times.redial_authority);
        dialer.pause_uplink(!uplink.is_open(), Instant::now());
        let look_at = Instant::now();
        let (dials, connecting, met, hints) = Default::default();
        Self { key, swarm, links, dialer, dials, connecting, met, events, hints, counters, uplink, look_at, times }
    }

    /// Runs until every handle is gone or nobody takes events.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<NetworkCommand>) {
        loop {
            let due = self.dialer.next_due();
            if let Some(contacts) = self.dialer.contacts() {
                self.uplink.tell(contacts);
            }
            let looks = self.uplink.look_every();
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_swarm(event),
                order = orders.recv() => match order {
                    Some(order) => self.on_command(order),
                    None => break,
                },
                Some((live, reason)) = self.links.next_ended() => self.on_ended(&live, reason),
                taken = pass_on(&self.events, &mut self.hints), if !self.hints.is_empty() => if !taken { break },
                () = sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => self.dial_due(),
                () = sleep_until(self.look_at.into()), if looks.is_some() => {
                    self.look_at = Instant::now() + looks.unwrap_or_default();
                    self.look_at_hours();
                }
            }
        }
        self.stop().await;
    }

    /// Lets what is queued leave, closes every connection, and waits for it: the time to drain, twice at most.
    async fn stop(mut self) {
        self.links.stop_all(Stop::Drained(Disconnect::Shutdown));
        let drained = async {
            while !self.links.is_empty() {
                tokio::select! {
                    event = self.swarm.select_next_some() => drop(event),
                    ended = self.links.next_ended() => if let Some((live, reason)) = ended {
                        self.counters.change(|figures| figures.link_ended(reason));
                        self.swarm.close_connection(live.connection);
                    },
                }
            }
            self.links.finish().await;
        };
        // A link gives up by itself in this time; one whose last event nobody takes is left behind.
        let _ = timeout(self.times.drain_max + self.times.drain_max / 2, drained).await;
        let peers: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let closed = async {
            while self.swarm.network_info().num_peers() > 0 {
                drop(self.swarm.select_next_some().await);
            }
        };
        let _ = timeout(self.times.drain_max / 2, closed).await;
    }

    /// Opens or closes the uplink when its hours say so.
    fn look_at_hours(&mut self) {
        let uplinks = self.dialer.uplinks();
        let live: Vec<(LinkId, LinkBytes)> = self.links.of(&uplinks).map(|(link, live)| (link, live.bytes())).collect();
        match self.uplink.look(live.iter().map(|(_, bytes)| *bytes)) {
            Some(Change::Opened) => self.dialer.pause_uplink(false, Instant::now()),
            Some(Change::Closed) => {
                self.dialer.pause_uplink(true, Instant::now());
                for (link, _) in live {
                    self.links.stop(link, Stop::Drained(Disconnect::Paused));
                }
            }
            None => {}
        }
    }

    fn on_command(&mut self, command: NetworkCommand) {
        match command {
            NetworkCommand::Roster(roster) => {
                self.links.admit(|key| roster.contains(key));
                self.swarm.behaviour_mut().gate.set_roster(roster);
            }
            NetworkCommand::Admit(link) => self.admit(link),
            NetworkCommand::Withdraw(key) => self.withdraw(key),
            NetworkCommand::Close(link) => self.links.stop(link, Stop::Drained(Disconnect::Here)),
            NetworkCommand::Peers(mut peers) => {
                peers.retain(|peer| peer.key != Some(self.key));
                let links = &self.links;
                self.dialer.set(peers, Instant::now(), |key| links.has_link(key));
            }
        }
    }

    fn admit(&mut self, link: LinkId) {
        let Some(key) = self.links.get(link).map(|live| live.key) else { return };
        let gate = &mut self.swarm.behaviour_mut().gate;
        if gate.is_withdrawn(&key) {
            return;
        }
        if !gate.is_admitted(&key) {
            self.count_reconnect(key);
        }
        self.swarm.behaviour_mut().gate.admit(key);
        self.links.admit(|of| *of == key);
    }

    fn withdraw(&mut self, key: NodeKey) {
        self.swarm.behaviour_mut().gate.withdraw(key);
        let links: Vec<LinkId> = self.links.up(&key).map(|(link, _)| link).collect();
        if let Some(peer) = peer_id(&key).filter(|_| links.is_empty()) {
            // An error only says that there was no connection.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        for link in links {
            // The last it hears is why; nothing of it is read any more.
            self.links.stop(link, Stop::Drained(Disconnect::Withdrawn));
        }
    }

    fn dial_due(&mut self) {
        while let Some(attempt) = self.dialer.take_due(Instant::now()) {
            let addresses = attempt.addresses.clone();
            let options = match attempt.key.and_then(|key| peer_id(&key)) {
                // A new port for each dial: from the listening port, two nodes that dial each other at once would share one
                // pair of endpoints, and TCP makes that a single connection with two diallers and no listener.
                Some(peer) => DialOpts::peer_id(peer)
                    .condition(PeerCondition::Always)
                    .addresses(addresses)
                    .allocate_new_port()
                    .build(),
                None => match addresses.into_iter().next() {
                    Some(address) => DialOpts::unknown_peer_id().address(address).allocate_new_port().build(),
                    None => continue,
                },
            };
            let connection = options.connection_id();
            self.dials.insert(connection, attempt);
            self.counters.change(|figures| figures.dials += 1);
            if let Err(error) = self.swarm.dial(options) {
                self.on_dial_error(connection, error);
            }
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the swarm's events are not exhaustive; the rest says nothing new"
    )]
    fn on_swarm(&mut self, event: SwarmEvent<BehavioursEvent>) {
        match event {
            SwarmEvent::Behaviour(BehavioursEvent::Streams(event)) => self.on_stream(event),
            SwarmEvent::Behaviour(BehavioursEvent::Mdns(mdns::Event::Discovered(seen))) => self.on_sighted(seen),
            SwarmEvent::ConnectionEstablished { connection_id, endpoint, .. } => {
                let (outbound, address) = match endpoint {
                    ConnectedPoint::Dialer { address, .. } => (true, address),
                    ConnectedPoint::Listener { send_back_addr, .. } => (false, send_back_addr),
                };
                let address = without_key(address).map_or_else(|_| Multiaddr::empty(), |(address, _)| address);
                self.connecting.insert(connection_id, Connecting { outbound, address });
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, .. } => self.on_closed(&peer_id, connection_id),
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                self.on_dial_error(connection_id, error)
            }
            SwarmEvent::IncomingConnectionError { peer_id, send_back_addr, error, .. } => {
                let reason = match error {
                    ListenError::Denied { cause } => refusal(cause),
                    _ => Refusal::Handshake,
                };
                self.refuse(peer_id.as_ref().and_then(node_key), Some(send_back_addr), reason);
            }
            SwarmEvent::NewListenAddr { address, .. } => {
                self.dialer.network_changed(Instant::now());
                self.hints.push_back(NetworkEvent::Listening(address));
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                self.hints.push_back(NetworkEvent::ListeningEnded(address));
            }
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                tracing::error!(?addresses, ?reason, "a listener closed");
                self.hints.extend(addresses.into_iter().map(NetworkEvent::ListeningEnded));
            }
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "a connection could not be accepted"),
            _ => {}
        }
    }

    fn on_stream(&mut self, StreamEvent { peer, connection, opening }: StreamEvent) {
        let Some(connecting) = self.connecting.remove(&connection) else { return };
        let Some(key) = node_key(&peer) else { return };
        let target = self.dials.remove(&connection).map(|attempt| attempt.target);
        match opening {
            Opening::Missing => {
                self.swarm.close_connection(connection);
                self.refuse(Some(key), Some(connecting.address), Refusal::NoStream);
                if let Some(target) = target {
                    let why = DialFailure::RefusedHere(Refusal::NoStream);
                    self.dialer.failed(&target, why, Instant::now(), draw());
                }
            }
            Opening::Opened { stream, since } => {
                let admitted = self.swarm.behaviour().gate.is_admitted(&key);
                let Connecting { outbound, address } = connecting;
                let opened = Opened { key, connection, stream, since, outbound, admitted, address };
                self.on_opened(opened, target.as_ref());
            }
        }
    }

    /// Makes a link of an opened stream, unless the peer has a better one.
    fn on_opened(&mut self, opened: Opened, target: Option<&TargetId>) {
        let key = opened.key;
        if self.links.is_crowded(&key) {
            self.swarm.close_connection(opened.connection);
            self.refuse(Some(key), Some(opened.address), Refusal::Limit);
            if let Some(target) = target {
                let why = DialFailure::RefusedHere(Refusal::Limit);
                self.dialer.failed(target, why, Instant::now(), draw());
            }
            return;
        }
        // The node of the lower key alone settles duplicates, so the two can never each close what the other keeps.
        if self.key < key {
            let rivals: Vec<(LinkId, bool)> = self.links.up(&key).map(|(link, live)| (link, live.outbound)).collect();
            if rivals.iter().any(|&(_, outbound)| !newer_is_better(outbound, opened.outbound)) {
                self.swarm.close_connection(opened.connection);
                self.refuse(Some(key), Some(opened.address), Refusal::Duplicate);
                self.dialer.linked(key, target, Instant::now());
                return;
            }
            for (link, _) in rivals {
                self.links.stop(link, Stop::Now(Disconnect::Duplicate));
            }
        }
        if opened.admitted {
            self.count_reconnect(key);
        }
        self.counters.change(|figures| {
            figures.links += 1;
            figures.links_total += 1;
        });
        self.dialer.linked(key, target, Instant::now());
        self.links.open(opened);
    }

    fn on_ended(&mut self, live: &Live, reason: Disconnect) {
        self.counters.change(|figures| figures.link_ended(reason));
        self.swarm.close_connection(live.connection);
        if self.dialer.uplinks().contains(&live.key) {
            self.uplink.link_ended(live.bytes());
        }
        self.note_unlinked(&live.key);
    }

    fn on_closed(&mut self, peer: &PeerId, connection: ConnectionId) {
        if let Some(key) = self.links.connection_closed(connection) {
            self.note_unlinked(&key);
        }
        self.connecting.remove(&connection);
        let Some(attempt) = self.dials.remove(&connection) else { return };
        // Our dial came through the handshake and was closed before its stream: refused there, or a duplicate of a link we have.
        match node_key(peer).filter(|key| self.links.has_link(key)) {
            Some(key) => self.dialer.linked(key, Some(&attempt.target), Instant::now()),
            None => self.dial_failed(attempt, DialFailure::RefusedThere),
        }
    }

    fn on_dial_error(&mut self, connection: ConnectionId, error: DialError) {
        let Some(attempt) = self.dials.remove(&connection) else { return };
        let failure = match error {
            DialError::Denied { cause } => {
                let reason = refusal(cause);
                self.counters.refused(reason);
                DialFailure::RefusedHere(reason)
            }
            DialError::WrongPeerId { obtained, .. } => DialFailure::OtherKey(node_key(&obtained)),
            DialError::LocalPeerId { .. } => DialFailure::Ourselves,
            DialError::Transport(tried) => DialFailure::Unreachable(
                tried.iter().map(|(address, error)| format!("{address}: {}", root_cause(error))).collect(),
            ),
            DialError::NoAddresses | DialError::DialPeerConditionFalse(_) | DialError::Aborted => {
                DialFailure::Unreachable(Vec::new())
            }
        };
        self.dial_failed(attempt, failure);
    }

    fn dial_failed(&mut self, attempt: Attempt, failure: DialFailure) {
        self.counters.change(|figures| figures.dials_failed += 1);
        self.dialer.failed(&attempt.target, failure.clone(), Instant::now(), draw());
        let Attempt { target: _, key, addresses } = attempt;
        self.hint(NetworkEvent::DialFailed { peer: key, addresses, failure }, HINTS_MAX);
    }

    fn on_sighted(&mut self, seen: Vec<(PeerId, Multiaddr)>) {
        for (peer, address) in seen {
            if let (Some(peer), Ok((address, _))) = (node_key(&peer), without_key(address)) {
                self.dialer.sighted(peer, Instant::now());
                self.hint(NetworkEvent::Sighted { peer, address }, SIGHTINGS_MAX);
            }
        }
    }

    fn note_unlinked(&mut self, key: &NodeKey) {
        if !self.links.has_link(key) {
            self.dialer.unlinked(key, Instant::now(), draw());
        }
    }

    fn count_reconnect(&mut self, key: NodeKey) {
        if !self.met.insert(key) {
            self.counters.change(|figures| figures.reconnects += 1);
        }
    }

    fn refuse(&mut self, peer: Option<NodeKey>, address: Option<Multiaddr>, reason: Refusal) {
        self.counters.refused(reason);
        self.hint(NetworkEvent::Refused { peer, address, reason }, HINTS_MAX);
    }

    fn hint(&mut self, hint: NetworkEvent, waiting_max: usize) {
        if self.hints.len() < waiting_max {
            self.hints.push_back(hint);
        } else {
            self.counters.change(|figures| figures.hints_dropped += 1);
        }
    }
}

/// Hands the oldest hint up once there is room; false when nobody takes events any more. Nothing is lost when it is dropped half-way.
async fn pass_on(events: &mpsc::Sender<NetworkEvent>, hints: &mut VecDeque<NetworkEvent>) -> bool {
    let Ok(permit) = events.reserve().await else { return false };
    if let Some(hint) = hints.pop_front() {
        permit.send(hint);
    }
    true
}

/// Whether, of two connections of one pair, the node of the lower key keeps the newer; asked only there.
///
/// Of one dialled by each side, it keeps its own. Of two dialled by the same side, the newer: who dials again has lost the older.
const fn newer_is_better(older_is_ours: bool, newer_is_ours: bool) -> bool {
    newer_is_ours || !older_is_ours
}

fn refusal(cause: ConnectionDenied) -> Refusal {
    cause.downcast::<Refusal>().unwrap_or(Refusal::Limit)
}

/// Draws the jitter of a wait. Without entropy the wait is whatever this gives: no secret depends on it.
fn draw() -> u64 {
    getrandom::u64().unwrap_or(u64::MAX)
}
