//! The inbox: every flag with its owner, what it is about in words, and who decided it. Nothing is dismissed.

mod seen;

use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde::Serialize;
use sha2::{Digest, Sha256};
use swabmesh_node::reading;
use swabmesh_protocol::fact::{Fact, Operator, Remark, Reviewed, Subject, Voided};
use swabmesh_protocol::id::{Barcode, EntryId, NodeKey, hex};
use swabmesh_protocol::project::{About, Flag, FlagKind, FlagState, Owner, Party, document_facts, entry, flags};
use swabmesh_protocol::text::Text;
use swabmesh_protocol::time::Wall;
use swabmesh_protocol::tube::DocumentFact;
use swabmesh_protocol::view::{View, ViewError};

use crate::recent::find;
pub(crate) use seen::{Look, Seen};

/// Flags looked at: settled ones lie between the open ones.
const FLAGS_READ_MAX: usize = 10_000;

/// Open flags shown.
const OPEN_MAX: usize = 200;

/// Settled flags shown below them.
const SETTLED_MAX: usize = 20;

/// A flag as the desk shows it.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    #[serde(flatten)]
    flag: Flag,
    /// Names the flag and all its parties: another one joins, and it is another flag to whoever looked.
    id: String,
    /// Whether this node is the one that decides.
    ours: bool,
    /// The registrations that have part in it, as far as they are here.
    registrations: Vec<Registration>,
    /// The decision that stands.
    decision: Option<Decision>,
    /// Who at this site looked at it.
    seen: Option<Look>,
}

impl Line {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

/// A registration that has part in a flag.
#[derive(Debug, Serialize)]
pub(crate) struct Registration {
    registration: EntryId,
    /// The tube it is in now.
    tube: Barcode,
    /// Masked.
    name: Text<24>,
    last_four: Text<4>,
    operator: Operator,
    /// What people call the node that wrote it.
    node: String,
    /// Whether this node wrote it: then its people may void it, whoever decides the flag.
    here: bool,
    at: Wall,
    counts: bool,
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum What {
    /// A registration does not count.
    Voided,
    /// Both registrations count.
    Kept,
    /// One of the values that were stated holds.
    Chosen,
}

/// Who decided what.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Decision {
    what: What,
    /// The value that holds, if one was chosen.
    value: String,
    reason: Remark,
    operator: Operator,
    /// What people call the node where it was decided.
    node: String,
    at: Wall,
}

/// Whose inbox it is.
pub(crate) struct Reader<'r> {
    pub(crate) own: NodeKey,
    /// What people call a node.
    pub(crate) name_of: &'r dyn Fn(&NodeKey) -> String,
    pub(crate) seen: &'r Seen,
}

