//! The keys of a document and the form of their values: the stable part of an exported `.automerge` file.
//!
//! A document is one flat map; every value is a string.
//!
//! | key | value | written by |
//! |---|---|---|
//! | `reg/ENTRY` | the person's pseudonym, 32 hexadecimal digits | registered, never rewritten |
//! | `tube/BARCODE` | `packed` | packed, in the box's document |
//! | `note/ENTRY` | the register a review named in vain, or nothing | a fact that changes no register |
//! | `open` | pool size, decimal | opened |
//! | `seal` | registrations counted, decimal; `open` | sealed, reopened |
//! | `box` | barcode of the transport box | packed, in the tube's document |
//! | `handover` | tubes counted, a space, to whom | handed over |
//! | `received` | tubes counted, decimal | received |
//! | `result/NODE` | outcome, a space, stage | reported, corrected by that laboratory |
//! | `result` | outcome, a space, stage | reviewed: decides between laboratories |
//! | `void/ENTRY` | why; nothing: it counts after all | voided |
//! | `moved/ENTRY` | tube left, `>`, tube reached | moved, in both documents |
//! | `amend/ENTRY/FIELD` | what it should say | amended |
//!
//! `ENTRY` is `FEED:NUMBER`. From `open` down they are registers, which a review may write as well.

use std::fmt;
use std::str::FromStr;

use super::DocumentFact;
use crate::fact::{Fact, Field, Reviewed, Subject, in_a_document, in_no_document};
use crate::id::{Barcode, EntryId, NodeKey};
use crate::results::Reading;

/// A key of a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A registration made in this tube.
    Registered(EntryId),
    /// A tube packed in this box.
    Packed(Barcode),
    /// A fact that changes no register.
    Note(EntryId),
    /// Who opened the tube, for how many.
    Open,
    /// The seal.
    Seal,
    /// The transport box the tube is in.
    Transport,
    /// The last hand-over of the box.
    HandOver,
    /// Arrival at a laboratory.
    Received,
    /// What one laboratory read.
    Reading(NodeKey),
    /// What a person decided between laboratories.
    Decision,
    /// That a registration does not count.
    Void(EntryId),
    /// Which tube a registration is in.
    Moved(EntryId),
    /// A field of a registration.
    Amended(EntryId, Field),
}

/// The text is not a key of a document as [`Key`] prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key of a tube's or a box's document")]
pub struct NotAKey;

/// The value of `seal` of a tube that is filled again: no count, so no seal.
pub(super) const REOPENED: &str = "open";

const FIELDS: [(Field, &str); 4] =
    [(Field::Name, "name"), (Field::LastFour, "last-four"), (Field::Document, "document"), (Field::Remark, "remark")];

fn field_word(field: Field) -> &'static str {
    FIELDS.iter().find(|(known, _)| *known == field).map_or("", |(_, word)| word)
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registered(entry) => write!(f, "reg/{entry}"),
            Self::Packed(tube) => write!(f, "tube/{tube}"),
            Self::Note(entry) => write!(f, "note/{entry}"),
            Self::Open => f.write_str("open"),
            Self::Seal => f.write_str("seal"),
            Self::Transport => f.write_str("box"),
            Self::HandOver => f.write_str("handover"),
            Self::Received => f.write_str("received"),
            Self::Reading(lab) => write!(f, "result/{lab}"),
            Self::Decision => f.write_str("result"),
            Self::Void(entry) => write!(f, "void/{entry}"),
            Self::Moved(entry) => write!(f, "moved/{entry}"),
            Self::Amended(entry, field) => write!(f, "amend/{entry}/{}", field_word(*field)),
        }
    }
}

impl FromStr for Key {
    type Err = NotAKey;

