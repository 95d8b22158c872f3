//! What is said of one code: the line of JSON that third parties read, and the words an operator reads.

use std::io::Write;

use serde::Serialize;
use swabmesh_protocol::code::{Credential, Kind};
use swabmesh_protocol::id::Person;
use swabmesh_protocol::verify::file::reason_of;
use swabmesh_protocol::verify::{Reason, Refused, Verdict, Verified};

use crate::clock;

/// One judged code: verdict and reason always, the rest once the signature holds.
#[derive(Debug, Serialize)]
pub(super) struct Judgement {
    verdict: Verdict,
    reason: Reason,
    #[serde(flatten)]
    content: Option<Proven>,
}

#[derive(Debug, Serialize)]
struct Proven {
    kind: &'static str,
    person: Person,
    masked_name: String,
    /// Type and last four characters, as `1:002X`.
    document: String,
    expires: u64,
}

impl Judgement {
    pub(super) fn new(judged: &Result<Verified, Refused>) -> Self {
        let reason = reason_of(judged);
        let content = match judged {
            Ok(verified) => Some((verified.kind(), verified.credential())),
            Err(refused) => refused.proven.as_deref().map(|(kind, credential)| (*kind, credential)),
        };
        Self { verdict: reason.verdict(), reason, content: content.map(|(kind, of)| Proven::new(kind, of)) }
    }

    pub(super) fn print(&self, json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
        if json {
            writeln!(out, "{}", serde_json::to_string(self)?)?;
            return Ok(());
        }
        let verdict = match self.verdict {
            Verdict::Green => "GREEN 通过",
            Verdict::Amber => "AMBER 注意",
            Verdict::Red => "RED 拒绝",
        };
        writeln!(out, "{verdict}  {} {}", self.reason.words(), self.reason.chinese())?;
        if let Some(content) = &self.content {
            let until = clock::shanghai(content.expires);
            writeln!(
                out,
                "  {}  document {}  {} code, until {until}",
                content.masked_name, content.document, content.kind
            )?;
        }
        writeln!(out, "  {}", self.reason.next_step())?;
        Ok(())
    }
}

impl Proven {
    fn new(kind: Kind, credential: &Credential) -> Self {
        Self {
            kind: kind.name(),
            person: credential.person,
            masked_name: credential.masked_name.clone(),
            document: format!("{}:{}", credential.document_type, credential.last_four),
            expires: credential.exp_s,
        }
    }
}
