//! What the API answers besides the views of the core.

use serde::{Deserialize, Serialize};
use swabmesh_protocol::command::Verdict;
use swabmesh_protocol::copies::Custody;
use swabmesh_protocol::fact::{Route, Subject};
use swabmesh_protocol::id::{Barcode, CodeId, EntryId, Hash, NodeKey, Person};
use swabmesh_protocol::results::{Reading, Recall};
use swabmesh_protocol::time::Wall;
use swabmesh_protocol::verify::Reason;

/// What `POST /registrations` answers, whatever the colour.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Judged {
    /// The verdict of the core.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The reason in words.
    pub words: String,
    /// The reason in Chinese, where there is one.
    pub chinese: String,
    /// What the operator does next.
    pub what_to_do: String,
    /// Soft rules of the document that did not hold, in words.
    pub document_warnings: Vec<String>,
}

impl Judged {
    /// Puts words to a verdict.
    #[must_use]
    pub fn new(verdict: Verdict, document_warnings: Vec<String>) -> Self {
        let reason = Reason::from_name(&verdict.reason);
        let words = reason.map_or_else(|| verdict.reason.replace('-', " "), |reason| reason.words().to_owned());
        let chinese = reason.map(Reason::chinese).unwrap_or_default().to_owned();
        let what_to_do = match reason {
            // The person is registered already when the verdict comes.
            Some(Reason::Ok) => String::new(),
            Some(reason) => reason.next_step().to_owned(),
            None if verdict.needs_reason => "Go on only with a reason.".to_owned(),
            None => String::new(),
        };
        Self { verdict, words, chinese, what_to_do, document_warnings }
    }
}

/// One registration in `GET /registrations`, as it was written; corrections are in the view of its tube.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegistrationLine {
    /// The registration.
    pub registration: EntryId,
    /// When.
    pub at: Wall,
    /// Into which tube.
    pub tube: Barcode,
    /// Who, as a pseudonym.
    pub person: Person,
    /// Masked name.
    pub name: String,
    /// Last four of the document.
    pub last_four: String,
    /// How they were identified.
    pub route: Route,
    /// By whom.
    pub operator: String,
    /// Where its farthest copy is.
    pub held: Custody,
}

/// What most commands answer: the facts are on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Their entries.
    pub entries: Vec<EntryId>,
    /// Warnings worth showing, e.g. `opened-elsewhere`.
    pub warnings: Vec<String>,
}

/// What `POST /codes` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedCode {
    /// The text that goes into the QR code.
    pub text: String,
    /// The code.
    pub code: CodeId,
    /// Until when.
    pub expires_at: Wall,
    /// The code of the same kind that died with it.
    pub replaced: Option<CodeId>,
    /// Whose, as a pseudonym.
    pub person: Person,
    /// Masked name.
    pub name: String,
    /// Last four of the document.
    pub last_four: String,
}

/// What one person may know of one of their registrations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PersonResult {
    /// The registration.
    pub registration: EntryId,
    /// When.
    pub registered_at: Wall,
    /// The tube.
    pub tube: Barcode,
    /// The reading that counts; absent until there is one.
    pub result: Option<Reading>,
    /// Laboratories differ, and nobody has decided yet: the safer reading is shown.
    pub disputed: bool,
    /// A pool was positive: only a test of one's own tells.
    pub retest: bool,
}

/// What `POST /results/lookup` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LookedUp {
    /// Masked name.
    pub name: String,
    /// Last four of the document.
    pub last_four: String,
    /// Newest last.
    pub results: Vec<PersonResult>,
}

/// What `GET /recall/{tube}` answers: everyone in a positive pool (T3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecallList {
    /// The pool.
    pub tube: Barcode,
    /// The reading that counts.
    pub result: Option<Reading>,
    /// Whom to test again; empty unless the reading is positive.
    pub people: Vec<RecallLine>,
}

/// One line of a recall list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecallLine {
    /// Who, and how far the re-test is.
    #[serde(flatten)]
    pub recall: Recall,
    /// Masked name; absent while the registration itself has not arrived.
    pub name: Option<String>,
    /// Last four of the document, likewise.
    pub last_four: Option<String>,
    /// The site that registered them, likewise.
    pub site: Option<NodeKey>,
}

/// One tube in `GET /tubes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TubeLine {
    /// Its barcode.
    pub tube: Barcode,
    /// How many it is meant for.
    pub pool: Option<u8>,
    /// Registrations that count.
    pub count: u32,
    /// Whether somebody sealed it.
    pub sealed: bool,
    /// The reading that counts.
    pub result: Option<Reading>,
    /// Conflicts somebody has to decide.
    pub conflicts: usize,
}

/// What `GET /heads` answers: two nodes that hold the same facts answer the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeadsDigest {
    /// SHA-256 over each document's kind, barcode and digest, in the order listed.
    pub digest: Hash,
    /// Documents in it.
    pub documents: usize,
    /// Facts that wait for others, in all documents.
    pub held_back: usize,
    /// Each document; left out unless `?each=true`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub each: Vec<DocumentHeads>,
}

/// The heads of one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DocumentHeads {
    /// Which.
    pub subject: Subject,
    /// SHA-256 over its heads.
    pub digest: Hash,
}
