//! Laws of codes: what is issued verifies, what is changed does not, and nothing hostile does harm.

#![expect(clippy::unwrap_used, reason = "the fixtures of these tests are valid by construction")]

use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use swabmesh_protocol::code::parse::{Code, CodeError, Times};
use swabmesh_protocol::code::{Category, Credential, Kind, OfKind, StatusRef, issue, text};
use swabmesh_protocol::cose::{self, Algorithm, CoseError, Header};
use swabmesh_protocol::id::{CodeId, Person};
use swabmesh_protocol::scan::Scanned;
use swabmesh_protocol::status::{StatusList, StatusLists};
use swabmesh_protocol::trust::{IssuerKey, KeyId, TrustList};
use swabmesh_protocol::verify::{Knowledge, Reason, Refused, Verified, verify};
use swabmesh_protocol::{cbor, limits};

const IAT_S: u64 = 1_649_433_600;
const DAY_S: u64 = 86_400;
const ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

fn issuer() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn phone() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

fn knowledge() -> Knowledge {
    let mut status = StatusLists::default();
    status.merge_list(17, &StatusList::new(limits::STATUS_LIST_BITS_MAX, IAT_S).unwrap());
    Knowledge {
        trust: TrustList::new(1, vec![IssuerKey::new(issuer().verifying_key())]),
        status,
        ..Knowledge::default()
    }
}

fn credential(of_kind: OfKind) -> Credential {
    let days = if of_kind.kind() == Kind::Paper { 180 } else { 30 };
    Credential {
        iat_s: IAT_S,
        exp_s: IAT_S + days * DAY_S,
        cti: CodeId([1, 2, 3, 4, 5, 6, 7, 8]),
        person: Person([0xab; 16]),
        masked_name: "张*三".to_owned(),
        document_type: 1,
        last_four: "002X".to_owned(),
        status: StatusRef { list: 17, index: 39_321 },
        of_kind,
    }
}

fn of_every_kind() -> [OfKind; 4] {
    [
        OfKind::Static,
        OfKind::Relative { guardian: Person([0xcd; 16]), category: Category::Minor },
        OfKind::Paper { category: Category::Elder, serial: 3 },
        OfKind::Live { device: phone().verifying_key().to_bytes() },
    ]
}

fn issued(of_kind: OfKind) -> Vec<u8> {
    issue::credential(&credential(of_kind), &issuer(), Algorithm::EdDsa).unwrap()
}

fn presented(at_s: u64) -> Vec<u8> {
    let times = Times { iat_s: at_s, exp_s: at_s + 30, cti: CodeId([3; 8]) };
    issue::presentation(&issued(of_every_kind()[3]), times, &phone(), Algorithm::EdDsa).unwrap()
}

fn judge(at_s: u64, bytes: &[u8]) -> Result<Verified, Refused> {
    verify(at_s, &Scanned::from_text(&text::encode(bytes)), &knowledge())
}

#[test]
fn sizes_are_those_of_the_format() {
    let [on_screen, relative, paper, _] = of_every_kind().map(issued);
    for (bytes, len, chars) in [(&on_screen, 157, 240), (&relative, 177, 270), (&paper, 161, 246)] {
        assert_eq!((bytes.len(), text::encode(bytes).len()), (len, chars));
    }
    // The time in the table is five bytes; the index of the status bit takes three or five.
    let live = presented(IAT_S + 3_600);
    assert!((305..=309).contains(&live.len()) && text::encode(&live).len() <= 468, "{} bytes", live.len());
}

#[test]
fn codes_of_this_project_are_deterministic_cbor() {
    for of_kind in of_every_kind() {
        let bytes = issued(of_kind);
        let sign1 = cose::Sign1::parse(&bytes, cbor::Order::Sorted).unwrap();
        assert_eq!(cbor::check(sign1.payload, cbor::Order::Sorted), Ok(()));
    }
}

#[test]
fn an_issued_code_says_what_was_put_in() {
    for of_kind in of_every_kind().into_iter().take(3) {
        let verified = judge(IAT_S + 1, &issued(of_kind)).unwrap();
        assert_eq!((verified.credential(), verified.kind()), (&credential(of_kind), of_kind.kind()));
        assert_eq!(verified.reasons().first(), Reason::Ok);
    }
    let verified = judge(IAT_S + 60, &presented(IAT_S + 60)).unwrap();
    assert_eq!(verified.kind(), Kind::LivePresentation);
    let presentation = verified.presentation().unwrap();
    assert_eq!((presentation.cti, presentation.window_end_s), (CodeId([3; 8]), IAT_S + 120));
}

