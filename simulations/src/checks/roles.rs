//! No fact above its writer's role is applied to anything.

use swabmesh_protocol::fact::Role;
use swabmesh_protocol::id::{Lane, NodeKey};
use swabmesh_protocol::project;
use swabmesh_protocol::view::ViewError;

use crate::disk::Disk;

/// Its name in reports.
pub const RULE: &str = "roles-hold";
/// Its name in reports: what a withdrawn node wrote above its mark does not become part of the log.
pub const WITHDRAWN_RULE: &str = "withdrawn-stays-out";

/// Its name in reports: what a node writes for itself alone is on no other disk.
pub const PRIVATE_RULE: &str = "private-stays-private";

/// Documents looked at on one disk.
const DOCUMENTS_MAX: usize = 1_000_000;

/// A feed of the private lane that another node wrote.
#[must_use]
pub fn foreign_private(disk: &Disk, own: &NodeKey) -> Option<String> {
    let (feed, _) = disk.headers().find(|(_, header)| header.lane == Lane::PRIVATE && header.writer != *own)?;
    Some(format!("{feed} is another node's own"))
}

/// A fact in the tables that its writer may not state.
///
/// # Errors
/// [`ViewError`]: the tables cannot be read.
pub fn above_role(disk: &Disk, role_of: &dyn Fn(&NodeKey) -> Option<Role>) -> Result<Option<String>, ViewError> {
    for subject in project::subjects(disk.tables(), None, DOCUMENTS_MAX)? {
        for said in project::document_facts(disk.tables(), &subject)? {
            if !role_of(&said.writer).is_some_and(|role| said.fact.allowed(role)) {
                return Ok(Some(format!("{} of {} is in a document", said.fact.name(), said.writer)));
            }
        }
    }
    Ok(None)
}
