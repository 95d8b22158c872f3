//! Who may send a request, and what every answer tells the browser.
//!
//! A request carries the session's cookie (`SameSite=Strict`, not readable by script). One that changes something
//! also carries the session's CSRF token in a header, which no other site's page can set or know.

use axum::extract::{FromRef, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use swabmesh_node::clock;
use swabmesh_node::http::problem::Problem;
use swabmesh_protocol::fact::Operator;
use swabmesh_protocol::id::{NodeKey, hex};

use crate::Pages;
use crate::operators::{Duty, OperatorsError};
use crate::sessions::{SESSION_S_MAX, Shown};

/// The cookie's name. Browsers share cookies among the ports of a host, so each node has a name of its own.
pub(crate) fn cookie_name(node: &NodeKey) -> String {
    format!("swabmesh_{}", hex(node.0.get(..4).unwrap_or_default()))
}

/// The header that carries the CSRF token.
const CSRF: HeaderName = HeaderName::from_static("x-swabmesh-csrf");

/// Sent by the page with what nobody's hand caused, such as polling: it does not put off the idle lock.
const UNATTENDED: HeaderName = HeaderName::from_static("x-swabmesh-unattended");

/// Nothing but our own files; pictures also from memory, for previews and symbols.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data: blob:; media-src 'self' blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// What every answer tells the browser.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(self), microphone=(), geolocation=(), usb=()"),
];

/// Adds the headers of every answer.
pub(crate) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    // What concerns people stays in no cache; the files of the page say otherwise themselves.
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Somebody who signed in and gave the PIN.
#[derive(Debug, Clone)]
pub(crate) struct SignedIn {
    /// What everything they do is attributed to.
    pub(crate) operator: Operator,
    /// What they may do.
    pub(crate) duty: Duty,
}

impl SignedIn {
    /// Lets only supervisors do this.
    pub(crate) fn supervisor(&self) -> Result<(), Problem> {
        if self.duty == Duty::Supervisor {
            return Ok(());
        }
        let what_to_do = "Call the supervisor: they sign in and do it.";
        Err(Problem::new(StatusCode::FORBIDDEN, "supervisor", "only a supervisor does this", what_to_do))
    }
}

/// The session of a request, locked or not; `None` when there is none.
pub(crate) struct AnySession(pub(crate) Option<Shown>);

impl<S: Send + Sync> FromRequestParts<S> for AnySession
where
    Pages: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let pages = Pages::from_ref(state);
        same_origin(&parts.method, &parts.headers)?;
        let Some(cookie) = cookie(&parts.headers, &pages.cookie) else { return Ok(Self(None)) };
        let used = !parts.headers.contains_key(UNATTENDED);
        let Some(shown) = pages.sessions.show(cookie, clock::wall(), used) else { return Ok(Self(None)) };
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        let token = parts.headers.get(CSRF).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !reads && !shown.is_csrf(token) {
            let what_to_do = "Load the page again and repeat it.";
            return Err(Problem::new(StatusCode::FORBIDDEN, "csrf", "the request is not of this page", what_to_do));
        }
        Ok(Self(Some(shown)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SignedIn
where
    Pages: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let pages = Pages::from_ref(state);
        let AnySession(shown) = AnySession::from_request_parts(parts, state).await?;
        let shown = shown.ok_or_else(signed_out)?;
        if shown.locked {
            let detail = "the page was locked because nobody used it";
            return Err(Problem::new(StatusCode::LOCKED, "locked", detail, "Enter the PIN."));
        }
        let duty = pages.operators.duty(&shown.operator)?.ok_or_else(signed_out)?;
        Ok(Self { operator: shown.operator, duty })
    }
}

fn signed_out() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "signed-out", "nobody is signed in here", "Sign in with name and PIN.")
}

/// Refuses what another site's page sends, where the browser says so.
fn same_origin(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    let own = |origin: &str| origin.split_once("://").is_some_and(|(_, of)| of.eq_ignore_ascii_case(host));
    match text(header::ORIGIN) {
        Some(origin) if !own(origin) => {
            let detail = "the request comes from another site's page";
            Err(Problem::new(StatusCode::FORBIDDEN, "origin", detail, "Use the node's own page."))
        }
        Some(_) | None => Ok(()),
    }
}

fn cookie<'h>(headers: &'h HeaderMap, wanted: &str) -> Option<&'h str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == wanted).map(|(_, value)| value).next()
}

/// The header that gives the browser its session.
pub(crate) fn set_cookie(name: &str, value: &str) -> Result<HeaderValue, Problem> {
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={SESSION_S_MAX}");
    HeaderValue::from_str(&text).map_err(|error| Problem::internal(&error))
}

/// The header that takes it away.
pub(crate) fn drop_cookie(name: &str) -> Result<HeaderValue, Problem> {
    let text = format!("{name}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    HeaderValue::from_str(&text).map_err(|error| Problem::internal(&error))
}

impl From<OperatorsError> for Problem {
    fn from(error: OperatorsError) -> Self {
        let status = match &error {
            OperatorsError::Read { .. } | OperatorsError::Damaged { .. } | OperatorsError::Write(_) => {
                return Self::internal(&error);
            }
            OperatorsError::Taken { .. } | OperatorsError::LastSupervisor { .. } => StatusCode::CONFLICT,
            OperatorsError::Unknown { .. } => StatusCode::NOT_FOUND,
            OperatorsError::Name | OperatorsError::TooMany | OperatorsError::Pin(_) => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let text = error.to_string();
        let (what, todo) = text.split_once(": ").unwrap_or((&text, "Try again."));
        Self::new(status, "operator", what, todo)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, origin: Option<&'static str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("192.0.2.7:7411"));
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        }
        same_origin(&method, &headers).is_ok()
    }

    #[test]
    fn what_another_sites_page_posts_is_refused() {
        assert!(request(Method::POST, Some("https://192.0.2.7:7411")));
        assert!(request(Method::POST, None), "a command without a page");
        assert!(request(Method::GET, Some("https://example.org")));
        for origin in ["https://example.org", "null", "https://192.0.2.7", "https://192.0.2.7:7411.example.org"] {
            assert!(!request(Method::POST, Some(origin)), "{origin}");
        }
    }

    #[test]
    fn the_cookie_of_this_node_is_found_among_others_and_no_script_reads_it() {
        let name = cookie_name(&NodeKey([0xab; 32]));
        assert_eq!(name, "swabmesh_abababab");
        let mut headers = HeaderMap::new();
        headers
            .insert(header::COOKIE, HeaderValue::from_static("a=1; swabmesh_00000000=9; swabmesh_abababab=ab12; b=2"));
        assert_eq!(cookie(&headers, &name), Some("ab12"));
        assert_eq!(cookie(&HeaderMap::new(), &name), None);
        let set = set_cookie(&name, "ab12").unwrap();
        assert!(set.to_str().unwrap().contains("HttpOnly; SameSite=Strict"));
    }
}
