//! Bodies, paths and queries as typed values; what does not fit is a [`Problem`].

use axum::extract::{FromRequest, FromRequestParts, Json, Path, Query, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// A JSON body.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Json(value) = Json::from_request(request, state).await?;
        Ok(Self(value))
    }
}

/// A name in the path, such as a barcode.
pub struct Named<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(value) = Path::from_request_parts(parts, state).await?;
        Ok(Self(value))
    }
}

/// What stands after the question mark.
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(value) = Query::from_request_parts(parts, state).await?;
        Ok(Self(value))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header;
    use axum::response::IntoResponse;

    use super::*;
    use crate::api::OpenTube;

    async fn send(content_type: &str, body: &str) -> Result<OpenTube, Problem> {
        let request = Request::builder().method("POST").header(header::CONTENT_TYPE, content_type);
        let request = request.body(axum::body::Body::from(body.to_owned())).unwrap();
        Body::from_request(request, &()).await.map(|Body(value)| value)
    }

    #[tokio::test]
    async fn a_body_that_does_not_fit_is_a_problem_that_names_the_place() {
        let json = "application/json";
        let good = send(json, r#"{"tube":"t1","pool":10,"operator":"desk 1"}"#).await.unwrap();
        assert_eq!(good.tube.as_str(), "T1");
        for (content_type, body, status, named) in [
            (json, r#"{"tube":"a b","pool":10,"operator":"x"}"#, 422, "tube"),
            (json, r#"{"tube":"T1","pool":10}"#, 422, "operator"),
            (json, r#"{"tube":"T1","pool":10,"operator":"x","colour":1}"#, 422, "colour"),
            (json, r#"{"tube":"T1","pool":10,"operator":"12345678901234567"}"#, 422, "16 bytes"),
            (json, "{", 422, "EOF"),
            ("text/plain", "{}", 415, "not JSON"),
        ] {
            let problem = send(content_type, body).await.unwrap_err();
            assert_eq!(problem.status, status, "{body}");
            assert!(problem.detail.contains(named), "{body}: {}", problem.detail);
            assert_eq!(problem.clone().into_response().status(), status);
        }
    }
}
