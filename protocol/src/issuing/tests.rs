use std::collections::BTreeSet;

use super::*;
use crate::code::OfKind;

fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

fn issuer() -> Issuer {
    Issuer::new(vec![key(1)], [2; 32], 0)
}

fn listed(number: u8, from_s: u64, status: KeyStatus) -> IssuerKey {
    IssuerKey { from_s, status, ..IssuerKey::new(key(number).verifying_key()) }
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

fn issue(issuer: &mut Issuer, code: u8, held: &[Issued], trust: &TrustList) -> Result<NewCode, Refusal> {
    let policy = Policy::default();
    issuer.issue(CodeId([code; 8]), &order(), held, Rules { now: NOW, policy: &policy, trust })
}

fn trust() -> TrustList {
    TrustList::new(1, vec![listed(1, 0, KeyStatus::Active)])
}

#[test]
fn no_status_index_is_handed_out_twice() {
    let issuer = issuer();
    let places: BTreeSet<StatusRef> = (0..3_000).map(|number| issuer.place(number)).collect();
    assert_eq!(places.len(), 3_000);
    assert!(places.iter().all(|place| place.list == FIRST_LIST && place.index < STATUS_LIST_BITS_MAX));
    assert_eq!(issuer.place(u64::from(STATUS_LIST_BITS_MAX)).list, FIRST_LIST + 1);
}

#[test]
fn issuing_again_kills_the_earlier_code_of_the_same_kind_only() {
    let mut issuer = issuer();
    let first = issue(&mut issuer, 1, &[], &trust()).unwrap();
    assert_eq!((first.replaced(), first.facts().len()), (None, 1));
    let again = issue(&mut issuer, 2, std::slice::from_ref(&first.issued), &trust()).unwrap();
    assert_eq!((again.replaced(), again.facts().len()), (Some(CodeId([1; 8])), 2));
    let other = Issued { kind: 2, ..first.issued };
    assert_eq!(issue(&mut issuer, 3, &[other], &trust()).unwrap().replaced(), None);
}

#[test]
fn the_key_that_came_into_force_last_signs_and_one_ahead_of_its_time_does_not() {
    let held = [key(1), key(2), key(3)];
    let ahead = NOW.seconds() + 1;
    let keys = |second| vec![listed(1, 0, KeyStatus::Active), second, listed(3, ahead, KeyStatus::Active)];
    let signer = |trust: &TrustList| signer(&held, NOW.seconds(), trust).map(|key| key.verifying_key().to_bytes());
    let public = |number| Some(key(number).verifying_key().to_bytes());
    let active = TrustList::new(2, keys(listed(2, 5, KeyStatus::Active)));
    assert_eq!(signer(&active), public(2));
    let withdrawn = TrustList::new(3, keys(listed(2, 5, KeyStatus::Withdrawn)));
    assert_eq!(signer(&withdrawn), public(1));
}

#[test]
fn without_a_key_in_force_nothing_is_signed_and_no_place_is_used_up() {
    let mut issuer = issuer();
    let nobody = TrustList::new(1, vec![listed(9, 0, KeyStatus::Active)]);
    assert_eq!(issue(&mut issuer, 1, &[], &nobody).unwrap_err(), Refusal::NoIssuerKey);
    assert_eq!(issuer.issued, 0);
}

#[test]
fn many_dead_codes_of_one_list_are_one_statement() {
    let dead = |index| Issued { index, ..issue(&mut issuer(), 1, &[], &trust()).unwrap().issued };
    assert_eq!(revocations(&[dead(9), dead(3), dead(4)], NOW).len(), 1);
}

#[test]
fn a_code_that_does_not_exist_cannot_be_revoked() {
    let why = Remark::default();
    assert_eq!(revoke(NOW, Person([1; 16]), Kind::Static, &why, &[]), Err(Refusal::NoSuchCode));
}
