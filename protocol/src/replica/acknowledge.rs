//! Verdicts that are green only once another node holds the registration durably (rule R2).
//!
//! The registration is on this disk before it waits here, so nothing is lost or refused by waiting: what does not
//! happen in time turns the verdict amber.

use std::collections::VecDeque;

use super::Replica;
use crate::command::{Reply, Verdict};
use crate::id::EntryId;
use crate::io::{Output, RequestId};
use crate::policy::Acknowledge;
use crate::time::{Mono, Now};
use crate::verify::{self, Reason};

/// A verdict that waits for another node.
#[derive(Debug)]
struct Awaited {
    request: RequestId,
    registration: EntryId,
    until: Mono,
    verdict: Box<Verdict>,
}

/// The verdicts that wait, oldest first; each is a command that was taken, so there are no more than those may be.
#[derive(Debug, Default)]
pub(super) struct Acknowledging(VecDeque<Awaited>);

impl Acknowledging {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// When the oldest has waited for long enough.
    pub(super) fn due(&self) -> Option<Mono> {
        self.0.iter().map(|awaited| awaited.until).min()
    }
}

impl Replica {
    /// Answers a command whose facts are on disk here; a registration may have to be elsewhere as well.
    pub(super) fn acknowledge(&mut self, now: Now, request: RequestId, reply: Reply) {
        let policy = &self.control.knowledge.policy;
        let (wait_ms, neighbour) = (policy.neighbour_wait_ms, policy.acknowledge == Acknowledge::Neighbour);
        let Reply::Verdict(verdict) = reply else { return self.answer(request, reply) };
        match verdict.registration.filter(|_| neighbour) {
            None => self.answer(request, Reply::Verdict(verdict)),
            // Nobody is there to hold it.
            Some(_) if self.exchange.is_alone() => self.answer(request, only_here(verdict)),
            Some(registration) => {
                let until = now.mono.after_ms(wait_ms);
                self.acknowledging.0.push_back(Awaited { request, registration, until, verdict });
            }
        }
    }

    /// Answers what is held elsewhere by now, and what waited for long enough.
    pub(super) fn acknowledge_waiting(&mut self, now: Now) {
        let mut waiting = std::mem::take(&mut self.acknowledging.0);
        waiting.retain_mut(|awaited| {
            let EntryId { feed, seq } = awaited.registration;
            let receipted = self.control.receipts.get(&feed).copied().unwrap_or_default();
            let held = seq <= self.copies.neighbour(&feed).max(receipted);
            if !held && awaited.until > now.mono {
                return true;
            }
            let verdict = awaited.verdict.clone();
            self.answer(awaited.request, if held { Reply::Verdict(verdict) } else { only_here(verdict) });
            false
        });
        self.acknowledging.0 = waiting;
    }

    fn answer(&mut self, request: RequestId, reply: Reply) {
        self.outputs.push_back(Output::Reply { request, result: Ok(reply) });
    }
}

/// The verdict on a registration that no other node holds.
fn only_here(mut verdict: Box<Verdict>) -> Reply {
    let name = Reason::OnlyHere.name().to_owned();
    if verdict.verdict == verify::Verdict::Green {
        verdict.verdict = Reason::OnlyHere.verdict();
        verdict.reason.clone_from(&name);
    }
    verdict.reasons.push(name);
    Reply::Verdict(verdict)
}
