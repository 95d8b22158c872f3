//! A node joins: it checks the answer and keeps it.

use swabmesh_protocol::certificate::Certificate;

use super::fingerprint::Fingerprint;
use super::{EnrolError, Membership};
use crate::durable::{self, Access};
use crate::home::Home;

/// What joining changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The node takes part from now on.
    Joined,
    /// Its certificate was renewed.
    Renewed,
    /// It had joined with this answer before.
    Nothing,
}

/// A node that joined.
#[derive(Debug, Clone)]
pub struct Joined {
    /// What the root says of the node.
    pub certificate: Certificate,
    /// What people compare with the authority's.
    pub fingerprint: Fingerprint,
    /// What changed.
    pub change: Change,
}

/// Checks an answer and keeps it; the root in it is pinned from then on.
///
/// Without `pin` the root is believed because a person carried the answer: show the fingerprint to be compared.
///
/// # Errors
/// [`EnrolError`], and what the node held before still holds.
pub fn join(home: &Home, answer: &str, pin: Option<Fingerprint>) -> Result<Joined, EnrolError> {
    let config = home.config([])?;
    let held = match Membership::open(home) {
        Ok(held) => Some(held),
        Err(EnrolError::NotJoined { .. }) => None,
        Err(error) => return Err(error),
    };
    let offered = Membership::read(home, answer)?;
    let fingerprint = offered.fingerprint();
    if let Some(wanted) = pin.filter(|wanted| *wanted != fingerprint) {
        return Err(EnrolError::Pin { wanted, offered: fingerprint });
    }
    if offered.certificate.role != config.role {
        return Err(EnrolError::Role { found: offered.certificate.role, wanted: config.role });
    }
    let change = match held {
        None => Change::Joined,
        Some(held) => compare(&held, &offered)?,
    };
    if change != Change::Nothing {
        durable::replace(&home.answer(), answer.trim().as_bytes(), Access::Public)?;
    }
    Ok(Joined { certificate: offered.certificate, fingerprint, change })
}

/// What a second answer means.
fn compare(held: &Membership, offered: &Membership) -> Result<Change, EnrolError> {
    if held.root != offered.root {
        return Err(EnrolError::OtherRoot { held: held.fingerprint(), offered: offered.fingerprint() });
    }
    let (before, after) = (held.certificate.serial, offered.certificate.serial);
    match after.cmp(&before) {
        std::cmp::Ordering::Less => Err(EnrolError::Older { held: before, offered: after }),
        std::cmp::Ordering::Equal => Ok(Change::Nothing),
        std::cmp::Ordering::Greater => Ok(Change::Renewed),
    }
}
