//! The proof that a projection says what the log says: both are folded and counted again, and compared table by table.

use futures::TryStreamExt;
use serde::Serialize;
use swabmesh_protocol::fact::Subject;
use swabmesh_protocol::project::subjects;
use swabmesh_protocol::view::{View, ViewError};
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use super::database::{DatabaseError, follow, schema};
use super::fold::{Roles, feeds, standing};
use super::row::{CODE, Kind, REGISTRATION, SHAPES, STANDING, STATEMENT, Shape, TUBE, TableDigest, Value};

pub mod index;

/// Tubes derived at a time while all of them are walked.
const WALK_TUBES: usize = 256;

/// One table, as the log says and as the projection holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// The table.
    pub table: String,
    /// Rows that follow from the log.
    pub log_rows: u64,
    /// Their digest.
    pub log_digest: String,
    /// Rows in the projection.
    pub held_rows: u64,
    /// Their digest.
    pub held_digest: String,
    /// Whether both are equal.
    pub equal: bool,
}

impl Compared {
    fn new(table: &str, log: &TableDigest, held: &TableDigest) -> Self {
        Self {
            table: table.to_owned(),
            log_rows: log.rows,
            log_digest: log.hex(),
            held_rows: held.rows,
            held_digest: held.hex(),
            equal: log == held,
        }
    }
}

/// What comparing gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// Where the projection is.
    pub projection: &'static str,
    /// Entries of the log that were folded.
    pub entries: u64,
    /// Each table.
    pub tables: Vec<Compared>,
    /// Whether every table is equal.
    pub equal: bool,
}

impl Proof {
    pub(crate) fn new(projection: &'static str, entries: u64, tables: Vec<Compared>) -> Self {
        let equal = tables.iter().all(|table| table.equal);
        Self { projection, entries, tables, equal }
    }
}

/// The digests of all tables as the log says, in the order of [`SHAPES`], and how many entries that took.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn of_log<V: View>(view: &V, roles: &Roles) -> Result<(Vec<TableDigest>, u64), ViewError> {
    let [mut registrations, mut statements, mut codes, mut tubes, mut members] = [TableDigest::default(); 5];
    follow::everything(view, roles, |read| {
        read.registrations.iter().for_each(|row| registrations.add(row));
        read.statements.iter().for_each(|row| statements.add(row));
        read.codes.iter().for_each(|row| codes.add(row));
    })?;
    each_tube(view, |barcode| {
        if let Some(state) = standing(view, barcode)? {
            tubes.add(&state.tube);
            state.members.iter().for_each(|row| members.add(row));
        }
        Ok(())
    })?;
    let entries = feeds(view, roles)?.iter().map(|head| head.height.0).sum();
    let named = [
        (&REGISTRATION, registrations),
        (&STATEMENT, statements),
        (&CODE, codes),
        (&TUBE, tubes),
        (&STANDING, members),
    ];
    let digest = |shape: &Shape| named.iter().find(|(of, _)| of.name == shape.name).map(|(_, digest)| *digest);
    Ok((SHAPES.iter().filter_map(|shape| digest(shape)).collect(), entries))
}

/// Visits every tube somebody spoke of, by barcode.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn each_tube<V: View>(
    view: &V,
    mut visit: impl FnMut(&swabmesh_protocol::id::Barcode) -> Result<(), ViewError>,
) -> Result<(), ViewError> {
    let mut after = None;
    loop {
        let next = subjects(view, after.as_ref(), WALK_TUBES)?;
        for subject in &next {
            // Boxes come after all tubes.
            let Subject::Tube(barcode) = subject else { return Ok(()) };
            visit(barcode)?;
        }
        if next.len() < WALK_TUBES {
            return Ok(());
        }
        after = next.into_iter().last();
    }
}

/// The digests of all tables as a database holds them, in the order of [`SHAPES`].
///
/// # Errors
/// [`DatabaseError::Sql`].
pub async fn of_database(client: &Client) -> Result<Vec<TableDigest>, DatabaseError> {
    let mut digests = Vec::new();
    for shape in SHAPES {
        let select = format!("SELECT {} FROM {}", schema::columns(shape), shape.name);
        let rows = client.query_raw(&select, std::iter::empty::<&(dyn ToSql + Sync)>()).await?;
        futures::pin_mut!(rows);
        let mut digest = TableDigest::default();
        while let Some(row) = rows.try_next().await? {
            let values = shape.columns.iter().enumerate().map(|(at, (_, kind))| read(&row, at, *kind));
            digest.add(&values.collect::<Result<Vec<_>, _>>()?);
        }
        digests.push(digest);
    }
    Ok(digests)
}

/// Compares a log with a database that has caught up with it.
#[must_use]
pub fn compare(log: &[TableDigest], held: &[TableDigest], entries: u64) -> Proof {
    let tables = SHAPES.iter().zip(log.iter().zip(held));
    let tables = tables.map(|(shape, (log, held))| Compared::new(shape.name, log, held)).collect();
    Proof::new("database", entries, tables)
}

fn read(row: &tokio_postgres::Row, at: usize, kind: Kind) -> Result<Value, tokio_postgres::Error> {
    Ok(match kind {
        Kind::Bytes => row.try_get::<_, Option<Vec<u8>>>(at)?.map_or(Value::Null, Value::Bytes),
        Kind::Text => row.try_get::<_, Option<String>>(at)?.map_or(Value::Null, Value::Text),
        Kind::Number => row.try_get::<_, Option<i64>>(at)?.map_or(Value::Null, Value::Number),
        Kind::Flag => row.try_get::<_, Option<bool>>(at)?.map_or(Value::Null, Value::Flag),
    })
}
