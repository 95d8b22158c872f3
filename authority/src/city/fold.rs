//! From entries of the log to rows: what a statement adds, and how a tube stands.
//!
//! Both are functions of the log alone. A fact above its writer's role, and one this version cannot read, adds
//! nothing, as in the core's own fold; sealed details are never copied out of the log.

use std::collections::{BTreeMap, BTreeSet};

use swabmesh_node::clock::day;
use swabmesh_node::reading;
use swabmesh_protocol::entry::Entry;
use swabmesh_protocol::fact::{Fact, Operator, Remark, Role, Subject};
use swabmesh_protocol::id::{Barcode, EntryId, FeedHeader, FeedId, Lane, NodeKey, SeqNo};
use swabmesh_protocol::project::{HeadRecord, document_facts, entries, heads};
use swabmesh_protocol::tube::view::{Member, TubeView};
use swabmesh_protocol::view::{View, ViewError};

use super::row::{Row, Value};

/// Says what a node may state; one it does not know may state nothing.
pub type Roles = BTreeMap<NodeKey, Role>;

/// What some entries of one feed add.
#[derive(Debug, Default)]
pub struct Statements {
    /// Rows of [`super::row::REGISTRATION`].
    pub registrations: Vec<Row>,
    /// Rows of [`super::row::STATEMENT`].
    pub statements: Vec<Row>,
    /// Rows of [`super::row::CODE`].
    pub codes: Vec<Row>,
    /// Tubes spoken of, and by how many facts.
    pub tubes: BTreeMap<Barcode, i64>,
    /// The last entry taken in; the first is 1.
    pub through: u64,
}

impl Statements {
    /// Takes in the entries of a feed after `after`, at most `limit` of them and no further than `to`.
    ///
    /// # Errors
    /// [`ViewError`]: our disk.
    pub fn read<V: View>(
        &mut self,
        view: &V,
        head: &HeadRecord,
        (after, to): (u64, u64),
        limit: u64,
        roles: &Roles,
    ) -> Result<(), ViewError> {
        let to = to.min(after.saturating_add(limit));
        // What was let go of before this authority heard of the feed is nowhere.
        self.through = after.max(head.base.unwrap_or_default().0).min(to);
        for entry in entries(view, &head.header.id(), SeqNo(after.saturating_add(1)), SeqNo(to))? {
            let entry = entry?;
            self.through = entry.seq.0;
            let Ok(fact) = Fact::from_bytes(&entry.fact) else { continue };
            if roles.get(&head.header.writer).is_some_and(|role| fact.allowed(*role)) {
                self.say(&head.header, &entry, &fact);
            }
        }
        Ok(())
    }

    /// Rows that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.registrations.len() + self.statements.len() + self.codes.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn say(&mut self, header: &FeedHeader, entry: &Entry, fact: &Fact) {
        // A move within one tube names it twice and is one fact of its document.
        let subjects: BTreeSet<Subject> = fact.subjects().into_iter().collect();
        for subject in subjects {
            if let Subject::Tube(tube) = subject {
                *self.tubes.entry(tube).or_default() += 1;
            }
        }
        let at = At { feed: header.id(), header, entry };
        #[expect(clippy::wildcard_enum_match_arm, reason = "every other kind is named in `At::statements`")]
        match fact {
            Fact::Registered(fact) => {
                let [feed, seq, at_ms, day] = at.place();
                self.registrations.push(vec![
                    feed,
                    seq,
                    at_ms,
                    day,
                    Value::count(header.lane.0),
                    header.writer.0.into(),
                    fact.tube.as_str().into(),
                    fact.person.0.into(),
                    named(&fact.route).into(),
                    Value::count(fact.document),
                    Value::said(fact.last_four.as_str()),
                    Value::said(fact.name.as_str()),
                    Value::said(fact.operator.as_str()),
                    Value::count(fact.warnings),
                    fact.code.map(|code| code.0).into(),
                    fact.guardian.map(|guardian| guardian.0).into(),
                    Value::said(fact.reason.as_ref().map_or("", Remark::as_str)),
                ]);
            }
            Fact::Issued(fact) if header.lane == Lane::PRIVATE => {
                let [feed, seq, at_ms, day] = at.place();
                let (code, kind) = (fact.code.0.into(), Value::count(fact.kind));
                let expires = Value::count(fact.expires_at.0);
                let row = vec![feed, seq, at_ms, day, "issued".into(), code, kind, fact.person.0.into(), expires];
                self.codes.push([row, vec![Value::Null]].concat());
            }
            Fact::Revoked(fact) if header.lane == Lane::PRIVATE => {
                let [feed, seq, at_ms, day] = at.place();
                let row = vec![feed, seq, at_ms, day, "revoked".into(), fact.code.0.into(), Value::Null];
                let more = vec![fact.person.0.into(), Value::Null, Value::said(fact.reason.as_str())];
                self.codes.push([row, more].concat());
            }
            fact => self.statements.extend(at.statements(fact)),
        }
    }
}

