//! What people ask of a node, and what it answers.

use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};

use crate::code::issue::IssueError;
use crate::code::{Kind, OfKind};
use crate::fact::{Base, Field, Operator, Outcome, Remark, Route, Stage, Subject};
use crate::id::{Barcode, CodeId, EntryId, FeedHeader, Hash, NodeKey, Person};
use crate::io::PersistError;
use crate::limits::ISSUE_MANY_MAX;
use crate::text::Text;
use crate::time::Wall;
use crate::verify;

/// Something a person at this node wants. Each becomes facts, or a [`Refusal`] and nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Open a tube.
    Open {
        /// Its barcode.
        tube: Barcode,
        /// 1, 5, 10 or 20.
        pool: u8,
        /// Who.
        operator: Operator,
    },
    /// Register a person into a tube.
    Register(Box<Register>),
    /// A registration does not count.
    Void {
        /// Which.
        registration: EntryId,
        /// The tube it is in.
        tube: Barcode,
        /// Why.
        reason: Remark,
        /// Who.
        operator: Operator,
    },
    /// Put a field right.
    Amend {
        /// Which registration.
        registration: EntryId,
        /// The tube it is in.
        tube: Barcode,
        /// Which field.
        field: Field,
        /// What it should say.
        value: Text<64>,
        /// Why.
        reason: Remark,
        /// Who.
        operator: Operator,
    },
    /// Registrations are in the wrong tube; none named means all of them.
    Move {
        /// Which.
        registrations: Vec<EntryId>,
        /// The wrong tube.
        from: Barcode,
        /// The right one.
        to: Barcode,
        /// Why.
        reason: Remark,
        /// Who.
        operator: Operator,
    },
    /// Close a tube.
    Seal {
        /// Which.
        tube: Barcode,
        /// Who.
        operator: Operator,
        /// Seal although it is not full.
        not_full: bool,
    },
    /// Fill a sealed tube again.
    Reopen {
        /// Which.
        tube: Barcode,
        /// Why.
        reason: Remark,
        /// Who.
        operator: Operator,
    },
    /// Put a sealed tube in a box.
    Pack {
        /// Which tube.
        tube: Barcode,
        /// Which box.
        transport: Barcode,
        /// Who.
        operator: Operator,
    },
    /// A box leaves.
    HandOver {
        /// Which.
        transport: Barcode,
        /// To whom.
        to: Text<32>,
        /// Tubes counted by hand.
        count: u16,
        /// Who.
        operator: Operator,
    },
    /// A box or a tube arrived at this laboratory.
    Receive {
        /// Which.
        subject: Subject,
        /// Tubes counted by hand.
        count: u16,
        /// Who.
        operator: Operator,
    },
    /// This laboratory read a tube.
    Report {
        /// Which.
        tube: Barcode,
        /// What was read.
        outcome: Outcome,
        /// Preliminary or final.
        stage: Stage,
        /// Who.
        operator: Operator,
    },
    /// This laboratory takes a reading back.
    Correct {
        /// Which tube.
        tube: Barcode,
        /// What holds.
        outcome: Outcome,
        /// Why.
        reason: Remark,
        /// Who.
        operator: Operator,
    },
    /// The authority decides a conflict.
    Review {
        /// In which document.
        subject: Subject,
        /// Which register.
        register: Text<80>,
        /// What holds.
        value: Text<80>,
        /// Why.
        reason: Remark,
        /// Who.
        operator: Operator,
    },
    /// The authority issues a code; an earlier one of the same kind dies with it (C6).
    Issue(Box<Issue>),
    /// The authority issues codes to several people at once, each as [`Command::Issue`] alone would; at most
    /// [`ISSUE_MANY_MAX`].
    IssueMany(Vec<Issue>),
    /// The authority signs with these keys from now on: at each moment with the one that the trust list has in force.
    SignWith(Vec<SigningKey>),
    /// The authority revokes a code.
    Revoke {
        /// Whose.
        person: Person,
        /// Which kind.
        kind: Kind,
        /// Why.
        reason: Remark,
    },
    /// The authority publishes signed bytes of the root: a certificate, the trust list, the policy.
    Publish(Published),
    /// The authority withdraws a node; what it holds of the node now stands.
    Withdraw {
        /// Which.
        node: NodeKey,
        /// Why.
        reason: Remark,
    },
    /// The authority decides which histories of a forked feed count; what was decided before still counts.
    DecideFork {
        /// Whose feed.
        header: FeedHeader,
        /// The histories, by the hash of their first own entry.
        keep: Vec<Hash>,
        /// Why.
        reason: Remark,
    },
    /// The authority lets go of the beginnings of feeds, as [`crate::project::bases_before`] found them.
    Prune {
        /// Nothing stamped at this moment or later is among them.
        before: Wall,
        /// Where each feed begins from now on.
        bases: Vec<Base>,
    },
    /// The authority publishes the key that details are sealed to.
    PublishSealKey {
        /// Days since 1970 in Asia/Shanghai.
        day: u32,
        /// X25519 public key.
        public: [u8; 32],
    },
}

