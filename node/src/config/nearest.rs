//! What somebody probably meant who wrote something else.

/// Edits that still count as a slip of the fingers.
const EDITS_MAX: usize = 3;

/// The candidate with the fewest edits, if a slip explains them: at most three, and fewer than half the word.
pub(super) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = EDITS_MAX.min(word.chars().count() / 2);
    let measured = candidates.map(|candidate| (edits(word, candidate), candidate));
    measured.filter(|(edits, _)| *edits <= allowed).min().map(|(_, candidate)| candidate)
}

/// Characters to insert, remove or replace (Levenshtein), case ignored.
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, c) in one.to_lowercase().chars().enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        for (above, d) in row.iter_mut().skip(1).zip(&other) {
            let replaced = diagonal + usize::from(c != *d);
            diagonal = *above;
            left = replaced.min(left + 1).min(*above + 1);
            *above = left;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_another_word_does_not() {
        let keys = ["http_listen", "listen", "peers", "mdns"];
        assert_eq!(nearest("http_listn", keys.into_iter()), Some("http_listen"));
        assert_eq!(nearest("HTTP-LISTEN", keys.into_iter()), Some("http_listen"));
        assert_eq!(nearest("mdsn", keys.into_iter()), Some("mdns"));
        assert_eq!(nearest("colour", keys.into_iter()), None);
        assert_eq!(edits("kitten", "sitting"), 3);
    }
}
