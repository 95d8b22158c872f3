//! Who may use the API: whoever can read the node's token, `secrets/api-token`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::problem::Problem;

/// The token, hashed: comparing hashes tells nothing of the token by its duration.
#[derive(Clone)]
pub struct Token(Arc<[u8; 32]>);

impl Token {
    /// The token in `secrets/api-token`.
    #[must_use]
    pub fn new(token: &str) -> Self {
        Self(Arc::new(Sha256::digest(token.as_bytes()).into()))
    }

    /// Checks what a request shows.
    ///
    /// # Errors
    /// A [`Problem`] with status 401.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = shown.and_then(|shown| shown.split_once(' '));
        let token = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
        let known = token.is_some_and(|token| <[u8; 32]>::from(Sha256::digest(token.as_bytes())) == *self.0);
        if known {
            return Ok(());
        }
        let detail = match token {
            None => "the request shows no token",
            Some(_) => "the token is not this node's",
        };
        let what_to_do = "Send `authorization: Bearer TOKEN` with what is in the node's secrets/api-token.";
        Err(Problem::new(StatusCode::UNAUTHORIZED, "token", detail, what_to_do))
    }
}

/// Lets a request through, or answers 401.
pub(super) async fn require(State(token): State<Token>, request: Request, next: Next) -> Response {
    match token.check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => {
            let mut response = problem.into_response();
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            response
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(value: &str) -> Result<(), Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        Token::new("5ec2e7").check(&headers)
    }

    #[test]
    fn only_the_nodes_own_token_is_let_through() {
        assert_eq!(show("Bearer 5ec2e7"), Ok(()));
        assert_eq!(show("bearer 5ec2e7 "), Ok(()));
        for value in ["5ec2e7", "Basic 5ec2e7", "Bearer", "Bearer 5ec2e70", "Bearer 5ec2e", ""] {
            let problem = show(value).unwrap_err();
            assert_eq!(problem.status, 401, "{value}");
            assert!(!problem.detail.contains("5ec2e"), "{value}");
        }
        assert!(Token::new("5ec2e7").check(&HeaderMap::new()).is_err());
    }
}
