//! Names of hosts in addresses, looked up at each dial: `/dns/NAME/tcp/PORT` becomes an address of each kind the system knows.
//!
//! The system's own lookup, so `/etc/hosts` and the site's resolver hold. A false answer leads to a node of another key or to none:
//! the handshake proves who answers, not the name.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use libp2p::Transport;
use libp2p::core::transport::{DialOpts, ListenerId, TransportError, TransportEvent};
use libp2p::multiaddr::{Multiaddr, Protocol};

/// Addresses tried of one name. Source: guess; a name of a city's authority has two.
const ADDRESSES_MAX: usize = 4;

/// A transport that looks names up before it dials.
#[derive(Debug)]
pub(super) struct Named<T>(Arc<Mutex<T>>);

impl<T> Named<T> {
    pub(super) fn new(inner: T) -> Self {
        Self(Arc::new(Mutex::new(inner)))
    }
}

/// Why a named address could not be dialled.
#[derive(Debug, thiserror::Error)]
pub(super) enum NamedError<E> {
    /// The name has no address.
    #[error("no address is known for '{name}': check the name and this machine's DNS")]
    Unknown {
        /// The name.
        name: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The transport below.
    #[error(transparent)]
    Inner(E),
    /// The transport below does not dial such addresses.
    #[error("no transport for {0}")]
    Unsupported(Multiaddr),
}

impl<T> Transport for Named<T>
where
    T: Transport + Send + Unpin + 'static,
    T::Output: Send,
    T::Error: Send + Sync,
    T::Dial: Send,
{
    type Output = T::Output;
    type Error = NamedError<T::Error>;
    type ListenerUpgrade = futures::future::MapErr<T::ListenerUpgrade, fn(T::Error) -> NamedError<T::Error>>;
    type Dial = BoxFuture<'static, Result<T::Output, NamedError<T::Error>>>;

    fn listen_on(&mut self, id: ListenerId, address: Multiaddr) -> Result<(), TransportError<Self::Error>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .listen_on(id, address)
            .map_err(|error| error.map(NamedError::Inner))
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove_listener(id)
    }

    fn dial(&mut self, address: Multiaddr, options: DialOpts) -> Result<Self::Dial, TransportError<Self::Error>> {
        let Some((name, port)) = name_of(&address) else {
            let dial = self
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .dial(address, options)
                .map_err(|error| error.map(NamedError::Inner))?;
            return Ok(dial.map(|outcome| outcome.map_err(NamedError::Inner)).boxed());
        };
        let inner = Arc::clone(&self.0);
        Ok(async move {
            let unknown = |source| NamedError::Unknown { name: name.clone(), source };
            let found = tokio::net::lookup_host((name.as_str(), port)).await.map_err(unknown)?;
            let mut outcome = Err(unknown(io::Error::other("the lookup gave nothing")));
            for socket in found.take(ADDRESSES_MAX) {
                let host = match socket.ip() {
                    std::net::IpAddr::V4(ip) => Protocol::Ip4(ip),
                    std::net::IpAddr::V6(ip) => Protocol::Ip6(ip),
                };
                let Some(resolved) = address.replace(0, |_| Some(host)) else { continue };
                let dial = inner.lock().unwrap_or_else(PoisonError::into_inner).dial(resolved, options);
                outcome = match dial {
                    Ok(dial) => dial.await.map_err(NamedError::Inner),
                    Err(TransportError::MultiaddrNotSupported(address)) => Err(NamedError::Unsupported(address)),
                    Err(TransportError::Other(error)) => Err(NamedError::Inner(error)),
                };
                if outcome.is_ok() {
                    break;
                }
            }
            outcome
        }
        .boxed())
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TransportEvent<Self::ListenerUpgrade, Self::Error>> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Transport::poll(Pin::new(&mut *inner), cx).map(|event| {
            let wrap: fn(T::Error) -> NamedError<T::Error> = NamedError::Inner;
            event.map_upgrade(|upgrade| futures::TryFutureExt::map_err(upgrade, wrap)).map_err(NamedError::Inner)
        })
    }
}

/// The name and the port of an address that begins with a name.
fn name_of(address: &Multiaddr) -> Option<(String, u16)> {
    let mut parts = address.iter();
    match (parts.next()?, parts.next()?) {
        (Protocol::Dns(name) | Protocol::Dns4(name) | Protocol::Dns6(name), Protocol::Tcp(port)) => {
            Some((name.into_owned(), port))
        }
        _ => None,
    }
}
