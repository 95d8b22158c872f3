//! A file of results: comma-separated (RFC 4180) with a header line, as a laboratory's instrument or spreadsheet writes it.
//!
//! | column | values |
//! |---|---|
//! | `tube` 管号 | a barcode |
//! | `result` 结果 | `negative` `positive` `inconclusive` `invalid`, their first letters (`X` is invalid too), 阴性 阳性 灰区 无效 |
//! | `stage` 阶段 | `preliminary` 初检 or `final` 复核; final when absent |
//! | `reason` 原因 | why an earlier reading is taken back |
//!
//! Columns come in any order; others are ignored. Semicolons and tabs separate too, if the header has them.

use std::collections::BTreeMap;

use swabmesh_protocol::fact::{Outcome, Remark, Stage};
use swabmesh_protocol::id::Barcode;
use swabmesh_protocol::results::Reading;

/// Lines of a file. Source: guess; a shift of a large laboratory reads a hundred plates of 96.
pub(crate) const LINES_MAX: usize = 10_000;

const TUBE: &[&str] = &["tube", "barcode", "管号", "管条码", "采样管", "条码"];
const RESULT: &[&str] = &["result", "outcome", "结果", "检测结果"];
const STAGE: &[&str] = &["stage", "阶段"];
const REASON: &[&str] = &["reason", "原因", "更正原因"];

const OUTCOMES: [(Outcome, &[&str]); 4] = [
    (Outcome::Negative, &["negative", "n", "neg", "-", "阴性", "阴"]),
    (Outcome::Positive, &["positive", "p", "pos", "+", "阳性", "阳"]),
    (Outcome::Inconclusive, &["inconclusive", "i", "灰区", "可疑", "待复核"]),
    (Outcome::Invalid, &["invalid", "v", "x", "无效"]),
];

const STAGES: [(Stage, &[&str]); 2] =
    [(Stage::Preliminary, &["preliminary", "初检", "初筛"]), (Stage::Final, &["final", "", "复核", "终检"])];

/// Why a file cannot be read at all. Whoever made it is at fault; nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FileError {
    /// Nothing is in it.
    #[error("the file is empty")]
    Empty,
    /// The first line names no tube or no result.
    #[error("the first line must name the columns `tube` and `result`")]
    Header,
    /// More than is taken at a time.
    #[error("the file has more than {LINES_MAX} lines")]
    TooLong,
}

impl FileError {
    /// A name that never changes.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Empty => "batch-empty",
            Self::Header => "batch-header",
            Self::TooLong => "batch-too-long",
        }
    }
}

/// Why a line is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LineError {
    /// The barcode is none.
    #[error("this is not a barcode")]
    Tube,
    /// The result is none.
    #[error("this is not a result: write negative, positive, inconclusive or invalid")]
    Outcome,
    /// The stage is none.
    #[error("this is not a stage: write preliminary or final")]
    Stage,
    /// The reason does not fit into a fact.
    #[error("the reason is too long")]
    Reason,
    /// The tube stands in the file twice.
    #[error("this tube is in line {line} already")]
    Twice {
        /// Where.
        line: usize,
    },
    /// A quotation does not end.
    #[error("a quotation mark is missing")]
    Quotes,
    /// The laboratory said something else before.
    #[error("reported as {said} already: give a reason to correct it")]
    Differs {
        /// What it said.
        said: Reading,
    },
}

impl LineError {
    /// A name that never changes.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Tube => "tube",
            Self::Outcome => "outcome",
            Self::Stage => "stage",
            Self::Reason => "reason",
            Self::Twice { .. } => "twice",
            Self::Quotes => "quotes",
            Self::Differs { .. } => "differs",
        }
    }
}

/// One line that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// The line of the file, from 1, the header included.
    pub(crate) number: usize,
    pub(crate) tube: Barcode,
    pub(crate) outcome: Outcome,
    pub(crate) stage: Stage,
    pub(crate) reason: Option<Remark>,
}

/// A line: understood, or its number, what it says of the tube, and what is wrong.
pub(crate) type Parsed = Result<Row, (usize, String, LineError)>;

/// Where the columns are.
struct Columns {
    separator: char,
    tube: usize,
    result: usize,
    stage: Option<usize>,
    reason: Option<usize>,
}

impl Columns {
    fn of(header: &str) -> Result<Self, FileError> {
        let separator = [',', '\t', ';', '，'].into_iter().find(|&c| header.contains(c)).unwrap_or(',');
        let names: Vec<String> = fields(header, separator).map_err(|_| FileError::Header)?;
        let at = |known: &[&str]| names.iter().position(|name| known.contains(&name.trim().to_lowercase().as_str()));
        match (at(TUBE), at(RESULT)) {
            (Some(tube), Some(result)) => Ok(Self { separator, tube, result, stage: at(STAGE), reason: at(REASON) }),
            _ => Err(FileError::Header),
        }
    }
}

