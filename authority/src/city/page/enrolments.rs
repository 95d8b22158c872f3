//! Enrolment: a node's request is taken in, looked at by a person, and answered or refused.
//!
//! Requests wait as files in `enrolment/waiting/`, named by the key of whoever asks; the newest of a node holds.

use std::fmt::Write;
use std::path::PathBuf;

use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;
use swabmesh_node::clock;
use swabmesh_node::durable::{self, Access};
use swabmesh_node::enrolment::admit::{Admitted, admit};
use swabmesh_node::enrolment::pending;
use swabmesh_node::http::problem::Problem;
use swabmesh_node::page::operators::Duty;
use swabmesh_node::picture::render::{Medium, Symbol};
use swabmesh_protocol::command::Command;
use swabmesh_protocol::enrolment::JoinRequest;
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::id::NodeKey;

use super::form::Sent;
use super::html::{escape, form, say};
use super::{Answer, page};
use crate::city::door::Session;
use crate::city::hall::Hall;

/// Days a certificate is valid unless somebody says otherwise.
const DAYS_DEFAULT: u32 = 400;
/// Days it may be valid at most: ten years.
const DAYS_MAX: u32 = 3_660;
/// Requests that may wait. Source: guess; a district asks in a morning.
const WAITING_MAX: usize = 1_000;

impl Hall {
    fn waiting(&self) -> PathBuf {
        self.home.path().join("enrolment/waiting")
    }

    fn requests(&self) -> Vec<(JoinRequest, String)> {
        let files = std::fs::read_dir(self.waiting()).into_iter().flatten().flatten();
        let texts = files.filter_map(|file| std::fs::read_to_string(file.path()).ok());
        let mut requests: Vec<_> =
            texts.filter_map(|text| Some((JoinRequest::from_text(&text).ok()?, text))).take(WAITING_MAX).collect();
        requests.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
        requests
    }

    fn forget(&self, node: &NodeKey) {
        // One that is gone already was dealt with at another screen.
        let _ = std::fs::remove_file(self.waiting().join(node.to_string()));
    }
}

pub(super) async fn show(State(hall): State<Hall>, Extension(session): Extension<Session>) -> Answer {
    let requests = tokio::task::spawn_blocking(move || hall.requests());
    let requests = requests.await.map_err(|error| Problem::internal(&error))?;
    Ok(page(&session, "接入", "/city/enrolments", &body(&session, &requests)))
}

fn body(session: &Session, requests: &[(JoinRequest, String)]) -> String {
    let mut waiting = String::new();
    for (request, _) in requests {
        let role = match request.role {
            Role::Site => say("采样点", "site"),
            Role::Lab => say("实验室", "laboratory"),
            Role::Authority => say("市级节点", "authority"),
        };
        let fields = format!(
            "<input type=hidden name=node value=\"{}\">\
             <label>{}<input name=days type=number min=1 max={DAYS_MAX} value={DAYS_DEFAULT}></label>\
             <button class=strong name=decision value=approve>{}</button>\
             <button class=danger name=decision value=refuse>{}</button>",
            request.node,
            say("有效天数", "Days valid"),
            say("核实后批准", "Approve, having checked"),
            say("拒绝", "Refuse"),
        );
        let _ = write!(
            waiting,
            "<article class=case><h2>{}</h2><p>{role} · {} {} · {} <code>{}</code></p>{}</article>",
            escape(request.name.as_str()),
            say("片区", "cell"),
            request.lane.0,
            say("公钥", "key"),
            request.node,
            form(session, "/city/enrolments/decide", "row", &fields),
        );
    }
    if waiting.is_empty() {
        waiting = format!("<p class=hint>{}</p>", say("没有等待批准的申请。", "No request waits."));
    }
    let fields = format!(
        "<label>{}<textarea name=request rows=4 required placeholder=\"SMQ1:…\"></textarea></label><button>{}</button>",
        say("粘贴采样点带来的申请", "Paste the request a site brought"),
        say("收下申请", "Take it in"),
    );
    format!(
        "<main><h1>{}</h1>{}<h2>{}</h2><p class=hint>{}</p>{waiting}</main>",
        say("接入申请", "Enrolment"),
        form(session, "/city/enrolments", "stack", &fields),
        say("等待批准", "Waiting for approval"),
        say(
            "批准之前，请当面或电话核对是谁在申请、公钥前八位是否一致。",
            "Before approving, ask the person on another way who they are, and compare the first eight digits of the key."
        ),
    )
}

