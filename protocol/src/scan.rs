//! Step 1, scan: what a scanner, an input method or a clipboard delivers becomes text that can be judged.

use unicode_normalization::UnicodeNormalization;

use crate::limits::{CODE_CHARS_MAX, SCAN_BYTES_MAX};

/// One scan, folded: NFKC, upper case, no controls or spaces at the ends, inner spaces kept.
///
/// A base45 text never begins or ends with a space, and contains one in 97 of 100 codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanned {
    text: String,
    overlong: bool,
}

impl Scanned {
    /// Folds one scan. Of a longer text than [`SCAN_BYTES_MAX`] bytes only the beginning is kept, and it is overlong.
    #[must_use]
    pub fn from_text(raw: &str) -> Self {
        let raw = raw.trim_matches(is_edge);
        let (raw, cut) = match raw.get(..floor_char_boundary(raw, SCAN_BYTES_MAX)) {
            Some(head) if head.len() < raw.len() => (head, true),
            _ => (raw, false),
        };
        let text = if raw.is_ascii() {
            raw.to_ascii_uppercase()
        } else {
            let folded: String = raw.nfkc().flat_map(char::to_uppercase).collect();
            folded.trim_matches(is_edge).to_owned()
        };
        let overlong = cut || text.chars().nth(CODE_CHARS_MAX).is_some();
        Self { text, overlong }
    }

    /// Folds one scan of bytes; what is not UTF-8 becomes a replacement character, which no code contains.
    #[must_use]
    pub fn from_bytes(raw: &[u8]) -> Self {
        Self::from_text(&String::from_utf8_lossy(raw))
    }

    /// The folded text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the text has more than [`CODE_CHARS_MAX`] characters.
    #[must_use]
    pub const fn is_overlong(&self) -> bool {
        self.overlong
    }
}

/// Collects what a keyboard-wedge scanner types, piece by piece, until Enter or Tab.
///
/// Holds at most [`SCAN_BYTES_MAX`] bytes and one; what follows is dropped until the end of that scan, which then
/// is overlong, so a scanner that never sends Enter costs no memory and its scan is still answered.
#[derive(Debug, Default)]
pub struct KeystrokeBuffer {
    bytes: Vec<u8>,
}

impl KeystrokeBuffer {
    /// Takes one byte; returns the scan that it ends. An end with nothing before it ends nothing (CR LF).
    pub fn push(&mut self, byte: u8) -> Option<Scanned> {
        if !matches!(byte, b'\r' | b'\n' | b'\t') {
            if self.bytes.len() <= SCAN_BYTES_MAX {
                self.bytes.push(byte);
            }
            return None;
        }
        let scanned = (!self.bytes.is_empty()).then(|| Scanned::from_bytes(&self.bytes));
        self.bytes.clear();
        scanned
    }

    /// Takes a piece of any length; returns the scans that end in it, in order.
    pub fn extend(&mut self, piece: &[u8]) -> Vec<Scanned> {
        piece.iter().filter_map(|byte| self.push(*byte)).collect()
    }

    /// Forgets an unfinished scan, as when the field loses the focus.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }
}

/// What is cut off at both ends: controls, spaces, and the invisible marks that copying from a page adds.
fn is_edge(c: char) -> bool {
    c.is_control()
        || c.is_whitespace()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}')
}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_input_methods_do_to_a_text_is_undone() {
        for raw in ["HS1:A B", "hs1:a b", "ＨＳ１：ａ　Ｂ", "\u{feff}HS1:A B\r\n", "\tHS1:A B \u{200b}"] {
            assert_eq!(Scanned::from_text(raw).text(), "HS1:A B", "{raw:?}");
        }
        assert_eq!(Scanned::from_text("A  B").text(), "A  B");
    }

    #[test]
    fn a_text_is_overlong_from_one_character_more_than_a_code_has() {
        assert!(!Scanned::from_text(&"A".repeat(CODE_CHARS_MAX)).is_overlong());
        assert!(!Scanned::from_text(&"Ａ".repeat(CODE_CHARS_MAX)).is_overlong());
        assert!(Scanned::from_text(&"A".repeat(CODE_CHARS_MAX + 1)).is_overlong());
        let endless = Scanned::from_text(&"Ａ".repeat(1_000_000));
        assert!(endless.is_overlong() && endless.text().len() <= SCAN_BYTES_MAX);
    }

    #[test]
    fn a_scan_in_pieces_ends_with_enter_or_tab() {
        let mut keys = KeystrokeBuffer::default();
        assert_eq!(keys.extend(b"hs1:"), []);
        let scans = keys.extend(b"a b\r\nhs1:c\tHS");
        assert_eq!(scans.iter().map(Scanned::text).collect::<Vec<_>>(), ["HS1:A B", "HS1:C"]);
        keys.clear();
        assert_eq!(keys.push(b'\n'), None);
    }

    #[test]
    fn a_scanner_that_never_sends_enter_costs_no_memory_and_is_answered() {
        let mut keys = KeystrokeBuffer::default();
        assert_eq!(keys.extend(&[b'7'; 100_000]), []);
        assert!(keys.bytes.len() <= SCAN_BYTES_MAX + 1);
        assert!(keys.push(b'\r').is_some_and(|scanned| scanned.is_overlong()));
        assert_eq!(keys.extend(b"8\r"), [Scanned::from_text("8")]);
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(raw in "\\PC{0,60}") {
            let once = Scanned::from_text(&raw);
            let twice = Scanned::from_text(once.text());
            // Upper case can open a new composition ('ΐ'); codes are ASCII, where it cannot.
            prop_assert!(!once.text().is_ascii() || once == twice);
        }

        #[test]
        fn hostile_bytes_never_panic(raw in proptest::collection::vec(any::<u8>(), 0..6_000)) {
            prop_assert!(Scanned::from_bytes(&raw).text().len() <= 18 * SCAN_BYTES_MAX);
        }
    }
}
