//! How a command ends: the exit codes of every command, stated here and nowhere else.

use std::process::ExitCode;

use swabmesh_node::api::Judged;
use swabmesh_protocol::verify::Verdict;

/// The exit codes, for `--help`.
pub(crate) const EXIT_CODES: &str = "Exit codes:
  0  done; of a registration: accepted, perhaps with a warning
  1  not done, or what was checked does not hold; the message says what to do
  2  the command line is wrong
  3  amber: nothing was registered yet, repeat with --reason to go on
  4  red: refused
Of several registrations the worst counts: 1, then 4, then 3.";

/// How a command ended that ran to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// Done, or accepted.
    Done,
    /// Amber, and a reason is needed to go on.
    NeedsReason,
    /// Red.
    Refused,
    /// What was asked for was checked and does not hold, or was not done.
    Failed,
}

impl Outcome {
    /// What a verdict means for the exit code.
    pub(crate) const fn of(judged: &Judged) -> Self {
        match judged.verdict.verdict {
            Verdict::Red => Self::Refused,
            Verdict::Amber if judged.verdict.registration.is_none() => Self::NeedsReason,
            Verdict::Amber | Verdict::Green => Self::Done,
        }
    }

    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::NeedsReason => 3,
            Self::Refused => 4,
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(outcome.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::verdict::fixture::judged;

    #[test]
    fn every_outcome_has_a_code_that_the_help_explains() {
        for outcome in [Outcome::Done, Outcome::Failed, Outcome::NeedsReason, Outcome::Refused] {
            assert!(EXIT_CODES.contains(&format!("\n  {}  ", outcome.code())), "{outcome:?}");
        }
        assert!([Outcome::Done, Outcome::NeedsReason, Outcome::Refused, Outcome::Failed].is_sorted());
    }

    #[test]
    fn an_amber_that_was_registered_is_done_and_one_that_waits_is_not() {
        assert_eq!(Outcome::of(&judged(Verdict::Green, true)), Outcome::Done);
        assert_eq!(Outcome::of(&judged(Verdict::Amber, true)), Outcome::Done);
        assert_eq!(Outcome::of(&judged(Verdict::Amber, false)), Outcome::NeedsReason);
        assert_eq!(Outcome::of(&judged(Verdict::Red, false)), Outcome::Refused);
    }
}
