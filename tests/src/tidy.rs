//! The rules of the house that a machine can check. Each gives the places that break it.

pub mod files;
pub mod layers;
pub mod links;
pub mod rules;
pub mod words;

use crate::repository::Source;

/// A place that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The file, from the top.
    pub path: String,
    /// What is wrong there.
    pub what: String,
}

impl Broken {
    fn new(source: &Source, what: impl Into<String>) -> Self {
        Self { path: source.path.clone(), what: what.into() }
    }
}

/// The lines of a Rust file that are neither comment nor its tests, with their numbers from 1.
fn product_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let before_tests = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
    before_tests.enumerate().map(|(at, line)| (at + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
}