/// Reads a file, line by line; empty lines are passed over.
///
/// # Errors
/// [`FileError`].
pub(crate) fn parse(text: &str) -> Result<Vec<Parsed>, FileError> {
    let text = text.trim_start_matches('\u{feff}');
    let mut lines =
        text.lines().enumerate().map(|(at, line)| (at + 1, line)).filter(|(_, line)| !line.trim().is_empty());
    let (_, header) = lines.next().ok_or(FileError::Empty)?;
    let columns = Columns::of(header)?;
    let mut seen: BTreeMap<Barcode, usize> = BTreeMap::new();
    let mut parsed = Vec::new();
    for (number, line) in lines {
        if parsed.len() >= LINES_MAX {
            return Err(FileError::TooLong);
        }
        parsed.push(row(number, line, &columns, &mut seen));
    }
    if parsed.is_empty() { Err(FileError::Empty) } else { Ok(parsed) }
}

fn row(number: usize, line: &str, columns: &Columns, seen: &mut BTreeMap<Barcode, usize>) -> Parsed {
    let fields = fields(line, columns.separator).map_err(|error| (number, String::new(), error))?;
    let field = |at: Option<usize>| at.and_then(|at| fields.get(at)).map_or("", |field| field.trim());
    let named = field(Some(columns.tube));
    let wrong = |error| (number, named.chars().take(40).collect(), error);
    let tube: Barcode = named.parse().map_err(|_| wrong(LineError::Tube))?;
    if let Some(line) = seen.insert(tube.clone(), number) {
        return Err(wrong(LineError::Twice { line }));
    }
    let outcome = one_of(&OUTCOMES, field(Some(columns.result))).ok_or_else(|| wrong(LineError::Outcome))?;
    let stage = one_of(&STAGES, field(columns.stage)).ok_or_else(|| wrong(LineError::Stage))?;
    let reason = Some(field(columns.reason)).filter(|reason| !reason.is_empty()).map(Remark::new).transpose();
    let reason = reason.map_err(|_| wrong(LineError::Reason))?;
    Ok(Row { number, tube, outcome, stage, reason })
}

fn one_of<T: Copy>(words: &[(T, &[&str])], said: &str) -> Option<T> {
    let said = said.to_lowercase();
    words.iter().find(|(_, known)| known.contains(&said.as_str())).map(|(value, _)| *value)
}

/// Splits a line; a field in quotation marks may hold separators, and two marks are one.
fn fields(line: &str, separator: char) -> Result<Vec<String>, LineError> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        let Some(field) = fields.last_mut() else { break };
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => {
                field.push('"');
                characters.next();
            }
            '"' if quoted || field.trim().is_empty() => quoted = !quoted,
            c if c == separator && !quoted => fields.push(String::new()),
            c => field.push(c),
        }
    }
    if quoted { Err(LineError::Quotes) } else { Ok(fields) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_whatever_wrote_it() {
        let english = "tube,result,stage,reason\nt1,negative,final,\n\"T2\",P,preliminary,\"a, \"\"b\"\"\"\n";
        let rows = parse(english).unwrap();
        let second = rows[1].as_ref().unwrap();
        assert_eq!((second.number, second.tube.as_str(), second.outcome), (3, "T2", Outcome::Positive));
        assert_eq!(second.reason.as_ref().unwrap().as_str(), "a, \"b\"");
        assert_eq!(rows[0].as_ref().unwrap().reason, None);
        let chinese = "\u{feff}序号\t管号\t结果\r\n1\tT1\t阴性\r\n\r\n2\tT2\t无效\r\n";
        let rows: Vec<Row> = parse(chinese).unwrap().into_iter().map(Result::unwrap).collect();
        assert_eq!((rows[0].outcome, rows[1].outcome), (Outcome::Negative, Outcome::Invalid));
        assert_eq!((rows[0].stage, rows[1].number), (Stage::Final, 4));
    }

    #[test]
    fn every_bad_line_says_what_is_wrong_and_the_others_stand() {
        let file = "tube,result,stage\nT1,negative\nT 2,negative\nT3,maybe\nT4,n,soon\nT1,positive\n\"T5,n\n";
        let found: Vec<&str> = parse(file)
            .unwrap()
            .iter()
            .map(|line| line.as_ref().map_or_else(|(_, _, error)| error.name(), |_| "good"))
            .collect();
        assert_eq!(found, ["good", "tube", "outcome", "stage", "twice", "quotes"]);
        let long = format!("tube,result,reason\nT1,n,{}\n", "x".repeat(121));
        assert_eq!(parse(&long).unwrap()[0].as_ref().unwrap_err().2, LineError::Reason);
    }

    #[test]
    fn a_file_that_is_no_table_is_refused_whole() {
        assert_eq!(parse(""), Err(FileError::Empty));
        assert_eq!(parse("tube,result\n\n"), Err(FileError::Empty));
        assert_eq!(parse("T1,negative\n"), Err(FileError::Header));
        let long = format!("tube,result\n{}", "T,n\n".repeat(LINES_MAX + 1));
        assert_eq!(parse(&long), Err(FileError::TooLong));
    }
}
