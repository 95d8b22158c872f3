//! `swabmesh authority run`, `reviews`, `rebuild`, `report`, `export`, `purge`: the city as a whole.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use swabmesh_authority::city::day::Day;
use swabmesh_authority::city::purge::SignedReport;
use swabmesh_node::durable::{self, Access};
use swabmesh_node::enrolment::Membership;
use swabmesh_protocol::fact::{Operator, Remark, Role};
use swabmesh_protocol::id::unhex;

use crate::Outcome;
use crate::client::{Connection, value};
use crate::command::run;
use crate::print;

/// Run the authority until Ctrl-C or SIGTERM
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh authority run --data city
  swabmesh authority run --data city --database postgres://swabmesh@127.0.0.1/city
  swabmesh authority run --data city --ready-file city.ready --log-format json
The database is a copy that follows the log, and may be lost: swabmesh authority rebuild makes it again.")]
pub(super) struct RunArguments {
    #[command(flatten)]
    node: run::Arguments,
    /// Copy the projection to this database too: postgres://USER@HOST/NAME
    #[arg(long, value_name = "URL", env = "SWABMESH_DATABASE", hide_env_values = true)]
    database: Option<String>,
}

impl RunArguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        self.node.with_database(Role::Authority, self.database, out)
    }
}

/// List what waits for a decision: owner, values to choose from, and what counts meanwhile
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh authority reviews --data city
  swabmesh authority reviews --all --json
Decide with swabmesh authority review.")]
pub(super) struct ReviewsArguments {
    /// Also what is decided
    #[arg(long)]
    all: bool,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 200)]
    limit: usize,
    #[command(flatten)]
    connection: Connection,
}

impl ReviewsArguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.connection.open()?;
        let path = format!("/reviews?all={}&limit={}", self.all, self.limit);
        client.show(&path, out, |cases| Ok(print::city::reviews(cases)))?;
        Ok(Outcome::Done)
    }
}

/// Prove that a projection equals the log: both are folded again and compared, table by table
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh authority rebuild --data city
  swabmesh authority rebuild --database --data city
  swabmesh authority rebuild --database --from-scratch --data city
Exit code 1: they differ. An index that differs is made again by moving store/index away while the node is stopped.")]
pub(super) struct RebuildArguments {
    /// The database that the authority runs with, instead of its own index
    #[arg(long)]
    database: bool,
    /// Empty the database and fill it from the log first
    #[arg(long, requires = "database")]
    from_scratch: bool,
    #[command(flatten)]
    connection: Connection,
}

impl RebuildArguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.connection.open()?;
        let body = json!({ "database": self.database, "from_scratch": self.from_scratch });
        let _ = writeln!(std::io::stderr(), "folding the log again …");
        let proof: Value = client.post("/projection/rebuild", &body)?;
        client.print(&proof, out, |proof| Ok(print::city::proof(proof)))?;
        Ok(if proof.get("equal") == Some(&Value::Bool(true)) { Outcome::Done } else { Outcome::Failed })
    }
}

/// Reports of a day
#[derive(Debug, Args)]
pub(super) struct ReportArguments {
    #[command(subcommand)]
    report: Report,
}

#[derive(Debug, Subcommand)]
enum Report {
    Reconcile(ReconcileArguments),
}

/// Issued, registered, tubes, boxes, results and what is unresolved, by cell, site and hour
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh authority report reconcile --day 2022-04-09 --data city
  swabmesh authority report reconcile --day 2022-04-09 --csv")]
struct ReconcileArguments {
    /// The day in Asia/Shanghai
    #[arg(long, value_name = "YYYY-MM-DD")]
    day: Day,
    /// Print CSV
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    connection: Connection,
}

impl ReportArguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let Report::Reconcile(arguments) = self.report;
        let client = arguments.connection.open()?;
        let path = format!("/reports/reconcile?day={}", arguments.day);
        if arguments.csv {
            client.save(&format!("{path}&format=csv"), out)?;
        } else {
            client.show(&path, out, |report| Ok(print::city::reconciliation(report)))?;
        }
        Ok(Outcome::Done)
    }
}

/// A format of exports.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// FHIR R4: a bundle for each tube, one a line
    Fhir,
    /// A line for each registration that counts
    Csv,
}

