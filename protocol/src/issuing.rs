//! The authority's own decisions: codes issued and revoked, nodes enrolled and withdrawn.

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

/// Status lists handed out start here; 0 is left to tests and specimens.
const FIRST_LIST: u32 = 1;

/// What the authority signs codes with, and how it hands out status indices.
#[derive(Debug)]
pub struct Issuer {
    key: SigningKey,
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
    /// The code of the same kind that dies with it.
    pub replaced: Option<CodeId>,
    /// What goes into the log.
    pub facts: Vec<(Lane, Fact)>,
}

impl Issuer {
    /// An issuer that has issued so many codes before.
    ///
    /// `allotment` is a secret of the authority that never changes: indices are a permutation keyed by it.
    #[must_use]
    pub const fn new(key: SigningKey, allotment: [u8; 32], issued: u64) -> Self {
        Self { key, allotment, issued }
    }

    /// Issues a code. Earlier ones of the same kind in `held` die with it (C6).
    ///
    /// # Errors
    /// [`Refusal::Issue`] when a field would not be accepted by any verifier.
    pub fn issue(
        &mut self,
        now: Wall,
        cti: CodeId,
        command: &Issue,
        held: &[Issued],
        policy: &Policy,
    ) -> Result<NewCode, Refusal> {
        let kind = command.of_kind.kind();
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
        let bytes = code::issue::credential(&credential, &self.key, Algorithm::EdDsa)?;
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
        let earlier = valid(held, kind, now);
        let mut facts = vec![(Lane::PRIVATE, issued.clone().into())];
        facts.extend(earlier.iter().map(|dead| (Lane::CITY, revocation(dead, now))));
        let replaced = earlier.last().map(|dead| dead.code);
        Ok(NewCode { text: text::encode(&bytes), issued, replaced, facts })
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

fn revocation(dead: &Issued, now: Wall) -> Fact {
    let bits = STATUS_LIST_BITS_MAX;
    StatusDelta { list: dead.list, bits, issued_at_s: now.seconds(), set: vec![dead.index] }.into()
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
    let facts = |dead: &&Issued| {
        let why = Revoked { code: dead.code, person, reason: reason.clone() };
        [(Lane::PRIVATE, why.into()), (Lane::CITY, revocation(dead, now))]
    };
    Ok(valid.iter().flat_map(facts).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::code::OfKind;

    fn issuer(issued: u64) -> Issuer {
        Issuer::new(SigningKey::from_bytes(&[1; 32]), [2; 32], issued)
    }

    fn order() -> Issue {
        Issue {
            person: Person([1; 16]),
            name: "张*三".to_owned(),
            document: 1,
            last_four: "002X".to_owned(),
            of_kind: OfKind::Static,
        }
    }

    const NOW: Wall = Wall::from_seconds(1_649_433_600);

    #[test]
    fn no_status_index_is_handed_out_twice() {
        let issuer = issuer(0);
        let places: BTreeSet<StatusRef> = (0..3_000).map(|number| issuer.place(number)).collect();
        assert_eq!(places.len(), 3_000);
        assert!(places.iter().all(|place| place.list == FIRST_LIST && place.index < STATUS_LIST_BITS_MAX));
        assert_eq!(issuer.place(u64::from(STATUS_LIST_BITS_MAX)).list, FIRST_LIST + 1);
    }

    #[test]
    fn issuing_again_kills_the_earlier_code_of_the_same_kind_only() {
        let mut issuer = issuer(0);
        let policy = Policy::default();
        let first = issuer.issue(NOW, CodeId([1; 8]), &order(), &[], &policy).unwrap();
        assert_eq!((first.replaced, first.facts.len()), (None, 1));
        let again = issuer.issue(NOW, CodeId([2; 8]), &order(), std::slice::from_ref(&first.issued), &policy).unwrap();
        assert_eq!(again.replaced, Some(CodeId([1; 8])));
        let other = Issued { kind: 2, ..first.issued };
        let beside = issuer.issue(NOW, CodeId([3; 8]), &order(), &[other], &policy).unwrap();
        assert_eq!(beside.replaced, None);
    }

    #[test]
    fn a_code_that_does_not_exist_cannot_be_revoked() {
        let why = Remark::default();
        assert_eq!(revoke(NOW, Person([1; 16]), Kind::Static, &why, &[]), Err(Refusal::NoSuchCode));
    }
}
