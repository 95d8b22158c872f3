//! `swabmesh code show`: what a code says, without judging it.

use std::io::Write;

use clap::Args;
use serde::Serialize;
use swabmesh_protocol::code::parse::{Code, CodeError, Content, CredentialRef};
use swabmesh_protocol::code::{Kind, OfKind};
use swabmesh_protocol::id::{CodeId, Person, hex};

use crate::{Outcome, clock};

/// Show what a code says, without judging it: anybody can write such a text.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh code show 'HS1:...'
  swabmesh code issue ... | swabmesh code show --json")]
pub(crate) struct Arguments {
    /// Text of the code; from standard input when left out
    text: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Shown {
    kind: &'static str,
    bytes: usize,
    alg: Option<i8>,
    kid: Option<String>,
    cti: CodeId,
    iat: u64,
    expires: u64,
    #[serde(flatten)]
    content: ShownContent,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ShownContent {
    Presentation { credential: Box<Shown> },
    Credential(Box<ShownCredential>),
}

#[derive(Serialize)]
struct ShownCredential {
    person: Person,
    masked_name: String,
    document_type: u8,
    last_four: String,
    status_list: u32,
    status_index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    guardian: Option<Person>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_public: Option<String>,
}

impl Arguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let shown = Shown::read(&super::code_bytes(self.text)?)?;
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&shown)?)?;
        } else {
            writeln!(out, "not verified: this is what the text says, not what is true")?;
            shown.print("", out)?;
        }
        Ok(Outcome::Done)
    }
}

impl Shown {
    fn read(bytes: &[u8]) -> Result<Self, CodeError> {
        let code = Code::parse(bytes)?;
        let (kind, times, content) = match &code.content {
            Content::Credential(credential) => {
                let shown = ShownCredential::new(credential);
                (credential.of_kind.kind(), credential.times, ShownContent::Credential(Box::new(shown)))
            }
            Content::Presentation(presentation) => {
                // A presentation inside a presentation is shown as far as it goes: a code is at most a kilobyte.
                let credential = Box::new(Self::read(presentation.credential)?);
                (Kind::LivePresentation, presentation.times, ShownContent::Presentation { credential })
            }
        };
        Ok(Self {
            kind: kind.name(),
            bytes: bytes.len(),
            alg: code.sign1.alg.map(swabmesh_protocol::cose::Algorithm::number),
            kid: code.sign1.header.kid.map(hex),
            cti: times.cti,
            iat: times.iat_s,
            expires: times.exp_s,
            content,
        })
    }

    fn print(&self, indent: &str, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "{indent}kind      {} ({} bytes)", self.kind, self.bytes)?;
        writeln!(out, "{indent}signed    alg {}, kid {}", or_none(self.alg), or_none(self.kid.as_deref()))?;
        writeln!(out, "{indent}cti       {}", self.cti)?;
        writeln!(out, "{indent}issued    {}", clock::shanghai(self.iat))?;
        writeln!(out, "{indent}expires   {}", clock::shanghai(self.expires))?;
        match &self.content {
            ShownContent::Presentation { credential } => {
                writeln!(out, "{indent}presents")?;
                credential.print(&format!("{indent}  "), out)
            }
            ShownContent::Credential(credential) => credential.print(indent, out),
        }
    }
}

impl ShownCredential {
    fn new(credential: &CredentialRef<'_>) -> Self {
        let (guardian, category, serial, device) = match credential.of_kind {
            OfKind::Static => (None, None, None, None),
            OfKind::Relative { guardian, category } => (Some(guardian), Some(category), None, None),
            OfKind::Paper { category, serial } => (None, Some(category), Some(serial), None),
            OfKind::Live { device } => (None, None, None, Some(device)),
        };
        Self {
            person: credential.person,
            masked_name: credential.masked_name.to_owned(),
            document_type: credential.document_type,
            last_four: credential.last_four.to_owned(),
            status_list: credential.status.list,
            status_index: credential.status.index,
            guardian,
            category: category.map(swabmesh_protocol::code::Category::name),
            serial,
            device_public: device.map(|device| hex(&device)),
        }
    }

    fn print(&self, indent: &str, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "{indent}person    {} {}", self.person, self.masked_name)?;
        writeln!(out, "{indent}document  type {}, ends in {}", self.document_type, self.last_four)?;
        writeln!(out, "{indent}status    list {}, index {}", self.status_list, self.status_index)?;
        if let Some(guardian) = self.guardian {
            writeln!(out, "{indent}guardian  {guardian}")?;
        }
        if let Some(category) = self.category {
            writeln!(out, "{indent}category  {category}")?;
        }
        if let Some(serial) = self.serial {
            writeln!(out, "{indent}serial    {serial}")?;
        }
        if let Some(device) = &self.device_public {
            writeln!(out, "{indent}phone     {device}")?;
        }
        Ok(())
    }
}

fn or_none(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}
