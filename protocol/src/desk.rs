//! The desk's other decisions: tubes, boxes, corrections, readings. From a command to facts, or a refusal.

use std::collections::BTreeMap;

use crate::command::{Command, Refusal};
use crate::fact::{
    Amended, Corrected, Fact, HandedOver, Moved, Opened, Outcome, Packed, Received, Reopened, Reported, Reviewed, Role,
    Sealed, Seen, Stage, Subject, Voided,
};
use crate::id::{Barcode, EntryId, FeedId, Lane, NodeKey};
use crate::time::Stamp;
use crate::tube::DocumentFact;
use crate::tube::summary::{SEEN_ENTRIES_MAX, Summary};

/// Registrations one move names at most; more are moved by several facts.
const MOVED_MAX: usize = 64;

/// A document as the desk sees it when it decides.
#[derive(Debug)]
pub struct Paper {
    /// What it is about.
    pub subject: Subject,
    /// Its facts.
    pub facts: Vec<DocumentFact>,
    /// Their sum.
    pub summary: Summary,
}

/// Who decides, and where it is written.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    /// This node.
    pub own: NodeKey,
    /// Its role.
    pub role: Role,
    /// Its cell.
    pub lane: Lane,
    /// This node's feed in a lane.
    pub feed: &'a dyn Fn(Lane) -> FeedId,
    /// The lane of a feed held here.
    pub lane_of: &'a dyn Fn(&FeedId) -> Option<Lane>,
}

/// Facts to be appended, and warnings to be shown when they are on disk.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Each with the lane it belongs to.
    pub facts: Vec<(Lane, Fact)>,
    /// E.g. `opened-elsewhere`.
    pub warnings: Vec<&'static str>,
}

/// The documents that must be read before a command is decided.
#[must_use]
pub fn needs(command: &Command) -> Vec<Subject> {
    let tube = |tube: &Barcode| Subject::Tube(tube.clone());
    match command {
        Command::Open { tube: t, .. }
        | Command::Void { tube: t, .. }
        | Command::Amend { tube: t, .. }
        | Command::Seal { tube: t, .. }
        | Command::Reopen { tube: t, .. }
        | Command::Report { tube: t, .. }
        | Command::Correct { tube: t, .. } => vec![tube(t)],
        Command::Register(register) => vec![tube(&register.tube)],
        Command::Move { from, to, .. } => vec![tube(from), tube(to)],
        Command::Pack { tube: t, transport, .. } => vec![tube(t), Subject::Box(transport.clone())],
        Command::HandOver { transport, .. } => vec![Subject::Box(transport.clone())],
        Command::Receive { subject, .. } | Command::Review { subject, .. } => vec![subject.clone()],
        Command::Issue(_)
        | Command::IssueMany(_)
        | Command::SignWith(_)
        | Command::Revoke { .. }
        | Command::Publish(_)
        | Command::Withdraw { .. }
        | Command::PublishSealKey { .. }
        | Command::Prune { .. }
        | Command::DecideFork { .. } => Vec::new(),
    }
}

