//! The city hall, what the handlers of the city stand on: the node, its papers, the log of looks, who is at the page.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::HeaderMap;
use swabmesh_node::audit::{Audit, Look};
use swabmesh_node::home::Home;
use swabmesh_node::http::Shell;
use swabmesh_node::http::auth::Token;
use swabmesh_node::http::problem::Problem;
use swabmesh_node::page::operators::{Duty, Operators};
use swabmesh_node::page::setup::Setup;
use swabmesh_node::runtime::Tables;
use swabmesh_protocol::certificate::Certificate;
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::id::NodeKey;

use super::door::{Session, Sessions};
use super::fold::Roles;
use crate::office::retention::Retention;

/// Shared by all handlers of the city.
#[derive(Clone)]
pub(super) struct Hall {
    pub(super) shell: Shell,
    pub(super) home: Home,
    pub(super) token: Token,
    pub(super) audit: Arc<Audit>,
    /// What the office for residents keeps.
    pub(super) retention: Retention,
    /// Who may use the page.
    pub(super) operators: Arc<Operators>,
    /// Whether the first of them is still to be made.
    pub(super) setup: Arc<Setup>,
    pub(super) sessions: Arc<Sessions>,
    /// The board as it was last put together.
    pub(super) board: super::page::Cached,
    /// Where the database is, if there is one.
    pub(super) database: Option<Arc<str>>,
}

impl Hall {
    /// The tables.
    pub(super) fn view(&self) -> Tables {
        self.shell.node().view().clone()
    }

    /// The session of a request, and what its owner may do now; `None` once they were removed.
    pub(super) fn entered(&self, headers: &HeaderMap) -> Result<Option<(Session, Duty)>, Problem> {
        let Some(session) = self.sessions.of(headers) else { return Ok(None) };
        Ok(self.operators.duty(&session.who)?.map(|duty| (session, duty)))
    }

    /// The nodes the authority knows, by key.
    pub(super) async fn nodes(&self) -> Result<BTreeMap<NodeKey, Certificate>, Problem> {
        let all = |certificate: &Certificate| (certificate.node, certificate.clone());
        self.shell.look(move |replica| replica.enrolled().map(all).collect()).await
    }

    /// Which node may state what.
    pub(super) async fn roles(&self) -> Result<Roles, Problem> {
        Ok(self.nodes().await?.into_iter().map(|(node, certificate)| (node, certificate.role)).collect())
    }

    /// Records a look at somebody's data; nothing may be shown when this fails (P4).
    pub(super) fn record(&self, look: &Look) -> Result<(), Problem> {
        self.audit.record(swabmesh_node::clock::wall(), look).map_err(|error| Problem::internal(&error))
    }

    /// Lets only an authority go on.
    pub(super) fn only_authority(&self) -> Result<(), Problem> {
        self.shell.only(Role::Authority)
    }
}
