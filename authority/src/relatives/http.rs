//! Links over HTTP: applied for and used through channels, decided by operators.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use data_encoding::BASE64;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use swabmesh_node::api::PersonResult;
use swabmesh_node::audit::Look;
use swabmesh_node::clock;
use swabmesh_node::http::body::{Asked, Body, Named as InPath};
use swabmesh_node::http::problem::Problem;
use swabmesh_node::{http, reading};
use swabmesh_protocol::code::{Kind, OfKind};
use swabmesh_protocol::fact::Remark;

use super::{Application, HouseholdError, Link, LinkError, LinkId, PHOTO_BYTES_MAX, State, media_type};
use crate::issuing::http::revoke;
use crate::issuing::{Issued, Order};
use crate::office::visit::Visit;
use crate::office::{Office, ProblemOf};
use crate::registry::Rows;
use crate::residents::http::LookAt;
use crate::residents::{Named, whose};

/// Links in one answer.
const LINES_MAX: usize = 1_000;

/// Characters of what a relative is called, of an operator's name, of a reason.
pub(crate) const WORDS_CHARS_MAX: usize = 200;

/// `POST /issuing/relatives`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apply {
    /// Who applies.
    pub applicant: Named,
    /// For whom; registered before.
    pub relative: Named,
    /// What they call them.
    pub relation: String,
    /// The relative cannot apply, whatever their age.
    #[serde(default)]
    pub unable_to_apply: bool,
    /// A photograph of the household register, JPEG or PNG in base64; without it the electronic register is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub photo: Option<String>,
}

/// The body of what an applicant does with a link.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByApplicant {
    /// Who asks: the link's applicant.
    pub applicant: Named,
    /// Replace a valid code of the relative.
    #[serde(default)]
    pub renew: bool,
}

/// The links of a person.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LinksOf {
    /// Those they applied for.
    pub applied_for: Vec<Link>,
    /// Those that others applied for to them.
    pub of_others: Vec<Link>,
}

/// A relative's results.
#[derive(Debug, Clone, Serialize)]
pub struct RelativesResults {
    /// Masked name.
    pub name: String,
    /// Last four characters of the document.
    pub last_four: String,
    /// Newest first.
    pub results: Vec<PersonResult>,
}

/// An operator's decision.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// Who.
    pub operator: String,
    /// Why; a refusal needs one.
    #[serde(default)]
    pub reason: String,
}

/// Which links an operator wants to see.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    #[serde(default = "applied")]
    state: State,
}

const fn applied() -> State {
    State::Applied
}

pub(crate) fn routes(office: Office) -> Router {
    Router::new()
        // A photograph in base64, and the rest of the body.
        .route("/api/v1/issuing/relatives", post(apply))
        .layer(DefaultBodyLimit::max(PHOTO_BYTES_MAX / 3 * 4 + 64 * 1024))
        .route("/api/v1/issuing/relatives/list", post(list))
        .route("/api/v1/issuing/relatives/{link}/code", post(code))
        .route("/api/v1/issuing/relatives/{link}/results", post(results))
        .route("/api/v1/issuing/relatives/{link}/end", post(end))
        .route("/api/v1/links", get(waiting))
        .route("/api/v1/links/{link}/approve", decision(State::Approved))
        .route("/api/v1/links/{link}/refuse", decision(State::Refused))
        .route("/api/v1/links/{link}/end", decision(State::Ended))
        .route("/api/v1/links/{link}/photo", get(photo))
        .with_state(office)
}

impl From<LinkError> for ProblemOf {
    fn from(error: LinkError) -> Self {
        let (text, wrong) = (error.to_string(), StatusCode::UNPROCESSABLE_ENTITY);
        Self(match error {
            LinkError::Unknown | LinkError::Gone => {
                Problem::not_found(text, "Look at the links of the applicant again.")
            }
            LinkError::Self_ => Problem::malformed(text, "Name two people."),
            LinkError::TooMany => {
                Problem::new(StatusCode::CONFLICT, "too-many-links", text, "End a link that is not needed.")
            }
            LinkError::Exists(link) => {
                Problem::new(StatusCode::CONFLICT, "linked", text, format!("Go on with link {link}."))
            }
            LinkError::NotEligible => open_routes(wrong, "not-eligible", &text),
            LinkError::State(State::Applied) => {
                Problem::new(StatusCode::CONFLICT, "not-decided", text, "Wait until the authority has decided.")
            }
            LinkError::State(State::Refused | State::Ended) => open_routes(StatusCode::CONFLICT, "not-related", &text),
            LinkError::State(State::Approved) => {
                Problem::new(StatusCode::CONFLICT, "decided", text, "End the link instead.")
            }
            LinkError::Photo => Problem::malformed(text, "Send a smaller photograph."),
            LinkError::Register(HouseholdError::None) => Problem::new(wrong, "no-register", text, "Send `photo`."),
            LinkError::Register(HouseholdError::Silent) => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "register-silent",
                text,
                "Try again later, or send `photo`.",
            ),
            LinkError::Resident(error) => return error.into(),
            LinkError::Registry(error) => return error.into(),
            LinkError::Write(error) => Problem::internal(&error),
            LinkError::Vault(error) => Problem::internal(&error),
            LinkError::Audit(error) => Problem::internal(&error),
            LinkError::Random(error) => Problem::internal(&error),
        })
    }
}

