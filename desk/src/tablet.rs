//! How another machine reaches the pages: an address as a QR symbol, and what to trust.

use std::net::SocketAddr;

use serde::Serialize;
use swabmesh_node::http::problem::Problem;
use swabmesh_node::picture::render::{Medium, Symbol};
use swabmesh_protocol::id::hex;

use crate::tls::{self, Encrypted};

/// Where a tablet goes, and what it compares.
#[derive(Debug, Serialize)]
pub(crate) struct Invitation {
    /// The pages' address.
    pub(crate) url: String,
    /// The same as a QR symbol, SVG.
    pub(crate) symbol: String,
    /// SHA-256 of the certificate to trust, in groups of four.
    pub(crate) fingerprint: String,
}

/// Invites a tablet to each address; none when pages are not served over TLS.
pub(crate) fn invitations(served: Option<&Encrypted>) -> Result<Vec<Invitation>, Problem> {
    let Some(Encrypted { listen, certificate }) = served else { return Ok(Vec::new()) };
    let all = tls::reachable(*listen).into_iter();
    // This machine itself needs no invitation.
    let others = all.filter(|address| listen.ip() == *address || !address.is_loopback());
    let fingerprint = hex(&certificate.fingerprint).to_uppercase();
    let groups: Vec<&str> =
        fingerprint.as_bytes().chunks(4).filter_map(|group| std::str::from_utf8(group).ok()).collect();
    let invitation = |address| {
        let url = format!("https://{}/", SocketAddr::new(address, listen.port()));
        // Schemes and addresses are the same in capitals, and a symbol of capitals is smaller.
        let symbol = Symbol::new(&url.to_uppercase(), Medium::Screen).map_err(|error| Problem::internal(&error))?;
        Ok(Invitation { symbol: symbol.svg(), url, fingerprint: groups.join(" ") })
    };
    others.map(invitation).collect()
}
