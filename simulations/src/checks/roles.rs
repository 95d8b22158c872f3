//! No fact above its writer's role is applied to anything.

use swabmesh_protocol::fact::{Fact, Role};
use swabmesh_protocol::id::NodeKey;
use swabmesh_protocol::project;
use swabmesh_protocol::view::{Table, View, ViewError};

use crate::disk::Disk;

/// Its name in reports.
pub const RULE: &str = "roles-hold";

/// Documents looked at on one disk.
const ROWS_MAX: usize = 1_000_000;
/// Bytes of a document row's value before its fact: the stamp.
const STAMP_BYTES: usize = 8;

/// A fact in the tables that its writer may not state.
///
/// # Errors
/// [`ViewError`]: the tables cannot be read.
pub fn above_role(disk: &Disk, role_of: &dyn Fn(&NodeKey) -> Option<Role>) -> Result<Option<String>, ViewError> {
    for (key, value) in disk.tables().scan(Table::Documents, &[], &[0xff], ROWS_MAX)? {
        let feed = key.get(key.len().saturating_sub(24)..key.len().saturating_sub(8));
        let feed = feed.and_then(|feed| feed.try_into().ok()).map(swabmesh_protocol::id::FeedId);
        let Some(feed) = feed else { return Ok(Some("a row of documents without a feed".to_owned())) };
        let writer = project::head(disk.tables(), &feed)?.map(|record| record.header.writer);
        let fact = value.get(STAMP_BYTES..).and_then(|fact| Fact::from_bytes(fact).ok());
        let (Some(writer), Some(fact)) = (writer, fact) else {
            return Ok(Some(format!("a row of documents without a writer, of feed {feed}")));
        };
        if !role_of(&writer).is_some_and(|role| fact.allowed(role)) {
            return Ok(Some(format!("{} of {writer} is in a document", fact.name())));
        }
    }
    Ok(None)
}
