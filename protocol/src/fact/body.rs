//! The body of each fact. Field numbers are positions in the body's array and never change meaning.

use sha2::{Digest, Sha256};

use super::{
    Barcode, ByteVec, CodeId, Decode, Deserialize, Encode, EntryId, FeedId, NodeKey, Person, SeqNo, Serialize, Text,
    Wall,
};
use crate::limits::WITHDRAWN_MARKS_MAX;

/// The operator who did it, as the site names them; at most 16 bytes.
pub type Operator = Text<16>;
/// Why, in the operator's words.
pub type Remark = Text<120>;
/// Heads of other feeds in the document, as the writer saw it; absent when it saw none.
pub type Seen = Option<Vec<EntryId>>;

/// What a document is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// A sample tube 采样管.
    #[n(0)]
    Tube(#[n(0)] Barcode),
    /// A transport box 转运箱.
    #[n(1)]
    Box(#[n(0)] Barcode),
}

/// How a person was identified at the desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cbor(index_only)]
pub enum Route {
    /// Static code 核酸码 (C1).
    #[n(0)]
    Static,
    /// Relative's code 亲属码 (C4).
    #[n(1)]
    Relative,
    /// Paper offline code 纸质离线码 (C3).
    #[n(2)]
    Paper,
    /// Live code 随申码 (C5).
    #[n(3)]
    Live,
    /// A document read or typed from the card (D1, D3–D6).
    #[n(4)]
    Document,
    /// A number stated aloud (D2).
    #[n(5)]
    Stated,
    /// By hand: infants and people with nothing to show (D7, type 9).
    #[n(6)]
    ByHand,
}

/// Body of [`super::Fact::Opened`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Opened {
    /// The tube's barcode.
    #[n(0)]
    pub tube: Barcode,
    /// How many people it is meant for: 1, 5, 10 or 20.
    #[n(1)]
    pub pool: u8,
    /// Who opened it.
    #[n(2)]
    pub operator: Operator,
    /// Heads of other feeds in the tube's document.
    #[n(3)]
    pub seen: Seen,
}

/// Body of [`super::Fact::Registered`]. The entry's id is the registration's id.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Registered {
    /// The tube the swab went into.
    #[n(0)]
    pub tube: Barcode,
    /// Who, as a pseudonym.
    #[n(1)]
    pub person: Person,
    /// How they were identified.
    #[n(2)]
    pub route: Route,
    /// Document type, numbered as in the documents table.
    #[n(3)]
    pub document: u8,
    /// Last four characters of the document.
    #[n(4)]
    pub last_four: Text<4>,
    /// Masked name.
    #[n(5)]
    pub name: Text<24>,
    /// Who registered them.
    #[n(6)]
    pub operator: Operator,
    /// Warnings the operator saw and went on with: bit per amber reason, in the order of the checks.
    #[n(7)]
    pub warnings: u8,
    /// The code shown, if any.
    #[n(8)]
    pub code: Option<CodeId>,
    /// The guardian: of a relative's code, or the parent of an infant.
    #[n(9)]
    pub guardian: Option<Person>,
    /// Why the operator went on despite a warning, or by hand.
    #[n(10)]
    pub reason: Option<Remark>,
    /// Details typed at the desk, sealed to the authority's key of the day (P2).
    #[n(11)]
    pub details: Option<ByteVec>,
    /// Heads of other feeds in the tube's document.
    #[n(12)]
    pub seen: Seen,
}

/// Body of [`super::Fact::Voided`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Voided {
    /// The tube the registration is in.
    #[n(0)]
    pub tube: Barcode,
    /// The registration.
    #[n(1)]
    pub registration: EntryId,
    /// Why.
    #[n(2)]
    pub reason: Remark,
    /// Who.
    #[n(3)]
    pub operator: Operator,
    /// Heads of other feeds in the tube's document.
    #[n(4)]
    pub seen: Seen,
}

/// A field that may be put right after the fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cbor(index_only)]
pub enum Field {
    /// Masked name.
    #[n(0)]
    Name,
    /// Last four characters of the document.
    #[n(1)]
    LastFour,
    /// Document type, as a decimal number.
    #[n(2)]
    Document,
    /// A remark.
    #[n(3)]
    Remark,
}

/// Body of [`super::Fact::Amended`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Amended {
    /// The tube the registration is in.
    #[n(0)]
    pub tube: Barcode,
    /// The registration.
    #[n(1)]
    pub registration: EntryId,
    /// Which field.
    #[n(2)]
    pub field: Field,
    /// What it should say.
    #[n(3)]
    pub value: Text<64>,
    /// Why.
    #[n(4)]
    pub reason: Remark,
    /// Who.
    #[n(5)]
    pub operator: Operator,
    /// Heads of other feeds in the tube's document.
    #[n(6)]
    pub seen: Seen,
}

