//! What people see of a tube.
//!
//! *Which* values stand comes from the automerge document alone; *what* was said (names, operators, stamps)
//! comes from the facts those values point to.

use serde::Serialize;

use super::claim::{Author, Claim, Claims, Conflict};
use super::key::{self, Key};
use super::{Document, DocumentFact, Health};
use crate::fact::{Fact, Field, Registered, Remark, Route, Subject};
use crate::id::{Barcode, EntryId, Person};
use crate::results::{LabResult, Report, Verdict, weigh};
use crate::text::Text;

/// The statement that opened the tube, or a review of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Opening {
    /// How many people it is meant for.
    pub pool: u8,
    /// Who opened it.
    pub by: Author,
}

/// The statement that closed the tube, or a review of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seal {
    /// Registrations counted then.
    pub count: u8,
    /// Who closed it.
    pub by: Author,
}

/// The statement that a sealed tube is filled again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reopening {
    /// Why.
    pub reason: Remark,
    /// Who reopened it.
    pub by: Author,
}

/// A count of tubes by hand at an arrival; 1 for a tube.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Arrival {
    /// Tubes counted.
    pub count: u16,
    /// Who took it in.
    pub by: Author,
}

/// What the registration itself says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Registration {
    /// Who, as a pseudonym.
    pub person: Person,
    /// Masked name as registered.
    pub name: Text<24>,
    /// Document type as registered.
    pub document: u8,
    /// Last four of the document as registered.
    pub last_four: Text<4>,
    /// How they were identified.
    pub route: Route,
    /// The guardian, if any.
    pub guardian: Option<Person>,
    /// Warnings the operator went on with, a bit each.
    pub warnings: u8,
    /// Who registered them.
    pub by: Author,
}

impl Registration {
    fn of(said: &DocumentFact, registered: &Registered) -> Self {
        Self {
            person: registered.person,
            name: registered.name.clone(),
            document: registered.document,
            last_four: registered.last_four.clone(),
            route: registered.route,
            guardian: registered.guardian,
            warnings: registered.warnings,
            by: Author::of(said),
        }
    }
}

/// A field put right; more than one value is a conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Amendment {
    /// Which field.
    pub field: Field,
    /// What it should say, and who says so.
    pub values: Vec<Claim>,
}

/// A registration that is in the tube, or was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member {
    /// The registration's entry.
    pub registration: EntryId,
    /// What it says; absent while it was made in another tube and has not arrived.
    pub registered: Option<Registration>,
    /// Fields put right since.
    pub amended: Vec<Amendment>,
    /// Who took it back and why; empty if nobody did.
    pub voided: Vec<Claim>,
    /// The tube it came from, if it was moved here.
    pub moved_from: Option<Barcode>,
    /// The tubes it went to; two are a conflict.
    pub moved_to: Vec<Barcode>,
    /// Nobody who closed the tube had seen it there.
    pub late: bool,
    /// In this tube and not voided.
    pub counts: bool,
}

/// One tube as its document shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TubeView {
    /// The tube.
    pub barcode: Barcode,
    /// Who opened it; two openings are two desks with one barcode.
    pub opened: Vec<Opening>,
    /// How many people it is meant for: the smallest claim.
    pub pool: Option<u8>,
    /// Who closed it; empty while it is open.
    pub seals: Vec<Seal>,
    /// Who filled it again after a seal and why, by stamp; they stay when it is sealed once more.
    pub reopened: Vec<Reopening>,
    /// Everyone who is or was in it, by stamp.
    pub members: Vec<Member>,
    /// Members that count.
    pub count: u32,
    /// As many as it is meant for, or more.
    pub full: bool,
    /// More than it is meant for.
    pub overfull: bool,
    /// The transport boxes it is said to be in, and by whom.
    pub boxes: Vec<Claim>,
    /// Arrivals at laboratories that stand.
    pub received: Vec<Arrival>,
    /// What each laboratory says.
    pub results: Vec<LabResult>,
    /// What reviewers decided between laboratories.
    pub decisions: Vec<Report>,
    /// The reading that counts now (T2).
    pub verdict: Option<Verdict>,
    /// Everything a person has to decide.
    pub conflicts: Vec<Conflict>,
    /// Registrations that corrections name and this tube never had.
    pub unknown: Vec<EntryId>,
    /// Facts held back because what their writer had seen is not here yet.
    pub held: u32,
    /// Whether the document could be derived.
    pub health: Health,
}

