//! What verifying a code costs beside the signature itself: the whole may take 1.15 times a bare verification.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark without its vectors shall fail")]

use divan::{Bencher, black_box};
use ed25519_dalek::Signature;
use swabmesh_protocol::cbor::{self, Order};
use swabmesh_protocol::code::parse::Code;
use swabmesh_protocol::code::text;
use swabmesh_protocol::cose::Sign1;
use swabmesh_protocol::scan::Scanned;
use swabmesh_protocol::verify::file::KnowledgeFile;
use swabmesh_protocol::verify::{Knowledge, verify};

const FILE: &str = include_str!("../tests/vectors/codes.json");

fn main() {
    divan::main();
}

fn file() -> (KnowledgeFile, Knowledge) {
    let file: KnowledgeFile = serde_json::from_str(FILE).unwrap();
    let knowledge = file.knowledge().unwrap();
    (file, knowledge)
}

fn code(name: &str) -> (String, u64) {
    let vector = file().0.vectors.into_iter().find(|vector| vector.name == name).unwrap();
    (vector.text, vector.at)
}

fn bytes(name: &str) -> Vec<u8> {
    text::decode_base45(&code(name).0["HS1:".len()..]).unwrap()
}

/// The time depends on key and message, so the yardstick is the signature of the same code, message at hand.
#[divan::bench]
fn bare_strict_verification(bencher: Bencher<'_, '_>) {
    let bytes = bytes("static-8");
    let key = file().0.issuers[0].public;
    let mut d = minicbor::Decoder::new(&bytes);
    d.tag().and_then(|_| d.array()).unwrap();
    let protected = d.bytes().unwrap();
    d.skip().unwrap();
    let (payload, signature) = (d.bytes().unwrap(), d.bytes().unwrap());
    let signature = Signature::from_slice(signature).unwrap();
    let message = cbor::encode(|e| e.array(4)?.str("Signature1")?.bytes(protected)?.bytes(&[])?.bytes(payload)?.ok());
    assert!(key.verify_strict(&message, &signature).is_ok());
    bencher.bench(|| black_box(&key).verify_strict(black_box(&message), &signature).is_ok());
}

#[divan::bench(args = ["static-8", "relative-8", "paper-8", "live-8", "signature-bit"])]
fn from_text_to_verdict(bencher: Bencher<'_, '_>, name: &str) {
    let (text, at) = code(name);
    let knowledge = file().1;
    bencher.bench(|| verify(at, &Scanned::from_text(black_box(&text)), &knowledge).is_ok());
}

#[divan::bench(args = ["static-8", "wedge-fullwidth"])]
fn step_1_fold(bencher: Bencher<'_, '_>, name: &str) {
    let (text, _) = code(name);
    bencher.bench(|| Scanned::from_text(black_box(&text)));
}

#[divan::bench]
fn step_2_base45(bencher: Bencher<'_, '_>) {
    let (text, _) = code("static-8");
    bencher.bench(|| text::decode_base45(black_box(&text["HS1:".len()..])));
}

#[divan::bench]
fn step_3_parse(bencher: Bencher<'_, '_>) {
    let bytes = bytes("static-8");
    bencher.bench(|| Code::parse(black_box(&bytes)).is_ok());
}

#[divan::bench]
fn step_3_strict_cbor_of_the_payload(bencher: Bencher<'_, '_>) {
    let bytes = bytes("static-8");
    let payload = Sign1::parse(&bytes, Order::Any).unwrap().payload;
    bencher.bench(|| cbor::check(black_box(payload), Order::Any));
}

#[divan::bench]
fn step_4_signature(bencher: Bencher<'_, '_>) {
    let bytes = bytes("static-8");
    let key = file().0.issuers[0].public;
    let sign1 = Sign1::parse(&bytes, Order::Any).unwrap();
    bencher.bench(|| black_box(&sign1).verify(&key).is_ok());
}
