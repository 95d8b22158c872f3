//! Folding: what scanners, input methods and people do to the same number.

use unicode_normalization::UnicodeNormalization;

/// Folds a number: NFKC, upper case, then no spaces, hyphens or invisible characters at all.
#[must_use]
pub fn fold_number(text: &str) -> String {
    let folded: String = fold(text).filter(|&c| !is_line_end(c)).collect();
    // What was dropped may have stood between a letter and its mark (U+0384): they meet now.
    folded.nfkc().collect()
}

/// Folds a machine-readable zone like [`fold_number`] and returns its lines, which may be a single one.
#[must_use]
pub fn fold_lines(text: &str) -> Vec<String> {
    let folded: String = fold(text).collect::<String>().nfkc().collect();
    folded.split(is_line_end).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Composes a name: NFKC, controls dropped, runs of spaces as one, nothing at the ends. Keeps the case.
#[must_use]
pub fn fold_name(text: &str) -> String {
    let composed: String = text.nfkc().filter(|&c| !is_invisible(c)).collect();
    composed.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn fold(text: &str) -> impl Iterator<Item = char> {
    // Upper-casing can leave a letter and its mark apart (U+0390): the second pass joins them again.
    text.nfkc()
        .flat_map(char::to_uppercase)
        .nfkc()
        .filter(|&c| is_line_end(c) || !(c.is_whitespace() || is_hyphen(c) || is_invisible(c)))
}

const fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r')
}

/// Hyphens and dashes that keyboards and word processors put between groups of digits.
const fn is_hyphen(c: char) -> bool {
    matches!(c, '-' | '\u{ad}' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// Controls, direction marks and zero-width characters: chat programs add them to a copied number.
fn is_invisible(c: char) -> bool {
    (c.is_control() && !is_space_control(c))
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

const fn is_space_control(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_mark_that_a_space_kept_apart_is_joined_at_once() {
        let once = fold_number("º\u{384}");
        assert_eq!(fold_number(&once), once);
    }

    #[test]
    fn full_width_digits_spaces_and_hyphens_fold_to_one_number() {
        for text in ["１１０１０５１９", "110105 19", "1101\u{2013}05-19\r\n", "\u{202d}11010519\u{202c}"] {
            assert_eq!(fold_number(text), "11010519", "{text:?}");
        }
    }

    #[test]
    fn lines_of_a_zone_survive_any_line_end() {
        assert_eq!(fold_lines("p<uto\r\nl8989 \n\n"), ["P<UTO", "L8989"]);
    }

    #[test]
    fn names_keep_their_case_and_lose_what_cannot_be_seen() {
        assert_eq!(fold_name("  Anna\t Maria\u{200b} \u{7}"), "Anna Maria");
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(text in "[\\PC ]{0,24}") {
            let once = fold_number(&text);
            prop_assert_eq!(fold_number(&once), once);
        }
    }
}
