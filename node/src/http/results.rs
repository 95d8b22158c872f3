//! Results: reported, corrected, reviewed; and the codes that open them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use swabmesh_protocol::code::Credential;
use swabmesh_protocol::command::Command;
use swabmesh_protocol::project::{code, issued};
use swabmesh_protocol::scan::Scanned;
use swabmesh_protocol::verify::{Knowledge, Reason, verify};
use swabmesh_protocol::view::{View, ViewError};

use super::body::Body;
use super::problem::Problem;
use super::{Shell, read};
use crate::api::{CorrectResult, Done, ReportResult, Review};
use crate::clock;

pub(super) async fn report(State(shell): State<Shell>, Body(body): Body<ReportResult>) -> Result<Json<Done>, Problem> {
    let ReportResult { tube, outcome, stage, operator } = body;
    shell.done(Command::Report { tube, outcome, stage, operator }).await
}

pub(super) async fn correct(
    State(shell): State<Shell>,
    Body(body): Body<CorrectResult>,
) -> Result<Json<Done>, Problem> {
    let CorrectResult { tube, outcome, reason, operator } = body;
    shell.done(Command::Correct { tube, outcome, reason, operator }).await
}

pub(super) async fn review(State(shell): State<Shell>, Body(body): Body<Review>) -> Result<Json<Done>, Problem> {
    let Review { subject, register, value, reason, operator } = body;
    shell.done(Command::Review { subject, register, value, reason, operator }).await
}

/// The code that is to open somebody's results: valid, and the newest of its kind that was issued (T4).
///
/// # Errors
/// A problem that names the reason the code was refused, or the node does not answer.
pub async fn opened(shell: &Shell, code: &str) -> Result<Credential, Problem> {
    let scanned = Scanned::from_text(code);
    let shown = shell.look(move |replica| judge(&scanned, replica.knowledge())).await??;
    let view = shell.node.view().clone();
    let stands = read(move || stands(&view, &shown).map(|stands| stands.then_some(shown))).await?;
    stands.ok_or_else(|| refused(Reason::Revoked))
}

/// Judges the code that is to open somebody's results.
fn judge(scanned: &Scanned, knowledge: &Knowledge) -> Result<Credential, Problem> {
    let verified = verify(clock::wall().seconds(), scanned, knowledge);
    verified.map(|verified| verified.credential().clone()).map_err(|error| refused(error.reason))
}

/// Whether the registry, which is newer than any list, holds this as the person's newest code of its kind.
fn stands<V: View>(view: &V, shown: &Credential) -> Result<bool, ViewError> {
    let revoked = code(view, &shown.cti)?.is_none_or(|record| record.revoked);
    Ok(!revoked && issued(view, &shown.person)?.iter().any(|newest| newest.code == shown.cti))
}

fn refused(reason: Reason) -> Problem {
    let what_to_do = "Show the newest code of the person whose results are asked for.";
    Problem::new(StatusCode::CONFLICT, reason.name(), format!("the code was refused: {}", reason.words()), what_to_do)
}

#[cfg(test)]
mod tests {
    use swabmesh_protocol::fact::Issued;
    use swabmesh_protocol::id::{CodeId, Person};

    use super::*;
    use crate::http::fixture::authority;

    #[test]
    fn a_text_that_is_no_valid_code_of_this_authority_tells_nothing() {
        let authority = authority();
        for (text, name) in [("hello", "not-a-code"), ("HS1:", "bad-encoding")] {
            let problem = judge(&Scanned::from_text(text), &authority.knowledge()).unwrap_err();
            assert_eq!((problem.status, problem.name()), (409, name));
        }
        let credential = authority.credential(Person([1; 16]), CodeId([2; 8]));
        assert_eq!(judge(&Scanned::from_text(&credential), &authority.knowledge()).unwrap().person, Person([1; 16]));
    }

    #[test]
    fn only_the_newest_code_that_was_not_revoked_stands() {
        let authority = authority();
        let issued = |code: u8, at: u64| Issued {
            person: Person([1; 16]),
            kind: 0,
            code: CodeId([code; 8]),
            list: 1,
            index: u32::from(code),
            issued_at: swabmesh_protocol::time::Wall(at),
            expires_at: swabmesh_protocol::time::Wall(at + 1),
            guardian: None,
        };
        let tables = authority.registry(&[issued(1, 1_000), issued(2, 2_000)], &[]);
        let shown = |code| {
            let text = authority.credential(Person([1; 16]), CodeId([code; 8]));
            judge(&Scanned::from_text(&text), &authority.knowledge()).unwrap()
        };
        assert!(!stands(&tables, &shown(1)).unwrap(), "a newer one was issued");
        assert!(stands(&tables, &shown(2)).unwrap());
        assert!(!stands(&tables, &shown(3)).unwrap(), "never issued");
        let tables = authority.registry(&[issued(2, 2_000)], &[CodeId([2; 8])]);
        assert!(!stands(&tables, &shown(2)).unwrap(), "revoked");
    }
}
