//! Commands on their way: read what is needed, decide, append, and answer when it is on disk.

use super::{Purpose, Replica};
use crate::append::Finished;
use crate::code::issue::IssueError;
use crate::command::{Command, NewText, Published, Refusal, Register, Reply, Verdict};
use crate::desk::{self, Desk, Paper};
use crate::fact::{self, Fact, Mark, Role, Subject};
use crate::fork::branch;
use crate::id::{EntryId, FeedHeader, FeedId, Hash, Lane, NodeKey, Person};
use crate::io::{Answer, Arrival, Output, PersistError, Prior, Query, RequestId};
use crate::limits::{COMMANDS_MAX, FACT_BYTES_MAX, PRIOR_MAX, QUARANTINE_BRANCHES_MAX};
use crate::register::{self, Circumstances, Identified};
use crate::time::{MS_PER_S, Now, Stamp, Wall};
use crate::tube::DocumentFact;
use crate::tube::summary::Summary;

/// A command whose question to the store is not answered yet.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) request: RequestId,
    pub(super) command: Command,
    pub(super) who: Option<Identified>,
    pub(super) subjects: Vec<Subject>,
}

/// A command whose facts are not on disk yet, and what to answer when they are.
#[derive(Debug)]
pub(super) struct Pending {
    left: usize,
    entries: Vec<EntryId>,
    answer: Draft,
}

/// An answer that lacks only the entries.
#[derive(Debug)]
pub(super) enum Draft {
    Verdict(Box<Verdict>),
    Done(Vec<&'static str>),
    Issued(Box<NewText>),
    IssuedMany(Vec<Result<NewText, IssueError>>),
}

impl Draft {
    fn complete(self, entries: Vec<EntryId>) -> Reply {
        match self {
            Self::Verdict(verdict) => {
                Reply::Verdict(Box::new(Verdict { registration: entries.first().copied(), ..*verdict }))
            }
            Self::Done(warnings) => Reply::Done { entries, warnings },
            Self::Issued(new) => {
                let NewText { text, code, expires_at, replaced, .. } = *new;
                Reply::Issued { text, code, expires_at, replaced }
            }
            Self::IssuedMany(codes) => Reply::IssuedMany(codes),
        }
    }
}

impl Replica {
    pub(super) fn command(&mut self, now: Now, request: RequestId, command: Command) {
        if self.refused_as_withdrawn(request) {
            return;
        }
        if self.commands.len() + self.loading.len() + self.acknowledging.len() >= COMMANDS_MAX {
            self.reply(request, Err(Refusal::Busy));
            return;
        }
        match command {
            Command::Register(register) => self.register(now, request, *register),
            Command::Issue(_) | Command::IssueMany(_) | Command::Revoke { .. } => self.ask_registry(request, command),
            Command::SignWith(keys) => self.sign_with(request, keys),
            Command::Publish(published) => self.publish(now, request, published),
            Command::Withdraw { node, reason } => self.withdraw(now, request, node, reason),
            Command::DecideFork { header, keep, reason } => self.decide_fork(now, request, header, keep, reason),
            Command::Prune { before, bases } => self.prune(now, request, before, bases),
            Command::PublishSealKey { day, public } => {
                let fact = fact::SealKey { day, public }.into();
                self.stage_as(now, request, Role::Authority, vec![(Lane::CITY, fact)]);
            }
            Command::Open { .. }
            | Command::Void { .. }
            | Command::Amend { .. }
            | Command::Move { .. }
            | Command::Seal { .. }
            | Command::Reopen { .. }
            | Command::Pack { .. }
            | Command::HandOver { .. }
            | Command::Receive { .. }
            | Command::Report { .. }
            | Command::Correct { .. }
            | Command::Review { .. } => {
                let subjects = desk::needs(&command);
                self.ask_desk(Waiting { request, command, who: None, subjects }, None);
            }
        }
    }

    fn refused_as_withdrawn(&mut self, request: RequestId) -> bool {
        let withdrawn = self.is_withdrawn();
        if withdrawn {
            self.reply(request, Err(Refusal::Withdrawn));
        }
        withdrawn
    }

    pub(super) fn reply(&mut self, request: RequestId, result: Result<Reply, Refusal>) {
        self.outputs.push_back(Output::Reply { request, result });
    }

