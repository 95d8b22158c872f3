//! A member's certificate is renewed: the root signs a newer one, and the node keeps it. Nobody travels.

use ed25519_dalek::SigningKey;
use swabmesh_protocol::certificate::Certificate;
use swabmesh_protocol::enrolment::JoinAnswer;
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::time::DAY_S;

use super::admit::issue;
use super::pending::Pending;
use super::{DATED_BACK_S, EnrolError, Membership};
use crate::durable::{self, Access};
use crate::home::Home;

/// Signs a certificate that says what `held` says, newer and for as long again, and keeps it until it is published.
///
/// # Errors
/// [`EnrolError`], when the authority's directory cannot be read or written.
pub fn renew(
    home: &Home,
    root: &SigningKey,
    held: &Certificate,
    now_s: u64,
) -> Result<(Pending, Certificate), EnrolError> {
    let own = Membership::open(home)?;
    let valid_s = held.until.saturating_sub(held.from).saturating_sub(DATED_BACK_S).max(DAY_S);
    let (from, until) = (now_s.saturating_sub(DATED_BACK_S), now_s.saturating_add(valid_s));
    let issued = issue(home, &own, root, Certificate { from, until, ..held.clone() })?;
    Ok((issued.pending, issued.certificate))
}

/// Keeps the certificate that the log brought in the place of the one the node joined with; tells whether it was newer.
///
/// # Errors
/// [`EnrolError`]; what the node held before still holds.
pub fn take_up(home: &Home, signed: &[u8]) -> Result<bool, EnrolError> {
    let held = Membership::open(home)?;
    let told = |error| EnrolError::Answer(swabmesh_protocol::enrolment::EnrolmentError::Certificate(error));
    let newer = Certificate::open(signed, &held.root).map_err(told)?;
    if newer.node != held.certificate.node || newer.serial <= held.certificate.serial {
        return Ok(false);
    }
    let path = home.answer();
    let text = std::fs::read_to_string(&path).map_err(|source| EnrolError::Read { path: path.clone(), source })?;
    let (mut answer, _) = JoinAnswer::from_text(&text, &newer.node).map_err(EnrolError::Answer)?;
    answer.certificate = signed.to_vec().into();
    if newer.role == Role::Authority {
        answer.authority = signed.to_vec().into();
    }
    durable::replace(&path, answer.to_text().as_bytes(), Access::Public)?;
    Ok(true)
}
