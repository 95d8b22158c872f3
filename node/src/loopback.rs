//! Addresses for many nodes on one machine: the demo's, and those of tests.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// The first port given out. Linux takes the ports of outgoing connections from 32768 on (`ip_local_port_range`), so
/// that nobody has one of ours by chance while the node it belongs to is down.
const FIRST: u16 = 20_000;

/// How many there are: up to where outgoing connections begin.
const PORTS: u16 = 12_768;

/// Between where two processes begin, if one was started right after the other.
const APART: u32 = 64;

/// A port of loopback that nobody listens on now; this process gives each only once.
///
/// # Errors
/// Somebody listens on all of them.
pub fn free_address() -> io::Result<SocketAddr> {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let start = std::process::id() % u32::from(PORTS) * APART;
    for _ in 0..PORTS {
        let nth = (start + u32::from(GIVEN.fetch_add(1, Ordering::Relaxed))) % u32::from(PORTS);
        let port = FIRST + u16::try_from(nth).unwrap_or_default();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, "somebody listens on every port from 20000 to 32767"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_port_is_given_twice_and_none_that_somebody_listens_on() {
        let first = free_address().unwrap();
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, first.port() + 1));
        let given: BTreeSet<u16> = (0..APART).map(|_| free_address().unwrap().port()).collect();
        assert_eq!(given.len(), APART as usize);
        assert!(!given.contains(&first.port()));
        assert!(taken.is_err() || !given.contains(&(first.port() + 1)));
        assert!(given.iter().all(|port| (FIRST..FIRST + PORTS).contains(port)));
    }
}
