//! Who may send a request, and what every answer tells the browser.
//!
//! A request carries the session's cookie (`SameSite=Strict`, not readable by script). One that changes something
//! also carries the session's CSRF token in a header, which no other site's page can set or know.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;

use super::secret::{Cookie, Csrf};
use crate::http::problem::Problem;

/// The header that carries the CSRF token.
const CSRF: HeaderName = HeaderName::from_static("x-swabmesh-csrf");

/// What every page may load: our own files and nothing else.
const OWN_FILES: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    base-uri 'none'; frame-ancestors 'none'";

/// What a page may do beyond loading the node's own files.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Further directives of the content security policy: where pictures come from, where forms go.
    pub also: &'static str,
    /// Whether it may ask for the camera.
    pub camera: bool,
}

impl Policy {
    /// Tells it to the browser with every answer of some routes.
    pub fn guard(self, routes: Router) -> Router {
        // A policy that no header can say allows no more than our own files.
        let content = HeaderValue::try_from(format!("{OWN_FILES}; {}", self.also));
        let content = content.unwrap_or(HeaderValue::from_static(OWN_FILES));
        let features = if self.camera {
            "camera=(self), microphone=(), geolocation=(), usb=()"
        } else {
            "camera=(), microphone=(), geolocation=(), usb=()"
        };
        let told = [
            (header::CONTENT_SECURITY_POLICY, content),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
            (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
            (HeaderName::from_static("permissions-policy"), HeaderValue::from_static(features)),
        ];
        routes.layer(from_fn_with_state(Arc::new(told), tell))
    }
}

type Told = Arc<[(HeaderName, HeaderValue); 6]>;

async fn tell(State(told): State<Told>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in told.iter() {
        response.headers_mut().insert(name, value.clone());
    }
    // What concerns people stays in no cache; the files of the page say otherwise themselves.
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The session of a request, which `show` knows by its secret; `None` when there is none.
///
/// # Errors
/// A [`Problem`] with status 403: another site's page sent the request, or one of another session.
pub fn session<T>(parts: &Parts, cookie: &Cookie, show: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, Problem> {
    same_origin(&parts.method, &parts.headers)?;
    let Some(secret) = cookie.shown(&parts.headers) else { return Ok(None) };
    let Some(session) = show(secret) else { return Ok(None) };
    if !parts.method.is_safe() && !Csrf::of(secret).is(text(&parts.headers, &CSRF)) {
        let what_to_do = "Load the page again and repeat it.";
        return Err(Problem::new(StatusCode::FORBIDDEN, "csrf", "the request is not of this page", what_to_do));
    }
    Ok(Some(session))
}

/// Nobody is signed in.
#[must_use]
pub fn signed_out() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "signed-out", "nobody is signed in here", "Sign in.")
}

/// Refuses what another site's page sends, where the browser says so.
///
/// # Errors
/// A [`Problem`] with status 403.
pub fn same_origin(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let origin = text(headers, &header::ORIGIN);
    let of_host = origin.split_once("://").is_some_and(|(_, of)| of.eq_ignore_ascii_case(text(headers, &header::HOST)));
    if method.is_safe() || origin.is_empty() || of_host {
        return Ok(());
    }
    let detail = "the request comes from another site's page";
    Err(Problem::new(StatusCode::FORBIDDEN, "origin", detail, "Use the node's own page."))
}

/// A header as text; empty when there is none that is text.
#[must_use]
pub fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "192.0.2.7:7411";

    fn request(method: Method, headers: &[(HeaderName, &str)]) -> Parts {
        let start = Request::builder().method(method).header(header::HOST, HOST);
        let all = headers.iter().fold(start, |request, (name, value)| request.header(name, *value));
        all.body(()).unwrap().into_parts().0
    }

    #[test]
    fn what_another_sites_page_posts_is_refused() {
        let sent = |method, origin| {
            let parts = request(method, &[(header::ORIGIN, origin)]);
            same_origin(&parts.method, &parts.headers).is_ok()
        };
        assert!(sent(Method::POST, "https://192.0.2.7:7411") && sent(Method::GET, "https://example.org"));
        assert!(same_origin(&Method::POST, &HeaderMap::new()).is_ok(), "a command without a page");
        for origin in ["https://example.org", "null", "https://192.0.2.7", "https://192.0.2.7:7411.example.org"] {
            assert!(!sent(Method::POST, origin), "{origin}");
        }
    }

    #[test]
    fn a_session_changes_something_only_with_its_own_token() {
        let cookie = Cookie::new("swabmesh".into(), "/");
        let shown = |method, token: &str| {
            let parts = request(method, &[(header::COOKIE, "swabmesh=ab12"), (CSRF, token)]);
            session(&parts, &cookie, |secret| (secret == "ab12").then_some("li"))
        };
        assert_eq!(shown(Method::GET, ""), Ok(Some("li")));
        assert_eq!(shown(Method::POST, Csrf::of("ab12").as_str()), Ok(Some("li")));
        assert_eq!(shown(Method::POST, "").unwrap_err().status, 403);
        let stranger = request(Method::POST, &[(header::COOKIE, "swabmesh=ab13")]);
        assert_eq!(session(&stranger, &cookie, |_| None::<()>), Ok(None));
    }
}
