//! A node at work: core and HTTP server, from the first check to the graceful stop.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use swabmesh_protocol::certificate::CertificateError;
use swabmesh_protocol::entry::node_key;
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::id::NodeKey;
use swabmesh_protocol::replica::Signed;
use swabmesh_protocol::time::DAY_S;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::beside::{Beside, Ground};
use crate::config::{Config, ConfigError, Flag, word_of};
use crate::durable::{self, Access, WriteError};
use crate::enrolment::{EnrolError, Membership};
use crate::home::Home;
use crate::http::auth::Token;
use crate::http::{Shell, router};
use crate::keys::{KeyError, Signing, draw};
use crate::network::NetworkTimes;
use crate::runtime::{NodeHandle, Setup, StartError};
use crate::store::options::StoreOptions;
use crate::telephones::Telephones;
use crate::{clock, duties, telemetry};

/// How long open requests may go on after a stop was asked for. Source: guess; pages hold event streams open for ever.
const REQUESTS_END_WITHIN: Duration = Duration::from_secs(3);

/// How long the core may take to write what it accepted. Source: guess; a group commit takes milliseconds.
const CORE_ENDS_WITHIN: Duration = Duration::from_secs(15);

const MIB: u64 = 1024 * 1024;

/// Why a node does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration does not hold.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The node has not joined, or its papers do not hold.
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    /// A secret is missing.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The directory is that of another role.
    #[error("this is the directory of a node of role {}, not {}: name the right one with --data", word_of(*.found), word_of(*.wanted))]
    Role {
        /// What it is.
        found: Role,
        /// What was asked for.
        wanted: Role,
    },
    /// The port is taken, or the address is not this machine's.
    #[error(
        "cannot serve at {address}: another node may run there; stop it, or choose another port with --http-listen"
    )]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The core does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The server or the signals failed.
    #[error("the HTTP server stopped by itself: start the node again; everything shown as accepted is safe")]
    Http(#[source] std::io::Error),
    /// Something that runs beside the node's own API does not start.
    #[error(transparent)]
    Beside(Box<dyn std::error::Error + Send + Sync>),
    /// The core did not end in time.
    #[error("the node did not stop within {} s and was cut off: everything shown as accepted is safe", CORE_ENDS_WITHIN.as_secs())]
    CutOff,
}

/// Where a running node is reached.
#[derive(Debug, Clone, Serialize)]
pub struct Reach {
    /// Pages and API.
    pub url: String,
    /// The node's key.
    pub node: NodeKey,
    /// What people call it.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// The process.
    pub pid: u32,
}

/// A node that is ready to run: settings, papers and secrets are at hand and hold.
pub struct Service {
    home: Home,
    config: Config,
    member: Membership,
    token: Token,
    setup: Setup,
    ready_file: Option<PathBuf>,
}

impl Service {
    /// Checks everything that can be checked before anything runs, and begins the log.
    ///
    /// # Errors
    /// [`ServeError`], with what to do.
    pub fn prepare(home: Home, role: Role, flags: Vec<Flag>, ready_file: Option<PathBuf>) -> Result<Self, ServeError> {
        let config = home.config(flags)?;
        if config.role != role {
            return Err(ServeError::Role { found: config.role, wanted: role });
        }
        telemetry::begin(&config.log);
        let member = Membership::open(&home)?;
        warn(&config, &member);
        let keys = home.keys();
        let token = Token::new(&keys.token()?);
        let issuers = if role == Role::Authority { keys.issuers()? } else { Vec::new() };
        let named = |own: &[String], told: &[String]| if own.is_empty() { told.to_vec() } else { own.to_vec() };
        let mut store_options = StoreOptions::new(u64::from_be_bytes(draw()?));
        store_options.cache_bytes = config.store.cache_mib.saturating_mul(MIB);
        store_options.floor_bytes = config.store.floor_mib.saturating_mul(MIB);
        let setup = Setup {
            store: home.store(),
            store_options,
            key: keys.signing(Signing::Node)?,
            certificate: member.certificate_bytes.clone(),
            root: member.root,
            signed: Signed {
                certificates: vec![member.authority_bytes.clone()],
                trust: member.trust.clone(),
                policy: member.policy.clone(),
            },
            issuers,
            listen: config.listen.clone(),
            peers: config.peers.clone(),
            // An authority's own addresses are for others to dial.
            authority: match role {
                Role::Authority => Vec::new(),
                Role::Site | Role::Lab => named(&config.authority_addresses, &member.addresses),
            },
            mdns: config.mdns,
            times: NetworkTimes::default(),
            carrying: config.carrying.clone(),
        };
        Ok(Self { home, config, member, token, setup, ready_file })
    }

