//! Results: what laboratories read, which reading counts, and who has to be tested again.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::fact::{Outcome, Stage};
use crate::id::{Barcode, EntryId, NodeKey, Person};
use crate::tube::claim::{Author, Claim};
use crate::tube::view::{Member, TubeView};

/// One reading: outcome and how settled it is. Written `negative final`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Reading {
    /// What was read.
    pub outcome: Outcome,
    /// How settled it is.
    pub stage: Stage,
}

/// The text is not `OUTCOME STAGE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a reading is an outcome and a stage, such as 'negative final'")]
pub struct NotAReading;

const OUTCOMES: [(Outcome, &str); 4] = [
    (Outcome::Negative, "negative"),
    (Outcome::Positive, "positive"),
    (Outcome::Inconclusive, "inconclusive"),
    (Outcome::Invalid, "invalid"),
];
const STAGES: [(Stage, &str); 3] =
    [(Stage::Preliminary, "preliminary"), (Stage::Final, "final"), (Stage::Corrected, "corrected")];

fn word<T: Copy + PartialEq>(table: &[(T, &'static str)], of: T) -> &'static str {
    table.iter().find(|(known, _)| *known == of).map_or("", |(_, word)| word)
}

fn meaning<T: Copy>(table: &[(T, &str)], word: &str) -> Result<T, NotAReading> {
    table.iter().find(|(_, known)| *known == word).map(|(of, _)| *of).ok_or(NotAReading)
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", word(&OUTCOMES, self.outcome), word(&STAGES, self.stage))
    }
}

impl FromStr for Reading {
    type Err = NotAReading;

    fn from_str(text: &str) -> Result<Self, NotAReading> {
        let (outcome, stage) = text.split_once(' ').ok_or(NotAReading)?;
        Ok(Self { outcome: meaning(&OUTCOMES, outcome)?, stage: meaning(&STAGES, stage)? })
    }
}

impl Reading {
    /// A reading that replaces an earlier one.
    #[must_use]
    pub const fn corrected(outcome: Outcome) -> Self {
        Self { outcome, stage: Stage::Corrected }
    }

    /// The reading that counts while two stand: the safer outcome (T2), of equal outcomes the more settled one.
    #[must_use]
    pub fn safer(self, other: Self) -> Self {
        if self.outcome == other.outcome {
            return Self { outcome: self.outcome, stage: self.stage.max(other.stage) };
        }
        if self.outcome.safer(other.outcome) == self.outcome { self } else { other }
    }
}

/// A reading with its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The reading.
    #[serde(flatten)]
    pub reading: Reading,
    /// Who states it.
    pub by: Author,
}

impl Report {
    /// Reads a value of a result register; `None` if it is no reading.
    pub(crate) fn of(claim: &Claim) -> Option<Self> {
        Some(Self { reading: claim.value.parse().ok()?, by: claim.by.clone() })
    }
}

/// What one laboratory says of a tube; more than one report if two of its feeds differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabResult {
    /// The laboratory's node.
    pub lab: NodeKey,
    /// The reports that stand, by stamp.
    pub reports: Vec<Report>,
}

/// The reading of a tube that counts now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The safest of the readings that are open.
    #[serde(flatten)]
    pub reading: Reading,
    /// Readings differ, and nobody who saw them all has decided yet.
    pub disputed: bool,
    /// A person decided, and no laboratory has said anything since.
    pub reviewed: bool,
}

/// Weighs the decisions of reviewers and the reports they had not seen; `None` without any.
pub(crate) fn weigh(decisions: &[Report], unseen: &[Report]) -> Option<Verdict> {
    let open = || decisions.iter().chain(unseen).map(|report| report.reading);
    let reading = open().reduce(Reading::safer)?;
    let disputed = open().any(|other| other.outcome != reading.outcome);
    Some(Verdict { reading, disputed, reviewed: !decisions.is_empty() && unseen.is_empty() })
}

/// Where the individual re-test of a member of a positive pool stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Retest {
    /// Not sampled again, or no settled reading yet.
    Awaited,
    /// Negative in a tube of their own.
    Cleared {
        /// That tube.
        tube: Barcode,
    },
    /// Positive in a tube of their own.
    Confirmed {
        /// That tube.
        tube: Barcode,
    },
}

/// A person to be tested again because of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recall {
    /// The registration in the pool.
    pub registration: EntryId,
    /// Who; absent while the registration itself has not arrived.
    pub person: Option<Person>,
    /// Registered after or beside the seal: on the list all the same.
    pub late: bool,
    /// How far the re-test is.
    pub retest: Retest,
}

/// Lists everyone in a pool that was read positive, late arrivals included (T3); empty for any other tube.
///
/// `tubes_of` gives the tubes a person is in. Only a tube of one, registered later than the pool, decides: a
/// settled and undisputed negative clears, any positive confirms.
#[must_use]
pub fn recalls(pool: &TubeView, tubes_of: &dyn Fn(Person) -> Vec<TubeView>) -> Vec<Recall> {
    let positive = pool.verdict.is_some_and(|verdict| verdict.reading.outcome == Outcome::Positive);
    if !positive || pool.pool == Some(1) && pool.count <= 1 {
        return Vec::new();
    }
    let recall = |member: &Member| {
        let registered = member.registered.as_ref();
        let retest = registered.map_or(Retest::Awaited, |registered| {
            let tubes = tubes_of(registered.person);
            retest(registered.person, registered.by.stamp, &tubes)
        });
        let person = registered.map(|registered| registered.person);
        Recall { registration: member.registration, person, late: member.late, retest }
    };
    pool.members.iter().filter(|member| member.counts).map(recall).collect()
}

fn retest(person: Person, after: crate::time::Stamp, tubes: &[TubeView]) -> Retest {
    let mut retest = Retest::Awaited;
    for tube in tubes.iter().filter(|tube| tube.pool == Some(1) && tube.count == 1) {
        let of_person = |member: &Member| {
            let registered = member.registered.as_ref();
            member.counts && registered.is_some_and(|made| made.person == person && made.by.stamp > after)
        };
        let Some(verdict) = tube.verdict.filter(|_| tube.members.iter().any(of_person)) else { continue };
        match (verdict.reading.outcome, verdict.reading.stage) {
            (Outcome::Positive, _) => return Retest::Confirmed { tube: tube.barcode.clone() },
            (Outcome::Negative, Stage::Final | Stage::Corrected) if !verdict.disputed => {
                retest = Retest::Cleared { tube: tube.barcode.clone() };
            }
            (Outcome::Negative | Outcome::Inconclusive | Outcome::Invalid, _) => {}
        }
    }
    retest
}
