//! The authority admits a node: it signs a certificate and answers.

use ed25519_dalek::SigningKey;
use swabmesh_protocol::certificate::Certificate;
use swabmesh_protocol::enrolment::{JoinAnswer, JoinRequest};
use swabmesh_protocol::entry::node_key;
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::id::NodeKey;
use swabmesh_protocol::person::PersonKey;
use swabmesh_protocol::seal::{Purpose, SealPublic, seal_bytes};
use swabmesh_protocol::time::DAY_S;

use super::fingerprint::Fingerprint;
use super::pending::{self, Pending};
use super::{DATED_BACK_S, EnrolError, Membership};
use crate::config::Config;
use crate::durable::{self, Access};
use crate::home::Home;
use crate::keys::{Signing, draw};

/// A node that was admitted.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// What the root now says of it.
    pub certificate: Certificate,
    /// The same as signed, and kept in `enrolment/pending` until it is published.
    pub pending: Pending,
    /// The text to carry back to the node.
    pub answer: String,
    /// What the node's people compare.
    pub fingerprint: Fingerprint,
}

/// Signs a certificate for the node that made a request, valid for `days` from `now_s`.
///
/// Admitting a node again renews its certificate: the serial rises.
///
/// # Errors
/// [`EnrolError::Request`] when the request does not hold, [`EnrolError::NotTheAuthority`] in another directory.
pub fn admit(home: &Home, request: &str, days: u32, now_s: u64) -> Result<Admitted, EnrolError> {
    authority(home)?;
    admit_by(home, &home.keys().signing(Signing::Root)?, request, days, now_s)
}

fn authority(home: &Home) -> Result<Config, EnrolError> {
    let config = home.config([])?;
    match config.role {
        Role::Authority => Ok(config),
        role @ (Role::Site | Role::Lab) => Err(EnrolError::NotTheAuthority { role }),
    }
}

/// As [`admit`], with a root key that is not in the directory.
///
/// # Errors
/// As [`admit`].
pub fn admit_by(home: &Home, root: &SigningKey, request: &str, days: u32, now_s: u64) -> Result<Admitted, EnrolError> {
    let config = authority(home)?;
    let own = Membership::open(home)?;
    let request = JoinRequest::from_text(request).map_err(EnrolError::Request)?;
    if request.role == Role::Authority {
        return Err(EnrolError::AuthorityAsks);
    }
    let person_key = Persons(own.person_key.clone()).seal_to(SealPublic(request.seal_key), request.node)?;
    let wanted = Certificate {
        node: request.node,
        role: request.role,
        name: request.name,
        lane: request.lane,
        serial: 0,
        from: now_s.saturating_sub(DATED_BACK_S),
        until: now_s.saturating_add(u64::from(days) * DAY_S),
    };
    let Issued { certificate, signed, pending } = issue(home, &own, root, wanted)?;
    let answer = JoinAnswer {
        root: node_key(root),
        certificate: signed.into(),
        authority: own.certificate_bytes.clone().into(),
        trust: own.trust.clone().into(),
        policy: own.policy.clone().into(),
        person_key: person_key.into(),
        addresses: config.authority_addresses,
    };
    Ok(Admitted { certificate, pending, answer: answer.to_text(), fingerprint: own.fingerprint() })
}

/// A certificate that the root signed, kept until it is published.
pub(super) struct Issued {
    pub(super) certificate: Certificate,
    pub(super) signed: Vec<u8>,
    pub(super) pending: Pending,
}

/// Signs what is wanted, with a serial above its own and above that of the newest certificate issued to the node.
pub(super) fn issue(
    home: &Home,
    own: &Membership,
    root: &SigningKey,
    wanted: Certificate,
) -> Result<Issued, EnrolError> {
    let path = home.issued().join(format!("{}.cert", wanted.node));
    let held = std::fs::read(&path).ok().and_then(|bytes| Certificate::open(&bytes, &own.root).ok());
    let serial = held.map_or(0, |held| held.serial).max(wanted.serial).saturating_add(1);
    let certificate = Certificate { serial, ..wanted };
    let signed = certificate.sign(root);
    let pending = Pending::certificate(certificate.node, signed.clone());
    // First what will be published: a node that holds an answer must not stay unknown to the others.
    pending::keep(home, &pending)?;
    durable::replace(&path, &signed, Access::Public)?;
    Ok(Issued { certificate, signed, pending })
}

/// The person key on its way to a node.
pub(super) struct Persons(PersonKey);

impl Persons {
    pub(super) const fn new(key: [u8; 32]) -> Self {
        Self(PersonKey::new(key))
    }

    pub(super) fn seal_to(&self, to: SealPublic, node: NodeKey) -> Result<Vec<u8>, EnrolError> {
        seal_bytes(&to, &Purpose::PersonKey(node), draw()?, self.0.expose()).map_err(EnrolError::SealKey)
    }
}
