//! Who may send a request, and what every answer tells the browser.
//!
//! A request carries the session's cookie (`SameSite=Strict`, not readable by script); one that changes something also
//! carries the session's CSRF token in a header, which no other site's page can set or know.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRef, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use swabmesh_node::clock;
use swabmesh_node::http::problem::Problem;

use super::sessions::{SESSION_S, Session, Sessions};

/// The cookie's name; it goes to this page only.
const COOKIE: &str = "swabmesh_resident";

/// The header that carries the CSRF token.
const CSRF: HeaderName = HeaderName::from_static("x-swabmesh-csrf");

/// What a proxy on this machine says about whom it speaks for.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// See [`FORWARDED_FOR`].
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Nothing but our own files; pictures also from memory, for sheets.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; worker-src 'self'; \
    manifest-src 'self'; img-src 'self' blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=(), usb=()"),
];

/// Adds the headers of every answer.
pub(super) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    // What concerns people stays in no cache; the files of the page say otherwise themselves.
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Where a request comes from, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) address: IpAddr,
    /// Whether the browser speaks TLS with the proxy.
    pub(super) encrypted: bool,
}

impl Caller {
    /// A proxy on this machine is believed; nobody else is.
    fn of(headers: &HeaderMap, extensions: &Extensions) -> Self {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_canonical());
        let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let last = |name: &HeaderName| text(headers, name).rsplit(',').next().unwrap_or_default().trim();
        if !peer.is_loopback() {
            return Self { address: peer, encrypted: false };
        }
        let address = last(&FORWARDED_FOR).parse().unwrap_or(peer);
        Self { address, encrypted: last(&FORWARDED_PROTO) == "https" }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        same_origin(&parts.method, &parts.headers)?;
        Ok(Self::of(&parts.headers, &parts.extensions))
    }
}

/// The session of a request; `None` when there is none.
pub(super) struct AnySession(pub(super) Option<Session>);

impl<S: Send + Sync> FromRequestParts<S> for AnySession
where
    Arc<Sessions>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        same_origin(&parts.method, &parts.headers)?;
        let sessions = Arc::<Sessions>::from_ref(state);
        let session = cookie(&parts.headers).and_then(|cookie| sessions.show(cookie, clock::wall()));
        let Some(session) = session else { return Ok(Self(None)) };
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        if !reads && !session.is_csrf(text(&parts.headers, &CSRF)) {
            let what_to_do = "Load the page again and repeat it.";
            return Err(Problem::new(StatusCode::FORBIDDEN, "csrf", "the request is not of this page", what_to_do));
        }
        Ok(Self(Some(session)))
    }
}

/// The session that a request needs.
pub(super) struct SignedIn(pub(super) Session);

impl<S: Send + Sync> FromRequestParts<S> for SignedIn
where
    Arc<Sessions>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        AnySession::from_request_parts(parts, state).await?.0.map(Self).ok_or_else(signed_out)
    }
}

/// Nobody is signed in.
pub(super) fn signed_out() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "signed-out", "nobody is signed in here", "Sign in.")
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Refuses what another site's page sends, where the browser says so.
fn same_origin(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let origin = text(headers, &header::ORIGIN);
    let of_host = origin.split_once("://").is_some_and(|(_, of)| of.eq_ignore_ascii_case(text(headers, &header::HOST)));
    if matches!(*method, Method::GET | Method::HEAD) || origin.is_empty() || of_host {
        return Ok(());
    }
    let detail = "the request comes from another site's page";
    Err(Problem::new(StatusCode::FORBIDDEN, "origin", detail, "Use the authority's own page."))
}

/// The cookie that a request shows.
pub(super) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

/// The header that gives the browser its session.
pub(super) fn set_cookie(value: &str, caller: Caller) -> String {
    let secure = if caller.encrypted { "; Secure" } else { "" };
    format!("{COOKIE}={value}; Path=/resident; HttpOnly; SameSite=Strict; Max-Age={SESSION_S}{secure}")
}

/// The header that takes it away.
pub(super) fn drop_cookie() -> String {
    format!("{COOKIE}=; Path=/resident; HttpOnly; SameSite=Strict; Max-Age=0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn what_another_sites_page_posts_is_refused() {
        let sent = |method, origin| {
            let headers = with(&[(header::HOST, "code.example:7443"), (header::ORIGIN, origin)]);
            same_origin(&method, &headers).is_ok()
        };
        assert!(sent(Method::POST, "https://code.example:7443") && sent(Method::GET, "https://example.org"));
        for origin in ["https://example.org", "null", "https://code.example", "https://code.example:7443.example.org"] {
            assert!(!sent(Method::POST, origin), "{origin}");
        }
    }

    #[test]
    fn only_a_proxy_on_this_machine_is_believed_about_whom_it_speaks_for() {
        let headers = with(&[(FORWARDED_FOR, "198.51.100.1, 203.0.113.9"), (FORWARDED_PROTO, "https")]);
        let from = |peer: [u8; 4]| {
            let mut extensions = Extensions::new();
            extensions.insert(ConnectInfo(SocketAddr::from((peer, 9_999))));
            Caller::of(&headers, &extensions)
        };
        let spoken_for = Caller { address: IpAddr::from([203, 0, 113, 9]), encrypted: true };
        assert_eq!(from([127, 0, 0, 1]), spoken_for);
        assert!(set_cookie("ab", spoken_for).ends_with("; Secure"));
        let other = Caller { address: IpAddr::from([192, 0, 2, 1]), encrypted: false };
        assert_eq!(from([192, 0, 2, 1]), other);
        assert!(set_cookie("ab", other).contains("Path=/resident; HttpOnly; SameSite=Strict"));
    }
}
