//! HS1: the code a resident shows (docs/code-format.md).
//!
//! `HS1:` + base45 of a tagged COSE_Sign1 whose payload is a CWT. [`text`] and [`parse`] read one without
//! judging it, [`issue`] builds one; [`crate::verify`] judges.

use crate::id::{CodeId, Person};

pub mod issue;
pub mod parse;
pub mod text;

/// CWT claims (RFC 8392, RFC 8747) and the private claim of the body.
mod claim {
    pub(super) const EXP: i64 = 4;
    pub(super) const IAT: i64 = 6;
    pub(super) const CTI: i64 = 7;
    pub(super) const CNF: i64 = 8;
    pub(super) const BODY: i64 = -65_537;
}

/// Keys of the body map.
mod body {
    pub(super) const KIND: i64 = 1;
    pub(super) const PERSON: i64 = 2;
    pub(super) const MASKED_NAME: i64 = 3;
    pub(super) const DOCUMENT_TYPE: i64 = 4;
    pub(super) const LAST_FOUR: i64 = 5;
    pub(super) const GUARDIAN: i64 = 6;
    pub(super) const CATEGORY: i64 = 7;
    pub(super) const STATUS: i64 = 8;
    pub(super) const SERIAL: i64 = 10;
    pub(super) const CREDENTIAL: i64 = 11;
}

/// What sort of code it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// 核酸码: issued once, shown from a screenshot, reused until it expires (C1).
    Static,
    /// 亲属码: of a relative, shown by the guardian (C4).
    Relative,
    /// 纸质离线随申码: printed, shown together with the card (C3).
    Paper,
    /// What lives in the phone behind a live code; never shown alone.
    LiveCredential,
    /// 随申码: a live credential in a frame the phone signed seconds ago (C5).
    LivePresentation,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Static, Self::Relative, Self::Paper, Self::LiveCredential, Self::LivePresentation];

    /// The number in the body.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Static => 0,
            Self::Relative => 1,
            Self::Paper => 2,
            Self::LiveCredential => 8,
            Self::LivePresentation => 9,
        }
    }

    /// The kind with that number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// The name in JSON and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Relative => "relative",
            Self::Paper => "paper",
            Self::LiveCredential => "live-credential",
            Self::LivePresentation => "live-presentation",
        }
    }
}

/// Why somebody has a code that another person asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// Under 18 on the day of issue.
    Minor,
    /// 60 or over on the day of issue.
    Elder,
    /// Cannot apply in person.
    UnableToApply,
}

impl Category {
    /// Every category.
    pub const ALL: [Self; 3] = [Self::Minor, Self::Elder, Self::UnableToApply];

    /// The number in the body.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Minor => 1,
            Self::Elder => 2,
            Self::UnableToApply => 3,
        }
    }

    /// The category with that number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.number() == number)
    }

    /// The name in JSON and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minor => "minor",
            Self::Elder => "elder",
            Self::UnableToApply => "unable-to-apply",
        }
    }
}

/// Where a code's revocation bit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusRef {
    /// Number of the status list.
    pub list: u32,
    /// Bit in that list.
    pub index: u32,
}

/// What an issuer says of one person; the content of a credential of any kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Issued at, seconds since 1970 UTC.
    pub iat_s: u64,
    /// Expires at, seconds since 1970 UTC; later than `iat_s`.
    pub exp_s: u64,
    /// The code's own random identifier.
    pub cti: CodeId,
    /// Whose code it is.
    pub person: Person,
    /// The name with its middle hidden (张*三), 1 to 64 bytes, no controls.
    pub masked_name: String,
    /// Type of the document, 1 to 9; see docs/documents.md.
    pub document_type: u8,
    /// The last four characters of the document's number.
    pub last_four: String,
    /// Where it is revoked.
    pub status: StatusRef,
    /// What only this kind has.
    pub of_kind: OfKind,
}

impl Credential {
    /// What sort of code it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.of_kind.kind()
    }
}

/// What only one kind of credential has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfKind {
    /// Nothing more.
    Static,
    /// Who asked for it, and why they may.
    Relative {
        /// The applicant.
        guardian: Person,
        /// Why the relative cannot have a code of their own.
        category: Category,
    },
    /// A printed code.
    Paper {
        /// Why the person has no phone.
        category: Category,
        /// Number of this print.
        serial: u64,
    },
    /// A credential bound to a phone.
    Live {
        /// The phone's raw Ed25519 public key (claim `cnf`).
        device: [u8; 32],
    },
}

impl OfKind {
    /// What sort of credential has this.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Static => Kind::Static,
            Self::Relative { .. } => Kind::Relative,
            Self::Paper { .. } => Kind::Paper,
            Self::Live { .. } => Kind::LiveCredential,
        }
    }
}
