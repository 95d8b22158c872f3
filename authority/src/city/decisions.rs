//! What people at the authority decide: the queue of reviews, and everyone who is to be tested again.

use std::collections::BTreeMap;

use serde::Serialize;
use swabmesh_node::reading;
use swabmesh_protocol::fact::Fact;
use swabmesh_protocol::id::{Barcode, EntryId, NodeKey};
use swabmesh_protocol::project::{About, Flag, FlagKind, FlagState, Owner, Party, entry, flags};
use swabmesh_protocol::results::{Recall, Retest, Verdict};
use swabmesh_protocol::time::Wall;
use swabmesh_protocol::tube::claim::{Claim, Conflict};
use swabmesh_protocol::view::{View, ViewError};

/// Flags looked at, settled ones too. Source: guess; a city of 25 M has some thousands open on a bad day.
pub const FLAGS_MAX: usize = 50_000;

/// One value somebody may choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// The value, as a review writes it.
    pub value: String,
    /// Who says so; empty for a value nobody has stated.
    pub by: String,
    /// When.
    pub at: Option<Wall>,
}

/// An entry that has part in a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// The entry.
    #[serde(flatten)]
    pub party: Party,
    /// What people call its writer.
    pub name: String,
    /// The tube it speaks of, where that is what a decision has to name.
    pub tube: Option<Barcode>,
}

/// Something that waits for a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Case {
    /// What is wrong.
    pub kind: FlagKind,
    /// What it is about.
    pub about: About,
    /// Who decides: `authority`, or the node whose own doing it is.
    pub owner: Owner,
    /// What people call the owner.
    pub owner_name: String,
    /// How far it is dealt with.
    pub state: FlagState,
    /// Since when, as the last party claims.
    pub since: Wall,
    /// The entries that have part in it.
    pub parties: Vec<Part>,
    /// The reading that counts meanwhile: the safer one.
    pub meanwhile: Option<Verdict>,
    /// The register a review decides, if one does.
    pub register: Option<String>,
    /// What to choose from.
    pub choices: Vec<Choice>,
    /// The decision that stands: value, who, and when.
    pub decision: Option<Choice>,
}

/// Reads the queue: open cases, the oldest first; with `settled` also those that are dealt with.
///
/// A positive pool is no case: what is to be done about it is in [`recalls`].
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn cases<V: View>(
    view: &V,
    settled: bool,
    limit: usize,
    name_of: &dyn Fn(&NodeKey) -> String,
) -> Result<Vec<Case>, ViewError> {
    let mut found = flags(view, None, FLAGS_MAX)?;
    found.retain(|flag| flag.kind != FlagKind::PositiveTube && (settled || flag.state == FlagState::Open));
    found.sort_by_key(|flag| flag.parties.iter().map(|party| party.at).max());
    found.truncate(limit);
    found.into_iter().map(|flag| case(view, flag, name_of)).collect()
}

