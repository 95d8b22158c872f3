//! What an authority does for residents and for the city, beside its node.

pub mod city;

use swabmesh_node::beside::{Beside, Ground};

/// Why the services do not start.
#[derive(Debug, thiserror::Error)]
pub enum ServicesError {}

/// The services of this authority.
///
/// # Errors
/// [`ServicesError`].
pub fn services(_ground: &Ground) -> Result<Beside, ServicesError> {
    Ok(Beside::default())
}