    /// Accepts only what [`Key`] prints, so that one register has one name.
    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let (kind, rest) = text.split_once('/').map_or((text, None), |(kind, rest)| (kind, Some(rest)));
        let entry = |text: &str| text.parse::<EntryId>().map_err(|_| NotAKey);
        let key = match (kind, rest) {
            ("reg", Some(rest)) => Self::Registered(entry(rest)?),
            ("tube", Some(rest)) => Self::Packed(rest.parse().map_err(|_| NotAKey)?),
            ("note", Some(rest)) => Self::Note(entry(rest)?),
            ("open", None) => Self::Open,
            ("seal", None) => Self::Seal,
            ("box", None) => Self::Transport,
            ("handover", None) => Self::HandOver,
            ("received", None) => Self::Received,
            ("result", Some(rest)) => Self::Reading(rest.parse().map_err(|_| NotAKey)?),
            ("result", None) => Self::Decision,
            ("void", Some(rest)) => Self::Void(entry(rest)?),
            ("moved", Some(rest)) => Self::Moved(entry(rest)?),
            ("amend", Some(rest)) => {
                let (registration, word) = rest.split_once('/').ok_or(NotAKey)?;
                let (field, _) = FIELDS.iter().find(|(_, known)| *known == word).ok_or(NotAKey)?;
                Self::Amended(entry(registration)?, *field)
            }
            _ => return Err(NotAKey),
        };
        if key.to_string() == text { Ok(key) } else { Err(NotAKey) }
    }
}

impl Key {
    /// Whether later facts may write it again, so that writers may disagree about it.
    #[must_use]
    pub const fn is_register(&self) -> bool {
        !matches!(self, Self::Registered(_) | Self::Packed(_) | Self::Note(_))
    }

    /// Whether a value has the register's form; only such values are ever written.
    #[must_use]
    pub fn accepts(&self, value: &str) -> bool {
        match self {
            Self::Registered(_) | Self::Packed(_) | Self::Note(_) => false,
            Self::Open | Self::Seal => value.parse::<u8>().is_ok(),
            Self::Received => value.parse::<u16>().is_ok(),
            Self::Transport => value.parse::<Barcode>().is_ok_and(|barcode| barcode.as_str() == value),
            Self::HandOver => counted(value).is_some(),
            Self::Reading(_) | Self::Decision => value.parse::<Reading>().is_ok(),
            Self::Void(_) | Self::Amended(..) => true,
            Self::Moved(_) => passage(value).is_some(),
        }
    }
}

/// Splits the value of `handover`.
pub(super) fn counted(value: &str) -> Option<(u16, &str)> {
    let (count, to) = value.split_once(' ')?;
    Some((count.parse().ok()?, to))
}

/// Splits the value of `moved/ENTRY` into the tube left and the tube reached.
pub(super) fn passage(value: &str) -> Option<(Barcode, Barcode)> {
    let (from, to) = value.split_once('>')?;
    Some((from.parse().ok()?, to.parse().ok()?))
}

/// The register a review writes, if it names one and its value has that register's form.
fn reviewed(review: &Reviewed) -> Option<Key> {
    let key: Key = review.register.as_str().parse().ok()?;
    key.accepts(review.value.as_str()).then_some(key)
}

/// Puts the keys a fact writes in the document of `subject` in `keys`, rising; none if it says nothing about it.
pub(super) fn written(said: &DocumentFact, subject: &Subject, keys: &mut Vec<Key>) {
    keys.clear();
    let in_tube = |tube: &Barcode| matches!(subject, Subject::Tube(this) if this == tube);
    let in_box = |transport: &Barcode| matches!(subject, Subject::Box(this) if this == transport);
    match &said.fact {
        Fact::Opened(opened) if in_tube(&opened.tube) => keys.push(Key::Open),
        Fact::Registered(registered) if in_tube(&registered.tube) => keys.push(Key::Registered(said.id)),
        Fact::Voided(voided) if in_tube(&voided.tube) => keys.push(Key::Void(voided.registration)),
        Fact::Amended(amended) if in_tube(&amended.tube) => {
            keys.push(Key::Amended(amended.registration, amended.field));
        }
        Fact::Moved(moved) if in_tube(&moved.from) || in_tube(&moved.to) => {
            if moved.registrations.is_empty() {
                keys.push(Key::Note(said.id));
            }
            keys.extend(moved.registrations.iter().copied().map(Key::Moved));
            keys.sort_unstable();
            keys.dedup();
        }
        Fact::Sealed(sealed) if in_tube(&sealed.tube) => keys.push(Key::Seal),
        Fact::Reopened(reopened) if in_tube(&reopened.tube) => keys.push(Key::Seal),
        Fact::Packed(packed) if in_tube(&packed.tube) => keys.push(Key::Transport),
        Fact::Packed(packed) if in_box(&packed.transport) => keys.push(Key::Packed(packed.tube.clone())),
        Fact::HandedOver(handed) if in_box(&handed.transport) => keys.push(Key::HandOver),
        Fact::Received(received) if received.subject == *subject => keys.push(Key::Received),
        Fact::Reported(reported) if in_tube(&reported.tube) => keys.push(Key::Reading(said.writer)),
        Fact::Corrected(corrected) if in_tube(&corrected.tube) => keys.push(Key::Reading(said.writer)),
        Fact::Reviewed(review) if review.subject == *subject => {
            keys.push(reviewed(review).unwrap_or(Key::Note(said.id)));
        }
        in_a_document!() | in_no_document!() => {}
    }
}

