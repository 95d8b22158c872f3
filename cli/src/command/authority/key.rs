//! `swabmesh authority key` and `policy`: what the root signs about codes (C9).

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use swabmesh_authority::keys::{self, id};
use swabmesh_node::home::Home;
use swabmesh_protocol::policy::Policy;
use swabmesh_protocol::trust::IssuerKey;

use super::root::RootSource;
use crate::client::Connection;
use crate::{Outcome, clock};

/// Issuing keys: list, rotate, withdraw
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(List),
    Rotate(Rotate),
    Withdraw(Withdraw),
}

/// List the issuing keys and how many valid codes each has signed
#[derive(Debug, Args)]
#[command(after_help = "Example:
  swabmesh authority key list --data city")]
struct List {
    #[command(flatten)]
    connection: Connection,
}

/// Make a new issuing key, which signs after a lead that lets every site learn it; no valid code dies
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh authority key rotate --data city
  swabmesh authority key rotate --lead-s 0 --root stick1/root --data city
A site that has not synced for longer than the lead does not know the new key yet, and refuses its codes.")]
struct Rotate {
    /// Seconds until the new key signs, at least ten
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    lead_s: u64,
    #[command(flatten)]
    root: RootSource,
    #[command(flatten)]
    connection: Connection,
}

/// Withdraw a key that was stolen: everything it ever signed is refused from then on
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh authority key withdraw 34750f98 --data city
  swabmesh authority key withdraw 34750f98 --yes --root stick1/root --data city
Without --yes it only shows what would die.")]
struct Withdraw {
    /// The key's id, or its beginning
    kid: String,
    /// Do it
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    root: RootSource,
    #[command(flatten)]
    connection: Connection,
}

/// The policy: show it, or sign a new one
#[derive(Debug, Args)]
pub(super) struct PolicyArguments {
    #[command(subcommand)]
    action: PolicyAction,
}

#[derive(Debug, Subcommand)]
enum PolicyAction {
    Show(ShowPolicy),
    Publish(PublishPolicy),
}

/// Show the policy that the root signed last, as a file that can be changed and published
#[derive(Debug, Args)]
#[command(after_help = "Example:
  swabmesh authority policy show --data city")]
struct ShowPolicy {
    #[command(flatten)]
    connection: Connection,
}

/// Sign a policy; a running authority publishes it within seconds
#[derive(Debug, Args)]
#[command(after_help = "Example:
  swabmesh authority policy publish policy.json --data city")]
struct PublishPolicy {
    /// The policy; what it leaves out has its default
    #[arg(value_name = "FILE.json")]
    new: PathBuf,
    #[command(flatten)]
    root: RootSource,
    #[command(flatten)]
    connection: Connection,
}

impl Arguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        match self.action {
            Action::List(List { connection }) => list(out, &connection),
            Action::Rotate(rotate) => rotate.run(out),
            Action::Withdraw(withdraw) => withdraw.run(out),
        }
    }
}

/// Valid codes of each key, as a running authority counts them.
fn counted(connection: &Connection) -> Option<Value> {
    connection.open().ok()?.get("/keys").ok()
}

fn codes_of(counted: Option<&Value>, key: &IssuerKey) -> Option<u64> {
    counted?.as_array()?.iter().find(|line| line.get("kid") == Some(&json!(id(&key.kid))))?.get("valid_codes")?.as_u64()
}

fn list(out: &mut dyn Write, connection: &Connection) -> anyhow::Result<Outcome> {
    let (list, _) = keys::signed(&connection.home())?;
    let counted = counted(connection);
    for key in list.keys() {
        let codes = codes_of(counted.as_ref(), key);
        if connection.json {
            let mut line = json!(key);
            if let Value::Object(line) = &mut line {
                line.insert("valid_codes".to_owned(), json!(codes));
            }
            writeln!(out, "{line}")?;
        } else {
            let status = serde_json::to_value(key.status)?;
            let until = if key.until_s == u64::MAX { "open end".to_owned() } else { clock::shanghai(key.until_s) };
            let codes = codes.map_or("the authority does not run: codes not counted".to_owned(), |codes| {
                format!("{codes} valid codes")
            });
            let status = status.as_str().unwrap_or_default();
            writeln!(out, "{}  {status:<9} {} to {until}  {codes}", id(&key.kid), clock::shanghai(key.from_s))?;
        }
    }
    Ok(Outcome::Done)
}

impl Rotate {
    fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let home: Home = self.connection.home();
        let now_s = clock::now_s();
        let new = keys::rotate(&home, &self.root.open(&home)?, now_s, self.lead_s)?;
        if self.connection.json {
            writeln!(out, "{}", json!(new))?;
        } else {
            writeln!(
                out,
                "key {} signs from {} on; codes of the keys before stay valid",
                id(&new.kid),
                clock::shanghai(new.from_s)
            )?;
        }
        Ok(Outcome::Done)
    }
}

impl Withdraw {
    fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let home = self.connection.home();
        let key = keys::find(&keys::signed(&home)?.0, &self.kid)?;
        let codes = codes_of(counted(&self.connection).as_ref(), &key);
        if self.yes {
            keys::withdraw(&home, &self.root.open(&home)?, &key.public, clock::now_s())?;
        }
        if self.connection.json {
            writeln!(out, "{}", json!({ "kid": id(&key.kid), "valid_codes": codes, "withdrawn": self.yes }))?;
            return Ok(Outcome::Done);
        }
        let codes = codes
            .map_or("codes that nobody has counted, because the authority does not run".to_owned(), |codes| {
                format!("{codes} valid codes")
            });
        if self.yes {
            writeln!(
                out,
                "key {} is withdrawn, and with it {codes}: their holders get new ones by asking again",
                id(&key.kid)
            )?;
        } else {
            writeln!(out, "withdrawing key {} kills {codes}\n  → once more with --yes does it", id(&key.kid))?;
        }
        Ok(Outcome::Done)
    }
}

impl PolicyArguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        match self.action {
            PolicyAction::Show(ShowPolicy { connection }) => {
                let (_, policy) = keys::signed(&connection.home())?;
                writeln!(out, "{}", serde_json::to_string_pretty(&policy)?)?;
            }
            PolicyAction::Publish(PublishPolicy { new, root, connection }) => {
                let text = std::fs::read_to_string(&new).with_context(|| format!("cannot read {}", new.display()))?;
                let policy: Policy =
                    serde_json::from_str(&text).with_context(|| format!("{} is not a policy", new.display()))?;
                let home = connection.home();
                let policy = keys::publish_policy(&home, &root.open(&home)?, &policy)?;
                if connection.json {
                    writeln!(out, "{}", json!(policy))?;
                } else {
                    writeln!(
                        out,
                        "policy version {} is signed; a running authority publishes it within seconds",
                        policy.version
                    )?;
                }
            }
        }
        Ok(Outcome::Done)
    }
}
