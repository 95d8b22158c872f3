//! Exports of a day in formats the field uses: CSV, and FHIR R4 (A3). Nobody's identity is in them but a pseudonym.

use std::collections::BTreeMap;
use std::io::{self, Write};

use swabmesh_protocol::certificate::Certificate;
use swabmesh_protocol::fact::{Fact, Registered};
use swabmesh_protocol::id::{EntryId, Lane, NodeKey};
use swabmesh_protocol::time::Wall;
use swabmesh_protocol::tube::view::TubeView;
use swabmesh_protocol::view::{View, ViewError};

use super::day::{Day, Seen, each, settles};
use super::fold::{Roles, named};

pub mod fhir;
mod pipe;

pub(super) use pipe::pipe;

/// Why an export broke off.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Our own tables.
    #[error(transparent)]
    View(#[from] ViewError),
    /// Whoever reads it went away, or its disk is full.
    #[error("the export cannot be written")]
    Write(#[from] io::Error),
}

/// What an export says of one registration that counts.
pub struct Line<'l> {
    /// The registration.
    pub id: EntryId,
    /// When it was made.
    pub at: Wall,
    /// Where.
    pub cell: Lane,
    /// By whom.
    pub site: NodeKey,
    /// What it says.
    pub registered: &'l Registered,
    /// The tube it is in now.
    pub tube: &'l TubeView,
}

impl Line<'_> {
    /// What there is to know for this person: `none`, `settled`, or why it is not settled.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match self.tube.verdict {
            None => "none",
            Some(_) if settles(self.tube) => "settled",
            Some(verdict) if verdict.disputed => "disputed",
            Some(verdict) if verdict.reading.outcome == swabmesh_protocol::fact::Outcome::Positive => "retest",
            Some(_) => "preliminary",
        }
    }
}

/// Visits every registration of a day that counts.
///
/// # Errors
/// [`ExportError`].
pub fn lines<V: View>(
    view: &V,
    roles: &Roles,
    day: Day,
    mut visit: impl FnMut(&Line<'_>) -> io::Result<()>,
) -> Result<u64, ExportError> {
    let mut seen = Seen::new(view);
    let (mut of_feed, mut lines, mut failed) = (None, 0, None);
    let walked = each(view, roles, day, |header, id, entry, fact| {
        let Fact::Registered(registered) = fact else { return Ok(()) };
        if of_feed != Some(id.feed) {
            (of_feed, seen) = (Some(id.feed), Seen::new(view));
        }
        let Some((tube, _)) = seen.place(&registered.tube, id)? else { return Ok(()) };
        let (at, cell, site) = (entry.stamp.wall(), header.lane, header.writer);
        lines += 1;
        visit(&Line { id, at, cell, site, registered: &registered, tube: &tube }).map_err(|error| {
            failed = Some(error);
            ViewError("the export was not taken".to_owned())
        })
    });
    match (walked, failed) {
        (_, Some(error)) => Err(error.into()),
        (walked, None) => Ok(walked.map(|()| lines)?),
    }
}

/// A field of a CSV (RFC 4180). A beginning that a spreadsheet takes for a formula is led by an apostrophe.
#[must_use]
pub fn field(text: &str) -> String {
    let guarded = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.to_owned() };
    if guarded.contains([',', '"', '\r', '\n']) { format!("\"{}\"", guarded.replace('"', "\"\"")) } else { guarded }
}

/// Writes a day as CSV: a line for each registration that counts. Returns how many.
///
/// # Errors
/// [`ExportError`].
pub fn csv<V: View>(
    view: &V,
    roles: &Roles,
    nodes: &BTreeMap<NodeKey, Certificate>,
    day: Day,
    out: &mut dyn Write,
) -> Result<u64, ExportError> {
    out.write_all(
        b"registration,registered_at,cell,site,person,name,last_four,document,route,tube,pool,outcome,stage,state\r\n",
    )?;
    lines(view, roles, day, |line| {
        let reading = line.tube.verdict.map(|verdict| verdict.reading);
        let outcome = reading.map(|reading| named(&reading.outcome)).unwrap_or_default();
        let stage = reading.map(|reading| named(&reading.stage)).unwrap_or_default();
        let site = nodes.get(&line.site).map_or_else(|| line.site.to_string(), |site| site.name.to_string());
        let made = line.registered;
        write!(
            out,
            "{},{},{},{},{},{},{},{},{},{},{},{outcome},{stage},{}\r\n",
            line.id,
            instant(line.at),
            line.cell.0,
            field(&site),
            made.person,
            field(made.name.as_str()),
            field(made.last_four.as_str()),
            made.document,
            named(&made.route),
            line.tube.barcode,
            line.tube.pool.unwrap_or_default(),
            line.state(),
        )
    })
}

/// A moment as ISO 8601 with the offset of Asia/Shanghai.
#[must_use]
pub fn instant(at: Wall) -> String {
    let seconds = i64::try_from(at.seconds()).unwrap_or(0);
    let utc = time::OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let local = utc.to_offset(time::macros::offset!(+8));
    let format = time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]+08:00");
    local.format(format).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_quoted_when_it_must_be_and_is_never_a_formula() {
        assert_eq!(field("Gate 3"), "Gate 3");
        assert_eq!(field("Gate \"3\", east"), "\"Gate \"\"3\"\", east\"");
        assert_eq!(field("=1+1"), "'=1+1");
    }

    #[test]
    fn moments_are_told_in_shanghai() {
        assert_eq!(instant(Wall(1_649_433_600_000)), "2022-04-09T00:00:00+08:00");
    }
}
