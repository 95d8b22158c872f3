//! `swabmesh code verify`: the tool third parties test interoperability with (docs/code-format.md).

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde::Serialize;
use swabmesh_node::picture::read::codes_in;
use swabmesh_protocol::limits::SCAN_BYTES_MAX;
use swabmesh_protocol::scan::Scanned;
use swabmesh_protocol::verify::file::KnowledgeFile;
use swabmesh_protocol::verify::{Knowledge, Reason, verify};

use super::judgement::Judgement;
use crate::{Outcome, clock};

/// Judge codes as a site would: one a line from standard input, or every code in the pictures named.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh code verify --issuers codes.json --status codes.json --at 1649520000 --json < codes.txt
  swabmesh code issue ... | swabmesh code verify --issuers issuers.json
  swabmesh code verify --issuers codes.json --status codes.json photo.jpg
  swabmesh code verify --vectors codes.json
Without --status no status list is held, which is an amber verdict.
Exit code: 0 when every code was judged, whatever its verdict, and every vector passed; 1 when a vector failed or a file could not be used.")]
pub(crate) struct Arguments {
    /// Pictures, PNG or JPEG; standard input when left out
    #[arg(value_name = "PICTURE", conflicts_with = "vectors")]
    pictures: Vec<PathBuf>,
    /// File with `issuers` and `policy`
    #[arg(long, value_name = "FILE.json", required_unless_present = "vectors")]
    issuers: Option<PathBuf>,
    /// File with `status_lists`; may be the same file
    #[arg(long, value_name = "FILE.json")]
    status: Option<PathBuf>,
    /// The site's time, seconds since 1970 UTC; now when left out
    #[arg(long, value_name = "UNIX_SECONDS")]
    at: Option<u64>,
    /// Run every vector of the file at its own time
    #[arg(long, value_name = "FILE.json", conflicts_with_all = ["issuers", "status", "at"])]
    vectors: Option<PathBuf>,
    /// Print JSON, one object a line
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        if let Some(path) = &self.vectors {
            return run_vectors(&read_file(path)?, self.json, out);
        }
        let knowledge = self.knowledge()?;
        for picture in &self.pictures {
            for text in codes_in(picture).with_context(|| picture.display().to_string())? {
                self.judge(&Scanned::from_text(&text), &knowledge, out)?;
            }
        }
        if !self.pictures.is_empty() {
            return Ok(Outcome::Done);
        }
        let mut lines = Lines { input: std::io::stdin().lock() };
        while let Some(line) = lines.next_line()? {
            self.judge(&Scanned::from_bytes(&line), &knowledge, out)?;
        }
        Ok(Outcome::Done)
    }

    fn knowledge(&self) -> anyhow::Result<Knowledge> {
        let read = |path: &Option<PathBuf>| path.as_deref().map(read_file).transpose();
        let issuers = read(&self.issuers)?.unwrap_or_default();
        let status = read(&self.status)?.unwrap_or_default();
        let file = KnowledgeFile {
            issuers: issuers.issuers,
            status_lists: status.status_lists,
            policy: issuers.policy.or(status.policy),
            vectors: Vec::new(),
        };
        Ok(file.knowledge()?)
    }

    fn judge(&self, scanned: &Scanned, knowledge: &Knowledge, out: &mut dyn Write) -> anyhow::Result<()> {
        let now_s = self.at.unwrap_or_else(clock::now_s);
        Judgement::new(&verify(now_s, scanned, knowledge)).print(self.json, out)
    }
}

/// Reads a file of issuers, status lists, policy and vectors.
pub(super) fn read_file(path: &Path) -> anyhow::Result<KnowledgeFile> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| {
        format!("{} is not a file of `issuers`, `status_lists`, `policy` and `vectors`", path.display())
    })
}

#[derive(Serialize)]
struct Failure<'a> {
    name: &'a str,
    expected: &'a str,
    got: Reason,
}

