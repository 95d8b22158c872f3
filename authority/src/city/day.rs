//! One day of the city, read from the log feed by feed: what reports and exports are made of.

use std::collections::BTreeMap;
use std::rc::Rc;

use swabmesh_node::reading;
use swabmesh_protocol::entry::Entry;
use swabmesh_protocol::fact::{Fact, Outcome, Stage};
use swabmesh_protocol::id::{Barcode, EntryId, FeedHeader, SeqNo};
use swabmesh_protocol::project::{HeadRecord, entries, entry};
use swabmesh_protocol::results::Verdict;
use swabmesh_protocol::time::{DAY_MS, Wall};
use swabmesh_protocol::tube::view::{Member, TubeView};
use swabmesh_protocol::view::{View, ViewError};

use super::fold::{Roles, feeds};

const HOUR_MS: u64 = 3_600_000;
/// Asia/Shanghai is this far ahead of UTC, the whole year.
const SHANGHAI_AHEAD_MS: u64 = 8 * HOUR_MS;
/// Tubes a registration is followed through. As in the pages of the node.
const MOVES_FOLLOWED_MAX: u8 = 4;

/// A day in Asia/Shanghai, counted from 1970. Written `2022-04-09`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub u32);

/// The text is no day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a day is written YYYY-MM-DD, such as 2022-04-09")]
pub struct NotADay;

impl Day {
    /// The first millisecond, since 1970 UTC.
    #[must_use]
    pub const fn start_ms(self) -> u64 {
        (self.0 as u64 * DAY_MS).saturating_sub(SHANGHAI_AHEAD_MS)
    }

    /// The first millisecond of the next day.
    #[must_use]
    pub const fn end_ms(self) -> u64 {
        (self.0 as u64 + 1) * DAY_MS - SHANGHAI_AHEAD_MS
    }

    /// The hour of the day, 0..=23, at a moment of it.
    #[must_use]
    pub fn hour(self, at: Wall) -> u8 {
        u8::try_from(at.0.saturating_sub(self.start_ms()) / HOUR_MS).unwrap_or(23).min(23)
    }

    /// The date.
    #[must_use]
    pub fn date(self) -> time::Date {
        let epoch = time::macros::date!(1970 - 01 - 01);
        epoch.saturating_add(time::Duration::days(i64::from(self.0)))
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let date = self.date();
        write!(f, "{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
    }
}

impl std::str::FromStr for Day {
    type Err = NotADay;

    fn from_str(text: &str) -> Result<Self, NotADay> {
        let format = time::macros::format_description!("[year]-[month]-[day]");
        let date = time::Date::parse(text, format).map_err(|_| NotADay)?;
        let days = (date - time::macros::date!(1970 - 01 - 01)).whole_days();
        u32::try_from(days).map(Self).map_err(|_| NotADay)
    }
}

/// Tubes that were derived once while a feed is walked.
pub(super) struct Seen<'v, V> {
    view: &'v V,
    tubes: BTreeMap<Barcode, Option<Rc<TubeView>>>,
}

impl<'v, V: View> Seen<'v, V> {
    pub(super) const fn new(view: &'v V) -> Self {
        Self { view, tubes: BTreeMap::new() }
    }

    /// How a tube stands; `None` when nobody spoke of it.
    pub(super) fn tube(&mut self, barcode: &Barcode) -> Result<Option<Rc<TubeView>>, ViewError> {
        if let Some(known) = self.tubes.get(barcode) {
            return Ok(known.clone());
        }
        let shown = reading::tube(self.view, barcode)?.map(Rc::new);
        self.tubes.insert(barcode.clone(), shown.clone());
        Ok(shown)
    }

    /// Where a registration is now: its tube and itself there; `None` when it counts nowhere.
    pub(super) fn place(
        &mut self,
        made_in: &Barcode,
        registration: EntryId,
    ) -> Result<Option<(Rc<TubeView>, Member)>, ViewError> {
        let mut at = made_in.clone();
        for _ in 0..MOVES_FOLLOWED_MAX {
            let Some(shown) = self.tube(&at)? else { return Ok(None) };
            let Some(member) = shown.members.iter().find(|member| member.registration == registration).cloned() else {
                return Ok(None);
            };
            if member.counts {
                return Ok(Some((shown, member)));
            }
            match member.moved_to.first() {
                Some(to) if *to != at => at = to.clone(),
                Some(_) | None => return Ok(None),
            }
        }
        Ok(None)
    }
}

/// Whether a reading tells every member of the tube something final.
#[must_use]
pub fn settles(shown: &TubeView) -> bool {
    shown.verdict.is_some_and(|verdict: Verdict| {
        let settled = matches!(verdict.reading.stage, Stage::Final | Stage::Corrected) && !verdict.disputed;
        match verdict.reading.outcome {
            Outcome::Negative => settled,
            // A pool that was positive settles nothing: its people are tested again, each alone.
            Outcome::Positive => settled && shown.count <= 1,
            Outcome::Inconclusive | Outcome::Invalid => false,
        }
    })
}

/// Visits what every known writer said on a day, feed by feed.
///
/// # Errors
/// [`ViewError`]: our disk; and what `visit` answers.
pub fn each<V: View>(
    view: &V,
    roles: &Roles,
    day: Day,
    mut visit: impl FnMut(&FeedHeader, EntryId, &Entry, Fact) -> Result<(), ViewError>,
) -> Result<(), ViewError> {
    for head in feeds(view, roles)? {
        let Some(role) = roles.get(&head.header.writer) else { continue };
        if head.stamp.wall().0 < day.start_ms() {
            continue;
        }
        let feed = head.header.id();
        for found in entries(view, &feed, first(view, &head, day)?, head.height)? {
            let found = found?;
            if found.stamp.wall().0 >= day.end_ms() {
                break;
            }
            match Fact::from_bytes(&found.fact) {
                Ok(fact) if fact.allowed(*role) => {
                    visit(&head.header, EntryId { feed, seq: found.seq }, &found, fact)?;
                }
                Ok(_) | Err(_) => {}
            }
        }
    }
    Ok(())
}

/// The first entry of a feed that is not before a day: stamps rise along a feed.
fn first<V: View>(view: &V, head: &HeadRecord, day: Day) -> Result<SeqNo, ViewError> {
    let feed = head.header.id();
    let (mut low, mut high) = (1, head.height.0);
    while low < high {
        let middle = low.midpoint(high);
        // Entries that were pruned lie before every day that is still asked for.
        let before = entry(view, EntryId { feed, seq: SeqNo(middle) })?
            .is_none_or(|entry| entry.stamp.wall().0 < day.start_ms());
        if before { low = middle + 1 } else { high = middle }
    }
    Ok(SeqNo(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_day_in_shanghai_and_prints_as_it_parses() {
        let day: Day = "2022-04-09".parse().unwrap();
        assert_eq!(day.0, swabmesh_node::clock::day(Wall(day.start_ms())));
        assert_eq!(day.0 + 1, swabmesh_node::clock::day(Wall(day.end_ms())));
        assert_eq!(day.to_string(), "2022-04-09");
        assert_eq!((day.hour(Wall(day.start_ms())), day.hour(Wall(day.end_ms() - 1))), (0, 23));
        for wrong in ["", "2022-4-9", "2022-02-30", "1969-12-31"] {
            assert_eq!(wrong.parse::<Day>(), Err(NotADay), "{wrong}");
        }
    }
}