/// No link, no code; the answer says which routes are open (C4).
fn open_routes(status: StatusCode, name: &str, detail: &str) -> Problem {
    let routes = ["a paper code", "the identity card", "the number stated aloud"].map(str::to_owned).into();
    Problem { routes, ..Problem::new(status, name, detail, "Offer another way: none of them is worse.") }
}

/// Reads and judges on a thread that may wait for the disk.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LinkError> + Send + 'static,
) -> Result<T, ProblemOf> {
    Ok(tokio::task::spawn_blocking(work).await.map_err(|panicked| Problem::internal(&panicked))??)
}

/// Answers a channel at `/relatives{path}`, once for each key.
async fn answer<B: DeserializeOwned, T: Serialize, F: Future<Output = Result<T, ProblemOf>>>(
    office: Office,
    path: String,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
    work: impl FnOnce(Office, String, B) -> F,
) -> Response {
    match Visit::enter(&office, &headers, format!("/relatives{path}"), 1) {
        Ok(visit) => visit.answer(&office, &headers, body, |channel, asked| work(office.clone(), channel, asked)).await,
        Err(problem) => problem.into_response(),
    }
}

async fn apply(Shared(office): Shared<Office>, headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Response {
    let work = |office: Office, _, asked: Apply| async move {
        let Apply { applicant, relative, relation, unable_to_apply, photo } = asked;
        let (guardian, relative) = (whose(&office.shell, &applicant)?, whose(&office.shell, &relative)?);
        if relation.trim().is_empty() || relation.chars().nth(WORDS_CHARS_MAX).is_some() {
            return Err(
                Problem::malformed("the relation is missing or too long", "Send `relation`, such as child.").into()
            );
        }
        let photo = photo.map(|photo| BASE64.decode(photo.as_bytes())).transpose();
        let photo = photo.map_err(|_| Problem::malformed("the photograph is not base64", "Send it in base64."))?;
        let application = Application { guardian, relative, relation, unable_to_apply, photo };
        Ok::<_, ProblemOf>(office.links.apply(application).await?)
    };
    answer(office, "/".to_owned(), headers, body, work).await
}

async fn list(Shared(office): Shared<Office>, headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Response {
    let work = |office: Office, _, ByApplicant { applicant, .. }: ByApplicant| async move {
        let person = whose(&office.shell, &applicant)?;
        let links = office.links.clone();
        blocking(move || {
            let (applied_for, of_others) = (links.of(Rows::ByGuardian, person)?, links.of(Rows::ByRelative, person)?);
            Ok(LinksOf { applied_for, of_others })
        })
        .await
    };
    answer(office, "/list".to_owned(), headers, body, work).await
}

/// The link, if this applicant may use it. Nobody else learns that there is one.
pub(crate) async fn approved(office: &Office, link: LinkId, applicant: &Named) -> Result<Link, ProblemOf> {
    let guardian = whose(&office.shell, applicant)?;
    let links = office.links.clone();
    blocking(move || {
        let link = links.get(link)?;
        match link.state {
            _ if link.guardian != guardian => Err(LinkError::Unknown),
            State::Approved => Ok(link),
            State::Applied | State::Refused | State::Ended => Err(LinkError::State(link.state)),
        }
    })
    .await
}

async fn code(
    Shared(office): Shared<Office>,
    InPath(link): InPath<LinkId>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let work = |office: Office, _, asked: ByApplicant| async move { code_of(&office, link, asked).await };
    answer(office, format!("/{link}/code"), headers, body, work).await
}

/// The code of the relative, for the link's applicant.
pub(crate) async fn code_of(office: &Office, link: LinkId, asked: ByApplicant) -> Result<Issued, ProblemOf> {
    let link = approved(office, link, &asked.applicant).await?;
    let (links, unable) = (office.links.clone(), link.unable_to_apply);
    // Age is judged on the day of issue, not of the application.
    let category = blocking(move || links.eligible(link.relative, unable, clock::wall())).await?;
    let of_kind = OfKind::Relative { guardian: link.guardian, category };
    Ok(office.counter.ask(Order { person: link.relative, of_kind, renew: asked.renew }).await?)
}

async fn results(
    Shared(office): Shared<Office>,
    InPath(link): InPath<LinkId>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let work =
        |office: Office, channel, asked: ByApplicant| async move { results_of(&office, link, channel, asked).await };
    answer(office, format!("/{link}/results"), headers, body, work).await
}

/// The results of the relative, for the link's applicant who asks through a channel; the look goes on record.
pub(crate) async fn results_of(
    office: &Office,
    link: LinkId,
    channel: String,
    asked: ByApplicant,
) -> Result<RelativesResults, ProblemOf> {
    let link = approved(office, link, &asked.applicant).await?;
    let residents = office.residents.clone();
    let (who, why) = (format!("{} through {channel}", link.guardian), format!("link {}", link.link));
    let resident = blocking(move || {
        let look = Look { who, what: "results", whom: Some(link.relative), why };
        residents.audit().record(clock::wall(), &look)?;
        residents.get(link.relative).map_err(LinkError::Registry)
    })
    .await?;
    let resident = resident.ok_or(LinkError::Unknown)?;
    let view = office.shell.node().view().clone();
    let results = http::read(move || reading::results_of(&view, &link.relative)).await?;
    Ok(RelativesResults { name: resident.name, last_four: resident.last_four, results })
}

async fn end(
    Shared(office): Shared<Office>,
    InPath(link): InPath<LinkId>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let work = |office: Office, _, asked: ByApplicant| async move {
        let link = approved(&office, link, &asked.applicant).await?;
        end_link(&office, link.link, "the applicant", "ended by the applicant").await
    };
    answer(office, format!("/{link}/end"), headers, body, work).await
}

/// Ends a link, and with it the relative's code that the applicant holds.
pub(crate) async fn end_link(office: &Office, link: LinkId, who: &str, reason: &str) -> Result<Link, ProblemOf> {
    let link = office.links.decide(link, State::Ended, who, reason).await?;
    let reason = Remark::new("the link to the relative ended").unwrap_or_default();
    revoke(office, link.relative, Kind::Relative, reason).await?;
    Ok(link)
}

async fn waiting(
    Shared(office): Shared<Office>,
    headers: HeaderMap,
    Asked(Listed { state }): Asked<Listed>,
) -> Result<Json<Vec<Link>>, ProblemOf> {
    office.operator(&headers)?;
    let links = office.links.clone();
    Ok(Json(blocking(move || links.in_state(state, LINES_MAX)).await?))
}

/// An operator's decision that a link is in a state from now on.
fn decision(state: State) -> MethodRouter<Office> {
    post(move |office, headers, link, asked| decide(office, headers, link, asked, state))
}

async fn decide(
    Shared(office): Shared<Office>,
    headers: HeaderMap,
    InPath(link): InPath<LinkId>,
    Body(Decide { operator, reason }): Body<Decide>,
    state: State,
) -> Result<Json<Link>, ProblemOf> {
    office.operator(&headers)?;
    let needs_reason = state != State::Approved && reason.trim().is_empty();
    if operator.trim().is_empty() || needs_reason || reason.chars().nth(WORDS_CHARS_MAX).is_some() {
        let detail = "a decision names its operator, and a refusal its reason";
        return Err(Problem::malformed(detail, "Send `operator` and `reason`.").into());
    }
    if state == State::Ended {
        return Ok(Json(end_link(&office, link, &operator, &reason).await?));
    }
    Ok(Json(office.links.decide(link, state, &operator, &reason).await?))
}

async fn photo(
    Shared(office): Shared<Office>,
    headers: HeaderMap,
    InPath(link): InPath<LinkId>,
    Asked(LookAt { who, why }): Asked<LookAt>,
) -> Result<Response, ProblemOf> {
    office.operator(&headers)?;
    if who.trim().is_empty() || why.trim().is_empty() {
        let detail = "a look at evidence names who looks and why";
        return Err(Problem::malformed(detail, "Send `who` and `why`: both go on record.").into());
    }
    let links = office.links.clone();
    let photo = blocking(move || links.photo(link, &who, &why)).await?;
    let kind = media_type(&photo).unwrap_or("application/octet-stream");
    Ok(([(header::CONTENT_TYPE, kind)], photo.to_vec()).into_response())
}
