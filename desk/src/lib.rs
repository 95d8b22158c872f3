//! The pages of a sampling site and of a laboratory, served by the node itself.
//!
//! ```text
//! browser ─→ guard (session, duty, CSRF, headers) ─→ api/ ─→ the node's commands and views
//!        └─→ assets (HTML, script, style, texts: embedded, one policy, no inline)
//! ```

mod api;
mod assets;
mod batch;
mod board;
mod day;
mod guard;
mod inbox;
mod label;
pub mod looks;
mod recent;
mod scan;
pub mod sessions;
mod tablet;
mod tls;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use swabmesh_node::beside::{Beside, Ground};
use swabmesh_node::http::Shell;
use swabmesh_node::page::operators::Operators;
use swabmesh_node::page::secret::Cookie;
use swabmesh_node::page::setup::{Setup, SetupError};
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::id::{FeedHeader, FeedId};
use tokio::sync::{Mutex, Semaphore};

use self::board::Board;
use self::day::Figures;
use self::inbox::Seen;
use self::looks::Looks;
use self::sessions::Sessions;
use self::tls::{Certificate, Encrypted, TlsError};

/// Camera frames decoded at once; further ones wait, and their cameras send no more meanwhile.
const FRAMES_AT_ONCE: usize = 2;

/// Longest wait until the tables show what was just written; then what they show is shown.
const SETTLES_WITHIN: Duration = Duration::from_millis(500);

/// Why the pages are not served.
#[derive(Debug, thiserror::Error)]
pub enum PagesError {
    /// Nobody could sign in.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The tablets could not connect.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// What the handlers of the pages work with; clones share it.
#[derive(Clone)]
struct Pages {
    shell: Shell,
    operators: Arc<Operators>,
    sessions: Arc<Sessions>,
    setup: Arc<Setup>,
    encrypted: Option<Arc<Encrypted>>,
    frames: Arc<Semaphore>,
    board: Arc<Board>,
    seen: Arc<Seen>,
    looks: Arc<Looks>,
    /// The figures of the board, and when they were counted.
    counted: Arc<Mutex<Option<(Instant, Figures)>>>,
    cookie: Cookie,
}

impl Pages {
    /// The feed that this node writes now.
    fn own_feed(&self) -> FeedId {
        let snapshot = self.shell.node().snapshot();
        FeedHeader { writer: snapshot.core.node, epoch: snapshot.core.epoch, lane: snapshot.core.lane }.id()
    }

    /// Waits until the tables show what was just written.
    async fn settle(&self) {
        // A node that is stopping refuses the next question by itself.
        let _ = self.shell.node().settle(SETTLES_WITHIN).await;
    }
}

/// The pages of this node.
///
/// # Errors
/// [`PagesError`].
pub fn pages(ground: &Ground) -> Result<Beside, PagesError> {
    let directory = ground.home.desk();
    let operators = Arc::new(Operators::at(directory.clone()));
    let setup = Arc::new(Setup::begin(&directory, &operators)?);
    let sessions = Arc::new(Sessions::at(&directory));
    let encrypted = match ground.https_listen {
        Some(listen) => Some(Arc::new(Encrypted {
            listen,
            certificate: Certificate::at(&directory, ground.shell.member().certificate.name.as_str())?,
        })),
        None => None,
    };
    let frames = Arc::new(Semaphore::new(FRAMES_AT_ONCE));
    let shell = ground.shell.clone();
    let cookie = guard::cookie(&shell.node().snapshot().core.node);
    let board = Arc::new(Board::at(&directory));
    let seen = Arc::new(Seen::at(&directory));
    let looks = Arc::new(Looks::at(&directory));
    let counted = Arc::default();
    let encrypted_too = encrypted.clone();
    let role = ground.shell.member().certificate.role;
    let pages = Pages {
        shell,
        operators,
        sessions,
        setup,
        encrypted: encrypted_too,
        frames,
        board,
        seen,
        looks,
        counted,
        cookie,
    };
    let routes = router(pages, role);
    let mut tasks = Vec::new();
    if let Some(encrypted) = encrypted {
        tasks.push(tls::serve(&encrypted, routes.clone(), ground.stopping.clone())?);
    }
    Ok(Beside { routes, tasks, ..Beside::default() })
}

fn router(pages: Pages, role: Role) -> Router {
    guard::POLICY.guard(assets::routes(role).merge(api::routes(pages)))
}
