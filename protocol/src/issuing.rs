//! The authority's own decisions: codes issued and revoked, nodes enrolled and withdrawn.

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::code::{self, Credential, Kind, StatusRef, text};
use crate::command::{Issue, Refusal};
use crate::cose::Algorithm;
use crate::fact::{Fact, Issued, Remark, Revoked};
use crate::id::{CodeId, Lane, Person};
use crate::limits::STATUS_LIST_BITS_MAX;
use crate::policy::Policy;
use crate::status::delta::StatusDelta;
use crate::time::Wall;
use crate::trust::{KeyStatus, Purpose, TrustList};

/// Status lists handed out start here; 0 is left to tests and specimens.
const FIRST_LIST: u32 = 1;

/// What the authority signs codes with, and how it hands out status indices.
#[derive(Debug)]
pub struct Issuer {
    keys: Vec<SigningKey>,
    allotment: [u8; 32],
    issued: u64,
}

/// A code that counts once its facts are on disk.
#[derive(Debug)]
pub struct NewCode {
    /// The text of the QR code.
    pub text: String,
    /// The registry's entry.
    pub issued: Issued,
    /// Codes of the same kind that die with it.
    pub dead: Vec<Issued>,
}

impl NewCode {
    /// What goes into the log.
    #[must_use]
    pub fn facts(&self) -> Vec<(Lane, Fact)> {
        let revocations = revocations(&self.dead, self.issued.issued_at);
        std::iter::once((Lane::PRIVATE, self.issued.clone().into())).chain(revocations).collect()
    }

    /// The code of the same kind that dies with it.
    #[must_use]
    pub fn replaced(&self) -> Option<CodeId> {
        self.dead.last().map(|dead| dead.code)
    }
}

/// What the authority issues by: the time, the policy, and which of its keys count.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The time.
    pub now: Wall,
    /// Lifetimes.
    pub policy: &'a Policy,
    /// Keys in force.
    pub trust: &'a TrustList,
}

impl Issuer {
    /// An issuer that has issued so many codes before.
    ///
    /// `allotment` is a secret of the authority that never changes: indices are a permutation keyed by it.
    #[must_use]
    pub const fn new(keys: Vec<SigningKey>, allotment: [u8; 32], issued: u64) -> Self {
        Self { keys, allotment, issued }
    }

    /// Takes up the keys to sign with, instead of those held.
    pub fn sign_with(&mut self, keys: Vec<SigningKey>) {
        self.keys = keys;
    }

    /// The key that signs at a moment: of those held, active and in force by the trust list, the one that came into
    /// force last.
    fn key_at(&self, now_s: u64, trust: &TrustList) -> Option<&SigningKey> {
        let in_force = |listed: &&crate::trust::IssuerKey| {
            listed.purpose == Purpose::Codes && listed.status == KeyStatus::Active && listed.covers(now_s)
        };
        let held = |listed: &crate::trust::IssuerKey| self.keys.iter().find(|key| key.verifying_key() == listed.public);
        let listed = trust.keys().iter().filter(in_force).filter(|listed| held(listed).is_some());
        listed.max_by_key(|listed| (listed.from_s, listed.kid)).and_then(held)
    }

    /// Issues a code. Earlier ones of the same kind in `held` die with it (C6).
    ///
    /// # Errors
    /// [`Refusal::Issue`] when a field would not be accepted by any verifier; [`Refusal::NoIssuerKey`] when none of the
    /// keys is in force.
    pub fn issue(&mut self, cti: CodeId, command: &Issue, held: &[Issued], by: Rules<'_>) -> Result<NewCode, Refusal> {
        let Rules { now, policy, trust } = by;
        let kind = command.of_kind.kind();
        let key = self.key_at(now.seconds(), trust).ok_or(Refusal::NoIssuerKey)?;
        let iat_s = now.seconds();
        let status = self.place(self.issued);
        let credential = Credential {
            iat_s,
            exp_s: iat_s.saturating_add(policy.lifetime_s(kind)),
            cti,
            person: command.person,
            masked_name: command.name.clone(),
            document_type: command.document,
            last_four: command.last_four.clone(),
            status,
            of_kind: command.of_kind,
        };
        let bytes = code::issue::credential(&credential, key, Algorithm::EdDsa)?;
        self.issued += 1;
        let guardian = match command.of_kind {
            code::OfKind::Relative { guardian, .. } => Some(guardian),
            code::OfKind::Static | code::OfKind::Paper { .. } | code::OfKind::Live { .. } => None,
        };
        let issued = Issued {
            person: command.person,
            kind: kind.number(),
            code: cti,
            list: status.list,
            index: status.index,
            issued_at: now,
            expires_at: Wall::from_seconds(credential.exp_s),
            guardian,
        };
        let dead = valid(held, kind, now).into_iter().cloned().collect();
        Ok(NewCode { text: text::encode(&bytes), issued, dead })
    }

