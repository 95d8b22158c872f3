//! One batch into the database: rows, states and heights, all or none.

use swabmesh_protocol::id::{FeedHeader, FeedId, Lane};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Transaction};

use super::{DatabaseError, schema};
use crate::city::fold::Statements;
use crate::city::row::{CODE, Kind, REGISTRATION, Row, STATEMENT, Shape, Value};

/// How far one feed is projected, before a batch and after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The feed.
    pub header: FeedHeader,
    /// Its height before; 0 when the database has not heard of it.
    pub from: u64,
    /// Its height after.
    pub to: u64,
}

/// What one transaction writes.
#[derive(Debug, Default)]
pub struct Batch {
    /// The feeds it comes from, in the order of their ids.
    pub steps: Vec<Step>,
    /// Rows that are added.
    pub added: Statements,
    /// Tubes that are stated anew, by barcode; `facts` is how many more there are.
    pub tubes: Vec<Row>,
    /// Members that are stated anew.
    pub members: Vec<Row>,
}

/// Writes a batch.
///
/// # Errors
/// [`DatabaseError::Overtaken`] when a feed is not where the batch begins, [`DatabaseError::Sql`]: nothing was written.
pub async fn write(client: &mut Client, batch: &Batch) -> Result<(), DatabaseError> {
    let transaction = client.transaction().await?;
    move_heights(&transaction, &batch.steps).await?;
    let added = &batch.added;
    for (shape, rows) in [(&REGISTRATION, &added.registrations), (&STATEMENT, &added.statements), (&CODE, &added.codes)]
    {
        put(&transaction, &schema::insert(shape), shape, rows).await?;
    }
    state(&transaction, &batch.tubes, &batch.members).await?;
    transaction.commit().await?;
    Ok(())
}

/// Writes states alone.
///
/// # Errors
/// [`DatabaseError::Sql`]: nothing was written.
pub async fn restate(client: &mut Client, tubes: &[Row], members: &[Row]) -> Result<(), DatabaseError> {
    let transaction = client.transaction().await?;
    state(&transaction, tubes, members).await?;
    transaction.commit().await?;
    Ok(())
}

async fn state(transaction: &Transaction<'_>, tubes: &[Row], members: &[Row]) -> Result<(), DatabaseError> {
    put(transaction, &schema::state_tubes(), &crate::city::row::TUBE, tubes).await?;
    put(transaction, &schema::state_members(), &crate::city::row::STANDING, members).await
}

/// Moves heights forward; the condition on where they were is what makes a projection happen once.
async fn move_heights(transaction: &Transaction<'_>, steps: &[Step]) -> Result<(), DatabaseError> {
    let (new, known): (Vec<&Step>, Vec<&Step>) = steps.iter().partition(|step| step.from == 0);
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let feeds = |steps: &[&Step]| steps.iter().map(|step| step.header.id().0.to_vec()).collect::<Vec<_>>();
    let to = |steps: &[&Step]| steps.iter().map(|step| number(step.to)).collect::<Vec<_>>();
    let mut moved = 0;
    if !new.is_empty() {
        let cells: Vec<i64> = new.iter().map(|step| i64::from(step.header.lane.0)).collect();
        let writers: Vec<Vec<u8>> = new.iter().map(|step| step.header.writer.0.to_vec()).collect();
        let insert = "INSERT INTO swabmesh_feed (feed, cell, writer, height) \
                      SELECT * FROM unnest($1::bytea[], $2::int8[], $3::bytea[], $4::int8[]) ON CONFLICT (feed) DO NOTHING";
        moved += transaction.execute(insert, &[&feeds(&new), &cells, &writers, &to(&new)]).await?;
    }
    if !known.is_empty() {
        let from: Vec<i64> = known.iter().map(|step| number(step.from)).collect();
        let update = "UPDATE swabmesh_feed SET height = step.height \
                      FROM unnest($1::bytea[], $2::int8[], $3::int8[]) AS step (feed, before, height) \
                      WHERE swabmesh_feed.feed = step.feed AND swabmesh_feed.height = step.before";
        moved += transaction.execute(update, &[&feeds(&known), &from, &to(&known)]).await?;
    }
    if moved == steps.len() as u64 { Ok(()) } else { Err(DatabaseError::Overtaken) }
}

/// One column of many rows, as the database takes it.
fn array(rows: &[Row], at: usize, kind: Kind) -> Box<dyn ToSql + Sync + Send> {
    let values = rows.iter().map(|row| row.get(at));
    match kind {
        Kind::Bytes => Box::new(
            values
                .map(|value| if let Some(Value::Bytes(bytes)) = value { Some(bytes.clone()) } else { None })
                .collect::<Vec<Option<Vec<u8>>>>(),
        ),
        Kind::Text => Box::new(
            values
                .map(|value| if let Some(Value::Text(text)) = value { Some(text.clone()) } else { None })
                .collect::<Vec<Option<String>>>(),
        ),
        Kind::Number => Box::new(
            values
                .map(|value| if let Some(Value::Number(number)) = value { Some(*number) } else { None })
                .collect::<Vec<Option<i64>>>(),
        ),
        Kind::Flag => Box::new(
            values
                .map(|value| if let Some(Value::Flag(flag)) = value { Some(*flag) } else { None })
                .collect::<Vec<Option<bool>>>(),
        ),
    }
}

async fn put(transaction: &Transaction<'_>, statement: &str, shape: &Shape, rows: &[Row]) -> Result<(), DatabaseError> {
    if rows.is_empty() {
        return Ok(());
    }
    let arrays: Vec<_> = (0..).zip(shape.columns).map(|(at, (_, kind))| array(rows, at, *kind)).collect();
    let arrays: Vec<&(dyn ToSql + Sync)> = arrays.iter().map(|array| &**array as &(dyn ToSql + Sync)).collect();
    transaction.execute(statement, &arrays).await?;
    Ok(())
}

/// Reads how far each feed of some cells is projected.
///
/// # Errors
/// [`DatabaseError::Sql`].
pub async fn heights(client: &Client, cells: &[Lane]) -> Result<Vec<(FeedId, u64)>, DatabaseError> {
    let cells: Vec<i64> = cells.iter().map(|cell| i64::from(cell.0)).collect();
    let rows = client.query("SELECT feed, height FROM swabmesh_feed WHERE cell = ANY($1)", &[&cells]).await?;
    let mut heights = Vec::with_capacity(rows.len());
    for row in rows {
        let (feed, height): (Vec<u8>, i64) = (row.try_get(0)?, row.try_get(1)?);
        if let Ok(feed) = feed.try_into() {
            heights.push((FeedId(feed), u64::try_from(height).unwrap_or(0)));
        }
    }
    Ok(heights)
}
