//! The newest registrations of this node as they stand now, corrections included.

use std::collections::BTreeMap;

use serde::Serialize;
use swabmesh_node::api::RegistrationLine;
use swabmesh_node::reading;
use swabmesh_protocol::id::{Barcode, EntryId, FeedId, SeqNo};
use swabmesh_protocol::tube::view::{Member, TubeView};
use swabmesh_protocol::view::{View, ViewError};

/// How a registration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Standing {
    /// It counts.
    Counts,
    /// Somebody took it back.
    Voided,
    /// It counts in another tube.
    Moved,
}

/// One line of the list.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Recent {
    #[serde(flatten)]
    pub(crate) line: RegistrationLine,
    pub(crate) standing: Standing,
    pub(crate) moved_to: Option<Barcode>,
}

/// Lists the newest registrations of a feed, newest first; another node holds it durably up to `neighbour`.
pub(crate) fn recent<V: View>(
    view: &V,
    feed: FeedId,
    neighbour: SeqNo,
    limit: usize,
) -> Result<Vec<Recent>, ViewError> {
    let mut tubes: BTreeMap<Barcode, Option<TubeView>> = BTreeMap::new();
    let mut list = Vec::new();
    for line in reading::registrations(view, feed, neighbour, limit)? {
        if !tubes.contains_key(&line.tube) {
            tubes.insert(line.tube.clone(), reading::tube(view, &line.tube)?);
        }
        let shown = tubes.get(&line.tube).and_then(Option::as_ref);
        let member = shown.and_then(|shown| find(shown, line.registration));
        let moved_to = member.and_then(|member| member.moved_to.first().cloned());
        let standing = match member {
            Some(member) if !member.counts && moved_to.is_some() => Standing::Moved,
            Some(member) if !member.counts => Standing::Voided,
            // The tables follow the log by milliseconds: what is not in them yet was not corrected either.
            Some(_) | None => Standing::Counts,
        };
        list.push(Recent { line, standing, moved_to });
    }
    Ok(list)
}

/// A registration in a tube.
pub(crate) fn find(tube: &TubeView, registration: EntryId) -> Option<&Member> {
    tube.members.iter().find(|member| member.registration == registration)
}
