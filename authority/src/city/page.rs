//! The authority's page: the board of the city, decisions, enrolment, search. Chinese first, English one tap away.
//!
//! HTML is written here and works without a script; the script keeps the board alive and turns the language.
//! Nothing is loaded from anywhere else.

mod board;
mod cases;
mod enrolments;
mod form;
mod html;
mod live;
mod login;
mod search;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use swabmesh_node::embedded;
use swabmesh_node::page::files::{Embedded, Files};
use swabmesh_node::page::guard::Policy;

use super::door::Session;
use super::hall::Hall;
use form::{Trouble, over};
pub(super) use live::Cached;

/// Where the files are.
const BELOW: &str = "/city";

const OWN: Embedded = embedded!["page/": "authority.css", "authority.js"];

/// The page works without a script, by forms that go to itself.
const POLICY: Policy = Policy { also: "img-src 'self'; form-action 'self'", camera: false };

/// The pages.
pub(super) fn router(hall: &Hall) -> Router {
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
        .layer(from_fn_with_state(hall.clone(), enter));
    let routes = Router::new()
        .merge(inside)
        .route("/city/login", get(login::show).post(login::login))
        .route("/city/setup", post(login::set_up))
        .with_state(hall.clone())
        .merge(Files::below(BELOW, OWN).routes());
    POLICY.guard(routes)
}

/// Lets people with a session in and shows the others the door.
async fn enter(State(hall): State<Hall>, mut request: Request, next: Next) -> Response {
    if let Err(problem) = hall.only_authority() {
        return problem.into_response();
    }
    let (session, duty) = match hall.entered(request.headers()) {
        Ok(Some(entered)) => entered,
        Ok(None) if request.method().is_safe() => return Redirect::to("/city/login").into_response(),
        Ok(None) => return Trouble::from(over()).into_response(),
        Err(problem) => return Trouble::from(problem).into_response(),
    };
    request.extensions_mut().insert(session);
    request.extensions_mut().insert(duty);
    next.run(request).await
}

/// A page, or why there is none.
type Answer = Result<Response, Trouble>;

/// A page of somebody who is logged in; `at` is its place in the navigation.
fn page(session: &Session, title: &str, at: &str, body: &str) -> Response {
    html::document(title, Some(session), at, body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_page_needs_a_missing_file_or_an_exception_from_the_policy() {
        let axum::response::Html(html) = html::document("x", None, "", "");
        assert_eq!(Files::below(BELOW, OWN).with("/", html).faults(), [] as [&str; 0]);
    }
}
