//! Pages over TLS for tablets on the LAN, whose browsers give a camera only to an encrypted page.
//!
//! The node is its own certificate authority: `desk/ca.pem` is trusted once on each tablet and stays; the
//! certificate below it is made at every start for the addresses of that day. The authority may name private
//! addresses only, so its key, if stolen, opens no other site.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints, SanType,
};
use sha2::{Digest, Sha256};
use swabmesh_node::durable::{self, Access, WriteError};
use time::OffsetDateTime;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;

/// Handshakes under way at once; further connections wait. Source: guess, twice the desks of a large site.
const HANDSHAKES_MAX: usize = 32;

/// How long a handshake may take. Source: guess; a tablet at the edge of the Wi-Fi takes one second.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// Connections that wait to be served.
const ACCEPTED_QUEUE: usize = 32;

/// Years the node's own certificate authority is valid.
const CA_YEARS: i64 = 10;

/// Days the certificate below it is valid; it is made anew at every start. Source: the longest that tablets accept.
const LEAF_DAYS: i64 = 397;

/// Days before the making from which certificates are valid, for tablets whose clock is behind.
const BACKDATED_DAYS: i64 = 2;

/// Why the pages are not served over TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The port is taken, or the address is not this machine's.
    #[error("cannot serve at https://{address}: choose another address with --https-listen, or leave it out")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The kept certificate or its key is damaged.
    #[error(
        "the certificate in {path} is damaged: remove ca.pem and ca.key there, and trust the new one on the tablets"
    )]
    Damaged {
        /// The directory.
        path: std::path::PathBuf,
    },
    /// No certificate could be made.
    #[error("no certificate could be made")]
    Make(#[from] rcgen::Error),
    /// It could not be kept.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The library does not take it.
    #[error("the certificate does not hold")]
    Rustls(#[from] rustls::Error),
}

/// The node's own certificate authority.
pub(crate) struct Certificate {
    /// PEM, to be trusted on tablets.
    pub(crate) pem: String,
    /// SHA-256 of its DER form, to be compared aloud.
    pub(crate) fingerprint: [u8; 32],
    params: CertificateParams,
    key: KeyPair,
}

impl Certificate {
    /// Reads it, or makes it at the first start.
    pub(crate) fn at(directory: &Path, site: &str) -> Result<Self, TlsError> {
        let (pem_path, key_path) = (directory.join("ca.pem"), directory.join("ca.key"));
        let damaged = || TlsError::Damaged { path: directory.to_owned() };
        let params = authority(site)?;
        let (pem, key) = match (std::fs::read_to_string(&pem_path), std::fs::read_to_string(&key_path)) {
            (Ok(pem), Ok(key)) => (pem, KeyPair::from_pem(&key).map_err(|_| damaged())?),
            (Err(missing), Err(_)) if missing.kind() == io::ErrorKind::NotFound => {
                let key = KeyPair::generate()?;
                let pem = params.clone().self_signed(&key)?.pem();
                durable::replace(&key_path, key.serialize_pem().as_bytes(), Access::Secret)?;
                durable::replace(&pem_path, pem.as_bytes(), Access::Public)?;
                (pem, key)
            }
            _ => return Err(damaged()),
        };
        let der = der_of(&pem).ok_or_else(damaged)?;
        Ok(Self { fingerprint: Sha256::digest(&der).into(), pem, params, key })
    }

    /// What a server shows at these addresses.
    fn server(&self, addresses: &[IpAddr]) -> Result<ServerConfig, TlsError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
        params.subject_alt_names.extend(addresses.iter().map(|address| SanType::IpAddress(*address)));
        params.distinguished_name = named("swabmesh desk");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = validity(LEAF_DAYS);
        // The issuer is rebuilt from what it was made of; only its name and key go into what it signs.
        let issuer = self.params.clone().self_signed(&self.key)?;
        let leaf = params.signed_by(&key, &issuer, &self.key)?;
        let chain = vec![CertificateDer::from(leaf.der().to_vec())];
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut config = builder.with_no_client_auth().with_single_cert(chain, private)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn validity(days: i64) -> (OffsetDateTime, OffsetDateTime) {
    let now = OffsetDateTime::now_utc();
    let after = |days| now.checked_add(time::Duration::days(days)).unwrap_or(now);
    (after(-BACKDATED_DAYS), after(days))
}

/// What the authority is made of; the same for every start, so that it can be rebuilt beside its key.
fn authority(site: &str) -> Result<CertificateParams, TlsError> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = named(&format!("swabmesh {site}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = validity(CA_YEARS * 365);
    let v4 = |address: [u8; 4], prefix| GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix(address, prefix));
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            v4([10, 0, 0, 0], 8),
            v4([172, 16, 0, 0], 12),
            v4([192, 168, 0, 0], 16),
            v4([100, 64, 0, 0], 10),
            v4([169, 254, 0, 0], 16),
            v4([127, 0, 0, 0], 8),
            GeneralSubtree::DnsName("localhost".to_owned()),
        ],
        excluded_subtrees: Vec::new(),
    });
    Ok(params)
}

