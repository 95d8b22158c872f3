//! The projection in a database that speaks PostgreSQL's protocol, one machine or many.
//!
//! The database decides nothing: its rows follow from the log ([`super::fold`]), and with every batch the heights of
//! the feeds it came from are moved **in the same transaction**, from the height it began at. So an entry is
//! projected exactly once, whoever is killed when, and however many processes share the database: of two that began
//! at one height, one commits and the other finds the height moved and begins again.

pub mod connect;
pub mod follow;
pub mod lease;
pub mod schema;
pub mod write;

use swabmesh_protocol::view::ViewError;

/// Why the database does not follow.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The address is none.
    #[error(
        "the database address cannot be read ({0}): write postgres://USER:PASSWORD@HOST:PORT/NAME, or host=DIR user=… dbname=… for a socket"
    )]
    Address(#[source] tokio_postgres::Error),
    /// Nobody answers, or not us.
    #[error("the database does not let this node in: check that it runs, and the user, password and name")]
    Connect(#[source] tokio_postgres::Error),
    /// The address asks for what this program does not do.
    #[error(
        "the database address asks for TLS, which this program leaves to a proxy on its own machine: see the operations guide"
    )]
    Tls,
    /// The tables are of another city.
    #[error("the database {database} holds the city of root {found}, not this one's: name another database")]
    OtherCity {
        /// Its name.
        database: String,
        /// Whose it is.
        found: String,
    },
    /// The tables are of another version.
    #[error(
        "the database has tables of version {found}, this program writes {wanted}: run `swabmesh authority rebuild --from-scratch`"
    )]
    Version {
        /// What is there.
        found: String,
        /// What is wanted.
        wanted: &'static str,
    },
    /// Another process was faster; nothing was written, and nothing is wrong.
    #[error("another process projected these entries first")]
    Overtaken,
    /// A statement failed.
    #[error("the database refused a statement")]
    Sql(#[from] tokio_postgres::Error),
    /// Our own tables.
    #[error(transparent)]
    View(#[from] ViewError),
    /// A thread died.
    #[error("a thread of the projection died")]
    Thread(#[from] tokio::task::JoinError),
}

impl DatabaseError {
    /// Whether the same transaction may succeed when it is tried again from the heights of now.
    #[must_use]
    pub fn is_worth_retrying(&self) -> bool {
        use tokio_postgres::error::SqlState;
        match self {
            Self::Overtaken => true,
            Self::Sql(error) => {
                let conflicts = [&SqlState::T_R_SERIALIZATION_FAILURE, &SqlState::T_R_DEADLOCK_DETECTED];
                error.code().is_some_and(|code| conflicts.contains(&code) || *code == SqlState::UNIQUE_VIOLATION)
            }
            Self::Address(_)
            | Self::Connect(_)
            | Self::Tls
            | Self::OtherCity { .. }
            | Self::Version { .. }
            | Self::View(_)
            | Self::Thread(_) => false,
        }
    }
}
