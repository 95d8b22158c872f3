//! Results of a whole plate from a file: judged line by line, then written, and every line says what became of it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use swabmesh_node::http::body::Body;
use swabmesh_node::http::problem::Problem;
use swabmesh_protocol::command::{Command, Refusal};
use swabmesh_protocol::fact::{Outcome, Remark, Stage};
use swabmesh_protocol::id::Barcode;

use super::specimen::{Against, against, said};
use crate::Pages;
use crate::batch::{LineError, Row, parse};
use crate::guard::SignedIn;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    text: String,
    /// Writes; without it the lines are only judged.
    #[serde(default)]
    go: bool,
    /// Writes the good lines although others are bad.
    #[serde(default)]
    leave_bad: bool,
}

/// What is to become of a line, or has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Fate {
    /// A first reading.
    Report,
    /// It takes an earlier one back.
    Correct,
    /// Said before: nothing is written.
    Same,
    /// Not understood, or refused.
    Bad,
    /// Written and on disk.
    Done,
    /// Not written, because the file was given up before it.
    Left,
}

#[derive(Debug, Serialize)]
struct Line {
    number: usize,
    fate: Fate,
    tube: String,
    outcome: Option<Outcome>,
    stage: Option<Stage>,
    /// Why it is bad: a key of the page's texts, and its words in English.
    error: Option<&'static str>,
    words: Option<String>,
}

/// How a file stands.
#[derive(Debug, Serialize)]
pub(super) struct Judged {
    lines: Vec<Line>,
    /// Lines that are not understood or were refused.
    bad: usize,
    /// Lines written by this request.
    written: usize,
    /// The node stopped taking lines: the same file goes on where it ended.
    broken_off: Option<String>,
}

fn bad(number: usize, tube: String, error: &LineError) -> Line {
    let words = Some(error.to_string());
    Line { number, fate: Fate::Bad, tube, outcome: None, stage: None, error: Some(error.name()), words }
}

async fn judge(pages: &Pages, row: &Row) -> Result<Line, Problem> {
    let fate = match against(said(pages, &row.tube).await?, row.outcome, row.stage) {
        Against::Fresh => Fate::Report,
        Against::Same => Fate::Same,
        Against::Differs(_) if row.reason.is_some() => Fate::Correct,
        Against::Differs(said) => {
            let line = bad(row.number, row.tube.to_string(), &LineError::Differs { said });
            return Ok(Line { outcome: Some(row.outcome), stage: Some(row.stage), ..line });
        }
    };
    let (outcome, stage) = (Some(row.outcome), Some(row.stage));
    Ok(Line { number: row.number, fate, tube: row.tube.to_string(), outcome, stage, error: None, words: None })
}

fn command(row: &Row, fate: Fate, who: &SignedIn) -> Option<Command> {
    let (tube, outcome, operator): (Barcode, Outcome, _) = (row.tube.clone(), row.outcome, who.operator.clone());
    match fate {
        Fate::Report => Some(Command::Report { tube, outcome, stage: row.stage, operator }),
        Fate::Correct => {
            let reason: Remark = row.reason.clone()?;
            Some(Command::Correct { tube, outcome, reason, operator })
        }
        Fate::Same | Fate::Bad | Fate::Done | Fate::Left => None,
    }
}

/// Judges a file, and writes it if that was asked for and no line is bad, or bad ones are to be left.
pub(super) async fn results(
    State(pages): State<Pages>,
    who: SignedIn,
    Body(File { text, go, leave_bad }): Body<File>,
) -> Result<Json<Judged>, Problem> {
    let parsed = parse(&text).map_err(|error| {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            error.name(),
            error.to_string(),
            "Put the file right, and choose it again.",
        )
    })?;
    pages.settle().await;
    let mut judged = Judged { lines: Vec::new(), bad: 0, written: 0, broken_off: None };
    let mut rows = Vec::new();
    for row in parsed {
        match row {
            Ok(row) => {
                judged.lines.push(judge(&pages, &row).await?);
                rows.push(Some(row));
            }
            Err((number, tube, error)) => {
                judged.lines.push(bad(number, tube, &error));
                rows.push(None);
            }
        }
    }
    judged.bad = judged.lines.iter().filter(|line| line.fate == Fate::Bad).count();
    if go && (judged.bad == 0 || leave_bad) {
        write(&pages, &who, &rows, &mut judged).await;
        pages.settle().await;
    }
    Ok(Json(judged))
}

/// Writes line after line, each on disk before the next; a disk that fails ends it, and the lines say so.
async fn write(pages: &Pages, who: &SignedIn, rows: &[Option<Row>], judged: &mut Judged) {
    for (line, row) in judged.lines.iter_mut().zip(rows) {
        let Some(command) = row.as_ref().and_then(|row| command(row, line.fate, who)) else { continue };
        if judged.broken_off.is_some() {
            line.fate = Fate::Left;
            continue;
        }
        match pages.shell.node().command(command).await {
            Ok(_) => {
                line.fate = Fate::Done;
                judged.written += 1;
            }
            Err(refusal @ (Refusal::Disk(_) | Refusal::Busy | Refusal::Store)) => {
                line.fate = Fate::Left;
                judged.broken_off = Some(refusal.to_string());
            }
            Err(refusal) => {
                line.fate = Fate::Bad;
                line.error = Some("refused");
                line.words = Some(refusal.to_string());
                judged.bad += 1;
            }
        }
    }
    tracing::info!(operator = %who.operator, written = judged.written, bad = judged.bad, "a file of results was taken in");
}
