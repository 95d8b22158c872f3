//! What a crate above adds to a running node: routes of its own, and tasks that end with it.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::home::Home;
use crate::http::Shell;

/// What an addition stands on.
pub struct Ground {
    /// The node's directory.
    pub home: Home,
    /// The node, as its own API uses it.
    pub shell: Shell,
    /// Where pages are served over TLS, for browsers of other machines; nowhere if unset.
    pub https_listen: Option<SocketAddr>,
    /// Turns true when the node begins to stop.
    pub stopping: watch::Receiver<bool>,
}

/// Writes figures for `/metrics`, text format 0.0.4, behind those of the node.
pub type Figures = Arc<dyn Fn(&mut String) + Send + Sync>;

/// What an addition brings.
#[derive(Default)]
pub struct Beside {
    /// Routes beside the node's own, without a fallback. They bring their own answer to who may use them.
    pub routes: Router,
    /// Tasks that end by themselves when the node stops; they are waited for, within a bound.
    pub tasks: Vec<JoinHandle<()>>,
    /// Figures beside the node's own.
    pub figures: Vec<Figures>,
}

impl Beside {
    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.routes = self.routes.merge(other.routes);
        self.tasks.extend(other.tasks);
        self.figures.extend(other.figures);
        self
    }
}
