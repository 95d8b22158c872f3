//! The office for residents: what the HTTP routes of issuing, residents, relatives and lists stand on.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use swabmesh_node::audit::Audit;
use swabmesh_node::beside::{Beside, Ground};
use swabmesh_node::clock;
use swabmesh_node::durable::{self, WriteError};
use swabmesh_node::home::Home;
use swabmesh_node::http::Shell;
use swabmesh_node::http::auth::Token;
use swabmesh_node::http::problem::Problem;
use swabmesh_node::keys::{KeyError, draw};
use swabmesh_protocol::command::Refusal;

use self::retention::Retention;
use crate::channels::{Channels, Turned};
use crate::issuing::NotIssued;
use crate::issuing::answers::Answers;
use crate::issuing::counter::Counter;
use crate::lists::Tokens;
use crate::registry::{Registry, RegistryError, RegistryOpenError};
use crate::relatives::{Links, Register};
use crate::residents::vault::{Vault, VaultError};
use crate::residents::{ResidentError, Residents};
use crate::{issuing, lists, relatives, resident, residents};

pub mod openapi;
pub mod retention;
pub mod visit;

/// How often files that other programs change are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why the office does not open.
#[derive(Debug, thiserror::Error)]
pub enum OfficeError {
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryOpenError),
    /// Rows of the registry.
    #[error(transparent)]
    Rows(#[from] RegistryError),
    /// A secret.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A directory.
    #[error(transparent)]
    Directory(#[from] WriteError),
    /// The system gives no thread.
    #[error("the system gives no thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// What the handlers work with; clones share it.
#[derive(Clone)]
pub struct Office {
    /// The node.
    pub shell: Shell,
    /// Who is registered.
    pub residents: Residents,
    /// Where codes are asked for.
    pub counter: Counter,
    /// Links to relatives.
    pub links: Arc<Links>,
    /// Channels and their quotas.
    pub channels: Arc<Channels>,
    /// Answers remembered.
    pub answers: Arc<Answers>,
    /// Status list tokens.
    pub tokens: Arc<Tokens>,
    token: Token,
}

impl Office {
    /// Opens the office of a running authority.
    ///
    /// # Errors
    /// [`OfficeError`].
    pub fn open(ground: &Ground, audit: Arc<Audit>) -> Result<Self, OfficeError> {
        let home = &ground.home;
        let place = place(home);
        let keys = home.keys();
        let registry = tokio::task::block_in_place(|| {
            draw().map(u64::from_be_bytes).map(|epoch| Registry::open(&place.join("registry"), epoch))
        })??;
        let vault = Arc::new(Vault::new(home.keys()));
        let residents = Residents::new(registry.clone(), Arc::clone(&vault), audit);
        let counter = Counter::open(ground.shell.clone(), registry.clone(), residents.clone())?;
        let evidence = place.join("evidence");
        durable::make_directory(&evidence)?;
        let register = Register::of(&place.join("register.json"));
        Ok(Self {
            shell: ground.shell.clone(),
            links: Arc::new(Links::new(registry.clone(), residents.clone(), vault, evidence, register)),
            residents,
            counter,
            channels: Arc::new(Channels::at(place.join("channels.json"))),
            answers: Arc::new(Answers::new(registry)?),
            tokens: Arc::new(Tokens::new(home.keys())),
            token: Token::new(&keys.token()?),
        })
    }

    /// What ends of what it keeps, and when.
    #[must_use]
    pub fn retention(&self) -> Retention {
        Retention::new(self.residents.clone(), Arc::clone(&self.links))
    }

    /// Lets only the operators of this authority on.
    ///
    /// # Errors
    /// A [`Problem`] with status 401.
    pub fn operator(&self, headers: &HeaderMap) -> Result<(), Problem> {
        self.token.check(headers)
    }

    /// Lets `count` requests of a channel on: its name.
    ///
    /// # Errors
    /// A [`Problem`] with status 401 or 429.
    pub fn channel(&self, headers: &HeaderMap, count: u32) -> Result<String, Problem> {
        let shown = headers.get(axum::http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let credential =
            shown.and_then(|shown| shown.split_once(' ')).filter(|(way, _)| way.eq_ignore_ascii_case("bearer"));
        let credential = credential.map_or("", |(_, credential)| credential.trim());
        self.channels.admit(credential, count, clock::wall().seconds()).map_err(|turned| match turned {
            Turned::Stranger => Problem::new(
                StatusCode::UNAUTHORIZED,
                "channel",
                "the request shows no credential of a channel",
                "Send `authorization: Bearer NAME.SECRET`, as `swabmesh authority channel add` printed it.",
            ),
            Turned::OverQuota => Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "over-quota",
                "this channel asks more often than its quota allows",
                "Wait as long as Retry-After says; ask the authority for a larger quota.",
            ),
        })
    }

    fn figures(&self, out: &mut String) {
        let tally = self.counter.tally();
        let _ = writeln!(out, "# HELP swabmesh_orders_total Orders for codes, by what came of them.");
        let _ = writeln!(out, "# TYPE swabmesh_orders_total counter");
        for (outcome, count) in
            [("issued", &tally.issued), ("again", &tally.again), ("shed", &tally.shed), ("refused", &tally.refused)]
        {
            let _ = writeln!(out, "swabmesh_orders_total{{outcome=\"{outcome}\"}} {}", count.load(Relaxed));
        }
        let _ = writeln!(out, "# HELP swabmesh_orders_waiting Orders for codes in the queue.");
        let _ =
            writeln!(out, "# TYPE swabmesh_orders_waiting gauge\nswabmesh_orders_waiting {}", self.counter.waiting());
        let _ = writeln!(out, "# HELP swabmesh_channel_requests_total Requests of each channel, by what came of them.");
        let _ = writeln!(out, "# TYPE swabmesh_channel_requests_total counter");
        for (channel, outcome, count) in self.channels.tally() {
            let _ =
                writeln!(out, "swabmesh_channel_requests_total{{channel=\"{channel}\",outcome=\"{outcome}\"}} {count}");
        }
        let head = self.residents.audit().head();
        let _ = writeln!(out, "# HELP swabmesh_audit_lines Looks at personal details on record.");
        let _ = writeln!(out, "# TYPE swabmesh_audit_lines gauge\nswabmesh_audit_lines {}", head.n);
    }
}

/// Where the office keeps its files, in an authority's directory.
#[must_use]
pub fn place(home: &Home) -> std::path::PathBuf {
    home.path().join("office")
}

/// Routes, figures and tasks of the office.
#[must_use]
pub fn beside(ground: &Ground, office: Office) -> Beside {
    let routes = Router::new()
        .merge(issuing::http::routes(office.clone()))
        .merge(residents::http::routes(office.clone()))
        .merge(relatives::http::routes(office.clone()))
        .merge(lists::routes(office.clone()))
        .merge(openapi::routes())
        .merge(resident::routes(office.clone()));
    let channels = Arc::clone(&office.channels);
    let mut stopping = ground.stopping.clone();
    let refresh = tokio::spawn(async move {
        while !*stopping.borrow() {
            channels.refresh();
            let _ = tokio::time::timeout(LOOK_EVERY, stopping.changed()).await;
        }
    });
    let figures = Arc::new(move |out: &mut String| office.figures(out));
    Beside { routes, tasks: vec![refresh], figures: vec![figures] }
}

/// The office's refusals as problems.
impl From<NotIssued> for ProblemOf {
    fn from(error: NotIssued) -> Self {
        Self(match error {
            NotIssued::Crowd => crowd(),
            NotIssued::Unknown => unknown(),
            NotIssued::Refused(refusal) => refusal.into(),
            NotIssued::Field(error) => Refusal::Issue(error).into(),
            NotIssued::Registry => Refusal::Store.into(),
        })
    }
}

/// A problem made of an error of this crate; what handlers return.
#[derive(Debug)]
pub struct ProblemOf(pub Problem);

impl axum::response::IntoResponse for ProblemOf {
    fn into_response(self) -> axum::response::Response {
        let status = self.0.status;
        let mut response = self.0.into_response();
        let headers = response.headers_mut();
        if status == StatusCode::TOO_MANY_REQUESTS.as_u16() {
            headers.insert(axum::http::header::RETRY_AFTER, axum::http::HeaderValue::from_static("1"));
        } else if status == StatusCode::UNAUTHORIZED.as_u16() {
            headers.insert(axum::http::header::WWW_AUTHENTICATE, axum::http::HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Problem> for ProblemOf {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<RegistryError> for ProblemOf {
    fn from(error: RegistryError) -> Self {
        tracing::error!(%error, "the registry");
        Self(Refusal::Store.into())
    }
}

impl From<ResidentError> for ProblemOf {
    fn from(error: ResidentError) -> Self {
        match error {
            ResidentError::Document(error) => Self(error.into()),
            ResidentError::Unnamed => {
                Self(Problem::malformed(error.to_string(), "Send `person`, or `type` and `number`."))
            }
            ResidentError::Unknown | ResidentError::Vault(VaultError::Destroyed) => Self(unknown()),
            ResidentError::Registry(error) => error.into(),
            ResidentError::Vault(error) => Self(Problem::internal(&error)),
            ResidentError::Audit(error) => Self(Problem::internal(&error)),
        }
    }
}

/// Too many ask: nothing was begun.
#[must_use]
pub fn crowd() -> Problem {
    let detail = "too many people ask for a code at this moment";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "crowd", detail, "Ask again in a second: nothing is lost.")
}

fn unknown() -> Problem {
    Problem::not_found("this person is not registered", "Register them first, with any document.")
}
