//! The door: the node's token, and a name that decisions and looks carry.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use swabmesh_node::http::problem::Problem;
use swabmesh_protocol::fact::Operator;

use super::form::{Sent, Trouble};
use super::html::{document, escape, say};
use crate::city::office::Office;

pub(super) async fn show() -> Response {
    std::future::ready(form(None)).await
}

fn form(wrong: Option<&str>) -> Response {
    let wrong = wrong.map(|wrong| format!("<p class=bad role=alert>{}</p>", escape(wrong))).unwrap_or_default();
    let body = format!(
        "<main class=narrow><h1>{}</h1>{wrong}<form method=post action=\"/city/login\" class=stack>\
         <label>{}<input name=operator required maxlength=16 autocomplete=username autofocus></label>\
         <label>{}<input name=token type=password required autocomplete=current-password></label>\
         <button class=strong>{}</button></form><p class=hint>{}</p></main>",
        say("登录", "Log in"),
        say("您的姓名（记入每个决定）", "Your name (kept with every decision)"),
        say("节点令牌", "The node's token"),
        say("登录", "Log in"),
        say(
            "令牌在本机目录 secrets/api-token 中，只有管理员可读。",
            "The token is in the node's secrets/api-token, which its administrator can read."
        ),
    );
    document("登录", None, "", &body).into_response()
}

#[derive(Deserialize)]
pub(super) struct Login {
    operator: String,
    token: String,
}

pub(super) async fn login(State(office): State<Office>, form: Result<Form<Login>, FormRejection>) -> Response {
    let Ok(Form(Login { operator, token })) = form else {
        return refused("表单不完整 / the form is not complete");
    };
    let mut shown = HeaderMap::new();
    if let Ok(value) = HeaderValue::try_from(format!("Bearer {}", token.trim())) {
        shown.insert(header::AUTHORIZATION, value);
    }
    let operator = Operator::new(operator.trim()).ok().filter(|operator| !operator.is_empty());
    let Some(operator) = operator else {
        return refused("姓名最多 16 字节（五个汉字） / a name has at most 16 bytes");
    };
    if office.token.check(&shown).is_err() {
        tracing::warn!("somebody tried to log in with another token");
        return refused("令牌不对 / this is not the node's token");
    }
    match office.sessions.begin(operator) {
        Ok(cookie) => ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response(),
        Err(error) => Trouble::from(Problem::internal(&error)).into_response(),
    }
}

fn refused(why: &str) -> Response {
    (StatusCode::FORBIDDEN, form(Some(why))).into_response()
}

/// A form without fields.
#[derive(Deserialize)]
pub(super) struct Logout {}

pub(super) async fn logout(State(office): State<Office>, headers: HeaderMap, _: Sent<Logout>) -> Response {
    let gone = [(header::SET_COOKIE, office.sessions.end(&headers))];
    std::future::ready((gone, Redirect::to("/city/login")).into_response()).await
}
