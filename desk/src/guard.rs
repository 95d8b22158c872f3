//! Who may send a request, and what the pages may do.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode};
use swabmesh_node::clock;
use swabmesh_node::http::problem::Problem;
use swabmesh_node::page::guard::{Policy, session, signed_out};
use swabmesh_node::page::operators::Duty;
use swabmesh_node::page::secret::Cookie;
use swabmesh_protocol::fact::Operator;
use swabmesh_protocol::id::{NodeKey, hex};

use crate::Pages;
use crate::sessions::Shown;

/// The cookie. Browsers share cookies among the ports of a host, so each node has a name of its own.
pub(crate) fn cookie(node: &NodeKey) -> Cookie {
    Cookie::new(format!("swabmesh_{}", hex(node.0.get(..4).unwrap_or_default())).into(), "/")
}

/// Sent by the page with what nobody's hand caused, such as polling: it does not put off the idle lock.
const UNATTENDED: HeaderName = HeaderName::from_static("x-swabmesh-unattended");

/// Pictures also from memory, for previews and symbols; the camera for codes.
pub(crate) const POLICY: Policy =
    Policy { also: "img-src 'self' data: blob:; media-src 'self' blob:; form-action 'none'", camera: true };

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
        self.duty.supervisor()
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
        let used = !parts.headers.contains_key(UNATTENDED);
        session(parts, &pages.cookie, |secret| pages.sessions.show(secret, clock::wall(), used)).map(Self)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_has_a_cookie_of_its_own_that_no_script_reads() {
        let set = cookie(&NodeKey([0xab; 32])).set("ab12", 60, false);
        assert!(set.starts_with("swabmesh_abababab=ab12; Path=/; HttpOnly; SameSite=Strict"), "{set}");
    }
}
