//! One long-lived stream a connection, opened by the dialler and handed to the driver.
//!
//! `libp2p-stream` would do the same but drops inbound streams that arrive together and can hang on opening one.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::swarm::handler::{ConnectionEvent, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm, NetworkBehaviour, Stream,
    StreamProtocol, SubstreamProtocol, THandler, THandlerInEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use tokio::time::{Instant, Sleep, sleep};

/// The one protocol between nodes. The frames carry their own version.
const PROTOCOL: StreamProtocol = StreamProtocol::new("/swabmesh/sync/1");

/// What became of a connection's stream.
#[derive(Debug)]
pub(super) enum Opening {
    /// Open; `since` is when the connection came up.
    Opened {
        /// The stream.
        stream: Stream,
        /// When the connection was established.
        since: Instant,
    },
    /// Refused, or not opened in time.
    Missing,
}

/// A connection whose stream is open or will not be.
#[derive(Debug)]
pub(super) struct StreamEvent {
    pub(super) peer: PeerId,
    pub(super) connection: ConnectionId,
    pub(super) opening: Opening,
}

/// Opens or awaits the stream of every connection.
#[derive(Debug)]
pub(super) struct Streams {
    open_max: Duration,
    /// At most one a connection.
    events: VecDeque<StreamEvent>,
}

impl Streams {
    pub(super) const fn new(open_max: Duration) -> Self {
        Self { open_max, events: VecDeque::new() }
    }

    fn handler(&self, dialler: bool) -> Opener {
        Opener {
            request: dialler,
            opened: None,
            since: Instant::now(),
            open_max: self.open_max,
            deadline: Some(Box::pin(sleep(self.open_max))),
        }
    }
}

impl NetworkBehaviour for Streams {
    type ConnectionHandler = Opener;
    type ToSwarm = StreamEvent;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(false))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(true))
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, opening: Opening) {
        self.events.push_back(StreamEvent { peer, connection, opening });
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<StreamEvent, THandlerInEvent<Self>>> {
        // No waker: the swarm polls again after every handler event, and events come from nowhere else.
        self.events.pop_front().map_or(Poll::Pending, |event| Poll::Ready(ToSwarm::GenerateEvent(event)))
    }
}

/// One connection's side of it.
#[derive(Debug)]
pub(super) struct Opener {
    /// We are the dialler and have not asked yet.
    request: bool,
    opened: Option<Stream>,
    since: Instant,
    open_max: Duration,
    /// Gone once the stream is open or given up: later streams are dropped, which resets them.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Opener {
    fn offer(&mut self, stream: Stream) {
        if self.deadline.take().is_some() {
            self.opened = Some(stream);
        }
    }
}

impl ConnectionHandler for Opener {
    type FromBehaviour = Infallible;
    type ToBehaviour = Opening;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ()).with_timeout(self.open_max)
    }

    /// The driver closes connections, each for a reason; none just for being idle.
    fn connection_keep_alive(&self) -> bool {
        true
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, (), Self::ToBehaviour>> {
        if let Some(stream) = self.opened.take() {
            let opened = Opening::Opened { stream, since: self.since };
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(opened));
        }
        if std::mem::take(&mut self.request) {
            let protocol = SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ()).with_timeout(self.open_max);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            self.deadline = None;
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(Opening::Missing));
        }
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, event: Infallible) {
        match event {}
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol>) {
        if let ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol, .. })
        | ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol, .. }) = event
        {
            self.offer(protocol);
        }
        // A refused stream stays missing until the deadline reports it.
    }
}
