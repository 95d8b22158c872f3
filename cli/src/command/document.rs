//! `swabmesh document`: judges document numbers as a desk does, without a store or a network.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use swabmesh_protocol::document::age::{category_on, day_in_shanghai};
use swabmesh_protocol::document::refusal::DocumentError;
use swabmesh_protocol::document::{Checked, DocumentType, check};
use swabmesh_protocol::time::Wall;
use time::Date;
use time::macros::format_description;

use crate::Outcome;

/// Judges numbers of identity documents (证件号码校验), with no store and no network.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: DocumentCommand,
}

#[derive(Debug, Subcommand)]
enum DocumentCommand {
    /// Judges one number, or every vector of a file.
    Check(CheckArgs),
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// Type of document: 1 identity card, 2 passport, 3 Hong Kong/Macau permit, 4 Taiwan permit, 5 residence
    /// permit, 6 foreigner's card, 7 birth certificate, 9 other.
    #[arg(long = "type", value_name = "N", required_unless_present = "vectors")]
    document: Option<DocumentType>,
    /// The number, or a machine-readable zone with its line ends.
    #[arg(long, value_name = "TEXT", required_unless_present = "vectors")]
    number: Option<String>,
    /// The issuing state of a typed passport, three letters.
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// The day to judge on; today in Asia/Shanghai if absent.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_day)]
    today: Option<Date>,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    json: bool,
    /// Judges every vector of a file on the file's own day and prints `N passed, N failed`.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["document", "number", "state", "today"])]
    vectors: Option<PathBuf>,
}

impl Arguments {
    /// A refused number is an answer; a failed vector is a failure.
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let DocumentCommand::Check(args) = self.command;
        if let Some(path) = &args.vectors {
            return run_vectors(path, out);
        }
        let (Some(document), Some(number)) = (args.document, &args.number) else {
            bail!("give --type and --number, or --vectors");
        };
        let today = args.today.map_or_else(today, Ok)?;
        let mut judged = check(document, number, today);
        if let Some(state) = &args.state {
            judged = judged.map(|checked| checked.issued_by(state));
        }
        if args.json {
            writeln!(out, "{}", describe(&judged, today))?;
        } else {
            writeln!(out, "{}", say(&judged))?;
        }
        Ok(Outcome::Done)
    }
}

/// Every rule held, the soft ones included: what a vector calls valid.
fn is_valid(judged: &Result<Checked, DocumentError>) -> bool {
    judged.as_ref().is_ok_and(|checked| checked.warnings().is_empty())
}

fn describe(judged: &Result<Checked, DocumentError>, today: Date) -> Value {
    let mut object = Map::new();
    object.insert("valid".into(), is_valid(judged).into());
    match judged {
        Ok(checked) => {
            object.insert("normal".into(), checked.number().expose().as_str().into());
            object.insert("sex".into(), json!(checked.sex()));
            object.insert("born".into(), json!(checked.born().map(|born| born.to_string())));
            object.insert("state".into(), json!(checked.state()));
            object.insert("category".into(), json!(checked.born().map(|born| category_on(born, today))));
            let warnings: Vec<String> = checked.warnings().iter().map(ToString::to_string).collect();
            object.insert("warnings".into(), json!(warnings));
        }
        Err(refused) => {
            object.insert("reason".into(), refused.problem.to_string().into());
            object.insert("routes".into(), json!(refused.routes()));
        }
    }
    Value::Object(object)
}

fn say(judged: &Result<Checked, DocumentError>) -> String {
    match judged {
        Ok(checked) => {
            let warnings = checked.warnings().iter().map(|warning| format!("\nwarning: {warning}"));
            format!("accepted: {}{}", checked.number().expose(), warnings.collect::<String>())
        }
        Err(refused) => format!("not accepted: {refused}"),
    }
}

#[derive(Deserialize)]
struct VectorFile {
    today: String,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    #[serde(rename = "type")]
    document: u8,
    input: String,
    valid: bool,
    #[serde(default)]
    category_on: Map<String, Value>,
    /// `normal`, `sex`, `born`, `state`: each compared with the key of the same name in [`describe`].
    #[serde(flatten)]
    expected: Map<String, Value>,
}

fn run_vectors(path: &Path, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file: VectorFile = serde_json::from_str(&text).with_context(|| format!("{} is malformed", path.display()))?;
    let today = parse_day(&file.today)?;
    let mut failed = 0;
    for (index, vector) in file.vectors.iter().enumerate() {
        if let Err(difference) = vector.run(today) {
            failed += 1;
            writeln!(out, "vector {index} ({}): {difference:#}", vector.input.escape_debug())?;
        }
    }
    writeln!(out, "{} passed, {failed} failed", file.vectors.len() - failed)?;
    Ok(if failed == 0 { Outcome::Done } else { Outcome::Failed })
}

impl Vector {
    fn run(&self, today: Date) -> anyhow::Result<()> {
        let document = DocumentType::try_from(self.document)?;
        let judged = check(document, &self.input, today);
        let found = describe(&judged, today);
        if is_valid(&judged) != self.valid {
            bail!("expected valid: {}, found {found}", self.valid);
        }
        for (key, expected) in &self.expected {
            if found.get(key) != Some(expected) {
                bail!("expected {key}: {expected}, found {found}");
            }
        }
        for (day, expected) in &self.category_on {
            let born = judged.as_ref().ok().and_then(Checked::born).context("no date of birth")?;
            let category = json!(category_on(born, parse_day(day)?));
            if category != *expected {
                bail!("expected {expected} on {day}, found {category}");
            }
        }
        Ok(())
    }
}

fn parse_day(text: &str) -> anyhow::Result<Date> {
    Date::parse(text, format_description!("[year]-[month]-[day]")).with_context(|| format!("{text} is not a day"))
}

fn today() -> anyhow::Result<Date> {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).context("the clock is before 1970")?;
    Ok(day_in_shanghai(Wall::from_seconds(since_1970.as_secs())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_file(text: &str) -> (Outcome, String) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let mut out = Vec::new();
        let code = run_vectors(file.path(), &mut out).unwrap();
        (code, String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_published_vectors_all_pass() {
        let (code, out) = run_file(include_str!("../../../protocol/tests/vectors/documents.json"));
        assert_eq!(code, Outcome::Done, "{out}");
        assert!(out.ends_with(" passed, 0 failed\n") && !out.starts_with('0'), "{out}");
    }

    #[test]
    fn vectors_that_expect_something_else_fail_and_say_why() {
        let (code, out) = run_file(
            r#"{"today": "2022-04-09", "vectors": [
                {"type": 1, "input": "11010519491231002X", "valid": false},
                {"type": 1, "input": "11010519491231002X", "valid": true, "sex": "M"},
                {"type": 1, "input": "11010519491231002X", "valid": true, "category_on": {"2022-04-09": "minor"}},
                {"type": 1, "input": "11010519491231002X", "valid": true, "unknown": 1},
                {"type": 1, "input": "11010519491231002X", "valid": true, "born": "1949-12-31"}
            ]}"#,
        );
        assert_eq!(code, Outcome::Failed);
        assert!(out.ends_with("1 passed, 4 failed\n"), "{out}");
    }
}
