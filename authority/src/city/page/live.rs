//! What the board shows: figures of today, and every site by cell with when it was last heard and what is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::Serialize;
use swabmesh_node::clock;
use swabmesh_node::http::problem::Problem;
use swabmesh_node::http::read;
use swabmesh_node::runtime::Snapshot;
use swabmesh_protocol::certificate::Certificate;
use swabmesh_protocol::fact::{Fact, Role};
use swabmesh_protocol::id::NodeKey;
use swabmesh_protocol::project::{FlagKind, FlagState, Owner, code_totals, control, flags, heads, hours};
use swabmesh_protocol::view::{View, ViewError};
use tokio::sync::Mutex;

use super::Answer;
use crate::city::day::Day;
use crate::city::decisions::FLAGS_MAX;
use crate::city::hall::Hall;

/// How old the board may be: many screens ask for the same.
const FRESH: Duration = Duration::from_secs(2);
/// A site that nobody heard for so long has an alert. Milliseconds. Source: guess; a heartbeat is seconds, a meal an hour.
const SILENT_MS: u64 = 15 * 60_000;
/// A certificate that ends within so long has an alert. Seconds: two weeks.
const ENDING_S: u64 = 14 * 86_400;
/// Rows of hours and sites: 24 hours of 15,000 sites.
const HOUR_ROWS_MAX: usize = 24 * 20_000;

/// The board as it was last put together.
pub(in crate::city) type Cached = Arc<Mutex<Option<(Instant, Arc<Live>)>>>;

/// The board.
#[derive(Debug, Default, Serialize)]
pub(in crate::city) struct Live {
    /// When, milliseconds since 1970 UTC.
    pub(super) at: u64,
    pub(super) day: String,
    pub(super) registered_today: u64,
    pub(super) registered_last_hour: u64,
    pub(super) codes_issued: u64,
    pub(super) codes_revoked: u64,
    pub(super) entries: u64,
    pub(super) sites: usize,
    pub(super) sites_connected: usize,
    pub(super) backlog: u64,
    pub(super) cases_open: usize,
    pub(super) pools_positive: usize,
    pub(super) database: bool,
    /// Registrations by hour of the day in Asia/Shanghai.
    pub(super) hours: [u64; 24],
    pub(super) cells: Vec<CellBoard>,
}

/// One cell.
#[derive(Debug, Default, Serialize)]
pub(super) struct CellBoard {
    pub(super) cell: u16,
    pub(super) registered_today: u64,
    pub(super) alerts: usize,
    pub(super) nodes: Vec<NodeBoard>,
}

/// One site or laboratory.
#[derive(Debug, Serialize)]
pub(super) struct NodeBoard {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) role: &'static str,
    pub(super) connected: bool,
    /// Milliseconds since it was heard; absent if it never was.
    pub(super) silent_ms: Option<u64>,
    /// Entries it has said to hold and we do not.
    pub(super) backlog: u64,
    pub(super) registered_today: u64,
    /// Names of what is wrong: `silent`, `behind`, `cases`, `ending`, `withdrawn`.
    pub(super) alerts: Vec<&'static str>,
}

pub(super) async fn show(State(hall): State<Hall>) -> Answer {
    Ok(Json(&*board(&hall).await?).into_response())
}

/// The board, at most [`FRESH`] old.
pub(super) async fn board(hall: &Hall) -> Result<Arc<Live>, Problem> {
    let mut cached = hall.board.lock().await;
    if let Some((at, live)) = &*cached
        && at.elapsed() < FRESH
    {
        return Ok(Arc::clone(live));
    }
    let (view, nodes, snapshot) = (hall.view(), hall.nodes().await?, hall.shell.node().snapshot());
    let database = hall.database.is_some();
    let now = clock::wall();
    let live = read(move || put_together(&view, &nodes, &snapshot, now.0, database)).await?;
    let live = Arc::new(live);
    *cached = Some((Instant::now(), Arc::clone(&live)));
    Ok(live)
}

