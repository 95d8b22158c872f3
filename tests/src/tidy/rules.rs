//! Rules of the mission and the tests that hold them.

use super::Broken;
use crate::repository::Source;

/// Where rules are matched with tests.
const DOCUMENT: &str = "docs/rules.md";
/// Letters of the rules, and how many there are of each. D1 to D6 share a line.
const RULES: [(char, usize); 7] = [('C', 9), ('D', 9), ('R', 7), ('T', 5), ('N', 7), ('A', 3), ('P', 4)];

/// Finds tests that the document names and that are not there, and rules that it does not speak of.
#[must_use]
pub fn unheld(sources: &[Source]) -> Vec<Broken> {
    let Some(document) = sources.iter().find(|source| source.path == DOCUMENT) else { return Vec::new() };
    let gone = named(&document.text).filter(|(path, test)| !is_test(sources, path, test));
    let mut broken: Vec<Broken> =
        gone.map(|(path, test)| Broken::new(document, format!("no test {test} in {path}.rs"))).collect();
    broken.extend(unspoken(&document.text).map(|rule| Broken::new(document, format!("no line for {rule}"))));
    broken
}

/// Each `path::test` between backticks.
fn named(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('`').skip(1).step_by(2).filter_map(|code| code.split_once(".rs::"))
}

fn is_test(sources: &[Source], path: &str, test: &str) -> bool {
    let path = format!("{path}.rs");
    let Some(file) = sources.iter().find(|source| source.path == path) else { return false };
    let begins = format!("fn {test}(");
    let lines: Vec<&str> = file.text.lines().map(str::trim_start).collect();
    let is_begin = |line: &&str| line.trim_start_matches("async ").starts_with(&begins);
    let Some(at) = lines.iter().position(is_begin) else { return false };
    let before = lines.get(..at).unwrap_or_default().iter().rev();
    before.take_while(|line| line.starts_with("#[")).any(|line| line.contains("test"))
}

fn unspoken(text: &str) -> impl Iterator<Item = String> {
    let lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next()).collect();
    let speaks = move |letter: char, number: usize| {
        lines.iter().any(|line| {
            let of = |part: &str| part.strip_prefix(letter)?.parse::<usize>().ok();
            match line.split_once('–') {
                Some((from, to)) => of(from).zip(of(to)).is_some_and(|(from, to)| (from..=to).contains(&number)),
                None => of(line) == Some(number),
            }
        })
    };
    let all = RULES.iter().flat_map(|(letter, count)| (1..=*count).map(|number| (*letter, number)));
    all.filter(move |(letter, number)| !speaks(*letter, *number)).map(|(letter, number)| format!("{letter}{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_not_there_and_a_rule_without_a_line_are_found() {
        let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
        let tests = "| C1 | x | `a.rs::held`, `a.rs::gone`, `b.rs::held` |\n| C2–C9 | x |\n| D1–D9 | x |\n";
        let text = [tests, "| R1–R7 | x |\n| T1–T5 | x |\n| N1–N7 | x |\n| A1–A3 | x |\n| P1–P3 | x |\n"].concat();
        let tree = [source(DOCUMENT, &text), source("a.rs", "#[test]\nfn held() {}\n"), source("b.rs", "fn held() {}")];
        let found: Vec<String> = unheld(&tree).into_iter().map(|broken| broken.what).collect();
        assert_eq!(found, ["no test gone in a.rs", "no test held in b.rs", "no line for P4"]);
    }
}
