//! Issuing keys: rotated without a valid code dying, withdrawn with what they signed (C9).
//!
//! A new key is published before it signs, so that sites know it when the first of its codes comes by. The key before stays on the
//! list for what it signed, until the longest-lived of those codes has expired.

use ed25519_dalek::{SigningKey, VerifyingKey};
use swabmesh_node::durable::{self, Access};
use swabmesh_node::enrolment::pending::{self, Pending};
use swabmesh_node::enrolment::{EnrolError, Membership};
use swabmesh_node::home::Home;
use swabmesh_protocol::cose::Algorithm;
use swabmesh_protocol::policy::{Policy, PolicyError};
use swabmesh_protocol::project;
use swabmesh_protocol::time::{DAY_S, Wall};
use swabmesh_protocol::trust::{IssuerKey, KeyId, KeyStatus, Purpose, TrustError, TrustList};
use swabmesh_protocol::view::{View, ViewError};

/// Why keys or policy were not changed.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The directory.
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    /// The trust list.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A secret.
    #[error(transparent)]
    Key(#[from] swabmesh_node::keys::KeyError),
    /// A file.
    #[error(transparent)]
    Write(#[from] durable::WriteError),
    /// No such key.
    #[error("no issuing key begins with {0}: see `swabmesh authority key list`")]
    Unknown(String),
    /// Nothing would sign.
    #[error(
        "no other key is in force now: run `swabmesh authority key rotate --lead-s 0` first, and this again ten seconds later, so that people can get new codes"
    )]
    Last,
}

/// The trust list and the policy that the root signed last.
///
/// # Errors
/// [`KeysError`].
pub fn signed(home: &Home) -> Result<(TrustList, Policy), KeysError> {
    let member = Membership::open(home)?;
    Ok((TrustList::open(&member.trust, &member.root)?, Policy::open(&member.policy, &member.root)?))
}

/// Seconds before a new key signs, at least: by then a running authority has published the list and taken the key up, twice over.
pub const LEAD_S_MIN: u64 = 10;

/// Draws a new issuing key, which signs from `lead_s` later on, at least [`LEAD_S_MIN`]; those in force before sign until then.
///
/// A running authority publishes the list and takes the key up within seconds.
///
/// # Errors
/// [`KeysError`].
pub fn rotate(home: &Home, root: &SigningKey, now_s: u64, lead_s: u64) -> Result<IssuerKey, KeysError> {
    let from_s = now_s.saturating_add(lead_s.max(LEAD_S_MIN));
    let (list, policy) = signed(home)?;
    let key = home.keys().make_issuer()?;
    let new = IssuerKey { from_s, ..IssuerKey::new(key.verifying_key()) };
    publish(home, root, &TrustList::new(list.version() + 1, rotated(list.keys(), new, now_s, &policy)))?;
    Ok(new)
}

/// The keys of the next list: the new one, those before until it signs, none whose last code has expired.
fn rotated(keys: &[IssuerKey], new: IssuerKey, now_s: u64, policy: &Policy) -> Vec<IssuerKey> {
    let longest_s = [policy.static_days, policy.relative_days, policy.paper_days, policy.live_days].into_iter().max();
    let longest_s = longest_s.unwrap_or_default() * DAY_S;
    let next = |key: &IssuerKey| {
        let mut key = *key;
        if key.purpose == Purpose::Codes && key.status == KeyStatus::Active {
            // No second has two signers, so that it can be told which key signed what.
            key.until_s = key.until_s.min(new.from_s.saturating_sub(1));
            if key.until_s < now_s {
                key.status = KeyStatus::Retired;
            }
        }
        key
    };
    let needed = |key: &IssuerKey| key.status == KeyStatus::Withdrawn || key.until_s.saturating_add(longest_s) >= now_s;
    keys.iter().map(next).filter(needed).chain([new]).collect()
}

/// The one key whose id begins so.
///
/// # Errors
/// [`KeysError::Unknown`].
pub fn find(list: &TrustList, kid: &str) -> Result<IssuerKey, KeysError> {
    let wanted = kid.to_lowercase();
    let mut fits = list.keys().iter().filter(|key| id(&key.kid).starts_with(&wanted));
    match (fits.next(), fits.next()) {
        (Some(key), None) if wanted.len() >= 4 => Ok(*key),
        _ => Err(KeysError::Unknown(kid.to_owned())),
    }
}

/// A key's id as people read it.
#[must_use]
pub fn id(kid: &KeyId) -> String {
    swabmesh_protocol::id::hex(&kid.0)
}

/// Withdraws a key: nothing it ever signed verifies any more.
///
/// # Errors
/// [`KeysError::Last`] when no other key signs now.
pub fn withdraw(home: &Home, root: &SigningKey, public: &VerifyingKey, now_s: u64) -> Result<(), KeysError> {
    let (list, _) = signed(home)?;
    let others = list.keys().iter().filter(|key| key.public != *public);
    if !others.clone().any(|key| key.purpose == Purpose::Codes && key.status == KeyStatus::Active && key.covers(now_s))
    {
        return Err(KeysError::Last);
    }
    let status = |key: &IssuerKey| if key.public == *public { KeyStatus::Withdrawn } else { key.status };
    let keys = list.keys().iter().map(|key| IssuerKey { status: status(key), ..*key }).collect();
    publish(home, root, &TrustList::new(list.version() + 1, keys))
}