fn run_vectors(file: &KnowledgeFile, json: bool, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    if file.vectors.is_empty() {
        bail!("the file holds no `vectors`");
    }
    let knowledge = file.knowledge()?;
    let mut failed = 0;
    for vector in &file.vectors {
        let (got, passed) = vector.run(&knowledge);
        if passed {
            continue;
        }
        failed += 1;
        if json {
            let failure = Failure { name: &vector.name, expected: &vector.reason, got };
            writeln!(out, "{}", serde_json::to_string(&failure)?)?;
        } else {
            let (expected, got) = (&vector.reason, got.name());
            writeln!(out, "{}: expected {} {expected}, got {got}", vector.name, vector.verdict)?;
        }
    }
    let passed = file.vectors.len() - failed;
    if json {
        writeln!(out, "{}", serde_json::json!({ "passed": passed, "failed": failed }))?;
    } else {
        writeln!(out, "{passed} passed, {failed} failed")?;
    }
    Ok(if failed == 0 { Outcome::Done } else { Outcome::Failed })
}

/// Lines of an input that may hold anything: of each only as much is kept as a scan looks at.
struct Lines<R> {
    input: R,
}

impl<R: BufRead> Lines<R> {
    fn next_line(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let mut begun = false;
        loop {
            let piece = self.input.fill_buf()?;
            if piece.is_empty() {
                return Ok(begun.then_some(line));
            }
            begun = true;
            let end = piece.iter().position(|byte| *byte == b'\n');
            let (used, taken) = end.map_or((piece.len(), piece.len()), |at| (at, at + 1));
            // One byte more than is looked at, so that the scan is known to be overlong.
            let room = (SCAN_BYTES_MAX + 1).saturating_sub(line.len());
            line.extend(piece.iter().take(used.min(room)));
            self.input.consume(taken);
            if end.is_some() {
                return Ok(Some(line));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = include_str!("../../../../protocol/tests/vectors/codes.json");

    fn file() -> KnowledgeFile {
        serde_json::from_str(FILE).unwrap()
    }

    fn printed(json: bool, name: &str) -> String {
        let file = file();
        let vector = file.vectors.iter().find(|vector| vector.name == name).unwrap();
        let judged = verify(vector.at, &Scanned::from_text(&vector.text), &file.knowledge().unwrap());
        let mut out = Vec::new();
        Judgement::new(&judged).print(json, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_vectors_end_in_their_count_and_a_failure_is_not_a_success() {
        let mut out = Vec::new();
        assert_eq!(run_vectors(&file(), false, &mut out).unwrap(), Outcome::Done);
        assert_eq!(String::from_utf8(out).unwrap(), "89 passed, 0 failed\n");
        let mut wrong = file();
        wrong.vectors[0].reason = "expired".to_owned();
        let mut out = Vec::new();
        assert_eq!(run_vectors(&wrong, false, &mut out).unwrap(), Outcome::Failed);
        assert!(String::from_utf8(out).unwrap().ends_with("88 passed, 1 failed\n"));
    }

    #[test]
    fn a_proven_code_is_described_and_an_unproven_one_is_not() {
        let json: serde_json::Value = serde_json::from_str(&printed(true, "static-8")).unwrap();
        assert_eq!(
            (&json["verdict"], &json["reason"], &json["kind"]),
            (&"green".into(), &"ok".into(), &"static".into())
        );
        assert_eq!((&json["document"], &json["expires"]), (&"1:1234".into(), &1_652_025_600.into()));
        assert_eq!(printed(true, "signature-bit"), "{\"verdict\":\"red\",\"reason\":\"bad-signature\"}\n");
        assert!(printed(true, "static-8-at-exp").contains("masked_name"));
        assert!(printed(false, "static-8").starts_with("GREEN 通过"));
    }

    #[test]
    fn lines_are_bounded_and_the_last_needs_no_end() {
        let long = "7".repeat(1_000_000);
        let mut lines = Lines { input: std::io::Cursor::new(format!("a b\r\n\n{long}\nlast")) };
        assert_eq!(lines.next_line().unwrap().unwrap(), b"a b\r");
        assert_eq!(lines.next_line().unwrap().unwrap(), b"");
        assert_eq!(lines.next_line().unwrap().unwrap().len(), SCAN_BYTES_MAX + 1);
        assert_eq!(lines.next_line().unwrap().unwrap(), b"last");
        assert_eq!(lines.next_line().unwrap(), None);
    }
}