impl Desk<'_> {
    fn only(&self, roles: &[Role]) -> Result<(), Refusal> {
        if roles.contains(&self.role) { Ok(()) } else { Err(Refusal::Role { role: self.role }) }
    }

    /// Where facts about a document go: a site writes to its own cell; others to the cell whose tube it is, so that
    /// the site which sampled hears of it (T5), and to the city if nobody spoke of it yet.
    fn lane(&self, paper: &Paper) -> Lane {
        if self.role == Role::Site {
            return self.lane;
        }
        let lanes = paper.facts.iter().filter_map(|fact| (self.lane_of)(&fact.id.feed));
        lanes.filter(|lane| *lane != Lane::CITY).min().unwrap_or(Lane::CITY)
    }

    /// The heads of other feeds to be named, of the lane written to or city-wide: others cannot be resolved there.
    fn seen(&self, papers: &[&Paper], lane: Lane) -> Seen {
        let own = (self.feed)(lane);
        let heads = papers.iter().flat_map(|paper| paper.summary.next_seen(own));
        let mut seen: Vec<EntryId> = heads.filter(|id| self.is_resolvable(id, lane)).collect();
        seen.sort_unstable();
        seen.dedup();
        (!seen.is_empty()).then_some(seen)
    }

    /// The newest entry of every other feed that can be resolved in a lane: what a review names.
    ///
    /// A head would cover the entries it had seen itself. But a head of another cell is left out in this lane, and
    /// the flags know only what a review names: both would take what the reviewer did see for something new.
    fn seen_of_each_feed(&self, paper: &Paper, lane: Lane) -> Seen {
        let own = (self.feed)(lane);
        let mut newest: BTreeMap<FeedId, (Stamp, EntryId)> = BTreeMap::new();
        for said in paper.facts.iter().filter(|said| said.id.feed != own && self.is_resolvable(&said.id, lane)) {
            if paper.summary.is_derived(said.id) {
                let last = newest.entry(said.id.feed).or_insert((said.stamp, said.id));
                *last = (*last).max((said.stamp, said.id));
            }
        }
        let mut seen: Vec<(Stamp, EntryId)> = newest.into_values().collect();
        seen.sort_unstable_by(|one, other| other.cmp(one));
        seen.truncate(SEEN_ENTRIES_MAX);
        let mut seen: Vec<EntryId> = seen.into_iter().map(|(_, id)| id).collect();
        seen.sort_unstable();
        (!seen.is_empty()).then_some(seen)
    }

    fn is_resolvable(&self, id: &EntryId, lane: Lane) -> bool {
        (self.lane_of)(&id.feed).is_some_and(|of| of == lane || of == Lane::CITY)
    }

    /// Decides on a command about tubes and boxes; `papers` are the documents [`needs`] named, in that order.
    ///
    /// # Errors
    /// [`Refusal`]; nothing is to be written.
    pub fn decide(&self, command: Command, papers: &[Paper]) -> Result<Decision, Refusal> {
        let Some(paper) = papers.first() else { return Err(Refusal::Store) };
        let lane = self.lane(paper);
        let seen = self.seen(&[paper], lane);
        let one = |fact: Fact| Ok(Decision { facts: vec![(lane, fact)], warnings: Vec::new() });
        match command {
            Command::Open { tube, pool, operator } => {
                self.only(&[Role::Site])?;
                self.open(paper, tube, pool, operator, seen)
            }
            Command::Void { registration, tube, reason, operator } => {
                self.only(&[Role::Site, Role::Authority])?;
                member(paper, registration, &tube)?;
                one(Voided { tube, registration, reason, operator, seen }.into())
            }
            Command::Amend { registration, tube, field, value, reason, operator } => {
                self.only(&[Role::Site, Role::Authority])?;
                member(paper, registration, &tube)?;
                one(Amended { tube, registration, field, value, reason, operator, seen }.into())
            }
            Command::Seal { tube, operator, not_full } => {
                self.only(&[Role::Site])?;
                let (pool, count) = self.open_tube(paper, &tube)?;
                if count < u16::from(pool) && !not_full {
                    return Err(Refusal::TubeNotFull { tube, count, pool });
                }
                one(Sealed { tube, count: u8::try_from(count).unwrap_or(u8::MAX), operator, seen }.into())
            }
            Command::Reopen { tube, reason, operator } => {
                self.only(&[Role::Site])?;
                if !paper.summary.is_sealed() {
                    return Err(Refusal::TubeStillOpen { tube });
                }
                let packed = |said: &DocumentFact| matches!(said.fact, Fact::Packed(_));
                if paper.facts.iter().any(packed) {
                    return Err(Refusal::TubePacked { tube });
                }
                one(Reopened { tube, reason, operator, seen }.into())
            }
            Command::Move { registrations, from, to, reason, operator } => {
                self.only(&[Role::Site, Role::Authority])?;
                let Some(target) = papers.get(1) else { return Err(Refusal::Store) };
                let (pool, count) = self.open_tube(target, &to)?;
                if from == to {
                    return Ok(Decision::default());
                }
                let moved = if registrations.is_empty() { paper.summary.members().to_vec() } else { registrations };
                moved.iter().try_for_each(|registration| member(paper, *registration, &from))?;
                let seen = self.seen(&[paper, target], lane);
                let fact = |registrations: &[EntryId]| {
                    let (from, to, reason) = (from.clone(), to.clone(), reason.clone());
                    let (registrations, operator, seen) = (registrations.to_vec(), operator.clone(), seen.clone());
                    (lane, Moved { registrations, from, to, reason, operator, seen }.into())
                };
                let overfull = usize::from(count) + moved.len() > usize::from(pool);
                let warnings = if overfull && !moved.is_empty() { vec!["overfull"] } else { Vec::new() };
                Ok(Decision { facts: moved.chunks(MOVED_MAX).map(fact).collect(), warnings })
            }
            Command::Pack { tube, transport, operator } => {
                self.only(&[Role::Site])?;
                let Some(transported) = papers.get(1) else { return Err(Refusal::Store) };
                if !paper.summary.is_sealed() {
                    return Err(Refusal::TubeNotSealed { tube });
                }
                let seen = self.seen(&[paper, transported], lane);
                one(Packed { tube, transport, operator, seen }.into())
            }
            Command::HandOver { transport, to, count, operator } => {
                self.only(&[Role::Site, Role::Lab])?;
                one(HandedOver { transport, to, count, operator, seen }.into())
            }
            Command::Receive { subject, count, operator } => {
                self.only(&[Role::Lab])?;
                one(Received { subject, count, operator, seen }.into())
            }
            Command::Report { tube, outcome, stage, operator } => {
                self.only(&[Role::Lab])?;
                if stage == Stage::Corrected {
                    return Err(Refusal::CorrectedWithoutReason { tube });
                }
                let unknown = paper.facts.is_empty();
                let fact = Reported { tube, outcome, stage, operator, seen }.into();
                let warnings = if unknown { vec!["tube-unknown-here"] } else { Vec::new() };
                Ok(Decision { facts: vec![(lane, fact)], warnings })
            }
            Command::Correct { tube, outcome, reason, operator } => {
                self.only(&[Role::Lab])?;
                if self.reading(paper).is_none() {
                    return Err(Refusal::NotReported { tube });
                }
                one(Corrected { tube, outcome, reason, operator, seen }.into())
            }
            Command::Review { register, value, reason, operator, .. } => {
                self.only(&[Role::Authority])?;
                let mut lanes: Vec<Lane> =
                    paper.facts.iter().filter_map(|fact| (self.lane_of)(&fact.id.feed)).collect();
                lanes.push(lane);
                lanes.sort_unstable();
                lanes.dedup();
                let fact = |lane: Lane| {
                    let (subject, register) = (paper.subject.clone(), register.clone());
                    let (value, reason, operator) = (value.clone(), reason.clone(), operator.clone());
                    let seen = self.seen_of_each_feed(paper, lane);
                    (lane, Reviewed { subject, register, value, reason, operator, seen }.into())
                };
                Ok(Decision { facts: lanes.into_iter().map(fact).collect(), warnings: Vec::new() })
            }
            Command::Register(_)
            | Command::Issue(_)
            | Command::IssueMany(_)
            | Command::SignWith(_)
            | Command::Revoke { .. }
            | Command::Publish(_)
            | Command::Withdraw { .. }
            | Command::PublishSealKey { .. }
            | Command::Prune { .. }
            | Command::DecideFork { .. } => Err(Refusal::Role { role: self.role }),
        }
    }

    fn open(
        &self,
        paper: &Paper,
        tube: Barcode,
        pool: u8,
        operator: crate::fact::Operator,
        seen: Seen,
    ) -> Result<Decision, Refusal> {
        if !matches!(pool, 1 | 5 | 10 | 20) {
            return Err(Refusal::PoolSize);
        }
        if paper.summary.is_sealed() {
            return Err(Refusal::TubeSealed { tube });
        }
        let own = (self.feed)(self.lane);
        if paper.summary.opened_by().contains(&own) {
            return Err(Refusal::TubeOpen { tube });
        }
        let elsewhere = !paper.summary.opened_by().is_empty();
        let fact = Opened { tube, pool, operator, seen }.into();
        let warnings = if elsewhere { vec!["opened-elsewhere"] } else { Vec::new() };
        Ok(Decision { facts: vec![(self.lane, fact)], warnings })
    }

    /// The pool and the count of a tube that is open and not sealed.
    fn open_tube(&self, paper: &Paper, tube: &Barcode) -> Result<(u8, u16), Refusal> {
        let Some(pool) = paper.summary.pool() else { return Err(Refusal::TubeNotOpen { tube: tube.clone() }) };
        if paper.summary.is_sealed() {
            return Err(Refusal::TubeSealed { tube: tube.clone() });
        }
        Ok((pool, u16::try_from(paper.summary.members().len()).unwrap_or(u16::MAX)))
    }

    /// What this laboratory said of a tube last.
    fn reading(&self, paper: &Paper) -> Option<Outcome> {
        let own = paper.facts.iter().filter(|fact| fact.writer == self.own);
        let reading = |said: &DocumentFact| {
            if let Fact::Reported(fact) = &said.fact {
                Some((said.stamp, fact.outcome))
            } else if let Fact::Corrected(fact) = &said.fact {
                Some((said.stamp, fact.outcome))
            } else {
                None
            }
        };
        own.filter_map(reading).max_by_key(|(stamp, _)| *stamp).map(|(_, outcome)| outcome)
    }
}

fn member(paper: &Paper, registration: EntryId, tube: &Barcode) -> Result<(), Refusal> {
    if paper.summary.counts(registration) { Ok(()) } else { Err(Refusal::NoSuchRegistration { tube: tube.clone() }) }
}

#[cfg(test)]
mod tests;
