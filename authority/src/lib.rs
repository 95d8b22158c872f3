//! What an authority does for residents and for the city, beside its node.

pub mod audit;
pub mod city;

use std::sync::Arc;

use swabmesh_node::beside::{Beside, Ground};

/// Why the services do not start.
#[derive(Debug, thiserror::Error)]
pub enum ServicesError {
    /// The log of looks at personal details.
    #[error(transparent)]
    Audit(#[from] audit::AuditError),
    /// A secret is missing.
    #[error(transparent)]
    Key(#[from] swabmesh_node::keys::KeyError),
}

/// The services of this authority; `database` is where the projection is copied to, if anywhere.
///
/// # Errors
/// [`ServicesError`].
pub fn services(ground: &Ground, database: Option<&str>) -> Result<Beside, ServicesError> {
    let audit = Arc::new(audit::Audit::open(&ground.home.path().join("audit.log"))?);
    Ok(city::beside(ground, audit, database)?)
}
