//! The API of the channels as an OpenAPI document, checked against the implementation by the tests.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

/// The document.
pub const OPENAPI: &str = include_str!("openapi.json");

pub(crate) fn routes() -> Router {
    Router::new().route("/api/v1/openapi.json", get(document))
}

async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI)
}