/// What the root signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// A node's certificate.
    Certificate(Vec<u8>),
    /// The issuing keys.
    Trust(Vec<u8>),
    /// The policy.
    Policy(Vec<u8>),
}

/// Who stands at the desk, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presented {
    /// The text of a code, as a scanner, a camera or a hand delivered it.
    Code(String),
    /// A document that was read or typed, already checked and pseudonymised.
    Document {
        /// Who.
        person: Person,
        /// How: [`Route::Document`], [`Route::Stated`] or [`Route::ByHand`].
        route: Route,
        /// Document type, numbered as in the documents table.
        document: u8,
        /// Last four characters.
        last_four: Text<4>,
        /// Masked name.
        name: Text<24>,
        /// The parent of an infant.
        guardian: Option<Person>,
        /// Details sealed to the authority, at most [`crate::limits::DETAILS_BYTES_MAX`].
        details: Option<Vec<u8>>,
    },
}

/// Register a person into a tube.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    /// Into which.
    pub tube: Barcode,
    /// Who, and how that is known.
    pub presented: Presented,
    /// By whom.
    pub operator: Operator,
    /// Goes on despite a warning that asks for a reason.
    pub reason: Option<Remark>,
}

/// Issue a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Whose.
    pub person: Person,
    /// Masked name.
    pub name: String,
    /// Document type.
    pub document: u8,
    /// Last four characters of the document.
    pub last_four: String,
    /// Which kind, and what only this kind has.
    pub of_kind: OfKind,
}

/// An earlier registration, as the desk tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earlier {
    /// The registration.
    pub registration: EntryId,
    /// When, milliseconds since 1970 UTC, as its writer claims.
    pub at: Wall,
    /// Where: the node's name if known, else the beginning of its key.
    pub site: String,
    /// By whom.
    pub operator: String,
    /// Into which tube.
    pub tube: Barcode,
}

/// What came of a registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The colour.
    pub verdict: verify::Verdict,
    /// The first reason, in the order of the checks: `ok` when green.
    pub reason: String,
    /// All reasons.
    pub reasons: Vec<String>,
    /// The registration, if it is on disk.
    pub registration: Option<EntryId>,
    /// Whether going on needs a reason.
    pub needs_reason: bool,
    /// Who, as a pseudonym; absent when the code said nothing that can be believed.
    pub person: Option<Person>,
    /// Masked name to compare with the card.
    pub name: Option<String>,
    /// Last four of the document to compare with the card.
    pub last_four: Option<String>,
    /// How the person was identified.
    pub route: Option<Route>,
    /// The tube.
    pub tube: Barcode,
    /// Registrations in the tube now.
    pub count: u16,
    /// How many it is meant for.
    pub pool: u8,
    /// Earlier registrations inside the window.
    pub earlier: Vec<Earlier>,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A registration's verdict; red ones are answers too.
    Verdict(Box<Verdict>),
    /// The facts are on disk.
    Done {
        /// Their entries.
        entries: Vec<EntryId>,
        /// Warnings worth showing, e.g. `sealed-not-full`.
        warnings: Vec<&'static str>,
    },
    /// A code was issued and its registry entry is on disk.
    Issued {
        /// The text that goes into the QR code.
        text: String,
        /// The code.
        code: CodeId,
        /// Until when.
        expires_at: Wall,
        /// The code of the same kind that died with it.
        replaced: Option<CodeId>,
    },
    /// What came of each order of [`Command::IssueMany`], in the order asked; what was issued is on disk.
    IssuedMany(Vec<Result<NewText, IssueError>>),
}