fn put_together<V: View>(
    view: &V,
    nodes: &BTreeMap<NodeKey, Certificate>,
    snapshot: &Snapshot,
    now_ms: u64,
    database: bool,
) -> Result<Live, ViewError> {
    let today = Day(clock::day(swabmesh_protocol::time::Wall(now_ms)));
    let first_hour = u32::try_from(today.start_ms() / 3_600_000).unwrap_or(u32::MAX);
    let mut live = Live { at: now_ms, day: today.to_string(), database, ..Live::default() };
    let mut of_site: BTreeMap<NodeKey, u64> = BTreeMap::new();
    for count in hours(view, first_hour, first_hour + 24, HOUR_ROWS_MAX)? {
        live.registered_today += count.registered;
        *of_site.entry(count.writer).or_default() += count.registered;
        if let Some(hour) = live.hours.get_mut((count.hour - first_hour) as usize) {
            *hour += count.registered;
        }
    }
    let hour = usize::from(today.hour(swabmesh_protocol::time::Wall(now_ms)));
    live.registered_last_hour = live.hours.get(hour).copied().unwrap_or(0);
    let totals = code_totals(view)?;
    (live.codes_issued, live.codes_revoked) = (totals.issued, totals.revoked);
    live.entries = snapshot.core.entries;

    let mut spoke: BTreeMap<NodeKey, u64> = BTreeMap::new();
    for head in heads(view)? {
        let at = spoke.entry(head.header.writer).or_default();
        *at = (*at).max(head.stamp.wall().0);
    }
    let mut cases: BTreeMap<NodeKey, usize> = BTreeMap::new();
    for flag in flags(view, None, FLAGS_MAX)?.into_iter().filter(|flag| flag.state == FlagState::Open) {
        let positive = flag.kind == FlagKind::PositiveTube;
        live.pools_positive += usize::from(positive);
        live.cases_open += usize::from(!positive);
        if let Owner::Node(node) = flag.owner {
            *cases.entry(node).or_default() += 1;
        }
    }
    let mut withdrawn = BTreeSet::new();
    for (_, fact) in control(view)? {
        if let Fact::Withdrawn(fact) = fact {
            withdrawn.insert(fact.node);
        }
    }
    let peers: BTreeMap<NodeKey, u64> =
        snapshot.core.peers.iter().map(|peer| (peer.node, peer.missing_here.entries)).collect();

    let mut cells: BTreeMap<u16, CellBoard> = BTreeMap::new();
    for certificate in nodes.values().filter(|certificate| certificate.role != Role::Authority) {
        let node = certificate.node;
        let connected = peers.contains_key(&node);
        let heard = spoke.get(&node).copied();
        let board = NodeBoard {
            key: node.to_string(),
            name: certificate.name.to_string(),
            role: if certificate.role == Role::Lab { "lab" } else { "site" },
            connected,
            silent_ms: if connected { Some(0) } else { heard.map(|at| now_ms.saturating_sub(at)) },
            backlog: peers.get(&node).copied().unwrap_or(0),
            registered_today: of_site.get(&node).copied().unwrap_or(0),
            alerts: Vec::new(),
        };
        let alerts = [
            ("withdrawn", withdrawn.contains(&node)),
            ("silent", board.silent_ms.is_none_or(|silent| silent > SILENT_MS)),
            ("behind", board.backlog > 0),
            ("cases", cases.contains_key(&node)),
            ("ending", certificate.until < (now_ms / 1_000).saturating_add(ENDING_S)),
        ];
        let alerts: Vec<&str> = alerts.into_iter().filter(|(_, holds)| *holds).map(|(name, _)| name).collect();
        live.sites += 1;
        live.sites_connected += usize::from(connected);
        live.backlog += board.backlog;
        let cell = cells.entry(certificate.lane.0).or_default();
        cell.cell = certificate.lane.0;
        cell.registered_today += board.registered_today;
        cell.alerts += usize::from(!alerts.is_empty());
        cell.nodes.push(NodeBoard { alerts, ..board });
    }
    live.cells = cells.into_values().collect();
    Ok(live)
}
