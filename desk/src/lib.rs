//! The pages of a sampling site and of a laboratory, served by the node itself.

use swabmesh_node::beside::{Beside, Ground};

/// Why the pages are not served.
#[derive(Debug, thiserror::Error)]
pub enum PagesError {}

/// The pages of this node.
///
/// # Errors
/// [`PagesError`].
pub fn pages(_ground: &Ground) -> Result<Beside, PagesError> {
    Ok(Beside::default())
}