    /// Has the node keep to itself: no network, and a free port of loopback for whoever started it.
    ///
    /// For work on a node that does not run, such as a bundle for a machine that was carried in.
    #[must_use]
    pub fn offline(mut self) -> Self {
        self.config.http_listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let setup = &mut self.setup;
        for addresses in [&mut setup.listen, &mut setup.peers, &mut setup.authority] {
            addresses.clear();
        }
        setup.mdns = false;
        self
    }

    /// Starts the core without a network and without a server, has something done with it, and stops it.
    ///
    /// # Errors
    /// [`ServeError`]; [`ServeError::Start`] as well when the node runs already.
    pub async fn quietly<T>(self, work: impl AsyncFnOnce(&NodeHandle, &Membership) -> T) -> Result<T, ServeError> {
        let Self { setup, member, .. } = self.offline();
        let node = NodeHandle::start(setup).await?;
        let done = work(&node, &member).await;
        tokio::time::timeout(CORE_ENDS_WITHIN, node.stop()).await.map_err(|_| ServeError::CutOff)?;
        Ok(done)
    }

    /// Runs the node until `stop`, then stops it gracefully within a bound.
    ///
    /// `ready` is called once it takes registrations; by then the ready file is written.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn run(
        self,
        beside: impl FnOnce(&Ground) -> Result<Beside, Box<dyn std::error::Error + Send + Sync>>,
        ready: impl FnOnce(&Reach),
        stop: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let address = self.config.http_listen;
        // The port is taken before the store is opened: a second start of the same node fails at once.
        let listening = |source| ServeError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listening)?;
        let url = format!("http://{}", listener.local_addr().map_err(listening)?);
        let reach = Reach {
            url,
            node: node_key(&self.setup.key),
            name: self.member.certificate.name.to_string(),
            role: self.config.role,
            pid: std::process::id(),
        };
        let telephones = Arc::new(Telephones::at(&self.home.desk())?);
        let node = NodeHandle::start(self.setup).await?;
        let authority = self.config.role == Role::Authority;
        let renew_before_s = u64::from(self.config.renew_days) * DAY_S;
        let duties = authority.then(|| tokio::spawn(duties::run(node.clone(), self.home.clone(), renew_before_s)));
        let keeper = tokio::spawn(duties::keep_certificate(node.certificate(), self.home.clone()));

        let (stopping, mut stopped) = watch::channel(false);
        let shell = Shell::new(node.clone(), Arc::new(self.member), telephones);
        let ground = Ground {
            home: self.home.clone(),
            shell: shell.clone(),
            https_listen: self.config.https_listen,
            stopping: stopped.clone(),
        };
        let beside = match beside(&ground) {
            Ok(beside) => beside,
            Err(error) => {
                node.stop().await;
                return Err(ServeError::Beside(error));
            }
        };
        let app = router(shell, self.token, &beside.figures).merge(beside.routes);
        let until = async move {
            // An error means that the sender is gone, which is a stop as well.
            let _ = stopped.wait_for(|stopped| *stopped).await;
        };
        // Who limits tries by address needs to know it.
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        let mut server = tokio::spawn(async move { axum::serve(listener, app).with_graceful_shutdown(until).await });

        let ended = match announce(&reach, &self.home, self.ready_file.as_deref()) {
            Err(error) => Err(error.into()),
            Ok(()) => {
                ready(&reach);
                tokio::select! {
                    () = stop => Ok(()),
                    ended = &mut server => flat(ended).map_err(ServeError::Http),
                }
            }
        };
        tracing::info!("stopping");
        let _ = stopping.send(true);
        // Whoever reads the address now would find nobody.
        let _ = std::fs::remove_file(self.home.url());
        if let Some(duties) = duties {
            duties.abort();
        }
        if !server.is_finished() && tokio::time::timeout(REQUESTS_END_WITHIN, &mut server).await.is_err() {
            server.abort();
        }
        for task in beside.tasks {
            // A task that does not end is cut off with the process: what it answered for, it has written.
            let _ = tokio::time::timeout(REQUESTS_END_WITHIN, task).await;
        }
        tokio::time::timeout(CORE_ENDS_WITHIN, node.stop()).await.map_err(|_| ServeError::CutOff)?;
        // What came last is written as well.
        let _ = tokio::time::timeout(REQUESTS_END_WITHIN, keeper).await;
        ended
    }
}

