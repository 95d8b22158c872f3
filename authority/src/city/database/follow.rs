//! The database follows the log: cell by cell, batch by batch, the next one folded while the last is written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use swabmesh_protocol::id::{Barcode, FeedId, Lane};
use swabmesh_protocol::project::{DOCUMENT_FACTS_MAX, HeadRecord};
use swabmesh_protocol::view::{View, ViewError};
use tokio_postgres::Client;

use super::write::{Batch, Step, heights, restate, write};
use super::{DatabaseError, lease};
use crate::city::fold::{Roles, Statements, feeds, standing};
use crate::city::row::{Row, TUBE, Value};

/// Entries of one transaction. Source: guess; 4,000 take about 100 ms and 10 MB.
pub const BATCH_ENTRIES: u64 = 4_000;

/// Tubes stated anew at a time when another process saw more of them.
const BEHIND_TUBES: i64 = 500;

/// Projects what one node holds into one database.
pub struct Follower<V> {
    view: Arc<V>,
    roles: Arc<Roles>,
    client: Client,
    holder: String,
    cells: BTreeSet<Lane>,
    heights: BTreeMap<FeedId, u64>,
}

/// What a round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Round {
    /// Entries projected.
    pub entries: u64,
    /// Tubes stated anew because more was known of them than when they were stated.
    pub restated: usize,
    /// Times another process was faster.
    pub overtaken: u64,
}

impl<V: View + Send + Sync + 'static> Follower<V> {
    /// A follower named `holder`, which must differ between processes; it holds no cell yet.
    #[must_use]
    pub const fn new(view: Arc<V>, roles: Arc<Roles>, client: Client, holder: String) -> Self {
        Self { view, roles, client, holder, cells: BTreeSet::new(), heights: BTreeMap::new() }
    }

    /// The cells it projects.
    #[must_use]
    pub const fn cells(&self) -> &BTreeSet<Lane> {
        &self.cells
    }

    /// The connection.
    pub const fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Learns of nodes that were enrolled since.
    pub fn learn(&mut self, roles: Arc<Roles>) {
        self.roles = roles;
    }

    /// Looks at other tables from now on.
    pub fn look_at(&mut self, view: Arc<V>) {
        self.view = view;
    }

    /// Takes its share of the cells this node holds feeds of.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn claim(&mut self) -> Result<(), DatabaseError> {
        let (view, roles) = (Arc::clone(&self.view), Arc::clone(&self.roles));
        let feeds = tokio::task::spawn_blocking(move || feeds(&*view, &roles)).await??;
        let cells: BTreeSet<Lane> = feeds.iter().map(|head| head.header.lane).collect();
        let held = lease::claim(&self.client, &self.holder, &cells).await?;
        if held != self.cells {
            self.cells = held;
            self.reload().await?;
        }
        Ok(())
    }

    /// Takes every cell this node holds feeds of, leased or not: for a comparison.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn all_cells(&mut self) -> Result<(), DatabaseError> {
        let (view, roles) = (Arc::clone(&self.view), Arc::clone(&self.roles));
        let feeds = tokio::task::spawn_blocking(move || feeds(&*view, &roles)).await??;
        self.cells = feeds.iter().map(|head| head.header.lane).collect();
        self.reload().await
    }

    /// Gives its cells back.
    ///
    /// # Errors
    /// [`DatabaseError::Sql`].
    pub async fn release(&mut self) -> Result<(), DatabaseError> {
        self.cells.clear();
        lease::release(&self.client, &self.holder).await
    }

    async fn reload(&mut self) -> Result<(), DatabaseError> {
        let cells: Vec<Lane> = self.cells.iter().copied().collect();
        self.heights = heights(&self.client, &cells).await?.into_iter().collect();
        Ok(())
    }

    /// Projects everything of its cells that this node holds now.
    ///
    /// # Errors
    /// [`DatabaseError`]: what was committed before stays, and the next round goes on from there.
    pub async fn catch_up(&mut self) -> Result<Round, DatabaseError> {
        let mut round = Round::default();
        loop {
            match self.batches(&mut round).await {
                Ok(()) => break,
                Err(error) if error.is_worth_retrying() => {
                    round.overtaken += 1;
                    self.reload().await?;
                }
                Err(error) => return Err(error),
            }
        }
        round.restated = self.restate_behind().await?;
        Ok(round)
    }

    async fn batches(&mut self, round: &mut Round) -> Result<(), DatabaseError> {
        let mut ready = self.fold(self.heights.clone()).await?;
        while !ready.steps.is_empty() {
            let mut after = self.heights.clone();
            after.extend(ready.steps.iter().map(|step| (step.header.id(), step.to)));
            let next = self.fold(after.clone());
            tokio::pin!(next);
            let writing = write(&mut self.client, &ready);
            let (written, next) = futures::join!(writing, next);
            written?;
            round.entries += ready.steps.iter().map(|step| step.to - step.from).sum::<u64>();
            self.heights = after;
            ready = next?;
        }
        Ok(())
    }

    /// Folds the next batch on a thread that may wait for the disk.
    fn fold(&self, heights: BTreeMap<FeedId, u64>) -> impl Future<Output = Result<Batch, DatabaseError>> + use<V> {
        let (view, roles, cells) = (Arc::clone(&self.view), Arc::clone(&self.roles), self.cells.clone());
        let folding = tokio::task::spawn_blocking(move || {
            let feeds = feeds(&*view, &roles)?;
            let of_cells: Vec<HeadRecord> =
                feeds.into_iter().filter(|head| cells.contains(&head.header.lane)).collect();
            fold(&*view, &of_cells, &heights, &roles)
        });
        async { Ok(folding.await??) }
    }

    /// States tubes anew of which the database holds more facts than they were derived from.
    async fn restate_behind(&mut self) -> Result<usize, DatabaseError> {
        let behind = "SELECT tube FROM swabmesh_tube WHERE seen < facts AND seen < $1 ORDER BY tube LIMIT $2";
        let most = i64::try_from(DOCUMENT_FACTS_MAX).unwrap_or(i64::MAX);
        let mut tubes = BTreeMap::new();
        for row in self.client.query(behind, &[&most, &BEHIND_TUBES]).await? {
            if let Ok(tube) = row.try_get::<_, String>(0)?.parse::<Barcode>() {
                tubes.insert(tube, 0);
            }
        }
        if tubes.is_empty() {
            return Ok(0);
        }
        let view = Arc::clone(&self.view);
        let (tubes, members) = tokio::task::spawn_blocking(move || states(&*view, &tubes)).await??;
        restate(&mut self.client, &tubes, &members).await?;
        Ok(tubes.len())
    }
}

