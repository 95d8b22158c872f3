//! Which process projects which cells.
//!
//! A lease saves work, it decides nothing: two holders of one cell would only overtake one another. Times are the
//! database's, so clocks of machines do not matter.

use std::collections::{BTreeMap, BTreeSet};

use swabmesh_protocol::id::Lane;
use tokio_postgres::Client;

use super::DatabaseError;

/// Milliseconds a lease holds unless it is renewed: how long the cells of a process that died stand still.
pub const LEASE_MS: i64 = 15_000;

const NOW_MS: &str = "(extract(epoch from now()) * 1000)::int8";

/// Renews this process's leases, takes its share of the free cells, and gives back what is beyond its share.
///
/// A share is the cells divided by the living processes, rounded up. Returns the cells held until renewed.
///
/// # Errors
/// [`DatabaseError::Sql`].
pub async fn claim(client: &Client, holder: &str, cells: &BTreeSet<Lane>) -> Result<BTreeSet<Lane>, DatabaseError> {
    let alive = format!(
        "INSERT INTO swabmesh_process (holder, until_ms) VALUES ($1, {NOW_MS} + $2) \
         ON CONFLICT (holder) DO UPDATE SET until_ms = excluded.until_ms"
    );
    client.execute(&alive, &[&holder, &LEASE_MS]).await?;
    client.execute(&format!("DELETE FROM swabmesh_process WHERE until_ms < {NOW_MS}"), &[]).await?;
    let processes: i64 = client.query_one("SELECT count(*) FROM swabmesh_process", &[]).await?.try_get(0)?;
    let processes = usize::try_from(processes).unwrap_or(1).max(1);
    let share = cells.len().div_ceil(processes);

    let living = format!("SELECT cell, holder FROM swabmesh_lease WHERE until_ms >= {NOW_MS}");
    let mut held: BTreeMap<Lane, String> = BTreeMap::new();
    for row in client.query(&living, &[]).await? {
        let cell: i64 = row.try_get(0)?;
        if let Ok(cell) = u16::try_from(cell) {
            held.insert(Lane(cell), row.try_get(1)?);
        }
    }
    let own: Vec<Lane> = cells.iter().filter(|cell| held.get(cell).is_some_and(|by| by == holder)).copied().collect();
    let free = cells.iter().filter(|cell| !held.contains_key(cell)).copied();
    let wanted: BTreeSet<Lane> = own.iter().copied().chain(free).take(share).collect();
    for cell in own.iter().filter(|cell| !wanted.contains(cell)) {
        let give = "DELETE FROM swabmesh_lease WHERE cell = $1 AND holder = $2";
        client.execute(give, &[&i64::from(cell.0), &holder]).await?;
    }
    let take = format!(
        "INSERT INTO swabmesh_lease (cell, holder, until_ms) VALUES ($1, $2, {NOW_MS} + $3) \
         ON CONFLICT (cell) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms \
         WHERE swabmesh_lease.holder = excluded.holder OR swabmesh_lease.until_ms < {NOW_MS}"
    );
    let mut taken = BTreeSet::new();
    for cell in wanted {
        if client.execute(&take, &[&i64::from(cell.0), &holder, &LEASE_MS]).await? == 1 {
            taken.insert(cell);
        }
    }
    Ok(taken)
}

/// Gives everything back: others need not wait for the leases to end.
///
/// # Errors
/// [`DatabaseError::Sql`].
pub async fn release(client: &Client, holder: &str) -> Result<(), DatabaseError> {
    client.execute("DELETE FROM swabmesh_lease WHERE holder = $1", &[&holder]).await?;
    client.execute("DELETE FROM swabmesh_process WHERE holder = $1", &[&holder]).await?;
    Ok(())
}
