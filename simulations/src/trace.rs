//! The trace: one line an event, hashed always, kept where wanted. The legend is in `docs/testing.md`.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::Write;

use sha2::{Digest, Sha256};
use swabmesh_protocol::command::{Command, Reply};
use swabmesh_protocol::id::Hash;

use crate::queue::At;

/// Lines kept for the report of a violation.
const LAST_LINES: usize = 60;

/// The record of a run.
pub struct Trace {
    hash: Sha256,
    lines: u64,
    last: VecDeque<String>,
    sink: Option<Box<dyn Write + Send>>,
}

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trace").field("lines", &self.lines).finish_non_exhaustive()
    }
}

impl Trace {
    /// An empty trace whose lines also go to `sink`.
    #[must_use]
    pub fn new(sink: Option<Box<dyn Write + Send>>) -> Self {
        Self { hash: Sha256::new(), lines: 0, last: VecDeque::new(), sink }
    }

    /// Adds a line. A sink that takes no more is let go: the run matters more than its record.
    pub fn line(&mut self, at: At, who: &str, what: std::fmt::Arguments<'_>) {
        let mut line =
            if self.last.len() == LAST_LINES { self.last.pop_front().unwrap_or_default() } else { String::new() };
        line.clear();
        let (seconds, ms) = (at.0 / 1_000, at.0 % 1_000);
        let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        let _ = writeln!(line, "{hours:02}:{minutes:02}:{seconds:02}.{ms:03} {who:<9} {what}");
        self.hash.update(line.as_bytes());
        self.lines += 1;
        if self.sink.as_mut().is_some_and(|sink| sink.write_all(line.as_bytes()).is_err()) {
            self.sink = None;
        }
        self.last.push_back(line);
    }

    /// SHA-256 over all lines so far.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash(self.hash.clone().finalize().into())
    }

    /// The last lines.
    pub fn last(&self) -> impl Iterator<Item = &str> {
        self.last.iter().map(String::as_str)
    }
}

/// What a frame of the exchange is called, by the number it begins with.
#[must_use]
pub fn frame_name(bytes: &[u8]) -> &'static str {
    const NAMES: [&str; 18] = [
        "hello", "resume", "compare", "same", "differ", "show", "heads", "want", "chunk", "ack", "gone", "retry",
        "bye", "?", "?", "?", "sync", "told",
    ];
    bytes.get(1).and_then(|number| NAMES.get(usize::from(*number))).copied().unwrap_or("?")
}

/// A reply, in a few words.
#[must_use]
pub fn reply_line(reply: &Reply) -> String {
    match reply {
        Reply::Verdict(verdict) => {
            let id = verdict.registration.map(|id| format!(" {}:{}", id.feed.short(), id.seq.0)).unwrap_or_default();
            format!("{} in {} ({} of {}){id}", verdict.reason, verdict.tube, verdict.count, verdict.pool)
        }
        Reply::Done { entries, warnings } => format!("done, {} entries {warnings:?}", entries.len()),
        Reply::Issued { code, .. } => format!("issued {code}"),
        Reply::IssuedMany(codes) => format!("issued {}", codes.iter().filter(|code| code.is_ok()).count()),
    }
}

/// A command, in a few words.
#[must_use]
pub fn command_name(command: &Command) -> String {
    match command {
        Command::Open { tube, .. } => format!("open {tube}"),
        Command::Register(register) => format!("register into {}", register.tube),
        Command::Void { tube, .. } => format!("void in {tube}"),
        Command::Amend { tube, .. } => format!("amend in {tube}"),
        Command::Move { from, to, .. } => format!("move from {from} to {to}"),
        Command::Seal { tube, .. } => format!("seal {tube}"),
        Command::Reopen { tube, .. } => format!("reopen {tube}"),
        Command::Pack { tube, transport, .. } => format!("pack {tube} into {transport}"),
        Command::HandOver { transport, .. } => format!("hand over {transport}"),
        Command::Receive { subject, .. } => format!("receive {subject:?}"),
        Command::Report { tube, outcome, .. } => format!("report {tube} {outcome:?}"),
        Command::Correct { tube, outcome, .. } => format!("correct {tube} {outcome:?}"),
        Command::Review { subject, register, .. } => format!("review {register} of {subject:?}"),
        Command::Issue(issue) => format!("issue for {}", issue.person),
        Command::IssueMany(orders) => format!("issue for {} people", orders.len()),
        Command::SignWith(keys) => format!("sign with {} keys", keys.len()),
        Command::Revoke { person, .. } => format!("revoke of {person}"),
        Command::Publish(_) => "publish".to_owned(),
        Command::Withdraw { node, .. } => format!("withdraw {node}"),
        Command::DecideFork { header, .. } => format!("decide the fork of {:?}", header.writer),
        Command::Prune { bases, .. } => format!("let go of the beginnings of {} feeds", bases.len()),
        Command::PublishSealKey { day, .. } => format!("publish the key of day {day}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_lines_give_equal_hashes_and_other_lines_others() {
        let hash = |what: &str| {
            let mut trace = Trace::new(None);
            trace.line(At(3_723_004), "site-1", format_args!("{what}"));
            (trace.hash(), trace.last().next().map(str::to_owned))
        };
        assert_eq!(hash("a"), hash("a"));
        assert_ne!(hash("a").0, hash("b").0);
        assert_eq!(hash("a").1.as_deref(), Some("01:02:03.004 site-1    a\n"));
    }
}
