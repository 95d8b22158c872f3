//! Search: by pseudonym, document or tube, never without a reason, and never without a line in the log of looks (P4).

use std::fmt::Write;

use axum::extract::{Extension, State};
use axum::response::Response;
use serde::Deserialize;
use swabmesh_node::api::{DocumentEntry, PersonResult};
use swabmesh_node::audit::Look;
use swabmesh_node::clock::{self, day};
use swabmesh_node::http::problem::Problem;
use swabmesh_node::http::read;
use swabmesh_node::reading;
use swabmesh_protocol::fact::{Outcome, Remark};
use swabmesh_protocol::id::{Barcode, EntryId, Person};
use swabmesh_protocol::sensitive::Sensitive;
use swabmesh_protocol::time::Wall;
use swabmesh_protocol::tube::view::TubeView;

use super::cases::reading as said;
use super::form::Sent;
use super::html::{self, escape, moment, say};
use super::{Answer, page};
use crate::city::day::Day;
use crate::city::door::Session;
use crate::city::hall::Hall;
use crate::city::sealed::{self, Closed, Looked, Reached};

pub(super) async fn show(Extension(session): Extension<Session>) -> Response {
    let body = format!("<main>{}</main>", form(&session));
    std::future::ready(page(&session, "查询", "/city/search", &body)).await
}

fn form(session: &Session) -> String {
    let kinds = [
        ("tube", "采样管条码", "tube barcode"),
        ("person", "假名编号", "pseudonym"),
        ("1", "身份证", "identity card"),
        ("2", "护照", "passport"),
        ("3", "港澳通行证", "travel permit, Hong Kong and Macau"),
        ("4", "台胞证", "compatriot permit, Taiwan"),
    ];
    let kinds: String = kinds
        .iter()
        .map(|(value, chinese, english)| format!("<option value={value}>{chinese} · {english}</option>"))
        .collect();
    let fields = format!(
        "<label>{}<select name=by>{kinds}</select></label><label>{}<input name=text required maxlength=64></label>\
         <label>{}<input name=reason required minlength=4 maxlength=40></label><button class=strong>{}</button>",
        say("按", "By"),
        say("号码", "Number"),
        say("理由", "Why"),
        say("查询并记录", "Search, and record it"),
    );
    format!(
        "<h1>{}</h1><p class=hint>{}</p>{}",
        say("查询", "Search"),
        say("每次查询都记录：谁、何时、查谁、为什么。", "Every search is recorded: who, when, whom, why."),
        html::form(session, "/city/search", "stack", &fields),
    )
}

#[derive(Deserialize)]
pub(super) struct Search {
    by: String,
    text: String,
    reason: Remark,
}

pub(super) async fn find(State(hall): State<Hall>, Sent { session, typed }: Sent<Search>) -> Answer {
    let Search { by, text, reason } = typed;
    needs(&reason)?;
    let (who, why) = (session.who.to_string(), reason.to_string());
    let view = hall.view();
    let found = if by == "tube" {
        let barcode: Barcode = text.parse().map_err(|error: swabmesh_protocol::id::IdError| {
            Problem::malformed(error.to_string(), "Check the barcode.")
        })?;
        hall.record(&Look { who, what: "search", whom: None, why: format!("tube {barcode}: {why}") })?;
        tube(&session, read(move || reading::tube(&view, &barcode)).await?.as_ref())
    } else {
        let whom = person(&hall, &by, &text)?;
        hall.record(&Look { who, what: "search", whom: Some(whom), why })?;
        results(&session, &whom, &read(move || reading::results_of(&view, &whom)).await?)
    };
    Ok(page(&session, "查询", "/city/search", &format!("<main>{}{found}</main>", form(&session))))
}

fn needs(reason: &Remark) -> Result<(), Problem> {
    if reason.as_str().trim().chars().count() >= 2 {
        return Ok(());
    }
    Err(Problem::malformed("a look at somebody's data needs a reason", "Say why; it is recorded."))
}

fn person(hall: &Hall, by: &str, text: &str) -> Result<Person, Problem> {
    if by == "person" {
        let wrong =
            |error: swabmesh_protocol::id::IdError| Problem::malformed(error.to_string(), "Check the pseudonym.");
        return text.trim().parse().map_err(wrong);
    }
    let document = by.parse().map_err(|_| Problem::malformed("no such way to search", "Choose one from the list."))?;
    let entry = DocumentEntry { document, number: Some(text.to_owned()), ..DocumentEntry::default() };
    Ok(hall.shell.intake().person(&entry)?)
}

fn results(session: &Session, person: &Person, results: &[PersonResult]) -> String {
    let mut rows = String::new();
    for result in results {
        let reading = match (&result.result, result.retest, result.disputed) {
            (None, ..) => say("尚无结果", "no result yet"),
            (Some(_), true, _) => say("混管异常，待单人复检", "pool positive: to be tested again, alone"),
            (Some(reading), _, true) => format!("{} · {}", said(&reading.to_string()), say("有争议", "disputed")),
            (Some(reading), ..) => said(&reading.to_string()),
        };
        let _ = write!(
            rows,
            "<tr><td>{}</td><td><code>{}</code></td><td>{reading}</td><td>{}</td></tr>",
            moment(result.registered_at),
            result.tube,
            opener(session, result.registration),
        );
    }
    table(&format!("<code>{person}</code>"), &rows)
}