/// Body of [`super::Fact::Moved`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Moved {
    /// The registrations, at most 64.
    #[n(0)]
    pub registrations: Vec<EntryId>,
    /// The tube they were made in.
    #[n(1)]
    pub from: Barcode,
    /// The tube the swabs are in.
    #[n(2)]
    pub to: Barcode,
    /// Why.
    #[n(3)]
    pub reason: Remark,
    /// Who.
    #[n(4)]
    pub operator: Operator,
    /// Heads of other feeds in both documents.
    #[n(5)]
    pub seen: Seen,
}

/// Body of [`super::Fact::Sealed`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Sealed {
    /// The tube.
    #[n(0)]
    pub tube: Barcode,
    /// Registrations counted in it when it was sealed.
    #[n(1)]
    pub count: u8,
    /// Who.
    #[n(2)]
    pub operator: Operator,
    /// Heads of other feeds in the tube's document.
    #[n(3)]
    pub seen: Seen,
}

/// Body of [`super::Fact::Reopened`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Reopened {
    /// The tube.
    #[n(0)]
    pub tube: Barcode,
    /// Why.
    #[n(1)]
    pub reason: Remark,
    /// Who.
    #[n(2)]
    pub operator: Operator,
    /// Heads of other feeds in the tube's document.
    #[n(3)]
    pub seen: Seen,
}

/// Body of [`super::Fact::Packed`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Packed {
    /// The sealed tube.
    #[n(0)]
    pub tube: Barcode,
    /// The transport box.
    #[n(1)]
    pub transport: Barcode,
    /// Who.
    #[n(2)]
    pub operator: Operator,
    /// Heads of other feeds in both documents.
    #[n(3)]
    pub seen: Seen,
}

/// Body of [`super::Fact::HandedOver`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct HandedOver {
    /// The transport box.
    #[n(0)]
    pub transport: Barcode,
    /// To whom: a courier or a laboratory.
    #[n(1)]
    pub to: Text<32>,
    /// Tubes counted by hand.
    #[n(2)]
    pub count: u16,
    /// Who.
    #[n(3)]
    pub operator: Operator,
    /// Heads of other feeds in the box's document.
    #[n(4)]
    pub seen: Seen,
}

/// Body of [`super::Fact::Received`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Received {
    /// What arrived.
    #[n(0)]
    pub subject: Subject,
    /// Tubes counted by hand; 1 for a tube.
    #[n(1)]
    pub count: u16,
    /// Who.
    #[n(2)]
    pub operator: Operator,
    /// Heads of other feeds in the document.
    #[n(3)]
    pub seen: Seen,
}

/// What a laboratory read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cbor(index_only)]
pub enum Outcome {
    /// Not detected 阴性.
    #[n(0)]
    Negative,
    /// Detected 阳性.
    #[n(1)]
    Positive,
    /// Neither 灰区: sample again.
    #[n(2)]
    Inconclusive,
    /// The tube could not be read 无效.
    #[n(3)]
    Invalid,
}

impl Outcome {
    /// The reading that counts while two differ: the one that sends somebody home with a false "negative" last (T2).
    #[must_use]
    pub fn safer(self, other: Self) -> Self {
        let rank = |outcome| match outcome {
            Self::Negative => 0,
            Self::Invalid => 1,
            Self::Inconclusive => 2,
            Self::Positive => 3,
        };
        if rank(self) >= rank(other) { self } else { other }
    }
}

/// How settled a reading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cbor(index_only)]
pub enum Stage {
    /// Awaiting confirmation.
    #[n(0)]
    Preliminary,
    /// Confirmed.
    #[n(1)]
    Final,
    /// Replaces an earlier reading.
    #[n(2)]
    Corrected,
}

/// Body of [`super::Fact::Reported`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Reported {
    /// The tube.
    #[n(0)]
    pub tube: Barcode,
    /// What was read.
    #[n(1)]
    pub outcome: Outcome,
    /// How settled it is: preliminary or final.
    #[n(2)]
    pub stage: Stage,
    /// Who.
    #[n(3)]
    pub operator: Operator,
    /// Heads of other feeds in the tube's document.
    #[n(4)]
    pub seen: Seen,
}

/// Body of [`super::Fact::Corrected`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Corrected {
    /// The tube.
    #[n(0)]
    pub tube: Barcode,
    /// What should have been reported.
    #[n(1)]
    pub outcome: Outcome,
    /// Why.
    #[n(2)]
    pub reason: Remark,
    /// Who.
    #[n(3)]
    pub operator: Operator,
    /// Heads of other feeds in the tube's document.
    #[n(4)]
    pub seen: Seen,
}