#[test]
fn a_refused_code_says_what_it_holds_only_when_its_signature_does() {
    let expired = judge(IAT_S + 40 * DAY_S, &issued(OfKind::Static)).unwrap_err();
    assert_eq!(expired.reason, Reason::Expired);
    assert_eq!(expired.proven.map(|proven| *proven), Some((Kind::Static, credential(OfKind::Static))));
    let mut forged = issued(OfKind::Static);
    *forged.last_mut().unwrap() ^= 1;
    let forged = judge(IAT_S + 1, &forged).unwrap_err();
    assert_eq!((forged.reason, forged.proven), (Reason::BadSignature, None));
}

#[test]
fn a_key_counts_only_in_its_time_and_for_its_purpose() {
    use swabmesh_protocol::trust::{KeyStatus, Purpose};
    let judge = |key: IssuerKey| {
        let knowledge = Knowledge { trust: TrustList::new(1, vec![key]), ..knowledge() };
        verify(IAT_S + 1, &Scanned::from_text(&text::encode(&issued(OfKind::Static))), &knowledge).map(drop)
    };
    let key = IssuerKey::new(issuer().verifying_key());
    let refused = |reason| Err(Refused { reason, proven: None });
    assert_eq!(judge(key), Ok(()));
    assert_eq!(judge(IssuerKey { status: KeyStatus::Retired, until_s: IAT_S, ..key }), Ok(()));
    assert_eq!(judge(IssuerKey { until_s: IAT_S - 1, ..key }), refused(Reason::UnknownIssuer));
    assert_eq!(judge(IssuerKey { from_s: IAT_S + 1, ..key }), refused(Reason::UnknownIssuer));
    assert_eq!(judge(IssuerKey { status: KeyStatus::Withdrawn, ..key }), refused(Reason::IssuerWithdrawn));
    assert_eq!(judge(IssuerKey { purpose: Purpose::StatusLists, ..key }), refused(Reason::UnknownIssuer));
}

#[test]
fn every_key_with_the_named_id_is_tried() {
    let key = IssuerKey::new(issuer().verifying_key());
    let twin = IssuerKey { kid: key.kid, ..IssuerKey::new(phone().verifying_key()) };
    let knowledge = Knowledge { trust: TrustList::new(1, vec![twin, key]), ..knowledge() };
    let scanned = Scanned::from_text(&text::encode(&issued(OfKind::Static)));
    assert!(verify(IAT_S + 1, &scanned, &knowledge).is_ok());
}

#[test]
fn an_old_list_warns_and_a_missing_one_too() {
    let scanned = Scanned::from_text(&text::encode(&issued(OfKind::Static)));
    let reason = |at_s, knowledge: &Knowledge| verify(at_s, &scanned, knowledge).unwrap().reasons().first();
    assert_eq!(reason(IAT_S + DAY_S - 1, &knowledge()), Reason::Ok);
    assert_eq!(reason(IAT_S + DAY_S, &knowledge()), Reason::ListStale);
    assert_eq!(reason(IAT_S + 1, &Knowledge { status: StatusLists::default(), ..knowledge() }), Reason::ListMissing);
}

/// Writes a static code as another issuer's library might: claims in another order, one of them twice if asked.
fn foreign(claims: &[i64]) -> Vec<u8> {
    let payload = cbor::encode(|e| {
        e.map(claims.len() as u64)?;
        for claim in claims {
            e.i64(*claim)?;
            match claim {
                4 => e.u64(IAT_S + 30 * DAY_S)?,
                6 => e.u64(IAT_S)?,
                7 => e.bytes(&[5; 8])?,
                -65_537 => {
                    e.map(6)?.u8(8)?.array(2)?.u8(17)?.u8(9)?.u8(5)?.str("002X")?.u8(4)?.u8(1)?;
                    e.u8(3)?.str("张*三")?.u8(2)?.bytes(&[6; 16])?.u8(1)?.u8(0)?
                }
                _ => e.str("a claim this format does not know")?,
            };
        }
        Ok(())
    });
    let kid = KeyId::of(issuer().verifying_key().as_bytes());
    cose::sign(Algorithm::Ed25519, Header { kid: Some(&kid.0), typ: None }, &payload, &issuer())
}

