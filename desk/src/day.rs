//! The day of a node: its registrations since midnight in Asia/Shanghai, counted by tube, route, operator and hour.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use swabmesh_node::{clock, reading};
use swabmesh_protocol::copies::Custody;
use swabmesh_protocol::fact::Route;
use swabmesh_protocol::id::{Barcode, FeedId, SeqNo};
use swabmesh_protocol::time::Wall;
use swabmesh_protocol::tube::view::TubeView;
use swabmesh_protocol::view::{View, ViewError};

use crate::recent::{Recent, Standing, recent};

/// Registrations of a day that are counted. Source: mission, 1,700 a day at a busy site, with room for five times that.
const REGISTRATIONS_MAX: usize = 10_000;

/// Milliseconds over which people a minute are counted.
const RATE_OVER_MS: u64 = 10 * 60_000;

/// One tube of the day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TubeOfDay {
    tube: Barcode,
    /// Registrations that count in it, whenever they were made.
    count: u32,
    pool: Option<u8>,
    sealed: bool,
    /// The boxes it is said to be in.
    boxes: Vec<String>,
    /// Registrations of today in it that are nowhere else.
    only_here: u32,
}

/// Where the day's registrations are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Held {
    only_here: u32,
    at_neighbour: u32,
    at_authority: u32,
}

/// The day's registrations that count, put together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Tally {
    /// Registrations that count.
    people: u32,
    /// Registrations that were taken back.
    voided: u32,
    held: Held,
    routes: BTreeMap<Route, u32>,
    operators: BTreeMap<String, u32>,
    /// By hour of the day in Asia/Shanghai, 24 of them.
    by_hour: Vec<u32>,
    /// People a minute over the last ten, in tenths.
    rate_tenths: u32,
    #[serde(skip)]
    by_tube: BTreeMap<Barcode, u32>,
}

impl Tally {
    /// Counts the registrations of the day of `now`.
    pub(crate) fn of(lines: &[Recent], now: Wall) -> Self {
        let mut tally = Self { by_hour: vec![0; 24], ..Self::default() };
        let mut lately = 0_u32;
        for one in lines.iter().filter(|one| clock::day(one.line.at) == clock::day(now)) {
            if one.standing == Standing::Voided {
                tally.voided += 1;
                continue;
            }
            tally.people += 1;
            *tally.routes.entry(one.line.route).or_default() += 1;
            *tally.operators.entry(one.line.operator.clone()).or_default() += 1;
            if let Some(hour) = tally.by_hour.get_mut(hour_in_shanghai(one.line.at)) {
                *hour += 1;
            }
            lately += u32::from(now.0.saturating_sub(one.line.at.0) < RATE_OVER_MS);
            let tube = one.moved_to.as_ref().unwrap_or(&one.line.tube);
            let only_here = tally.by_tube.entry(tube.clone()).or_default();
            match one.line.held {
                Custody::OnlyHere => {
                    tally.held.only_here += 1;
                    *only_here += 1;
                }
                Custody::AtNeighbour => tally.held.at_neighbour += 1,
                Custody::AtAuthority => tally.held.at_authority += 1,
            }
        }
        // Ten minutes: the number in them is people a minute, in tenths.
        tally.rate_tenths = lately;
        tally
    }
}

/// What of a day everybody may know: numbers without anybody's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Figures {
    people: u32,
    by_hour: Vec<u32>,
    rate_tenths: u32,
}

/// Counts the figures of a node's day.
pub(crate) fn figures<V: View>(view: &V, feed: FeedId, neighbour: SeqNo) -> Result<Figures, ViewError> {
    let Tally { people, by_hour, rate_tenths, .. } = tally(view, feed, neighbour)?;
    Ok(Figures { people, by_hour, rate_tenths })
}

