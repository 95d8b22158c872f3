//! Several streams over one connection: yamux, with a bound on what a peer can make us buffer.
//!
//! `libp2p-yamux` sets the number of streams but not the receive window, which may then grow to 1 GiB a connection for a
//! peer that answers yamux's own pings late. This does the same work with 4 MiB: 40 MB/s at 100 ms of round trip.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::iter;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::future::{Ready, ready};
use futures::io::{AsyncRead, AsyncWrite};
use libp2p::core::muxing::{StreamMuxer, StreamMuxerEvent};
use libp2p::core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo};
use tokio::time::{Sleep, sleep};

/// Streams open at once on one connection: ours, and some that are being refused.
const STREAMS_MAX: usize = 4;

/// Bytes all streams of one connection may have in flight towards us.
const WINDOW_BYTES_MAX: usize = 4 * 1024 * 1024;

const _: () = assert!(WINDOW_BYTES_MAX >= STREAMS_MAX * 256 * 1024, "yamux gives each stream 256 KiB to begin with");

/// How long an orderly close may take. A dead peer's full socket buffer would hold it, and the connection, for a quarter of an hour.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// The upgrade of an authenticated connection to yamux.
#[derive(Debug, Clone, Copy)]
pub(super) struct Yamux;

/// A connection carrying streams.
pub(super) struct Muxer<C> {
    connection: yamux::Connection<C>,
    /// Streams the peer opened while the connection was driven for another purpose; at most [`STREAMS_MAX`].
    opened: VecDeque<yamux::Stream>,
    inbound_waker: Option<Waker>,
    closing: Option<Pin<Box<Sleep>>>,
}

fn muxer<C: AsyncRead + AsyncWrite + Unpin>(connection: C, mode: yamux::Mode) -> Muxer<C> {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(STREAMS_MAX).set_max_connection_receive_window(Some(WINDOW_BYTES_MAX));
    let connection = yamux::Connection::new(connection, config, mode);
    Muxer { connection, opened: VecDeque::new(), inbound_waker: None, closing: None }
}

impl<C: AsyncRead + AsyncWrite + Unpin> Muxer<C> {
    fn poll_opened(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<yamux::Stream>> {
        self.connection.poll_next_inbound(cx).map(|next| match next {
            Some(Ok(stream)) => Ok(stream),
            Some(Err(yamux::ConnectionError::Io(error))) => Err(error),
            Some(Err(error)) => Err(io::Error::other(error)),
            None => Err(io::ErrorKind::ConnectionAborted.into()),
        })
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> StreamMuxer for Muxer<C> {
    type Substream = yamux::Stream;
    type Error = io::Error;

    fn poll_inbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<yamux::Stream>> {
        if let Some(stream) = self.opened.pop_front() {
            return Poll::Ready(Ok(stream));
        }
        let polled = self.poll_opened(cx);
        if polled.is_pending() {
            self.inbound_waker = Some(cx.waker().clone());
        }
        polled
    }

    fn poll_outbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<yamux::Stream>> {
        self.connection.poll_new_outbound(cx).map_err(io::Error::other)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(closed) = self.connection.poll_close(cx) {
            return Poll::Ready(closed.map_err(io::Error::other));
        }
        let deadline = self.closing.get_or_insert_with(|| Box::pin(sleep(CLOSE_MAX)));
        deadline.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<StreamMuxerEvent>> {
        match self.poll_opened(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            // Beyond the bound the stream is dropped, which resets it.
            Poll::Ready(Ok(stream)) if self.opened.len() < STREAMS_MAX => self.opened.push_back(stream),
            Poll::Ready(Ok(_)) => {}
        }
        if let Some(waker) = self.inbound_waker.take() {
            waker.wake();
        }
        // There may be more; others go first.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl UpgradeInfo for Yamux {
    type Info = &'static str;
    type InfoIter = iter::Once<&'static str>;

    fn protocol_info(&self) -> Self::InfoIter {
        iter::once("/yamux/1.0.0")
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> InboundConnectionUpgrade<C> for Yamux {
    type Output = Muxer<C>;
    type Error = Infallible;
    type Future = Ready<Result<Muxer<C>, Infallible>>;

    fn upgrade_inbound(self, connection: C, _: Self::Info) -> Self::Future {
        ready(Ok(muxer(connection, yamux::Mode::Server)))
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> OutboundConnectionUpgrade<C> for Yamux {
    type Output = Muxer<C>;
    type Error = Infallible;
    type Future = Ready<Result<Muxer<C>, Infallible>>;

    fn upgrade_outbound(self, connection: C, _: Self::Info) -> Self::Future {
        ready(Ok(muxer(connection, yamux::Mode::Client)))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::timeout;

    use super::*;

    /// A connection whose other end neither takes nor gives a byte.
    struct Dead;

    impl AsyncRead for Dead {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Dead {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Pending
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn a_dead_connection_is_closed_all_the_same() {
        let mut muxer = muxer(Dead, yamux::Mode::Client);
        let closed = timeout(CLOSE_MAX * 5, poll_fn(|cx| Pin::new(&mut muxer).poll_close(cx))).await;
        assert_eq!(closed.expect("closing hangs").unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
