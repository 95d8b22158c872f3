//! One connection to one peer.

use crate::certificate::Certificate;
use crate::exchange::pull::Pull;
use crate::exchange::serve::Serve;
use crate::fact::Role;
use crate::frontier::Lanes;
use crate::id::{Epoch, Lane, NodeKey};
use crate::time::{Mono, Wall};

/// A connection, from the handshake on.
#[derive(Debug)]
pub struct Session {
    /// Who is at the other end; the handshake proved the key.
    pub peer: NodeKey,
    /// Since when.
    pub since: Wall,
    /// Whether our hello was sent.
    pub greeted: bool,
    /// What follows the peer's hello; nothing else is understood before it.
    pub open: Option<Open>,
}

/// A session whose peer showed a valid certificate.
#[derive(Debug)]
pub struct Open {
    /// The peer's certificate.
    pub certificate: Certificate,
    /// The lanes both follow.
    pub lanes: Lanes,
    /// The lifetime of the peer's store.
    pub epoch: Epoch,
    /// Milliseconds the peer's clock was ahead of ours at the hello.
    pub clock_offset_ms: i64,
    /// What is wanted of the peer.
    pub pull: Pull,
    /// What the peer wants.
    pub serve: Serve,
    /// Whether the peer asked what is new, so that it wants to be told from now on.
    pub live: bool,
    /// The peer's arrival number that will have been seen once nothing more is wanted.
    pub through: Option<u64>,
    /// When roots were equal last.
    pub in_sync: Option<Wall>,
    /// When to compare roots next.
    pub compare_at: Option<Mono>,
}

impl Open {
    /// A session that has just begun.
    #[must_use]
    pub fn new(certificate: Certificate, lanes: Lanes, epoch: Epoch, clock_offset_ms: i64) -> Self {
        Self {
            certificate,
            lanes,
            epoch,
            clock_offset_ms,
            pull: Pull::default(),
            serve: Serve::default(),
            live: false,
            through: None,
            in_sync: None,
            compare_at: None,
        }
    }
}

impl Session {
    /// The lanes a certificate's node follows.
    #[must_use]
    pub fn lanes(certificate: &Certificate) -> Lanes {
        match certificate.role {
            Role::Authority | Role::Lab => Lanes::All,
            Role::Site => Lanes::Of([Lane::CITY, certificate.lane].into()),
        }
    }
}
