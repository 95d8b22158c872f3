//! People on the command line: a document that was shown or stated.

use std::io::BufRead;

use anyhow::{Context, bail};
use clap::Args;
use swabmesh_node::api::{DocumentEntry, GuardianEntry};
use swabmesh_protocol::id::Person;

/// A document and its holder.
#[derive(Debug, Args)]
pub(super) struct DocumentArguments {
    /// Type of document: 1 identity card, 2 passport, 3 Hong Kong/Macau permit, 4 Taiwan permit, 5 residence permit, 6 foreigner's card, 7 birth certificate, 8 infant without a document, 9 other
    #[arg(long = "type", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=9))]
    document_type: u8,
    /// Its number or machine-readable zone; - reads it from standard input, so that no history keeps it
    #[arg(long, value_name = "TEXT")]
    number: Option<String>,
    /// Full name
    #[arg(long)]
    name: Option<String>,
    /// Issuing state of a passport, three letters
    #[arg(long)]
    state: Option<String>,
    /// Date of birth, where the number does not carry it
    #[arg(long, value_name = "YYYY-MM-DD")]
    born: Option<String>,
    /// Telephone
    #[arg(long)]
    phone: Option<String>,
    /// Address or place of stay
    #[arg(long)]
    address: Option<String>,
    /// Remark; says who somebody without any document is
    #[arg(long)]
    remark: Option<String>,
    /// Name of the parent, to call an infant without a name their child
    #[arg(long, value_name = "NAME", visible_alias = "guardian-name")]
    child_of: Option<String>,
    /// The parent's or guardian's type of document
    #[arg(long, value_name = "N", visible_alias = "guardian-type")]
    parent_type: Option<u8>,
    /// The number of that document
    #[arg(long, value_name = "TEXT", visible_alias = "guardian-number")]
    parent_number: Option<String>,
    /// The parent or guardian as a pseudonym, from an earlier verdict
    #[arg(long, value_name = "HEX", visible_alias = "guardian-person", conflicts_with_all = ["parent_type", "parent_number"])]
    parent_person: Option<Person>,
    /// How the parent is related: mother, father, guardian
    #[arg(long, value_name = "WORD")]
    relation: Option<String>,
}

impl DocumentArguments {
    /// Whether anything was said.
    pub(super) const fn is_given(&self) -> bool {
        self.number.is_some() || self.name.is_some() || self.remark.is_some() || self.child_of.is_some()
    }

    /// As the API wants it.
    pub(super) fn entry(self, stated: bool) -> anyhow::Result<DocumentEntry> {
        let number = match self.number.as_deref() {
            Some("-") => Some(read_line()?),
            _ => self.number,
        };
        let guardian = GuardianEntry {
            person: self.parent_person,
            document: self.parent_type.or_else(|| self.parent_number.as_ref().map(|_| 1)),
            number: self.parent_number,
            name: self.child_of,
            relation: self.relation,
        };
        let named = guardian.person.is_some() || guardian.number.is_some() || guardian.name.is_some();
        Ok(DocumentEntry {
            document: self.document_type,
            number,
            name: self.name,
            state: self.state,
            born: self.born,
            phone: self.phone,
            address: self.address,
            remark: self.remark,
            stated,
            guardian: named.then_some(guardian),
        })
    }
}

fn read_line() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("cannot read the number from standard input")?;
    match line.trim() {
        "" => bail!("standard input holds no number"),
        number => Ok(number.to_owned()),
    }
}
