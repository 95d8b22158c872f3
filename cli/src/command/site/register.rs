//! `swabmesh site register`: one person, a folder of pictures, or a scanner at standard input.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};
use swabmesh_node::api::{Judged, NewRegistration};
use swabmesh_node::picture::read::codes_in;
use swabmesh_protocol::fact::{Operator, Remark};
use swabmesh_protocol::id::Barcode;
use swabmesh_protocol::scan::KeystrokeBuffer;
use swabmesh_protocol::verify::Verdict;

use crate::Outcome;
use crate::client::{Client, Connection};
use crate::command::person::DocumentArguments;
use crate::print::verdict;

/// Register people into a tube: by code, by picture, by scanner, or by document
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  swabmesh site register 'HS1:6BF...' --tube T1 --operator wang
  swabmesh site register --image screenshot.png --tube T1 --operator wang
  swabmesh site register --images photos --tube T1 --operator wang
  swabmesh site register --stdin --tube T1 --operator wang
  swabmesh site register --document --number 11010519491231002X --name 张三 --tube T1 --operator wang
  swabmesh site register --document --stated --number - --name 张三 --tube T1 --operator wang
  swabmesh site register --document --number 11010519491231002X --name 张三 --same-phone --tube T2 --operator wang
  swabmesh site register --document --type 8 --child-of 张三 --born 2022-04-01 --parent-number 11010519491231002X --tube T1 --operator wang
  swabmesh site register --document --type 9 --name 王五 --remark 'no papers, lives at 5 Long Lane' --tube T1 --operator wang
Amber that needs a reason: repeat with --reason. With --stdin one line is one scan; Ctrl-D ends with a summary.
A code's text contains spaces and $: write it between single quotes.")]
#[command(group = clap::ArgGroup::new("source").required(true).args(["code", "image", "images", "stdin", "document"]))]
pub(crate) struct Arguments {
    /// The text of a code
    code: Option<String>,
    /// A picture with codes
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// A folder of pictures
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// One scan a line from standard input, as a scanner types
    #[arg(long)]
    stdin: bool,
    /// A document that was shown
    #[arg(long)]
    document: bool,
    /// With --document: the number was stated aloud
    #[arg(long, requires = "document")]
    stated: bool,
    /// With --document: the telephone is the one given at the person's last visit here
    #[arg(long, requires = "document", conflicts_with = "phone")]
    same_phone: bool,
    #[command(flatten)]
    person: DocumentArguments,
    /// Into which tube
    #[arg(long, value_name = "BARCODE")]
    tube: Barcode,
    /// By whom
    #[arg(long, env = "SWABMESH_OPERATOR")]
    operator: Operator,
    /// Go on despite a warning
    #[arg(long, value_name = "WHY")]
    reason: Option<Remark>,
    #[command(flatten)]
    connection: Connection,
}

impl Arguments {
    pub(crate) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        if !self.document && self.person.is_given() {
            bail!("a number or a name goes with --document: leave it out, or the code");
        }
        let client = self.connection.open()?;
        let (tube, operator, reason) = (self.tube, self.operator, self.reason);
        let blank = NewRegistration { tube, operator, reason, code: None, document: None, same_phone: self.same_phone };
        let mut desk = Desk { client, blank, out, tally: Tally::default() };
        if self.document {
            let document = Some(self.person.entry(self.stated)?);
            return desk.one(NewRegistration { document, ..desk.blank.clone() });
        }
        if let Some(code) = self.code {
            return desk.one(NewRegistration { code: Some(code), ..desk.blank.clone() });
        }
        if let Some(image) = self.image {
            let mut texts = codes_in(&image).with_context(|| image.display().to_string())?;
            return match (texts.pop(), texts.is_empty()) {
                (Some(code), true) => desk.one(NewRegistration { code: Some(code), ..desk.blank.clone() }),
                (last, _) => {
                    texts.extend(last);
                    texts.into_iter().try_for_each(|code| desk.next(None, code))?;
                    desk.end()
                }
            };
        }
        match self.images {
            Some(folder) => desk.folder(&folder),
            None => desk.scanner(std::io::stdin().lock()),
        }
    }
}

/// Where registrations of one call go, and what came of them.
struct Desk<'o> {
    client: Client,
    blank: NewRegistration,
    out: &'o mut dyn Write,
    tally: Tally,
}

/// Many registrations, by what came of them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    accepted: u32,
    warned: u32,
    needs_reason: u32,
    refused: u32,
    not_done: u32,
}

impl Tally {
    fn take(&mut self, judged: &Judged) {
        match (Outcome::of(judged), judged.verdict.verdict) {
            (Outcome::Done, Verdict::Amber) => self.warned += 1,
            (Outcome::Done, _) => self.accepted += 1,
            (Outcome::NeedsReason, _) => self.needs_reason += 1,
            (Outcome::Refused | Outcome::Failed, _) => self.refused += 1,
        }
    }

    const fn outcome(&self) -> Outcome {
        match self {
            Self { not_done: 1.., .. } => Outcome::Failed,
            Self { refused: 1.., .. } => Outcome::Refused,
            Self { needs_reason: 1.., .. } => Outcome::NeedsReason,
            _ => Outcome::Done,
        }
    }

