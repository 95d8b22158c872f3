//! The way to the database, and whose it is.

use std::str::FromStr;

use swabmesh_protocol::id::hex;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};

use super::{DatabaseError, schema};
use crate::city::row::SHAPES;

/// Times the tables are made before another process's making of them counts as an error.
const CREATE_TRIES: u8 = 5;

/// Opens a connection; it ends with the client.
///
/// # Errors
/// [`DatabaseError::Address`], [`DatabaseError::Tls`], [`DatabaseError::Connect`].
pub async fn open(address: &str) -> Result<Client, DatabaseError> {
    let mut config = Config::from_str(address).map_err(DatabaseError::Address)?;
    if config.get_ssl_mode() == SslMode::Require {
        return Err(DatabaseError::Tls);
    }
    config.application_name("swabmesh");
    let (client, connection) = config.connect(NoTls).await.map_err(DatabaseError::Connect)?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::warn!(%error, "the connection to the database ended");
        }
    });
    Ok(client)
}

/// Makes the tables unless they are there, and checks that they are this city's.
///
/// # Errors
/// [`DatabaseError::OtherCity`], [`DatabaseError::Version`], [`DatabaseError::Sql`].
pub async fn prepare(client: &Client, root: &[u8; 32]) -> Result<(), DatabaseError> {
    for statement in schema::create() {
        let mut tries = 0;
        // Two processes that make one table at once: one of them is told that it exists, in several ways.
        while let Err(error) = client.batch_execute(&statement).await {
            tries += 1;
            if tries == CREATE_TRIES {
                return Err(error.into());
            }
        }
    }
    let root = hex(root);
    let insert = "INSERT INTO swabmesh_meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    for (name, value) in [("version", schema::VERSION), ("root", &root)] {
        client.execute(insert, &[&name, &value]).await?;
    }
    let meta = |name: &'static str| async move {
        let row = client.query_one("SELECT value FROM swabmesh_meta WHERE name = $1", &[&name]).await?;
        row.try_get::<_, String>(0)
    };
    let found = meta("root").await?;
    if found != root {
        let database = client.query_one("SELECT current_database()", &[]).await?.try_get(0)?;
        return Err(DatabaseError::OtherCity { database, found });
    }
    let found = meta("version").await?;
    if found == schema::VERSION { Ok(()) } else { Err(DatabaseError::Version { found, wanted: schema::VERSION }) }
}

/// Empties every table of the projection, so that it is made anew from the log.
///
/// # Errors
/// [`DatabaseError::Sql`].
pub async fn clear(client: &mut Client) -> Result<(), DatabaseError> {
    let transaction = client.transaction().await?;
    for table in SHAPES.iter().map(|shape| shape.name).chain(["swabmesh_feed"]) {
        transaction.batch_execute(&format!("DELETE FROM {table}")).await?;
    }
    transaction.commit().await?;
    Ok(())
}