/// Says where the node is reached, for commands and for scripts.
fn announce(reach: &Reach, home: &Home, ready_file: Option<&Path>) -> Result<(), WriteError> {
    durable::replace(&home.url(), reach.url.as_bytes(), Access::Public)?;
    if let Some(path) = ready_file {
        let line = format!("{}\n", serde_json::json!(reach));
        durable::replace(path, line.as_bytes(), Access::Public)?;
    }
    tracing::info!(url = reach.url, node = %reach.node, "ready");
    Ok(())
}

fn flat(ended: Result<std::io::Result<()>, tokio::task::JoinError>) -> std::io::Result<()> {
    ended.unwrap_or_else(|panicked| Err(std::io::Error::other(panicked)))
}

/// Says what will not stop a desk, and should be put right.
fn warn(config: &Config, member: &Membership) {
    let certificate = &member.certificate;
    if let Err(CertificateError::Expired { from, until }) = certificate.check_at(clock::wall().seconds()) {
        tracing::warn!(
            from,
            until,
            "the certificate is not valid now: registrations go on, others refuse to sync; check the clock, or \
             carry the request to the authority for a new answer"
        );
    }
    if (&config.name, config.cell) != (&certificate.name, certificate.lane) {
        tracing::warn!(
            name = certificate.name.as_str(),
            cell = certificate.lane.0,
            "the certificate says another name or cell than node.toml, and the certificate holds"
        );
    }
}

/// Waits until the process is asked to end: SIGINT or SIGTERM.
///
/// # Errors
/// [`ServeError::Http`] when the system gives no signals.
pub fn stop_signal() -> Result<impl Future<Output = ()>, ServeError> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Http)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Http)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use swabmesh_protocol::id::Lane;
    use swabmesh_protocol::policy::Policy;
    use swabmesh_protocol::text::Text;

    use super::*;
    use crate::enrolment::found::found;
    use crate::enrolment::request::ask;

    #[test]
    fn a_node_that_has_not_joined_or_has_another_role_does_not_run() {
        let dir = tempfile::tempdir().unwrap();
        let prepare = |name: &str, role| Service::prepare(Home::at(dir.path().join(name)), role, vec![], None);
        assert!(matches!(prepare("nowhere", Role::Site), Err(ServeError::Config(ConfigError::Missing { .. }))));

        let config = |role| Config::new(role, Text::new("x").unwrap(), Lane::CITY);
        ask(&Home::at(dir.path().join("site")), &config(Role::Site)).unwrap();
        assert!(matches!(prepare("site", Role::Site), Err(ServeError::Enrol(EnrolError::NotJoined { .. }))));

        let authority = Home::at(dir.path().join("authority"));
        found(&authority, &config(Role::Authority), &Policy::default(), clock::wall().seconds()).unwrap();
        assert!(matches!(prepare("authority", Role::Lab), Err(ServeError::Role { .. })));
        assert!(prepare("authority", Role::Authority).is_ok());
    }
}
