//! Forms of the page: what was typed is looked at once the token shows that a page of this session wrote it.

use axum::body::{Body, Bytes};
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, FromRequest, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use swabmesh_node::http::problem::Problem;

use super::html::{escape, say};
use crate::city::door::{Session, check_form};

/// A refusal, shown as a page.
pub(super) struct Trouble(Problem);

impl<E: Into<Problem>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        let body = format!(
            "<main class=narrow><h1>{}</h1><p class=bad>{}</p><p>{}</p><p><a href=\"/\">{}</a></p></main>",
            say("没有办成", "Not done"),
            escape(&problem.detail),
            escape(&problem.what_to_do),
            say("回到总览", "Back to the board"),
        );
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, super::html::document("没有办成", None, "", &body)).into_response()
    }
}

/// What somebody who is logged in typed into a form of their own page.
pub(super) struct Sent<T> {
    /// Who.
    pub(super) session: Session,
    /// What.
    pub(super) typed: T,
}

#[derive(Deserialize)]
struct Token {
    form_token: String,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Sent<T> {
    type Rejection = Trouble;

    async fn from_request(request: Request, state: &S) -> Result<Self, Trouble> {
        let session = request.extensions().get::<Session>().cloned().ok_or_else(over)?;
        let head = request.into_parts();
        let body = Bytes::from_request(Request::from_parts(head.0.clone(), head.1), state).await;
        let body = body.map_err(|error| incomplete(error.body_text()))?;
        let Token { form_token } = parsed(&head.0, &body).await?;
        check_form(&session, &form_token)?;
        Ok(Self { session, typed: parsed(&head.0, &body).await? })
    }
}

async fn parsed<T: DeserializeOwned>(parts: &Parts, body: &Bytes) -> Result<T, Problem> {
    let request = Request::from_parts(parts.clone(), Body::from(body.clone()));
    let form: Result<Form<T>, FormRejection> = Form::from_request(request, &()).await;
    form.map(|Form(typed)| typed).map_err(|error| incomplete(error.body_text()))
}

/// A form that is not what its page would send.
fn incomplete(detail: String) -> Problem {
    Problem::malformed(detail, "Go back, fill in every field and send it again.")
}

/// Nobody is logged in here.
pub(super) fn over() -> Problem {
    let what_to_do = "Log in and repeat what you did.";
    Problem::new(StatusCode::UNAUTHORIZED, "session", "the session is over", what_to_do)
}

#[cfg(test)]
mod tests {
    use swabmesh_node::page::secret::Csrf;
    use swabmesh_protocol::fact::Operator;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Days {
        days: u32,
    }

    async fn send(body: String, session: Option<Session>) -> Result<u32, u16> {
        let mut request = Request::builder().method("POST").header("content-type", "application/x-www-form-urlencoded");
        if let Some(session) = session {
            request = request.extension(session);
        }
        let sent = Sent::<Days>::from_request(request.body(Body::from(body)).unwrap(), &()).await;
        sent.map(|sent| sent.typed.days).map_err(|Trouble(problem)| problem.status)
    }

    #[tokio::test]
    async fn a_form_is_read_only_if_a_page_of_its_session_wrote_it() {
        let session = Session { who: Operator::new("li").unwrap(), csrf: Csrf::of("ab12") };
        let with = |token: &str, days: &str| format!("form_token={token}&days={days}");
        let token = session.csrf.as_str();
        assert_eq!(send(with(token, "400"), Some(session.clone())).await, Ok(400));
        assert_eq!(send(with("x", "400"), Some(session.clone())).await, Err(403));
        assert_eq!(send(with(token, "many"), Some(session.clone())).await, Err(422));
        assert_eq!(send("days=400".to_owned(), Some(session.clone())).await, Err(422));
        assert_eq!(send(with(token, "400"), None).await, Err(401));
    }
}