/// The next batch of some feeds.
fn fold<V: View>(
    view: &V,
    feeds: &[HeadRecord],
    heights: &BTreeMap<FeedId, u64>,
    roles: &Roles,
) -> Result<Batch, ViewError> {
    let mut batch = Batch::default();
    let mut left = BATCH_ENTRIES;
    for head in feeds {
        let from = heights.get(&head.header.id()).copied().unwrap_or(0);
        if left == 0 {
            break;
        }
        if from >= head.height.0 {
            continue;
        }
        batch.added.read(view, head, (from, head.height.0), left, roles)?;
        let to = batch.added.through;
        if to > from {
            left -= to - from;
            batch.steps.push(Step { header: head.header, from, to });
        }
    }
    (batch.tubes, batch.members) = states(view, &batch.added.tubes)?;
    Ok(batch)
}

/// How tubes stand; in the place of their facts how many are new.
fn states<V: View>(view: &V, tubes: &BTreeMap<Barcode, i64>) -> Result<(Vec<Row>, Vec<Row>), ViewError> {
    let (mut stated, mut members) = (Vec::with_capacity(tubes.len()), Vec::new());
    for (barcode, new) in tubes {
        let Some(mut state) = standing(view, barcode)? else { continue };
        if let Some(facts) = state.tube.get_mut(TUBE.columns.len() - 1) {
            *facts = Value::Number(*new);
        }
        stated.push(state.tube);
        members.extend(state.members);
    }
    Ok((stated, members))
}

/// Adds the rows a log holds to a fold, from the beginning to the end of each feed.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn everything<V: View>(view: &V, roles: &Roles, mut visit: impl FnMut(Statements)) -> Result<(), ViewError> {
    for head in feeds(view, roles)? {
        let mut after = 0;
        while after < head.height.0 {
            let mut read = Statements::default();
            read.read(view, &head, (after, head.height.0), BATCH_ENTRIES, roles)?;
            if read.through == after {
                break;
            }
            after = read.through;
            visit(read);
        }
    }
    Ok(())
}
