//! A request of a channel: who asks, whether it was asked before, and the answer.

use std::future::Future;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use swabmesh_node::clock;
use swabmesh_node::http::problem::Problem;

use super::{Office, ProblemOf};
use crate::issuing::answers::{KEY_CHARS_MAX, Known, Remembered, Slot};

/// The header that says which request this is.
const KEY: &str = "idempotency-key";

/// The header of an answer that was given before.
const REPLAYED: &str = "idempotent-replayed";

/// A channel's request, let in.
#[derive(Debug)]
pub struct Visit {
    /// Which channel asks.
    pub channel: String,
    key: Option<String>,
    path: String,
}

impl Visit {
    /// Lets a channel's request in; it counts `count` times against the quota.
    ///
    /// # Errors
    /// A [`Problem`] with status 401, 422 or 429.
    pub fn enter(office: &Office, headers: &HeaderMap, path: impl Into<String>, count: u32) -> Result<Self, ProblemOf> {
        let channel = office.channel(headers, count)?;
        let key = headers.get(KEY).map(|key| key.to_str().map(str::to_owned)).transpose();
        let key = key.ok().filter(|key| key.as_ref().is_none_or(|key| !key.is_empty() && key.len() <= KEY_CHARS_MAX));
        let key = key.ok_or_else(|| {
            let detail = format!("an idempotency key has 1 to {KEY_CHARS_MAX} visible characters");
            Problem::malformed(detail, "Send a random one, such as a UUID, and the same when you repeat the request.")
        })?;
        Ok(Self { channel, key, path: path.into() })
    }

    /// Answers a request, once for each key.
    pub async fn answer<B, T, F>(
        self,
        office: &Office,
        headers: &HeaderMap,
        body: Result<Bytes, BytesRejection>,
        work: impl FnOnce(String, B) -> F,
    ) -> Response
    where
        B: DeserializeOwned,
        T: Serialize,
        F: Future<Output = Result<T, ProblemOf>>,
    {
        let body = match read(headers, body) {
            Ok(body) => body,
            Err(problem) => return ProblemOf(problem).into_response(),
        };
        let parsed = || {
            serde_json::from_slice(&body).map_err(|error| {
                let what_to_do = "Put the request right: see /api/v1/openapi.json.";
                ProblemOf(Problem::malformed(error.to_string(), what_to_do))
            })
        };
        let Self { channel, key, path } = self;
        let Some(key) = key else {
            return match parsed() {
                Ok(parsed) => respond(work(channel, parsed).await),
                Err(problem) => problem.into_response(),
            };
        };
        let slot = match take(office, channel.clone(), key, path, body.clone()).await {
            Ok(slot) => slot,
            Err(response) => return response,
        };
        let result = match parsed() {
            Ok(parsed) => work(channel, parsed).await,
            Err(problem) => Err(problem),
        };
        remember(office, slot, &result).await;
        respond(result)
    }
}

fn respond<T: Serialize>(result: Result<T, ProblemOf>) -> Response {
    match result {
        Ok(answer) => axum::Json(answer).into_response(),
        Err(problem) => problem.into_response(),
    }
}

/// Keeps an answer, unless asking again may bring a better one: whoever was shed, or met our own failure, gets it done then.
async fn remember<T: Serialize>(office: &Office, slot: Slot<'_>, result: &Result<T, ProblemOf>) {
    let status = result.as_ref().map_or_else(|problem| problem.0.status, |_| StatusCode::OK.as_u16());
    let is_final = status < 500 && status != StatusCode::TOO_MANY_REQUESTS.as_u16();
    let text = match result {
        Ok(answer) => serde_json::to_vec(answer),
        Err(problem) => serde_json::to_vec(&problem.0),
    };
    if let (true, Ok(body)) = (is_final, text) {
        let kept = office.answers.keep(slot, &Remembered { status, body }, clock::wall().seconds()).await;
        if let Err(error) = kept {
            tracing::warn!(%error, "an answer was not kept");
        }
    }
}

fn read(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Bytes, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        let (status, detail) = (StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body is not JSON");
        return Err(Problem::new(status, "not-json", detail, "Send `content-type: application/json`."));
    }
    body.map_err(|rejection| {
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        Problem::new(status, "body-too-large", rejection.body_text(), "Send less at a time.")
    })
}

/// Takes a key, or gives the answer it had.
async fn take(office: &Office, channel: String, key: String, path: String, body: Bytes) -> Result<Slot<'_>, Response> {
    let answers = Arc::clone(&office.answers);
    let now_s = clock::wall().seconds();
    let known = move || answers.take(&channel, &key, &[path.as_bytes(), b"\0", &body], now_s);
    let known = tokio::task::spawn_blocking(known).await;
    let known = known.map_err(|panicked| Problem::internal(&panicked).into_response())?;
    let conflict = |status, name: &str, detail: &str, what_to_do: &str| {
        Problem::new(status, name, detail, what_to_do).into_response()
    };
    match known.map_err(|error| ProblemOf::from(error).into_response())? {
        Known::New(taken) => Ok(office.answers.slot(taken)),
        Known::Before(Remembered { status, body }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            let kind = if status.is_success() { "application/json" } else { "application/problem+json" };
            let mut response = (status, [(header::CONTENT_TYPE, kind)], body).into_response();
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            Err(response)
        }
        Known::Other => Err(conflict(
            StatusCode::UNPROCESSABLE_ENTITY,
            "key-used",
            "this idempotency key was used for another request",
            "Draw a new key for each new request.",
        )),
        Known::UnderWay => Err(conflict(
            StatusCode::CONFLICT,
            "under-way",
            "a request with this idempotency key is being carried out",
            "Wait a moment and send the same again.",
        )),
    }
}
