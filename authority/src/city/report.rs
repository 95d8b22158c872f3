//! Reconciliation: what was issued, registered, sealed, packed and read on a day, and what is not resolved yet (A3).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::Serialize;
use swabmesh_protocol::fact::{Fact, Outcome};
use swabmesh_protocol::id::{Barcode, Lane, NodeKey};
use swabmesh_protocol::view::{View, ViewError};

use super::day::{Day, Seen, each, settles};
use super::fold::Roles;

/// What is counted, for one site and hour or for a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Figures {
    /// Codes issued.
    pub issued: u64,
    /// Registrations made.
    pub registered: u64,
    /// Of those, registrations that count no more.
    pub voided: u64,
    /// Tubes opened.
    pub tubes: u64,
    /// Of those, tubes somebody closed.
    pub sealed: u64,
    /// Boxes that tubes were packed into.
    pub boxes: u64,
    /// Of the tubes, those with a settled reading.
    pub results: u64,
    /// Of the tubes, those whose reading that counts is positive.
    pub positive: u64,
    /// Registrations that count and have no settled result: no reading, a dispute, a pool to be tested again.
    pub unresolved: u64,
}

impl Figures {
    fn add(&mut self, other: &Self) {
        self.issued += other.issued;
        self.registered += other.registered;
        self.voided += other.voided;
        self.tubes += other.tubes;
        self.sealed += other.sealed;
        self.boxes += other.boxes;
        self.results += other.results;
        self.positive += other.positive;
        self.unresolved += other.unresolved;
    }
}

/// One site in one hour; codes are issued by the authority, in no cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The cell; absent for what the authority did itself.
    pub cell: Option<u16>,
    /// The node.
    pub site: NodeKey,
    /// What people call it.
    pub name: String,
    /// The hour of the day in Asia/Shanghai, 0..=23, by the writer's clock.
    pub hour: u8,
    /// What is counted.
    #[serde(flatten)]
    pub figures: Figures,
}

/// The report of a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    /// The day in Asia/Shanghai.
    pub day: String,
    /// By cell, site and hour.
    pub lines: Vec<Line>,
    /// All of them.
    pub total: Figures,
}

/// Counts a day.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn reconcile<V: View>(
    view: &V,
    roles: &Roles,
    day: Day,
    name_of: &dyn Fn(&NodeKey) -> String,
) -> Result<Reconciliation, ViewError> {
    let mut lines: BTreeMap<(Option<Lane>, NodeKey, u8), Figures> = BTreeMap::new();
    let mut boxes: BTreeSet<(Lane, NodeKey, u8, Barcode)> = BTreeSet::new();
    let mut seen = Seen::new(view);
    let mut of_feed = None;
    each(view, roles, day, |header, id, entry, fact| {
        if of_feed != Some(id.feed) {
            // A tube belongs to one site, so what was derived for the feed before is not needed any more.
            (of_feed, seen) = (Some(id.feed), Seen::new(view));
        }
        let hour = day.hour(entry.stamp.wall());
        let cell = (header.lane != Lane::PRIVATE).then_some(header.lane);
        let mut figures = Figures::default();
        match fact {
            Fact::Issued(_) => figures.issued = 1,
            Fact::Registered(fact) => {
                figures.registered = 1;
                match seen.place(&fact.tube, id)? {
                    None => figures.voided = 1,
                    Some((tube, _)) => figures.unresolved = u64::from(!settles(&tube)),
                }
            }
            Fact::Opened(fact) => {
                figures.tubes = 1;
                if let Some(tube) = seen.tube(&fact.tube)? {
                    figures.sealed = u64::from(!tube.seals.is_empty());
                    figures.results = u64::from(settles(&tube));
                    let outcome = tube.verdict.map(|verdict| verdict.reading.outcome);
                    figures.positive = u64::from(outcome == Some(Outcome::Positive));
                }
            }
            Fact::Packed(fact) => {
                figures.boxes = u64::from(boxes.insert((header.lane, header.writer, hour, fact.transport)));
            }
            _ => return Ok(()),
        }
        lines.entry((cell, header.writer, hour)).or_default().add(&figures);
        Ok(())
    })?;
    let mut total = Figures::default();
    lines.values().for_each(|figures| total.add(figures));
    let line = |((cell, site, hour), figures): ((Option<Lane>, NodeKey, u8), Figures)| Line {
        cell: cell.map(|cell| cell.0),
        site,
        name: name_of(&site),
        hour,
        figures,
    };
    Ok(Reconciliation { day: day.to_string(), lines: lines.into_iter().map(line).collect(), total })
}

impl Reconciliation {
    /// The report as CSV (RFC 4180), a header and a line for each site and hour.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut csv =
            "day,cell,site,name,hour,issued,registered,voided,tubes,sealed,boxes,results,positive,unresolved\r\n"
                .to_owned();
        for line in &self.lines {
            let cell = line.cell.map(|cell| cell.to_string()).unwrap_or_default();
            let name = super::export::field(&line.name);
            let Figures { issued, registered, voided, tubes, sealed, boxes, results, positive, unresolved } =
                line.figures;
            let _ = write!(csv, "{},{cell},{},{name},{},{issued},{registered},", self.day, line.site, line.hour);
            let _ = write!(csv, "{voided},{tubes},{sealed},{boxes},{results},{positive},{unresolved}\r\n");
        }
        csv
    }
}
