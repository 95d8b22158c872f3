//! Codes: issued to residents and their relatives, and revoked.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use swabmesh_protocol::code::{Category, OfKind};
use swabmesh_protocol::command::{Command, Issue, Reply};
use swabmesh_protocol::document::age::AgeCategory;
use swabmesh_protocol::id::unhex;

use super::body::Body;
use super::problem::Problem;
use super::{Shell, unexpected};
use crate::api::{Done, IssueCode, IssuedCode, IssuedKind, RevokeCode};
use crate::intake::{Identified, IntakeError};
use crate::keys::draw;

pub(super) async fn issue(
    State(shell): State<Shell>,
    Body(body): Body<IssueCode>,
) -> Result<Json<IssuedCode>, Problem> {
    let identified = shell.intake().identify(&body.document)?;
    let of_kind = of_kind(&body, &identified)?;
    let Identified { person, name, last_four, document, .. } = identified;
    let command =
        Issue { person, name: name.clone(), document: document.number(), last_four: last_four.clone(), of_kind };
    match shell.command(Command::Issue(Box::new(command))).await? {
        Reply::Issued { text, code, expires_at, replaced } => {
            Ok(Json(IssuedCode { text, code, expires_at, replaced, person, name, last_four }))
        }
        Reply::Verdict(_) | Reply::Done { .. } | Reply::IssuedMany(_) => Err(unexpected()),
    }
}

/// What only the kind has, and whether the person may have it.
fn of_kind(body: &IssueCode, identified: &Identified) -> Result<OfKind, Problem> {
    let by_age = match identified.age {
        Some(AgeCategory::Minor) => Some(Category::Minor),
        Some(AgeCategory::Elder) => Some(Category::Elder),
        Some(AgeCategory::None) | None => None,
    };
    match body.kind {
        IssuedKind::Static => Ok(OfKind::Static),
        IssuedKind::Relative => {
            let guardian = identified.guardian.ok_or(IntakeError::Needed("the applicant, as guardian,"))?;
            let unable = body.unable_to_apply.then_some(Category::UnableToApply);
            let category = by_age.or(unable).ok_or_else(|| not_eligible(identified.age.is_some()))?;
            Ok(OfKind::Relative { guardian, category })
        }
        IssuedKind::Paper => {
            let serial = match body.serial {
                Some(serial) => serial,
                None => u64::from(u32::from_be_bytes(draw().map_err(IntakeError::from)?)),
            };
            Ok(OfKind::Paper { category: by_age.unwrap_or(Category::UnableToApply), serial })
        }
        IssuedKind::Live => {
            let device = body.device.as_deref().ok_or(IntakeError::Needed("the phone's public key"))?;
            let device =
                unhex(device).map_err(|error| Problem::malformed(error.to_string(), "Send the phone's key."))?;
            Ok(OfKind::Live { device })
        }
    }
}

/// C4: no code without eligibility; the answer says which routes are open.
fn not_eligible(age_known: bool) -> Problem {
    let detail = if age_known {
        "a relative's code is for people under 18, from 60 on, or unable to apply"
    } else {
        "a relative's code needs the date of birth"
    };
    let routes = ["a paper code", "the identity card", "the number stated aloud"].map(str::to_owned).into();
    let what_to_do = "Give the date of birth, say that the person is unable to apply, or offer another way.";
    Problem { routes, ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "not-eligible", detail, what_to_do) }
}

pub(super) async fn revoke(State(shell): State<Shell>, Body(body): Body<RevokeCode>) -> Result<Json<Done>, Problem> {
    let RevokeCode { person, document, kind, reason } = body;
    let person = match (person, document) {
        (Some(person), None) => person,
        (None, Some(document)) => shell.intake().person(&document)?,
        (Some(_), Some(_)) | (None, None) => {
            let detail = "a code is revoked by person or by document";
            return Err(Problem::malformed(detail, "Send exactly one of `person` and `document`."));
        }
    };
    shell.done(Command::Revoke { person, kind: kind.into(), reason }).await
}

#[cfg(test)]
mod tests {
    use swabmesh_protocol::person::PersonKey;
    use swabmesh_protocol::time::Wall;

    use super::*;
    use crate::api::{DocumentEntry, GuardianEntry};
    use crate::intake::Intake;

    /// The example number of GB 11643-1999: born on the last day of 1949.
    const NUMBER: &str = "11010519491231002X";

    /// The day of issue, seconds since 1970 UTC, that makes them this old.
    #[derive(Clone, Copy)]
    enum Age {
        Adult = 315_532_800,
        Elder = 1_649_433_600,
    }

    fn ask(kind: IssuedKind, age: Age, change: impl FnOnce(&mut IssueCode)) -> Result<OfKind, Problem> {
        let guardian = GuardianEntry { document: Some(1), number: Some(NUMBER.to_owned()), ..GuardianEntry::default() };
        let document = DocumentEntry {
            document: 1,
            number: Some(NUMBER.to_owned()),
            name: Some("张三".to_owned()),
            guardian: Some(guardian),
            ..DocumentEntry::default()
        };
        let mut body = IssueCode { kind, document, unable_to_apply: false, serial: None, device: None };
        change(&mut body);
        let persons = PersonKey::new([9; 32]);
        let intake = Intake { persons: &persons, seal_to: None, now: Wall::from_seconds(age as u64) };
        of_kind(&body, &intake.identify(&body.document)?)
    }

    #[test]
    fn a_relatives_code_goes_to_elders_minors_and_people_unable_to_apply_only() {
        let relative = |age, unable| ask(IssuedKind::Relative, age, |body| body.unable_to_apply = unable);
        assert!(matches!(relative(Age::Elder, false), Ok(OfKind::Relative { category: Category::Elder, .. })));
        assert!(matches!(relative(Age::Adult, true), Ok(OfKind::Relative { category: Category::UnableToApply, .. })));
        let problem = relative(Age::Adult, false).unwrap_err();
        assert_eq!((problem.name(), problem.routes.len()), ("not-eligible", 3));
        let alone = ask(IssuedKind::Relative, Age::Elder, |body| body.document.guardian = None).unwrap_err();
        assert!(alone.detail.contains("guardian"), "{}", alone.detail);
    }

    #[test]
    fn a_live_credential_needs_the_phones_key_and_a_paper_code_gets_a_serial() {
        assert!(ask(IssuedKind::Live, Age::Adult, |_| {}).is_err());
        assert!(ask(IssuedKind::Live, Age::Adult, |body| body.device = Some("xyz".to_owned())).is_err());
        let live = ask(IssuedKind::Live, Age::Adult, |body| body.device = Some("07".repeat(32)));
        assert_eq!(live, Ok(OfKind::Live { device: [7; 32] }));
        let paper = ask(IssuedKind::Paper, Age::Adult, |body| body.serial = Some(5));
        assert_eq!(paper, Ok(OfKind::Paper { category: Category::UnableToApply, serial: 5 }));
        assert_eq!(ask(IssuedKind::Static, Age::Adult, |_| {}), Ok(OfKind::Static));
    }
}
