//! The door: an operator's name and PIN; before there is one, the code that the node printed.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use swabmesh_node::clock;
use swabmesh_node::http::problem::Problem;
use swabmesh_node::page::operators::{OperatorsError, Person, Pin, SignInError};
use swabmesh_node::page::setup::SetupError;
use swabmesh_protocol::fact::Operator;

use super::Answer;
use super::form::{Sent, Trouble};
use super::html::{document, escape, say};
use crate::city::hall::Hall;

pub(super) async fn show(State(hall): State<Hall>) -> Answer {
    std::future::ready(door(&hall, StatusCode::OK, None)).await
}

/// The form that is due now, with what was wrong before.
fn door(hall: &Hall, status: StatusCode, wrong: Option<&str>) -> Answer {
    let body = if hall.operators.list()?.is_empty() { set_up_form(wrong) } else { form(wrong) };
    Ok((status, document("登录", None, "", &body)).into_response())
}

fn alert(wrong: Option<&str>) -> String {
    wrong.map(|wrong| format!("<p class=bad role=alert>{}</p>", escape(wrong))).unwrap_or_default()
}

/// Fields for a name and a PIN; `kept` is what the browser may fill in.
fn name_and_pin(kept: &str) -> String {
    format!(
        "<label>{}<input name=operator required maxlength=16 autocomplete=username></label>\
         <label>{}<input name=pin type=password inputmode=numeric required maxlength=12 autocomplete={kept}></label>",
        say("姓名（记入每个决定）", "Your name (kept with every decision)"),
        say("PIN（6–12 位数字）", "PIN (6 to 12 digits)"),
    )
}

fn form(wrong: Option<&str>) -> String {
    format!(
        "<main class=narrow><h1>{}</h1>{}<form method=post action=\"/city/login\" class=stack>{}\
         <button class=strong>{}</button></form><p class=hint>{}</p></main>",
        say("登录", "Log in"),
        alert(wrong),
        name_and_pin("current-password"),
        say("登录", "Log in"),
        say(
            "忘记 PIN：请管理员运行 swabmesh authority operator reset。",
            "PIN forgotten: the administrator runs swabmesh authority operator reset."
        ),
    )
}

fn set_up_form(wrong: Option<&str>) -> String {
    format!(
        "<main class=narrow><h1>{}</h1>{}<form method=post action=\"/city/setup\" class=stack>\
         <label>{}<input name=code required maxlength=16 autocomplete=off autocapitalize=characters></label>{}\
         <button class=strong>{}</button></form></main>",
        say("首次使用：建立主管", "First use: make the supervisor"),
        alert(wrong),
        say("启动本节点的屏幕上显示的设置码", "The code that was printed where the node was started"),
        name_and_pin("new-password"),
        say("建立主管", "Make the supervisor"),
    )
}

#[derive(Deserialize)]
pub(super) struct Login {
    operator: String,
    pin: String,
}

/// What was sent, or the page that says why it is nothing.
type Typed<T> = Result<Form<T>, FormRejection>;

/// A name as operators have it; `None` for one that nobody can have.
fn name(typed: &str) -> Option<Operator> {
    Operator::new(typed.trim()).ok().filter(|operator| !operator.is_empty())
}

const INCOMPLETE: &str = "表单不完整 / the form is not complete";
const LONG_NAME: &str = "姓名最多 16 字节（五个汉字） / a name has at most 16 bytes";

pub(super) async fn login(State(hall): State<Hall>, typed: Typed<Login>) -> Answer {
    let Ok(Form(Login { operator, pin })) = typed else {
        return door(&hall, StatusCode::UNPROCESSABLE_ENTITY, Some(INCOMPLETE));
    };
    let Some(operator) = name(&operator) else {
        return door(&hall, StatusCode::FORBIDDEN, Some(LONG_NAME));
    };
    // Checking takes its time on purpose.
    let operators = hall.operators.clone();
    let checked = tokio::task::spawn_blocking(move || operators.sign_in(&operator, &pin, clock::wall())).await;
    match checked.map_err(|panicked| Problem::internal(&panicked))? {
        Ok(Person { name, .. }) => Ok(enter(&hall, name)?),
        Err(SignInError::Wrong { left }) => {
            tracing::warn!("somebody tried to log in with a wrong name or PIN");
            let wrong = format!("姓名或 PIN 不对，还可试 {left} 次 / name or PIN is wrong, {left} more attempts");
            door(&hall, StatusCode::FORBIDDEN, Some(&wrong))
        }
        Err(SignInError::Locked { wait_s }) => {
            let wrong = format!("错误次数过多，请等 {wait_s} 秒 / too many wrong PINs, wait {wait_s} s");
            door(&hall, StatusCode::TOO_MANY_REQUESTS, Some(&wrong))
        }
        Err(SignInError::Operators(error)) => Err(Trouble::from(error)),
    }
}

#[derive(Deserialize)]
pub(super) struct FirstSupervisor {
    code: String,
    operator: String,
    pin: String,
}

/// Makes the first supervisor, who is logged in at once.
pub(super) async fn set_up(State(hall): State<Hall>, typed: Typed<FirstSupervisor>) -> Answer {
    hall.only_authority()?;
    let Ok(Form(FirstSupervisor { code, operator, pin })) = typed else {
        return door(&hall, StatusCode::UNPROCESSABLE_ENTITY, Some(INCOMPLETE));
    };
    let Some(operator) = name(&operator) else {
        return door(&hall, StatusCode::FORBIDDEN, Some(LONG_NAME));
    };
    let Ok(pin) = Pin::new(&pin) else {
        let wrong = "PIN 为 6–12 位数字，不能是 123456 之类 / a PIN has 6 to 12 digits, none like 123456";
        return door(&hall, StatusCode::FORBIDDEN, Some(wrong));
    };
    let (setup, operators, who) = (hall.setup.clone(), hall.operators.clone(), operator.clone());
    let made = tokio::task::spawn_blocking(move || setup.finish(&operators, &code, &who, &pin)).await;
    match made.map_err(|panicked| Problem::internal(&panicked))? {
        Ok(()) => Ok(enter(&hall, operator)?),
        Err(SetupError::Code) => door(&hall, StatusCode::FORBIDDEN, Some("设置码不对 / this is not the setup code")),
        Err(SetupError::Done) => Ok(Redirect::to("/city/login").into_response()),
        Err(SetupError::Operators(OperatorsError::Name)) => door(&hall, StatusCode::FORBIDDEN, Some(LONG_NAME)),
        Err(error @ (SetupError::Operators(_) | SetupError::Write(_) | SetupError::Random(_))) => {
            Err(Trouble::from(error))
        }
    }
}

fn enter(hall: &Hall, operator: Operator) -> Result<Response, Problem> {
    tracing::info!(%operator, "logged in");
    let cookie = hall.sessions.begin(operator).map_err(|error| Problem::internal(&error))?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}

/// A form without fields.
#[derive(Deserialize)]
pub(super) struct Logout {}

pub(super) async fn logout(State(hall): State<Hall>, headers: HeaderMap, _: Sent<Logout>) -> Response {
    let gone = [(header::SET_COOKIE, hall.sessions.end(&headers))];
    std::future::ready((gone, Redirect::to("/city/login")).into_response()).await
}
