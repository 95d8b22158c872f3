//! Who had seen what: the facts of one document in causal order.
//!
//! Works on entry ids, `seen` lists and keys alone. The document is derived from it change by change, and the
//! summary reads it directly, so both rest on one account of what is visible where.

use std::collections::{BTreeMap, BTreeSet};

use super::key::{self, Key};
use super::{DocumentFact, IsHeld};
use crate::fact::Subject;
use crate::id::{EntryId, FeedId, SeqNo};

/// For each feed, by its place in [`History::strands`], how many of its facts are covered.
type Clock = Vec<u32>;

/// Which fact: the feed's place in [`History::strands`] and the fact's number there, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    strand: usize,
    number: u32,
}

/// One fact in its causal place.
#[derive(Debug, Clone)]
struct Step {
    seq: SeqNo,
    /// Position in the order of derivation, which differs between replicas.
    order: usize,
    clock: Clock,
    start_op: u64,
    last_op: u64,
}

/// The facts of one feed in the document, in feed order.
#[derive(Debug, Clone)]
struct Strand {
    feed: FeedId,
    steps: Vec<Step>,
}

/// One write to a key that several facts may write.
#[derive(Debug, Clone)]
struct Write {
    by: Place,
    counter: u64,
    /// Earlier writes to the key that this one replaces, as positions in the key's list.
    replaces: Vec<usize>,
    replaced: bool,
}

/// The name of a write: automerge's operation id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OpName {
    pub(super) counter: u64,
    pub(super) feed: FeedId,
}

/// One `Put` of a step.
#[derive(Debug)]
pub(super) struct Put {
    pub(super) key: Key,
    pub(super) replaces: Vec<OpName>,
}

/// Room for one step in the making, used again for the next.
#[derive(Debug, Default)]
struct Draft {
    keys: Vec<Key>,
    seen_at: Vec<Place>,
    seen: Vec<usize>,
    puts: Vec<Put>,
}

/// A fact whose predecessors are all derived, with everything its change needs.
#[derive(Debug)]
pub(super) struct Ready<'a> {
    pub(super) said: &'a DocumentFact,
    /// Count of the feed's facts in this document, this one included.
    pub(super) number: u32,
    pub(super) start_op: u64,
    /// What it had seen directly, as positions in the order of derivation, rising.
    pub(super) seen: &'a [usize],
    pub(super) puts: &'a [Put],
}

/// A fact belongs before one that is derived already: start over with all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OutOfOrder;

/// Where the facts of the document are kept.
pub(super) type Source<'a, 's> = &'s dyn Fn(EntryId) -> Option<&'a DocumentFact>;

/// The causal account of one document.
#[derive(Debug, Clone)]
pub(super) struct History {
    subject: Subject,
    strands: Vec<Strand>,
    strand_of: BTreeMap<FeedId, usize>,
    shared: BTreeMap<Key, Vec<Write>>,
    registered: Vec<EntryId>,
    /// Entries that were named in `seen` and held, but are no facts of this document.
    foreign: BTreeSet<EntryId>,
    waiting: BTreeSet<EntryId>,
    steps: usize,
}

impl History {
    pub(super) const fn new(subject: Subject) -> Self {
        Self {
            subject,
            strands: Vec::new(),
            strand_of: BTreeMap::new(),
            shared: BTreeMap::new(),
            registered: Vec::new(),
            foreign: BTreeSet::new(),
            waiting: BTreeSet::new(),
            steps: 0,
        }
    }

    /// Takes further facts and hands out every fact that is ready now, each after all it had seen.
    ///
    /// What is handed out in the end depends only on the set of facts and on `is_held`: it is the least set
    /// closed under "all I have seen is in it".
    pub(super) fn advance<'a>(
        &mut self,
        new: impl IntoIterator<Item = EntryId>,
        source: Source<'a, '_>,
        is_held: IsHeld<'_>,
        mut ready: impl FnMut(&Ready<'_>),
    ) -> Result<(), OutOfOrder> {
        let new: Vec<EntryId> = new.into_iter().collect();
        for id in &new {
            let last = self.strand(id.feed).and_then(|strand| strand.steps.last());
            if last.is_some_and(|last| id.seq <= last.seq) || self.foreign.contains(id) {
                return Err(OutOfOrder);
            }
        }
        if self.waiting.is_empty() {
            // Built at once: this is the desk's way, and twice as fast as one by one.
            self.waiting = new.into_iter().collect();
        } else {
            self.waiting.extend(new);
        }
        let mut feeds: Vec<FeedId> = self.waiting.iter().map(|id| id.feed).collect();
        feeds.dedup();
        let mut blocked: Vec<(EntryId, FeedId)> = Vec::new();
        let mut draft = Draft::default();
        while let Some(feed) = feeds.pop() {
            while let Some(id) = self.first_waiting(feed) {
                let Some(said) = source(id) else {
                    self.waiting.remove(&id);
                    continue;
                };
                if let Some(missing) = self.resolve(said, source, is_held, &mut draft.seen_at) {
                    blocked.push((missing, feed));
                    break;
                }
                self.waiting.remove(&id);
                self.derive(said, &mut draft, &mut ready);
                feeds.extend(blocked.extract_if(.., |(on, _)| *on == id).map(|(_, feed)| feed));
            }
        }
        Ok(())
    }

