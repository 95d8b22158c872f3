//! Status lists for others: the signed tokens of the Token Status List draft over HTTP, one for each shard of 2^20 codes.
//!
//! Sites do not need them: they hold the bits from the authority's feed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};
use swabmesh_node::clock;
use swabmesh_node::http::body::Named;
use swabmesh_node::http::problem::Problem;
use swabmesh_node::keys::{KeyError, Keys};
use swabmesh_protocol::command::Refusal;
use swabmesh_protocol::cose::Algorithm;
use swabmesh_protocol::issuing::signer;
use swabmesh_protocol::replica::Replica;
use swabmesh_protocol::status::token::StatusToken;
use swabmesh_protocol::status::{StatusList, StatusLists};
use swabmesh_protocol::time::Wall;
use swabmesh_protocol::trust::TrustList;

use crate::office::{Office, ProblemOf};

/// Seconds a verifier may keep a token: sites show amber after the policy's time, others ask four times an hour. Source: guess.
const TTL_S: u64 = 900;

/// Seconds after which a token is not to be used any more.
const EXP_S: u64 = 86_400;

/// Signed tokens, made when they are asked for and kept until the list changes.
#[derive(Debug)]
pub struct Tokens {
    keys: Keys,
    made: Mutex<BTreeMap<u32, MadeToken>>,
}

/// A token, and what it says.
type MadeToken = (Made, Arc<[u8]>);

/// What a token says, and who says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Made {
    issued_at_s: u64,
    revoked: u64,
    signer: VerifyingKey,
}

/// One shard, as the index tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Its number, as codes name it.
    pub list: u32,
    /// Where its token is.
    pub path: String,
    /// Codes it has place for.
    pub bits: u32,
    /// Codes revoked.
    pub revoked: u64,
    /// As of when, seconds since 1970 UTC.
    pub issued_at: u64,
    /// Seconds since then.
    pub age_s: u64,
}

impl Tokens {
    /// Tokens signed by the issuing keys in a directory of secrets.
    #[must_use]
    pub const fn new(keys: Keys) -> Self {
        Self { keys, made: Mutex::new(BTreeMap::new()) }
    }

    /// The token of a list as it is now; the same bytes until the authority says something new of the list.
    ///
    /// `None` when none of the keys is in force.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn of(
        &self,
        number: u32,
        list: &StatusList,
        (now_s, trust): (u64, &TrustList),
    ) -> Result<Option<Arc<[u8]>>, KeyError> {
        let keys = self.keys.issuers()?;
        let Some(key) = signer(&keys, now_s, trust) else { return Ok(None) };
        let issued_at_s = list.issued_at_s();
        let says = Made { issued_at_s, revoked: list.revoked_count(), signer: key.verifying_key() };
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((said, bytes)) = made.get(&number)
            && *said == says
        {
            return Ok(Some(Arc::clone(bytes)));
        }
        let exp_s = Some(issued_at_s.saturating_add(EXP_S));
        let token = StatusToken { number, list: list.clone(), exp_s, ttl_s: Some(TTL_S) };
        let bytes: Arc<[u8]> = token.sign(key, Algorithm::default()).into();
        made.insert(number, (says, Arc::clone(&bytes)));
        Ok(Some(bytes))
    }
}

pub(crate) fn routes(office: Office) -> Router {
    Router::new()
        .route("/api/v1/status-lists", get(index))
        .route("/api/v1/status-lists/{list}", get(token))
        .route("/api/v1/keys", get(keys))
        .with_state(office)
}

async fn lists(office: &Office) -> Result<StatusLists, Problem> {
    office.shell.look(|replica| replica.knowledge().status.clone()).await
}

async fn index(State(office): State<Office>) -> Result<Json<Vec<Shard>>, ProblemOf> {
    let lists = lists(&office).await?;
    let Wall(now_ms) = clock::wall();
    let shard = |(number, list): (u32, &StatusList)| Shard {
        list: number,
        path: format!("/api/v1/status-lists/{number}"),
        bits: list.bits(),
        revoked: list.revoked_count(),
        issued_at: list.issued_at_s(),
        age_s: (now_ms / 1_000).saturating_sub(list.issued_at_s()),
    };
    Ok(Json(lists.iter().map(shard).collect()))
}

async fn token(State(office): State<Office>, Named(number): Named<u32>) -> Result<impl IntoResponse, ProblemOf> {
    let look = move |replica: &Replica| {
        let knowledge = replica.knowledge();
        (knowledge.status.get(number).cloned(), knowledge.trust.clone())
    };
    let (list, trust) = office.shell.look(look).await?;
    let list = list.ok_or_else(|| {
        Problem::not_found(format!("there is no status list {number}"), "Ask for one that /api/v1/status-lists names.")
    })?;
    let tokens = Arc::clone(&office.tokens);
    let made = tokio::task::spawn_blocking(move || tokens.of(number, &list, (clock::wall().seconds(), &trust)));
    let made = made.await.map_err(|panicked| Problem::internal(&panicked))?;
    let bytes = made.map_err(|error| Problem::internal(&error))?;
    let bytes = bytes.ok_or_else(|| Problem::from(Refusal::NoIssuerKey))?;
    let headers = [
        (header::CONTENT_TYPE, "application/statuslist+cwt".to_owned()),
        (header::CACHE_CONTROL, format!("public, max-age={TTL_S}")),
    ];
    Ok((headers, bytes.to_vec()))
}

/// An issuing key, and how many valid codes it has signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodesOfKey {
    /// Its id.
    pub kid: String,
    /// Codes it signed that are valid now.
    pub valid_codes: u64,
}

async fn keys(State(office): State<Office>, headers: HeaderMap) -> Result<Json<Vec<CodesOfKey>>, ProblemOf> {
    office.operator(&headers)?;
    let trust = office.shell.look(|replica| replica.knowledge().trust.clone()).await?;
    let view = office.shell.node().view().clone();
    let counted = swabmesh_node::http::read(move || crate::keys::valid_codes(&view, &trust, clock::wall())).await?;
    let line = |(kid, valid_codes)| CodesOfKey { kid: crate::keys::id(&kid), valid_codes };
    Ok(Json(counted.into_iter().map(line).collect()))
}
