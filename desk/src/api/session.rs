//! Signing in and out, the lock, and who may.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use swabmesh_node::clock;
use swabmesh_node::http::body::{Body, Named};
use swabmesh_node::http::problem::Problem;
use swabmesh_node::page::operators::{Duty, OperatorsError, Person, Pin};
use swabmesh_node::page::secret::Csrf;
use swabmesh_protocol::fact::{Operator, Role};

use crate::Pages;
use crate::guard::{AnySession, SignedIn};
use crate::sessions::{SESSION_S_MAX, Shown};

/// What the page must know before it shows anything.
#[derive(Debug, Serialize)]
pub(super) struct Situation {
    /// `setup`, `signed-out`, `locked` or `open`.
    state: &'static str,
    site: String,
    role: Role,
    /// Who may sign in; a tablet's keyboard is slow, a name is tapped.
    operators: Vec<Person>,
    operator: Option<Operator>,
    duty: Option<Duty>,
    csrf: Option<Csrf>,
}

fn situation(pages: &Pages, shown: Option<&Shown>) -> Result<Situation, Problem> {
    let operators = pages.operators.list()?;
    let person = shown.and_then(|shown| operators.iter().find(|person| person.name == shown.operator)).cloned();
    let state = match (&person, shown) {
        _ if operators.is_empty() => "setup",
        (Some(_), Some(shown)) if shown.locked => "locked",
        (Some(_), Some(_)) => "open",
        _ => "signed-out",
    };
    let snapshot = pages.shell.node().snapshot();
    Ok(Situation {
        state,
        site: snapshot.core.name.clone(),
        role: snapshot.core.role,
        csrf: person.as_ref().and(shown).map(|shown| shown.csrf.clone()),
        operator: person.as_ref().map(|person| person.name.clone()),
        duty: person.map(|person| person.duty),
        operators,
    })
}

pub(super) async fn show(
    State(pages): State<Pages>,
    AnySession(shown): AnySession,
) -> Result<Json<Situation>, Problem> {
    Ok(Json(situation(&pages, shown.as_ref())?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    operator: Operator,
    pin: String,
}

/// Checks name and PIN on a thread that may take its time.
async fn check(pages: &Pages, operator: Operator, pin: String) -> Result<Person, Problem> {
    let operators = pages.operators.clone();
    let checked = tokio::task::spawn_blocking(move || operators.sign_in(&operator, &pin, clock::wall())).await;
    let checked = checked.map_err(|panicked| Problem::internal(&panicked))?;
    Ok(checked?)
}

fn begin(pages: &Pages, operator: Operator) -> Result<Response, Problem> {
    let now = clock::wall();
    let cookie = pages.sessions.begin(operator, now).map_err(|error| Problem::internal(&error))?;
    let shown = pages.sessions.show(&cookie, now, true);
    let answer = Json(situation(pages, shown.as_ref())?);
    Ok(([(header::SET_COOKIE, pages.cookie.set(&cookie, SESSION_S_MAX, false))], answer).into_response())
}

pub(super) async fn sign_in(
    State(pages): State<Pages>,
    AnySession(before): AnySession,
    Body(SignIn { operator, pin }): Body<SignIn>,
) -> Result<Response, Problem> {
    let person = check(&pages, operator, pin).await?;
    if let Some(before) = before {
        pages.sessions.end(&before);
    }
    tracing::info!(operator = %person.name, "signed in");
    begin(&pages, person.name)
}

pub(super) async fn sign_out(State(pages): State<Pages>, AnySession(shown): AnySession) -> Result<Response, Problem> {
    if let Some(shown) = shown {
        pages.sessions.end(&shown);
    }
    let answer = Json(situation(&pages, None)?);
    Ok(([(header::SET_COOKIE, pages.cookie.drop())], answer).into_response())
}

pub(super) async fn lock(
    State(pages): State<Pages>,
    AnySession(shown): AnySession,
) -> Result<Json<Situation>, Problem> {
    let locked = shown.map(|shown| pages.sessions.set_locked(shown, true, clock::wall()));
    Ok(Json(situation(&pages, locked.as_ref())?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unlock {
    pin: String,
}

pub(super) async fn unlock(
    State(pages): State<Pages>,
    AnySession(shown): AnySession,
    Body(Unlock { pin }): Body<Unlock>,
) -> Result<Json<Situation>, Problem> {
    let Some(shown) = shown else { return Ok(Json(situation(&pages, None)?)) };
    check(&pages, shown.operator.clone(), pin).await?;
    let unlocked = pages.sessions.set_locked(shown, false, clock::wall());
    Ok(Json(situation(&pages, Some(&unlocked))?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FirstSupervisor {
    code: String,
    operator: Operator,
    pin: String,
}

pub(super) async fn set_up(
    State(pages): State<Pages>,
    AnySession(_): AnySession,
    Body(FirstSupervisor { code, operator, pin }): Body<FirstSupervisor>,
) -> Result<Response, Problem> {
    let pin = Pin::new(&pin).map_err(OperatorsError::from)?;
    pages.setup.finish(&pages.operators, &code, &operator, &pin)?;
    begin(&pages, operator)
}

pub(super) async fn operators(State(pages): State<Pages>, who: SignedIn) -> Result<Json<Vec<Person>>, Problem> {
    who.supervisor()?;
    Ok(Json(pages.operators.list()?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOperator {
    name: Operator,
    duty: Duty,
    pin: String,
}

pub(super) async fn add_operator(
    State(pages): State<Pages>,
    who: SignedIn,
    Body(NewOperator { name, duty, pin }): Body<NewOperator>,
) -> Result<Json<Vec<Person>>, Problem> {
    who.supervisor()?;
    let pin = Pin::new(&pin).map_err(OperatorsError::from)?;
    pages.operators.add(&name, duty, &pin)?;
    tracing::info!(by = %who.operator, operator = %name, "an operator was added");
    Ok(Json(pages.operators.list()?))
}

pub(super) async fn remove_operator(
    State(pages): State<Pages>,
    who: SignedIn,
    Named(name): Named<Operator>,
) -> Result<Json<Vec<Person>>, Problem> {
    who.supervisor()?;
    pages.operators.remove(&name)?;
    tracing::info!(by = %who.operator, operator = %name, "an operator was removed");
    Ok(Json(pages.operators.list()?))
}

pub(super) async fn reset_pin(
    State(pages): State<Pages>,
    who: SignedIn,
    Named(name): Named<Operator>,
    Body(Unlock { pin }): Body<Unlock>,
) -> Result<Json<Vec<Person>>, Problem> {
    // Everybody changes their own; a supervisor anybody's.
    if name != who.operator {
        who.supervisor()?;
    }
    let pin = Pin::new(&pin).map_err(OperatorsError::from)?;
    pages.operators.reset(&name, &pin)?;
    Ok(Json(pages.operators.list()?))
}
