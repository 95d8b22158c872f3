//! Words that must not stand in the repository: loose ends, places of one machine, numbers of real people.

use std::collections::BTreeSet;

use swabmesh_protocol::document::age::day_in_shanghai;
use swabmesh_protocol::document::{DocumentType, check};
use swabmesh_protocol::time::Wall;

use super::Broken;
use crate::repository::Source;

/// Loose ends. Taken apart here so that this file does not find itself.
const LOOSE_ENDS: [&str; 4] =
    [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("to", "do!("), concat!("unimplemen", "ted!(")];

/// Directories of one machine, and hosts that a package manager is configured with, never a file of ours.
const PLACES: [&str; 8] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("py", "pi.org"),
    concat!("pythonhos", "ted"),
];

/// Where every dependency of a lock file comes from.
const REGISTRY: &str = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";

/// The file whose numbers are published examples or made up on purpose.
pub const PUBLISHED: &str = "protocol/tests/vectors/documents.json";

/// A day after every date in a fixture: 1 January 2100, so that no number passes for being in the future.
const LATE_S: u64 = 4_102_444_800;

/// Finds loose ends and places of one machine.
#[must_use]
pub fn banned(sources: &[Source]) -> Vec<Broken> {
    let mut broken = Vec::new();
    for source in sources {
        for (at, line) in source.text.lines().enumerate() {
            let found = LOOSE_ENDS.iter().chain(&PLACES).filter(|word| line.contains(**word));
            broken.extend(found.map(|word| Broken::new(source, format!("line {}: {word}", at + 1))));
        }
    }
    broken
}

/// Finds dependencies in lock files that come from anywhere but the public registry.
#[must_use]
pub fn registries(sources: &[Source]) -> Vec<Broken> {
    let locks = sources.iter().filter(|source| source.name() == "Cargo.lock");
    let foreign = |source: &'_ Source| -> Vec<Broken> {
        let lines = source.text.lines().filter(|line| line.starts_with("source = ") && *line != REGISTRY);
        lines.map(|line| Broken::new(source, line)).collect()
    };
    locks.flat_map(foreign).collect()
}

/// Finds numbers that pass for an identity card and stand in no published vector.
#[must_use]
pub fn numbers(sources: &[Source]) -> Vec<Broken> {
    let published = sources.iter().find(|source| source.path == PUBLISHED);
    let published: BTreeSet<String> =
        published.map(|source| candidates(&source.text).map(str::to_ascii_uppercase).collect()).unwrap_or_default();
    let today = day_in_shanghai(Wall::from_seconds(LATE_S));
    let mut broken = Vec::new();
    for source in sources {
        for number in candidates(&source.text).filter(|number| !published.contains(&number.to_ascii_uppercase())) {
            if check(DocumentType::IdentityCard, number, today).is_ok() {
                broken.push(Broken::new(source, format!("{number} could be somebody's")));
            }
        }
    }
    broken
}

/// Runs of 17 digits and a digit or X with nothing alphanumeric around them.
fn candidates(text: &str) -> impl Iterator<Item = &str> {
    let runs = text.split(|c: char| !c.is_ascii_alphanumeric());
    runs.filter(|run| {
        run.len() == 18
            && run.bytes().take(17).all(|byte| byte.is_ascii_digit())
            && run.ends_with(|last: char| last.is_ascii_digit() || matches!(last, 'x' | 'X'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn loose_ends_and_places_are_found_with_their_line() {
        let text = format!("fn main() {{\n    {}\n}} // {}\n", LOOSE_ENDS[2], PLACES[0]);
        let broken = banned(&[source("a/src/b.rs", &text)]);
        let lines: Vec<&str> = broken.iter().map(|broken| broken.what.split(':').next().unwrap()).collect();
        assert_eq!(lines, ["line 2", "line 3"]);
    }

    #[test]
    fn a_dependency_from_elsewhere_is_found() {
        let lock = format!("{REGISTRY}\nsource = \"git+https://example.invalid/x\"\n");
        assert_eq!(registries(&[source("Cargo.lock", &lock)]).len(), 1);
    }

    #[test]
    fn a_number_that_could_be_somebodys_is_found_unless_it_is_a_published_vector() {
        // A number with a right check digit is made here, so that none stands in this file.
        let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
        let digits = "31010119950607123";
        let sum: u32 = digits.bytes().zip(weights).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
        let number = format!("{digits}{}", "10X98765432".chars().nth(sum as usize % 11).unwrap());
        let fixture = source("a/src/b.rs", &format!("card(\"{number}\")"));
        assert_eq!(numbers(std::slice::from_ref(&fixture)).len(), 1);
        assert_eq!(numbers(&[fixture, source(PUBLISHED, &number)]), []);
        assert_eq!(numbers(&[source("a/src/b.rs", &format!("\"aa{number}\""))]), []);
    }
}