fn der_of(pem: &str) -> Option<Vec<u8>> {
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    CertificateDer::from_pem_slice(pem.as_bytes()).ok().map(|der| der.to_vec())
}

/// Pages over TLS: where, and with what.
pub(crate) struct Encrypted {
    /// Where they are served.
    pub(crate) listen: SocketAddr,
    /// What tablets trust.
    pub(crate) certificate: Certificate,
}

/// The addresses at which tablets find a listener.
pub(crate) fn reachable(listen: SocketAddr) -> Vec<IpAddr> {
    if !listen.ip().is_unspecified() {
        return vec![listen.ip()];
    }
    let mut all = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    all.extend(outward());
    all
}

/// The address this machine would use towards another network. Nothing is sent.
fn outward() -> Option<IpAddr> {
    const ELSEWHERE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(ELSEWHERE).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// Handshakes that have succeeded, as axum takes connections.
struct Handshakes {
    accepted: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
}

impl axum::serve::Listener for Handshakes {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.accepted.recv().await {
            Some(connection) => connection,
            // Nobody accepts any more: the server is about to be told to stop.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// Serves the pages, and nothing else of the node, until the node stops.
pub(crate) fn serve(
    encrypted: &Encrypted,
    routes: Router,
    mut stopping: watch::Receiver<bool>,
) -> Result<JoinHandle<()>, TlsError> {
    let address = encrypted.listen;
    let listening = |source| TlsError::Listen { address, source };
    let bound = std::net::TcpListener::bind(address).map_err(listening)?;
    bound.set_nonblocking(true).map_err(listening)?;
    let listener = TcpListener::from_std(bound).map_err(listening)?;
    let config = encrypted.certificate.server(&reachable(address))?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (ready, accepted) = mpsc::channel(ACCEPTED_QUEUE);
    let shaking = tokio::spawn(shake_hands(listener, acceptor, ready));
    tracing::info!(%address, "pages over TLS");
    Ok(tokio::spawn(async move {
        let until = async move {
            let _ = stopping.wait_for(|stopping| *stopping).await;
        };
        let served = axum::serve(Handshakes { accepted, address }, routes).with_graceful_shutdown(until).await;
        if let Err(error) = served {
            tracing::error!(%error, "pages over TLS ended");
        }
        shaking.abort();
    }))
}

async fn shake_hands(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    ready: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    let slots = Arc::new(Semaphore::new(HANDSHAKES_MAX));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection was not taken");
                // Out of descriptors, mostly: wait for some to be given back.
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        let (acceptor, ready) = (acceptor.clone(), ready.clone());
        tokio::spawn(async move {
            match tokio::time::timeout(HANDSHAKE_WITHIN, acceptor.accept(stream)).await {
                Ok(Ok(secured)) => {
                    drop(slot);
                    // The server is gone, and the connection with it.
                    let _ = ready.send((secured, from)).await;
                }
                Ok(Err(error)) => tracing::debug!(%from, %error, "no handshake"),
                Err(_) => tracing::debug!(%from, "no handshake in time"),
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_is_made_once_and_signs_for_the_addresses_of_the_day() {
        let dir = tempfile::tempdir().unwrap();
        let first = Certificate::at(dir.path(), "Gate 3").unwrap();
        let second = Certificate::at(dir.path(), "Gate 3").unwrap();
        assert_eq!((first.fingerprint, &first.pem), (second.fingerprint, &second.pem));
        for address in ["192.168.1.7:7443", "127.0.0.1:0"] {
            second.server(&reachable(address.parse().unwrap())).unwrap();
        }
        std::fs::write(dir.path().join("ca.key"), "x").unwrap();
        assert!(matches!(Certificate::at(dir.path(), "Gate 3"), Err(TlsError::Damaged { .. })));
    }
}
