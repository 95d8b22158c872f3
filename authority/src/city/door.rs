//! Who may use the city's pages and routes: a program with the node's token, or a person who logged in with it.
//!
//! A session is a random cookie that scripts cannot read and other sites cannot send. What changes anything besides
//! carries the session's own token in the form, so that a foreign page cannot write it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use swabmesh_node::http::problem::Problem;
use swabmesh_node::keys::{KeyError, draw};
use swabmesh_protocol::fact::Operator;
use swabmesh_protocol::id::hex;

use super::office::Office;

/// How long a session lasts. Source: guess; a shift.
const SESSION: Duration = Duration::from_secs(10 * 3_600);
/// Sessions kept; the oldest goes first. Source: guess; an office has dozens of screens.
const SESSIONS_MAX: usize = 256;
/// The cookie.
const COOKIE: &str = "swabmesh_authority";

/// Somebody at the page.
#[derive(Debug, Clone)]
pub(super) struct Session {
    /// As they named themselves; their decisions and looks carry it.
    pub(super) operator: Operator,
    /// What every form must carry.
    pub(super) form_token: String,
    until: Instant,
}

/// The sessions of this process; a restart ends them.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<BTreeMap<[u8; 32], Session>>);

fn hashed(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

impl Sessions {
    /// Begins a session; gives the header that sets its cookie.
    ///
    /// # Errors
    /// [`KeyError::Random`].
    pub(super) fn begin(&self, operator: Operator) -> Result<String, KeyError> {
        let secret = hex(&draw::<32>()?);
        let session = Session { operator, form_token: hex(&draw::<16>()?), until: Instant::now() + SESSION };
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        sessions.retain(|_, session| session.until > now);
        if sessions.len() >= SESSIONS_MAX
            && let Some(oldest) = sessions.iter().min_by_key(|(_, session)| session.until).map(|(key, _)| *key)
        {
            sessions.remove(&oldest);
        }
        sessions.insert(hashed(&secret), session);
        Ok(format!("{COOKIE}={secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}", SESSION.as_secs()))
    }

    /// The session whose cookie a request shows.
    #[must_use]
    pub(super) fn of(&self, headers: &HeaderMap) -> Option<Session> {
        let secret = shown(headers)?;
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.get(&hashed(secret)).filter(|session| session.until > Instant::now()).cloned()
    }

    /// Ends the session of a request; gives the header that removes its cookie.
    pub(super) fn end(&self, headers: &HeaderMap) -> String {
        if let Some(secret) = shown(headers) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&hashed(secret));
        }
        format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
    }
}

fn shown(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, secret)| secret)
}

/// Lets whoever shows the node's token through; a session may read.
pub(super) async fn api(State(office): State<Office>, request: Request, next: Next) -> Response {
    let reads = request.method().is_safe();
    let person = reads && office.sessions.of(request.headers()).is_some();
    if !person && let Err(problem) = office.token.check(request.headers()) {
        let mut response = problem.into_response();
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return response;
    }
    match office.only_authority() {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Checks that a form was written by a page of this session.
///
/// # Errors
/// A [`Problem`] with status 403.
pub(super) fn check_form(session: &Session, form_token: &str) -> Result<(), Problem> {
    if hashed(form_token) == hashed(&session.form_token) {
        return Ok(());
    }
    let what_to_do = "Go back, load the page again and repeat what you did.";
    let status = axum::http::StatusCode::FORBIDDEN;
    Err(Problem::new(status, "form-token", "the form is not one of this session", what_to_do))
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
        assert_eq!(session.operator.as_str(), "li");
        assert!(check_form(&session, &session.form_token).is_ok());
        assert_eq!(check_form(&session, "").unwrap_err().status, 403);
        assert!(sessions.of(&with_cookie(&format!("{COOKIE}=x"))).is_none());
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
        assert_eq!(sessions.0.lock().unwrap().len(), SESSIONS_MAX);
    }
}
