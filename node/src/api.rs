//! The shapes of the JSON API under `/api/v1`: what is sent, and what comes back besides the views of the core.
//!
//! The server reads these types and the command line writes them, so neither can drift from the other.

mod answer;
mod bundle;
mod fork;
mod person;

pub use answer::{
    DocumentHeads, Done, HeadsDigest, IssuedCode, Judged, LookedUp, PersonResult, RecallLine, RecallList,
    RegistrationLine, TubeLine,
};
pub use bundle::{ExportBundle, HeldFeed, ImportReport, RefusedStretch};
pub use fork::{BranchLine, DecideFork, ForkLine, Keep};
pub use person::{DocumentEntry, GuardianEntry};

use serde::{Deserialize, Serialize};
use swabmesh_protocol::code::Kind;
use swabmesh_protocol::fact::{Field, Operator, Outcome, Remark, Stage, Subject};
use swabmesh_protocol::id::{Barcode, EntryId, Person};
use swabmesh_protocol::text::Text;

/// Where every path begins.
pub const BASE: &str = "/api/v1";

/// `POST /tubes`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenTube {
    /// Its barcode.
    pub tube: Barcode,
    /// 1, 5, 10 or 20.
    pub pool: u8,
    /// Who.
    pub operator: Operator,
}

/// `POST /tubes/{barcode}/seal`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealTube {
    /// Who.
    pub operator: Operator,
    /// Seal although it is not full.
    #[serde(default)]
    pub not_full: bool,
}

/// `POST /tubes/{barcode}/reopen`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReopenTube {
    /// Why.
    pub reason: Remark,
    /// Who.
    pub operator: Operator,
}

/// `POST /tubes/{barcode}/move`: the tube in the path is the wrong one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoveRegistrations {
    /// Which; none means all of them.
    #[serde(default)]
    pub registrations: Vec<EntryId>,
    /// The right tube.
    pub to: Barcode,
    /// Why.
    pub reason: Remark,
    /// Who.
    pub operator: Operator,
}

/// `POST /registrations`: exactly one of `code` and `document`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRegistration {
    /// Into which tube.
    pub tube: Barcode,
    /// By whom.
    pub operator: Operator,
    /// Goes on despite a warning that asks for a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Remark>,
    /// The text of a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// A document that was shown or stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<DocumentEntry>,
    /// With a document without a telephone: it is the one of the person's last visit here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub same_phone: bool,
}

/// `POST /registrations/{id}/void`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoidRegistration {
    /// The tube it is in.
    pub tube: Barcode,
    /// Why.
    pub reason: Remark,
    /// Who.
    pub operator: Operator,
}

/// `POST /registrations/{id}/amend`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AmendRegistration {
    /// The tube it is in.
    pub tube: Barcode,
    /// Which field.
    pub field: Field,
    /// What it should say.
    pub value: Text<64>,
    /// Why.
    pub reason: Remark,
    /// Who.
    pub operator: Operator,
}

/// `POST /boxes/{barcode}/pack`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackTube {
    /// Which tube.
    pub tube: Barcode,
    /// Who.
    pub operator: Operator,
}

/// `POST /boxes/{barcode}/handover`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandOverBox {
    /// To whom.
    pub to: Text<32>,
    /// Tubes counted by hand.
    pub count: u16,
    /// Who.
    pub operator: Operator,
}

/// `POST /boxes/{barcode}/receive` and `POST /tubes/{barcode}/receive`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receive {
    /// Tubes counted by hand; 1 for a tube.
    pub count: u16,
    /// Who.
    pub operator: Operator,
}

/// `POST /results`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportResult {
    /// Which tube.
    pub tube: Barcode,
    /// What was read.
    pub outcome: Outcome,
    /// Preliminary or final.
    pub stage: Stage,
    /// Who.
    pub operator: Operator,
}

/// `POST /results/correct`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorrectResult {
    /// Which tube.
    pub tube: Barcode,
    /// What holds.
    pub outcome: Outcome,
    /// Why.
    pub reason: Remark,
    /// Who.
    pub operator: Operator,
}

/// `POST /reviews`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// In which document: `{"tube": "T1"}` or `{"box": "B1"}`.
    pub subject: Subject,
    /// Which register, as the conflict in the view names it.
    pub register: Text<80>,
    /// What holds, in the register's own form.
    pub value: Text<80>,
    /// Why.
    pub reason: Remark,
    /// Who.
    pub operator: Operator,
}

/// A kind of code that the authority issues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IssuedKind {
    /// 核酸码 (C1).
    Static,
    /// 亲属码 (C4).
    Relative,
    /// 纸质离线随申码 (C3).
    Paper,
    /// The credential behind a 随申码 (C5).
    Live,
}

impl From<IssuedKind> for Kind {
    fn from(kind: IssuedKind) -> Self {
        match kind {
            IssuedKind::Static => Self::Static,
            IssuedKind::Relative => Self::Relative,
            IssuedKind::Paper => Self::Paper,
            IssuedKind::Live => Self::LiveCredential,
        }
    }
}

/// `POST /codes`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssueCode {
    /// Which kind.
    pub kind: IssuedKind,
    /// For whom; the guardian in it is the applicant of a relative's code.
    pub document: DocumentEntry,
    /// The person cannot apply, or has no phone, whatever their age.
    #[serde(default)]
    pub unable_to_apply: bool,
    /// Number of the print, on a paper code; drawn if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<u64>,
    /// The phone's Ed25519 public key in hexadecimal, on a live credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

/// `POST /codes/revoke`: the person by pseudonym or by document.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeCode {
    /// Whose, as a pseudonym.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Person>,
    /// Whose, by document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<DocumentEntry>,
    /// Which kind.
    pub kind: IssuedKind,
    /// Why.
    pub reason: Remark,
}

/// `POST /nodes`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishCertificate {
    /// The certificate as the root signed it, in hexadecimal.
    pub certificate: String,
}

/// `POST /nodes/{key}/withdraw`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithdrawNode {
    /// Why.
    pub reason: Remark,
}

/// `POST /results/lookup`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// The text of a code that is valid now.
    pub code: String,
}