/// One code of many that were issued together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewText {
    /// The text that goes into the QR code.
    pub text: String,
    /// The code.
    pub code: CodeId,
    /// Since when.
    pub issued_at: Wall,
    /// Until when.
    pub expires_at: Wall,
    /// The code of the same kind that died with it.
    pub replaced: Option<CodeId>,
}

/// Why nothing was done. The operator is told what to do; no state changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not on disk.
    #[error(transparent)]
    Disk(#[from] PersistError),
    /// The tables cannot be read.
    #[error("the store cannot be read: restart the node, it repairs itself; everything shown as accepted is safe")]
    Store,
    /// What it would write counts nowhere.
    #[error("the authority withdrew this node: work at another one, and ask the authority")]
    Withdrawn,
    /// This role may not say that.
    #[error("a {role:?} node cannot do this")]
    Role {
        /// The role of this node.
        role: crate::fact::Role,
    },
    /// Nobody opened that tube here.
    #[error("tube {tube} is not open: scan its barcode to open it")]
    TubeNotOpen {
        /// Which.
        tube: Barcode,
    },
    /// It was opened before.
    #[error("tube {tube} is open already")]
    TubeOpen {
        /// Which.
        tube: Barcode,
    },
    /// It is sealed.
    #[error("tube {tube} is sealed: open another tube")]
    TubeSealed {
        /// Which.
        tube: Barcode,
    },
    /// It is full.
    #[error("tube {tube} is full ({count} of {pool}): seal it and open another, or go on with a reason")]
    TubeFull {
        /// Which.
        tube: Barcode,
        /// Registrations in it.
        count: u16,
        /// How many it is meant for.
        pool: u8,
    },
    /// It is not full.
    #[error("tube {tube} holds {count} of {pool}: confirm that it is to be sealed all the same")]
    TubeNotFull {
        /// Which.
        tube: Barcode,
        /// Registrations in it.
        count: u16,
        /// How many it is meant for.
        pool: u8,
    },
    /// It is not sealed.
    #[error("tube {tube} is not sealed: seal it before it is packed")]
    TubeNotSealed {
        /// Which.
        tube: Barcode,
    },
    /// It is open.
    #[error("tube {tube} is not sealed: there is nothing to reopen")]
    TubeStillOpen {
        /// Which.
        tube: Barcode,
    },
    /// It is in a transport box.
    #[error("tube {tube} was packed in a box: open another tube")]
    TubePacked {
        /// Which.
        tube: Barcode,
    },
    /// A pool of another size.
    #[error("a tube is for 1, 5, 10 or 20 people")]
    PoolSize,
    /// The registration is not in that tube, or was voided.
    #[error("there is no such registration in tube {tube}")]
    NoSuchRegistration {
        /// Which tube was looked at.
        tube: Barcode,
    },
    /// The laboratory has not reported that tube.
    #[error("this laboratory has not reported tube {tube}: report it first")]
    NotReported {
        /// Which.
        tube: Barcode,
    },
    /// A report is preliminary or final.
    #[error("a correction of tube {tube} needs a reason: correct it, instead of reporting it as corrected")]
    CorrectedWithoutReason {
        /// Which.
        tube: Barcode,
    },
    /// The person has no such code.
    #[error("this person has no valid code of that kind")]
    NoSuchCode,
    /// The code cannot be issued as asked.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The authority has no issuing key.
    #[error("this authority has no active issuing key")]
    NoIssuerKey,
    /// The bytes are not signed by the root, or older than what holds.
    #[error("not signed by the root key, or older than what already holds")]
    NotOfTheRoot,
    /// Nobody proved that.
    #[error("no such fork is known, or it has no such history: see `swabmesh log forks`")]
    NoSuchFork,
    /// The node is not enrolled.
    #[error("no such node is enrolled")]
    NoSuchNode,
    /// More orders than one command takes.
    #[error("at most {ISSUE_MANY_MAX} codes are issued at once")]
    TooMany,
    /// More than a fact can hold.
    #[error("too much for one entry of the log")]
    TooLong,
    /// Too many commands are waiting.
    #[error("too many requests are waiting: try again in a moment")]
    Busy,
}
