//! Step 3, register: a person who was verified, or a document that was checked, meets a tube.
//!
//! Adds the checks that need what happened here: replayed (14), clock doubtful (15), already registered (16), and
//! the tube's own state. What comes out is a fact to be appended and the verdict to be shown once it is on disk.

use minicbor::bytes::ByteVec;

use crate::code::OfKind;
use crate::command::{Earlier, Presented, Refusal, Register, Verdict};
use crate::fact::{Registered, Route};
use crate::id::{CodeId, Person};
use crate::io::Prior;
use crate::limits::DETAILS_BYTES_MAX;
use crate::scan::Scanned;
use crate::text::Text;
use crate::time::Wall;
use crate::tube::summary::Summary;
use crate::verify::{Knowledge, Reason, Reasons, Refused, Verified, verify};

/// Number of the first amber reason: warnings are stored as bits counted from it.
const FIRST_WARNING: u8 = Reason::ListMissing.number();

/// A person, believed on the strength of a code or of a checked document.
#[derive(Debug, Clone)]
pub struct Identified {
    /// Who.
    pub person: Person,
    route: Route,
    document: u8,
    last_four: Text<4>,
    name: Text<24>,
    code: Option<CodeId>,
    guardian: Option<Person>,
    details: Option<Vec<u8>>,
    live: bool,
    reasons: Reasons,
}

/// Identifies who is presented, at the agreed time.
///
/// # Errors
/// The red verdict's material: the reason, and what the code says if it can be believed.
pub fn identify(now: Wall, presented: Presented, knowledge: &Knowledge) -> Result<Identified, Refused> {
    match presented {
        Presented::Code(text) => {
            verify(now.seconds(), &Scanned::from_text(&text), knowledge).map(|verified| Identified::of_code(&verified))
        }
        Presented::Document { person, route, document, last_four, name, guardian, details } => Ok(Identified {
            person,
            route,
            document,
            last_four,
            name,
            code: None,
            guardian,
            details,
            live: false,
            reasons: Reasons::default(),
        }),
    }
}

impl Identified {
    fn of_code(verified: &Verified) -> Self {
        let credential = verified.credential();
        let (route, guardian) = match credential.of_kind {
            OfKind::Static => (Route::Static, None),
            OfKind::Relative { guardian, .. } => (Route::Relative, Some(guardian)),
            OfKind::Paper { .. } => (Route::Paper, None),
            OfKind::Live { .. } => (Route::Live, None),
        };
        Self {
            person: credential.person,
            route,
            document: credential.document_type,
            last_four: Text::truncated(&credential.last_four),
            name: Text::truncated(&credential.masked_name),
            code: Some(verified.presentation().map_or(credential.cti, |shown| shown.cti)),
            guardian,
            details: None,
            live: verified.presentation().is_some(),
            reasons: verified.reasons(),
        }
    }
}

/// What a desk knows when it decides.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// The tube.
    pub summary: &'a Summary,
    /// The person's registrations inside the window, newest last.
    pub prior: &'a [Prior],
    /// Whether this node's clock is doubtful.
    pub clock_doubtful: bool,
    /// This node.
    pub own: crate::id::NodeKey,
    /// This node's feed, whose entries need not be named as seen.
    pub feed: crate::id::FeedId,
}

/// Decides on a registration: the fact to append, if any, and the verdict to show when that is on disk.
///
/// # Errors
/// A [`Refusal`] that has nothing to do with the person: the tube is not open, sealed, or full.
pub fn decide(
    command: &Register,
    who: &Identified,
    at: &Circumstances<'_>,
    name_of: &dyn Fn(&crate::id::NodeKey) -> String,
) -> Result<(Option<Registered>, Verdict), Refusal> {
    let (tube, summary) = (command.tube.clone(), at.summary);
    let Some(pool) = summary.pool() else { return Err(Refusal::TubeNotOpen { tube }) };
    if summary.is_sealed() {
        return Err(Refusal::TubeSealed { tube });
    }
    let count = u16::try_from(summary.members().len()).unwrap_or(u16::MAX);
    if count >= u16::from(pool) && command.reason.is_none() {
        return Err(Refusal::TubeFull { tube, count, pool });
    }
    if who.details.as_ref().is_some_and(|details| details.len() > DETAILS_BYTES_MAX) {
        return Err(Refusal::TooLong);
    }
    let mut reasons = who.reasons;
    let replayed = |prior: &Prior| who.live && prior.code == who.code && prior.site != at.own;
    if at.prior.iter().any(replayed) {
        reasons.insert(Reason::Replayed);
    }
    if at.clock_doubtful {
        reasons.insert(Reason::ClockDoubtful);
    }
    if !at.prior.is_empty() {
        reasons.insert(Reason::AlreadyRegistered);
    }
    let red = reasons.contains(Reason::Replayed);
    let needs_reason = !red && reasons.contains(Reason::AlreadyRegistered) && command.reason.is_none();
    let verdict = Verdict {
        verdict: reasons.verdict(),
        reason: reasons.first().name().to_owned(),
        reasons: reasons.iter().map(|reason| reason.name().to_owned()).collect(),
        registration: None,
        needs_reason,
        person: Some(who.person),
        name: Some(who.name.to_string()),
        last_four: Some(who.last_four.to_string()),
        route: Some(who.route),
        tube: tube.clone(),
        count: if red || needs_reason { count } else { count.saturating_add(1) },
        pool,
        earlier: at.prior.iter().map(|prior| earlier(prior, name_of)).collect(),
    };
    if red || needs_reason {
        return Ok((None, verdict));
    }
    let seen = summary.next_seen(at.feed);
    let fact = Registered {
        tube,
        person: who.person,
        route: who.route,
        document: who.document,
        last_four: who.last_four.clone(),
        name: who.name.clone(),
        operator: command.operator.clone(),
        warnings: warnings(reasons),
        code: who.code,
        guardian: who.guardian,
        reason: command.reason.clone(),
        details: who.details.clone().map(ByteVec::from),
        seen: (!seen.is_empty()).then_some(seen),
    };
    Ok((Some(fact), verdict))
}

/// The verdict on a code that was refused.
#[must_use]
pub fn refused(refused: &Refused, command_tube: &crate::id::Barcode) -> Verdict {
    let credential = refused.proven.as_ref().map(|proven| &proven.1);
    Verdict {
        verdict: refused.reason.verdict(),
        reason: refused.reason.name().to_owned(),
        reasons: vec![refused.reason.name().to_owned()],
        registration: None,
        needs_reason: false,
        person: credential.map(|credential| credential.person),
        name: credential.map(|credential| credential.masked_name.clone()),
        last_four: credential.map(|credential| credential.last_four.clone()),
        route: None,
        tube: command_tube.clone(),
        count: 0,
        pool: 0,
        earlier: Vec::new(),
    }
}

fn earlier(prior: &Prior, name_of: &dyn Fn(&crate::id::NodeKey) -> String) -> Earlier {
    Earlier {
        registration: prior.registration,
        at: prior.stamp.wall(),
        site: name_of(&prior.site),
        operator: prior.operator.to_string(),
        tube: prior.tube.clone(),
    }
}

/// Amber reasons as bits, the earliest check lowest.
fn warnings(reasons: Reasons) -> u8 {
    let bit = |reason: Reason| 1u8.checked_shl(u32::from(reason.number() - FIRST_WARNING)).unwrap_or(0);
    reasons.iter().filter(|reason| reason.number() >= FIRST_WARNING).map(bit).fold(0, |bits, bit| bits | bit)
}

#[cfg(test)]
mod tests;
