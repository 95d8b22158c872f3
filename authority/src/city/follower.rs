//! The task that keeps a database up with the log, for as long as the node runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use swabmesh_node::keys::draw;
use swabmesh_node::runtime::Tables;
use swabmesh_protocol::id::hex;
use tokio::sync::watch;

use super::database::follow::Follower;
use super::database::{DatabaseError, connect};
use super::hall::Hall;

/// How often the log is looked at for something new.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often leases are renewed: three times while one holds.
const CLAIM_EVERY: Duration = Duration::from_secs(5);
/// How long to wait before a database that failed is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(3);

/// Follows until the node stops. A database that is away delays nothing but itself.
pub(super) async fn run(hall: Hall, address: Arc<str>, mut stopping: watch::Receiver<bool>) {
    while !*stopping.borrow() {
        if let Err(error) = follow(&hall, &address, &mut stopping).await {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            tracing::warn!(%error, cause, "the database does not follow the log at the moment");
            wait(&mut stopping, RETRY_AFTER).await;
        }
    }
}

/// A connection whose tables are this city's, and a follower on it.
pub(super) async fn connected(hall: &Hall, address: &str) -> Result<Follower<Tables>, DatabaseError> {
    let client = connect::open(address).await?;
    connect::prepare(&client, hall.shell.member().root.as_bytes()).await?;
    let drawn = draw::<6>().unwrap_or_default();
    let holder = format!("{}-{}-{}", hall.shell.member().certificate.node, std::process::id(), hex(&drawn));
    let roles = hall.roles().await.unwrap_or_default();
    Ok(Follower::new(Arc::new(hall.view()), Arc::new(roles), client, holder))
}

async fn follow(hall: &Hall, address: &str, stopping: &mut watch::Receiver<bool>) -> Result<(), DatabaseError> {
    let mut follower = connected(hall, address).await?;
    tracing::info!("the database follows the log");
    let mut claimed: Option<Instant> = None;
    while !*stopping.borrow() {
        if claimed.is_none_or(|at| at.elapsed() >= CLAIM_EVERY) {
            if let Ok(roles) = hall.roles().await {
                follower.learn(Arc::new(roles));
            }
            follower.claim().await?;
            claimed = Some(Instant::now());
        }
        let round = follower.catch_up().await?;
        if round.overtaken > 0 {
            tracing::info!(times = round.overtaken, "another process projected entries of this one's cells first");
        }
        wait(stopping, LOOK_EVERY).await;
    }
    follower.release().await
}

async fn wait(stopping: &mut watch::Receiver<bool>, at_most: Duration) {
    // Either the time is over, or the node stops, or whoever would say so is gone.
    let _ = tokio::time::timeout(at_most, stopping.wait_for(|stopping| *stopping)).await;
}
