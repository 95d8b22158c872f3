//! `swabmesh code present`: what the phone draws every few seconds.

use std::io::Write;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use serde::Serialize;
use swabmesh_protocol::code::parse::{Code, Content, Times};
use swabmesh_protocol::code::{OfKind, issue, text};
use swabmesh_protocol::id::CodeId;
use swabmesh_protocol::policy::Policy;

use super::issue::AlgorithmName;
use crate::{Outcome, clock, key_file};

/// Present a live credential, as the phone does.
#[derive(Debug, Args)]
#[command(after_help = "Example, with the key whose public half the credential names:
  swabmesh code present --device-key phone.key \"$CREDENTIAL\" | swabmesh code verify --issuers issuers.json")]
pub(crate) struct Arguments {
    /// Text of the live credential; from standard input when left out
    credential: Option<String>,
    /// Key file of the phone
    #[arg(long, value_name = "FILE")]
    device_key: PathBuf,
    /// When it is shown, seconds since 1970 UTC; now when left out
    #[arg(long, value_name = "SECONDS")]
    iat: Option<u64>,
    /// Number of the signature algorithm in the header
    #[arg(long, value_enum, default_value_t = AlgorithmName::Eddsa)]
    alg: AlgorithmName,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Presented {
    text: String,
    bytes: usize,
    cti: CodeId,
    iat: u64,
    expires: u64,
}

impl Arguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let device = key_file::read(&self.device_key)?;
        let credential = super::code_bytes(self.credential)?;
        match Code::parse(&credential)?.content {
            Content::Credential(content)
                if content.of_kind == (OfKind::Live { device: device.verifying_key().to_bytes() }) => {}
            Content::Credential(content) if matches!(content.of_kind, OfKind::Live { .. }) => {
                bail!("the credential is bound to another phone: issue one with this key as --device-public")
            }
            Content::Credential(_) | Content::Presentation(_) => {
                bail!("only a live credential is presented: issue one with --kind live-credential")
            }
        }
        let iat = self.iat.unwrap_or_else(clock::now_s);
        let expires = iat.saturating_add(Policy::default().live_life_s);
        let cti = CodeId(super::random()?);
        let times = Times { iat_s: iat, exp_s: expires, cti };
        let bytes = issue::presentation(&credential, times, &device, self.alg.into())?;
        let text = text::encode(&bytes);
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&Presented { text, bytes: bytes.len(), cti, iat, expires })?)?;
        } else {
            writeln!(out, "{text}")?;
        }
        Ok(Outcome::Done)
    }
}
