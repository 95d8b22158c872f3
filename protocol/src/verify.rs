//! Step 2, verify: checks 2–13 of docs/code-format.md, in their order; the first that fails gives the reason.
//!
//! Checks 14–16 (`replayed`, `clock-doubtful`, `already-registered`) need what happened at the site and belong to
//! the next step; their names and verdicts are in [`Reason`], and [`Verified`] carries what they need.

use crate::code::parse::{Code, Content, CredentialRef, PresentationRef};
use crate::code::{Credential, Kind, text};
use crate::id::CodeId;
use crate::policy::Policy;
use crate::scan::Scanned;
use crate::status::StatusLists;
use crate::trust::TrustList;

mod credential;
pub mod file;
mod live;
mod reason;

pub use reason::{Reason, Reasons, Verdict};

/// What a site knows when it judges a code, all of it signed by the authority.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Knowledge {
    /// Whose signatures count.
    pub trust: TrustList,
    /// What was revoked.
    pub status: StatusLists,
    /// How long things last.
    pub policy: Policy,
}

/// A code that passed checks 2–12. Only [`verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    credential: Credential,
    presentation: Option<Presentation>,
    reasons: Reasons,
}

/// The frame a phone put around a live credential, seconds ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presentation {
    /// Random identifier of this presentation: seen again at another desk before `window_end_s`, it is replayed.
    pub cti: CodeId,
    /// Last second, since 1970 UTC, at which it is accepted.
    pub window_end_s: u64,
}

impl Verified {
    /// What the issuer says of the person.
    #[must_use]
    pub const fn credential(&self) -> &Credential {
        &self.credential
    }

    /// The phone's frame, of a live code.
    #[must_use]
    pub const fn presentation(&self) -> Option<&Presentation> {
        self.presentation.as_ref()
    }

    /// What sort of code was shown.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        if self.presentation.is_some() { Kind::LivePresentation } else { self.credential.kind() }
    }

    /// The warnings so far, all amber (check 13).
    #[must_use]
    pub const fn reasons(&self) -> Reasons {
        self.reasons
    }
}

/// A code that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why; its verdict is red.
    pub reason: Reason,
    /// The kind shown and what its issuer signed, once the issuer's signature holds; `None` says that nothing in the
    /// code can be believed.
    pub proven: Option<Box<(Kind, Credential)>>,
}

impl Refused {
    const fn unproven(reason: Reason) -> Self {
        Self { reason, proven: None }
    }

    fn proven(reason: Reason, kind: Kind, credential: &CredentialRef<'_>) -> Self {
        Self { reason, proven: Some(Box::new((kind, credential.to_credential()))) }
    }

    /// The same refusal of a code that wraps the one that was judged.
    fn shown_as(mut self, kind: Kind) -> Self {
        if let Some(proven) = &mut self.proven {
            proven.0 = kind;
        }
        self
    }
}

/// Judges one scan at `now_s`, the site's agreed time in seconds since 1970 UTC. Pure; needs no network (C2).
///
/// # Errors
/// [`Refused`] with the reason of the first check that failed.
pub fn verify(now_s: u64, scanned: &Scanned, knowledge: &Knowledge) -> Result<Verified, Refused> {
    let bytes = code_bytes(scanned, &knowledge.policy).map_err(Refused::unproven)?;
    let code = Code::parse(&bytes).map_err(|_| Refused::unproven(Reason::BadEncoding))?;
    if code.sign1.alg.is_none() {
        return Err(Refused::unproven(Reason::UnsupportedAlgorithm));
    }
    match &code.content {
        Content::Credential(credential) => bearer(now_s, &code, credential, knowledge),
        Content::Presentation(presentation) => presented(now_s, &code, presentation, knowledge),
    }
}

/// Checks 2–4, as far as the text goes.
fn code_bytes(scanned: &Scanned, policy: &Policy) -> Result<Vec<u8>, Reason> {
    if policy.is_legacy(scanned.text()) {
        return Err(Reason::LegacyCode);
    }
    let base45 = scanned.text().strip_prefix(text::PREFIX).ok_or(Reason::NotACode)?;
    if scanned.is_overlong() {
        return Err(Reason::BadEncoding);
    }
    text::decode_base45(base45).ok_or(Reason::BadEncoding)
}

/// A code that is its own proof: static, relative, paper. A bare live credential ends at check 11.
fn bearer(now_s: u64, code: &Code<'_>, shown: &CredentialRef<'_>, knowledge: &Knowledge) -> Result<Verified, Refused> {
    credential::issued(now_s, code, shown, knowledge)?;
    let kind = shown.of_kind.kind();
    if kind == Kind::LiveCredential {
        return Err(Refused::proven(Reason::Screenshot, kind, shown));
    }
    standing(now_s, kind, shown, None, knowledge)
}

/// A live code: what the phone signed, and what the issuer signed inside it.
fn presented(
    now_s: u64,
    code: &Code<'_>,
    shown: &PresentationRef<'_>,
    knowledge: &Knowledge,
) -> Result<Verified, Refused> {
    credential::lifetime(Kind::LivePresentation, shown.times, &knowledge.policy).map_err(Refused::unproven)?;
    let inner = Code::parse(shown.credential).map_err(|_| Refused::unproven(Reason::BadEncoding))?;
    let Content::Credential(credential) = &inner.content else {
        return Err(Refused::unproven(Reason::BadEncoding));
    };
    let device = live::device(credential).map_err(Refused::unproven)?;
    credential::issued(now_s, &inner, credential, knowledge)
        .map_err(|refused| refused.shown_as(Kind::LivePresentation))?;
    live::signed_by(&code.sign1, &device).map_err(Refused::unproven)?;
    let window_end_s = live::window(now_s, shown.times, &knowledge.policy)
        .map_err(|reason| Refused::proven(reason, Kind::LivePresentation, credential))?;
    let presentation = Presentation { cti: shown.times.cti, window_end_s };
    standing(now_s, Kind::LivePresentation, credential, Some(presentation), knowledge)
}

/// Checks 12 and 13, and with them the end of this step.
fn standing(
    now_s: u64,
    kind: Kind,
    credential: &CredentialRef<'_>,
    presentation: Option<Presentation>,
    knowledge: &Knowledge,
) -> Result<Verified, Refused> {
    let mut reasons = Reasons::default();
    match credential::standing(now_s, credential.status, knowledge) {
        Ok(warning) => reasons.insert(warning),
        Err(reason) => return Err(Refused::proven(reason, kind, credential)),
    }
    Ok(Verified { credential: credential.to_credential(), presentation, reasons })
}
