//! The queue of decisions, and everyone who is to be tested again.

use std::fmt::Write;

use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;
use swabmesh_node::http::problem::Problem;
use swabmesh_node::http::read;
use swabmesh_protocol::command::Command;
use swabmesh_protocol::fact::{Operator, Remark, Subject};
use swabmesh_protocol::id::{Barcode, EntryId};
use swabmesh_protocol::project::{About, FlagKind, Owner};
use swabmesh_protocol::results::Retest;
use swabmesh_protocol::text::Text;

use super::form::Sent;
use super::html::{escape, form, moment, say, table};
use super::{Answer, page};
use crate::city::decisions::{Case, Recalls, cases};
use crate::city::door::Session;
use crate::city::hall::Hall;

/// Cases on one page. Source: guess; more than a person decides before the page is loaded again.
const CASES_MAX: usize = 100;

pub(super) async fn show(State(hall): State<Hall>, Extension(session): Extension<Session>) -> Answer {
    let (view, name_of) = (hall.view(), hall.names().await?);
    let cases = read(move || cases(&view, false, CASES_MAX, &name_of)).await?;
    Ok(page(&session, "复核", "/city/cases", &queue(&session, &cases)))
}

fn queue(session: &Session, cases: &[Case]) -> String {
    let shown: String = cases.iter().map(|case| article(session, case)).collect();
    let shown = if shown.is_empty() {
        format!("<p class=hint>{}</p>", say("没有待复核的事。", "Nothing waits for a decision."))
    } else {
        shown
    };
    format!(
        "<main><h1>{} <small>{}</small></h1><p class=hint>{}</p><div class=queue>{shown}</div></main>",
        say("待复核", "Open cases"),
        cases.len(),
        say(
            "各方说法都保留；在有人决定之前，按更安全的结果处理。",
            "Everything that was said is kept; until somebody decides, the safer reading counts."
        ),
    )
}

fn title(kind: FlagKind) -> String {
    match kind {
        FlagKind::Duplicate => say("同一人重复登记", "One person, registered twice"),
        FlagKind::OpenedTwice => say("同一条码在两处启用", "One barcode opened twice"),
        FlagKind::PositiveTube => say("阳性", "Positive"),
        FlagKind::DifferingResults => say("实验室结果不一致", "Laboratories differ"),
        FlagKind::AboveRole => say("越权的声明", "Stated above its role"),
        FlagKind::Unreadable => say("无法读取的声明", "A statement this version cannot read"),
        FlagKind::SealedTwice => say("两处封管", "Sealed twice"),
    }
}

fn article(session: &Session, case: &Case) -> String {
    let about = match &case.about {
        About::Person(person) => format!("<code>{person}</code>"),
        About::Tube(tube) => format!("{} <code>{tube}</code>", say("采样管", "tube")),
        About::Entry(entry) => format!("<code>{entry}</code>"),
    };
    let owner = match case.owner {
        Owner::Authority => say("由市级节点决定", "the authority decides"),
        Owner::Node(_) => format!("{} {}", say("由", "decided by"), escape(&case.owner_name)),
    };
    let mut out =
        format!("<article class=case><h2>{}</h2><p>{about} · {owner} · {}</p>", title(case.kind), moment(case.since));
    if let Some(meanwhile) = case.meanwhile {
        let _ = write!(
            out,
            "<p class=meanwhile>{} <b>{}</b></p>",
            say("目前按此处理：", "Counts meanwhile:"),
            reading(&meanwhile.reading.to_string())
        );
    }
    out.push_str("<ul class=parties>");
    for part in &case.parties {
        let tube = part.tube.as_ref().map(|tube| format!(" · <code>{tube}</code>")).unwrap_or_default();
        let _ = write!(out, "<li>{} {}{tube}</li>", moment(part.party.at), escape(&part.name));
    }
    out.push_str("</ul>");
    match (&case.about, &case.register) {
        (About::Tube(tube), Some(register)) => out.push_str(&choices(session, case, tube, register)),
        (About::Person(_), _) => out.push_str(&duplicates(session, case)),
        (About::Tube(_), None) | (About::Entry(_), _) => {}
    }
    out + "</article>"
}

/// A reading in both languages.
pub(super) fn reading(text: &str) -> String {
    let chinese = match text.split(' ').next().unwrap_or_default() {
        "negative" => "阴性",
        "positive" => "阳性",
        "inconclusive" => "灰区",
        "invalid" => "无效",
        _ => text,
    };
    let stage = match text.split(' ').nth(1).unwrap_or_default() {
        "preliminary" => "（初步）",
        "final" => "（最终）",
        "corrected" => "（更正）",
        _ => "",
    };
    say(&format!("{chinese}{stage}"), text)
}

fn choices(session: &Session, case: &Case, tube: &Barcode, register: &str) -> String {
    let mut options = String::new();
    let mut values: Vec<(&str, String)> = Vec::new();
    for choice in &case.choices {
        match values.iter_mut().find(|(value, _)| *value == choice.value) {
            Some((_, by)) => {
                by.push_str(", ");
                by.push_str(&choice.by);
            }
            None => values.push((&choice.value, choice.by.clone())),
        }
    }
    if register == "result" && !values.iter().any(|(value, _)| *value == "inconclusive final") {
        values.push(("inconclusive final", String::new()));
    }
    for (value, by) in values {
        let by = if by.is_empty() { say("都不采信，重新采样", "neither: sample again") } else { escape(&by) };
        let label = if register == "result" { reading(value) } else { escape(value) };
        let _ = write!(
            options,
            "<label class=choice><input type=radio name=value value=\"{}\" required><span><b>{label}</b> <small>{by}</small></span></label>",
            escape(value)
        );
    }
    let hidden = format!(
        "<input type=hidden name=tube value=\"{tube}\"><input type=hidden name=register value=\"{}\">",
        escape(register)
    );
    decision(session, "/city/cases/decide", &hidden, &say("采信哪一个？", "Which one holds?"), &options)
}