#[derive(Deserialize)]
pub(super) struct Asked {
    request: String,
}

pub(super) async fn keep(State(hall): State<Hall>, sent: Sent<Asked>) -> Answer {
    let text = sent.typed.request.trim().to_owned();
    let request = JoinRequest::from_text(&text).map_err(|error| {
        Problem::malformed(error.to_string(), "Paste the whole text that `site init` printed, or scan it again.")
    })?;
    let kept = tokio::task::spawn_blocking(move || {
        if hall.requests().len() >= WAITING_MAX {
            return Err(Problem::malformed("too many requests wait", "Decide some of them first."));
        }
        let path = hall.waiting().join(request.node.to_string());
        durable::make_directory(&hall.waiting())
            .and_then(|()| durable::replace(&path, text.as_bytes(), Access::Secret))
            .map_err(|error| Problem::internal(&error))
    });
    kept.await.map_err(|error| Problem::internal(&error))??;
    Ok(Redirect::to("/city/enrolments").into_response())
}

#[derive(Deserialize)]
pub(super) struct Decision {
    node: NodeKey,
    days: u32,
    decision: String,
}

pub(super) async fn decide(
    State(hall): State<Hall>,
    Extension(duty): Extension<Duty>,
    Sent { session, typed }: Sent<Decision>,
) -> Answer {
    duty.supervisor()?;
    let Decision { node, days, decision } = typed;
    if decision != "approve" {
        tracing::info!(%node, operator = session.who.as_str(), "a request to join was refused");
        hall.forget(&node);
        return Ok(Redirect::to("/city/enrolments").into_response());
    }
    let text = hall.requests().into_iter().find(|(request, _)| request.node == node).map(|(_, text)| text);
    let text =
        text.ok_or_else(|| Problem::not_found("this request does not wait any more", "Look at the list again."))?;
    let home = hall.home.clone();
    let days = days.clamp(1, DAYS_MAX);
    let admitted = tokio::task::spawn_blocking(move || admit(&home, &text, days, clock::wall().seconds()));
    let admitted = admitted.await.map_err(|error| Problem::internal(&error))?;
    let admitted = admitted
        .map_err(|error| Problem::malformed(error.to_string(), "Ask the node's people to make the request again."))?;
    match hall.shell.command(Command::Publish(admitted.pending.published.clone())).await {
        Ok(_) => pending::done(&hall.home, &admitted.pending).map_err(|error| Problem::internal(&error))?,
        // Kept in the directory; the node publishes it by itself.
        Err(problem) => tracing::warn!(detail = problem.detail, "the certificate is published later"),
    }
    tracing::info!(%node, operator = session.who.as_str(), "a node was admitted");
    hall.forget(&node);
    Ok(page(&session, "已批准", "/city/enrolments", &approved(&admitted)))
}

/// What the node's people carry back.
fn approved(admitted: &Admitted) -> String {
    let symbol = Symbol::new(&admitted.answer, Medium::Screen).map(|symbol| symbol.svg()).unwrap_or_default();
    format!(
        "<main><h1>{} {}</h1><p>{}</p><div class=symbol>{symbol}</div>\
         <textarea readonly rows=8 aria-label=\"answer\">{}</textarea><p>{} <code>{}</code></p>\
         <p><a href=\"/city/enrolments\">{}</a></p></main>",
        say("已批准", "Approved:"),
        escape(admitted.certificate.name.as_str()),
        say(
            "把下面的答复带回去：扫码，或复制到文件后运行 swabmesh site join。",
            "Carry this answer back: scan it, or put it in a file for swabmesh site join."
        ),
        escape(&admitted.answer),
        say("请核对市级节点指纹：", "Compare the authority's fingerprint:"),
        escape(&admitted.fingerprint.to_string()),
        say("返回", "Back"),
    )
}
