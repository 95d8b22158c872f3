//! An authority is founded: its keys, its own certificate, the first trust list and policy.
//!
//! The authority then is a member like every other: it holds an answer of its own making.

use swabmesh_protocol::certificate::Certificate;
use swabmesh_protocol::cose::Algorithm;
use swabmesh_protocol::enrolment::JoinAnswer;
use swabmesh_protocol::entry::node_key;
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::id::{Lane, NodeKey};
use swabmesh_protocol::policy::Policy;
use swabmesh_protocol::time::DAY_S;
use swabmesh_protocol::trust::{IssuerKey, TrustList};

use super::admit::Persons;
use super::fingerprint::Fingerprint;
use super::pending::{self, Pending};
use super::{DATED_BACK_S, EnrolError};
use crate::config::Config;
use crate::durable::{self, Access};
use crate::home::Home;
use crate::keys::{Keys, Signing, draw};

/// Days the authority's own certificate is valid: ten years, because who would renew it is the root in its own safe.
const OWN_DAYS: u64 = 3_660;

/// An authority that was founded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Founded {
    /// The key of its node.
    pub node: NodeKey,
    /// What nodes compare before they trust it.
    pub fingerprint: Fingerprint,
}

/// Makes the directory, the keys and the first signed documents of a new authority.
///
/// `now_s` is in seconds since 1970 UTC; `policy` gets version 1 whatever it says.
///
/// # Errors
/// [`EnrolError::Home`] when there is a node already, [`EnrolError::Policy`] for a policy out of its bounds.
pub fn found(home: &Home, config: &Config, policy: &Policy, now_s: u64) -> Result<Founded, EnrolError> {
    home.make()?;
    let keys = home.keys();
    let signing = |which| keys.signing(which).or_else(|_| keys.make_signing(which));
    let (root, key, issuer) = (signing(Signing::Root)?, signing(Signing::Node)?, signing(Signing::Issuer)?);
    keys.token().map(drop).or_else(|_| keys.make_token())?;

    let node = node_key(&key);
    let certificate = Certificate {
        node,
        role: Role::Authority,
        name: config.name.clone(),
        lane: Lane::CITY,
        serial: 1,
        from: now_s.saturating_sub(DATED_BACK_S),
        until: now_s.saturating_add(OWN_DAYS * DAY_S),
    }
    .sign(&root);
    let issuer = IssuerKey { from_s: now_s.saturating_sub(DATED_BACK_S), ..IssuerKey::new(issuer.verifying_key()) };
    let trust = TrustList::new(1, vec![issuer]).sign(&root, Algorithm::default())?;
    let policy = Policy { version: 1, ..policy.clone() }.sign(&root, Algorithm::default())?;

    for signed in [
        Pending::certificate(node, certificate.clone()),
        Pending::trust(trust.clone()),
        Pending::policy(policy.clone()),
    ] {
        pending::keep(home, &signed)?;
    }
    let answer = JoinAnswer {
        root: node_key(&root),
        certificate: certificate.clone().into(),
        authority: certificate.clone().into(),
        trust: trust.into(),
        policy: policy.into(),
        person_key: person_key(&keys, node)?.into(),
        addresses: Vec::new(),
    };
    durable::replace(&home.answer(), answer.to_text().as_bytes(), Access::Public)?;
    home.settle(config)?;
    Ok(Founded { node, fingerprint: Fingerprint::of(&root.verifying_key()) })
}

/// Draws the campaign's person key, sealed to the authority itself.
fn person_key(keys: &Keys, node: NodeKey) -> Result<Vec<u8>, EnrolError> {
    let own = keys.seal().map(|(_, public)| public).or_else(|_| keys.make_seal())?;
    Persons::new(draw()?).seal_to(own, node)
}