/// A form that asks for one of some options, and why.
fn decision(session: &Session, action: &str, hidden: &str, question: &str, options: &str) -> String {
    let fields = format!(
        "{hidden}<fieldset><legend>{question}</legend>{options}</fieldset>\
         <label>{}<input name=reason required maxlength=40></label><button class=strong>{}</button>",
        say("理由（写入日志）", "Why (kept in the log)"),
        say("决定", "Decide"),
    );
    form(session, action, "stack", &fields)
}

fn duplicates(session: &Session, case: &Case) -> String {
    let choice = |value: String, label: String| {
        format!("<label class=choice><input type=radio name=choice value=\"{value}\" required><b>{label}</b></label>")
    };
    let mut choices = String::new();
    for part in &case.parties {
        let Some(tube) = &part.tube else { continue };
        let label = format!("{} {}", say("作废", "Void"), escape(&part.name));
        choices.push_str(&choice(format!("void {} {tube}", part.party.entry), label));
    }
    if let Some((part, tube)) = case.parties.last().and_then(|part| Some((part, part.tube.as_ref()?))) {
        choices.push_str(&choice(format!("keep {} {tube}", part.party.entry), say("两次都有效", "Both stand")));
    }
    decision(session, "/city/cases/duplicate", "", &say("怎么处理？", "What is to be done?"), &choices)
}

#[derive(Deserialize)]
pub(super) struct Decision {
    tube: Barcode,
    register: Text<80>,
    value: Text<80>,
    reason: Remark,
}

pub(super) async fn decide(State(hall): State<Hall>, sent: Sent<Decision>) -> Answer {
    let Decision { tube, register, value, reason } = sent.typed;
    let (subject, operator) = (Subject::Tube(tube), sent.session.who);
    hall.shell.decide(Command::Review { subject, register, value, reason, operator }).await?;
    Ok(Redirect::to("/city/cases").into_response())
}

#[derive(Deserialize)]
pub(super) struct Duplicate {
    /// `void` or `keep`, the registration, the tube it was made in.
    choice: String,
    reason: Remark,
}

pub(super) async fn duplicate(State(hall): State<Hall>, sent: Sent<Duplicate>) -> Answer {
    let Duplicate { choice, reason } = sent.typed;
    let command = chosen(&choice, sent.session.who, reason);
    let command = command.ok_or_else(|| Problem::malformed("no such choice", "Load the page again."))?;
    hall.shell.decide(command).await?;
    Ok(Redirect::to("/city/cases").into_response())
}

/// What a choice about two registrations of one person means.
fn chosen(choice: &str, operator: Operator, reason: Remark) -> Option<Command> {
    let mut words = choice.splitn(3, ' ');
    let (verb, registration, tube) =
        (words.next()?, words.next()?.parse::<EntryId>().ok()?, words.next()?.parse().ok()?);
    match verb {
        "void" => Some(Command::Void { registration, tube, reason, operator }),
        // The authority says that it counts, which outranks every voiding and settles the flag.
        "keep" => {
            let register = Text::new(format!("void/{registration}")).ok()?;
            let (subject, value) = (Subject::Tube(tube), Text::default());
            Some(Command::Review { subject, register, value, reason, operator })
        }
        _ => None,
    }
}

pub(super) async fn recall(State(hall): State<Hall>, Extension(session): Extension<Session>) -> Answer {
    let list = hall.recalls(session.who.to_string()).await?;
    Ok(page(&session, "复检", "/city/recall", &roll(&list)))
}

fn roll(list: &Recalls) -> String {
    let mut rows = String::new();
    for person in &list.people {
        let (class, state) = match &person.recall.retest {
            Retest::Awaited => ("warn", say("待复检", "to be tested again")),
            Retest::Cleared { tube } => ("ok", format!("{} <code>{tube}</code>", say("已排除", "cleared by"))),
            Retest::Confirmed { tube } => ("bad", format!("{} <code>{tube}</code>", say("确认阳性", "confirmed by"))),
        };
        let late = if person.recall.late { format!(" <em>{}</em>", say("补录", "late")) } else { String::new() };
        let _ = write!(
            rows,
            "<tr><td><code>{}</code></td><td>{} {}{late}</td><td>{}</td><td class={class}>{state}</td></tr>",
            person.tube,
            escape(person.name.as_deref().unwrap_or("…")),
            escape(person.last_four.as_deref().unwrap_or_default()),
            escape(person.site.as_deref().unwrap_or("…")),
        );
    }
    let columns = [say("混管", "Pool"), say("姓名", "Who"), say("采样点", "Site"), say("复检", "Re-test")];
    let table = table(columns, &rows, &say("没有阳性混管。", "No pool is positive."));
    format!(
        "<main><h1>{}</h1><section class=figures><div class=figure><b>{}</b>{}</div><div class=figure><b>{}</b>{}</div>\
         <div class=figure><b>{}</b>{}</div></section>{table}</main>",
        say("阳性混管复检名单", "People of positive pools"),
        list.awaited,
        say("待复检", "to be tested again"),
        list.confirmed,
        say("确认阳性", "confirmed"),
        list.cleared,
        say("已排除", "cleared"),
    )
}