#[test]
fn claims_may_stand_in_any_order_and_unknown_ones_are_ignored() {
    assert!(judge(IAT_S + 1, &foreign(&[-65_537, 7, 6, 4])).is_ok());
    assert!(judge(IAT_S + 1, &foreign(&[1, 6, 4, -65_537, 7])).is_ok());
}

#[test]
fn a_claim_that_stands_twice_is_refused_however_far_apart() {
    for claims in [&[4, 4, 6, 7, -65_537][..], &[7, -65_537, 6, 4, 7], &[6, 7, 4, -65_537, 6]] {
        assert_eq!(judge(IAT_S + 1, &foreign(claims)).unwrap_err().reason, Reason::BadEncoding);
        let fault = Code::parse(&foreign(claims)).unwrap_err();
        assert_eq!(fault, CodeError::Cbor(cbor::CborError::DuplicateKey));
    }
}

#[test]
fn a_document_of_another_type_by_an_issuer_is_no_code() {
    let bytes = foreign(&[4, 6, 7, -65_537]);
    let payload = cose::Sign1::parse(&bytes, cbor::Order::Any).unwrap().payload.to_vec();
    let kid = KeyId::of(issuer().verifying_key().as_bytes());
    let typed = cose::sign(Algorithm::EdDsa, Header { kid: Some(&kid.0), typ: Some("other") }, &payload, &issuer());
    assert_eq!(judge(IAT_S + 1, &typed).unwrap_err().reason, Reason::BadEncoding);
    assert_eq!(cose::open(&bytes, "other", &issuer().verifying_key()), Err(CoseError::Type));
}

proptest! {
    #[test]
    fn any_single_changed_character_is_refused(kind in 0..4_usize, at in any::<prop::sample::Index>(), to in any::<prop::sample::Index>()) {
        let bytes = if kind == 3 { presented(IAT_S + 60) } else { issued(of_every_kind()[kind]) };
        let mut changed = text::encode(&bytes).into_bytes();
        let at = at.index(changed.len());
        let to = ALPHABET[to.index(ALPHABET.len())];
        prop_assume!(changed[at] != to);
        changed[at] = to;
        prop_assert!(verify(IAT_S + 60, &Scanned::from_bytes(&changed), &knowledge()).is_err());
    }

    #[test]
    fn hostile_texts_never_panic(tail in "[0-9A-Z $%*+./:-]{0,700}", raw in "\\PC{0,80}") {
        let judge = |text: &str| verify(IAT_S, &Scanned::from_text(text), &knowledge());
        prop_assert!(judge(&("HS1:".to_owned() + &tail)).is_err());
        prop_assert!(judge(&raw).is_err());
    }

    #[test]
    fn mutated_codes_never_panic_and_never_pass(
        kind in 0..4_usize,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..6),
    ) {
        let whole = if kind == 3 { presented(IAT_S + 60) } else { issued(of_every_kind()[kind]) };
        let mut bytes = whole.clone();
        for (at, value, how) in edits {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = value,
                1 => bytes.insert(at, value),
                _ if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => {}
            }
        }
        prop_assume!(bytes != whole);
        prop_assert!(judge(IAT_S + 60, &bytes).is_err());
    }

    #[test]
    fn whatever_is_issued_reads_back(
        iat_s in 0..u64::MAX / 2, life_s in 1..u64::MAX / 2, cti in any::<[u8; 8]>(), person in any::<[u8; 16]>(),
        masked_name in "[^\\pC]{1,15}", document_type in 1..=9_u8, last_four in "[0-9A-Z]{4}",
        list in any::<u32>(), index in any::<u32>(), kind in 0..4_usize,
    ) {
        let credential = Credential {
            iat_s, exp_s: iat_s + life_s, cti: CodeId(cti), person: Person(person), masked_name, document_type, last_four,
            status: StatusRef { list, index }, of_kind: of_every_kind()[kind],
        };
        let bytes = issue::credential(&credential, &issuer(), Algorithm::Ed25519).unwrap();
        let code = Code::parse(&bytes).unwrap();
        let swabmesh_protocol::code::parse::Content::Credential(read) = code.content else { panic!("{code:?}") };
        prop_assert_eq!(read.to_credential(), credential);
    }
}
