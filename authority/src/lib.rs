//! What an authority does for residents and for the city, beside its node.

pub mod audit;
pub mod channels;
pub mod invented;
pub mod issuing;
pub mod keys;
pub mod lists;
pub mod office;
pub mod registry;
pub mod relatives;
pub mod residents;
pub mod root;

use swabmesh_node::beside::{Beside, Ground};

/// Why the services do not start.
#[derive(Debug, thiserror::Error)]
pub enum ServicesError {
    /// The office for residents.
    #[error(transparent)]
    Office(#[from] office::OfficeError),
}

/// The services of this authority.
///
/// # Errors
/// [`ServicesError`].
pub fn services(ground: &Ground) -> Result<Beside, ServicesError> {
    Ok(office::beside(ground)?)
}