    fn first_waiting(&self, feed: FeedId) -> Option<EntryId> {
        let from = EntryId { feed, seq: SeqNo(0) };
        self.waiting.range(from..).next().copied().filter(|id| id.feed == feed)
    }

    /// Finds the steps a fact had seen directly, or the first entry that must come before it and is not derived.
    ///
    /// Entries of its own feed are skipped: the earlier ones are implied, and it cannot have seen later ones.
    fn resolve(
        &mut self,
        said: &DocumentFact,
        source: Source<'_, '_>,
        is_held: IsHeld<'_>,
        seen_at: &mut Vec<Place>,
    ) -> Option<EntryId> {
        seen_at.clear();
        for &seen in said.fact.seen().iter().filter(|seen| seen.feed != said.id.feed) {
            if let Some(place) = self.place(seen) {
                seen_at.push(place);
            } else if source(seen).is_some() || !is_held(seen) {
                return Some(seen);
            } else {
                self.foreign.insert(seen);
            }
        }
        None
    }

    fn derive(&mut self, said: &DocumentFact, draft: &mut Draft, ready: &mut impl FnMut(&Ready<'_>)) {
        let Draft { keys, seen_at, seen, puts } = draft;
        seen.clear();
        puts.clear();
        let strand = self.strand_or_new(said.id.feed);
        let mut clock = Clock::new();
        let mut last_op = 0;
        let own = self.strands.get(strand).and_then(|strand| strand.steps.last());
        for step in own.into_iter().chain(seen_at.iter().filter_map(|place| self.step_at(*place))) {
            join(&mut clock, &step.clock);
            seen.push(step.order);
            last_op = last_op.max(step.last_op);
        }
        seen.sort_unstable();
        seen.dedup();
        let number = clock.get(strand).map_or(1, |covered| covered.saturating_add(1));
        cover(&mut clock, strand, number);

        key::written(said, &self.subject, keys);
        let start_op = last_op.saturating_add(1);
        let by = Place { strand, number };
        puts.extend((start_op..).zip(keys.drain(..)).map(|(counter, key)| self.write(key, by, counter, &clock)));
        ready(&Ready { said, number, start_op, seen, puts });

        let last_op = last_op.saturating_add(puts.len() as u64);
        let step = Step { seq: said.id.seq, order: self.steps, clock, start_op, last_op };
        self.steps = self.steps.saturating_add(1);
        if let Some(strand) = self.strands.get_mut(strand) {
            strand.steps.push(step);
        }
    }

    /// Records a write and names the writes it replaces: those of the key visible at `clock`.
    fn write(&mut self, key: Key, by: Place, counter: u64, clock: &Clock) -> Put {
        match key {
            Key::Registered(registration) => {
                self.registered.push(registration);
                return Put { key, replaces: Vec::new() };
            }
            Key::Note(_) => return Put { key, replaces: Vec::new() },
            Key::Packed(_)
            | Key::Open
            | Key::Seal
            | Key::Transport
            | Key::HandOver
            | Key::Received
            | Key::Reading(_)
            | Key::Decision
            | Key::Void(_)
            | Key::Moved(_)
            | Key::Amended(..) => {}
        }
        let writes = self.shared.entry(key.clone()).or_default();
        let mut visible = vec![false; writes.len()];
        for (at, write) in writes.iter().enumerate().filter(|(_, write)| covers(clock, write.by)) {
            set(&mut visible, at, true);
            // What a write replaces stands before it in the list.
            write.replaces.iter().for_each(|replaced| set(&mut visible, *replaced, false));
        }
        let mut replaces = Vec::new();
        let mut names = Vec::new();
        for (at, write) in writes.iter_mut().enumerate().filter(|(at, _)| visible.get(*at) == Some(&true)) {
            write.replaced = true;
            replaces.push(at);
            if let Some(strand) = self.strands.get(write.by.strand) {
                names.push(OpName { counter: write.counter, feed: strand.feed });
            }
        }
        writes.push(Write { by, counter, replaces, replaced: false });
        Put { key, replaces: names }
    }

    fn strand_or_new(&mut self, feed: FeedId) -> usize {
        let next = self.strands.len();
        let place = *self.strand_of.entry(feed).or_insert(next);
        if place == next {
            self.strands.push(Strand { feed, steps: Vec::new() });
        }
        place
    }

    fn strand(&self, feed: FeedId) -> Option<&Strand> {
        self.strands.get(*self.strand_of.get(&feed)?)
    }

    fn step_at(&self, place: Place) -> Option<&Step> {
        let at = usize::try_from(place.number.checked_sub(1)?).ok()?;
        self.strands.get(place.strand)?.steps.get(at)
    }

    fn place(&self, id: EntryId) -> Option<Place> {
        let strand = *self.strand_of.get(&id.feed)?;
        let at = self.strands.get(strand)?.steps.binary_search_by_key(&id.seq, |step| step.seq).ok()?;
        Some(Place { strand, number: u32::try_from(at).ok()?.saturating_add(1) })
    }

    /// Facts that wait for something they had seen.
    pub(super) fn waiting(&self) -> &BTreeSet<EntryId> {
        &self.waiting
    }

    /// Whether a fact has its place already.
    pub(super) fn is_derived(&self, id: EntryId) -> bool {
        self.place(id).is_some()
    }

    /// Registrations made in this tube, in the order of derivation.
    pub(super) fn registered(&self) -> &[EntryId] {
        &self.registered
    }

    /// The keys several facts may write and have written, rising.
    pub(super) fn shared(&self) -> impl Iterator<Item = &Key> {
        self.shared.keys()
    }

    /// The facts whose value of a key stands: more than one is a conflict.
    pub(super) fn standing(&self, key: &Key) -> impl Iterator<Item = EntryId> {
        let writes = self.shared.get(key).map_or(&[][..], Vec::as_slice);
        writes.iter().filter(|write| !write.replaced).filter_map(|write| self.entry(write.by))
    }

    fn entry(&self, place: Place) -> Option<EntryId> {
        let strand = self.strands.get(place.strand)?;
        Some(EntryId { feed: strand.feed, seq: self.step_at(place)?.seq })
    }

    /// The fact behind an operation of the document.
    pub(super) fn author(&self, op: OpName) -> Option<EntryId> {
        let strand = self.strand(op.feed)?;
        let after = strand.steps.partition_point(|step| step.start_op <= op.counter);
        let step = strand.steps.get(after.checked_sub(1)?)?;
        Some(EntryId { feed: op.feed, seq: step.seq })
    }

    /// Whether the writer of `later` had seen `earlier`, directly or through others.
    pub(super) fn had_seen(&self, later: EntryId, earlier: EntryId) -> bool {
        let clock = self.place(later).and_then(|place| self.step_at(place)).map(|step| &step.clock);
        clock.zip(self.place(earlier)).is_some_and(|(clock, place)| covers(clock, place))
    }

    /// Newest facts of other feeds that the next fact of `own` has to name, rising; the rest is covered by them.
    pub(super) fn unseen_heads(&self, own: FeedId) -> Vec<EntryId> {
        let newest = |strand: &Strand| strand.steps.last().map(|step| EntryId { feed: strand.feed, seq: step.seq });
        let is_head = |id: &EntryId| {
            let Some(place) = self.place(*id) else { return false };
            let others = self.strands.iter().filter(|strand| strand.feed != id.feed);
            !others.filter_map(|strand| strand.steps.last()).any(|last| covers(&last.clock, place))
        };
        let others = self.strands.iter().filter(|strand| strand.feed != own);
        let mut heads: Vec<EntryId> = others.filter_map(newest).filter(is_head).collect();
        heads.sort_unstable();
        heads
    }
}

fn covers(clock: &Clock, place: Place) -> bool {
    clock.get(place.strand).is_some_and(|covered| *covered >= place.number)
}

fn cover(clock: &mut Clock, strand: usize, number: u32) {
    if clock.len() <= strand {
        clock.resize(strand.saturating_add(1), 0);
    }
    if let Some(covered) = clock.get_mut(strand) {
        *covered = number.max(*covered);
    }
}

fn join(clock: &mut Clock, other: &Clock) {
    if clock.len() < other.len() {
        clock.resize(other.len(), 0);
    }
    for (covered, seen) in clock.iter_mut().zip(other) {
        *covered = (*covered).max(*seen);
    }
}

fn set(flags: &mut [bool], at: usize, value: bool) {
    if let Some(flag) = flags.get_mut(at) {
        *flag = value;
    }
}