fn table(title: &str, rows: &str) -> String {
    let columns =
        [say("时间", "When"), say("采样管 / 姓名", "Tube or name"), say("结果", "Result"), say("详情", "Details")];
    format!("<h2>{title}</h2>{}", html::table(columns, rows, &say("没有登记", "no registrations")))
}

fn opener(session: &Session, registration: EntryId) -> String {
    let fields = format!(
        "<input type=hidden name=registration value=\"{registration}\">\
         <input name=reason required minlength=4 maxlength=40 placeholder=\"理由 why\" aria-label=\"理由 why\">\
         <button>{}</button>",
        say("打开详情", "Open"),
    );
    html::form(session, "/city/details", "row", &fields)
}

fn tube(session: &Session, shown: Option<&TubeView>) -> String {
    let Some(shown) = shown else {
        return format!("<p class=hint>{}</p>", say("没有人提到过这支采样管。", "Nobody spoke of this tube."));
    };
    let positive_pool =
        shown.count > 1 && shown.verdict.is_some_and(|verdict| verdict.reading.outcome == Outcome::Positive);
    let verdict = match shown.verdict {
        None => say("尚无结果", "no result yet"),
        // Of nobody in it is it known.
        Some(_) if positive_pool => say("混管异常，待单人复检", "pool positive: to be tested again, alone"),
        Some(verdict) => said(&verdict.reading.to_string()),
    };
    let mut rows = String::new();
    for member in &shown.members {
        let Some(registered) = &member.registered else { continue };
        let state = if member.counts { verdict.clone() } else { say("不计入", "does not count") };
        let _ = write!(
            rows,
            "<tr><td>{}</td><td>{} {}</td><td>{state}</td><td>{}</td></tr>",
            moment(registered.by.stamp.wall()),
            escape(registered.name.as_str()),
            escape(registered.last_four.as_str()),
            opener(session, member.registration),
        );
    }
    table(&format!("{} <code>{}</code> · {verdict}", say("采样管", "Tube"), shown.barcode), &rows)
}

#[derive(Deserialize)]
pub(super) struct Opened {
    registration: EntryId,
    reason: Remark,
}

pub(super) async fn details(State(hall): State<Hall>, Sent { session, typed }: Sent<Opened>) -> Answer {
    let Opened { registration, reason } = typed;
    needs(&reason)?;
    let (view, keys, audit) = (hall.view(), hall.home.keys(), hall.audit.clone());
    let who = session.who.to_string();
    let record = move |opened: EntryId, whom| {
        let why = if opened == registration {
            format!("{registration}: {reason}")
        } else {
            format!("{opened}, the telephone of {registration}: {reason}")
        };
        audit.record(clock::wall(), &Look { who: who.clone(), what: "details", whom: Some(whom), why })
    };
    let looked = tokio::task::spawn_blocking(move || sealed::look(&view, &keys, registration, record)).await;
    let looked = looked.map_err(|panicked| Problem::internal(&panicked))?;
    let looked = looked.map_err(|error| Problem::internal(&error))?;
    let looked = looked.ok_or_else(|| Problem::not_found("there is no such registration", "Search again."))?;
    Ok(page(&session, "详情", "/city/search", &shown(&looked)))
}

fn closed(why: Closed) -> String {
    match why {
        Closed::None => say("登记时没有录入详情（扫码登记）。", "No details were typed: a code was scanned."),
        Closed::Destroyed => say("已到保存期限，详情已销毁。", "The details were destroyed when their time was over."),
        Closed::Malformed => say(
            "详情已解开，但格式不对：请升级市中心的程序。",
            "The details open, and do not have their form: update the authority's program.",
        ),
    }
}

fn telephone(reached: &Reached) -> String {
    let as_at = |at: &Wall| {
        let day = Day(day(*at));
        say(&format!("沿用 {day} 在同一采样点登记的号码"), &format!("as at the visit of {day}"))
    };
    match reached {
        Reached::None => String::new(),
        Reached::Here(number) => escape(number.expose()),
        Reached::Earlier { at, number } => format!("{} ({})", escape(number.expose()), as_at(at)),
        Reached::Gone { at, why } => {
            let none = || say("那次登记没有留号码。", "No number was given then.");
            format!("{}: {}", as_at(at), why.map_or_else(none, closed))
        }
        Reached::Astray => say(
            "沿用的登记不在这里，或不是这个人的，未打开。",
            "Of a registration that is not here or is somebody else's; it was not opened.",
        ),
    }
}

fn shown(looked: &Looked) -> String {
    let body = match &looked.details {
        Err(why) => closed(*why),
        Ok(details) => {
            let optional = |detail: &Option<Sensitive<String>>| {
                detail.as_ref().map(|detail| escape(detail.expose())).unwrap_or_default()
            };
            let rows = [
                (say("姓名", "Name"), escape(details.name.expose())),
                (say("证件", "Document"), format!("{:?}", details.document)),
                (say("号码", "Number"), escape(details.number.expose())),
                (say("电话", "Telephone"), telephone(&looked.telephone)),
                (say("住址", "Address"), optional(&details.address)),
                (say("备注", "Remark"), optional(&details.remark)),
            ];
            let rows: String = rows
                .iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| format!("<tr><th>{name}</th><td>{value}</td></tr>"))
                .collect();
            format!("<table>{rows}</table>")
        }
    };
    format!(
        "<main class=narrow><h1>{}</h1><div>{body}</div><p class=hint>{}</p><p><a href=\"/city/search\">{}</a></p></main>",
        say("详情", "Details"),
        say("这次查看已记录。", "This look was recorded."),
        say("返回", "Back"),
    )
}