/// The value a fact gives to the keys it writes as `key`.
pub(super) fn value(fact: &Fact, key: &Key) -> String {
    match fact {
        Fact::Opened(opened) => opened.pool.to_string(),
        Fact::Registered(registered) => registered.person.to_string(),
        // An empty value means "counts after all", which only a review may say.
        Fact::Voided(voided) if voided.reason.is_empty() => "voided".to_owned(),
        Fact::Voided(voided) => voided.reason.to_string(),
        Fact::Amended(amended) => amended.value.to_string(),
        Fact::Moved(moved) if matches!(key, Key::Moved(_)) => format!("{}>{}", moved.from, moved.to),
        Fact::Sealed(sealed) => sealed.count.to_string(),
        Fact::Reopened(_) => REOPENED.to_owned(),
        Fact::Packed(packed) if *key == Key::Transport => packed.transport.to_string(),
        Fact::Packed(_) => "packed".to_owned(),
        Fact::HandedOver(handed) => format!("{} {}", handed.count, handed.to),
        Fact::Received(received) => received.count.to_string(),
        Fact::Reported(reported) => Reading { outcome: reported.outcome, stage: reported.stage }.to_string(),
        Fact::Corrected(corrected) => Reading::corrected(corrected.outcome).to_string(),
        Fact::Reviewed(review) if key.is_register() => review.value.to_string(),
        Fact::Reviewed(review) => review.register.to_string(),
        Fact::Moved(_) | in_no_document!() => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::Remark;
    use crate::id::{FeedId, SeqNo};
    use crate::text::Text;

    fn entry() -> EntryId {
        EntryId { feed: FeedId([0xab; 16]), seq: SeqNo(u64::MAX) }
    }

    #[test]
    fn every_key_reads_back_and_every_register_fits_a_review() {
        let keys = [
            Key::Registered(entry()),
            Key::Packed("T-1".parse().unwrap()),
            Key::Note(entry()),
            Key::Open,
            Key::Seal,
            Key::Transport,
            Key::HandOver,
            Key::Received,
            Key::Reading(NodeKey([7; 32])),
            Key::Decision,
            Key::Void(entry()),
            Key::Moved(entry()),
            Key::Amended(entry(), Field::LastFour),
        ];
        for key in keys {
            assert_eq!(key.to_string().parse(), Ok(key.clone()));
            assert!(Text::<80>::new(key.to_string()).is_ok(), "{key}");
        }
    }

    #[test]
    fn a_register_has_one_name() {
        assert_eq!("void/AB:1".parse::<Key>(), Err(NotAKey));
        let upper = format!("void/{}:1", "AB".repeat(16));
        assert_eq!(upper.parse::<Key>(), Err(NotAKey));
        assert_eq!(format!("void/{}:+1", "ab".repeat(16)).parse::<Key>(), Err(NotAKey));
        assert_eq!("seal/".parse::<Key>(), Err(NotAKey));
    }

    #[test]
    fn a_review_of_a_registration_itself_is_only_noted() {
        let review = |register: &str, value: &str| DocumentFact {
            id: entry(),
            writer: NodeKey([1; 32]),
            stamp: crate::time::Stamp(0),
            fact: Reviewed {
                subject: Subject::Tube("T-1".parse().unwrap()),
                register: Text::new(register).unwrap(),
                value: Text::new(value).unwrap(),
                reason: Remark::default(),
                operator: Text::default(),
                seen: None,
            }
            .into(),
        };
        let keys = |said: &DocumentFact| {
            let mut keys = Vec::new();
            written(said, &Subject::Tube("T-1".parse().unwrap()), &mut keys);
            keys
        };
        assert_eq!(keys(&review(&format!("reg/{}", entry()), "x")), [Key::Note(entry())]);
        assert_eq!(keys(&review("seal", "many")), [Key::Note(entry())]);
        assert_eq!(keys(&review("seal", "12")), [Key::Seal]);
    }
}
