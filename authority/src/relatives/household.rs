//! The electronic household register 电子户籍, asked over HTTP.
//!
//! The authority sends `POST URL` with `{"one": {"type", "number"}, "other": {"type", "number"}}` and the bearer token of
//! its settings; the register answers `{"same_household": true|false}`. Cities have registers of their own: whatever speaks
//! this in front of one is the adapter.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use swabmesh_protocol::seal::details::Details;

/// How long the register may take. Source: guess.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Bytes of its answer.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Why the register gave no answer. Another kind of evidence is still open.
#[derive(Debug, thiserror::Error)]
pub enum HouseholdError {
    /// There is none.
    #[error("this authority asks no electronic register: send a photograph of the household register")]
    None,
    /// It did not answer as it should.
    #[error("the electronic register does not answer: try again later, or send a photograph of the household register")]
    Silent,
}

/// Where the register is.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    url: String,
    #[serde(default)]
    token: String,
}

/// The electronic register, or none.
#[derive(Clone)]
pub struct Register(Option<(Settings, ureq::Agent)>);

impl fmt::Debug for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Register").field(&self.0.as_ref().map(|(settings, _)| &settings.url)).finish()
    }
}

#[derive(Serialize, Deserialize)]
struct Answer {
    same_household: bool,
}

impl Register {
    /// The register that a file `{"url": …, "token": …}` names; none if there is no such file.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let Ok(text) = std::fs::read_to_string(path) else { return Self(None) };
        match serde_json::from_str(&text) {
            Ok(settings) => {
                let agent = ureq::Agent::config_builder().timeout_global(Some(ANSWER_WITHIN)).build().new_agent();
                Self(Some((settings, agent)))
            }
            Err(error) => {
                tracing::error!(%error, path = %path.display(), "the electronic register is not asked: its settings cannot be read");
                Self(None)
            }
        }
    }

    /// Asks whether two people are of one household.
    ///
    /// # Errors
    /// [`HouseholdError`].
    pub async fn are_related(&self, one: &Details, other: &Details) -> Result<bool, HouseholdError> {
        let Some((Settings { url, token }, agent)) = self.0.clone() else { return Err(HouseholdError::None) };
        let named = |details: &Details| json!({ "type": details.document.number(), "number": details.number.expose() });
        let body = json!({ "one": named(one), "other": named(other) });
        let ask = move || -> Result<bool, ureq::Error> {
            let request = agent.post(&url).header("authorization", format!("Bearer {token}"));
            let mut answer = request.send_json(&body)?;
            Ok(answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_json::<Answer>()?.same_household)
        };
        match tokio::task::spawn_blocking(ask).await {
            Ok(Ok(related)) => Ok(related),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the electronic register");
                Err(HouseholdError::Silent)
            }
            Err(_) => Err(HouseholdError::Silent),
        }
    }
}