impl Reader<'_> {
    /// Reads the inbox: what waits for this node's people, what waits for the authority, what somebody here looked
    /// at, what was settled; each of them the newest first.
    ///
    /// # Errors
    /// [`ViewError`]: our disk.
    pub(crate) fn read<V: View>(&self, view: &V) -> Result<Vec<Line>, ViewError> {
        let mut found = flags(view, None, FLAGS_READ_MAX)?;
        let newest = |flag: &Flag| flag.parties.iter().map(|party| party.at).max();
        // Of too many to be shown, those that wait for somebody else are left out first.
        found.sort_by_key(|flag| (flag.owner != Owner::Node(self.own), Reverse(newest(flag))));
        let (mut open, mut settled): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|flag| flag.state == FlagState::Open);
        open.truncate(OPEN_MAX);
        // What its own operator saw and went on with was never anybody's to decide.
        settled.retain(|flag| flag.state == FlagState::Settled);
        settled.truncate(SETTLED_MAX);
        let lines = open.into_iter().chain(settled).map(|flag| self.line(view, flag));
        let mut lines: Vec<Line> = lines.collect::<Result<_, _>>()?;
        lines.sort_by_key(|line| (line.flag.state, line.seen.is_some(), !line.ours));
        Ok(lines)
    }

    fn line<V: View>(&self, view: &V, flag: Flag) -> Result<Line, ViewError> {
        let mut registrations = Vec::new();
        let mut tubes = BTreeSet::new();
        match &flag.about {
            About::Person(_) => {
                for party in &flag.parties {
                    let Some((of, registered_into)) = self.registration(view, party)? else { continue };
                    tubes.extend([of.tube.clone(), registered_into]);
                    registrations.push(of);
                }
            }
            About::Tube(tube) => tubes.extend([tube.clone()]),
            About::Entry(_) => {}
        }
        let decision = self.decision(view, &flag, tubes)?;
        let id = id(&flag);
        let ours = flag.owner == Owner::Node(self.own);
        Ok(Line { seen: self.seen.of(&id), id, ours, registrations, decision, flag })
    }

    /// A registration as it stands, and the tube it was made in; `None` while it is not here.
    fn registration<V: View>(&self, view: &V, party: &Party) -> Result<Option<(Registration, Barcode)>, ViewError> {
        let said = entry(view, party.entry)?.and_then(|entry| Fact::from_bytes(&entry.fact).ok());
        let Some(Fact::Registered(fact)) = said else { return Ok(None) };
        let shown = reading::tube(view, &fact.tube)?;
        let member = shown.as_ref().and_then(|shown| find(shown, party.entry));
        let moved_to = member.and_then(|member| member.moved_to.first());
        let of = Registration {
            registration: party.entry,
            tube: moved_to.unwrap_or(&fact.tube).clone(),
            name: fact.name,
            last_four: fact.last_four,
            operator: fact.operator,
            node: (self.name_of)(&party.writer),
            here: party.writer == self.own,
            at: party.at,
            counts: member.is_none_or(|member| member.voided.is_empty()),
        };
        Ok(Some((of, fact.tube)))
    }

    /// The last decision about a flag that these tubes' documents hold.
    fn decision<V: View>(
        &self,
        view: &V,
        flag: &Flag,
        tubes: BTreeSet<Barcode>,
    ) -> Result<Option<Decision>, ViewError> {
        let mut last = None;
        for tube in tubes {
            for said in document_facts(view, &Subject::Tube(tube))? {
                let place = (said.stamp, said.id);
                let later = last.as_ref().is_none_or(|(before, _)| *before < place);
                if let Some(decision) = later.then(|| self.decided(flag, said)).flatten() {
                    last = Some((place, decision));
                }
            }
        }
        Ok(last.map(|(_, decision)| decision))
    }

    /// What a fact decides of a flag, if it does.
    fn decided(&self, flag: &Flag, said: DocumentFact) -> Option<Decision> {
        let has_part = |registration: EntryId| {
            flag.kind == FlagKind::Duplicate && flag.parties.iter().any(|party| party.entry == registration)
        };
        let (node, at) = ((self.name_of)(&said.writer), said.stamp.wall());
        if let Fact::Voided(Voided { registration, reason, operator, .. }) = said.fact {
            let what = What::Voided;
            return has_part(registration).then(|| Decision { what, value: String::new(), reason, operator, node, at });
        }
        let Fact::Reviewed(Reviewed { register: decided, value, reason, operator, .. }) = said.fact else {
            return None;
        };
        if register(flag.kind) == Some(decided.as_str()) {
            return Some(Decision { what: What::Chosen, value: value.to_string(), reason, operator, node, at });
        }
        let registration = decided.as_str().strip_prefix("void/")?.parse().ok()?;
        // Of a registration an empty value means that it counts after all.
        let what = if value.is_empty() { What::Kept } else { What::Voided };
        has_part(registration).then(|| Decision { what, value: String::new(), reason, operator, node, at })
    }
}

/// The register of a tube that a review names to decide a flag of this kind.
const fn register(kind: FlagKind) -> Option<&'static str> {
    match kind {
        FlagKind::OpenedTwice => Some("open"),
        FlagKind::SealedTwice => Some("seal"),
        FlagKind::DifferingResults | FlagKind::PositiveTube => Some("result"),
        FlagKind::Duplicate | FlagKind::AboveRole | FlagKind::Unreadable => None,
    }
}

fn id(flag: &Flag) -> String {
    let of = (flag.kind, &flag.about, &flag.parties);
    hex(Sha256::digest(serde_json::to_vec(&of).unwrap_or_default()).get(..8).unwrap_or_default())
}