impl Document {
    /// Shows the tube; `None` for a box.
    ///
    /// `elsewhere` gives a member moved here as the tube it came from shows it, when that tube is at hand.
    #[must_use]
    pub fn tube_view(&self, elsewhere: &dyn Fn(&Barcode, EntryId) -> Option<Member>) -> Option<TubeView> {
        let barcode = match &self.subject {
            Subject::Tube(barcode) => barcode.clone(),
            Subject::Box(_) => return None,
        };
        let claims = Claims::read(self);
        let opened: Vec<Opening> = claims
            .of(&Key::Open)
            .iter()
            .filter_map(|claim| Some(Opening { pool: claim.value.parse().ok()?, by: claim.by.clone() }))
            .collect();
        let seals: Vec<Seal> = claims
            .of(&Key::Seal)
            .iter()
            .filter_map(|claim| Some(Seal { count: claim.value.parse().ok()?, by: claim.by.clone() }))
            .collect();
        let (members, unknown) =
            Roll { document: self, claims: &claims, barcode: &barcode, seals: &seals }.call(elsewhere);
        let count = size(members.iter().filter(|member| member.counts).count());
        let pool = opened.iter().map(|opening| opening.pool).min();
        let (results, decisions, verdict) = self.readings(&claims);
        let mut conflicts = claims.conflicts();
        if verdict.is_some_and(|verdict| verdict.disputed) {
            conflicts.push(dispute(&results, &decisions));
        }
        Some(TubeView {
            opened,
            pool,
            seals,
            reopened: self.reopenings(),
            members,
            count,
            full: pool.is_some_and(|pool| count >= u32::from(pool)),
            overfull: pool.is_some_and(|pool| count > u32::from(pool)),
            boxes: claims.of(&Key::Transport).to_vec(),
            received: arrivals(&claims),
            results,
            decisions,
            verdict,
            conflicts,
            unknown,
            held: size(self.history.waiting().len()),
            health: self.health,
            barcode,
        })
    }

    fn reopenings(&self) -> Vec<Reopening> {
        let reopening = |said: &DocumentFact| {
            let Fact::Reopened(fact) = &said.fact else { return None };
            Some(Reopening { reason: fact.reason.clone(), by: Author::of(said) })
        };
        let mut reopened: Vec<Reopening> = self.facts.values().filter_map(reopening).collect();
        reopened.sort_by_key(|reopening| (reopening.by.stamp, reopening.by.entry));
        reopened
    }

    fn readings(&self, claims: &Claims) -> (Vec<LabResult>, Vec<Report>, Option<Verdict>) {
        let reports = |claims: &[Claim]| claims.iter().filter_map(Report::of).collect::<Vec<_>>();
        let decisions = reports(claims.of(&Key::Decision));
        let results: Vec<LabResult> = claims
            .iter()
            .filter_map(|(key, claims)| {
                let Key::Reading(lab) = key else { return None };
                Some(LabResult { lab: *lab, reports: reports(claims) })
            })
            .collect();
        let decided = |report: &Report| {
            decisions.iter().any(|decision| self.history.had_seen(decision.by.entry, report.by.entry))
        };
        let all = results.iter().flat_map(|result| &result.reports);
        let unseen: Vec<Report> = all.filter(|report| !decided(report)).cloned().collect();
        let verdict = weigh(&decisions, &unseen);
        (results, decisions, verdict)
    }
}

/// The dispute between laboratories, under the register a review decides it in.
fn dispute(results: &[LabResult], decisions: &[Report]) -> Conflict {
    let reports = results.iter().flat_map(|result| &result.reports).chain(decisions);
    let mut values: Vec<Claim> =
        reports.map(|report| Claim { value: report.reading.to_string(), by: report.by.clone() }).collect();
    values.sort_by_key(|claim| (claim.by.stamp, claim.by.entry));
    Conflict { register: Key::Decision.to_string(), values }
}

/// Arrivals that stand.
pub(super) fn arrivals(claims: &Claims) -> Vec<Arrival> {
    let arrival = |claim: &Claim| Some(Arrival { count: claim.value.parse().ok()?, by: claim.by.clone() });
    claims.of(&Key::Received).iter().filter_map(arrival).collect()
}

/// A length as it is shown.
pub(super) fn size(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// The calling of the roll: who is in the tube.
struct Roll<'a> {
    document: &'a Document,
    claims: &'a Claims,
    barcode: &'a Barcode,
    seals: &'a [Seal],
}

