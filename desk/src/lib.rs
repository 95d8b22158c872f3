//! The pages of a sampling site and of a laboratory, served by the node itself.
//!
//! ```text
//! browser ─→ guard (session, duty, CSRF, headers) ─→ api/ ─→ the node's commands and views
//!        └─→ assets (HTML, script, style, texts: embedded, one policy, no inline)
//! ```

mod api;
mod assets;
mod guard;
pub mod operators;
mod recent;
mod scan;
pub mod sessions;
pub mod setup;
mod tablet;
mod tls;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use swabmesh_node::beside::{Beside, Ground};
use swabmesh_node::http::Shell;
use tokio::sync::Semaphore;

use self::operators::Operators;
use self::sessions::Sessions;
use self::setup::{Setup, SetupError};
use self::tls::{Certificate, Encrypted, TlsError};

/// Camera frames decoded at once; further ones wait, and their cameras send no more meanwhile.
const FRAMES_AT_ONCE: usize = 2;

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
    /// The name of this node's cookie.
    cookie: Arc<str>,
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
    let cookie = guard::cookie_name(&shell.node().snapshot().core.node).into();
    let pages = Pages { shell, operators, sessions, setup, encrypted: encrypted.clone(), frames, cookie };
    let routes = router(pages);
    let mut tasks = Vec::new();
    if let Some(encrypted) = encrypted {
        tasks.push(tls::serve(&encrypted, routes.clone(), ground.stopping.clone())?);
    }
    Ok(Beside { routes, tasks, figures: Vec::new() })
}

fn router(pages: Pages) -> Router {
    assets::routes().merge(api::routes(pages)).layer(from_fn(guard::headers))
}