    fn register(&mut self, now: Now, request: RequestId, register: Register) {
        if self.own.role != Role::Site {
            self.reply(request, Err(Refusal::Role { role: self.own.role }));
            return;
        }
        let agreed = self.clock().agreed(now.wall);
        match register::identify(agreed, register.presented.clone(), &self.control.knowledge) {
            Err(refused) => {
                let verdict = register::refused(&refused, &register.tube);
                self.reply(request, Ok(Reply::Verdict(Box::new(verdict))));
            }
            Ok(who) => {
                let window_ms = self.control.knowledge.policy.duplicate_window_s.saturating_mul(MS_PER_S);
                let since = Stamp::default().next(Wall(now.wall.0.saturating_sub(window_ms)));
                let person = Some((who.person, since));
                let command = Command::Register(Box::new(register));
                let subjects = desk::needs(&command);
                self.ask_desk(Waiting { request, command, who: Some(who), subjects }, person);
            }
        }
    }

    fn ask_desk(&mut self, waiting: Waiting, person: Option<(Person, Stamp)>) {
        let query = Query::Desk { person, subjects: waiting.subjects.clone() };
        self.ask(Purpose::Command(Box::new(waiting)), query);
    }

    /// The store answered: decide.
    pub(super) fn decide(&mut self, now: Now, waiting: Waiting, answer: Answer) {
        let request = waiting.request;
        let decided = match answer {
            Answer::Desk { through, prior, documents } => self.decide_desk(now, waiting, through, prior, documents),
            Answer::Registry { through, issued } => self.decide_registry(now, waiting.command, through, issued),
            Answer::Range(_) | Answer::Diverges(_) | Answer::Cut(_) | Answer::Failed => Err(Refusal::Store),
        };
        match decided {
            Ok((facts, draft)) => self.stage(now, request, facts, draft),
            Err(refusal) => self.reply(request, Err(refusal)),
        }
    }

    fn decide_desk(
        &self,
        now: Now,
        waiting: Waiting,
        through: Arrival,
        mut prior: Vec<Prior>,
        documents: Vec<Vec<DocumentFact>>,
    ) -> Result<(Vec<(Lane, Fact)>, Draft), Refusal> {
        let papers = self.papers(&waiting.subjects, through, documents);
        let Command::Register(register) = &waiting.command else {
            let lane_of = |feed: &FeedId| self.lane_of(feed);
            let feed = |lane| self.append.feed(lane);
            let desk =
                Desk { own: self.own.node, role: self.own.role, lane: self.own.lane, feed: &feed, lane_of: &lane_of };
            let decision = desk.decide(waiting.command, &papers)?;
            return Ok((decision.facts, Draft::Done(decision.warnings)));
        };
        let (Some(who), Some(paper)) = (&waiting.who, papers.first()) else { return Err(Refusal::Store) };
        prior.extend(self.append.recent(through).filter_map(|said| as_prior(said, who)));
        prior.sort_by_key(|prior| prior.stamp);
        prior.dedup_by_key(|prior| prior.registration);
        let newest = prior.len().saturating_sub(PRIOR_MAX);
        let clock = self.clock();
        let at = Circumstances {
            summary: &paper.summary,
            prior: prior.get(newest..).unwrap_or_default(),
            clock_doubtful: clock.is_doubtful(now.wall),
            own: self.own.node,
            feed: self.append.feed(self.own.lane),
        };
        let name_of = |node: &NodeKey| self.control.roster.name(node);
        let (fact, verdict) = register::decide(register, who, &at, &name_of)?;
        let facts = fact.map(|fact| (self.own.lane, fact.into())).into_iter().collect();
        Ok((facts, Draft::Verdict(Box::new(verdict))))
    }

    /// The documents with what this node said and the tables do not show yet.
    fn papers(&self, subjects: &[Subject], through: Arrival, documents: Vec<Vec<DocumentFact>>) -> Vec<Paper> {
        let is_held = |id: EntryId| {
            let own = self.append.recent(through).any(|said| said.id == id);
            own || self.tips.durable.get(&id.feed).is_some_and(|head| head.seq >= id.seq)
        };
        let paper = |(subject, mut facts): (&Subject, Vec<DocumentFact>)| {
            let recent = self.append.recent(through).filter(|said| said.fact.subjects().contains(subject));
            facts.extend(recent.cloned());
            let summary = Summary::of(subject, &facts, &is_held);
            Paper { subject: subject.clone(), facts, summary }
        };
        subjects.iter().zip(documents).map(paper).collect()
    }

    fn lane_of(&self, feed: &FeedId) -> Option<Lane> {
        let durable = self.tips.durable.get(feed).map(|head| head.header.lane);
        durable.or_else(|| (*feed == self.append.feed(self.own.lane)).then_some(self.own.lane))
    }