impl Roll<'_> {
    /// The members by stamp, and the registrations that are named and were never here.
    fn call(&self, elsewhere: &dyn Fn(&Barcode, EntryId) -> Option<Member>) -> (Vec<Member>, Vec<EntryId>) {
        let mut members = Vec::new();
        let mut unknown = Vec::new();
        for (key, _) in self.claims.iter() {
            match key {
                Key::Registered(registration) => members.push(self.made_here(*registration)),
                Key::Moved(registration) if self.is_made_here(*registration) => {}
                Key::Moved(registration) => match self.moved_here(*registration, elsewhere) {
                    Some(member) => members.push(member),
                    None => unknown.push(*registration),
                },
                Key::Void(registration) | Key::Amended(registration, _) => {
                    let moved = !self.claims.of(&Key::Moved(*registration)).is_empty();
                    if !moved && !self.is_made_here(*registration) {
                        unknown.push(*registration);
                    }
                }
                Key::Packed(_)
                | Key::Note(_)
                | Key::Open
                | Key::Seal
                | Key::Transport
                | Key::HandOver
                | Key::Received
                | Key::Reading(_)
                | Key::Decision => {}
            }
        }
        let stamp = |member: &Member| member.registered.as_ref().map(|registered| registered.by.stamp);
        members.sort_by_key(|member| (stamp(member), member.registration));
        unknown.sort_unstable();
        unknown.dedup();
        (members, unknown)
    }

    fn is_made_here(&self, registration: EntryId) -> bool {
        !self.claims.of(&Key::Registered(registration)).is_empty()
    }

    fn made_here(&self, registration: EntryId) -> Member {
        let registered = self.document.fact(registration).and_then(|said| {
            let Fact::Registered(registered) = &said.fact else { return None };
            Some(Registration::of(said, registered))
        });
        let moved_to = self.reached(registration);
        let here = moved_to.is_empty() || moved_to.contains(self.barcode);
        let late = self.is_late(registration);
        self.member(registration, registered, None, late, here)
    }

    /// A registration made in another tube, if any of its moves ever led here.
    fn moved_here(
        &self,
        registration: EntryId,
        elsewhere: &dyn Fn(&Barcode, EntryId) -> Option<Member>,
    ) -> Option<Member> {
        let claims = self.claims.of(&Key::Moved(registration));
        let passages = claims.iter().filter_map(|claim| Some((key::passage(&claim.value)?, claim.by.entry)));
        let arrived: Vec<_> = passages.filter(|((_, to), _)| to == self.barcode).collect();
        let late = !arrived.is_empty() && arrived.iter().all(|(_, by)| self.is_late(*by));
        let moved_from = arrived.into_iter().map(|((from, _), _)| from).next();
        let Some(from) = moved_from else {
            // It went on from here: known if it had come by a move before, which the facts still tell.
            return self.passed_through(registration).then(|| self.member(registration, None, None, false, false));
        };
        let before = elsewhere(&from, registration);
        let mut member = self.member(registration, None, Some(from), late, true);
        if let Some(before) = before {
            member.registered = before.registered;
            member.amended.extend(before.amended);
            member.voided.extend(before.voided);
            member.counts &= !is_voided(&member.voided);
        }
        Some(member)
    }

    fn passed_through(&self, registration: EntryId) -> bool {
        let led_here = |said: &&DocumentFact| {
            let Fact::Moved(moved) = &said.fact else { return false };
            moved.to == *self.barcode && moved.registrations.contains(&registration)
        };
        let mut passages = self.document.facts.values().filter(led_here);
        passages.any(|said| self.document.history.is_derived(said.id))
    }

    fn member(
        &self,
        registration: EntryId,
        registered: Option<Registration>,
        moved_from: Option<Barcode>,
        late: bool,
        here: bool,
    ) -> Member {
        let voided = self.claims.of(&Key::Void(registration)).to_vec();
        let fields = [Field::Name, Field::LastFour, Field::Document, Field::Remark];
        let amended = fields.into_iter().map(|field| {
            let values = self.claims.of(&Key::Amended(registration, field)).to_vec();
            Amendment { field, values }
        });
        let moved_to = self.reached(registration).into_iter().filter(|to| to != self.barcode).collect();
        Member {
            registration,
            registered,
            amended: amended.filter(|amendment| !amendment.values.is_empty()).collect(),
            counts: here && !is_voided(&voided),
            voided,
            moved_from,
            moved_to,
            late,
        }
    }

    fn reached(&self, registration: EntryId) -> Vec<Barcode> {
        let claims = self.claims.of(&Key::Moved(registration)).iter();
        let mut reached: Vec<Barcode> = claims.filter_map(|claim| Some(key::passage(&claim.value)?.1)).collect();
        reached.sort_unstable();
        reached.dedup();
        reached
    }

    fn is_late(&self, entry: EntryId) -> bool {
        let had_seen = |seal: &Seal| self.document.history.had_seen(seal.by.entry, entry);
        !self.seals.is_empty() && !self.seals.iter().any(had_seen)
    }
}

/// Whether a registration counts no more: everybody who spoke of it last says so.
pub(super) fn is_voided(voided: &[Claim]) -> bool {
    !voided.is_empty() && voided.iter().all(|claim| !claim.value.is_empty())
}
