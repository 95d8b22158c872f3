//! Whether a node's directory may be destroyed: only what is held elsewhere may go (rule N4).

use serde::Serialize;
use swabmesh_protocol::fact::Fact;
use swabmesh_protocol::id::{FeedId, Lane, NodeKey, SeqNo};
use swabmesh_protocol::project;
use swabmesh_protocol::project::quarantine::begins;
use swabmesh_protocol::view::{View, ViewError};

use super::Contents;

/// A feed that this node wrote and that would be lost, in whole or in part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// The feed.
    pub feed: FeedId,
    /// The first entry nobody signed for.
    pub from: SeqNo,
    /// The last entry.
    pub to: SeqNo,
    /// Registrations among them.
    pub registrations: u64,
}

/// What a directory holds that the authority has not signed for and that no bundle holds.
///
/// Entries of others count as well: a neighbour may have no other way out than this node. A bundle counts by its
/// content only, each chunk under its writer's signature, up to the very head that lies here.
///
/// # Errors
/// [`ViewError`]: our disk; then nothing may be destroyed.
pub fn losses<V: View>(view: &V, authority: Option<NodeKey>, exported: &[Contents]) -> Result<Vec<Loss>, ViewError> {
    let mut losses = Vec::new();
    for (feed, record) in project::quarantine::named_heads(view)? {
        // What the authority wrote lies at the authority; its own directory is never wiped.
        if Some(record.header.writer) == authority && record.header.lane != Lane::PRIVATE {
            continue;
        }
        let receipted = project::receipted(view, &feed, record.height)?;
        let (from, to) = (receipted.next().max(begins(view, &feed, &record.header)?), record.height);
        let in_file = |bundle: &Contents| bundle.proves(&record.header.id(), from, (to, record.head));
        if from > to || exported.iter().any(in_file) {
            continue;
        }
        let mut registrations = 0;
        for entry in project::entries(view, &feed, from, to)? {
            registrations += u64::from(matches!(Fact::from_bytes(&entry?.fact), Ok(Fact::Registered(_))));
        }
        losses.push(Loss { feed, from, to, registrations });
    }
    Ok(losses)
}
