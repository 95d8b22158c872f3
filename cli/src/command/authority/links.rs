//! `swabmesh authority links` and `resident`: applications of relatives decided, details looked at.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::Value;
use swabmesh_authority::relatives::http::Decide;
use swabmesh_protocol::id::Person;

use crate::Outcome;
use crate::client::{Connection, segment};
use crate::print::at_ms;

/// Links to relatives: list applications, look at the evidence, decide
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(List),
    Photo(Photo),
    Approve(Decision),
    Refuse(Decision),
    End(Decision),
}

/// List links in a state
#[derive(Debug, Args)]
#[command(after_help = "Example:
  swabmesh authority links list --state applied --data city")]
struct List {
    /// applied, approved, refused, ended
    #[arg(long, default_value = "applied")]
    state: String,
    #[command(flatten)]
    connection: Connection,
}

/// Write the photograph of an application to a file; the look goes on record
#[derive(Debug, Args)]
#[command(after_help = "Example:
  swabmesh authority links photo 0011223344556677 --who zhang --why 'application of 9 April' --out register.jpg --data city")]
struct Photo {
    /// The link
    link: String,
    /// Who looks
    #[arg(long)]
    who: String,
    /// Why
    #[arg(long)]
    why: String,
    /// Where to
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    connection: Connection,
}

/// Decide: approve or refuse an application, or end a link
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh authority links approve 0011223344556677 --operator zhang --data city
  swabmesh authority links refuse 0011223344556677 --operator zhang --reason 'the photograph shows another family' --data city
  swabmesh authority links end 0011223344556677 --operator zhang --reason divorced --data city
Ending a link kills the relative's code; the relative's other codes stay.")]
struct Decision {
    /// The link
    link: String,
    /// Who decides
    #[arg(long)]
    operator: String,
    /// Why
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    connection: Connection,
}

/// Look at a resident's personal details; the look goes on record
#[derive(Debug, Args)]
#[command(after_help = "Example:
  swabmesh authority resident f773d7b68fa9ec22e09b9204437024f4 --who zhang --why 'asked at the counter' --data city")]
pub(super) struct ResidentArguments {
    /// Whose, as a pseudonym
    person: Person,
    /// Who looks
    #[arg(long)]
    who: String,
    /// Why
    #[arg(long)]
    why: String,
    #[command(flatten)]
    connection: Connection,
}

impl ResidentArguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let (who, why) = (escaped(&self.who), escaped(&self.why));
        let path = format!("/residents/{}?who={who}&why={why}", self.person);
        self.connection.open()?.show(&path, out, |details| {
            let fields = details.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
            let lines = fields.map(|(name, value)| {
                format!("{name:<8} {}\n", value.as_str().map_or(value.to_string(), str::to_owned))
            });
            Ok(lines.collect())
        })?;
        Ok(Outcome::Done)
    }
}

impl Arguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        match self.action {
            Action::List(List { state, connection }) => {
                connection.open()?.show(&format!("/links?state={}", escaped(&state)), out, |links| Ok(lines(links)))?;
            }
            Action::Photo(Photo { link, who, why, out: file, connection }) => {
                let path = format!("/links/{}/photo?who={}&why={}", segment(&link), escaped(&who), escaped(&why));
                let photo = connection.open()?.bytes(&path)?;
                swabmesh_node::durable::replace(&file, &photo, swabmesh_node::durable::Access::Secret)?;
                writeln!(out, "{} holds the photograph: delete it when you have decided", file.display())?;
            }
            Action::Approve(decision) => decision.send("approve", out)?,
            Action::Refuse(decision) => decision.send("refuse", out)?,
            Action::End(decision) => decision.send("end", out)?,
        }
        Ok(Outcome::Done)
    }
}

impl Decision {
    fn send(self, action: &str, out: &mut dyn Write) -> anyhow::Result<()> {
        let Self { link, operator, reason, connection } = self;
        let client = connection.open()?;
        let answer: Value =
            client.post(&format!("/links/{}/{action}", segment(&link)), &Decide { operator, reason })?;
        client.print(&answer, out, |link| Ok(line(link)))
    }
}

fn lines(links: &Value) -> String {
    let found: String = links.as_array().into_iter().flatten().map(line).collect();
    if found.is_empty() { "none\n".to_owned() } else { found }
}

fn line(link: &Value) -> String {
    let text = |name: &str| link.get(name).and_then(Value::as_str).unwrap_or_default();
    let since = at_ms(link.get("since").and_then(Value::as_u64).unwrap_or_default());
    format!(
        "{}  {:<8} {since}  {} of {}, evidence: {} {}\n",
        text("link"),
        text("state"),
        text("relation"),
        text("guardian"),
        text("evidence"),
        text("reason")
    )
}

/// A text as it stands behind a question mark.
fn escaped(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}
