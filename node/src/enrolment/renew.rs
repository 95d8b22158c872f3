//! A member's certificate is renewed: the root signs a newer one, and the node keeps it. Nobody travels.

use ed25519_dalek::SigningKey;
use swabmesh_protocol::certificate::Certificate;
use swabmesh_protocol::enrolment::JoinAnswer;
use swabmesh_protocol::fact::Role;

use super::admit::{DAY_S, serial_held};
use super::pending::{self, Pending};
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
    let issued = home.issued().join(format!("{}.cert", held.node));
    let valid_s = held.until.saturating_sub(held.from).saturating_sub(DATED_BACK_S).max(DAY_S);
    let certificate = Certificate {
        serial: serial_held(&issued, &own).max(held.serial).saturating_add(1),
        from: now_s.saturating_sub(DATED_BACK_S),
        until: now_s.saturating_add(valid_s),
        ..held.clone()
    };
    let signed = certificate.sign(root);
    let pending = Pending::certificate(held.node, signed.clone());
    pending::keep(home, &pending)?;
    durable::replace(&issued, &signed, Access::Public)?;
    Ok((pending, certificate))
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
