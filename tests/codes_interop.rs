//! Codes and status lists against python-cwt, zlib and cbor2: an implementation by other people.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::process::Command;

use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use swabmesh_protocol::cose::Algorithm;
use swabmesh_protocol::id::hex;
use swabmesh_protocol::status::StatusList;
use swabmesh_protocol::status::token::StatusToken;
use swabmesh_tests::program::{run, swabmesh};
use swabmesh_tests::repository::root;
use swabmesh_tests::tool;

const PERSON: &str = "000102030405060708090a0b0c0d0e0f";
const GUARDIAN: &str = "0f0e0d0c0b0a09080706050403020100";

/// Gives orders to the Python side and reads its answers; `None` where it is missing and may be.
fn python(orders: &[Value]) -> Option<Vec<Value>> {
    let Some(python) = tool::python_with_cwt() else {
        tool::missing("python-cwt").unwrap();
        return None;
    };
    let input: String = orders.iter().map(|order| format!("{order}\n")).collect();
    let answer = run(Command::new(python).arg(root().join("tests/interop/cwt_codes.py")), &input).unwrap();
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    let answers: Vec<Value> = answer.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), orders.len());
    Some(answers)
}

/// An issuer with its own folder, made by the binary.
struct Issuer {
    folder: tempfile::TempDir,
    public: String,
    secret: String,
}

impl Issuer {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let made = swabmesh(&["code", "keygen", &at("issuer.key"), "--issuers", &at("issuers.json")], "").unwrap();
        assert_eq!(made.code, Some(0), "{made:?}");
        let key: Value = serde_json::from_str(&std::fs::read_to_string(at("issuer.key")).unwrap()).unwrap();
        let part = |name: &str| key[name].as_str().unwrap().to_owned();
        let (public, secret) = (part("public"), part("secret"));
        Self { folder, public, secret }
    }

    fn at(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn issue(&self, more: &[&str]) -> String {
        let key = self.at("issuer.key");
        let common = ["code", "issue", "--issuer-key", &key, "--person", PERSON, "--name", "张*三"];
        let document = ["--document-type", "1", "--last4", "002X", "--status-list", "17", "--status-index", "39321"];
        let issued = swabmesh(&[&common[..], &document[..], more].concat(), "").unwrap();
        assert_eq!(issued.code, Some(0), "{issued:?}");
        issued.out.trim_end_matches('\n').to_owned()
    }
}

/// The code with one character of its base45 exchanged, close to the end: within the signature.
fn changed(text: &str) -> String {
    let at = text.len() - 10;
    let other = if &text[at..=at] == "0" { "1" } else { "0" };
    format!("{}{other}{}", &text[..at], &text[at + 1..])
}

#[test]
fn python_cwt_verifies_every_kind_we_issue_under_both_algorithms_and_refuses_a_changed_one() {
    let issuer = Issuer::new();
    let phone = Issuer::new();
    let kinds: [(u8, &[&str]); 4] = [
        (0, &["--kind", "static"]),
        (1, &["--kind", "relative", "--guardian", GUARDIAN, "--category", "minor"]),
        (2, &["--kind", "paper", "--category", "elder", "--serial", "20220409"]),
        (8, &["--kind", "live-credential", "--device-public", &phone.public]),
    ];
    let mut orders = Vec::new();
    let mut expected = Vec::new();
    for (kind, arguments) in kinds {
        for alg in ["eddsa", "ed25519"] {
            let text = issuer.issue(&[arguments, &["--alg", alg]].concat());
            orders.push(json!({"do": "verify", "public": issuer.public, "text": changed(&text)}));
            orders.push(json!({"do": "verify", "public": phone.public, "text": &text}));
            orders.push(json!({"do": "verify", "public": issuer.public, "text": text}));
            expected.push(kind);
        }
    }
    let Some(answers) = python(&orders) else { return };
    for (of_one, kind) in answers.chunks(3).zip(expected) {
        assert!(of_one[0]["refused"].is_string(), "a changed code passed: {}", of_one[0]);
        assert!(of_one[1]["refused"].is_string(), "a code passed under another key: {}", of_one[1]);
        let body = &of_one[2]["claims"]["-65537"];
        assert_eq!(
            (&body["1"], &body["2"], &body["3"], &body["5"], &body["8"]),
            (&json!(kind), &json!(PERSON), &json!("张*三"), &json!("002X"), &json!([17, 39321])),
            "{}",
            of_one[2]
        );
    }
}

