//! No fact above its writer's role is applied to anything.

use swabmesh_protocol::fact::{Fact, Role};
use swabmesh_protocol::id::{Lane, NodeKey};
use swabmesh_protocol::project;
use swabmesh_protocol::view::{Table, View, ViewError};

use crate::disk::Disk;

/// Its name in reports.
pub const RULE: &str = "roles-hold";
/// Its name in reports: what a withdrawn node wrote above its mark does not become part of the log.
pub const WITHDRAWN_RULE: &str = "withdrawn-stays-out";

/// Its name in reports: what a node writes for itself alone is on no other disk.
pub const PRIVATE_RULE: &str = "private-stays-private";

/// Documents looked at on one disk.
const ROWS_MAX: usize = 1_000_000;
/// Bytes of a document row's value before its fact: the stamp.
const STAMP_BYTES: usize = 8;

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