fn hour_in_shanghai(at: Wall) -> usize {
    const SHANGHAI_AHEAD_S: u64 = 8 * 3_600;
    usize::try_from(at.seconds().saturating_add(SHANGHAI_AHEAD_S) / 3_600 % 24).unwrap_or_default()
}

/// Counts a node's day; another node holds its feed durably up to `neighbour`.
pub(crate) fn tally<V: View>(view: &V, feed: FeedId, neighbour: SeqNo) -> Result<Tally, ViewError> {
    Ok(Tally::of(&recent(view, feed, neighbour, REGISTRATIONS_MAX)?, clock::wall()))
}

/// The tubes of a tally, by barcode.
pub(crate) fn tubes<V: View>(view: &V, tally: &Tally) -> Result<Vec<TubeOfDay>, ViewError> {
    let mut tubes = Vec::new();
    for (barcode, only_here) in &tally.by_tube {
        let Some(shown) = reading::tube(view, barcode)? else { continue };
        tubes.push(TubeOfDay {
            tube: shown.barcode,
            count: shown.count,
            pool: shown.pool,
            sealed: !shown.seals.is_empty(),
            boxes: shown.boxes.into_iter().map(|claim| claim.value).collect(),
            only_here: *only_here,
        });
    }
    Ok(tubes)
}

/// The tubes that today's registrations of a feed went into, by barcode.
pub(crate) fn tubes_of_today<V: View>(view: &V, feed: FeedId) -> Result<Vec<TubeView>, ViewError> {
    let today = clock::day(clock::wall());
    let lines = reading::registrations(view, feed, SeqNo::default(), REGISTRATIONS_MAX)?;
    let barcodes: BTreeSet<Barcode> =
        lines.into_iter().filter(|line| clock::day(line.at) == today).map(|line| line.tube).collect();
    let shown = barcodes.iter().map(|barcode| reading::tube(view, barcode));
    shown.filter_map(Result::transpose).collect()
}

#[cfg(test)]
mod tests {
    use swabmesh_node::api::RegistrationLine;
    use swabmesh_protocol::id::{EntryId, Person};

    use super::*;

    /// 9 April 2022, 10:00 in Shanghai.
    const NOW: Wall = Wall(1_649_469_600_000);

    fn line(before_s: u64, tube: &str, held: Custody, standing: Standing) -> Recent {
        let line = RegistrationLine {
            registration: EntryId { feed: FeedId([1; 16]), seq: SeqNo(before_s) },
            at: Wall(NOW.0 - before_s * 1_000),
            tube: tube.parse().unwrap(),
            person: Person([1; 16]),
            name: "张*".to_owned(),
            last_four: "0001".to_owned(),
            route: Route::Static,
            operator: "li".to_owned(),
            held,
        };
        Recent { line, standing, moved_to: (standing == Standing::Moved).then(|| "T9".parse().unwrap()) }
    }

    #[test]
    fn the_day_counts_what_stands_and_says_where_it_is() {
        let lines = [
            line(5, "T1", Custody::OnlyHere, Standing::Counts),
            line(60, "T1", Custody::AtNeighbour, Standing::Counts),
            line(601, "T1", Custody::AtAuthority, Standing::Moved),
            line(3_700, "T1", Custody::AtAuthority, Standing::Voided),
            // The evening before.
            line(11 * 3_600, "T0", Custody::OnlyHere, Standing::Counts),
        ];
        let tally = Tally::of(&lines, NOW);
        assert_eq!((tally.people, tally.voided, tally.rate_tenths), (3, 1, 2));
        assert_eq!(tally.held, Held { only_here: 1, at_neighbour: 1, at_authority: 1 });
        assert_eq!((tally.by_hour[9], tally.by_hour[10]), (3, 0));
        assert_eq!(tally.operators["li"], 3);
        let tubes: Vec<(&str, u32)> = tally.by_tube.iter().map(|(tube, only)| (tube.as_str(), *only)).collect();
        assert_eq!(tubes, [("T1", 1), ("T9", 0)]);
    }
}