/// Body of [`super::Fact::Reviewed`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Reviewed {
    /// The document with the conflict.
    #[n(0)]
    pub subject: Subject,
    /// The register in it, named as in the document.
    #[n(1)]
    pub register: Text<80>,
    /// The value that holds, in the register's own form.
    #[n(2)]
    pub value: Text<80>,
    /// Why.
    #[n(3)]
    pub reason: Remark,
    /// Who.
    #[n(4)]
    pub operator: Operator,
    /// Heads of other feeds in the document: what the reviewer had before their eyes.
    #[n(5)]
    pub seen: Seen,
}

/// Body of [`super::Fact::Enrolled`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Enrolled {
    /// The certificate as the root signed it.
    #[n(0)]
    pub certificate: ByteVec,
}

/// A feed up to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct Mark {
    /// The feed.
    #[n(0)]
    pub feed: FeedId,
    /// The last entry meant.
    #[n(1)]
    pub seq: SeqNo,
}

/// Body of [`super::Fact::Withdrawn`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Withdrawn {
    /// The node.
    #[n(0)]
    pub node: NodeKey,
    /// What it wrote that stands; a feed not named stands up to nothing.
    #[n(1)]
    pub marks: Vec<Mark>,
    /// Why.
    #[n(2)]
    pub reason: Remark,
    /// Which part of a withdrawal this is whose marks take more than one fact; it takes effect once all are known.
    #[n(3)]
    pub part: Option<Part>,
}

/// One of several facts that together are one statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Part {
    /// Of which: the first eight bytes of SHA-256 over what all parts say.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub whole: [u8; 8],
    /// The place among them, from 0.
    #[n(1)]
    pub number: u16,
    /// How many there are.
    #[n(2)]
    pub of: u16,
}

impl Withdrawn {
    /// The withdrawal of a node, in as many facts as its marks take.
    #[must_use]
    pub fn in_parts(node: NodeKey, marks: &[Mark], reason: &Remark) -> Vec<Self> {
        let whole = |marks| Self { node, marks, reason: reason.clone(), part: None };
        if marks.len() <= WITHDRAWN_MARKS_MAX {
            return vec![whole(marks.to_vec())];
        }
        let mut hash = Sha256::new_with_prefix(node.0);
        marks.iter().for_each(|mark| hash.update([mark.feed.0.as_slice(), &mark.seq.0.to_be_bytes()].concat()));
        let mut name = [0; 8];
        name.iter_mut().zip(hash.finalize()).for_each(|(byte, of_hash)| *byte = of_hash);
        let pieces = marks.chunks(WITHDRAWN_MARKS_MAX);
        let of = u16::try_from(pieces.len()).unwrap_or(u16::MAX);
        let part = |(number, marks): (u16, &[Mark])| Self {
            part: Some(Part { whole: name, number, of }),
            ..whole(marks.to_vec())
        };
        (0..of).zip(pieces).map(part).collect()
    }
}

/// Body of [`super::Fact::Trust`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Trust {
    /// The trust list as the root signed it.
    #[n(0)]
    pub list: ByteVec,
}

/// Body of [`super::Fact::Policy`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Policy {
    /// The policy as the root signed it.
    #[n(0)]
    pub policy: ByteVec,
}

/// Body of [`super::Fact::Status`].
pub type Status = crate::status::delta::StatusDelta;

/// Body of [`super::Fact::Receipt`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Receipt {
    /// Durable at the authority up to here; feeds unchanged since the receipt before are left out.
    #[n(0)]
    pub marks: Vec<Mark>,
}

/// Body of [`super::Fact::SealKey`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct SealKey {
    /// Days since 1970 in Asia/Shanghai.
    #[n(0)]
    pub day: u32,
    /// X25519 public key.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub public: [u8; 32],
}

/// Body of [`super::Fact::Issued`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Issued {
    /// Whose code.
    #[n(0)]
    pub person: Person,
    /// Kind, numbered as in the code's body.
    #[n(1)]
    pub kind: u8,
    /// The code.
    #[n(2)]
    pub code: CodeId,
    /// Its status list.
    #[n(3)]
    pub list: u32,
    /// Its index there.
    #[n(4)]
    pub index: u32,
    /// When.
    #[n(5)]
    pub issued_at: Wall,
    /// Until when.
    #[n(6)]
    pub expires_at: Wall,
    /// Who may look results up besides: the guardian of a relative's code.
    #[n(7)]
    pub guardian: Option<Person>,
}

/// Body of [`super::Fact::Revoked`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Revoked {
    /// The code.
    #[n(0)]
    pub code: CodeId,
    /// Whose it was.
    #[n(1)]
    pub person: Person,
    /// Why.
    #[n(2)]
    pub reason: Remark,
}