    /// The code issued last never reached the disk: its place is free again.
    ///
    /// Without this a restart, which counts the codes on disk, would give the places of later codes away twice.
    pub const fn take_back(&mut self) {
        self.issued = self.issued.saturating_sub(1);
    }

    /// Signs of life for every list in use: nothing new, as of now.
    #[must_use]
    pub fn signs_of_life(&self, now: Wall) -> Vec<Fact> {
        let last = self.place(self.issued).list;
        let sign = |list| StatusDelta { list, bits: STATUS_LIST_BITS_MAX, issued_at_s: now.seconds(), set: Vec::new() };
        (FIRST_LIST..=last).map(|list| sign(list).into()).collect()
    }

    /// The status bit of the n-th code: a keyed permutation of each list, so that an index tells nothing of its
    /// neighbours and none is handed out twice.
    fn place(&self, number: u64) -> StatusRef {
        let bits = u64::from(STATUS_LIST_BITS_MAX);
        let list = FIRST_LIST.saturating_add(u32::try_from(number / bits).unwrap_or(u32::MAX));
        let mut halves = [((number % bits) >> 10) & 0x3ff, number & 0x3ff];
        // Four rounds of a Feistel network over two halves of ten bits (Luby and Rackoff, 1988).
        for round in 0..4u8 {
            let [left, right] = halves;
            halves = [right, left ^ (self.mix(list, round, right) & 0x3ff)];
        }
        let [left, right] = halves;
        StatusRef { list, index: u32::try_from((left << 10) | right).unwrap_or(0) }
    }

    fn mix(&self, list: u32, round: u8, half: u64) -> u64 {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.allotment) else { return 0 };
        mac.update(&list.to_be_bytes());
        mac.update(&[round]);
        mac.update(&half.to_be_bytes());
        let digest: [u8; 32] = mac.finalize().into_bytes().into();
        digest.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
    }
}

/// The secret that status indices are permuted with: HMAC-SHA-256 of a fixed text, keyed by the node's secret key.
#[must_use]
pub fn allotment(key: &SigningKey) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return [0; 32] };
    mac.update(b"swabmesh status allotment 1");
    mac.finalize().into_bytes().into()
}

/// The person's codes of a kind that have not expired.
fn valid(held: &[Issued], kind: Kind, now: Wall) -> Vec<&Issued> {
    held.iter().filter(|issued| issued.kind == kind.number() && issued.expires_at > now).collect()
}

/// What tells every site that codes are dead: as few facts as their lists allow.
#[must_use]
pub fn revocations(dead: &[Issued], now: Wall) -> Vec<(Lane, Fact)> {
    let mut lists: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for dead in dead {
        lists.entry(dead.list).or_default().push(dead.index);
    }
    let deltas = lists.into_iter().flat_map(|(list, set)| {
        StatusDelta::split(list, STATUS_LIST_BITS_MAX, now.seconds(), set).into_iter().map(Fact::from)
    });
    deltas.map(|fact| (Lane::CITY, fact)).collect()
}

/// Revokes a person's code of a kind (C8).
///
/// # Errors
/// [`Refusal::NoSuchCode`] when there is none that has not expired.
pub fn revoke(
    now: Wall,
    person: Person,
    kind: Kind,
    reason: &Remark,
    held: &[Issued],
) -> Result<Vec<(Lane, Fact)>, Refusal> {
    let valid = valid(held, kind, now);
    if valid.is_empty() {
        return Err(Refusal::NoSuchCode);
    }
    let dead: Vec<Issued> = valid.into_iter().cloned().collect();
    let why = |dead: &Issued| (Lane::PRIVATE, Revoked { code: dead.code, person, reason: reason.clone() }.into());
    Ok(dead.iter().map(why).chain(revocations(&dead, now)).collect())
}

#[cfg(test)]
mod tests;