/// Export a day, registration by registration, without identities; who and why is recorded
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh authority export fhir --day 2022-04-09 --out day.ndjson --operator li --reason 'weekly hand-over' --data city
  swabmesh authority export csv --day 2022-04-09 --out day.csv --operator li --reason 'weekly hand-over'")]
pub(super) struct ExportArguments {
    /// In which format
    format: Format,
    /// The day in Asia/Shanghai
    #[arg(long, value_name = "YYYY-MM-DD")]
    day: Day,
    /// Where to; a file that is there is replaced
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Who asks
    #[arg(long, env = "SWABMESH_OPERATOR")]
    operator: Operator,
    /// Why
    #[arg(long)]
    reason: Remark,
    #[command(flatten)]
    connection: Connection,
}

impl ExportArguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let client = self.connection.open()?;
        let format = match self.format {
            Format::Fhir => "fhir",
            Format::Csv => "csv",
        };
        let (by, reason) = (value(self.operator.as_str()), value(self.reason.as_str()));
        let path = format!("/exports?format={format}&day={}&by={by}&reason={reason}", self.day);
        let partial = self.out.with_extension("partial");
        let cannot = || format!("{} cannot be written: check free space and permissions", partial.display());
        let mut file = BufWriter::new(File::create(&partial).with_context(cannot)?);
        let bytes = client.save(&path, &mut file)?;
        file.into_inner()
            .map_err(std::io::IntoInnerError::into_error)
            .and_then(|file| file.sync_all())
            .with_context(cannot)?;
        // A name without `partial` is an export that is whole.
        durable::rename(&partial, &self.out)?;
        if client.json {
            writeln!(out, "{}", json!({ "out": self.out, "bytes": bytes }))?;
        } else {
            writeln!(out, "{} of {} is in {} ({bytes} bytes)", format.to_uppercase(), self.day, self.out.display())?;
        }
        Ok(Outcome::Done)
    }
}

/// Destroy the personal details of past days, or check a report of it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh authority purge --before 2022-04-09 --operator li --out purge.json --data city
  swabmesh authority purge --check purge.json --root ba5bb5ba9f3bc5b2c2ea3f5b6e27a8ef9a1cbb35ba6ad3a4b9f0d9d1e1d2c3b4
There is no way back: the keys of those days are destroyed, and with them what was sealed to them, in every copy. Residents with no
valid code, no link and no registration since are removed, and photographs decided on before. What sites and laboratories wrote
more than the policy's retention_days ago, and the authority signed for, is kept by the authority alone.")]
pub(super) struct PurgeArguments {
    /// Details of days before this one, in Asia/Shanghai
    #[arg(long, value_name = "YYYY-MM-DD", required_unless_present = "check", requires_all = ["operator", "out"])]
    before: Option<Day>,
    /// Who does it
    #[arg(long, env = "SWABMESH_OPERATOR")]
    operator: Option<Operator>,
    /// Where the signed report is written
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Check a report instead; needs no node
    #[arg(long, value_name = "FILE", conflicts_with = "before")]
    check: Option<PathBuf>,
    /// The root's public key to check against; this directory's if left out
    #[arg(long, value_name = "HEX", requires = "check")]
    root: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

impl PurgeArguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let root = match &self.root {
            Some(root) => ed25519_dalek::VerifyingKey::from_bytes(&unhex(root)?).context("--root is no public key")?,
            None => Membership::open(&self.connection.home())?.root,
        };
        let (signed, json) = match (&self.check, self.before, &self.operator) {
            (Some(file), _, _) => {
                let text =
                    std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
                (serde_json::from_str(&text).context("this is not a purge report")?, self.connection.json)
            }
            (None, Some(before), Some(operator)) => {
                let client = self.connection.open()?;
                let body = json!({ "before": before.to_string(), "operator": operator });
                let signed: SignedReport = client.post("/purge", &body)?;
                let path = self.out.as_deref().context("say where the report goes: --out FILE")?;
                durable::replace(path, json!(signed).to_string().as_bytes(), Access::Public)?;
                (signed, client.json)
            }
            (None, _, _) => anyhow::bail!("say --before and --operator, or --check"),
        };
        let report = signed.check(&root)?;
        if json {
            writeln!(out, "{}", json!(report))?;
        } else {
            write!(out, "{}", print::city::purge(&report))?;
        }
        let opened = report.opened + report.office.as_ref().map_or(0, |office| office.opened);
        Ok(if opened == 0 { Outcome::Done } else { Outcome::Failed })
    }
}