fn publish(home: &Home, root: &SigningKey, list: &TrustList) -> Result<(), KeysError> {
    let bytes = list.sign(root, Algorithm::default())?;
    // First what will be published: new nodes may be told only what all will know.
    pending::keep(home, &Pending::trust(bytes.clone()))?;
    Ok(durable::replace(&home.trust(), &bytes, Access::Public)?)
}

/// Signs the next policy. A running authority publishes it within seconds.
///
/// # Errors
/// [`KeysError::Policy`] when a value is out of its bounds.
pub fn publish_policy(home: &Home, root: &SigningKey, policy: &Policy) -> Result<Policy, KeysError> {
    let (_, held) = signed(home)?;
    let policy = Policy { version: held.version + 1, ..policy.clone() };
    let bytes = policy.sign(root, Algorithm::default())?;
    pending::keep(home, &Pending::policy(bytes.clone()))?;
    durable::replace(&home.policy(), &bytes, Access::Public)?;
    Ok(policy)
}

/// How many codes that are valid at `now` each key signed. Looks at all codes.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn valid_codes<V: View>(view: &V, list: &TrustList, now: Wall) -> Result<Vec<(KeyId, u64)>, ViewError> {
    const PAGE: usize = 1_000;
    let mut counts: Vec<(KeyId, u64)> = list.keys().iter().map(|key| (key.kid, 0)).collect();
    let mut after = None;
    loop {
        let page = project::codes(view, after.as_ref(), PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(counts) };
        after = Some(*last);
        let valid = page.iter().filter(|(_, record)| !record.revoked).filter_map(|(_, record)| record.issued.as_ref());
        for issued in valid.filter(|issued| issued.expires_at > now) {
            // The key that came into force last before the code was issued has signed it.
            let at_s = issued.issued_at.seconds();
            let in_force = list.keys().iter().filter(|key| key.purpose == Purpose::Codes && key.covers(at_s));
            let Some(signer) = in_force.max_by_key(|key| (key.from_s, key.kid)) else { continue };
            if let Some((_, count)) = counts.iter_mut().find(|(kid, _)| *kid == signer.kid) {
                *count += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use swabmesh_node::clock;
    use swabmesh_node::config::Config;
    use swabmesh_node::enrolment::found::found;
    use swabmesh_node::keys::Signing;
    use swabmesh_protocol::fact::Role;
    use swabmesh_protocol::id::Lane;
    use swabmesh_protocol::text::Text;

    use super::*;

    fn city() -> (tempfile::TempDir, Home, SigningKey) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("city"));
        let config = Config::new(Role::Authority, Text::new("city").unwrap(), Lane::CITY);
        found(&home, &config, &Policy::default(), clock::wall().seconds()).unwrap();
        let root = home.keys().signing(Signing::Root).unwrap();
        (dir, home, root)
    }

    #[test]
    fn after_a_rotation_every_moment_has_a_key_and_no_code_lost_its_own() {
        let (_dir, home, root) = city();
        let now = clock::wall().seconds();
        let old = signed(&home).unwrap().0.keys()[0];
        let new = rotate(&home, &root, now, 100).unwrap();
        let (list, _) = signed(&home).unwrap();
        assert_eq!((list.version(), list.keys().len()), (2, 2));
        let covers = |public, at| list.keys().iter().any(|key| key.public == public && key.covers(at));
        assert!(covers(old.public, now + 99) && !covers(old.public, now + 100));
        assert!(!covers(new.public, now + 99) && covers(new.public, now + 100));
        assert_eq!(home.keys().issuers().unwrap().len(), 2);
    }

    #[test]
    fn the_only_key_in_force_is_not_withdrawn() {
        let (_dir, home, root) = city();
        let now = clock::wall().seconds();
        let old = signed(&home).unwrap().0.keys()[0];
        assert!(matches!(withdraw(&home, &root, &old.public, now), Err(KeysError::Last)));
        rotate(&home, &root, now, 0).unwrap();
        assert!(matches!(withdraw(&home, &root, &old.public, now), Err(KeysError::Last)), "the next does not sign yet");
        withdraw(&home, &root, &old.public, now + LEAD_S_MIN).unwrap();
        let (list, _) = signed(&home).unwrap();
        assert_eq!(find(&list, &id(&old.kid)).unwrap().status, KeyStatus::Withdrawn);
    }

    #[test]
    fn a_key_leaves_the_list_when_its_last_code_has_expired() {
        let (_dir, home, root) = city();
        let now = clock::wall().seconds();
        rotate(&home, &root, now, 0).unwrap();
        let later = now + 200 * DAY_S;
        rotate(&home, &root, later, 0).unwrap();
        let (list, _) = signed(&home).unwrap();
        assert_eq!(list.keys().len(), 2, "{list:?}");
    }
}
