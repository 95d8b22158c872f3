//! The city's routes under `/api/v1`: reports, exports, decisions, the projection's proof, retention.

use std::sync::Arc;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use swabmesh_node::api::{LookedUp, Lookup, RecallList};
use swabmesh_node::audit::Look;
use swabmesh_node::http::body::{Body, Named};
use swabmesh_node::http::problem::Problem;
use swabmesh_node::http::read;
use swabmesh_node::http::results::opened;
use swabmesh_node::http::tubes::unknown;
use swabmesh_node::{clock, reading};
use swabmesh_protocol::code::Credential;
use swabmesh_protocol::fact::Operator;
use swabmesh_protocol::id::{Barcode, NodeKey};
use swabmesh_protocol::project::heads;
use swabmesh_protocol::time::MS_PER_S;
use swabmesh_protocol::view::ViewError;

use super::database::{DatabaseError, connect};
use super::day::Day;
use super::decisions::{Case, Recalls, cases, recalls};
use super::hall::Hall;
use super::past::Past;
use super::purge::{self, PurgeError, Report, SignedReport};
use super::rebuild::{self, Proof};
use super::{door, export, follower, report};

/// Cases of an answer when nobody says how many.
const CASES_DEFAULT: usize = 200;
/// Times a proof is tried while the log moves under it.
const PROOF_TRIES: u8 = 5;

/// Everything of the city that programs ask for.
pub(super) fn router(hall: &Hall) -> Router {
    Router::new()
        .route("/api/v1/reviews", get(reviews))
        .route("/api/v1/recall", get(recall))
        .route("/api/v1/recall/{tube}", get(recall_of))
        .route("/api/v1/results/lookup", post(looked_up))
        .route("/api/v1/reports/reconcile", get(reconcile))
        .route("/api/v1/exports", get(exported))
        .route("/api/v1/projection/rebuild", post(rebuilt))
        .route("/api/v1/purge", post(purged))
        .layer(from_fn_with_state(hall.clone(), door::api))
        .with_state(hall.clone())
}

impl Hall {
    /// What people call nodes.
    pub(super) async fn names(&self) -> Result<impl Fn(&NodeKey) -> String + Send + Sync + Clone + use<>, Problem> {
        let nodes = Arc::new(self.nodes().await?);
        Ok(move |node: &NodeKey| match nodes.get(node) {
            Some(certificate) => certificate.name.to_string(),
            None => node.to_string().chars().take(8).collect(),
        })
    }