/// Where a statement stands.
struct At<'e> {
    feed: FeedId,
    header: &'e FeedHeader,
    entry: &'e Entry,
}

/// What a statement says besides where it stands.
#[derive(Default)]
struct Said<'f> {
    tube: Option<&'f Barcode>,
    transport: Option<&'f Barcode>,
    registration: Option<EntryId>,
    value: String,
    reason: &'f str,
}

impl At<'_> {
    fn place(&self) -> [Value; 4] {
        let wall = self.entry.stamp.wall();
        [self.feed.0.into(), Value::count(self.entry.seq.0), Value::count(wall.0), Value::count(day(wall))]
    }

    fn statements(&self, fact: &Fact) -> Vec<Row> {
        let one = |said: Said<'_>| vec![self.row(0, fact, &said)];
        match fact {
            Fact::Opened(f) => one(Said { tube: Some(&f.tube), value: f.pool.to_string(), ..Said::default() }),
            Fact::Voided(f) => one(Said {
                tube: Some(&f.tube),
                registration: Some(f.registration),
                reason: f.reason.as_str(),
                ..Said::default()
            }),
            Fact::Amended(f) => one(Said {
                tube: Some(&f.tube),
                registration: Some(f.registration),
                value: format!("{}={}", named(&f.field), f.value),
                reason: f.reason.as_str(),
                transport: None,
            }),
            Fact::Moved(f) => (0..)
                .zip(&f.registrations)
                .map(|(part, registration)| {
                    let said = Said {
                        tube: Some(&f.from),
                        registration: Some(*registration),
                        value: f.to.to_string(),
                        reason: f.reason.as_str(),
                        transport: None,
                    };
                    self.row(part, fact, &said)
                })
                .collect(),
            Fact::Sealed(f) => one(Said { tube: Some(&f.tube), value: f.count.to_string(), ..Said::default() }),
            Fact::Reopened(f) => one(Said { tube: Some(&f.tube), reason: f.reason.as_str(), ..Said::default() }),
            Fact::Packed(f) => one(Said { tube: Some(&f.tube), transport: Some(&f.transport), ..Said::default() }),
            Fact::HandedOver(f) => {
                one(Said { transport: Some(&f.transport), value: format!("{} {}", f.count, f.to), ..Said::default() })
            }
            Fact::Received(f) => {
                let (tube, transport) = about(&f.subject);
                one(Said { tube, transport, value: f.count.to_string(), ..Said::default() })
            }
            Fact::Reported(f) => one(Said {
                tube: Some(&f.tube),
                value: format!("{} {}", named(&f.outcome), named(&f.stage)),
                ..Said::default()
            }),
            Fact::Corrected(f) => one(Said {
                tube: Some(&f.tube),
                value: format!("{} corrected", named(&f.outcome)),
                reason: f.reason.as_str(),
                ..Said::default()
            }),
            Fact::Reviewed(f) => {
                let (tube, transport) = about(&f.subject);
                let value = format!("{}={}", f.register, f.value);
                one(Said { tube, transport, value, reason: f.reason.as_str(), ..Said::default() })
            }
            // Registrations and codes have tables of their own; the others are the node's business.
            Fact::Registered(_)
            | Fact::Issued(_)
            | Fact::Revoked(_)
            | Fact::Enrolled(_)
            | Fact::Withdrawn(_)
            | Fact::Trust(_)
            | Fact::Policy(_)
            | Fact::Status(_)
            | Fact::Receipt(_)
            | Fact::ForkProof(_)
            | Fact::SealKey(_)
            | Fact::Pruned(_) => Vec::new(),
            Fact::ForkDecided(f) => {
                one(Said { value: f.header().id().to_string(), reason: f.reason.as_str(), ..Said::default() })
            }
        }
    }

    fn row(&self, part: i64, fact: &Fact, said: &Said<'_>) -> Row {
        let [feed, seq, at_ms, day] = self.place();
        vec![
            feed,
            seq,
            Value::Number(part),
            at_ms,
            day,
            Value::count(self.header.lane.0),
            self.header.writer.0.into(),
            fact.name().to_ascii_lowercase().as_str().into(),
            said.tube.map(Barcode::as_str).into(),
            said.transport.map(Barcode::as_str).into(),
            said.registration.map_or(Value::Null, |entry| entry.to_string().as_str().into()),
            Value::said(&said.value),
            Value::said(fact.operator().map_or("", Operator::as_str)),
            Value::said(said.reason),
        ]
    }
}

