//! `swabmesh authority root`: the root key on a stick, and how other commands get at it.

use std::io::{BufRead, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use ed25519_dalek::SigningKey;
use swabmesh_authority::root;
use swabmesh_node::enrolment::Membership;
use swabmesh_node::home::Home;

use crate::Outcome;
use crate::client::DATA_DEFAULT;

/// The root key: lock it to a stick and take it off this machine
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Lock(Lock),
}

/// Write the root key, locked with a passphrase, to a file on a stick
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh authority root lock --to stick1/root --data city
  swabmesh authority root lock --to stick2/root --take-away --data city
Make two sticks. With --take-away the key in the directory is deleted; its public part stays pinned. Commands that need it take --root FILE.
The passphrase comes from SWABMESH_ROOT_PASSPHRASE, or from the first line of standard input.")]
struct Lock {
    /// Where to
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Delete the key in the directory afterwards
    #[arg(long)]
    take_away: bool,
    #[command(flatten)]
    source: RootSource,
    /// The authority's directory
    #[arg(long, value_name = "DIR", env = "SWABMESH_DATA", default_value = DATA_DEFAULT)]
    data: PathBuf,
}

/// Where the root key is, for commands that sign with it
#[derive(Debug, Clone, Args)]
pub(super) struct RootSource {
    /// The locked root key on its stick; the one in the directory if left out
    #[arg(long = "root", value_name = "FILE")]
    file: Option<PathBuf>,
    /// Passphrase of the locked root key; asked for on standard input if left out
    #[arg(long, value_name = "TEXT", env = "SWABMESH_ROOT_PASSPHRASE", hide_env_values = true, hide = true)]
    passphrase: Option<String>,
}

impl RootSource {
    /// Opens the root key.
    pub(super) fn open(&self, home: &Home) -> anyhow::Result<SigningKey> {
        match &self.file {
            None => Ok(root::here(home)?),
            Some(file) => Ok(root::unlock(file, &self.passphrase()?, &Membership::open(home)?.root)?),
        }
    }

    fn passphrase(&self) -> anyhow::Result<String> {
        if let Some(passphrase) = &self.passphrase {
            return Ok(passphrase.clone());
        }
        let _ = write!(std::io::stderr(), "passphrase of the root key (it is shown): ");
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).context("no passphrase: set SWABMESH_ROOT_PASSPHRASE")?;
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }
}

impl Arguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let Action::Lock(Lock { to, take_away, source, data }) = self.action;
        let home = Home::at(data);
        let key = source.open(&home)?;
        root::lock(&key, &source.passphrase()?, &to)?;
        writeln!(out, "{} holds the root key, and opens again with this passphrase", to.display())?;
        if take_away {
            let path = home.keys().root_path();
            std::fs::remove_file(&path).with_context(|| format!("{} cannot be deleted", path.display()))?;
            writeln!(
                out,
                "  → {} is deleted: without a stick nobody is admitted and no key is rotated",
                path.display()
            )?;
        } else {
            writeln!(out, "  → make a second stick, then once more with --take-away")?;
        }
        Ok(Outcome::Done)
    }
}