    fn json(&self) -> Value {
        json!({ "summary": {
            "accepted": self.accepted, "accepted_with_warning": self.warned, "needs_reason": self.needs_reason,
            "refused": self.refused, "not_done": self.not_done,
        }})
    }

    fn words(&self) -> String {
        format!(
            "{} accepted, {} accepted with a warning, {} need a reason, {} refused, {} not done",
            self.accepted, self.warned, self.needs_reason, self.refused, self.not_done
        )
    }
}

impl Desk<'_> {
    /// One registration, shown in full.
    fn one(&mut self, registration: NewRegistration) -> anyhow::Result<Outcome> {
        let judged: Judged = self.client.post("/registrations", &registration)?;
        if self.client.json {
            writeln!(self.out, "{}", serde_json::to_string(&judged)?)?;
        } else {
            write!(self.out, "{}", verdict::full(&judged))?;
        }
        Ok(Outcome::of(&judged))
    }

    /// One of many, on a line; what goes wrong with it does not end the others.
    fn next(&mut self, image: Option<&Path>, code: String) -> anyhow::Result<()> {
        let registration = NewRegistration { code: Some(code), ..self.blank.clone() };
        match self.client.post::<Judged>("/registrations", &registration) {
            Ok(judged) => {
                self.tally.take(&judged);
                let line = if self.client.json { with_image(&judged, image)? } else { verdict::line(&judged) };
                writeln!(self.out, "{line}")?;
            }
            Err(error) => self.not_done(image, &error)?,
        }
        Ok(self.out.flush()?)
    }

    fn not_done(&mut self, image: Option<&Path>, error: &anyhow::Error) -> anyhow::Result<()> {
        self.tally.not_done += 1;
        let line = if self.client.json {
            json!({ "image": image, "error": format!("{error:#}") }).to_string()
        } else {
            let of = image.map(|image| format!("{}: ", image.display())).unwrap_or_default();
            format!("NOT DONE 未登记  {of}{error:#}")
        };
        Ok(writeln!(self.out, "{line}")?)
    }

    fn end(&mut self) -> anyhow::Result<Outcome> {
        let summary = if self.client.json { self.tally.json().to_string() } else { self.tally.words() };
        writeln!(self.out, "{summary}")?;
        Ok(self.tally.outcome())
    }

    /// Every picture of a folder, by name.
    fn folder(&mut self, folder: &Path) -> anyhow::Result<Outcome> {
        let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
        let mut pictures = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
        pictures.retain(|path| is_picture(path));
        pictures.sort();
        if pictures.is_empty() {
            bail!("{} holds no .png, .jpg or .jpeg files", folder.display());
        }
        for (done, picture) in pictures.iter().enumerate() {
            // Progress is not an answer, so it goes elsewhere; nobody may be there to read it.
            let _ = write!(std::io::stderr(), "\r{} of {} pictures ", done + 1, pictures.len());
            match codes_in(picture) {
                Ok(texts) => texts.into_iter().try_for_each(|code| self.next(Some(picture), code))?,
                Err(error) => self.not_done(Some(picture), &error.into())?,
            }
        }
        let _ = writeln!(std::io::stderr());
        self.end()
    }

    /// A scanner that types, until the end of the input.
    fn scanner(&mut self, mut input: impl Read) -> anyhow::Result<Outcome> {
        let mut keys = KeystrokeBuffer::default();
        let mut piece = [0; 4_096];
        loop {
            let read = input.read(&mut piece).context("cannot read standard input")?;
            let typed = piece.get(..read).unwrap_or_default();
            // The last line may end without Enter.
            let typed = if read == 0 { b"\n" } else { typed };
            let scans: Vec<String> = keys.extend(typed).iter().map(|scan| scan.text().to_owned()).collect();
            for code in scans.into_iter().filter(|code| !code.is_empty()) {
                self.next(None, code)?;
            }
            if read == 0 {
                return self.end();
            }
        }
    }
}

fn with_image(judged: &Judged, image: Option<&Path>) -> anyhow::Result<String> {
    let mut line = serde_json::to_value(judged)?;
    if let (Some(object), Some(image)) = (line.as_object_mut(), image) {
        object.insert("image".to_owned(), json!(image));
    }
    Ok(line.to_string())
}

fn is_picture(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["png", "jpg", "jpeg"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::verdict::fixture::judged;

    #[test]
    fn the_worst_of_many_decides() {
        let mut tally = Tally::default();
        tally.take(&judged(Verdict::Green, true));
        tally.take(&judged(Verdict::Amber, true));
        assert_eq!((tally.outcome(), tally.accepted, tally.warned), (Outcome::Done, 1, 1));
        tally.take(&judged(Verdict::Amber, false));
        assert_eq!(tally.outcome(), Outcome::NeedsReason);
        tally.take(&judged(Verdict::Red, false));
        assert_eq!(tally.outcome(), Outcome::Refused);
        tally.not_done += 1;
        assert_eq!(tally.outcome(), Outcome::Failed);
        assert_eq!(tally.json()["summary"]["refused"], 1);
    }

    #[test]
    fn pictures_are_known_by_their_names() {
        assert!(is_picture(Path::new("a.PNG")) && is_picture(Path::new("b.jpeg")));
        assert!(!is_picture(Path::new("c.txt")) && !is_picture(Path::new("png")));
    }
}