fn about(subject: &Subject) -> (Option<&Barcode>, Option<&Barcode>) {
    match subject {
        Subject::Tube(tube) => (Some(tube), None),
        Subject::Box(transport) => (None, Some(transport)),
    }
}

/// The name of a value of a closed set, as JSON writes it.
pub(super) fn named(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(_) | Err(_) => String::new(),
    }
}

/// How one tube stands: its row, and those of its members whose place needs saying.
#[derive(Debug)]
pub struct Standing {
    /// A row of [`super::row::TUBE`]; `facts` equals `seen`.
    pub tube: Row,
    /// Rows of [`super::row::STANDING`].
    pub members: Vec<Row>,
}

/// Derives how a tube stands from everything this node holds of it; `None` when nobody spoke of it.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn standing<V: View>(view: &V, barcode: &Barcode) -> Result<Option<Standing>, ViewError> {
    let Some(shown) = reading::tube(view, barcode)? else { return Ok(None) };
    let facts = document_facts(view, &Subject::Tube(barcode.clone()))?;
    let seen = Value::count(facts.len());
    let opened = facts.iter().filter(|said| matches!(said.fact, Fact::Opened(_)));
    let first = opened.min_by_key(|said| (said.stamp, said.id)).or_else(|| facts.first());
    let cell = match first {
        Some(said) => swabmesh_protocol::project::head(view, &said.id.feed)?.map(|head| head.header.lane),
        None => None,
    };
    let tube = tube_row(&shown, (first.map(|said| (said.writer, said.stamp.wall().0)), cell), &seen);
    let needs_saying = |member: &&Member| {
        member.late || !member.voided.is_empty() || member.moved_from.is_some() || !member.moved_to.is_empty()
    };
    let members = shown.members.iter().filter(needs_saying).map(|member| member_row(&shown, member, &seen));
    Ok(Some(Standing { tube, members: members.collect() }))
}

fn tube_row(shown: &TubeView, (opened, cell): (Option<(NodeKey, u64)>, Option<Lane>), seen: &Value) -> Row {
    let verdict = shown.verdict;
    vec![
        shown.barcode.as_str().into(),
        cell.map_or(Value::Null, |lane| Value::count(lane.0)),
        opened.map(|(site, _)| site.0).into(),
        opened.map_or(Value::Null, |(_, at)| Value::count(at)),
        shown.pool.map_or(Value::Null, Value::count),
        Value::count(shown.count),
        Value::Flag(!shown.seals.is_empty()),
        shown.boxes.first().map(|claim| claim.value.as_str()).into(),
        Value::Flag(!shown.received.is_empty()),
        verdict.map_or(Value::Null, |verdict| named(&verdict.reading.outcome).as_str().into()),
        verdict.map_or(Value::Null, |verdict| named(&verdict.reading.stage).as_str().into()),
        Value::Flag(verdict.is_some_and(|verdict| verdict.disputed)),
        Value::Flag(verdict.is_some_and(|verdict| verdict.reviewed)),
        Value::count(shown.conflicts.len()),
        seen.clone(),
        seen.clone(),
    ]
}

fn member_row(shown: &TubeView, member: &Member, seen: &Value) -> Row {
    vec![
        shown.barcode.as_str().into(),
        member.registration.feed.0.into(),
        Value::count(member.registration.seq.0),
        Value::Flag(member.counts),
        Value::Flag(member.late),
        member.moved_from.as_ref().map(Barcode::as_str).into(),
        member.moved_to.first().map(Barcode::as_str).into(),
        seen.clone(),
    ]
}

/// The feeds whose writer is known, in the order of their ids.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn feeds<V: View>(view: &V, roles: &Roles) -> Result<Vec<HeadRecord>, ViewError> {
    let known = heads(view)?.into_iter().filter(|head| roles.contains_key(&head.header.writer));
    Ok(known.collect())
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
