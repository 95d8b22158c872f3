//! The resident's page: their code, results, relatives and live code, on a phone, at `/resident`.
//!
//! ```text
//! browser ─→ guard (session, CSRF, headers) ─→ codes, results, relatives ─→ counter, links, tables
//!        └─→ assets (HTML, style, script, worker: embedded, one policy, no inline)
//! ```
//! Signing in compares document and name with the registry: a stand-in for a city's identity service, in [`sign_in`].

mod assets;
mod codes;
mod guard;
mod relatives;
mod results;
mod sign_in;
mod tries;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::routing::{get, post};

use self::guard::Sessions;
use self::tries::Tries;
use crate::office::Office;
use crate::relatives::PHOTO_BYTES_MAX;

/// Bytes of a body without a photograph.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// What the handlers of the page work with; clones share it.
#[derive(Clone)]
struct Page {
    office: Office,
    sessions: Arc<Sessions>,
    tries: Arc<Tries>,
}

impl FromRef<Page> for Office {
    fn from_ref(page: &Page) -> Self {
        page.office.clone()
    }
}

impl FromRef<Page> for Arc<Sessions> {
    fn from_ref(page: &Page) -> Self {
        Self::clone(&page.sessions)
    }
}

/// The page and what it asks for.
pub(crate) fn routes(office: Office) -> Router {
    let page = Page { office, sessions: Arc::new(guard::sessions()), tries: Arc::default() };
    let apply = Router::new()
        .route("/resident/api/relatives", get(relatives::list).post(relatives::apply))
        // A photograph in base64, and the rest of the body.
        .layer(DefaultBodyLimit::max(PHOTO_BYTES_MAX / 3 * 4 + BODY_BYTES_MAX));
    let routes = Router::new()
        .route("/resident/api/session", get(sign_in::show).post(sign_in::begin).delete(sign_in::end))
        .route("/resident/api/code", post(codes::own))
        .route("/resident/api/code/sheet", post(codes::own_sheet))
        .route("/resident/api/live", post(codes::live))
        .route("/resident/api/results", get(results::show))
        .route("/resident/api/relatives/{link}/code", post(relatives::code))
        .route("/resident/api/relatives/{link}/sheet", post(relatives::sheet))
        .route("/resident/api/relatives/{link}/end", post(relatives::end))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .merge(apply)
        .with_state(page)
        .merge(assets::routes());
    guard::POLICY.guard(routes)
}