    /// Everyone in positive pools of the city; the look is on record first (P4).
    pub(super) async fn recalls(&self, who: String) -> Result<Recalls, Problem> {
        self.record(&Look { who, what: "recall", whom: None, why: "everyone in positive pools".to_owned() })?;
        let (view, name_of) = (self.view(), self.names().await?);
        read(move || recalls(&view, &name_of)).await
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    #[serde(default)]
    all: bool,
    limit: Option<usize>,
}

async fn reviews(
    State(hall): State<Hall>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<Vec<Case>>, Problem> {
    let Query(Which { all, limit }) = which?;
    let (view, name_of) = (hall.view(), hall.names().await?);
    let limit = limit.unwrap_or(CASES_DEFAULT);
    Ok(Json(read(move || cases(&view, all, limit, &name_of)).await?))
}

/// Tells the holder of a valid code their own results, and nobody else's (T4); the look is on record first (P4).
async fn looked_up(State(hall): State<Hall>, Body(Lookup { code }): Body<Lookup>) -> Result<Json<LookedUp>, Problem> {
    hall.only_authority()?;
    let Credential { person, cti, masked_name: name, last_four, .. } = opened(&hall.shell, &code).await?;
    hall.record(&Look {
        who: "whoever shows the code".to_owned(),
        what: "results",
        whom: Some(person),
        why: format!("code {cti}"),
    })?;
    let view = hall.view();
    let results = read(move || reading::results_of(&view, &person)).await?;
    Ok(Json(LookedUp { name, last_four, results }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Looking {
    /// Who asks; goes to the log of looks.
    by: Option<Operator>,
}

impl Looking {
    fn who(self) -> String {
        self.by.map_or_else(|| "a program with the node's token".to_owned(), |by| by.to_string())
    }
}

async fn recall(
    State(hall): State<Hall>,
    looking: Result<Query<Looking>, QueryRejection>,
) -> Result<Json<Recalls>, Problem> {
    let Query(looking) = looking?;
    Ok(Json(hall.recalls(looking.who()).await?))
}

/// Everyone in one pool; the look is on record first (P4).
async fn recall_of(
    State(hall): State<Hall>,
    Named(tube): Named<Barcode>,
    looking: Result<Query<Looking>, QueryRejection>,
) -> Result<Json<RecallList>, Problem> {
    let Query(looking) = looking?;
    hall.record(&Look { who: looking.who(), what: "recall", whom: None, why: format!("tube {tube}") })?;
    let (view, missing) = (hall.view(), unknown(&tube));
    read(move || reading::recall(&view, &tube)).await?.map(Json).ok_or(missing)
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    Csv,
    Fhir,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfDay {
    day: String,
    #[serde(default)]
    format: Format,
    /// Who asks; goes to the log of looks.
    by: Option<String>,
    /// Why; goes to the log of looks.
    reason: Option<String>,
}

fn day_of(text: &str) -> Result<Day, Problem> {
    text.parse()
        .map_err(|error: super::day::NotADay| Problem::malformed(error.to_string(), "Write the day as 2022-04-09."))
}

fn typed(kind: &'static str, body: impl IntoResponse) -> Response {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], body).into_response()
}

async fn reconcile(State(hall): State<Hall>, asked: Result<Query<OfDay>, QueryRejection>) -> Result<Response, Problem> {
    let Query(OfDay { day, format, .. }) = asked?;
    let day = day_of(&day)?;
    let (view, roles, name_of) = (hall.view(), hall.roles().await?, hall.names().await?);
    let report = read(move || report::reconcile(&view, &roles, day, &name_of)).await?;
    match format {
        Format::Json => Ok(Json(report).into_response()),
        Format::Csv => Ok(typed("text/csv; charset=utf-8", report.csv())),
        Format::Fhir => Err(Problem::malformed("a reconciliation has no form in FHIR", "Ask for json or csv.")),
    }
}

/// A day, registration by registration, sent as it is read. When reading fails the answer breaks off, which HTTP shows.
async fn exported(State(hall): State<Hall>, asked: Result<Query<OfDay>, QueryRejection>) -> Result<Response, Problem> {
    let Query(OfDay { day, format, by, reason }) = asked?;
    let day = day_of(&day)?;
    let (Some(who), Some(why)) = (by.filter(|by| !by.is_empty()), reason.filter(|why| !why.is_empty())) else {
        return Err(Problem::malformed(
            "an export needs who asks and why",
            "Send `by` and `reason`: both are recorded.",
        ));
    };
    hall.record(&Look { who, what: "export", whom: None, why: format!("{day}: {why}") })?;
    let (view, roles, nodes) = (hall.view(), hall.roles().await?, hall.nodes().await?);
    let (pipe, body) = export::pipe();
    let kind = if matches!(format, Format::Csv) { "text/csv; charset=utf-8" } else { "application/fhir+ndjson" };
    tokio::task::spawn_blocking(move || {
        pipe.fill(|out| match format {
            Format::Csv => export::csv(&view, &roles, &nodes, day, out),
            Format::Fhir | Format::Json => export::fhir::write(&view, &roles, &nodes, day, out),
        });
    });
    Ok(typed(kind, body))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rebuild {
    /// Look at the database this node follows, instead of its own index.
    #[serde(default)]
    database: bool,
    /// Empty the database first and fill it from the log.
    #[serde(default)]
    from_scratch: bool,
}

async fn rebuilt(State(hall): State<Hall>, body: Result<Json<Rebuild>, JsonRejection>) -> Result<Json<Proof>, Problem> {
    let Json(Rebuild { database, from_scratch }) = body?;
    for _ in 0..PROOF_TRIES {
        let before = state(&hall).await?;
        let proof = if database {
            in_database(&hall, from_scratch).await.map_err(|error| refused(&error))?
        } else {
            in_index(&hall).await?
        };
        // What arrived meanwhile is in one and not in the other.
        if proof.equal || before == state(&hall).await? {
            return Ok(Json(proof));
        }
    }
    let detail = "the log grows faster than it can be compared";
    Err(Problem::new(StatusCode::CONFLICT, "log-moves", detail, "Repeat it in a quieter hour."))
}

async fn state(hall: &Hall) -> Result<u64, Problem> {
    let view = hall.view();
    read(move || Ok(heads(&view)?.iter().map(|head| head.height.0).sum())).await
}

async fn in_index(hall: &Hall) -> Result<Proof, Problem> {
    let (view, roles) = (hall.view(), hall.roles().await?);
    let window_ms =
        hall.shell.look(|replica| replica.knowledge().policy.duplicate_window_s).await?.saturating_mul(MS_PER_S);
    let empty = hall.home.path().join("comparison");
    let compared = tokio::task::spawn_blocking(move || {
        // Left over from a process that was killed while it compared.
        let _ = std::fs::remove_dir_all(&empty);
        let compared = rebuild::index::compare(&view, &roles, window_ms, &empty);
        let _ = std::fs::remove_dir_all(&empty);
        compared
    });
    match compared.await {
        Ok(Ok(proof)) => Ok(proof),
        Ok(Err(error)) => Err(Problem::internal(&error)),
        Err(panicked) => Err(Problem::internal(&panicked)),
    }
}

async fn in_database(hall: &Hall, from_scratch: bool) -> Result<Proof, DatabaseError> {
    let Some(address) = &hall.database else {
        return Err(DatabaseError::View(ViewError("this authority runs without a database".to_owned())));
    };
    let mut follower = follower::connected(hall, address).await?;
    if from_scratch {
        connect::clear(follower.client()).await?;
    }
    // Every cell, whoever holds it: of two that write the same, one is overtaken.
    follower.all_cells().await?;
    follower.catch_up().await?;
    let (view, roles) = (hall.view(), hall.roles().await.unwrap_or_default());
    let (log, entries) = tokio::task::spawn_blocking(move || rebuild::of_log(&view, &roles)).await??;
    let held = rebuild::of_database(follower.client()).await?;
    Ok(rebuild::compare(&log, &held, entries))
}

fn refused(error: &DatabaseError) -> Problem {
    tracing::warn!(%error, "the database could not be compared");
    let what_to_do = "Look at the node's log, check the database, and run with --database.";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "database", error.to_string(), what_to_do)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Purge {
    before: String,
    operator: Operator,
}

async fn purged(
    State(hall): State<Hall>,
    body: Result<Json<Purge>, JsonRejection>,
) -> Result<Json<SignedReport>, Problem> {
    let Json(Purge { before, operator }) = body?;
    let before = day_of(&before)?;
    let why = format!("retention: details before {before} are destroyed");
    hall.record(&Look { who: operator.to_string(), what: "purge", whom: None, why })?;
    let (view, roles, home) = (hall.view(), hall.roles().await?, hall.home.clone());
    let member = hall.shell.member();
    let (root, certificate) = (member.root, member.certificate_bytes.clone());
    let (retention, now) = (hall.retention.clone(), clock::wall());
    let retention_days = hall.shell.look(|replica| replica.knowledge().policy.retention_days).await?;
    let keys = home.keys();
    let (report, past) = purging(move || {
        purge::is_over(before, now)?;
        let in_use = |person| purge::in_use(&view, person, before, now);
        let ended = tokio::runtime::Handle::current().block_on(retention.end(before, now, in_use));
        let ended = ended.map_err(PurgeError::from)?;
        let report = purge::purge(&view, &roles, &home, &root, before, now)?;
        let past = Past::find(&view, &roles, before, retention_days, now)?;
        Ok((Report { office: Some(ended), log: Some(past.report()), ..report }, past))
    })
    .await?;
    for command in past.commands() {
        let _ = hall.shell.done(command).await?;
    }
    purging(move || Ok(purge::sign(&report, &keys, &certificate)?)).await.map(Json)
}

/// Does a part of a purge where it may take its time.
async fn purging<T: Send + 'static>(
    part: impl FnOnce() -> Result<T, PurgeError> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(part).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error @ PurgeError::NotOver { .. })) => {
            Err(Problem::malformed(error.to_string(), "Name a day that is today or before."))
        }
        Ok(Err(error)) => Err(Problem::internal(&error)),
        Err(panicked) => Err(Problem::internal(&panicked)),
    }
}
