//! Who may use the city's pages and routes: a program with the node's token, or an operator who logged in.
//!
//! A session is a random cookie that scripts cannot read and other sites cannot send. What changes anything besides
//! carries the session's own token in the form, so that a foreign page cannot write it.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use swabmesh_node::http::problem::Problem;
use swabmesh_node::keys::KeyError;
use swabmesh_node::page::secret::Cookie;
use swabmesh_node::page::sessions;
use swabmesh_protocol::fact::Operator;

use super::hall::Hall;

/// Seconds a session lasts. Source: guess; a shift.
const SESSION_S: u64 = 10 * 3_600;
/// Sessions kept; the oldest goes first. Source: guess; an office has dozens of screens.
const SESSIONS_MAX: usize = 256;
/// The cookie.
const COOKIE: Cookie = Cookie::new(Cow::Borrowed("swabmesh_authority"), "/");

/// Somebody at the page, by the name they log in with: their decisions and looks carry it. Every form carries the token.
pub(super) type Session = sessions::Session<Operator>;

/// The sessions of this process.
#[derive(Debug)]
pub(super) struct Sessions(sessions::Sessions<Operator>);

impl Default for Sessions {
    fn default() -> Self {
        Self(sessions::Sessions::new(SESSIONS_MAX, Duration::from_secs(SESSION_S)))
    }
}

impl Sessions {
    /// Begins a session; gives the header that sets its cookie.
    ///
    /// # Errors
    /// [`KeyError::Random`].
    pub(super) fn begin(&self, operator: Operator) -> Result<String, KeyError> {
        Ok(COOKIE.set(&self.0.begin(operator, Instant::now())?, SESSION_S, false))
    }

    /// The session whose cookie a request shows.
    #[must_use]
    pub(super) fn of(&self, headers: &HeaderMap) -> Option<Session> {
        self.0.show(COOKIE.shown(headers)?, Instant::now())
    }

    /// Ends the session of a request; gives the header that removes its cookie.
    pub(super) fn end(&self, headers: &HeaderMap) -> String {
        if let Some(secret) = COOKIE.shown(headers) {
            self.0.end(secret);
        }
        COOKIE.drop()
    }
}

/// Lets whoever shows the node's token through; a session may read.
pub(super) async fn api(State(hall): State<Hall>, request: Request, next: Next) -> Response {
    let reads = request.method().is_safe();
    let person = reads && matches!(hall.entered(request.headers()), Ok(Some(_)));
    if !person && let Err(problem) = hall.token.check(request.headers()) {
        let mut response = problem.into_response();
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return response;
    }
    match hall.only_authority() {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Checks that a form was written by a page of this session.
///
/// # Errors
/// A [`Problem`] with status 403.
pub(super) fn check_form(session: &Session, form_token: &str) -> Result<(), Problem> {
    if session.csrf.is(form_token) {
        return Ok(());
    }
    let what_to_do = "Go back, load the page again and repeat what you did.";
    Err(Problem::new(StatusCode::FORBIDDEN, "form-token", "the form is not one of this session", what_to_do))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_cookie(cookie: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_str(cookie).unwrap());
        headers
    }

    #[test]
    fn a_session_is_whoever_shows_its_cookie_until_it_is_ended() {
        let sessions = Sessions::default();
        let set = sessions.begin(Operator::new("li").unwrap()).unwrap();
        assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict"));
        let pair = set.split(';').next().unwrap();
        let headers = with_cookie(&format!("theme=dark; {pair}"));
        let session = sessions.of(&headers).unwrap();
        assert_eq!(session.who.as_str(), "li");
        assert!(check_form(&session, session.csrf.as_str()).is_ok());
        assert_eq!(check_form(&session, "").unwrap_err().status, 403);
        assert!(sessions.of(&with_cookie("swabmesh_authority=x")).is_none());
        sessions.end(&headers);
        assert!(sessions.of(&headers).is_none());
    }

    #[test]
    fn sessions_beyond_the_bound_push_the_oldest_out() {
        let sessions = Sessions::default();
        let first = sessions.begin(Operator::default()).unwrap();
        for _ in 0..SESSIONS_MAX {
            sessions.begin(Operator::default()).unwrap();
        }
        assert!(sessions.of(&with_cookie(first.split(';').next().unwrap())).is_none());
    }
}
