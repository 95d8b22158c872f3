//! Values as somebody's words: what a document says under each key, and who says it.

use std::collections::BTreeMap;

use automerge::{Automerge, ObjId, ROOT, ReadDoc};
use serde::Serialize;

use super::history::OpName;
use super::key::Key;
use super::{Document, DocumentFact};
use crate::fact::Operator;
use crate::id::{EntryId, FeedId, NodeKey};
use crate::time::Stamp;

/// Who said something, where and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Author {
    /// The entry it stands in.
    pub entry: EntryId,
    /// The node that wrote it.
    pub node: NodeKey,
    /// The operator at that node.
    pub operator: Operator,
    /// When, by the writer's stamp.
    pub stamp: Stamp,
}

impl Author {
    pub(crate) fn of(said: &DocumentFact) -> Self {
        Self {
            entry: said.id,
            node: said.writer,
            operator: said.fact.operator().cloned().unwrap_or_default(),
            stamp: said.stamp,
        }
    }
}

/// One value with its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// The value in the register's own form.
    pub value: String,
    /// Whose it is.
    pub by: Author,
}

/// A register whose writers disagree without having seen one another: shown until a person reviews it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// The register, as a review has to name it.
    pub register: String,
    /// The values that stand, by stamp.
    pub values: Vec<Claim>,
}

/// Everything a document says: the values that stand under each key, by stamp.
#[derive(Debug, Clone, Default)]
pub(super) struct Claims(BTreeMap<Key, Vec<Claim>>);

impl Claims {
    /// Reads all keys, with concurrent values, from the automerge document.
    pub(super) fn read(document: &Document) -> Self {
        let Some(automerge) = &document.automerge else { return Self::default() };
        let keys = automerge.keys(ROOT);
        let keyed = keys.filter_map(|name| Some((name.parse().ok()?, standing(document, automerge, &name))));
        Self(keyed.collect())
    }

    /// The values that stand under a key; none if nobody wrote it.
    pub(super) fn of(&self, key: &Key) -> &[Claim] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    /// All keys and values, keys rising.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &[Claim])> {
        self.0.iter().map(|(key, claims)| (key, claims.as_slice()))
    }

    /// The registers with values that contradict one another.
    ///
    /// Two desks that opened or sealed one tube unaware of each other are flagged even if they agree on the
    /// number. Readings are left to [`crate::results`]: two laboratories differ under two keys.
    pub(super) fn conflicts(&self) -> Vec<Conflict> {
        let contested = self.iter().filter(|(key, claims)| match key {
            Key::Open | Key::Seal => claims.len() > 1,
            Key::Transport | Key::HandOver | Key::Received | Key::Void(_) | Key::Moved(_) | Key::Amended(..) => {
                differ(claims)
            }
            Key::Registered(_) | Key::Packed(_) | Key::Note(_) | Key::Reading(_) | Key::Decision => false,
        });
        contested.map(|(key, claims)| Conflict { register: key.to_string(), values: claims.to_vec() }).collect()
    }
}

fn differ(claims: &[Claim]) -> bool {
    claims.first().is_some_and(|first| claims.iter().any(|claim| claim.value != first.value))
}

fn standing(document: &Document, automerge: &Automerge, key: &str) -> Vec<Claim> {
    let values = automerge.get_all(ROOT, key).unwrap_or_default();
    let mut claims: Vec<Claim> = values
        .into_iter()
        .filter_map(|(value, op)| {
            let entry = document.history.author(op_name(&op)?)?;
            let by = Author::of(document.fact(entry)?);
            Some(Claim { value: value.as_str()?.to_owned(), by })
        })
        .collect();
    claims.sort_by_key(|claim| (claim.by.stamp, claim.by.entry));
    claims
}

fn op_name(op: &ObjId) -> Option<OpName> {
    match op {
        ObjId::Root => None,
        ObjId::Id(counter, actor, _) => {
            Some(OpName { counter: *counter, feed: FeedId(actor.to_bytes().try_into().ok()?) })
        }
    }
}
