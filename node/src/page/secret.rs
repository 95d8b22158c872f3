//! What proves who sends a request: a cookie that no script reads, and a token that no other site's page knows.

use std::borrow::Cow;

use axum::http::{HeaderMap, header};
use serde::Serialize;
use sha2::{Digest, Sha256};
use swabmesh_protocol::id::{Hash, hex};

use crate::keys::{KeyError, draw};

/// Draws the secret of a session: 256 bits, 64 hexadecimal digits. It lives in the browser's cookie only.
///
/// # Errors
/// [`KeyError::Random`].
pub fn draw_secret() -> Result<String, KeyError> {
    Ok(hex(&draw::<32>()?))
}

/// What is kept of a secret: whoever reads it cannot use it.
#[must_use]
pub fn hashed(secret: &str) -> Hash {
    Hash(Sha256::digest(secret.as_bytes()).into())
}

/// What a page shows to prove that it, and no other page, sends a request.
///
/// Derived from the session's secret, so that it needs no place of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Csrf(String);

impl Csrf {
    /// The token of a session.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        Self(hex(&Sha256::new().chain_update(b"swabmesh csrf 1\0").chain_update(secret).finalize()))
    }

    /// Whether a request shows it.
    #[must_use]
    pub fn is(&self, shown: &str) -> bool {
        // Comparing hashes tells nothing of the token by its duration.
        hashed(&self.0) == hashed(shown)
    }

    /// The token, to be put into a page.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The cookie of a page: sent to it alone, never by another site, never read by a script.
#[derive(Debug, Clone)]
pub struct Cookie {
    name: Cow<'static, str>,
    path: &'static str,
}

impl Cookie {
    /// A cookie for what lies below `path`.
    #[must_use]
    pub const fn new(name: Cow<'static, str>, path: &'static str) -> Self {
        Self { name, path }
    }

    /// The secret that a request shows.
    #[must_use]
    pub fn shown<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == self.name).map(|(_, secret)| secret)
    }

    /// The header that gives it to the browser; `encrypted` keeps it from ever travelling in the clear.
    #[must_use]
    pub fn set(&self, secret: &str, lasts_s: u64, encrypted: bool) -> String {
        let Self { name, path } = self;
        let secure = if encrypted { "; Secure" } else { "" };
        format!("{name}={secret}; Path={path}; HttpOnly; SameSite=Strict; Max-Age={lasts_s}{secure}")
    }

    /// The header that takes it away.
    #[must_use]
    pub fn drop(&self) -> String {
        self.set("", 0, false)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_cookie_of_a_page_is_found_among_others_and_no_script_reads_it() {
        let cookie = Cookie::new("swabmesh_abababab".into(), "/site");
        let mut headers = HeaderMap::new();
        assert_eq!(cookie.shown(&headers), None);
        let line = HeaderValue::from_static("a=1; swabmesh_00000000=9; swabmesh_abababab=ab12; b=2");
        headers.insert(header::COOKIE, line);
        assert_eq!(cookie.shown(&headers), Some("ab12"));
        assert!(cookie.set("ab12", 60, false).ends_with("Path=/site; HttpOnly; SameSite=Strict; Max-Age=60"));
        assert!(cookie.set("ab12", 60, true).ends_with("; Secure"));
        assert!(cookie.drop().contains("=; Path=/site;") && cookie.drop().ends_with("Max-Age=0"));
    }

    #[test]
    fn a_token_is_its_sessions_alone() {
        let token = Csrf::of("ab12");
        assert!(token.is(token.as_str()));
        assert!(!token.is("") && !token.is("ab12") && !token.is(Csrf::of("ab13").as_str()));
    }
}
