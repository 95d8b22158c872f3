//! A cable between two nodes that can be pulled: a small forwarder of TCP connections on loopback.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// What is on the cable now.
#[derive(Debug, Default)]
struct Line {
    pulled: AtomicBool,
    ended: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
}

/// A cable; pulled, it carries nothing and takes no new connection.
#[derive(Debug)]
pub(super) struct Cable {
    address: SocketAddr,
    line: Arc<Line>,
}

impl Cable {
    /// Lays a cable to an address.
    pub(super) fn lay(to: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let line = Arc::new(Line::default());
        let carrying = Arc::clone(&line);
        thread::spawn(move || {
            for near in listener.incoming() {
                if carrying.ended.load(Ordering::Relaxed) {
                    break;
                }
                if carrying.pulled.load(Ordering::Relaxed) {
                    continue;
                }
                if let (Ok(near), Ok(far)) = (near, TcpStream::connect_timeout(&to, Duration::from_secs(2))) {
                    // A connection that cannot be forwarded is dropped, as on a real line.
                    let _ = carrying.carry(&near, &far);
                }
            }
        });
        Ok(Self { address, line })
    }

    /// Where this end of the cable is.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Pulls the cable: every connection over it ends.
    pub(super) fn pull(&self) {
        self.line.pulled.store(true, Ordering::Relaxed);
        for stream in self.line.streams.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Plugs it in again.
    pub(super) fn plug(&self) {
        self.line.pulled.store(false, Ordering::Relaxed);
    }
}

impl Line {
    fn carry(&self, near: &TcpStream, far: &TcpStream) -> io::Result<()> {
        for stream in [near, far] {
            stream.set_nodelay(true)?;
        }
        for (from, to) in [(near, far), (far, near)] {
            let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
            thread::spawn(move || {
                let _ = io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
        }
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.push(near.try_clone()?);
        streams.push(far.try_clone()?);
        Ok(())
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.line.ended.store(true, Ordering::Relaxed);
        self.pull();
        // Wakes the listener so that it sees the end.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_millis(100));
    }
}
