//! Who may send a request, and what the page may do.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderName};
use swabmesh_node::http::problem::Problem;
use swabmesh_node::page::guard::{Policy, same_origin, session, signed_out, text};
use swabmesh_node::page::secret::Cookie;
use swabmesh_node::page::sessions;
use swabmesh_protocol::id::Person;

/// Sessions at a time, ≈ 100 bytes each; the oldest ends when another begins. Source: guess; 1 % of a city at once.
const SESSIONS_MAX: usize = 262_144;

/// Seconds after which a session ends.
pub(super) const SESSION_S: u64 = 12 * 3_600;

/// The cookie; it goes to this page only.
pub(super) const COOKIE: Cookie = Cookie::new(Cow::Borrowed("swabmesh_resident"), "/resident");

/// Pictures also from memory, for sheets; a worker and a manifest, for phones.
pub(super) const POLICY: Policy =
    Policy { also: "worker-src 'self'; manifest-src 'self'; img-src 'self' blob:; form-action 'none'", camera: false };

/// What a proxy on this machine says about whom it speaks for.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// See [`FORWARDED_FOR`].
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Who is signed in; the number they signed in with is kept nowhere, codes stay in their phones.
pub(super) type Sessions = sessions::Sessions<Person>;

/// Nobody is signed in yet.
pub(super) const fn sessions() -> Sessions {
    Sessions::new(SESSIONS_MAX, Duration::from_secs(SESSION_S))
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
pub(super) struct AnySession(pub(super) Option<sessions::Session<Person>>);

impl<S: Send + Sync> FromRequestParts<S> for AnySession
where
    Arc<Sessions>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let sessions = Arc::<Sessions>::from_ref(state);
        session(parts, &COOKIE, |secret| sessions.show(secret, Instant::now())).map(Self)
    }
}

/// Whoever has the session that a request needs.
pub(super) struct SignedIn(pub(super) Person);

impl<S: Send + Sync> FromRequestParts<S> for SignedIn
where
    Arc<Sessions>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let AnySession(session) = AnySession::from_request_parts(parts, state).await?;
        session.map(|session| Self(session.who)).ok_or_else(signed_out)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn with(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
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
        assert!(COOKIE.set("ab", SESSION_S, spoken_for.encrypted).ends_with("; Secure"));
        let other = Caller { address: IpAddr::from([192, 0, 2, 1]), encrypted: false };
        assert_eq!(from([192, 0, 2, 1]), other);
        assert!(COOKIE.set("ab", SESSION_S, other.encrypted).contains("Path=/resident; HttpOnly; SameSite=Strict"));
    }
}
