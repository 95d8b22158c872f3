//! The authority's page: the board of the city, decisions, enrolment, search. Chinese first, English one tap away.
//!
//! HTML is written here and works without a script; the script keeps the board alive and turns the language.
//! Nothing is loaded from anywhere else.

mod board;
mod cases;
mod enrolments;
mod html;
mod live;
mod login;
mod search;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use swabmesh_node::http::problem::Problem;

use super::door::Session;
use super::office::Office;
use html::{escape, say};
pub(super) use live::Cached;

/// What a page may load, and where it may be shown: itself, and nowhere.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The pages.
pub(super) fn router(office: &Office) -> Router {
    let inside = Router::new()
        .route("/", get(board::show))
        .route("/city/live", get(live::show))
        .route("/city/cases", get(cases::show))
        .route("/city/cases/decide", post(cases::decide))
        .route("/city/cases/duplicate", post(cases::duplicate))
        .route("/city/recall", get(cases::recall))
        .route("/city/enrolments", get(enrolments::show).post(enrolments::keep))
        .route("/city/enrolments/decide", post(enrolments::decide))
        .route("/city/search", get(search::show).post(search::find))
        .route("/city/details", post(search::details))
        .route("/city/logout", post(login::logout))
        .layer(from_fn_with_state(office.clone(), enter));
    Router::new()
        .merge(inside)
        .route("/city/login", get(login::show).post(login::login))
        .route("/city/authority.css", get(|| asset("text/css; charset=utf-8", include_str!("page/authority.css"))))
        .route("/city/authority.js", get(|| asset("text/javascript; charset=utf-8", include_str!("page/authority.js"))))
        .layer(from_fn(guarded))
        .with_state(office.clone())
}

async fn asset(kind: &'static str, text: &'static str) -> Response {
    std::future::ready(([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], text).into_response())
        .await
}

/// Lets people with a session in and shows the others the door.
async fn enter(State(office): State<Office>, mut request: Request, next: Next) -> Response {
    if let Err(problem) = office.only_authority() {
        return problem.into_response();
    }
    let Some(session) = office.sessions.of(request.headers()) else {
        return if request.method().is_safe() {
            Redirect::to("/city/login").into_response()
        } else {
            let what_to_do = "Log in and repeat what you did.";
            trouble(&Problem::new(StatusCode::UNAUTHORIZED, "session", "the session is over", what_to_do))
        };
    };
    request.extensions_mut().insert(session);
    next.run(request).await
}

/// Headers that keep a page from being framed, sniffed, stored, or told elsewhere.
async fn guarded(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("x-frame-options"), "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// A refusal as a page.
fn trouble(problem: &Problem) -> Response {
    let body = format!(
        "<main class=narrow><h1>{}</h1><p class=bad>{}</p><p>{}</p><p><a href=\"/\">{}</a></p></main>",
        say("没有办成", "Not done"),
        escape(&problem.detail),
        escape(&problem.what_to_do),
        say("回到总览", "Back to the board"),
    );
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Html(html::document("没有办成", None, "", &body))).into_response()
}

/// A page of somebody who is logged in; `at` is its place in the navigation.
fn page(session: &Session, title: &str, at: &str, body: &str) -> Response {
    Html(html::document(title, Some(session), at, body)).into_response()
}

/// Answers with a page, whatever came of it.
fn answer(result: Result<Response, Problem>) -> Response {
    result.unwrap_or_else(|problem| trouble(&problem))
}
