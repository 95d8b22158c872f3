//! Soft rules: how the characters of a document are usually arranged.

use super::{Checked, DocumentType, Warning};

/// Usual arrangements of a document type: `A` a letter, `9` a digit, `*` either, any other character itself.
struct Usual {
    patterns: &'static [&'static str],
    in_words: &'static str,
}

/// The patterns are second-hand (service forms and guides), which is why they only warn.
const fn usual(document: DocumentType) -> Usual {
    match document {
        DocumentType::Passport => Usual {
            patterns: &["*", "**", "***", "****", "*****", "******", "*******", "********", "*********"],
            in_words: "up to 9 letters and digits",
        },
        DocumentType::HongKongMacauPermit => Usual {
            patterns: &["H99999999", "M99999999", "H9999999999", "M9999999999"],
            in_words: "H or M and 8 or 10 digits",
        },
        DocumentType::TaiwanPermit => {
            Usual { patterns: &["99999999", "**********"], in_words: "8 digits, or 10 letters and digits on old ones" }
        }
        DocumentType::ForeignerCard => Usual {
            patterns: &["AAA999999999999"],
            in_words: "18 digits beginning with 9, or 3 letters and 12 digits on old ones",
        },
        DocumentType::BirthCertificate => Usual { patterns: &["A999999999"], in_words: "a letter and 9 digits" },
        DocumentType::IdentityCard | DocumentType::ResidencePermit | DocumentType::Infant | DocumentType::Other => {
            Usual { patterns: &[], in_words: "no usual arrangement" }
        }
    }
}

/// Keeps the number, with a warning when no usual arrangement fits.
pub(super) fn judge(document: DocumentType, number: String) -> Checked {
    let Usual { patterns, in_words } = usual(document);
    let mut warnings = Vec::new();
    if !patterns.iter().any(|pattern| matches(&number, pattern)) {
        warnings.push(Warning::Shape { expected: in_words });
    }
    Checked { warnings, ..Checked::plain(document, number) }
}

/// Whether a folded text is arranged as the pattern says.
pub(super) fn matches(text: &str, pattern: &str) -> bool {
    let fits = |(c, place): (char, char)| match place {
        'A' => c.is_ascii_uppercase(),
        '9' => c.is_ascii_digit(),
        '*' => c.is_ascii_uppercase() || c.is_ascii_digit(),
        exact => c == exact,
    };
    text.chars().count() == pattern.chars().count() && text.chars().zip(pattern.chars()).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_the_usual_arrangement_leave_no_warning() {
        for (document, number) in [
            (DocumentType::Passport, "EA1234567"),
            (DocumentType::HongKongMacauPermit, "M1234567801"),
            (DocumentType::TaiwanPermit, "0012345678"),
            (DocumentType::ForeignerCard, "USA310112345678"),
            (DocumentType::BirthCertificate, "A123456789"),
        ] {
            assert_eq!(judge(document, number.to_owned()).warnings, [], "{document:?}");
        }
    }

    #[test]
    fn letters_outside_ascii_fit_no_place() {
        assert!(!matches("É12345678", "A99999999") && !matches("٣", "9") && !matches("一", "*"));
    }
}