    fn publish(&mut self, now: Now, request: RequestId, published: Published) {
        let root = *self.control.roster.root();
        let (lane, fact): (Lane, Fact) = match published {
            Published::Certificate(bytes) => match crate::certificate::Certificate::open(&bytes, &root) {
                Ok(certificate) => (certificate.lane, fact::Enrolled { certificate: bytes.into() }.into()),
                Err(_) => return self.reply(request, Err(Refusal::NotOfTheRoot)),
            },
            Published::Trust(bytes) => match crate::trust::TrustList::open(&bytes, &root) {
                Ok(list) if list.version() > self.control.knowledge.trust.version() => {
                    (Lane::CITY, fact::Trust { list: bytes.into() }.into())
                }
                Ok(_) | Err(_) => return self.reply(request, Err(Refusal::NotOfTheRoot)),
            },
            Published::Policy(bytes) => match crate::policy::Policy::open(&bytes, &root) {
                Ok(policy) if policy.version > self.control.knowledge.policy.version => {
                    (Lane::CITY, fact::Policy { policy: bytes.into() }.into())
                }
                Ok(_) | Err(_) => return self.reply(request, Err(Refusal::NotOfTheRoot)),
            },
        };
        self.stage_as(now, request, Role::Authority, vec![(lane, fact)]);
    }

    fn withdraw(&mut self, now: Now, request: RequestId, node: NodeKey, reason: fact::Remark) {
        if self.control.roster.certificate(&node).is_none() || node == self.own.node {
            self.reply(request, Err(Refusal::NoSuchNode));
            return;
        }
        let of_node = self.tips.durable.feeds_of(&node);
        let mut marks: Vec<Mark> = of_node.map(|(feed, head)| Mark { feed: *feed, seq: head.seq }).collect();
        marks.sort_unstable_by_key(|mark| mark.feed);
        let parts = fact::Withdrawn::in_parts(node, &marks, &reason);
        let facts = parts.into_iter().map(|fact| (Lane::CITY, fact.into())).collect();
        self.stage_as(now, request, Role::Authority, facts);
    }

    fn decide_fork(&mut self, now: Now, request: RequestId, header: FeedHeader, keep: Vec<Hash>, reason: fact::Remark) {
        let feed = header.id();
        let known = self.cuts.get(&feed).filter(|cut| cut.forked);
        let has = |first: &Hash| known.is_some_and(|cut| cut.branches.contains(&branch(&feed, first)));
        if keep.is_empty() || keep.len() > QUARANTINE_BRANCHES_MAX || !keep.iter().all(has) {
            self.reply(request, Err(Refusal::NoSuchFork));
            return;
        }
        let FeedHeader { writer, epoch, lane } = header;
        let fact = fact::ForkDecided { writer, epoch, lane, keep, reason }.into();
        self.stage_as(now, request, Role::Authority, vec![(lane, fact)]);
    }

    pub(super) fn stage_as(&mut self, now: Now, request: RequestId, role: Role, facts: Vec<(Lane, Fact)>) {
        if self.own.role == role {
            self.stage(now, request, facts, Draft::Done(Vec::new()));
        } else {
            self.reply(request, Err(Refusal::Role { role: self.own.role }));
        }
    }

    fn stage(&mut self, now: Now, request: RequestId, facts: Vec<(Lane, Fact)>, answer: Draft) {
        if facts.is_empty() {
            self.reply(request, Ok(answer.complete(Vec::new())));
            return;
        }
        // Perhaps it came to be known while the store was asked.
        if self.refused_as_withdrawn(request) {
            return;
        }
        if facts.iter().any(|(_, fact)| fact.to_bytes().len() > FACT_BYTES_MAX) {
            self.reply(request, Err(Refusal::TooLong));
            return;
        }
        self.commands.insert(request, Pending { left: facts.len(), entries: Vec::new(), answer });
        for (lane, fact) in facts {
            self.append_fact(now, lane, fact, Some(request));
        }
    }

    /// A group is on disk: answer the commands whose last fact was in it.
    pub(super) fn finish(&mut self, now: Now, finished: Finished) {
        for (entry, request) in finished.entries {
            let Some(request) = request else { continue };
            let Some(pending) = self.commands.get_mut(&request) else { continue };
            pending.entries.push(entry);
            pending.left -= 1;
            if pending.left == 0
                && let Some(pending) = self.commands.remove(&request)
            {
                self.acknowledge(now, request, pending.answer.complete(pending.entries));
            }
        }
    }

    /// A group is not on disk: its commands are refused.
    pub(super) fn fail(&mut self, failed: &[RequestId], error: PersistError) {
        for request in failed {
            if self.commands.remove(request).is_some() {
                self.reply(*request, Err(error.into()));
            }
        }
    }
}

fn as_prior(said: &DocumentFact, who: &Identified) -> Option<Prior> {
    let Fact::Registered(fact) = &said.fact else { return None };
    (fact.person == who.person).then(|| Prior {
        registration: said.id,
        site: said.writer,
        stamp: said.stamp,
        tube: fact.tube.clone(),
        operator: fact.operator.clone(),
        code: fact.code,
    })
}
