//! Signing in: a document and the name it was registered with.
//!
//! This stands where a city plugs in its identity service: whatever answers [`recognise`] with a person decides who is let in.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use swabmesh_node::clock;
use swabmesh_node::http::body::Body;
use swabmesh_node::http::problem::Problem;
use swabmesh_node::page::guard::signed_out;
use swabmesh_node::page::secret::Csrf;
use swabmesh_node::page::sessions::Session;
use swabmesh_protocol::id::Person;
use swabmesh_protocol::time::Wall;

use super::Page;
use super::guard::{AnySession, COOKIE, Caller, SESSION_S};
use super::tries::By;
use crate::office::ProblemOf;
use crate::residents::{Named, ResidentError, whose};

/// Who somebody says they are.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Proof {
    /// Type of document, 1 to 9.
    #[serde(rename = "type")]
    pub(super) document: u8,
    /// Its number.
    pub(super) number: String,
    /// Full name.
    pub(super) name: String,
}

/// Somebody who is signed in, as their page shows them.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    /// Masked name.
    name: String,
    /// Type of document.
    #[serde(rename = "type")]
    document: u8,
    /// Its last four characters.
    last_four: String,
    /// Goes into a header of every request that changes something.
    csrf: Csrf,
    /// The authority's time; a phone's clock may be wrong.
    now: Wall,
}

/// Finds out who somebody is. An unknown document and a wrong name are answered alike.
///
/// # Errors
/// A [`Problem`]: not recognised, or too many tries.
pub(super) async fn recognise(page: &Page, proof: Proof, by: &[By], why: &'static str) -> Result<Person, ProblemOf> {
    let named = Named { person: None, document: Some(proof.document), number: Some(proof.number) };
    let person = whose(&page.office.shell, &named)?;
    let counted = [by, &[By::Person(person)]].concat();
    page.tries.begin(&counted, clock::wall()).map_err(too_many)?;
    let residents = page.office.residents.clone();
    let looked = tokio::task::spawn_blocking(move || residents.look(person, "the resident's page", why));
    let held = match looked.await.map_err(|panicked| Problem::internal(&panicked))? {
        Ok(details) => folded(details.name.expose()),
        Err(ResidentError::Unknown) => String::new(),
        Err(error) => return Err(error.into()),
    };
    if held.is_empty() || held != folded(&proof.name) {
        let detail = "no resident is registered with this document and this name";
        let what_to_do = "Check both; whoever is not registered yet goes to any sampling site or service centre.";
        return Err(Problem::new(StatusCode::FORBIDDEN, "not-recognised", detail, what_to_do).into());
    }
    page.tries.right(&counted);
    Ok(person)
}

fn too_many(wait_s: u64) -> Problem {
    let detail = "too many wrong tries";
    let what_to_do = format!("Wait {} minutes; a sampling site registers anybody without a code.", wait_s.div_ceil(60));
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-tries", detail, what_to_do)
}

/// A name without what people type differently: spaces, dots between parts, case.
fn folded(name: &str) -> String {
    let kept = name.chars().filter(|c| !c.is_whitespace() && !matches!(c, '·' | '•' | '・' | '.'));
    kept.flat_map(char::to_uppercase).collect()
}

async fn shown(page: &Page, Session { who, csrf }: Session<Person>) -> Result<Shown, ProblemOf> {
    let residents = page.office.residents.clone();
    let resident = tokio::task::spawn_blocking(move || residents.get(who));
    let resident = resident.await.map_err(|panicked| Problem::internal(&panicked))??;
    let resident = resident.ok_or_else(signed_out)?;
    let (name, document, last_four) = (resident.name, resident.document, resident.last_four);
    Ok(Shown { name, document, last_four, csrf, now: clock::wall() })
}

pub(super) async fn begin(
    State(page): State<Page>,
    caller: Caller,
    Body(proof): Body<Proof>,
) -> Result<Response, ProblemOf> {
    let from = [By::address(caller.address)];
    let person = recognise(&page, proof, &from, "compares the name at signing in").await?;
    let now = Instant::now();
    let secret = page.sessions.begin(person, now).map_err(|error| Problem::internal(&error))?;
    let session = page.sessions.show(&secret, now).ok_or_else(signed_out)?;
    let cookie = COOKIE.set(&secret, SESSION_S, caller.encrypted);
    Ok(([(header::SET_COOKIE, cookie)], Json(shown(&page, session).await?)).into_response())
}

pub(super) async fn show(State(page): State<Page>, AnySession(session): AnySession) -> Result<Response, ProblemOf> {
    let Some(session) = session else {
        // Not an error: the page asks whether somebody is signed in.
        return Ok(Json(serde_json::json!({ "now": clock::wall() })).into_response());
    };
    Ok(Json(shown(&page, session).await?).into_response())
}

pub(super) async fn end(State(page): State<Page>, AnySession(session): AnySession, headers: HeaderMap) -> Response {
    // Without a session there is nothing to end, and no token to show.
    if let (Some(_), Some(secret)) = (session, COOKIE.shown(&headers)) {
        page.sessions.end(secret);
    }
    std::future::ready((StatusCode::NO_CONTENT, [(header::SET_COOKIE, COOKIE.drop())]).into_response()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_however_its_parts_are_set() {
        assert_eq!(folded("迪丽·热巴"), folded(" 迪丽 热巴"));
        assert_eq!(folded("Anna Eriksson"), folded("ANNA  ERIKSSON"));
        assert_ne!(folded("王芳"), folded("王方"));
    }
}
