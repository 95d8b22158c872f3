//! `swabmesh code issue`: a credential from its parts.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use serde::Serialize;
use swabmesh_protocol::code::{Category, Credential, Kind, OfKind, StatusRef, issue, text};
use swabmesh_protocol::cose::Algorithm;
use swabmesh_protocol::id::{CodeId, Person, unhex};
use swabmesh_protocol::policy::Policy;
use swabmesh_protocol::time::DAY_S;

use crate::{Outcome, clock, key_file};

/// Issue a code: static, relative's, paper, or the credential behind a live one.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh code issue --issuer-key issuer.key --kind static --person 000102030405060708090a0b0c0d0e0f \\
      --name '张*三' --document-type 1 --last4 002X --status-list 17 --status-index 39321
  swabmesh code issue --issuer-key issuer.key --kind relative --guardian 0f0e0d0c0b0a09080706050403020100 \\
      --category minor --person 000102030405060708090a0b0c0d0e0f --name '李*' --document-type 1 --last4 0014 \\
      --status-list 17 --status-index 5
The text is one line on standard output; `swabmesh code verify` reads it.")]
pub(crate) struct Arguments {
    /// Key file of the issuer, from `code keygen`
    #[arg(long, value_name = "FILE")]
    issuer_key: PathBuf,
    /// What sort of code
    #[arg(long, value_parser = kind_parser())]
    kind: Kind,
    /// Whose code: the pseudonym, 32 hexadecimal digits
    #[arg(long, value_name = "HEX")]
    person: Person,
    /// The name with its middle hidden, as 张*三
    #[arg(long, value_name = "MASKED")]
    name: String,
    /// Type of the document, 1 to 9
    #[arg(long, value_name = "N")]
    document_type: u8,
    /// Last four characters of the document's number
    #[arg(long, value_name = "FOUR")]
    last4: String,
    /// Number of the status list
    #[arg(long, value_name = "N")]
    status_list: u32,
    /// Index in the status list
    #[arg(long, value_name = "N")]
    status_index: u32,
    /// When it is issued, seconds since 1970 UTC; now when left out
    #[arg(long, value_name = "SECONDS")]
    iat: Option<u64>,
    /// Days it is valid; the policy's default for its kind when left out
    #[arg(long, value_name = "N")]
    days: Option<u64>,
    /// Number of the print (paper)
    #[arg(long, value_name = "N", required_if_eq("kind", "paper"))]
    serial: Option<u64>,
    /// The applicant's pseudonym (relative)
    #[arg(long, value_name = "HEX", required_if_eq("kind", "relative"))]
    guardian: Option<Person>,
    /// Why the person has no code of their own (relative, paper)
    #[arg(long, value_parser = category_parser(), required_if_eq_any([("kind", "relative"), ("kind", "paper")]))]
    category: Option<Category>,
    /// Public key of the phone, 64 hexadecimal digits (live-credential)
    #[arg(long, value_name = "HEX", required_if_eq("kind", "live-credential"))]
    device_public: Option<String>,
    /// The code's own identifier, 16 hexadecimal digits; random when left out
    #[arg(long, value_name = "HEX")]
    cti: Option<CodeId>,
    /// Number of the signature algorithm in the header
    #[arg(long, value_enum, default_value_t = AlgorithmName::Eddsa)]
    alg: AlgorithmName,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The algorithm identifiers under the names of the COSE registry.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum AlgorithmName {
    /// −8, which every library verifies
    Eddsa,
    /// −19 (RFC 9864)
    Ed25519,
}

impl From<AlgorithmName> for Algorithm {
    fn from(name: AlgorithmName) -> Self {
        match name {
            AlgorithmName::Eddsa => Self::EdDsa,
            AlgorithmName::Ed25519 => Self::Ed25519,
        }
    }
}

#[derive(Serialize)]
struct Issued {
    text: String,
    bytes: usize,
    cti: CodeId,
    iat: u64,
    expires: u64,
}

impl Arguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let key = key_file::read(&self.issuer_key)?;
        let credential = self.credential()?;
        let bytes = issue::credential(&credential, &key, self.alg.into())?;
        let text = text::encode(&bytes);
        if self.json {
            let Credential { cti, iat_s: iat, exp_s: expires, .. } = credential;
            writeln!(out, "{}", serde_json::to_string(&Issued { text, bytes: bytes.len(), cti, iat, expires })?)?;
        } else {
            writeln!(out, "{text}")?;
        }
        Ok(Outcome::Done)
    }

    fn credential(&self) -> anyhow::Result<Credential> {
        let iat_s = self.iat.unwrap_or_else(clock::now_s);
        let life_s = match self.days {
            Some(days) => days.checked_mul(DAY_S).context("--days is too large")?,
            None => Policy::default().lifetime_s(self.kind),
        };
        let category = self.category.context("this kind of code needs --category");
        let of_kind = match self.kind {
            Kind::Static => OfKind::Static,
            Kind::Relative => OfKind::Relative {
                guardian: self.guardian.context("a relative's code needs --guardian")?,
                category: category?,
            },
            Kind::Paper => {
                OfKind::Paper { category: category?, serial: self.serial.context("a paper code needs --serial")? }
            }
            Kind::LiveCredential => {
                let device = self.device_public.as_deref().context("a live credential needs --device-public")?;
                OfKind::Live { device: unhex(device).context("--device-public")? }
            }
            Kind::LivePresentation => anyhow::bail!("a presentation is made by the phone: swabmesh code present"),
        };
        Ok(Credential {
            iat_s,
            exp_s: iat_s.checked_add(life_s).context("the code would expire after the end of time")?,
            cti: self.cti.map_or_else(|| super::random().map(CodeId), Ok)?,
            person: self.person,
            masked_name: self.name.clone(),
            document_type: self.document_type,
            last_four: self.last4.clone(),
            status: StatusRef { list: self.status_list, index: self.status_index },
            of_kind,
        })
    }
}

fn kind_parser() -> impl TypedValueParser<Value = Kind> {
    let kinds = [Kind::Static, Kind::Relative, Kind::Paper, Kind::LiveCredential];
    PossibleValuesParser::new(kinds.map(Kind::name))
        .try_map(move |name| kinds.into_iter().find(|kind| kind.name() == name).ok_or("no such kind"))
}

fn category_parser() -> impl TypedValueParser<Value = Category> {
    PossibleValuesParser::new(Category::ALL.map(Category::name))
        .try_map(|name| Category::ALL.into_iter().find(|category| category.name() == name).ok_or("no such category"))
}
