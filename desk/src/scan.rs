//! What a scan is: a person's code, a tube's barcode, or a document that a reader typed.

use swabmesh_protocol::document::{DocumentType, check};
use swabmesh_protocol::id::Barcode;
use swabmesh_protocol::scan::Scanned;
use time::Date;

/// Characters of a barcode that a scan opens a tube with; shorter ones are typed on purpose.
const SCANNED_BARCODE_CHARS_MIN: usize = 3;

/// Characters of the shortest machine-readable line.
const ZONE_CHARS_MIN: usize = 30;

/// Documents whose number proves itself, so that a reader's typing is not taken for a barcode.
const SELF_PROVING: [DocumentType; 3] =
    [DocumentType::IdentityCard, DocumentType::ResidencePermit, DocumentType::ForeignerCard];

/// A scan, sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sorted {
    /// A person's code, or what only the core can name.
    Code,
    /// A tube.
    Tube(Barcode),
    /// A document of this type.
    Document(DocumentType),
}

/// Sorts a scan; the text itself stays as the scanner typed it.
pub(crate) fn sort(text: &str, today: Date) -> Sorted {
    let scanned = Scanned::from_text(text);
    let folded = scanned.text();
    if folded.contains('<') && folded.len() >= ZONE_CHARS_MIN {
        return Sorted::Document(DocumentType::Passport);
    }
    let proves = |document: &&DocumentType| folded.len() == 18 && check(**document, folded, today).is_ok();
    if let Some(document) = SELF_PROVING.iter().rev().find(proves) {
        return Sorted::Document(*document);
    }
    match folded.parse::<Barcode>() {
        // Words are no barcodes: a menu or a poster must not open a tube.
        Ok(barcode) if folded.len() >= SCANNED_BARCODE_CHARS_MIN && folded.bytes().any(|b| b.is_ascii_digit()) => {
            Sorted::Tube(barcode)
        }
        Ok(_) | Err(_) => Sorted::Code,
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn codes_tubes_and_documents_are_told_apart() {
        let today = date!(2022 - 04 - 09);
        let tube = |text: &str| Sorted::Tube(text.parse().unwrap());
        let zone = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10";
        for (text, expected) in [
            ("HS1:6BF OXN%TS3DH0YOJ58S", Sorted::Code),
            ("JKY:1234", Sorted::Code),
            ("https://example.org/1", Sorted::Code),
            ("MENU", Sorted::Code),
            ("", Sorted::Code),
            ("2204090017", tube("2204090017")),
            ("ｓｈ－００１", tube("SH-001")),
            ("11010519491231002X", Sorted::Document(DocumentType::IdentityCard)),
            ("110105194912310021", tube("110105194912310021")),
            (zone, Sorted::Document(DocumentType::Passport)),
        ] {
            assert_eq!(sort(text, today), expected, "{text}");
        }
    }
}
