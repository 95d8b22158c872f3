//! The authority's commands about codes: read who holds what, decide, append.

use std::collections::BTreeMap;

use rand_chacha::rand_core::Rng;

use super::commands::{Draft, Waiting};
use super::{Purpose, Replica};
use crate::append::Append;
use crate::code::issue::IssueError;
use crate::command::{Command, Issue, NewText, Refusal, Reply};
use crate::fact::{Fact, Issued};
use crate::id::{CodeId, Lane, Person};
use crate::io::{Arrival, Query, RequestId};
use crate::issuing::{self, NewCode, Rules};
use crate::limits::ISSUE_MANY_MAX;
use crate::time::{Now, Wall};

/// The codes that people hold.
type HeldCodes = BTreeMap<Person, Vec<Issued>>;

impl Replica {
    pub(super) fn ask_registry(&mut self, request: RequestId, command: Command) {
        if self.issuer.is_none() {
            self.reply(request, Err(Refusal::NoIssuerKey));
            return;
        }
        let mut persons = if let Command::Issue(issue) = &command {
            vec![issue.person]
        } else if let Command::Revoke { person, .. } = &command {
            vec![*person]
        } else if let Command::IssueMany(orders) = &command {
            orders.iter().map(|order| order.person).collect()
        } else {
            return;
        };
        if persons.len() > ISSUE_MANY_MAX {
            self.reply(request, Err(Refusal::TooMany));
            return;
        }
        persons.sort_unstable();
        persons.dedup();
        let waiting = Waiting { request, command, who: None, subjects: Vec::new() };
        self.ask(Purpose::Command(Box::new(waiting)), Query::Registry { persons });
    }

    pub(super) fn sign_with(&mut self, request: RequestId, keys: Vec<ed25519_dalek::SigningKey>) {
        let result = match &mut self.issuer {
            None => Err(Refusal::NoIssuerKey),
            Some(issuer) => {
                issuer.sign_with(keys);
                Ok(Reply::Done { entries: Vec::new(), warnings: Vec::new() })
            }
        };
        self.reply(request, result);
    }

    pub(super) fn decide_registry(
        &mut self,
        now: Now,
        command: Command,
        through: Arrival,
        issued: Vec<Issued>,
    ) -> Result<(Vec<(Lane, Fact)>, Draft), Refusal> {
        let agreed = self.clock().agreed(now.wall);
        let mut held = held_by_person(issued);
        overlay(&self.append, through, &mut held);
        if let Command::Revoke { person, kind, reason } = &command {
            let held = held.remove(person).unwrap_or_default();
            return Ok((issuing::revoke(agreed, *person, *kind, reason, &held)?, Draft::Done(Vec::new())));
        }
        if let Command::Issue(issue) = &command {
            let new = self.issue(agreed, issue, &mut held)?;
            return Ok((new.facts(), Draft::Issued(Box::new(told(new)))));
        }
        let Command::IssueMany(orders) = command else { return Err(Refusal::Store) };
        self.issue_many(agreed, &orders, held)
    }

    /// Issues to each; what dies is told in as few statements as the lists allow.
    fn issue_many(
        &mut self,
        agreed: Wall,
        orders: &[Issue],
        mut held: HeldCodes,
    ) -> Result<(Vec<(Lane, Fact)>, Draft), Refusal> {
        let (mut facts, mut dead, mut answers) = (Vec::new(), Vec::new(), Vec::new());
        for order in orders {
            match self.issue(agreed, order, &mut held) {
                Ok(new) => {
                    facts.push((Lane::PRIVATE, new.issued.clone().into()));
                    dead.extend(new.dead.iter().cloned());
                    answers.push(Ok(told(new)));
                }
                Err(Refusal::Issue(error)) => answers.push(Err::<NewText, IssueError>(error)),
                // None of the keys is in force: that concerns all of them, and nothing was signed before.
                Err(refusal) => return Err(refusal),
            }
        }
        facts.extend(issuing::revocations(&dead, agreed));
        Ok((facts, Draft::IssuedMany(answers)))
    }

    fn issue(&mut self, agreed: Wall, order: &Issue, held: &mut HeldCodes) -> Result<NewCode, Refusal> {
        let mut cti = [0; 8];
        self.random.fill_bytes(&mut cti);
        let Some(issuer) = &mut self.issuer else { return Err(Refusal::NoIssuerKey) };
        let knowledge = &self.control.knowledge;
        let by = Rules { now: agreed, policy: &knowledge.policy, trust: &knowledge.trust };
        let held = held.entry(order.person).or_default();
        let new = issuer.issue(CodeId(cti), order, held, by)?;
        hold(held, &new.issued);
        Ok(new)
    }
}

fn told(new: NewCode) -> NewText {
    let replaced = new.replaced();
    let Issued { code, issued_at, expires_at, .. } = new.issued;
    NewText { text: new.text, code, issued_at, expires_at, replaced }
}

fn held_by_person(issued: Vec<Issued>) -> HeldCodes {
    let mut held = HeldCodes::new();
    for issued in issued {
        held.entry(issued.person).or_default().push(issued);
    }
    held
}

/// Of each kind a person holds the code that was issued last.
fn hold(held: &mut Vec<Issued>, issued: &Issued) {
    held.retain(|earlier| earlier.kind != issued.kind);
    held.push(issued.clone());
}

/// Adds what this node issued and revoked and the tables do not show yet.
fn overlay(append: &Append, through: Arrival, held: &mut HeldCodes) {
    for said in append.recent(through) {
        if let Fact::Issued(issued) = &said.fact {
            hold(held.entry(issued.person).or_default(), issued);
        } else if let Fact::Revoked(revoked) = &said.fact
            && let Some(held) = held.get_mut(&revoked.person)
        {
            held.retain(|issued| issued.code != revoked.code);
        }
    }
}
