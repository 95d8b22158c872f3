//! People as they are typed: in the clear only until they are judged and sealed.

use std::fmt;

use serde::{Deserialize, Serialize};
use swabmesh_protocol::id::Person;

/// A document as it was read or typed.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DocumentEntry {
    /// Type of document, 1 to 9.
    #[serde(rename = "type")]
    pub document: u8,
    /// Its number, or a machine-readable zone; none for infants, and for type 9 with a remark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Full name; none if the zone carries it, or for an infant without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Issuing state of a typed passport, three letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Date of birth, `YYYY-MM-DD`, where the number does not carry it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub born: Option<String>,
    /// Telephone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Address or place of stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Remark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
    /// Stated aloud instead of shown (D2).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stated: bool,
    /// The parent of an infant, or the guardian.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guardian: Option<GuardianEntry>,
}

impl fmt::Debug for DocumentEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DocumentEntry {{ type: {}, <personal> }}", self.document)
    }
}

/// Who answers for somebody: by pseudonym, as an earlier verdict gave it, or by document.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuardianEntry {
    /// Their pseudonym.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<Person>,
    /// Type of their document.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub document: Option<u8>,
    /// Its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Their name, to call an infant without one their child.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `mother`, `father` or `guardian`; guardian if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relation: Option<String>,
}

impl fmt::Debug for GuardianEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GuardianEntry(<personal>)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_of_a_document_says_nothing_of_its_holder() {
        let guardian = GuardianEntry { number: Some("H1234567802".to_owned()), ..GuardianEntry::default() };
        let entry = DocumentEntry {
            document: 1,
            number: Some("11010519491231002X".to_owned()),
            guardian: Some(guardian),
            ..DocumentEntry::default()
        };
        let shown = format!("{entry:?} {:?}", entry.guardian);
        assert!(!shown.contains("1949") && !shown.contains("H12"), "{shown}");
    }
}