#[test]
fn a_code_that_python_cwt_signs_is_accepted_here() {
    let issuer = Issuer::new();
    let claims = json!({"iat": 1_649_433_600, "exp": 1_652_025_600, "cti": "0102030405060708", "person": PERSON,
                        "name": "张*三", "last_four": "002X", "list": 17, "index": 39321});
    let order =
        |alg| json!({"do": "issue", "public": issuer.public, "secret": issuer.secret, "alg": alg, "claims": claims});
    let Some(answers) = python(&[order(-8), order(-19)]) else { return };
    let issuers = issuer.at("issuers.json");
    for answer in answers {
        let text = answer["text"].as_str().unwrap_or_else(|| panic!("{answer}"));
        let arguments = ["code", "verify", "--issuers", &issuers, "--at", "1649520000", "--json"];
        let judged = swabmesh(&arguments, text).unwrap().out;
        // No status list is given, which is the amber reason; everything before it held.
        assert!(judged.starts_with(r#"{"verdict":"amber","reason":"list-missing""#), "{judged}");
    }
}

#[test]
fn python_reads_our_status_list_bit_for_bit() {
    let key = SigningKey::from_bytes(&[0x21; 32]);
    let revoked = [0, 1, 7, 8, 4_095, 65_535];
    let mut list = StatusList::new(65_536, 1_649_433_600).unwrap();
    revoked.iter().for_each(|index| list.revoke(*index).unwrap());
    let token = StatusToken { number: 17, list, exp_s: None, ttl_s: Some(86_400) };
    let order = |alg| {
        let bytes = token.sign(&key, alg);
        json!({"do": "status", "public": hex(key.verifying_key().as_bytes()), "token": hex(&bytes)})
    };
    let Some(answers) = python(&[order(Algorithm::EdDsa), order(Algorithm::Ed25519)]) else { return };
    for answer in answers {
        assert_eq!(answer["number"], 17, "{answer}");
        let bits = data_encoding::HEXLOWER.decode(answer["bits"].as_str().unwrap().as_bytes()).unwrap();
        let is_set = |index: &u32| bits[*index as usize / 8] >> (index % 8) & 1 == 1;
        let set: Vec<u32> = (0..token.list.bits()).filter(is_set).collect();
        assert_eq!(bits.len(), 65_536 / 8);
        assert_eq!(set, revoked);
    }
}

#[test]
fn the_list_of_the_drafts_appendix_is_read_bit_for_bit() {
    // draft-ietf-oauth-status-list, test vectors, one bit a token: 2^20 entries.
    let lst = "eNrt3AENwCAMAEGogklACtKQPg9LugC9k_ACvreiogEAAKkeCQAAAAAAAAAAAAAAAAAAAIBylgQAAAAAAAAAAAAAAA\
               AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAXG9IAAAAAAAAAPwsJAAAAAAAAAAAAAAAvhsSAAAAAAAAAAAA7KpL\
               AAAAAAAAAAAAAAAAAAAAAJsLCQAAAAAAAAAAADjelAAAAAAAAAAAKjDMAQAAAACAZC8L2AEb";
    let set = [0, 1_993, 25_460, 159_495, 495_669, 554_353, 645_645, 723_232, 854_545, 934_534, 1_000_345];
    let list = StatusList::decompress(&data_encoding::BASE64URL_NOPAD.decode(lst.as_bytes()).unwrap(), 0).unwrap();
    assert_eq!(list.bits(), 1 << 20);
    assert!(list.revoked().eq(set));
}
