//! Relatives of whoever is signed in: applied for, their codes, ended (C4).

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use swabmesh_node::http::body::{Body, Named as InPath};
use swabmesh_node::http::problem::Problem;
use swabmesh_node::picture::sheet::SheetKind;
use swabmesh_protocol::id::Person;
use swabmesh_protocol::time::Wall;

use super::Page;
use super::codes::{self, Ask};
use super::guard::{Caller, SignedIn};
use super::sign_in::{Proof, recognise};
use super::tries::By;
use crate::office::ProblemOf;
use crate::registry::Rows;
use crate::relatives::http::{ByApplicant, WORDS_CHARS_MAX, approved, blocking, code_of, end_link};
use crate::relatives::{Application, Link, LinkError, LinkId, State as LinkState};
use crate::residents::Named;

/// A link, as its applicant sees it.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    link: LinkId,
    relation: String,
    /// Masked name of the relative.
    name: String,
    last_four: String,
    state: LinkState,
    since: Wall,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Apply {
    /// What they call them.
    relation: String,
    relative: Proof,
    /// The relative cannot apply, whatever their age.
    #[serde(default)]
    unable_to_apply: bool,
    /// A photograph of the household register, JPEG or PNG in base64; without it the electronic register is asked.
    #[serde(default)]
    photo: Option<String>,
}

const fn named(person: Person) -> Named {
    Named { person: Some(person), document: None, number: None }
}

async fn shown(page: &Page, links: Vec<Link>) -> Result<Vec<Shown>, ProblemOf> {
    let residents = page.office.residents.clone();
    let with_names = move || {
        let named = links.into_iter().map(|link| {
            let resident = residents.get(link.relative)?;
            let (name, last_four) = resident.map(|resident| (resident.name, resident.last_four)).unwrap_or_default();
            let Link { link, relation, state, since, reason, .. } = link;
            Ok(Shown { link, relation, name, last_four, state, since, reason })
        });
        named.collect::<Result<Vec<_>, LinkError>>()
    };
    blocking(with_names).await
}

pub(super) async fn list(State(page): State<Page>, SignedIn(person): SignedIn) -> Result<Json<Vec<Shown>>, ProblemOf> {
    let links = page.office.links.clone();
    let mut links = blocking(move || links.of(Rows::ByGuardian, person)).await?;
    links.sort_by_key(|link| std::cmp::Reverse(link.since));
    Ok(Json(shown(&page, links).await?))
}

pub(super) async fn apply(
    State(page): State<Page>,
    SignedIn(person): SignedIn,
    caller: Caller,
    Body(Apply { relation, relative, unable_to_apply, photo }): Body<Apply>,
) -> Result<Json<Vec<Shown>>, ProblemOf> {
    if relation.trim().is_empty() || relation.chars().nth(WORDS_CHARS_MAX).is_some() {
        return Err(Problem::malformed("the relation is missing or too long", "Say what you call them.").into());
    }
    let photo = photo.map(|photo| BASE64.decode(photo.as_bytes())).transpose();
    let photo = photo.map_err(|_| Problem::malformed("the photograph is not base64", "Send it in base64."))?;
    // Whoever does not know the name learns neither whether the number is registered nor how old its holder is.
    let by = [By::address(caller.address), By::Applicant(person)];
    let relative = recognise(&page, relative, &by, "compares the name in an application for a relative").await?;
    let application = Application { guardian: person, relative, relation, unable_to_apply, photo };
    let link = page.office.links.apply(application).await?;
    Ok(Json(shown(&page, vec![link]).await?))
}

pub(super) async fn code(
    State(page): State<Page>,
    SignedIn(person): SignedIn,
    InPath(link): InPath<LinkId>,
    Body(Ask { renew }): Body<Ask>,
) -> Result<Json<codes::Shown>, ProblemOf> {
    let asked = ByApplicant { applicant: named(person), renew };
    Ok(Json(code_of(&page.office, link, asked).await?.into()))
}

pub(super) async fn sheet(
    State(page): State<Page>,
    SignedIn(person): SignedIn,
    InPath(link): InPath<LinkId>,
) -> Result<Response, ProblemOf> {
    let asked = ByApplicant { applicant: named(person), renew: false };
    let issued = code_of(&page.office, link, asked).await?;
    codes::sheet(&page.office, SheetKind::Relative, &issued).await
}

pub(super) async fn end(
    State(page): State<Page>,
    SignedIn(person): SignedIn,
    InPath(link): InPath<LinkId>,
) -> Result<Json<Vec<Shown>>, ProblemOf> {
    let link = approved(&page.office, link, &named(person)).await?;
    let ended = end_link(&page.office, link.link, "the applicant", "ended by the applicant").await?;
    Ok(Json(shown(&page, vec![ended]).await?))
}
