//! The node over HTTP: health and metrics for everybody who reaches it, the JSON API for whoever has the token.

pub mod auth;
pub mod body;
mod boxes;
pub mod bundles;
mod codes;
#[cfg(test)]
pub(crate) mod fixture;
mod forks;
mod metrics;
mod nodes;
mod overview;
pub mod problem;
pub mod registering;
mod registrations;
pub mod results;
pub mod tubes;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use swabmesh_protocol::command::{Command, Refusal, Reply};
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::replica::Replica;
use swabmesh_protocol::seal::SealPublic;
use swabmesh_protocol::view::ViewError;

use self::auth::Token;
use self::problem::Problem;
use crate::api::{BASE, Done};
use crate::beside::Figures;
use crate::clock;
use crate::enrolment::Membership;
use crate::intake::Intake;
use crate::runtime::NodeHandle;
use crate::telephones::Telephones;

/// Bytes of a request's body. Source: guess; the largest is a registration with an address and a remark.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Lines of a list when nobody says how many.
const LINES_DEFAULT: usize = 100;

/// Lines of a list at most.
const LINES_MAX: usize = 1_000;

/// Longest wait for the tables to show what was decided; they follow by milliseconds. Source: guess; what a person waits
/// for a page.
const SHOWN_WITHIN: Duration = Duration::from_secs(2);

/// What the handlers work with; clones share it.
#[derive(Clone)]
pub struct Shell {
    node: NodeHandle,
    member: Arc<Membership>,
    telephones: Arc<Telephones>,
}

impl Shell {
    /// A shell around a running node.
    #[must_use]
    pub fn new(node: NodeHandle, member: Arc<Membership>, telephones: Arc<Telephones>) -> Self {
        Self { node, member, telephones }
    }

    /// The running node.
    #[must_use]
    pub const fn node(&self) -> &NodeHandle {
        &self.node
    }

    /// The node's papers.
    #[must_use]
    pub fn member(&self) -> &Membership {
        &self.member
    }

    /// Does what a person wants, and answers when it is on disk.
    ///
    /// # Errors
    /// A [`Problem`]: nothing was done, and what to do instead.
    pub async fn command(&self, command: Command) -> Result<Reply, Problem> {
        Ok(self.node.command(command).await?)
    }

    /// Does what a person decides on a page, and answers when the next page shows it, or cannot show it yet.
    ///
    /// # Errors
    /// A [`Problem`]: nothing was done, and what to do instead.
    pub async fn decide(&self, command: Command) -> Result<Reply, Problem> {
        let reply = self.command(command).await?;
        // It is on disk: a node that stops now has decided all the same.
        let _ = self.node.shown(SHOWN_WITHIN).await;
        Ok(reply)
    }

    /// Carries out a command that neither registers nor issues.
    ///
    /// # Errors
    /// A [`Problem`].
    pub async fn done(&self, command: Command) -> Result<axum::Json<Done>, Problem> {
        match self.command(command).await? {
            Reply::Done { entries, warnings } => {
                let warnings = warnings.into_iter().map(str::to_owned).collect();
                Ok(axum::Json(Done { entries, warnings }))
            }
            Reply::Verdict(_) | Reply::Issued { .. } | Reply::IssuedMany(_) => Err(unexpected()),
        }
    }

    /// Looks at the core between two inputs.
    ///
    /// # Errors
    /// A [`Problem`]: the node is stopping.
    pub async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Replica) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        // A node that is stopping answers like a busy one: come back in a moment.
        self.node.inspect(look).await.map_err(|_| Refusal::Busy.into())
    }

    /// Lets only nodes of one role do this.
    ///
    /// # Errors
    /// A [`Problem`] that names the node's role.
    pub fn only(&self, role: Role) -> Result<(), Problem> {
        let own = self.member.certificate.role;
        if own == role { Ok(()) } else { Err(Refusal::Role { role: own }.into()) }
    }

    /// What turns typed documents into persons and sealed details, as of now.
    #[must_use]
    pub fn intake(&self) -> Intake<'_> {
        let seal_to = self.node.snapshot().seal_key().map(|key| (key.day, SealPublic(key.public)));
        Intake { persons: &self.member.person_key, seal_to, now: clock::wall() }
    }
}

/// The core answered a command with the reply of another.
fn unexpected() -> Problem {
    #[derive(Debug, thiserror::Error)]
    #[error("the core answered with the reply of another command")]
    struct Unexpected;
    Problem::internal(&Unexpected)
}

/// Reads tables on a thread that may wait for the disk.
///
/// # Errors
/// A [`Problem`]: the tables do not answer.
pub async fn read<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ViewError> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(answer) => Ok(answer?),
        Err(panicked) => Err(Problem::internal(&panicked)),
    }
}

/// How many lines a list has.
fn lines(limit: Option<usize>) -> usize {
    limit.unwrap_or(LINES_DEFAULT).clamp(1, LINES_MAX)
}

/// Everything the node answers to. `beside` adds its figures to the node's own.
pub fn router(shell: Shell, token: Token, beside: &[Figures]) -> Router {
    let figures = get(metrics::metrics).with_state((shell.clone(), Arc::from(beside)));
    let api = Router::new()
        .route("/status", get(overview::status))
        .route("/heads", get(overview::heads))
        .route("/flags", get(overview::flags))
        .route("/forks", get(forks::list))
        .route("/forks/decide", post(forks::decide))
        .route("/tubes", get(tubes::list).post(tubes::open))
        .route("/tubes/{barcode}", get(tubes::show))
        .route("/tubes/{barcode}/seal", post(tubes::seal))
        .route("/tubes/{barcode}/reopen", post(tubes::reopen))
        .route("/tubes/{barcode}/move", post(tubes::relocate))
        .route("/tubes/{barcode}/receive", post(tubes::receive))
        .route("/registrations", get(registrations::list).post(registrations::register))
        .route("/registrations/{id}/void", post(registrations::void))
        .route("/registrations/{id}/amend", post(registrations::amend))
        .route("/boxes/{barcode}", get(boxes::show))
        .route("/boxes/{barcode}/pack", post(boxes::pack))
        .route("/boxes/{barcode}/handover", post(boxes::hand_over))
        .route("/boxes/{barcode}/receive", post(boxes::receive))
        .route("/results", post(results::report))
        .route("/results/correct", post(results::correct))
        .route("/reviews", post(results::review))
        .route("/codes", post(codes::issue))
        .route("/codes/revoke", post(codes::revoke))
        .route("/bundles", get(bundles::plain))
        .route("/bundles/export", post(bundles::export))
        .route("/bundles/import", post(bundles::import))
        .route("/nodes", get(nodes::list).post(nodes::publish))
        .route("/nodes/due", get(nodes::due))
        .route("/nodes/{key}/withdraw", post(nodes::withdraw))
        .fallback(nowhere)
        .method_not_allowed_fallback(otherwise)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(token, auth::require));
    Router::new()
        .route("/healthz", get(overview::healthz))
        .route("/metrics", figures)
        .nest(BASE, api)
        .fallback(nowhere)
        .with_state(shell)
}

async fn nowhere(uri: Uri) -> Problem {
    Problem::not_found(format!("there is nothing at {}", uri.path()), "Check the address.")
}

async fn otherwise(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} does not take {method}", uri.path());
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        detail,
        "Check the method: GET reads, POST does.",
    )
}
