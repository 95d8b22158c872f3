//! What an authority does for residents and for the city, beside its node.

pub mod channels;
pub mod city;
pub mod invented;
pub mod issuing;
pub mod keys;
pub mod lists;
pub mod office;
pub mod registry;
pub mod relatives;
mod resident;
pub mod residents;
pub mod root;
mod trial;

use std::sync::Arc;

use swabmesh_node::beside::{Beside, Ground};
use swabmesh_node::{audit, durable};

/// Why the services do not start.
#[derive(Debug, thiserror::Error)]
pub enum ServicesError {
    /// The directory of the office.
    #[error(transparent)]
    Directory(#[from] durable::WriteError),
    /// The log of looks at personal details.
    #[error("the audit log: {0}")]
    Audit(#[from] audit::AuditError),
    /// The city's routes and page.
    #[error(transparent)]
    City(#[from] city::CityError),
    /// The office for residents.
    #[error(transparent)]
    Office(#[from] office::OfficeError),
}

/// The services of this authority; `database` is where the projection is copied to, if anywhere.
///
/// # Errors
/// [`ServicesError`].
pub fn services(ground: &Ground, database: Option<&str>) -> Result<Beside, ServicesError> {
    let place = office::place(&ground.home);
    durable::make_directory(&place)?;
    let audit = Arc::new(audit::Audit::open(&place.join("audit.log"))?);
    let office = office::Office::open(ground, Arc::clone(&audit))?;
    let city = city::beside(ground, audit, database, office.retention())?;
    Ok(office::beside(ground, office).and(city))
}