fn case<V: View>(view: &V, flag: Flag, name_of: &dyn Fn(&NodeKey) -> String) -> Result<Case, ViewError> {
    let register = match flag.kind {
        FlagKind::OpenedTwice => Some("open"),
        FlagKind::SealedTwice => Some("seal"),
        FlagKind::DifferingResults => Some("result"),
        FlagKind::Duplicate | FlagKind::PositiveTube | FlagKind::AboveRole | FlagKind::Unreadable => None,
    };
    let shown = match &flag.about {
        About::Tube(tube) => reading::tube(view, tube)?,
        About::Person(_) | About::Entry(_) => None,
    };
    let choice = |claim: &Claim| Choice {
        value: claim.value.clone(),
        by: name_of(&claim.by.node),
        at: Some(claim.by.stamp.wall()),
    };
    let conflict = |register: &str, conflicts: &[Conflict]| -> Vec<Choice> {
        let named = conflicts.iter().filter(|conflict| conflict.register == register);
        named.flat_map(|conflict| &conflict.values).map(choice).collect()
    };
    let choices = register.zip(shown.as_ref()).map(|(register, shown)| conflict(register, &shown.conflicts));
    let decision = shown.as_ref().filter(|_| flag.kind == FlagKind::DifferingResults).and_then(|shown| {
        let report = shown.decisions.last()?;
        let by = format!("{} {}", name_of(&report.by.node), report.by.operator);
        Some(Choice { value: report.reading.to_string(), by, at: Some(report.by.stamp.wall()) })
    });
    let owner_name = match flag.owner {
        Owner::Authority => "authority".to_owned(),
        Owner::Node(node) => name_of(&node),
    };
    let mut parties = Vec::with_capacity(flag.parties.len());
    for party in &flag.parties {
        let tube = if flag.kind == FlagKind::Duplicate { registered_into(view, party.entry)? } else { None };
        parties.push(Part { party: *party, name: name_of(&party.writer), tube });
    }
    Ok(Case {
        kind: flag.kind,
        about: flag.about,
        owner: flag.owner,
        owner_name,
        state: flag.state,
        since: flag.parties.iter().map(|party| party.at).max().unwrap_or_default(),
        parties,
        meanwhile: shown.and_then(|shown| shown.verdict),
        register: register.map(str::to_owned),
        choices: choices.unwrap_or_default(),
        decision,
    })
}

fn registered_into<V: View>(view: &V, registration: EntryId) -> Result<Option<Barcode>, ViewError> {
    let said = entry(view, registration)?.and_then(|entry| Fact::from_bytes(&entry.fact).ok());
    Ok(said.and_then(|fact| if let Fact::Registered(fact) = fact { Some(fact.tube) } else { None }))
}

/// One person to be tested again, because of one pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recalled {
    /// The pool.
    pub tube: Barcode,
    /// Who, and how far it is.
    #[serde(flatten)]
    pub recall: Recall,
    /// Masked name; absent while the registration itself has not arrived.
    pub name: Option<String>,
    /// Last four of the document, likewise.
    pub last_four: Option<String>,
    /// The site that registered them, likewise.
    pub site: Option<String>,
}

/// Everyone who is, or was, to be tested again, and how many of them are how far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recalls {
    /// Not tested again yet.
    pub awaited: usize,
    /// Negative since, in a tube of their own.
    pub cleared: usize,
    /// Positive in a tube of their own.
    pub confirmed: usize,
    /// Each person once for each pool; those who wait first.
    pub people: Vec<Recalled>,
}

/// Reads the recall list of the city (T3): every pool whose reading that counts is positive, late arrivals included.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn recalls<V: View>(view: &V, name_of: &dyn Fn(&NodeKey) -> String) -> Result<Recalls, ViewError> {
    let mut people = Vec::new();
    for flag in flags(view, Some(FlagKind::PositiveTube), FLAGS_MAX)? {
        let About::Tube(tube) = flag.about else { continue };
        let Some(list) = reading::recall(view, &tube)? else { continue };
        people.extend(list.people.into_iter().map(|line| Recalled {
            tube: tube.clone(),
            recall: line.recall,
            name: line.name,
            last_four: line.last_four,
            site: line.site.as_ref().map(name_of),
        }));
    }
    let mut counts: BTreeMap<u8, usize> = BTreeMap::new();
    for person in &people {
        *counts.entry(rank(&person.recall.retest)).or_default() += 1;
    }
    people.sort_by_key(|person| (rank(&person.recall.retest), person.tube.clone(), person.recall.registration));
    let count = |of: u8| counts.get(&of).copied().unwrap_or(0);
    Ok(Recalls { awaited: count(0), confirmed: count(1), cleared: count(2), people })
}

const fn rank(retest: &Retest) -> u8 {
    match retest {
        Retest::Awaited => 0,
        Retest::Confirmed { .. } => 1,
        Retest::Cleared { .. } => 2,
    }
}
