//! Independent observers. Each knows one rule, watches the world from outside, and keeps its own books.

pub mod accepted;
pub mod agreement;
pub mod bounds;
pub mod histories;
pub mod receipts;
pub mod roles;

use crate::queue::At;

/// A rule that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// When it was seen.
    pub at: At,
    /// The rule.
    pub rule: &'static str,
    /// Where.
    pub node: String,
    /// What was seen.
    pub what: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { at, rule, node, what } = self;
        write!(f, "{} ms: {node}: {rule}: {what}", at.0)
    }
}
